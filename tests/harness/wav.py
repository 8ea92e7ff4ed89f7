"""Reads WAV files, and G.711 by the standard library's own decoder (not legtap's)."""
import array
import struct
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

PCMU, PCMA = 0, 8


class Wav:
    """channels: one array of 16-bit samples each."""

    def __init__(self, path):
        data = open(path, "rb").read()
        if data[:4] not in (b"RIFF", b"RF64") or data[8:12] != b"WAVE":
            raise ValueError(f"{path} is no WAV file")
        self.encoding, self.channel_count, self.rate, self.bits = _format(data)
        samples = array.array("h", _chunk(data, b"data"))
        self.channels = [samples[n::self.channel_count] for n in range(self.channel_count)]
        self.frames = len(samples) // self.channel_count

    @property
    def duration_ms(self):
        return self.frames * 1000 / self.rate


def _chunk(data, name):
    at = 12
    while at + 8 <= len(data):
        size = struct.unpack_from("<I", data, at + 4)[0]
        if data[at:at + 4] == name:
            return data[at + 8:at + 8 + size]
        at += 8 + size + (size & 1)
    raise ValueError(f"no {name.decode()} chunk")


def _format(data):
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", _chunk(data, b"fmt "))
    return tag, channels, rate, bits


def decode(payload_type, payload):
    """G.711 to an array of 16-bit samples."""
    convert = {PCMU: audioop.ulaw2lin, PCMA: audioop.alaw2lin}[payload_type]
    return array.array("h", convert(payload, 2))


def find(samples, wanted, begin=0):
    """The sample position where `wanted` stands in `samples`, or -1."""
    hay, needle = samples.tobytes(), wanted.tobytes()
    at = hay.find(needle, begin * 2)
    while at >= 0 and at % 2:
        at = hay.find(needle, at + 1)
    return at // 2 if at >= 0 else -1


def is_silent(samples):
    return not any(samples)
