"""legtapd --read of calls whose SIP came over WebSocket (RFC 7118): the recordings are those of the same calls over UDP,
and tshark finds as many messages."""
import struct
import subprocess

from encapsulation_test import EncapsulatedCase, is_sip, packets, write
from sip_tcp_test import PSH_ACK, SYN, Streams

ACK = 0x10
TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
REQUEST = (b"GET /ws HTTP/1.1\r\nHost: sbc\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
           b"Sec-WebSocket-Protocol: sip\r\nSec-WebSocket-Version: 13\r\n\r\n")
ANSWER = (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: sip\r\n\r\n")
MASK = bytes.fromhex("37fa213d")


def ws_frame(payload, opcode=TEXT, masked=False, final=True):
    length = len(payload)
    flags = 0x80 if masked else 0
    head = bytes((opcode | (0x80 if final else 0),))
    head += bytes((flags | length,)) if length < 126 else bytes((flags | 126,)) + struct.pack(">H", length)
    if masked:
        payload = bytes(byte ^ MASK[i % 4] for i, byte in enumerate(payload))
    return head + (MASK if masked else b"") + payload


class WebSockets(Streams):
    """Turns UDP frames into frames of a WebSocket at port 80; who speaks first is its client, at port 49152."""

    def __init__(self, shape, upgrade=True):
        super().__init__(port=80)
        self.shape, self.upgrade, self.clients = shape, upgrade, set()

    def send(self, frame, data, size, flags=PSH_ACK):
        key, back = frame[26:38], turned(frame)[26:38]
        sent = self.next.setdefault(key, self.first)
        cut = [self.segment(frame, data[at:at + size], sent + at, flags, self.next.get(back, 0))
               for at in range(0, len(data) or 1, size)]
        self.next[key] += len(data) + bool(flags & SYN)
        return cut

    def shown(self, frame, size=1400):
        begins = not {frame[26:34], turned(frame)[26:34]} & self.clients
        if begins:
            self.clients.add(frame[26:34])
        is_client = frame[26:34] in self.clients
        frame = frame[:34] + struct.pack(">HH", *((49152, 5060) if is_client else (5060, 49152))) + frame[38:]
        back, out = turned(frame), []
        if begins and self.upgrade:
            out = self.send(frame, b"", size, SYN) + self.send(back, b"", size, SYN | ACK)
            out += self.send(frame, REQUEST, size) + self.send(back, ANSWER, size)
        return out + self.send(frame, self.shape(frame[42:], is_client), size)


def turned(frame):
    """Its addresses and ports as those of an answer."""
    return frame[:26] + frame[30:34] + frame[26:30] + frame[36:38] + frame[34:36] + frame[38:]


class WebSocketTest(EncapsulatedCase):
    OPTIONS = {"calls": 2, "legs": 2, "seconds": 1, "seed": 21}

    def check(self, name, shape, size=1400, upgrade=True, tshark=True):
        plain = self.plain()
        sockets, frames, messages = WebSockets(shape, upgrade), [], 0
        for time_us, frame in packets(self.folder / "plain.pcap"):
            messages += is_sip(frame)
            frames += [(time_us + i, f) for i, f in enumerate(sockets.shown(frame, size) if is_sip(frame) else [frame])]
        capture = write(self.folder / f"{name}.pcap", sorted(frames, key=lambda f: f[0]), self.folder / "plain.pcap")
        reading = self.read(capture, name)
        self.same(reading, plain)
        self.assertRegex(reading.stdout, rf" {messages}  sip messages\n", reading.explain())
        self.assertRegex(reading.stdout, rf" {len(sockets.next)}  sip websocket\n", reading.explain())
        if tshark:
            told = subprocess.run(["tshark", "-n", "-r", capture, "-Y", "sip.CSeq", "-T", "fields", "-e", "sip.Call-ID"],
                                  capture_output=True, text=True, check=True).stdout
            self.assertEqual(sum(len(line.split(",")) for line in told.split()), messages)

    def test_text_frames(self):
        self.check("text", lambda message, client: ws_frame(message, masked=client))

    def test_binary_frames_across_segments(self):
        self.check("binary", lambda message, client: ws_frame(message, BINARY, masked=client), size=61)

    def test_messages_in_fragments_with_control_frames_among_them(self):
        def shape(message, client):
            return (ws_frame(b"are you there", PING, masked=client) + ws_frame(message[:50], masked=client, final=False)
                    + ws_frame(b"", PONG, masked=client) + ws_frame(message[50:300], CONTINUATION, masked=client, final=False)
                    + ws_frame(message[300:], CONTINUATION, masked=client) + ws_frame(b"\r\n\r\n", masked=client))
        self.check("pieces", shape)

    def test_a_connection_that_was_there_before(self):
        """tshark needs the opening."""
        self.check("before", lambda message, client: ws_frame(message, masked=client), upgrade=False, tshark=False)
