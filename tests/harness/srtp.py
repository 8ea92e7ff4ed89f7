"""SRTP made from first principles (RFC 3711, 4568, 6188, 7714), independent of legtap and of any SRTP library: packets,
a=crypto lines, and captures of plain calls turned into encrypted ones. AES and HMAC are the cryptography package's."""
import base64
import hashlib
import hmac
import random
import re
import shutil
import struct
import unittest

from . import capture
from .generator import truth_of

try:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
except ImportError:
    AESGCM = None

SUITES = {  # bytes of key, salt, tag
    "AES_CM_128_HMAC_SHA1_80": (16, 14, 10), "AES_CM_128_HMAC_SHA1_32": (16, 14, 4),
    "AES_192_CM_HMAC_SHA1_80": (24, 14, 10), "AES_192_CM_HMAC_SHA1_32": (24, 14, 4),
    "AES_256_CM_HMAC_SHA1_80": (32, 14, 10), "AES_256_CM_HMAC_SHA1_32": (32, 14, 4),
    "AEAD_AES_128_GCM": (16, 12, 16), "AEAD_AES_256_GCM": (32, 12, 16)}


def need_cryptography():
    if AESGCM is None:
        raise unittest.SkipTest("the Python package cryptography is not there (Debian: python3-cryptography)")


def key_stream(key, iv, length):
    """AES in counter mode; iv: 16 bytes (RFC 3711, 4.1.1)."""
    encryptor = Cipher(algorithms.AES(key), modes.CTR(iv)).encryptor()
    return encryptor.update(bytes(length))


def derive(key, salt, label, r, length):
    """RFC 3711, 4.3.1 and 4.3.3."""
    x = int.from_bytes(salt.ljust(14, b"\0"), "big") ^ (label << 48 | r)
    return key_stream(key, (x << 16).to_bytes(16, "big"), length)


def counter_iv(salt, ssrc, index):
    """RFC 3711, 4.1.1."""
    return (int.from_bytes(salt, "big") << 16 ^ ssrc << 64 ^ index << 16).to_bytes(16, "big")


def gcm_iv(salt, ssrc, index):
    """RFC 7714, 8.1."""
    return (int.from_bytes(salt, "big") ^ (ssrc << 48 | index)).to_bytes(12, "big")


def header_bytes(packet):
    length = 12 + (packet[0] & 15) * 4
    if packet[0] & 16:
        length += 4 + struct.unpack_from(">H", packet, length + 2)[0] * 4
    return length


class Key:
    """A master key with its session parameters, as an a=crypto line has them."""

    def __init__(self, suite, secret, mki=None, kdr=None, encrypted=True, authenticated=True,
                 derived_as_256=False):
        self.suite = suite
        self.key_bytes, self.salt_bytes, self.tag_bytes = SUITES[suite]
        self.secret = secret
        self.mki = mki  # (value, bytes)
        self.kdr = kdr  # its logarithm
        self.encrypted, self.authenticated = encrypted, authenticated
        self.derived_as_256 = derived_as_256  # libsrtp's AES-192 up to 2.7.0

    @classmethod
    def random(cls, suite, seed, **parameters):
        key, salt, _ = SUITES[suite]
        return cls(suite, random.Random(seed).randbytes(key + salt), **parameters)

    def inline(self, lifetime="2^31"):
        mki = f"|{self.mki[0]}:{self.mki[1]}" if self.mki else ""
        return f"inline:{base64.b64encode(self.secret).decode()}|{lifetime}{mki}"

    def line(self, tag, *others):
        """others: further keys of the line."""
        parameters = [f"KDR={self.kdr}"] if self.kdr is not None else []
        parameters += [] if self.encrypted else ["UNENCRYPTED_SRTP"]
        parameters += [] if self.authenticated else ["UNAUTHENTICATED_SRTP"]
        keys = ";".join(key.inline() for key in (self, *others))
        return " ".join([f"a=crypto:{tag} {self.suite} {keys}", *parameters])

    def protect(self, packet, roc):
        """An RTP packet as SRTP."""
        sequence, _, ssrc = struct.unpack_from(">HII", packet, 2)
        index = roc << 16 | sequence
        r = 0 if self.kdr is None else index >> self.kdr
        at = 32 if self.derived_as_256 else self.key_bytes
        secret = self.secret.ljust(46, b"\0") if self.derived_as_256 else self.secret
        master, salt = secret[:at], secret[at:]
        session = derive(master, salt, 0, r, self.key_bytes)
        session_salt = derive(master, salt, 2, r, self.salt_bytes)
        head, body = packet[:header_bytes(packet)], packet[header_bytes(packet):]
        mki = self.mki[0].to_bytes(self.mki[1], "big") if self.mki else b""
        if self.suite.startswith("AEAD"):
            return head + AESGCM(session).encrypt(gcm_iv(session_salt, ssrc, index), body, head) + mki
        if self.encrypted:
            stream = key_stream(session, counter_iv(session_salt, ssrc, index), len(body))
            body = bytes(a ^ b for a, b in zip(body, stream))
        if not self.authenticated:
            return head + body + mki
        auth = derive(master, salt, 1, r, 20)
        tag = hmac.new(auth, head + body + struct.pack(">I", roc), hashlib.sha1).digest()[:self.tag_bytes]
        return head + body + mki + tag


# --- Captures ---


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def udp_frame(frame, payload):
    """A frame of UDP over IPv4 over Ethernet with another payload; no UDP checksum."""
    ip = bytearray(frame[14:34])
    struct.pack_into(">H", ip, 2, 28 + len(payload))
    struct.pack_into(">H", ip, 10, 0)
    struct.pack_into(">H", ip, 10, checksum(bytes(ip)))
    return frame[:14] + bytes(ip) + frame[34:38] + struct.pack(">HH", 8 + len(payload), 0) + payload


def write_capture(path, frames):
    """frames: (time in seconds, bytes), written in microseconds."""
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for time_s, frame in frames:
            microseconds = round(time_s * 1e6)
            out.write(struct.pack("<IIII", microseconds // 1000000, microseconds % 1000000, len(frame), len(frame)))
            out.write(frame)


def edit_sdp(message, edit):
    """A SIP message whose session description went through edit(text); its Content-Length follows."""
    head, separator, body = message.partition(b"\r\n\r\n")
    if not body:
        return message
    body = edit(body.decode()).encode()
    return re.sub(rb"(?mi)^Content-Length: *\d+", b"Content-Length: %d" % len(body), head) + separator + body


class Secured:
    """A capture of plain calls with SDP and RTP as if they had been encrypted. `keys(address, answer)` gives the keys
    that the end at (host, port) announces, the first of them the one it uses; `protocol` what its m= line says."""

    def __init__(self, source, target, keys, protocol="RTP/SAVP", first_roc=0):
        need_cryptography()
        self.keys, self.protocol, self.first_roc = keys, protocol, first_roc
        self.used = {}  # by media address
        self.highest = {}  # index by SSRC
        self.target = target
        write_capture(target, [f for time_s, frame in capture.frames(source) for f in self.frames(time_s, frame)])
        if truth_of(source).exists():
            shutil.copy(truth_of(source), truth_of(target))

    def frames(self, time_s, frame):
        payload = frame[42:]
        if b"SIP/2.0" in payload:
            answer = payload.startswith(b"SIP/2.0")
            return [(time_s, udp_frame(frame, edit_sdp(payload, lambda text: self.describe(text, answer))))]
        if len(payload) > 12 and payload[0] >> 6 == 2 and not 192 <= payload[1] <= 223:
            source = (".".join(map(str, frame[26:30])), struct.unpack_from(">H", frame, 34)[0])
            return [(t, udp_frame(frame, data)) for t, data in self.packets(time_s, source, payload)]
        return [(time_s, frame)]

    def describe(self, text, answer):
        host = re.search(r"(?m)^c=IN IP4 (\S+)\r?$", text)[1]
        port = int(re.search(r"(?m)^m=audio (\d+)", text)[1])
        keys = self.keys((host, port), answer)
        self.used[host, port] = keys[0] if keys else None
        text = text.replace(" RTP/AVP ", f" {self.protocol} ")
        return text + "".join(self.lines(keys))

    def lines(self, keys):
        return [key.line(tag) + "\r\n" for tag, key in enumerate(keys, 1)]

    def index(self, packet):
        sequence, _, ssrc = struct.unpack_from(">HII", packet, 2)
        highest = self.highest.get(ssrc, self.first_roc << 16 | sequence)
        index = highest + ((sequence - highest + 0x8000 & 0xFFFF) - 0x8000)
        self.highest[ssrc] = max(highest, index)
        return index

    def packets(self, time_s, source, packet):
        """What becomes of an RTP packet: (time, payload), any number."""
        key = self.used.get(source)
        return [(time_s, key.protect(packet, self.index(packet) >> 16) if key else packet)]
