"""Media from elsewhere than SDP says (docs/compatibility.md): whose it is, and that a stranger gets into no track while
the true sender talks. Attacks: a stranger sends to the address that the SBC announced, before, during and after."""
from application_test import Stream
from harness import schemas, wav
from harness.script import CONFIG, Script, heard, sdp, tshark_streams
from live_test import LiveCase
from read_test import ReadCase

A, S = ("A", 4000), ("S", 6000)
NAT, STRANGER = ("N", 30000), ("X", 40000)


class LatchCase(ReadCase):
    def run_script(self, script, incoming, outgoing=None, foreign=0, displaced=0):
        """Who must be heard in either direction of the one leg."""
        capture = script.write(self.folder / "made.pcap")
        reading = self.read(capture, config=CONFIG)
        [recording] = reading.recordings
        channels = [heard(c) for c in wav.Wav(reading.out / recording["file"]).channels]
        self.assertEqual(channels[0], incoming, reading.explain())
        if outgoing is not None:
            self.assertEqual(channels[1], outgoing, reading.explain())
        told = {name: int(count) for count, name in
                (line.split(None, 1) for line in reading.stdout.splitlines() if "unknown flows" in line)}
        self.assertEqual(told.get("unknown flows foreign", 0), foreign, reading.explain())
        self.assertEqual(told.get("unknown flows displaced", 0), displaced, reading.explain())
        self.as_tshark_counts(capture, recording)
        return recording

    def as_tshark_counts(self, capture, recording):
        """No stream has a packet that tshark does not see in it."""
        seen = tshark_streams(capture)
        for track in recording["tracks"]:
            for s in track["streams"]:
                self.assertLessEqual(s["received"], seen[s["source"], s["destination"], s["ssrc"]])

    @staticmethod
    def script(end_s=6.5, announced="A", hop="A>S"):
        made = Script()
        made.call(sdp(announced, "audio 4000"), sdp("S", "audio 6000"), end_s, hop)
        return made


class NatTest(LatchCase):
    """What must be taken."""

    def test_a_phone_behind_nat(self):
        """Its SDP has a private address; SIP and RTP come from the public one, and the SBC answers there."""
        made = self.script(hop="N>S")
        made.talk("1", 0.5, 6.5, NAT, S)
        made.talk("2", 0.5, 6.5, S, NAT)
        self.run_script(made, "1 0.0-6.0", "2 0.0-6.0")

    def test_a_media_host_that_nobody_announced(self):
        made = self.script()
        made.talk("1", 0.5, 6.5, NAT, S)
        self.run_script(made, "1 0.0-6.0")

    def test_another_port_than_announced(self):
        made = self.script()
        made.talk("1", 0.5, 6.5, ("A", 4444), S)
        made.talk("2", 0.5, 6.5, ("S", 6666), A)
        self.run_script(made, "1 0.0-6.0", "2 0.0-6.0")

    def test_the_nat_gives_another_port(self):
        """The same SSRC goes on: the same sender, at once."""
        made = self.script(hop="N>S")
        made.talk("1", 0.5, 3, NAT, S, ssrc=77)
        made.talk("1", 3, 6.5, ("N", 30001), S, ssrc=77)
        recording = self.run_script(made, "1 0.0-6.0")
        self.assertEqual(recording["tracks"][0]["lost"], 0)

    def test_another_network_and_another_ssrc(self):
        """Taken when the old one has been silent for two seconds (in --read that is looked at once a second)."""
        made = self.script(8.5)
        made.talk("1", 0.5, 2.5, NAT, S)
        made.talk("2", 2.5, 8.5, ("Y", 5000), S)
        recording = self.run_script(made, "1 0.0-2.0, 2 4.5-8.0", foreign=1)
        self.assertEqual(len(recording["tracks"][0]["streams"]), 2)

    def test_signalling_says_that_it_moves(self):
        """A re-INVITE with another address that does not show on the wire: 200 ms of silence are
        enough, and what was sent meanwhile is not lost."""
        made = self.script(hop="N>S")
        made.talk("1", 0.5, 3, NAT, S)
        made.sip(3, "N>S", "INVITE", cseq=2, body=sdp("B", "audio 4100"))
        made.sip(3.1, "S>N", "200/INVITE", cseq=2, body=sdp("S", "audio 6000"))
        made.talk("2", 3.1, 6.5, ("Y", 5000), S)
        self.run_script(made, "1 0.0-2.5, 2 2.6-6.0", foreign=1)

    def test_two_lines_behind_one_nat(self):
        made = Script()
        made.call(sdp("A", "audio 4000", "audio 4002"), sdp("S", "audio 6000", "audio 6002"), 6.5, "N>S")
        made.talk("1", 0.5, 3, NAT, S)
        made.talk("1", 3, 3.2, NAT, S)
        made.talk("2", 3.2, 6.5, ("N", 30002), ("S", 6002))
        self.run_script(made, "1 0.0-2.7, 2 2.7-6.0")


class AttackTest(LatchCase):
    """What must not."""

    def test_a_stranger_before_during_and_after(self):
        """Before the true sender nobody can tell; with its first packet the stranger is out."""
        made = self.script(8.5)
        made.talk("3", 0.5, 8.5, STRANGER, S)
        made.talk("1", 1.5, 6.5, A, S)
        self.run_script(made, "3 0.0-1.0, 1 1.0-6.0", foreign=1, displaced=1)

    def test_a_stranger_against_a_phone_behind_nat(self):
        made = self.script(8.5, hop="N>S")
        made.talk("3", 0.5, 8.5, STRANGER, S)
        made.talk("1", 1.5, 6.5, NAT, S)
        self.run_script(made, "3 0.0-1.0, 1 1.0-6.0", foreign=1, displaced=1)

    def test_a_stranger_against_a_stranger_that_was_there(self):
        made = self.script()
        made.talk("1", 0.5, 6.5, NAT, S)
        made.talk("3", 1.5, 6.5, STRANGER, S)
        self.run_script(made, "1 0.0-6.0", foreign=1)

    def test_a_stranger_in_the_pauses_of_one_that_suppresses_silence(self):
        made = self.script(20.5)
        made.talk("3", 0.7, 20.5, STRANGER, S)
        for begin in (0.6, 8.6, 17.6):
            made.talk("1", begin, begin + 1, A, S, ssrc=5)
        self.run_script(made, "1 0.0-1.0, 1 8.0-9.0, 1 17.0-18.0", foreign=1)

    def test_a_sender_that_comes_back_after_half_a_minute(self):
        """Its silence was too long, and a stranger came in; it leaves within the tick in which the other is heard."""
        made = self.script(38.5)
        made.talk("1", 0.5, 1.5, A, S, ssrc=5)
        made.talk("3", 1.5, 38.5, STRANGER, S)
        made.talk("1", 35.5, 38.5, A, S, ssrc=5)
        capture = made.write(self.folder / "made.pcap")
        reading = self.read(capture, config=CONFIG)
        channel = wav.Wav(reading.out / reading.recordings[0]["file"]).channels[0]
        self.assertRegex(heard(channel[:34 * 8000]), r"^1 0.0-1.0, 3 3[01].\d-34.0$")
        self.assertEqual(heard(channel[36 * 8000:]), "1 0.0-2.0", reading.explain())

    def test_a_stranger_before_any_signalling(self):
        made = Script()
        made.talk("3", 0.2, 6.9, STRANGER, S)
        made.talk("1", 0.3, 6.9, A, S)
        made.call(sdp("A", "audio 4000"), sdp("S", "audio 6000"), 6.9, invite_s=0.9, answer_s=0.9)
        self.run_script(made, "1 0.0-6.6", foreign=1)

    def test_a_stranger_at_a_re_invite(self):
        """The true sender goes on talking while its SDP changes: nobody else gets in."""
        made = self.script(hop="N>S")
        made.talk("1", 0.5, 6.5, NAT, S)
        made.talk("3", 1, 6.5, STRANGER, S)
        made.sip(3, "N>S", "INVITE", cseq=2, body=sdp("A", "audio 4100"))
        made.sip(3.1, "S>N", "200/INVITE", cseq=2, body=sdp("S", "audio 6000"))
        self.run_script(made, "1 0.0-6.0", foreign=1)

    def test_a_stranger_at_another_address_of_the_call(self):
        """An older address of the SBC's end: the track has one sender all the same."""
        made = self.script()
        made.talk("1", 0.5, 3, A, S)
        made.sip(3, "S>A", "INVITE", tags=("s", "a"), cseq=2, body=sdp("S", "audio 6100"))
        made.sip(3.1, "A>S", "200/INVITE", tags=("s", "a"), cseq=2, body=sdp("A", "audio 4000"))
        made.talk("1", 3, 6.5, A, ("S", 6100))
        made.talk("3", 1, 6.5, STRANGER, S)
        self.run_script(made, "1 0.0-6.0", foreign=1)

    def test_a_stranger_towards_the_participant(self):
        made = self.script()
        made.talk("2", 0.5, 6.5, S, A)
        made.talk("3", 1, 6.5, STRANGER, A)
        made.talk("1", 0.5, 6.5, A, S)
        self.run_script(made, "1 0.0-6.0", "2 0.0-6.0", foreign=1)

    def test_three_thousand_strangers(self):
        made = self.script()
        made.talk("1", 0.5, 6.5, A, S)
        for n in range(3000):
            made.talk("3", 1 + n / 1000, 1 + n / 1000 + 0.04, ("X", 10000 + n), S)
        self.run_script(made, "1 0.0-6.0", foreign=3000)


class LiveAttackTest(LiveCase):
    def test_a_stranger_is_told_of(self):
        """From a port: the same, and an event names the stranger."""
        made = LatchCase.script(4.5)
        made.talk("1", 0.5, 4.5, A, S)
        made.talk("2", 0.5, 4.5, S, A)
        made.talk("3", 1.5, 4.5, STRANGER, S)
        daemon = self.start(sbc=CONFIG["sbc"])
        stream = Stream(daemon.socket)
        self.send(made.write(self.folder / "made.pcap")).wait()
        [recording] = daemon.wait_recordings(1, timeout_s=60)
        channels = [heard(c) for c in wav.Wav(self.delivered(recording)).channels]
        for voice, channel in zip("12", channels, strict=True):
            self.assertRegex(channel, rf"^{voice} 0\.[01]-(3.[5-9]|4.[0-2])$")
        [event] = stream.wait(lambda e: e["EventType"] == "foreign_rtp", "foreign_rtp")
        self.assertNothing(schemas.problems_of("event", event), event)
        self.assertEqual((event["track"], event["source"], event["destination"]),
                         ("INCOMING", "203.0.113.66:40000", "10.9.0.1:6000"))
        self.assertEqual(event["call_id"], recording["call_id"])
        self.assertEqual(daemon.status()["media"]["foreign"], 1)
        daemon.account()
