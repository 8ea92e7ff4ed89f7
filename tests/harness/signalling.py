"""What a capture of the mirror shows of calls, independent of legtap: SIP messages and RTP, with their times."""
from . import capture, wav

SIP_PORT = 5060
ANCHOR_S = 1.0  # legtap places a stream by the least delayed packet of its first second
RATE = 8000
VOICE = 8       # SIPp's calls are A-law; telephone-events have 101


class Dialog:
    """One SIP Call-ID: the times (seconds) of its INVITE, its answer and its end."""

    def __init__(self, sip_call_id):
        self.sip_call_id = sip_call_id
        self.invite_s = self.answer_s = self.bye_s = None

    def see(self, time_s, text):
        first, _, method = text.split("\r\n", 1)[0], *_header(text, "CSeq").split()
        if first.startswith("INVITE ") and self.invite_s is None:
            self.invite_s = time_s
            self.called = first.split(" ")[1].split("@")[0].removeprefix("sip:")
        elif first.startswith("SIP/2.0 2") and method == "INVITE" and self.answer_s is None:
            self.answer_s = time_s
        elif first.startswith("BYE ") and self.bye_s is None:
            self.bye_s = time_s

    @property
    def duration_ms(self):
        return (self.bye_s - self.answer_s) * 1000


def _header(text, name):
    for line in text.split("\r\n"):
        if line.lower().startswith(name.lower() + ":"):
            return line.split(":", 1)[1].strip()
    raise ValueError(f"a SIP message without {name}")


def dialogs(path):
    """The dialogs of a capture in the order of their first messages, by Call-ID."""
    found = {}
    for time_s, source, destination, data in capture.datagrams(path):
        if SIP_PORT in (source[1], destination[1]):
            text = data.decode("latin-1")
            call_id = _header(text, "Call-ID")
            found.setdefault(call_id, Dialog(call_id)).see(time_s, text)
    return found


def sound(path):
    """All samples of a capture's G.711 packets, in order."""
    packets = list(capture.rtp_packets(path))
    return wav.decode(packets[0].payload_type, b"".join(p.payload for p in packets))


def voice_begin_s(path, ssrc, source=None, destination=None):
    """When a stream's voice began, by the least delayed packet of its first second."""
    packets = [p for p in capture.rtp_packets(path) if p.ssrc == ssrc and p.payload_type == VOICE
               and source in (None, p.source[0]) and destination in (None, p.destination[0])]
    first = packets[0]
    return min(p.time_s - (p.timestamp - first.timestamp) / RATE for p in packets
               if p.time_s < first.time_s + ANCHOR_S)


def first_digit_s(path, source, destination):
    """When the first telephone-event went from one to the other; None: none did."""
    return next((p.time_s for p in capture.rtp_packets(path)
                 if p.payload_type == 101 and (p.source[0], p.destination[0]) == (source, destination)), None)
