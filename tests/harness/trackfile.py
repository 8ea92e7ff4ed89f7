"""Reads track files on the spool as docs/formats.md describes them, independent of legtap: which chunks
are whole, and how many RTP packets they hold."""
import struct

CHUNK_MAGIC = 0x4B43544C
ALIGN = 4096
HEADER = struct.Struct("<IHHIIIIQQII16x")


def _crc32c_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _crc32c_table()


def crc32c(data):
    """CRC-32C (Castagnoli), as iSCSI has it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def _chunk_at(data, at):
    """(stored bytes, frames) of the whole chunk that begins there, or None."""
    magic, _, _, crc, used, stored, frames, *_ = HEADER.unpack_from(data, at)
    if magic != CHUNK_MAGIC or not HEADER.size <= used <= stored or stored % ALIGN or at + stored > len(data):
        return None
    body = bytearray(data[at:at + used])
    body[8:12] = bytes(4)
    return (stored, frames) if crc32c(body) == crc else None


def whole_frames(path):
    """RTP packets in the whole chunks of a track file; what is no chunk is passed over block by block."""
    data = path.read_bytes()
    at = total = 0
    while at + ALIGN <= len(data):
        chunk = _chunk_at(data, at)
        if chunk:
            total += chunk[1]
        at += chunk[0] if chunk else ALIGN
    return total
