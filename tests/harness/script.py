"""Captures written line by line: SIP messages as a test wants them, and speakers who are told apart by their level.

Hosts are single letters: S the SBC, T another address of it, A to D participants, N the public side of a NAT, X and Y
strangers. A speaker sends packets of 20 ms of one G.711 level, which is all that stands in the file where it is heard."""
import random
import re
import struct
import subprocess

from . import wav

HOSTS = {"S": "10.9.0.1", "T": "10.9.0.2", "A": "10.0.0.1", "B": "10.0.0.2", "C": "10.0.0.3", "D": "10.0.0.4",
         "N": "198.51.100.7", "X": "203.0.113.66", "Y": "203.0.113.77"}
CONFIG = {"sbc": {"addresses": [HOSTS["S"], HOSTS["T"]]}}
PACKET_S = 0.02
PACKET_SAMPLES = 160
PCMU, PCMA = wav.PCMU, wav.PCMA
# Each voice's codec and code; decoded by the other codec it is none of these levels.
VOICES = {"1": (PCMA, 0x80), "2": (PCMA, 0x90), "3": (PCMA, 0xA0), "4": (PCMA, 0xB0), "5": (PCMU, 0x80), "6": (PCMU, 0xA0)}
START_S = 1764120000


def sdp(host, *media, session="", connection=True):
    """A description of lines "audio 4000", each with attributes behind it: ("audio 4000", "sendonly")."""
    lines = ["v=0", f"o=- 1 1 IN IP4 {HOSTS.get(host, host)}", "s=-"]
    if connection:
        lines.append(f"c=IN IP4 {HOSTS.get(host, host)}")
    lines += ["t=0 0", *[line for line in session.split("|") if line]]
    for line in media:
        first, *attributes = (line,) if isinstance(line, str) else line
        kind, port, *rest = first.split(" ", 2)
        lines.append(f"m={kind} {port} {rest[0] if rest else 'RTP/AVP 8'}")
        lines += [a if a[1:2] == "=" else f"a={a}" for a in attributes]
    return "\r\n".join(lines) + "\r\n"


class Script:
    def __init__(self):
        self.records = []

    def send(self, time_s, source, destination, payload):
        """source, destination: (host, port)."""
        self.records.append((time_s, len(self.records), _frame(source, destination, payload)))

    def sip(self, time_s, hop, what, call="c1", tags=("a", "s"), cseq=1, body=None, headers=(), kind="application/sdp",
            branch=None):
        """hop "A>S"; what "INVITE" or "200/INVITE"; tags: of From and To, None: none."""
        status, _, method = what.rpartition("/")
        first = f"SIP/2.0 {status} Reason" if status else f"{method} sip:called@example.com SIP/2.0"
        from_tag, to_tag = (f";tag={tag}" if tag else "" for tag in tags)
        branch = branch or f"z9hG4bK{call}{cseq}{method}{''.join(sorted(hop))}"
        lines = [first, f"Via: SIP/2.0/UDP host;branch={branch}", f"From: <sip:caller@example.com>{from_tag}",
                 f"To: <sip:called@example.com>{to_tag}", f"Call-ID: {call}", f"CSeq: {cseq} {method}", *headers]
        data = (body or "").encode() if not isinstance(body, bytes) else body
        if data:
            lines.append(f"Content-Type: {kind}")
        lines.append(f"Content-Length: {len(data)}")
        self.message(time_s, hop, "\r\n".join(lines).encode() + b"\r\n\r\n" + data)

    def message(self, time_s, hop, data):
        self.send(time_s, (hop[0], 5060), (hop[2], 5060), data)

    def call(self, offer, answer, end_s=None, hop="A>S", call="c1", invite_s=0, answer_s=0.5):
        """INVITE, 200, ACK, and BYE where there is an end_s."""
        back = f"{hop[2]}>{hop[0]}"
        self.sip(invite_s, hop, "INVITE", call, ("a", None), body=offer)
        self.sip(answer_s, back, "200/INVITE", call, body=answer)
        self.sip(answer_s + 0.01, hop, "ACK", call)
        if end_s:
            self.bye(end_s, hop, call)

    def bye(self, time_s, hop="A>S", call="c1", cseq=90):
        self.sip(time_s, hop, "BYE", call, cseq=cseq)

    def talk(self, voice, begin_s, end_s, source, destination, ssrc=None, payload_type=None, payload=None):
        """A voice from source to destination, both ("A", 4000)."""
        codec, code = VOICES[voice]
        payload_type = codec if payload_type is None else payload_type
        ssrc = ssrc if ssrc is not None else random.Random(f"{voice}{source}{destination}").getrandbits(32)
        for n in range(round((end_s - begin_s) / PACKET_S)):
            at = round(begin_s / PACKET_S) + n
            header = struct.pack(">BBHII", 0x80, payload_type, at & 0xFFFF, at * PACKET_SAMPLES, ssrc)
            self.send(begin_s + n * PACKET_S, source, destination,
                      header + (payload or bytes((code,)) * PACKET_SAMPLES))

    def write(self, path):
        with path.open("wb") as out:
            out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
            for time_s, _, frame in sorted(self.records, key=lambda r: r[:2]):
                micros = round(time_s * 1e6)
                out.write(struct.pack("<IIII", START_S + micros // 1000000, micros % 1000000, len(frame), len(frame)))
                out.write(frame)
        return path


def _frame(source, destination, payload):
    udp = struct.pack(">HHHH", source[1], destination[1], 8 + len(payload), 0) + payload
    ends = b"".join(bytes(map(int, HOSTS.get(h, h).split("."))) for h in (source[0], destination[0]))
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + ends
    total = sum(struct.unpack(">10H", ip))
    total = (total & 0xFFFF) + (total >> 16)
    ip = ip[:10] + struct.pack(">H", ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF) + ip[12:]
    return bytes(6) + b"\2\0\0\0\0\1\x08\0" + ip + udp


def heard(samples, rate=8000):
    """Who is heard when: "1 0.5-2.0, 2 2.0-3.0", in tenths of seconds; "?" where it is none of the voices alone."""
    names = {wav.decode(codec, bytes((code,)))[0]: voice for voice, (codec, code) in VOICES.items()}
    names[0] = None
    step, runs = rate // 100, []
    for at in range(0, len(samples) - step + 1, step):
        levels = set(samples[at + 2:at + step - 2])
        voice = names.get(levels.pop(), "?") if len(levels) == 1 else "?"
        if not runs or runs[-1][0] != voice:
            runs.append([voice, at / rate, 0])
        runs[-1][2] = (at + step) / rate
    # One hundredth in which a voice begins or ends is of neither.
    return ", ".join(f"{v} {round(b, 1)}-{round(e, 1)}" for v, b, e in runs if v and not (v == "?" and e - b < 0.015))


def tshark_streams(path):
    """Packets of each RTP stream as tshark counts them: {(source, destination, ssrc in hex): packets}."""
    told = subprocess.run(["tshark", "-n", "-r", path, "-o", "rtp.heuristic_rtp:TRUE", "-q", "-z", "rtp,streams"],
                          capture_output=True, text=True, check=True).stdout
    line = re.compile(r"\s+(\S+)\s+(\d+)\s+(\S+)\s+(\d+)\s+0x([0-9A-Fa-f]{8})\s+.*?\s(\d+)\s+-?\d+ \(")
    found = {}
    for row in told.splitlines():
        if m := line.search(" " + row):
            key = f"{m[1]}:{m[2]}", f"{m[3]}:{m[4]}", m[5].lower()
            found[key] = found.get(key, 0) + int(m[6])
    return found
