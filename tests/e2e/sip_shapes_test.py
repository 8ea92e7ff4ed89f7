"""What SIP and SDP do to media (docs/compatibility.md, SIP): each call is a capture made line by line, and who must be
heard when is known from how it was made; tshark counts its streams and messages."""
import filecmp
import struct
import subprocess

from harness import wav
from harness.paths import CAPTURES
from harness.read import Reading
from harness.script import CONFIG, HOSTS, Script, heard, sdp, tshark_streams
from read_test import ReadCase

A, S = ("A", 4000), ("S", 6000)
OFFER, ANSWER = sdp("A", "audio 4000"), sdp("S", "audio 6000")


class ShapeCase(ReadCase):
    def read_script(self, script, name="made"):
        capture = script.write(self.folder / f"{name}.pcap")
        reading = self.read(capture, name, config=CONFIG)
        seen = tshark_streams(capture)
        for recording in reading.recordings:
            for s in (s for track in recording["tracks"] for s in track["streams"]):
                self.assertEqual(s["received"], seen[s["source"], s["destination"], s["ssrc"]], reading.explain())
        return reading

    def channels(self, reading, recording):
        return [heard(c) for c in wav.Wav(reading.out / recording["file"]).channels]

    def check(self, script, incoming, outgoing=""):
        """One leg, and who is heard in either direction."""
        reading = self.read_script(script)
        [recording] = reading.recordings
        self.assertEqual(self.channels(reading, recording), [incoming, outgoing], reading.explain())
        return reading, recording

    @staticmethod
    def both(script, begin_s, end_s, voices="12", a=A, s=S, **options):
        script.talk(voices[0], begin_s, end_s, a, s, ssrc=1, **options)
        script.talk(voices[1], begin_s, end_s, s, a, ssrc=2, **options)

    @staticmethod
    def re_invite(script, at_s, offer, answer, cseq=2, hop="A>S", status=200):
        back = f"{hop[2]}>{hop[0]}"
        tags = ("a", "s") if hop[0] == "A" else ("s", "a")
        script.sip(at_s, hop, "INVITE", tags=tags, cseq=cseq, body=offer)
        script.sip(at_s + 0.02, back, f"{status}/INVITE", tags=tags, cseq=cseq, body=answer)
        script.sip(at_s + 0.04, hop, "ACK", tags=tags, cseq=cseq,
                   branch=None if status == 200 else f"z9hG4bKc1{cseq}INVITE{''.join(sorted(hop))}")


class LinesTest(ShapeCase):
    def one_call(self, offer, answer):
        made = Script()
        made.call(offer, answer, 3.5)
        return made

    def test_two_audio_lines(self):
        made = self.one_call(sdp("A", "audio 4000", "audio 4002"), sdp("S", "audio 6000", "audio 6002"))
        self.both(made, 0.5, 2)
        made.talk("3", 2, 3.5, ("A", 4002), ("S", 6002))
        self.check(made, "1 0.0-1.5, 3 1.5-3.0", "2 0.0-1.5")

    def test_a_rejected_line_before_the_audio(self):
        made = self.one_call(sdp("A", ("video 4010 RTP/AVP 31", "inactive"), "audio 4000"),
                             sdp("S", ("video 0 RTP/AVP 31", "inactive"), "audio 6000"))
        self.both(made, 0.5, 3.5)
        _, recording = self.check(made, "1 0.0-3.0", "2 0.0-3.0")
        self.assertEqual(recording["state"], "delivered")

    def test_audio_is_rejected_and_added_again(self):
        made = self.one_call(OFFER, ANSWER)
        self.both(made, 0.5, 1.5)
        self.re_invite(made, 1.5, sdp("A", "audio 0", "image 4100 udptl t38"), sdp("S", "audio 0", "image 6100 udptl t38"))
        self.re_invite(made, 2.4, sdp("A", "audio 4200", "image 0 udptl t38"), sdp("S", "audio 6200", "image 0 udptl t38"), 3)
        self.both(made, 2.5, 3.5, "34", ("A", 4200), ("S", 6200))
        self.check(made, "1 0.0-1.0, 3 2.0-3.0", "2 0.0-1.0, 4 2.0-3.0")

    def test_rtcp_and_stun_beside_the_audio(self):
        """a=rtcp-mux in one direction, a port of its own in the other; STUN at the media ports. None is RTP."""
        made = self.one_call(sdp("A", ("audio 4000", "rtcp-mux", "rtcp:4000")), sdp("S", ("audio 6000", "rtcp:6001")))
        self.both(made, 0.5, 3.5)
        report = struct.pack(">BBHIQIII", 0x80, 200, 6, 1, 0, 0, 1, 160)
        binding = struct.pack(">HHI", 1, 0, 0x2112A442) + bytes(12)
        for n in range(3):
            made.send(1 + n, A, S, report)
            made.send(1 + n, ("S", 6001), ("A", 4000), report)
            made.send(1 + n, A, S, binding)
        reading, _ = self.check(made, "1 0.0-3.0", "2 0.0-3.0")
        [rx] = reading.summary()["rx"]
        self.assertEqual((rx["rtcp_recorded"], rx["rtcp"], rx["not_rtp"], rx["recorded"]), (3, 3, 3, 300))

    def test_video_in_one_bundle_with_the_audio(self):
        """It comes from and to the audio's port: left out by name, and no noise."""
        made = self.one_call(sdp("A", ("audio 4000", "mid:0"), ("video 4000 RTP/AVP 96", "mid:1", "rtpmap:96 VP8/90000"),
                                 session="a=group:BUNDLE 0 1"),
                             sdp("S", ("audio 6000", "mid:0"), ("video 6000 RTP/AVP 96", "mid:1", "rtpmap:96 VP8/90000"),
                                 session="a=group:BUNDLE 0 1"))
        self.both(made, 0.5, 3.5)
        made.talk("3", 1, 3, A, S, payload_type=96, ssrc=3)
        capture = made.write(self.folder / "made.pcap")
        reading = self.read(capture, config=CONFIG)
        [recording] = reading.recordings
        self.assertEqual(self.channels(reading, recording), ["1 0.0-3.0", "2 0.0-3.0"])
        self.assertEqual([track["undecodable"] for track in recording["tracks"]], [0, 0])
        incoming, outgoing = recording["tracks"]
        self.assertEqual((incoming["other_media"], incoming["other_media_codecs"]), (100, ["VIDEO VP8"]))
        self.assertNotIn("other_media", outgoing)

    def test_ice_candidates(self):
        """The default is a relay's; media goes between host candidates that no c= line names."""
        a = sdp("203.0.113.9", ("audio 3478", "ice-ufrag:x", "candidate:1 1 UDP 2130706431 10.0.0.1 4000 typ host",
                                "candidate:2 1 UDP 1 203.0.113.9 3478 typ relay raddr 10.0.0.1 rport 4000"))
        s = sdp("T", ("audio 6400", "ice-lite", "candidate:1 1 UDP 2130706431 10.9.0.1 6000 typ host",
                      "candidate:1 2 UDP 2130706430 10.9.0.1 6001 typ host"))
        made = self.one_call(a, s)
        self.both(made, 0.5, 3.5)
        self.re_invite(made, 2, sdp("A", ("audio 4000", "remote-candidates:1 10.9.0.1 6000")), sdp("S", "audio 6000"))
        made.talk("3", 1, 3.5, ("X", 999), S)
        self.check(made, "1 0.0-3.0", "2 0.0-3.0")


class SetupTest(ShapeCase):
    def test_forked_with_several_183s(self):
        """Early media from one place, the answer from another: both are of the leg."""
        made = Script()
        made.sip(0, "S>B", "INVITE", tags=("s", None), body=sdp("S", "audio 6000"))
        made.sip(0.1, "B>S", "183/INVITE", tags=("s", "b1"), body=sdp("B", "audio 5000"))
        made.sip(0.2, "B>S", "183/INVITE", tags=("s", "b2"), body=sdp("C", "audio 5000"))
        made.talk("1", 0.3, 1.5, ("B", 5000), S)
        made.talk("2", 1.5, 4.3, ("C", 5000), S)
        made.sip(1.5, "B>S", "200/INVITE", tags=("s", "b2"), body=sdp("C", "audio 5000"))
        made.sip(1.6, "S>B", "ACK", tags=("s", "b2"))
        made.sip(4.3, "S>B", "BYE", tags=("s", "b2"), cseq=2)
        reading, recording = self.check(made, "1 0.0-1.2, 2 1.2-4.0")
        self.assertEqual(len(recording["tracks"][0]["streams"]), 2, reading.explain())

    def test_a_rule_records_from_the_answer_on(self):
        made = Script()
        made.sip(0, "A>S", "INVITE", tags=("a", None), body=OFFER)
        made.sip(0.1, "S>A", "183/INVITE", body=sdp("S", "audio 6000"))
        self.both(made, 0.2, 3.5)
        made.sip(1.5, "S>A", "200/INVITE", body=sdp("S", "audio 6000"))
        made.bye(3.5)
        capture = made.write(self.folder / "made.pcap")
        for source, begin in (("answer", 0), ("early_media", 1.4)):
            config = {**CONFIG, "rules": [{"Track": "BOTH", "from": source}]}
            reading = self.read(capture, source, config=config)
            [recording] = reading.recordings
            self.assertEqual(recording["duration_ms"], round(2000 + begin * 1000))
            self.assertRegex(self.channels(reading, recording)[0], rf"^1 0\.[01]-{2 + begin:.1f}$")

    def test_another_address_in_the_200_than_in_the_183(self):
        made = Script()
        made.sip(0, "A>S", "INVITE", tags=("a", None), body=OFFER)
        made.sip(0.1, "S>A", "183/INVITE", body=sdp("T", "audio 6300"))
        made.talk("3", 0.5, 1.5, ("T", 6300), A)
        made.sip(1.5, "S>A", "200/INVITE", body=ANSWER)
        self.both(made, 1.5, 3.5)
        made.bye(3.5)
        self.check(made, "1 1.0-3.0", "3 0.0-1.0, 2 1.0-3.0")

    def test_offer_in_the_183_answer_in_prack_then_update(self):
        made = Script()
        made.sip(0, "A>S", "INVITE", tags=("a", None))
        made.sip(0.1, "S>A", "183/INVITE", body=sdp("S", "audio 6100"), headers=("Require: 100rel", "RSeq: 1"))
        made.sip(0.2, "A>S", "PRACK", cseq=2, body=sdp("A", "audio 4100"), headers=("RAck: 1 1 INVITE",))
        made.sip(0.25, "S>A", "200/PRACK", cseq=2)
        self.both(made, 0.5, 1.5, "34", ("A", 4100), ("S", 6100))
        made.sip(1.45, "A>S", "UPDATE", cseq=3, body=OFFER)
        made.sip(1.48, "S>A", "200/UPDATE", cseq=3, body=ANSWER)
        self.both(made, 1.5, 3.5)
        made.sip(2, "S>A", "200/INVITE")
        made.bye(3.5)
        self.check(made, "3 0.0-1.0, 1 1.0-3.0", "4 0.0-1.0, 2 1.0-3.0")

    def test_redirected_and_tried_again(self):
        made = Script()
        made.sip(0, "A>S", "INVITE", tags=("a", None), body=OFFER)
        made.sip(0.1, "S>A", "302/INVITE", tags=("a", "x"), headers=("Contact: <sip:other@example.com>",))
        made.sip(0.12, "A>S", "ACK", tags=("a", "x"))
        made.sip(0.2, "A>S", "INVITE", tags=("a", None), cseq=2, body=OFFER)
        made.sip(0.5, "S>A", "200/INVITE", cseq=2, body=ANSWER)
        self.both(made, 0.5, 3.5)
        made.bye(3.5)
        self.check(made, "1 0.0-3.0", "2 0.0-3.0")

    def test_a_transferred_call_is_one_transaction(self):
        """A's leg is replaced by C's: attended transfer (REFER, then INVITE with Replaces)."""
        made = Script()
        made.call(OFFER, ANSWER)
        self.both(made, 0.5, 2)
        made.sip(1.8, "A>S", "REFER", cseq=3, headers=("Refer-To: <sip:c@example.com?Replaces=c9>",))
        made.sip(1.82, "S>A", "202/REFER", cseq=3)
        made.sip(1.9, "S>C", "INVITE", "c3", ("s3", None), body=sdp("S", "audio 6600"),
                 headers=("Replaces: c1;from-tag=a;to-tag=s",))
        made.sip(2, "C>S", "200/INVITE", "c3", ("s3", "c"), body=sdp("C", "audio 5000"))
        made.talk("3", 2, 4, ("C", 5000), ("S", 6600))
        made.sip(2.1, "S>A", "BYE", tags=("s", "a"), cseq=1)
        made.sip(4, "C>S", "BYE", "c3", ("c", "s3"), cseq=5)
        reading = self.read_script(made)
        first, second = sorted(reading.recordings, key=lambda r: r["start"])
        self.assertEqual((first["participant_tag"], second["participant_tag"]), ("LEG-A", "LEG-B"))
        self.assertEqual(first["transaction_id"], second["transaction_id"])
        self.assertEqual(self.channels(reading, second)[0], "3 0.0-2.0")


class ReInviteTest(ShapeCase):
    def test_another_address(self):
        made = Script()
        made.call(OFFER, ANSWER, 3.5)
        self.both(made, 0.5, 2)
        self.re_invite(made, 1.9, sdp("B", "audio 4444"), sdp("T", "audio 6444"))
        self.both(made, 2, 3.5, "34", ("B", 4444), ("T", 6444))
        self.check(made, "1 0.0-1.5, 3 1.5-3.0", "2 0.0-1.5, 4 1.5-3.0")

    def test_another_codec(self):
        made = Script()
        made.call(OFFER, ANSWER, 3.5)
        self.both(made, 0.5, 2)
        self.re_invite(made, 1.9, sdp("A", "audio 4000 RTP/AVP 0"), sdp("S", "audio 6000 RTP/AVP 0"))
        self.both(made, 2, 3.5, "56")
        self.check(made, "1 0.0-1.5, 5 1.5-3.0", "2 0.0-1.5, 6 1.5-3.0")

    def test_a_payload_type_that_changes_its_meaning(self):
        made = Script()
        made.call(sdp("A", ("audio 4000 RTP/AVP 96", "rtpmap:96 PCMA/8000")),
                  sdp("S", ("audio 6000 RTP/AVP 96", "rtpmap:96 PCMA/8000")), 3.5)
        self.both(made, 0.5, 2, payload_type=96)
        self.re_invite(made, 1.99, sdp("A", ("audio 4000 RTP/AVP 96", "rtpmap:96 PCMU/8000")),
                       sdp("S", ("audio 6000 RTP/AVP 96", "rtpmap:96 PCMU/8000")))
        self.both(made, 2.1, 3.5, "56", payload_type=96)
        self.check(made, "1 0.0-1.5, 5 1.6-3.0", "2 0.0-1.5, 6 1.6-3.0")

    def test_a_payload_type_of_another_meaning_in_each_direction(self):
        """A sender uses the receiver's numbers (RFC 3264, 5.1)."""
        made = Script()
        made.call(sdp("A", ("audio 4000 RTP/AVP 96 97", "rtpmap:96 PCMU/8000", "rtpmap:97 PCMA/8000")),
                  sdp("S", ("audio 6000 RTP/AVP 97 96", "rtpmap:97 PCMU/8000", "rtpmap:96 PCMA/8000")), 3.5)
        made.talk("1", 0.5, 3.5, A, S, payload_type=96)
        made.talk("5", 0.5, 3.5, S, A, payload_type=96)
        self.check(made, "1 0.0-3.0", "5 0.0-3.0")

    def test_many_payload_types(self):
        many = " ".join(str(n) for n in (*range(96, 120), 8, 0))
        maps = [f"rtpmap:{n} CODEC{n}/8000" for n in range(96, 120)]
        made = Script()
        made.call(sdp("A", (f"audio 4000 RTP/AVP {many}", *maps)), sdp("S", (f"audio 6000 RTP/AVP {many}", *maps)), 3.5)
        self.both(made, 0.5, 3.5)
        self.check(made, "1 0.0-3.0", "2 0.0-3.0")

    def test_a_refused_one_changes_nothing(self):
        made = Script()
        made.call(sdp("A", ("audio 4000 RTP/AVP 96", "rtpmap:96 PCMA/8000")),
                  sdp("S", ("audio 6000 RTP/AVP 96", "rtpmap:96 PCMA/8000")), 3.5)
        self.both(made, 0.5, 3.5, payload_type=96)
        self.re_invite(made, 1.5, sdp("A", ("audio 4000 RTP/AVP 96", "rtpmap:96 PCMA/8000", "inactive")), None, status=488)
        self.check(made, "1 0.0-3.0", "2 0.0-3.0")

    def test_hold_of_each_kind(self):
        for name, offer, answer in (("sendonly", sdp("A", ("audio 4000", "sendonly")), sdp("S", ("audio 6000", "recvonly"))),
                                    ("inactive", sdp("A", ("audio 4000", "inactive")), sdp("S", ("audio 6000", "inactive"))),
                                    ("0.0.0.0", sdp("0.0.0.0", "audio 4000"), ANSWER)):
            with self.subTest(hold=name):
                made = Script()
                made.call(OFFER, ANSWER, 4.5)
                self.both(made, 0.5, 1.5)
                self.re_invite(made, 1.5, offer, answer)
                made.talk("3", 1.7, 2.5, ("A", 4000), S, ssrc=1)  # music on hold
                self.re_invite(made, 3.4, OFFER, ANSWER, 3)
                self.both(made, 3.5, 4.5)
                reading = self.read_script(made, name)
                [recording] = reading.recordings
                self.assertEqual(self.channels(reading, recording),
                                 ["1 0.0-1.0, 3 1.2-2.0, 1 3.0-4.0", "2 0.0-1.0, 2 3.0-4.0"])

    def test_silence_within_the_session_timer_is_no_end(self):
        for headers, reason, seconds in (((), "media_timeout", 1), (("Session-Expires: 1800",), "hangup", 400)):
            with self.subTest(reason=reason):
                made = Script()
                made.sip(0, "A>S", "INVITE", tags=("a", None), body=OFFER, headers=headers)
                made.sip(0.5, "S>A", "200/INVITE", body=ANSWER, headers=headers)
                self.both(made, 0.5, 1.5)
                made.bye(400.5)
                reading = self.read_script(made, reason)
                [recording] = reading.recordings
                self.assertEqual(recording["reason"], reason)
                self.assertAlmostEqual(recording["duration_ms"] / 1000, seconds, delta=0.1)


class WritingTest(ShapeCase):
    """The same call, written otherwise: the same files."""

    def call(self, body=OFFER, kind="application/sdp", change=lambda time_s, hop, data: [data]):
        made = Script()
        plain = Script()
        plain.sip(0, "A>S", "INVITE", tags=("a", None), body=body, kind=kind)
        plain.sip(0.1, "S>A", "180/INVITE")
        plain.sip(0.5, "S>A", "200/INVITE", body=ANSWER)
        plain.sip(0.51, "A>S", "ACK")
        plain.bye(3.5)
        plain.sip(3.51, "S>A", "200/BYE", cseq=90)
        for time_s, _, frame in plain.records:
            hop = "A>S" if frame[26:30] == bytes(map(int, HOSTS["A"].split("."))) else "S>A"
            for n, data in enumerate(change(time_s, hop, frame[42:])):
                made.message(time_s + 0.5 * n, hop, data)
        self.both(made, 0.5, 3.5)
        return made

    def same(self, name, **options):
        plain = self.plain = getattr(self, "plain", None) or self.read_script(self.call(), "plain")
        other = self.read_script(self.call(**options), name)
        [first], [second] = plain.recordings, other.recordings
        self.assertEqual({**first, "file": None}, {**second, "file": None}, other.explain())
        self.assertTrue(filecmp.cmp(plain.out / first["file"], other.out / second["file"], shallow=False))
        return other

    def test_compact_and_folded_headers(self):
        short = {b"Via:": b"v:", b"From:": b"f :", b"To:": b"t:", b"Call-ID:": b"i:", b"Content-Type:": b"c:",
                 b"Content-Length:": b"l:"}

        def change(_time, _hop, data):
            for name, compact in short.items():
                data = data.replace(name + b" ", compact + b"\r\n  ")
            return [data.replace(b"CSeq: ", b"cseq:\r\n\t").replace(b"v:\r\n", b"v: SIP/2.0/UDP proxy;branch=z9hG4bKx,\r\n", 1)]
        self.same("compact", change=change)

    def test_everything_is_sent_again(self):
        reading = self.same("again", change=lambda _time, _hop, data: [data] * 3)
        self.assertRegex(reading.stdout, r" 12  sip retransmissions\n")

    def test_multipart_bodies(self):
        isup = b"\x01\x11\x48\x00\x0a\x03\x02\x07\x05\x83--x\r\n\x00\x15"
        plain = b"--x\r\nContent-Type: application/sdp\r\n\r\n" + OFFER.encode() + b"\r\n"
        other = (b"--x\r\nContent-Type: application/isup;version=x\r\nContent-Disposition: signal;handling=optional\r\n\r\n"
                 + isup + b"\r\n")
        text = b"--x\r\nContent-Type: text/plain\r\n\r\nv=0 is no description here\r\n"
        nested = (b'--y\r\nContent-Type: multipart/mixed; boundary="x"\r\n\r\n' + other + plain + b"--x--\r\n"
                  b"--y--\r\n")
        for n, (kind, body) in enumerate((
                ("multipart/mixed;boundary=x", plain + other + b"--x--\r\n"),
                ('multipart/mixed; boundary="x"', other + plain + b"--x--\r\n"),
                ("multipart/alternative;boundary=x", text + plain + b"--x--\r\n"),
                ("multipart/related;boundary=y", nested))):
            with self.subTest(kind=kind):
                self.same(f"parts{n}", body=body, kind=kind)

    def test_descriptions_with_line_ends_of_all_kinds(self):
        for n, end in enumerate(("\n", "\r")):
            self.same(f"ends{n}", body=OFFER.replace("\r\n", end))


class CapturesTest(ReadCase):
    def test_messages_as_tshark_counts_them(self):
        """PRACK, UPDATE, REFER, 422 and a session timer, multipart bodies, several 183s, of real devices."""
        files = [CAPTURES / f"cisco_{name}.pcapng" for name in
                 ("sip_prack_do_183", "sip_prack_eo_180", "sip_refer_transfer", "sip_session_refresh_422", "sip_cpa",
                  "dtmf_relay_sip_rfc4733")]
        if not all(f.exists() for f in files):
            self.skipTest(f"{CAPTURES} is not there")
        for file in files:
            with self.subTest(file=file.name):
                told = subprocess.run(["tshark", "-n", "-r", file, "-Y", "sip", "-T", "fields", "-e", "sip.CSeq"],
                                      capture_output=True, text=True, check=True).stdout.splitlines()
                messages = sum(len(line.split(",")) for line in told if line)
                reading = Reading(file, self.folder / file.stem, config={"site": "elsewhere"})
                self.assertIn(reading.status, (0, 1), reading.explain())  # 1: G.729, where it is not built
                self.assertRegex(reading.stdout, rf" {messages}  sip messages\n", reading.explain())
                self.assertNotIn("sip malformed", reading.stdout)
                self.assertNotIn("sip no_dialog", reading.stdout)
