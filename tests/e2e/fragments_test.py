"""legtapd --read of calls whose packets came in IP fragments: the recordings are those of the whole packets, tshark finds
as many messages and packets, and every fragment is accounted for."""
import os
import struct
import subprocess
from itertools import count

from encapsulation_test import EncapsulatedCase, is_sip, packets, tagged, write
from harness import wait
from harness.daemon import Legtapd, configuration
from sip_tcp_test import checksum

ETHERNET, IPV4, IPV6, UDP = 14, 20, 40, 8
PIECE = 104  # a multiple of 8: RTP of 20 ms makes two fragments, SIP many
ID = count(1)


def cut(frame, size=PIECE, extend=0):
    """The fragments of a frame with an IPv4 or IPv6 packet; each reaches `extend` bytes into the next."""
    ipv6 = frame[12:14] == b"\x86\xdd"
    header_bytes = IPV6 if ipv6 else IPV4
    header, data, number = frame[:ETHERNET + header_bytes], frame[ETHERNET + header_bytes:], next(ID)
    starts = range(0, len(data), size)
    make = fragment6 if ipv6 else fragment4
    return [make(header, data[at:at + size + extend], at, at + size + extend < len(data), number) for at in starts]


def fragment4(header, data, at, more, number):
    ip = bytearray(header[ETHERNET:])
    struct.pack_into(">HHH", ip, 2, IPV4 + len(data), number & 0xffff, (0x2000 if more else 0) | at // 8)
    ip[10:12] = b"\0\0"
    ip[10:12] = struct.pack(">H", checksum(bytes(ip)))
    return header[:ETHERNET] + bytes(ip) + data


def fragment6(header, data, at, more, number):
    """With hop-by-hop options and a routing header before the fragment's."""
    hop_by_hop, routing = bytes.fromhex("2b00010400000000"), bytes.fromhex("2c00000000000000")
    fragment = struct.pack(">BBHI", header[ETHERNET + 6], 0, at | more, number)
    ip = bytearray(header[ETHERNET:])
    struct.pack_into(">HB", ip, 4, 24 + len(data), 0)
    return header[:ETHERNET] + bytes(ip) + hop_by_hop + routing + fragment + data


def vxlan(frame):
    inside = struct.pack(">II", 0x08000000, 77 << 8) + frame
    udp = struct.pack(">HHHH", 50000, 4789, UDP + len(inside), 0) + inside
    ip = struct.pack(">BBHHHBBH", 0x45, 0, IPV4 + len(udp), 0, 0, 64, 17, 0) + bytes((192, 0, 2, 1, 192, 0, 2, 2))
    return bytes(12) + b"\x08\x00" + ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:] + udp


def grown(frame, to=3072):
    """An INVITE of so many bytes."""
    message = frame[ETHERNET + IPV4 + UDP:]
    if not is_sip(frame) or not message.startswith(b"INVITE"):
        return frame
    line = b"X-Padding: " + b"p" * 60 + b"\r\n"
    first, _, rest = message.partition(b"\r\n")
    lines = (to - len(message)) // len(line)
    message = first + b"\r\n" + line * lines + rest
    last = b"X-Last: " + b"l" * (to - len(message) - 10) + b"\r\n"
    message = first + b"\r\n" + last + message[len(first) + 2:]
    ip = bytearray(frame[ETHERNET:ETHERNET + IPV4])
    struct.pack_into(">H", ip, 2, IPV4 + UDP + len(message))
    ip[10:12] = b"\0\0"
    ip[10:12] = struct.pack(">H", checksum(bytes(ip)))
    return frame[:ETHERNET] + bytes(ip) + frame[34:38] + struct.pack(">HH", UDP + len(message), 0) + message


def tshark_count(capture, what):
    told = subprocess.run(["tshark", "-n", "-r", capture, "-Y", what, "-T", "fields", "-e", "frame.number"],
                          capture_output=True, text=True, check=True).stdout
    return len(told.split())


class FragmentsTest(EncapsulatedCase):
    OPTIONS = {"calls": 2, "legs": 2, "seconds": 1, "seed": 31}

    def rewritten(self, name, rewrite, source="plain.pcap"):
        """A capture with, for each frame, those of (µs, frame) that `rewrite` gives; 0 µs is when the frame came."""
        frames = [(time_us + after_us, shown) for time_us, frame in packets(self.folder / source)
                  for after_us, shown in rewrite(frame)]
        return write(self.folder / f"{name}.pcap", sorted(frames, key=lambda f: f[0]), self.folder / source)

    def both_count(self, capture, reading):
        """tshark's numbers and ours; some RTP comes behind the BYE."""
        rx = reading.summary()["rx"][0]
        self.assertEqual(tshark_count(capture, "sip"), rx["to_control_sip"], reading.explain())
        self.assertEqual(tshark_count(capture, "rtp"), rx["recorded"] + rx["not_wanted"], reading.explain())

    def check(self, name, rewrite, plain, tshark=True, source="plain.pcap", **counts):
        capture = self.rewritten(name, rewrite, source)
        reading = self.read(capture, name)
        rx = reading.summary()["rx"][0]
        self.same(reading, plain)
        if tshark:
            self.both_count(capture, reading)
        self.assertEqual(rx["fragments"], rx["fragment_joined"] + sum(counts.values()), reading.explain())
        self.assertEqual({name: rx[name] for name in counts}, counts)
        self.assertEqual(rx["fragment_waiting"], 0)
        return rx

    def number(self, size=PIECE, source="plain.pcap"):
        return sum(len(cut(frame, size)) for _, frame in packets(self.folder / source))

    def test_in_order_and_reversed(self):
        plain = self.plain()
        rx = self.check("order", lambda frame: before(cut(frame)), plain)
        self.assertEqual(rx["fragment_joined"], self.number())
        self.assertEqual(rx["reassembled"], sum(1 for _ in packets(self.folder / "plain.pcap")))
        self.check("reversed", lambda frame: before(cut(frame)[::-1]), plain)

    def test_fragments_of_all_calls_among_one_another(self):
        self.check("interleaved", lambda frame: before(cut(frame), 15000), self.plain())

    def test_fragments_that_come_again(self):
        plain = self.plain()
        number = self.number()
        self.check("again", lambda frame: before([f for f in cut(frame) for _ in range(2)]), plain, fragment_duplicate=number)
        # Behind the whole: the mirror of the other port is late. For tshark that is a packet of its own.
        self.check("late", lambda frame: before(pieces := cut(frame)) + [(5000, f) for f in pieces], plain, tshark=False,
                   fragment_duplicate=number)

    def without_some(self):
        """What is left when every 7th RTP packet is not there; and which ones those are."""
        numbers = count()
        gone = {frame for _, frame in packets(self.folder / "plain.pcap") if not is_sip(frame) and next(numbers) % 7 == 3}
        capture = self.rewritten("left", lambda frame: [] if frame in gone else [(0, frame)])
        return gone, self.read(capture, "left")

    def test_one_fragment_is_missing(self):
        self.plain()
        gone, left = self.without_some()
        self.check("missing", lambda frame: before(cut(frame)[:-1] if frame in gone else cut(frame)), left,
                   fragment_timeout=len(gone))
        self.check("headless", lambda frame: before(cut(frame)[1:] if frame in gone else cut(frame)), left,
                   fragment_timeout=len(gone))

    def test_overlapping_fragments_are_refused(self):
        """tshark would put them together."""
        self.plain()
        gone, left = self.without_some()
        self.check("overlap", lambda frame: before(cut(frame, extend=8 if frame in gone else 0)), left, tshark=False,
                   fragment_refused=2 * len(gone))

    def test_ipv6_with_extension_headers(self):
        plain = self.plain(ipv6=True)
        self.check("ipv6", lambda frame: before(cut(frame)), plain)
        self.check("ipv6-reversed", lambda frame: before(cut(frame)[::-1]), plain)

    def test_an_invite_of_3_kib(self):
        plain = self.plain()
        source = self.rewritten("grown", lambda frame: [(0, grown(frame))])
        self.same(self.read(source, "whole"), plain)
        rx = self.check("invite", lambda frame: before(cut(frame, 1480)) if len(frame) > 1514 else [(0, frame)], plain,
                        source="grown.pcap")
        self.assertEqual((rx["reassembled"], rx["fragment_joined"]), (4, 12))
        self.check("backwards", lambda frame: before(cut(frame, 1480)[::-1]) if len(frame) > 1514 else [(0, frame)], plain,
                   source="grown.pcap")

    def test_fragments_in_encapsulations(self):
        plain = self.plain()
        self.check("vlan", lambda frame: before([tagged(f, 100) for f in cut(frame)]), plain)
        self.check("vxlan", lambda frame: before([vxlan(f) for f in cut(frame)]), plain)
        self.check("outside", lambda frame: before(cut(vxlan(frame))), plain)
        self.check("both", lambda frame: before([g for f in cut(frame) for g in cut(vxlan(f), 64)[::-1]]), plain)

    def test_the_limit_is_kept_and_told(self):
        """Of each packet one fragment, where 10 may wait."""
        self.plain()
        capture = self.rewritten("limit", lambda frame: before(cut(frame)[:1]))
        config = {"sbc": {"addresses": ["10.0.0.1"]}, "limits": {"fragments": 10, "fragment_hold_ms": 60000}}
        reading = self.read(capture, "limit", config=config)
        rx = reading.summary()["rx"][0]
        self.assertEqual((rx["fragment_timeout"], rx["drop_fragments_full"]), (10, rx["polled"] - 10), reading.explain())

    def test_a_port_that_puts_nothing_together(self):
        """DPDK's net_pcap shows a capture as a port of a daemon that runs live: the fragments come in one go, one waits."""
        self.plain()
        whole = list(packets(self.folder / "plain.pcap"))
        capture = self.rewritten("port", lambda frame: before([vxlan(f) for f in cut(frame)[::-1]]))
        write(capture, [*packets(capture), (whole[-1][0] + 1, cut(whole[-1][1])[0])],
              self.folder / "plain.pcap")
        config = configuration(self.folder, ports=[{"device": f"net_pcap0,rx_pcap={capture}"}],
                               sbc={"addresses": ["10.0.0.1"]}, limits={"fragment_hold_ms": 100})
        daemon = self.enterContext(Legtapd(Here(self.folder), self.folder, config))
        wait.until(lambda: daemon.status()["rx"][0]["fragment_timeout"], "the fragment that waits is given up")
        [rx] = daemon.account()["rx"]
        self.assertEqual((rx["polled"], rx["fragment_joined"], rx["fragment_timeout"]), (self.number() + 1, self.number(), 1))
        self.assertEqual((rx["reassembled"], rx["to_control_sip"]),
                         (len(whole), sum(is_sip(frame) for _, frame in whole)))


class Here:
    """No network of its own: the port is a file."""

    def __init__(self, folder):
        self.folder = folder

    def run(self, _host, *command, log, env=None):
        with (self.folder / log).open("w") as out:
            return subprocess.Popen(list(map(str, command)), stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                                    env=env and {**os.environ, **env})


def before(frames, first_us=0):
    """The last of them when the whole one came, the first so long before (0: as many µs as there are others)."""
    last = len(frames) - 1
    return [(-(first_us or last) * (last - i) // max(last, 1), frame) for i, frame in enumerate(frames)]
