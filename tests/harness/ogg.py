"""Opus packets in an Ogg file (RFC 3533, RFC 7845), for decoders that read no RTP."""
import struct

_TABLE = []
for _octet in range(256):
    _value = _octet << 24
    for _ in range(8):
        _value = (_value << 1 ^ (0x04C11DB7 if _value & 0x80000000 else 0)) & 0xFFFFFFFF
    _TABLE.append(_value)


def _crc(data):
    value = 0
    for octet in data:
        value = (value << 8 & 0xFFFFFFFF) ^ _TABLE[value >> 24 ^ octet]
    return value


def _page(number, flags, granule, packet):
    lacing = bytes([255] * (len(packet) // 255) + [len(packet) % 255])
    head = struct.pack("<4sBBqIII", b"OggS", 0, flags, granule, 1, number, 0) + bytes([len(lacing)]) + lacing
    page = head + packet
    return page[:22] + struct.pack("<I", _crc(page)) + page[26:]


def opus(packets, samples_each, channels):
    """A file of packets of `samples_each` samples at 48 kHz, none to be skipped."""
    pages = [_page(0, 2, 0, b"OpusHead" + struct.pack("<BBHIhB", 1, channels, 0, 48000, 0, 0)),
             _page(1, 0, 0, b"OpusTags" + struct.pack("<I", 4) + b"test" + struct.pack("<I", 0))]
    for index, packet in enumerate(packets):
        last = 4 if index == len(packets) - 1 else 0
        pages.append(_page(index + 2, last, (index + 1) * samples_each, packet))
    return b"".join(pages)
