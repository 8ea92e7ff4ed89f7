"""What a capture's RTP sounds like, made without legtap: placed by the least delayed packet of the first second and the
timestamps from there, decoded by sox (G.711) and ffmpeg (G.722, Opus), mixed by sox, and compared with the channels of
recordings."""
import array
import datetime
import itertools
import math
import pathlib
import subprocess
import tempfile
from operator import mul

from . import ogg
from .wav import Wav

ANCHOR_US = 1000000
MOST_SHIFT_MS = 2
LEAST_CORRELATION = 0.99
SAMPLES_COMPARED = 64000
SOX = {"PCMU": "mu-law", "PCMA": "a-law"}  # exact: compared by sample
FFMPEG = {"G722": 16000, "OPUS": 48000}    # correlated; the rate of the samples
CLOCKS = {"OPUS": 48000}


def _run(command, data):
    done = subprocess.run(command, input=data, capture_output=True, check=True)
    return array.array("h", done.stdout)


def _decode_opus(packets):
    """Of packets that follow each other, all of one length."""
    each = _signed(packets[1].timestamp - packets[0].timestamp)
    samples = _run(["ffmpeg", "-v", "error", "-f", "ogg", "-i", "-", "-ac", "1", "-f", "s16le", "-"],
                   ogg.opus([p.payload for p in packets], each, 2))
    return [samples[at:at + each] for at in range(0, len(packets) * each, each)]


def _decode(codec, packets):
    """The samples of each packet, decoded in one run; and their rate."""
    if codec == "OPUS":
        return _decode_opus(packets), FFMPEG[codec]
    payloads = [p.payload for p in packets]
    data = b"".join(payloads)
    if codec in SOX:
        samples, rate, per_octet = _run(["sox", "-t", "raw", "-r", "8000", "-c", "1", "-e", SOX[codec], "-b", "8", "-", "-t",
                                         "raw", "-e", "signed", "-b", "16", "-"], data), 8000, 1
    else:
        samples = _run(["ffmpeg", "-v", "error", "-f", codec.lower(), "-i", "-", "-f", "s16le", "-"], data)
        rate, per_octet = FFMPEG[codec], 2
    at, out = 0, []
    for payload in payloads:
        out.append(samples[at:at + per_octet * len(payload)])
        at += per_octet * len(payload)
    return out, rate


def start_us(recording):
    start = datetime.datetime.fromisoformat(recording["start"].replace("Z", "+00:00"))
    return round(start.timestamp() * 1000) * 1000


def _signed(ticks):
    return (ticks + (1 << 31)) % (1 << 32) - (1 << 31)


def _places(packets, media, clock_hz):
    """The time in microseconds at which each packet belongs. media: all of the stream that may anchor it, in the order of
    their arrival: its comfort noise, too."""
    first = media[0]

    def offset(packet):
        return _signed(packet.timestamp - first.timestamp) * 1000000 / clock_hz
    anchor = min(p.time_us - offset(p) for p in media if p.time_us <= first.time_us + ANCHOR_US)
    return [anchor + offset(p) for p in packets]


def correlation(a, b):
    product = math.sqrt(sum(map(mul, a, a)) * sum(map(mul, b, b)))
    return sum(map(mul, a, b)) / product if product else float(list(a) == list(b))


def best_correlation(channel, wanted, reach):
    """The highest correlation of `wanted` with the channel from samples 0 on, shifted by up to `reach`; and the shift."""
    length = min(len(wanted), len(channel)) - 2 * reach
    middle = wanted[reach:reach + length]
    step = max(length // 8000, 1)
    few = middle[::step]

    def roughly(shift):
        return correlation(channel[reach + shift:reach + shift + length:step], few)
    shift = max(range(-reach, reach + 1), key=roughly)
    return correlation(channel[reach + shift:reach + shift + length], middle), shift


def _exact(channel, chunks, rate):
    """Shift, packets compared, and places (samples) of those that differ. One shift holds for all."""
    reach = MOST_SHIFT_MS * rate // 1000
    inside = [(at, samples) for at, samples in chunks if at >= reach and at + len(samples) + reach <= len(channel)]
    best = None
    for shift in sorted(range(-reach, reach + 1), key=abs):
        wrong = [at for at, samples in inside if channel[at + shift:at + shift + len(samples)] != samples]
        if best is None or len(wrong) < len(best[2]):
            best = shift, len(inside), wrong
        if not wrong:
            break
    return best


def _without_events(chunks, events, rate):
    """Those that no rendered digit covers. events: (from, to) in microseconds."""
    return [(at, samples) for at, samples in chunks
            if not any(begin < (at + len(samples)) * 1000000 / rate and at * 1000000 / rate < end for begin, end in events)]


def _chunks(recording, stream, packets, media):
    """Each packet's place in samples after the recording's start, and its samples; and their rate."""
    chunks, rate = _decode(stream["codec"], packets)
    begin_us = start_us(recording)
    clock_hz = CLOCKS.get(stream["codec"], 8000)
    places = [round((at_us - begin_us) * rate / 1000000) for at_us in _places(packets, media, clock_hz)]
    return list(zip(places, chunks)), rate


def _laid(chunks, frames, shift):
    """A channel of those alone, each `shift` samples later."""
    out = array.array("h", bytes(2 * frames))
    for at, samples in chunks:
        if 0 <= at + shift and at + shift + len(samples) <= frames:
            out[at + shift:at + shift + len(samples)] = samples
    return out


def _mixed(channels):
    """Their sum, saturated, by sox."""
    raw = ["-t", "raw", "-r", "8000", "-c", "1", "-e", "signed", "-b", "16"]
    with tempfile.TemporaryDirectory() as folder:
        command = ["sox", "-D", "-m"]
        for number, samples in enumerate(channels):
            path = pathlib.Path(folder) / str(number)
            path.write_bytes(samples.tobytes())
            command += ["-v", "1", *raw, str(path)]
        return _run(command + [*raw, "-"], b"")


def mix_problems(recording, wav_path, channel_index, voices):
    """Of streams that speak at once: voices has (stream, packets, media), each as in stream_problems, all of G.711. The
    channel is their mix, sample by sample but for its first and last packet; each may stand a sample aside, for the
    capture's times are rounded to microseconds. A list of what is wrong."""
    file = Wav(wav_path)
    channel = file.channels[channel_index]
    edge = file.rate // 50
    placed = [_chunks(recording, *voice)[0] for voice in voices]
    fewest = None
    for shifts in itertools.product((0, -1, 1), repeat=len(placed)):
        alone = [_laid(chunks, file.frames, shift) for chunks, shift in zip(placed, shifts)]
        mix = _mixed(alone)
        wrong = sum(map(lambda a, b: a != b, channel[edge:-edge], mix[edge:-edge]))
        if fewest is None or wrong < fewest:
            fewest = wrong
            weakest = min(max(map(abs, samples)) for samples in alone)
        if wrong == 0:
            break
    ssrcs = [voice[0]["ssrc"] for voice in voices]
    return ([f"{ssrcs}: {fewest} samples of the channel are not their mix"] if fewest else []) + (
        [f"{ssrcs}: one of them is silence: the mix shows nothing"] if not weakest else [])


def stream_problems(recording, wav_path, channel_index, stream, packets, media, events):
    """packets: those of the stream that are its codec's, in order, no duplicates; media: all that are no events, as they
    came; events: stretches that digits cover, in microseconds after the start. A list of what is wrong, and how many packets
    were compared."""
    codec = stream["codec"]
    chunks, rate = _chunks(recording, stream, packets, media)
    file = Wav(wav_path)
    channel = file.channels[channel_index]
    if file.rate != rate:
        return [f"{stream['ssrc']}: {rate} Hz decoded, {file.rate} Hz in the file"], 0
    placed = _without_events(chunks, events, rate)
    if codec in SOX:
        _, compared, wrong = _exact(channel, placed, rate)
        return ([f"{stream['ssrc']}: {len(wrong)} of {compared} packets are not at their places, from {wrong[:5]} on"]
                if wrong else []), compared
    reach = MOST_SHIFT_MS * rate // 1000
    begin = max(placed[0][0] - reach, 0)
    part = slice(begin, begin + SAMPLES_COMPARED)
    found, shift = best_correlation(channel[part], _laid(placed, file.frames, 0)[part], reach)
    return ([] if found > LEAST_CORRELATION else
            [f"{stream['ssrc']}: correlation {found:.4f} at {shift} samples"]), len(placed)
