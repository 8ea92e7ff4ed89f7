"""Captures of RTP alone, dressed as calls: SIP of our own before and after each stream, so that legtap has a leg to
record it by. The RTP datagrams and their times stay what they are; only what carried them is plain Ethernet now."""
import re
import socket
import struct

ETHERNET = bytes.fromhex("020000000002020000000001")
BEFORE_US, STEP_US = 100000, 1000  # the INVITE comes so long before the first packet
RTPMAPS = {101: "telephone-event/8000"}


def write_pcap(path, frames):
    """frames: (time in microseconds, frame)."""
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for time_us, frame in frames:
            out.write(struct.pack("<IIII", time_us // 1000000, time_us % 1000000, len(frame), len(frame)) + frame)
    return path


def frame(source, destination, payload):
    """Ethernet, IPv4 and UDP; source, destination: "address:port"."""
    (source_ip, source_port), (ip, port) = (end.rsplit(":", 1) for end in (source, destination))
    udp = struct.pack(">HHHH", int(source_port), int(port), len(payload) + 8, 0) + payload
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, len(udp) + 20, 0, 0x4000, 64, 17, 0,
                       socket.inet_aton(source_ip), socket.inet_aton(ip))
    total = sum(struct.unpack(">10H", head))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ETHERNET + b"\x08\x00" + head[:10] + struct.pack(">H", ~total & 0xFFFF) + head[12:] + udp


class Dialog:
    """A call whose caller has one media address and whose callee the other."""

    def __init__(self, number, caller, callee, payload_types, profile="RTP/AVP", rtpmaps=None, ptime=20):
        self.number, self.caller, self.callee = number, caller, callee
        self.call_id = f"dressed-{number}"
        self.payload_types, self.profile = sorted(payload_types), profile
        self.rtpmaps = {**RTPMAPS, **(rtpmaps or {})}
        self.ptime = ptime

    def _sdp(self, end):
        ip, port = end.rsplit(":", 1)
        maps = "".join(f"a=rtpmap:{t} {self.rtpmaps[t]}\r\n" for t in self.payload_types if t in self.rtpmaps)
        return (f"v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n"
                f"m=audio {port} {self.profile} {' '.join(map(str, self.payload_types))}\r\n{maps}a=ptime:{self.ptime}\r\n")

    def message(self, first_line, from_caller, method, sequence, body="", answered=True):
        here, there = [re.sub(r":\d+$", "", end) for end in (self.caller, self.callee)]
        text = (f"{first_line}\r\nVia: SIP/2.0/UDP {here}:5060;branch=z9hG4bK{self.number}{method}\r\n"
                f"Max-Forwards: 70\r\nFrom: <sip:alice@{here}>;tag=a\r\nTo: <sip:bob@{there}>{';tag=b' if answered else ''}\r\n"
                f"Call-ID: {self.call_id}\r\nCSeq: {sequence} {method}\r\nContact: <sip:{here}:5060>\r\n"
                + ("Content-Type: application/sdp\r\n" if body else "") + f"Content-Length: {len(body)}\r\n\r\n{body}")
        ends = (f"{here}:5060", f"{there}:5060")
        return frame(*(ends if from_caller else reversed(ends)), text.encode())

    def begin(self, at_us):
        there = self.callee.rsplit(":", 1)[0]
        yield at_us, self.message(f"INVITE sip:bob@{there} SIP/2.0", True, "INVITE", 1, self._sdp(self.caller), False)
        yield at_us + STEP_US, self.message("SIP/2.0 200 OK", False, "INVITE", 1, self._sdp(self.callee))
        yield at_us + 2 * STEP_US, self.message(f"ACK sip:bob@{there} SIP/2.0", True, "ACK", 1)

    def end(self, at_us):
        there = self.callee.rsplit(":", 1)[0]
        yield at_us, self.message(f"BYE sip:bob@{there} SIP/2.0", True, "BYE", 2)
        yield at_us + STEP_US, self.message("SIP/2.0 200 OK", False, "BYE", 2)


def dress(path, datagrams, profile="RTP/AVP", rtpmaps=None):
    """datagrams: (time in microseconds, source, destination, RTP). Writes the capture; returns the media ends of its
    callees, which stand for the SBC. One dialog for each pair of ends."""
    pairs = {}
    for time_us, source, destination, data in datagrams:
        pairs.setdefault(frozenset((source, destination)), []).append((time_us, source, destination, data))
    frames, callees = [], set()
    for number, packets in enumerate(pairs.values()):
        types = {data[1] & 0x7F for _, _, _, data in packets if data[1] not in range(192, 224)}
        dialog = Dialog(number, packets[0][1], packets[0][2], types, profile, rtpmaps)
        callees.add(dialog.callee)
        frames += dialog.begin(packets[0][0] - BEFORE_US)
        frames += [(time_us, frame(source, destination, data)) for time_us, source, destination, data in packets]
        frames += dialog.end(packets[-1][0] + BEFORE_US)
    write_pcap(path, sorted(frames, key=lambda f: f[0]))
    return callees
