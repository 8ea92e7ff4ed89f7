"""legtapd --read of calls whose SIP came over TCP: the recordings are those of the same calls over UDP."""
import struct
import subprocess

from encapsulation_test import EncapsulatedCase, is_sip, packets, write
from harness.read import Reading

ETHERNET_BYTES = 14
SYN, PSH_ACK = 0x02, 0x18


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


class Streams:
    """Turns UDP frames into TCP segments, each direction numbered from its own sequence number on."""

    def __init__(self, first=0xffffff00, port=5060):
        self.next, self.first, self.port = {}, first, port

    def segment(self, frame, data, sequence, flags=PSH_ACK, acknowledged=1):
        ports = bytearray(frame[34:38])
        for at in (0, 2):
            if ports[at:at + 2] == struct.pack(">H", 5060):
                ports[at:at + 2] = struct.pack(">H", self.port)
        tcp = bytes(ports) + struct.pack(">IIBBHHH", sequence & 0xffffffff, acknowledged & 0xffffffff, 0x50, flags, 65535, 0, 0) + data
        pseudo = frame[26:34] + struct.pack(">HH", 6, len(tcp)) + tcp + b"\0" * (len(tcp) % 2)
        tcp = tcp[:16] + struct.pack(">H", checksum(pseudo)) + tcp[18:]
        ip = bytearray(frame[ETHERNET_BYTES:34])
        ip[2:4], ip[9], ip[10:12] = struct.pack(">H", 20 + len(tcp)), 6, b"\0\0"
        ip[10:12] = struct.pack(">H", checksum(bytes(ip)))
        return frame[:ETHERNET_BYTES] + bytes(ip) + tcp

    def opening(self, frame):
        key = frame[26:38]
        if key in self.next:
            return []
        self.next[key] = self.first + 1
        return [self.segment(frame, b"", self.first, SYN)]

    def pieces(self, frame, size):
        """A message in segments of `size` bytes."""
        message, key = frame[42:], frame[26:38]
        cut = [self.segment(frame, message[at:at + size], self.next[key] + at) for at in range(0, len(message), size)]
        self.next[key] += len(message)
        return cut


class SipTcpTest(EncapsulatedCase):
    OPTIONS = {"calls": 2, "legs": 2, "seconds": 1, "seed": 21, "early_media": True}

    def over_tcp(self, name, convert, port=5060):
        streams, frames = Streams(port=port), []
        for time_us, frame in packets(self.folder / "plain.pcap"):
            shown = convert(streams, frame) if is_sip(frame) else [frame]
            frames += [(time_us + i, f) for i, f in enumerate(shown)]
        return write(self.folder / f"{name}.pcap", sorted(frames, key=lambda f: f[0]), self.folder / "plain.pcap")

    def check(self, name, convert, port=5060):
        plain = self.plain()
        capture = self.over_tcp(name, convert, port)
        self.same(self.read(capture, name), plain)
        return capture

    def test_a_message_in_a_segment(self):
        capture = self.check("whole", lambda s, frame: s.opening(frame) + s.pieces(frame, 9999))
        told = subprocess.run(["tshark", "-n", "-r", capture, "-Y", "sip.CSeq", "-T", "fields", "-e", "sip.Call-ID"],
                              capture_output=True, text=True, check=True).stdout
        messages = sum(is_sip(frame) for _, frame in packets(self.folder / "plain.pcap"))
        self.assertEqual(sum(len(line.split(",")) for line in told.split()), messages)

    def test_messages_across_segments(self):
        self.check("pieces", lambda s, frame: s.opening(frame) + s.pieces(frame, 77))

    def test_segments_out_of_order(self):
        self.check("disorder", lambda s, frame: s.opening(frame) + s.pieces(frame, 100)[::-1])

    def test_segments_that_come_again(self):
        def twice(streams, frame):
            return streams.opening(frame) * 2 + [piece for piece in streams.pieces(frame, 100) for _ in range(2)]
        self.check("again", twice)

    def test_a_capture_that_starts_in_mid_stream(self):
        def without_opening(streams, frame):
            fresh = bool(streams.opening(frame))
            tail = b"n SIP/2.0 tail of a message\r\nContent-Length: 5\r\n\r\nv=0\r\n"
            before = [streams.segment(frame, tail, streams.next[frame[26:38]] - len(tail))] if fresh else []
            return before + streams.pieces(frame, 200)
        self.check("middle", without_opening)

    def test_any_port(self):
        self.check("port", lambda s, frame: s.opening(frame) + s.pieces(frame, 300), port=7777)

    def test_tls_is_counted_and_told_of_once(self):
        self.plain()
        record = b"\x16\x03\x01\x00\x2f\x01" + bytes(46)
        capture = self.over_tcp("tls", lambda s, frame: s.opening(frame) + [s.segment(frame, record, s.next[frame[26:38]])],
                                port=5061)
        reading = Reading(capture, self.folder / "tls")
        self.assertEqual(len(reading.recordings), 0, reading.explain())
        self.assertEqual(reading.stderr.count("/v1/sip-events"), 1, reading.explain())
        self.assertRegex(reading.stdout, r" 4  sip tls\n", reading.explain())  # one for each leg
