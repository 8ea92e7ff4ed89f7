"""SIPp scenarios of recording clients (SIPREC), made from what one of them sends: its headers, descriptions, metadata.

A scenario is a list of steps, in order; each returns nothing and adds XML. The media lines of what legtap answered with 200
are kept in $media: where media is to be sent.
"""
from xml.sax.saxutils import quoteattr

FORMATS = "8 101"
DIALOG = """      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
      From: <sip:{user}@[local_ip]>;tag=[pid]r[call_number]
      To: <sip:{called}@[remote_ip]:[remote_port]>{peer_tag}
      Call-ID: [call_id]
      CSeq: {cseq} {method}
      Max-Forwards: 70
"""


def media_line(label, direction="sendonly", port=6000, extra=()):
    lines = [f"m=audio {port} RTP/AVP {FORMATS}", "a=rtpmap:8 PCMA/8000", "a=rtpmap:101 telephone-event/8000",
             "a=fmtp:101 0-15", "a=ptime:20", f"a={direction}", *extra]
    if label is not None:
        lines.append(f"a=label:{label}")
    return lines


def description(*lines, version=1, name="SBC"):
    """lines: each of media_line."""
    head = ["v=0", f"o={name} 2890844526 {version} IN IP4 [local_ip]", "s=-", "c=IN IP4 [local_ip]", "t=0 0"]
    return "\n".join(head + [text for line in lines for text in line])


class Client:
    """What the messages of one kind of SBC have in common."""
    boundary = "foobar"
    metadata_type = "application/rs-metadata+xml"
    disposition = "Content-Disposition: recording-session\n"
    sdp_disposition = ""
    headers = "Require: siprec"
    contact = ";+sip.src"
    user, called = "sbc", "legtap"

    def __init__(self):
        self.steps, self.cseq, self.variables = [], 0, set()
        self.asks_for_media = False

    # --- Messages ---

    def body(self, sdp, metadata):
        if sdp and metadata:
            return (f"multipart/mixed;boundary={self.boundary}",
                    f"--{self.boundary}\nContent-Type: application/sdp\n{self.sdp_disposition}\n{sdp}\n\n"
                    f"--{self.boundary}\nContent-Type: {self.metadata_type}\n{self.disposition}\n{metadata}\n"
                    f"--{self.boundary}--\n")
        return ("application/sdp", sdp) if sdp else (self.metadata_type, metadata)

    def message(self, method, sdp=None, metadata=None, headers="", cseq=None):
        kind, body = self.body(sdp, metadata) if sdp or metadata else (None, "")
        first = self.cseq == 1 and method == "INVITE"
        text = f"      {method} sip:{self.called}@[remote_ip]:[remote_port] SIP/2.0\n" + DIALOG.format(
            user=self.user, called=self.called, peer_tag="" if first else "[peer_tag_param]", cseq=cseq or self.cseq,
            method=method)
        if method in ("INVITE", "UPDATE"):
            text += f"      Contact: <sip:{self.user}@[local_ip]:[local_port];transport=[transport]>{self.contact}\n"
            for header in f"{self.headers}\n{headers}".split("\n"):
                text += f"      {header}\n" if header else ""
        if kind:
            text += f"      Content-Type: {kind}\n"
        text += "      Content-Length: [len]\n\n" + "".join(f"      {line}\n" for line in body.split("\n"))
        return f"<![CDATA[\n\n{text}\n    ]]>"

    def send(self, *arguments, **keywords):
        self.steps.append(f"<send retrans=\"500\">{self.message(*arguments, **keywords)}</send>")

    def check(self, patterns):
        """patterns: of the body, each must be there."""
        for pattern in patterns:
            name = f"seen{len(self.variables)}"
            self.variables.add(name)
            yield f"<ereg regexp={quoteattr(pattern)} search_in=\"body\" check_it=\"true\" assign_to=\"{name}\"/>"

    def receive_media(self, lines, patterns):
        actions = list(self.check(patterns))
        if lines:
            self.variables.add("media")
            actions.append(f"<ereg regexp=\"{'m=audio [^~]*' * lines}\" search_in=\"body\" check_it=\"true\" "
                           "assign_to=\"media\"/>")
        return f"<action>{''.join(actions)}</action>" if actions else ""

    # --- Steps ---

    def invite(self, sdp=None, metadata=None, lines=0, headers="", patterns=(), answer=None):
        """Answered with 200 and at least so many m= lines. answer: the description in the ACK."""
        self.cseq += 1
        self.send("INVITE", sdp, metadata, headers)
        self.steps.append("<recv response=\"100\" optional=\"true\"/>")
        self.steps.append(f"<recv response=\"200\">{self.receive_media(lines, patterns)}</recv>")
        self.steps.append(f"<send>{self.message('ACK', answer)}</send>")

    def refused(self, code, sdp=None, metadata=None, headers=""):
        self.cseq += 1
        self.send("INVITE", sdp, metadata, headers)
        self.steps.append("<recv response=\"100\" optional=\"true\"/>")
        self.steps.append(f"<recv response=\"{code}\"/>")
        self.steps.append(f"<send>{self.message('ACK')}</send>")

    def update(self, sdp=None, metadata=None, headers="", patterns=()):
        self.cseq += 1
        self.send("UPDATE", sdp, metadata, headers)
        checks = "".join(self.check(patterns))
        self.steps.append(f"<recv response=\"200\">{f'<action>{checks}</action>' if checks else ''}</recv>")

    def told(self, method, patterns, sdp):
        """legtap sends a description; it is answered with sdp."""
        self.steps.append(f"<recv request=\"{method}\"><action>{''.join(self.check(patterns))}</action></recv>")
        text = ("      SIP/2.0 200 OK\n      [last_Via:]\n      [last_From:]\n      [last_To:]\n      [last_Call-ID:]\n"
                "      [last_CSeq:]\n      Contact: <sip:sbc@[local_ip]:[local_port];transport=[transport]>\n"
                "      Content-Type: application/sdp\n      Content-Length: [len]\n\n"
                + "".join(f"      {line}\n" for line in sdp.split("\n")))
        self.steps.append(f"<send><![CDATA[\n\n{text}\n    ]]></send>")
        if method == "INVITE":
            self.steps.append("<recv request=\"ACK\"/>")

    def media(self, *sends, packets):
        """sends: (file, number of the m= line). Goes on when all has been sent (tests/tools/fork.py)."""
        self.asks_for_media = True
        each = " ".join(f"{path}=[remote_ip]#{line}" for path, line in sends)
        self.steps.append(f"<sendCmd><![CDATA[\nCall-ID: [call_id]\nSend: {packets} {each}\n[$media]\n]]></sendCmd>")
        self.steps.append("<recvCmd/>")

    def pause(self, milliseconds):
        self.steps.append(f"<pause milliseconds=\"{milliseconds}\"/>")

    def bye(self):
        self.cseq += 1
        self.send("BYE")
        self.steps.append("<recv response=\"200\"/>")

    def write(self, path):
        names = ",".join(sorted(self.variables))
        reference = f"<Reference variables=\"{names}\"/>" if names else ""
        path.write_text("<?xml version=\"1.0\" encoding=\"ISO-8859-1\" ?>\n<!DOCTYPE scenario SYSTEM \"sipp.dtd\">\n"
                        f"<scenario name=\"{path.stem}\">\n" + "\n".join(self.steps) + f"\n{reference}\n</scenario>\n")
        return path


# --- Metadata ---

class Party:
    def __init__(self, number, aor, sends=(), hears=None):
        """sends, hears: labels; hears None: nothing is told."""
        self.number, self.aor, self.sends, self.hears = number, aor, sends, hears

    @property
    def id(self):
        return f"participant{self.number}=="


def rfc_metadata(*parties, call="cs", mode="complete", group=None, left=(), extra="", names=True):
    """RFC 7865's shape."""
    text = f"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<recording xmlns='urn:ietf:params:xml:ns:recording:1'>\n" \
           f"<datamode>{mode}</datamode>\n"
    if group:
        text += f"<group group_id=\"{group}\"><associate-time>2026-11-25T12:00:00Z</associate-time></group>\n"
    text += f"<session session_id=\"{call}\">{f'<group-ref>{group}</group-ref>' if group else ''}</session>\n"
    for p in parties:
        name = f"<name xml:lang=\"en\">N{p.number}</name>" if names else ""
        text += f"<participant participant_id=\"{p.id}\"><nameID aor=\"{p.aor}\">{name}</nameID></participant>\n"
        for label in p.sends:
            text += f"<stream stream_id=\"stream{label}\" session_id=\"{call}\"><label>{label}</label></stream>\n"
        text += f"<participantsessionassoc participant_id=\"{p.id}\" session_id=\"{call}\">" \
                "<associate-time>2026-11-25T12:00:00Z</associate-time></participantsessionassoc>\n"
        text += f"<participantstreamassoc participant_id=\"{p.id}\">" + "".join(
            f"<send>stream{label}</send>" for label in p.sends) + "".join(
            f"<recv>stream{label}</recv>" for label in p.hears or ()) + "</participantstreamassoc>\n"
    for p in left:
        text += f"<participantsessionassoc participant_id=\"{p.id}\" session_id=\"{call}\">" \
                "<associate-time>2026-11-25T12:00:00Z</associate-time>" \
                "<disassociate-time>2026-11-25T12:00:09Z</disassociate-time></participantsessionassoc>\n"
    return f"{text}{extra}</recording>"


def draft_metadata(*parties, call="cs", extra=lambda party: "", session_extra="", group=None):
    """The drafts' shape: associations inside the participants."""
    text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<recording xmlns='urn:ietf:params:xml:ns:recording'>\n" \
           "<datamode>complete</datamode>\n"
    if group:
        text += f"<group id=\"{group}\"><associate-time>2026-11-25T12:00:00</associate-time></group>\n"
    text += f"<session id=\"{call}\">{f'<group-ref>{group}</group-ref>' if group else ''}" \
            f"<associate-time>2026-11-25T12:00:00</associate-time>{session_extra}</session>\n"
    for p in parties:
        text += f"<participant id=\"{p.id}\" session=\"{call}\"><nameID aor=\"{p.aor}\"><name>N{p.number}</name></nameID>" \
                "<associate-time>2026-11-25T12:00:00</associate-time>" + "".join(
                    f"<send>stream{label}</send>" for label in p.sends) + "".join(
                    f"<recv>stream{label}</recv>" for label in p.hears or ()) + f"{extra(p)}</participant>\n"
        for label in p.sends:
            text += f"<stream id=\"stream{label}\" session=\"{call}\"><label>{label}</label><mode>separate</mode>" \
                    "<associate-time>2026-11-25T12:00:00</associate-time></stream>\n"
    return f"{text}</recording>"
