"""SRTP with keys in SDP: what the sender encrypted stands in the WAV sample by sample, and what nobody can decrypt is
named and never played."""
import base64
import filecmp
import json
import re
import socket
import struct
import subprocess
import unittest

from harness import schemas, srtp, wait, wav
from harness.case import Case
from harness.daemon import Legtapd, UnixConnection, configuration
from harness.generator import SBC, SBC_IPV6, Sender, generate, verify
from harness.hosts import Hosts
from harness.read import Reading
from harness.srtp import Key, Secured, udp_frame

CONFIG = {"sbc": {"addresses": [SBC, SBC_IPV6]}}
SUITE = "AES_CM_128_HMAC_SHA1_80"


class VectorTest(unittest.TestCase):
    """The maker of these tests against the RFCs' own vectors."""

    def setUp(self):
        srtp.need_cryptography()

    def test_rfc_3711_key_derivation(self):  # B.3
        key, salt = bytes.fromhex("E1F97A0D3E018BE0D64FA32C06DE4139"), bytes.fromhex("0EC675AD498AFEEBB6960B3AABE6")
        self.assertEqual(srtp.derive(key, salt, 0, 0, 16).hex().upper(), "C61E7A93744F39EE10734AFE3FF7A087")
        self.assertEqual(srtp.derive(key, salt, 2, 0, 14).hex().upper(), "30CBBC08863D8C85D49DB34A9AE1")
        self.assertEqual(srtp.derive(key, salt, 1, 0, 20).hex().upper(), "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4")

    def test_rfc_3711_key_stream(self):  # B.2
        stream = srtp.key_stream(bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3C"),
                                 srtp.counter_iv(bytes.fromhex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD"), 0, 0), 32)
        self.assertEqual(stream.hex().upper(), "E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB")

    def test_rfc_6188_key_stream(self):  # 7.1
        stream = srtp.key_stream(bytes.fromhex("57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98"),
                                 srtp.counter_iv(bytes.fromhex("f0f1f2f3f4f5f6f7f8f9fafbfcfd"), 0, 0), 32)
        self.assertEqual(stream.hex(), "92bdd28a93c3f52511c677d08b5515a49da71b2378a854f67050756ded165bac")

    def test_rfc_6188_key_derivation(self):  # 7.2
        key = bytes.fromhex("f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6")
        salt = bytes.fromhex("3b04803de51ee7c96423ab5b78d2")
        self.assertEqual(srtp.derive(key, salt, 0, 0, 32).hex(),
                         "5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4")
        self.assertEqual(srtp.derive(key, salt, 2, 0, 14).hex(), "fa31791685ca444a9e07c6c64e93")
        self.assertEqual(srtp.derive(key, salt, 1, 0, 20).hex(), "fd9c32d39ed5fbb5a9dc96b30818454d1313dc05")

    def test_rfc_7714_packet(self):  # 16.1.1
        key, salt = bytes(range(16)), bytes.fromhex("517569642070726f2071756f")
        packet = bytes.fromhex("8040f17b8041f8d35501a0b2") + b"Gallia est omnis divisa in partes tres"
        sealed = packet[:12] + srtp.AESGCM(key).encrypt(srtp.gcm_iv(salt, 0x5501A0B2, 0xF17B), packet[12:], packet[:12])
        self.assertEqual(sealed.hex(), "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a5"
                                       "1c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce")


class SrtpCase(Case):
    offline = True

    def setUp(self):
        super().setUp()
        srtp.need_cryptography()

    def generate(self, **options):
        return generate(self.folder / "plain.pcap", **{"calls": 2, "legs": 2, "seconds": 3, "seed": 7, "law": "mixed",
                                                       **options})

    def secure(self, source, keys, kind=Secured, **options):
        return kind(source, self.folder / "calls.pcap", keys, **options).target

    def read(self, capture, name="out", status=0, config=CONFIG):
        reading = Reading(capture, self.folder / name, config=config)
        self.assertEqual(reading.status, status, reading.explain())
        return reading

    def check(self, capture, name="out"):
        reading = self.read(capture, name)
        self.assertNothing(reading.problems(), reading.explain())
        wrong = verify(capture, reading.out, reading.recordings)
        self.assertFalse(wrong, wrong)
        for recording in reading.recordings:
            for track in recording["tracks"]:
                self.assertEqual(track["undecodable"], 0)
                self.assertNotIn("undecryptable", track)
        return reading

    def key(self, address, suite=SUITE, salt="", **parameters):
        return Key.random(suite, f"{salt}{address}", **parameters)


class AudioTest(SrtpCase):
    """One case for each suite and session parameter, with loss, reordering and duplicates."""

    def one(self, keys, **options):
        self.check(self.secure(self.generate(loss=2, reorder=2, duplicate=2), keys, **options))

    def test_mki(self):
        self.one(lambda address, answer: [self.key(address, mki=(77, 4))])

    def test_mki_of_gcm(self):
        self.one(lambda address, answer: [self.key(address, "AEAD_AES_256_GCM", mki=(1, 1))])

    def test_key_derivation_rate(self):
        self.one(lambda address, answer: [self.key(address, kdr=4)])

    def test_not_encrypted(self):
        self.one(lambda address, answer: [self.key(address, encrypted=False)])

    def test_not_authenticated(self):
        self.one(lambda address, answer: [self.key(address, authenticated=False)])

    def test_neither(self):
        self.one(lambda address, answer: [self.key(address, encrypted=False, authenticated=False)])

    def test_aes_192_as_libsrtp_had_it(self):
        self.one(lambda address, answer: [self.key(address, "AES_192_CM_HMAC_SHA1_80", derived_as_256=True)])

    def test_rollover_counter_of_a_call_that_has_long_begun(self):
        self.one(lambda address, answer: [self.key(address)], first_roc=200)

    def test_an_answer_chooses_among_several(self):
        def keys(address, answer):
            chosen = self.key(address, "AES_256_CM_HMAC_SHA1_80")
            return [chosen] if answer else [chosen, self.key(address, "AEAD_AES_128_GCM"), self.key(address)]
        self.one(keys)

    def test_offered_beside_plain_rtp(self):
        self.one(lambda address, answer: [self.key(address)], protocol="RTP/AVP")


def add_suites():
    for suite in srtp.SUITES:
        def test(self, suite=suite):
            self.one(lambda address, answer: [self.key(address, suite)])
        setattr(AudioTest, f"test_{suite.lower()}", test)


add_suites()


class CallsTest(SrtpCase):
    def test_offered_and_not_taken_is_plain(self):
        """An answer without a key: RTP/AVP is what its m= line says."""
        class Refused(Secured):
            def packets(self, time_s, source, packet):
                return [(time_s, packet)]
        self.check(self.secure(self.generate(), lambda address, answer: [] if answer else [self.key(address)], Refused,
                               protocol="RTP/AVP"))

    def test_early_media(self):
        self.check(self.secure(self.generate(early_media=True), lambda address, answer: [self.key(address)]))

    def test_late_offer(self):
        self.check(self.secure(self.generate(late_offer=True), lambda address, answer: [self.key(address)]))

    def test_several_keys_by_mki(self):
        """Each end announces two keys in one line, and changes between them every 16 packets."""
        class Changing(Secured):
            def lines(self, keys):
                return [keys[0].line(1, keys[1]) + "\r\n"]

            def packets(self, time_s, source, packet):
                index = self.index(packet)
                return [(time_s, self.keys(source, False)[index >> 4 & 1].protect(packet, index >> 16))]
        self.check(self.secure(self.generate(reorder=3), lambda address, answer: [
            self.key(address, mki=(1, 2)), self.key(address, salt="other", mki=(2, 2))], Changing))

    def test_a_pause_that_hides_rollovers(self):
        """From the second second on the counter is 5 further, as if so many packets had not been seen."""
        class Jumping(Secured):
            begun = None

            def packets(self, time_s, source, packet):
                self.begun = self.begun or time_s
                ahead = 5 if time_s > self.begun + 1.5 else 0
                return [(time_s, self.used[source].protect(packet, (self.index(packet) >> 16) + ahead))]
        self.check(self.secure(self.generate(), lambda address, answer: [self.key(address)], Jumping))

    def test_packets_of_others_are_kept_out(self):
        """Somebody without the key sends as the ends do: the audio is as if he had not."""
        class Attacked(Secured):
            def packets(self, time_s, source, packet):
                [(_, sealed)] = super().packets(time_s, source, packet)
                forged = packet[:12] + bytes(x ^ 0x55 for x in sealed[12:])
                return [(time_s - 1e-5, forged), (time_s, sealed)] if packet[3] % 8 == 0 else [(time_s, sealed)]
        capture = self.secure(self.generate(calls=1), lambda address, answer: [self.key(address)], Attacked)
        reading = self.read(capture)
        for recording in reading.recordings:
            for track in recording["tracks"]:
                self.assertGreater(track["unauthenticated"], 10)
                self.assertEqual(track["received"], track["unauthenticated"] + sum(
                    stream["received"] for stream in track["streams"]))
                self.assertEqual((track["lost"], track["duplicate"], track["undecodable"]), (0, 0, 0))
        plain = self.read(self.folder / "plain.pcap", "plain")
        for recording, other in zip(reading.recordings, plain.recordings):
            self.assertEqual(recording["sha256"], other["sha256"])

    def test_two_reads_are_byte_identical(self):
        capture = self.secure(self.generate(calls=5, loss=1, early_media=True), lambda address, answer: [self.key(address)])
        first, second = self.check(capture, "first"), self.check(capture, "second")
        names = sorted(str(p.relative_to(first.out)) for p in first.out.rglob("*") if p.is_file())
        same, different, unreadable = filecmp.cmpfiles(first.out, second.out, names, shallow=False)
        self.assertEqual((different, unreadable, len(same)), ([], [], len(names)))


class Rekeyed(Secured):
    """A second into the first call every dialog gets a re-INVITE with new keys at both ends; for 200 ms they go on by
    the old ones now and then."""

    def __init__(self, *arguments, **options):
        self.messages = {}  # by Call-ID: INVITE, 200, ACK as (frame, payload)
        self.changed, self.answered, self.old = None, None, {}
        super().__init__(*arguments, **options)

    def note(self, time_s, frame):
        payload = frame[42:]
        call_id = re.search(rb"(?m)^Call-ID: (\S+)", payload)[1]
        kind = payload.split(b" ", 1)[0]
        if b"CSeq: 1 INVITE" in payload and payload.startswith((b"INVITE", b"SIP/2.0 200")) or kind == b"ACK":
            self.messages.setdefault(call_id, {})[kind] = (frame, payload)
        if payload.startswith(b"SIP/2.0 200"):
            self.answered = self.answered or time_s

    def again(self, dialog, kind):
        """A message of the dialog's first exchange, as that of a second one."""
        frame, payload = dialog[kind]
        to = re.search(rb"(?m)^To: .*$", dialog[b"SIP/2.0"][1])[0]
        payload = re.sub(rb"(?m)^To: .*$", lambda _: to, payload)
        return udp_frame(frame, payload.replace(b"CSeq: 1 ", b"CSeq: 2 ").replace(b"branch=z9hG4bK", b"branch=z9hG4bKre"))

    def frames(self, time_s, frame):
        if b"SIP/2.0" in frame[42:]:
            self.note(time_s, frame)
        out = []
        if self.answered and not self.changed and time_s > self.answered + 1:
            self.changed = time_s
            self.old = dict(self.used)
            for dialog in self.messages.values():
                for kind in (b"INVITE", b"SIP/2.0", b"ACK"):
                    out += super().frames(time_s, self.again(dialog, kind))
        return out + super().frames(time_s, frame)

    def packets(self, time_s, source, packet):
        old = self.changed and time_s < self.changed + 0.2 and packet[3] % 2
        key = (self.old if old else self.used)[source]
        return [(time_s, key.protect(packet, self.index(packet) >> 16))]


class ChangeTest(SrtpCase):
    def test_new_keys_in_mid_call(self):
        calls = []

        def keys(address, answer):
            calls.append(address)
            return [self.key(address, salt=str(len(calls)))]
        self.check(self.secure(self.generate(calls=1), keys, Rekeyed))
        self.assertEqual(len(calls), 8)


class FfmpegTest(SrtpCase):
    """SRTP that ffmpeg has made, in the place of one end's audio."""

    def ffmpeg(self, *arguments):
        subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=8000:duration=2",
                        "-ac", "1", *map(str, arguments)], check=True, timeout=60, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL)

    def sent(self, key):
        """The packets, received from its socket."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
            receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            receiver.bind(("127.0.0.1", 0))
            receiver.setblocking(False)
            self.ffmpeg("-acodec", "pcm_mulaw", "-f", "rtp", "-srtp_out_suite", key.suite, "-srtp_out_params",
                        base64.b64encode(key.secret).decode(),
                        f"srtp://127.0.0.1:{receiver.getsockname()[1]}?pkt_size=182")
            packets = []
            while True:
                try:
                    packets.append(receiver.recv(2048))
                except BlockingIOError:
                    return [p for p in packets if not 192 <= p[1] <= 223]

    def one(self, suite):
        key = Key.random(suite, "ffmpeg")
        packets = self.sent(key)
        self.assertGreater(len(packets), 90)

        class Replaced(Secured):
            end = None

            def packets(self, time_s, source, packet):
                self.end = self.end or (source if source[0] != SBC else None)
                if source != self.end:
                    return super().packets(time_s, source, packet)
                ready, packets[:] = list(packets), []
                return [(time_s + 0.02 * i, p) for i, p in enumerate(ready)]

            def keys_of(self, address):
                return [key] if address[0] != SBC else [Key.random(suite, str(address))]
        capture = self.secure(self.generate(calls=1, legs=1, law="pcmu", seconds=3),
                              lambda address, answer: Replaced.keys_of(None, address), Replaced)
        srtp.write_capture(capture, sorted(srtp.capture.frames(capture), key=lambda f: f[0]))
        reading = self.read(capture)
        [recording] = reading.recordings
        incoming = next(t for t in recording["tracks"] if t["track"] == "INCOMING")
        self.assertEqual((incoming["lost"], incoming["undecodable"]), (0, 0))
        self.ffmpeg("-acodec", "pcm_mulaw", "-f", "mulaw", self.folder / "sine.ul")
        subprocess.run(["ffmpeg", "-v", "error", "-f", "mulaw", "-ar", "8000", "-i", self.folder / "sine.ul", "-f",
                        "s16le", self.folder / "sine.raw"], check=True, timeout=60, stdin=subprocess.DEVNULL)
        expected = (self.folder / "sine.raw").read_bytes()
        left = wav.Wav(reading.out / recording["file"]).channels[0]
        self.assertIn(expected, struct.pack(f"<{len(left)}h", *left))

    def test_ffmpeg_makes_it(self):
        self.one("AES_CM_128_HMAC_SHA1_80")

    def test_ffmpeg_makes_it_with_short_tags(self):
        self.one("AES_CM_128_HMAC_SHA1_32")


class UndecryptableTest(SrtpCase):
    def check_sealed(self, reading, codec, reason):
        self.assertTrue(reading.recordings)
        for recording in reading.recordings:
            for track in recording["tracks"]:
                self.assertGreater(track["received"], 0)
                self.assertEqual(track["undecryptable"], track["received"])
                self.assertEqual(track["undecodable"], track["received"])
                self.assertTrue(set(track["undecodable_codecs"]) <= {f"{codec} PCMU", f"{codec} PCMA"}, track)
                self.assertIn(reason, track["undecodable_reasons"][0])
            self.assertIn("encrypted", recording["failure"])
            self.assertFalse((reading.out / recording["file"]).exists())

    def test_dtls(self):
        class Dtls(Secured):
            def lines(self, keys):
                return ["a=fingerprint:sha-256 " + ":".join(["5A"] * 32) + "\r\na=setup:actpass\r\n"]
        reading = self.read(self.secure(self.generate(), lambda address, answer: [self.key(address)], Dtls,
                                        protocol="UDP/TLS/RTP/SAVPF"), status=1)
        self.check_sealed(reading, "DTLS-SRTP", "DTLS")

    def test_no_key(self):
        class Silent(Secured):
            def lines(self, keys):
                return []
        reading = self.read(self.secure(self.generate(), lambda address, answer: [self.key(address)], Silent), status=1)
        self.check_sealed(reading, "SRTP", "no key")

    def test_wrong_key(self):
        class Wrong(Secured):
            def lines(self, keys):
                return [Key.random(SUITE, "another").line(1) + "\r\n"]
        reading = self.read(self.secure(self.generate(), lambda address, answer: [self.key(address)], Wrong), status=1)
        self.check_sealed(reading, "SRTP", "no key")

    def test_unknown_suite(self):
        class Unknown(Secured):
            def lines(self, keys):
                return [keys[0].line(1).replace(SUITE, "F8_128_HMAC_SHA1_80") + "\r\n"]
        reading = self.read(self.secure(self.generate(), lambda address, answer: [self.key(address)], Unknown), status=1)
        self.check_sealed(reading, "SRTP", "no key")


def find_keys(keys, texts):
    """Names of texts that hold a key as bytes, in base64 or in hex."""
    parts = [part for key in keys for part in (key.secret[:16], key.secret[16:], base64.b64encode(key.secret)[:20],
                                               key.secret[:16].hex().encode())]
    return [name for name, text in texts.items() if any(part in text for part in parts)]


def files_below(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class SecrecyTest(SrtpCase):
    def test_keys_are_nowhere_afterwards(self):
        """In nothing that a reading writes or says."""
        keys = {}

        def announce(address, answer):
            return [keys.setdefault(address, self.key(address))]
        capture = self.secure(self.generate(), announce)
        reading = self.check(capture)
        texts = files_below(self.folder)
        self.assertEqual(find_keys(keys.values(), {"capture": texts.pop(capture)}), ["capture"])
        texts["stdout"], texts["stderr"] = reading.stdout.encode(), reading.stderr.encode()
        self.assertGreater(len(keys), 4)
        self.assertNothing(find_keys(keys.values(), texts))


class LiveTest(SrtpCase):
    offline = False

    def setUp(self):
        super().setUp()
        self.hosts = self.enterContext(Hosts(self.folder))

    def events(self, daemon):
        connection = UnixConnection(daemon.socket)
        connection.request("GET", "/v1/events?follow=0")
        text = connection.getresponse().read()
        connection.close()
        return text

    def test_one_leg_opens_and_one_does_not(self):
        """The participant of LEG-B has no a=crypto. What is said of it is in the event stream; of LEG-A every sample is
        in the file; no key is in the spool during the call, nor in anything that is left."""
        keys = {}

        class Half(Secured):
            def describe(self, text, answer):
                self.sealed = "m=audio 10002 " in text or "IN IP4 10.2." in text
                return super().describe(text, answer)

            def lines(self, keys):
                return [] if self.sealed else super().lines(keys)

        def announce(address, answer):
            return [keys.setdefault(address, self.key(address))]
        capture = self.secure(self.generate(calls=1, seconds=5), announce, Half)
        config = configuration(self.folder, sbc={"addresses": [SBC]}, spool={"max_age": 0.2})
        daemon = self.enterContext(Legtapd(self.hosts, self.folder, config))
        sender = Sender(self.hosts, "switch", "probe", capture)
        wait.until(lambda: any(p.stat().st_size for p in (self.folder / "spool").rglob("*.track"))
                   and daemon.recorded_packets() > 200, "packets in the spool")
        during = files_below(self.folder / "spool")
        sent = sender.wait()
        opened, sealed = sorted(daemon.wait_recordings(2, states=("delivered", "failed")),
                                key=lambda r: r["participant_tag"])
        wrong = verify(capture, self.folder / "delivered", [opened], sent=sent, window="answer")
        self.assertFalse([line for line in wrong.splitlines() if opened["call_id"] in line], wrong)
        self.assertEqual([t.get("undecryptable", 0) for t in opened["tracks"]], [0, 0])
        self.assertEqual([t["undecryptable"] for t in sealed["tracks"]], [t["received"] for t in sealed["tracks"]])
        events = self.events(daemon)
        told = [e for e in map(json.loads, events.splitlines()) if e["EventType"] == "undecryptable"]
        self.assertEqual({e["recording_id"] for e in told}, {sealed["recording_id"]})
        self.assertEqual({(e["place"], t["track"], t.get("reason")) for e in told for t in e["tracks"]},
                         {(place, track, reason) for place, reason in (("signalling", "no_key"), ("media", None))
                          for track in ("INCOMING", "OUTGOING")})
        for event in told:
            self.assertNothing(schemas.problems_of("event", event))
        daemon.terminate()
        left = {name: text for name, text in files_below(self.folder).items() if name.suffix != ".pcap"}
        self.assertTrue(any(name.suffix == ".journal" for name in during))
        self.assertNothing(find_keys(keys.values(), {**left, **during, "events": events}))
