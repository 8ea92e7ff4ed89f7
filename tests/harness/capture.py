"""Reads RTP out of captures (pcap of Ethernet, as SIPp's and our own are), independent of legtap."""
import struct


class Rtp:
    """One packet: time in seconds, addresses, the RTP header's fields, and all its octets."""

    def __init__(self, time_s, source, destination, data):
        self.time_s = time_s
        self.source = source
        self.destination = destination
        _, second, self.sequence, self.timestamp, self.ssrc = struct.unpack_from(">BBHII", data)
        self.payload_type = second & 0x7F
        self.data = data
        self.payload = data[12:]


def frames(path):
    """(time in seconds, frame) of each record of a classic pcap."""
    data = open(path, "rb").read()
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    scale = 1e-9 if struct.unpack_from(order + "I", data)[0] == 0xA1B23C4D else 1e-6
    at = 24
    while at + 16 <= len(data):
        seconds, fraction, kept, _ = struct.unpack_from(order + "IIII", data, at)
        yield seconds + fraction * scale, data[at + 16:at + 16 + kept]
        at += 16 + kept


def datagrams(path):
    """(time in seconds, source, destination, payload) of UDP over IPv4 over Ethernet; an end: (address, port)."""
    for time_s, frame in frames(path):
        if frame[12:14] != b"\x08\x00" or frame[23] != 17:
            continue
        start = 14 + (frame[14] & 0x0F) * 4
        source_port, destination_port, length = struct.unpack_from(">HHH", frame, start)
        yield (time_s, (".".join(map(str, frame[26:30])), source_port),
               (".".join(map(str, frame[30:34])), destination_port), frame[start + 8:start + length])


def rtp_packets(path):
    """The RTP packets of a capture: version 2, ports from 1024 on."""
    for time_s, source, destination, data in datagrams(path):
        ports = (source[1], destination[1])
        if len(data) > 12 and data[0] >> 6 == 2 and min(ports) >= 1024 and 5060 not in ports:
            yield Rtp(time_s, source, destination, data)
