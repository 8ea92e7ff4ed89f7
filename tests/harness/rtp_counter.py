"""Counts the RTP streams of a capture as RFC 3550 has it (appendices A.1, A.3 and A.8), independent of legtap: packets
come from tshark, as raw UDP payloads, and everything else is done here. `tshark_streams` is what tshark itself counts."""
import re
import socket
import struct
import subprocess
from collections import defaultdict

MAX_DROPOUT, MAX_MISORDER, SEQUENCES = 3000, 100, 1 << 16  # RFC 3550, A.1
RTCP_TYPES = range(192, 224)  # RFC 5761, 4
STATIC_CLOCKS = {10: 44100, 11: 44100, 14: 90000, 25: 90000, 26: 90000, 28: 90000, 31: 90000, 32: 90000, 33: 90000,
                 34: 90000, 6: 16000, 16: 11025, 17: 22050}
EVENT = "telephone-event"


def tshark(path, *arguments):
    done = subprocess.run(["tshark", "-n", "-r", path, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def frames(path):
    """(time in microseconds, frame) of a little-endian pcap with microseconds."""
    data = open(path, "rb").read()
    at = 24
    while at + 16 <= len(data):
        seconds, micros, captured, _ = struct.unpack_from("<IIII", data, at)
        yield seconds * 1000000 + micros, data[at + 16:at + 16 + captured]
        at += 16 + captured


def ethernet_datagrams(path):
    """What `datagrams` gives, of a capture as our tools write them: Ethernet, tags, IPv4 or IPv6, UDP, nothing else."""
    for time_us, frame in frames(path):
        at = 12
        while frame[at:at + 2] in (b"\x81\x00", b"\x88\xa8"):
            at += 4
        if frame[at:at + 2] == b"\x08\x00" and frame[at + 11] == 17:
            ends = [socket.inet_ntop(socket.AF_INET, frame[at + n:at + n + 4]) for n in (14, 18)]
            udp = at + 2 + 4 * (frame[at + 2] & 15)
        elif frame[at:at + 2] == b"\x86\xdd" and frame[at + 8] == 17:
            ends = [f"[{socket.inet_ntop(socket.AF_INET6, frame[at + n:at + n + 16])}]" for n in (10, 26)]
            udp = at + 42
        else:
            continue
        ports = struct.unpack_from(">HHH", frame, udp)
        yield time_us, f"{ends[0]}:{ports[0]}", f"{ends[1]}:{ports[1]}", frame[udp + 8:udp + ports[2]]


def _fields(path, names, condition):
    chosen = [word for name in names for word in ("-e", name)]
    for line in tshark(path, "-Y", condition, "-T", "fields", "-E", "occurrence=l", *chosen):
        yield line.split("\t")


def _end(ip, ip6, port):
    return f"[{ip6}]:{port}" if ip6 and not ip else f"{ip}:{port}"


def microseconds(epoch):
    seconds, _, fraction = epoch.partition(".")
    return int(seconds) * 1000000 + int(fraction[:6].ljust(6, "0"))


def datagrams(path):
    """(time in microseconds, source, destination, payload) of each UDP datagram of any encapsulation."""
    names = ("frame.time_epoch", "ip.src", "ipv6.src", "udp.srcport", "ip.dst", "ipv6.dst", "udp.dstport", "udp.payload")
    for time, source, source6, source_port, destination, destination6, port, payload in _fields(
            path, names, "udp.payload and not icmp and not icmpv6"):
        yield (microseconds(time), _end(source, source6, source_port), _end(destination, destination6, port),
               bytes.fromhex(payload))


class Packet:
    """One RTP packet, its payload without CSRCs, extension and padding."""

    def __init__(self, time_us, data):
        self.time_us = time_us
        first, second, self.sequence, self.timestamp, self.ssrc = struct.unpack_from(">BBHII", data)
        self.payload_type = second & 0x7F
        at = 12 + 4 * (first & 0x0F)
        if first & 0x10:
            at += 4 + 4 * struct.unpack_from(">H", data, at + 2)[0]
        self.payload = data[at:len(data) - data[-1]] if first & 0x20 else data[at:]
        self.extended = None
        self.duplicate = False


def is_rtp(data):
    return len(data) >= 12 and data[0] >> 6 == 2 and data[1] not in RTCP_TYPES


class Entry:
    """A run of sequence numbers of one source."""

    def __init__(self, first):
        self.packets = []
        self.seen = set()
        self.lowest = self.highest = SEQUENCES + first.sequence
        self.duplicate = self.reordered = 0
        self.jitter_ms = self.jitter_max_ms = self.jitter_sum_ms = 0.0
        self.media = 0
        self.last = None  # time and timestamp of the newest packet that is no event

    def add(self, packet, extended, clock_hz):
        packet.extended = extended
        packet.duplicate = (extended, packet.timestamp) in self.seen
        self.seen.add((extended, packet.timestamp))
        self.packets.append(packet)
        self.duplicate += packet.duplicate
        self.reordered += extended < self.highest and not packet.duplicate
        self.lowest = min(self.lowest, extended)
        self.highest = max(self.highest, extended)
        if clock_hz:
            self._count_jitter(packet, clock_hz)

    def _count_jitter(self, packet, clock_hz):
        """A.8, in milliseconds; the mean is over the packets that have one: all but the first."""
        if self.last:
            ticks = (packet.timestamp - self.last[1] + (1 << 31)) % (1 << 32) - (1 << 31)
            change_ms = (packet.time_us - self.last[0]) / 1000 - ticks * 1000 / clock_hz
            self.jitter_ms += (abs(change_ms) - self.jitter_ms) / 16
            self.jitter_sum_ms += self.jitter_ms
            self.jitter_max_ms = max(self.jitter_max_ms, self.jitter_ms)
        self.last = packet.time_us, packet.timestamp
        self.media += 1

    @property
    def received(self):
        return len(self.packets)

    @property
    def lost(self):
        return max(0, self.highest - self.lowest + 1 - (self.received - self.duplicate))

    @property
    def jitter_mean_ms(self):
        return self.jitter_sum_ms / (self.media - 1) if self.media > 1 else 0.0


class Source:
    """One SSRC of one flow: its entries, the newest last."""

    def __init__(self):
        self.entries = []
        self.held = None  # a packet after a large jump: the next one tells whether the sequence began anew

    def add(self, packet, clock_hz):
        if not self.entries:
            return self._begin(packet, clock_hz)
        entry = self.entries[-1]
        step = (packet.sequence - entry.highest) % SEQUENCES
        if step < MAX_DROPOUT:
            entry.add(packet, entry.highest + step, clock_hz)
        elif step > SEQUENCES - MAX_MISORDER:
            entry.add(packet, entry.highest + step - SEQUENCES, clock_hz)
        elif self.held and packet.sequence == (self.held[0].sequence + 1) % SEQUENCES:
            self._begin(*self.held)
            self.held = None
            self.entries[-1].add(packet, self.entries[-1].highest + 1, clock_hz)
            return None
        else:
            self.held = packet, clock_hz
        return None

    def _begin(self, packet, clock_hz):
        self.entries.append(Entry(packet))
        self.entries[-1].add(packet, self.entries[-1].highest, clock_hz)


def clocks(path):
    """What SDP says of dynamic payload types: {type: (name, clock)}, found as text anywhere in the capture."""
    found = {}
    text = open(path, "rb").read()
    for number, name, clock in re.findall(rb"a=rtpmap: ?(\d+) ([\w.-]+)/(\d+)", text):
        found[int(number)] = name.decode(), int(clock)
    return found


def count(packets, known, until_us=None):
    """{(source, destination, ssrc): [Entry]} of datagrams that arrived up to a time and with it; known: by `clocks`."""
    sources = defaultdict(Source)
    for time_us, source, destination, data in packets:
        if not is_rtp(data) or (until_us is not None and time_us > until_us):
            continue
        packet = Packet(time_us, data)
        name, clock_hz = known.get(packet.payload_type, ("", STATIC_CLOCKS.get(packet.payload_type, 8000)))
        sources[source, destination, f"{packet.ssrc:08x}"].add(packet, 0 if name.lower() == EVENT else clock_hz)
    return {key: source.entries for key, source in sources.items()}


def byes_of(packets):
    """The same of SIP over UDP, by its text."""
    found = {}
    for time_us, _, _, data in packets:
        if data.startswith(b"BYE ") and (call_id := re.search(rb"\r\nCall-ID: ?([^\r]+)\r", data)):
            found.setdefault(call_id[1].decode(), time_us)
    return found


def byes(path):
    """{Call-ID: when its first BYE passed, in microseconds}."""
    found = {}
    for time, call_id in _fields(path, ("frame.time_epoch", "sip.Call-ID"), 'sip.Method == "BYE"'):
        found.setdefault(call_id, microseconds(time))
    return found


MOST_APART_MS = 0.011  # sidecars have two decimals, and arrivals in whole microseconds


def _entry_differences(key, streams, entries):
    if len(streams) != len(entries):
        yield f"{key}: {len(entries)} runs of sequence numbers, and {streams}"
        return
    for stream, entry in zip(streams, entries):
        for name in ("received", "lost", "duplicate", "reordered"):
            if stream[name] != getattr(entry, name):
                yield f"{key}: {name} {stream[name]}, {getattr(entry, name)} counted"
        for name, jitter_ms in (("jitter_ms", entry.jitter_mean_ms), ("jitter_max_ms", entry.jitter_max_ms)):
            if abs(stream[name] - jitter_ms) > MOST_APART_MS:
                yield f"{key}: {name} {stream[name]}, {jitter_ms} counted"


def _sum_differences(recording):
    for track in recording["tracks"]:
        for name in ("received", "lost", "duplicate", "reordered"):
            if track[name] != sum(s[name] for s in track["streams"]):
                yield f"{track['track']}: {name} {track[name]} is not the sum of its streams"


def differences(recordings, packets, known, ends):
    """In what recordings (of recordings.jsonl) differ from the count of a capture's datagrams, up to each one's BYE (ends: by
    `byes`); and the keys of the streams that were compared."""
    told, counted, wrong = {}, {}, []
    for recording in recordings:
        until = ends.get(recording["sip_call_id"]) if recording["reason"] == "hangup" else None
        wrong += _sum_differences(recording)
        for stream in [stream for track in recording["tracks"] for stream in track["streams"]]:
            told.setdefault(((stream["source"], stream["destination"], stream["ssrc"]), until), []).append(stream)
    for until in {until for _, until in told}:
        wanted = {key for key, its in told if its == until}
        counted[until] = count([p for p in packets if any(p[1] == k[0] and p[2] == k[1] for k in wanted)]
                               if len(wanted) < 9 else packets, known, until)
    for (key, until), streams in told.items():
        wrong += _entry_differences(key, streams, counted[until].get(key, []))
    return wrong, [key for key, _ in told]


ROW = re.compile(r"\s*[\d.]+\s+[\d.]+\s+(\S+)\s+(\d+)\s+(\S+)\s+(\d+)\s+0x([0-9A-F]{8})\s+(.+?)\s+(\d+)\s+(-?\d+) \("
                 r"-?[\d.]+%\)\s+[\d.]+\s+[\d.]+\s+[\d.]+\s+[\d.]+\s+([\d.]+)\s+([\d.]+)")


def tshark_streams(path):
    """{(source, destination, ssrc): (payload, packets, lost, mean jitter, max jitter)} by tshark's own analysis."""
    found = {}
    for line in tshark(path, "-q", "--enable-heuristic", "rtp_udp", "-z", "rtp,streams"):
        if row := ROW.match(line):
            source, source_port, destination, port, ssrc, payload, packets, lost, mean, most = row.groups()
            ends = [_end(*((ip, "") if ":" not in ip else ("", ip)), at)
                    for ip, at in ((source, source_port), (destination, port))]
            found[(*ends, ssrc.lower())] = payload, int(packets), int(lost), float(mean), float(most)
    return found
