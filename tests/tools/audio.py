"""Sounds of our own for tests, as A-law, and RTP captures of them that SIPp can play.

As a program: audio.py FILE.pcap SECONDS [second] writes the callee's voice as a capture, or that of
the second participant.
"""
import math
import struct
import sys

RATE = 8000
FIRST_US = 1000000  # SIPp takes a time of 0 for none, and sends the next packet at once
PROMPT_HZ = (392, 440, 494, 523)       # a rising scale: the application's prompt
CALLEE_HZ = (659, 587, 523, 587, 494)  # a melody that the prompt does not contain
SECOND_HZ = (330, 349, 311, 294)       # and one lower than both
CALLEE_SSRC, SECOND_SSRC = 0x1E67AB1E, 0x5EC07D


def alaw_encode(sample):
    """One 16-bit sample as A-law (ITU-T G.711)."""
    sign = 0x80 if sample >= 0 else 0
    magnitude = (sample if sample >= 0 else ~sample) >> 4
    exponent = max(magnitude.bit_length() - 4, 0)
    mantissa = magnitude >> max(exponent - 1, 0) & 0x0F
    return (sign | exponent << 4 | mantissa) ^ 0x55


def melody(notes, seconds, note_seconds=0.25):
    """Tones that follow each other, each one faded in and out."""
    samples = bytearray()
    length = int(RATE * note_seconds)
    for index in range(int(RATE * seconds)):
        note, place = divmod(index, length)
        level = 9000 * math.sin(math.pi * place / length)
        value = int(level * math.sin(2 * math.pi * notes[note % len(notes)] * index / RATE))
        samples.append(alaw_encode(value))
    return bytes(samples)


def prompt_payload():
    return melody(PROMPT_HZ, 2)


def callee_payload(seconds):
    return melody(CALLEE_HZ, seconds)


def second_payload(seconds):
    return melody(SECOND_HZ, seconds)


def rtp_capture(payload, samples=160, payload_type=8, ssrc=CALLEE_SSRC):
    """A classic pcap of Ethernet, IPv4, UDP and RTP, paced as the audio is."""
    out = bytearray(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
    for number in range(len(payload) // samples):
        rtp = struct.pack(">BBHII", 0x80, payload_type, number + 1, number * samples, ssrc)
        rtp += payload[number * samples:(number + 1) * samples]
        udp = struct.pack(">HHHH", 5000, 5000, len(rtp) + 8, 0)
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, len(rtp) + 28, number & 0xFFFF, 0, 64, 17, 0,
                         bytes((192, 0, 2, 1)), bytes((192, 0, 2, 2)))
        frame = bytes(12) + b"\x08\x00" + ip + udp + rtp
        time_us = FIRST_US + number * samples * 1000000 // RATE
        out += struct.pack("<IIII", time_us // 1000000, time_us % 1000000, len(frame), len(frame)) + frame
    return bytes(out)


if __name__ == "__main__":
    length_s = float(sys.argv[2])
    with open(sys.argv[1], "wb") as file:
        if "second" in sys.argv[3:]:
            file.write(rtp_capture(second_payload(length_s), ssrc=SECOND_SSRC))
        else:
            file.write(rtp_capture(callee_payload(length_s)))
