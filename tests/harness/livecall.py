"""A call whose audio the test chooses while it goes on: SIP and RTP frames, put on the cable that leads to legtap's
port. What is said at which moment is then known to the packet, which no capture could tell."""
import ctypes
import os
import random
import socket
import struct
import threading
import time
from contextlib import contextmanager

PACKET_SAMPLES = 160
PACKET_S = 0.02
SBC, PARTICIPANT = "10.0.0.1", "10.1.0.9"
CLONE_NEWNET = 0x40000000
EVENTS = 101  # payload type of telephone events
KEYS = "0123456789*#ABCD"


@contextmanager
def namespace(name):
    """The calling thread is in another network namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net", "rb") as home, open(f"/run/netns/{name}", "rb") as away:
        if libc.setns(away.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"setns {name}")
        try:
            yield
        finally:
            libc.setns(home.fileno(), CLONE_NEWNET)


class Wire:
    """The switch's end of the mirror's cable."""

    def __init__(self, hosts):
        with namespace(f"{hosts.name}-switch"):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            self.socket.bind(("probe", 0))

    def send(self, source, destination, payload):
        """A UDP datagram; source and destination: (address, port)."""
        udp = struct.pack(">HHHH", source[1], destination[1], len(payload) + 8, 0) + payload
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, len(udp) + 20, 0, 0x4000, 64, 17, 0,
                         socket.inet_aton(source[0]), socket.inet_aton(destination[0]))
        ip = ip[:10] + _checksum(ip) + ip[12:]
        self.socket.send(bytes.fromhex("020000000002020000000001") + b"\x08\x00" + ip + udp)

    def close(self):
        self.socket.close()


def _checksum(header):
    total = sum(struct.unpack(f">{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack(">H", ~total & 0xFFFF)


def signal(seed):
    """One packet of noise, as μ-law codes of loud samples: no stretch of 8 of them is likely to come by chance."""
    choose = random.Random(seed)
    return bytes(choose.choice((choose.randrange(0, 0x50), choose.randrange(0x80, 0xD0)))
                 for _ in range(PACKET_SAMPLES))


class LiveCall:
    """One leg, PCMU both ways. `play` changes what both directions say, at once. Use as a context manager."""

    def __init__(self, wire, number=1, call_id=None):
        self.wire = wire
        self.call_id = call_id or f"livecall-{number}-{os.getpid()}"
        self.participant = (PARTICIPANT, 20000 + 2 * number)
        self.sbc = (SBC, 30000 + 2 * number)
        self.lock = threading.Lock()
        self.playing = None
        self.sent = {}  # packets, both directions, by signal
        self.ssrc = 0x1000 * number
        self.sequence = 1  # of audio, and its time
        self.events = 0    # packets of telephone events that the participant has sent beside
        self.cseq = 1
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._talk, daemon=True)

    def __enter__(self):
        self._invite()
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.hang_up()

    # --- audio ---

    def play(self, payload):
        """From now on both directions send this (bytes). When it returns, nothing else leaves any more."""
        with self.lock:
            self.playing = payload

    def wait_sent(self, payload, packets):
        """Waits until so many more packets of a signal have been sent."""
        until = self.sent.get(payload, 0) + packets
        while self.sent.get(payload, 0) < until:
            time.sleep(PACKET_S / 4)

    def new_ssrc(self):
        with self.lock:
            self.ssrc += 1
            self.sequence = 100

    def burst(self, payload, packets):
        """Sends so many packets of both directions without a pause between them."""
        with self.lock:
            for _ in range(packets):
                self._send(payload)

    def press(self, keys, lost=(), ms=120, gap_ms=120):
        """The participant presses keys (RFC 4733), one after the other; `lost`: numbers of an event's packets that
        do not arrive. Returns the RTP packets that do."""
        sent = []
        for key in keys:
            with self.lock:
                begin = self.sequence * PACKET_SAMPLES
            count = ms // 20
            for number in range(count + 3):  # the last thrice
                end = number >= count
                duration = min(number + 1, count) * PACKET_SAMPLES
                with self.lock:
                    packet = struct.pack(">BBHIIBBH", 0x80, EVENTS | (0x80 if number == 0 else 0),
                                         self.sequence + self.events & 0xFFFF, begin & 0xFFFFFFFF, self.ssrc,
                                         KEYS.index(key), 0x8A if end else 0x0A, duration)
                    self.events += 1
                    if number not in lost:
                        self.wire.send(self.participant, self.sbc, packet)
                        sent.append(packet)
                if not end:
                    time.sleep(PACKET_S)
            time.sleep(gap_ms / 1000)
        return sent

    def press_by_info(self, keys):
        """The same by SIP INFO."""
        for key in keys:
            self._message(f"INFO sip:bob@{SBC} SIP/2.0", self.participant, method="INFO",
                          body=f"Signal={key}\r\nDuration=160\r\n", kind="application/dtmf-relay")
            self._message("SIP/2.0 200 OK", self.sbc, method="INFO")
            self.cseq += 1
            time.sleep(PACKET_S)

    def _send(self, payload):
        for ssrc, events, source, destination in ((self.ssrc, self.events, self.participant, self.sbc),
                                                  (self.ssrc + 0x800, 0, self.sbc, self.participant)):
            rtp = struct.pack(">BBHII", 0x80, 0, self.sequence + events & 0xFFFF, self.sequence * PACKET_SAMPLES, ssrc)
            self.wire.send(source, destination, rtp + payload)
            self.sent[payload] = self.sent.get(payload, 0) + 1
        self.sequence += 1

    def _talk(self):
        due = time.monotonic()
        while not self.ended.is_set():
            with self.lock:
                if self.playing:
                    self._send(self.playing)
            due = max(due + PACKET_S, time.monotonic() - 0.2)
            time.sleep(max(0, due - time.monotonic()))

    # --- signalling ---

    def _message(self, first_line, direction, sdp_address=None, method="INVITE", to_tag=True, body="",
                 kind="application/sdp"):
        if sdp_address:
            body = (f"v=0\r\no=- 1 {self.cseq} IN IP4 {sdp_address[0]}\r\ns=-\r\nc=IN IP4 {sdp_address[0]}\r\nt=0 0\r\n"
                    f"m=audio {sdp_address[1]} RTP/AVP 0 {EVENTS}\r\n"
                    f"a=rtpmap:0 PCMU/8000\r\na=rtpmap:{EVENTS} telephone-event/8000\r\n")
        text = (f"{first_line}\r\nVia: SIP/2.0/UDP {PARTICIPANT}:5060;branch=z9hG4bK{self.cseq}{method}\r\n"
                f"Max-Forwards: 70\r\nFrom: <sip:alice@{PARTICIPANT}>;tag=a\r\n"
                f"To: <sip:bob@{SBC}>{';tag=b' if to_tag else ''}\r\nCall-ID: {self.call_id}\r\n"
                f"CSeq: {self.cseq} {method}\r\nContact: <sip:{direction[0]}:5060>\r\n"
                + (f"Content-Type: {kind}\r\n" if body else "") + f"Content-Length: {len(body)}\r\n\r\n{body}")
        peers = {PARTICIPANT: SBC, SBC: PARTICIPANT}
        self.wire.send((direction[0], 5060), (peers[direction[0]], 5060), text.encode())

    def _invite(self):
        again = self.cseq > 1
        self._message(f"INVITE sip:bob@{SBC} SIP/2.0", self.participant, self.participant, to_tag=again)
        self._message("SIP/2.0 200 OK", self.sbc, self.sbc)
        self._message(f"ACK sip:bob@{SBC} SIP/2.0", self.participant, method="ACK")
        self.cseq += 1

    def move(self):
        """A re-INVITE: the participant's audio comes from, and goes to, another port."""
        with self.lock:
            self.participant = (PARTICIPANT, self.participant[1] + 1000)
            self._invite()

    def hang_up(self):
        if self.ended.is_set():
            return
        self.ended.set()
        self.thread.join()
        self._message(f"BYE sip:bob@{SBC} SIP/2.0", self.participant, method="BYE")
        self._message("SIP/2.0 200 OK", self.sbc, method="BYE")
