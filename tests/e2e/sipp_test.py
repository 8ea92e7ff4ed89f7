"""Real calls on a mirror: SIPp's own capture files must be in the recordings, sample for sample."""
import json

from harness import capture, wav
from harness.case import Case
from harness.daemon import Legtapd, configuration
from harness.hosts import Hosts
from harness.mirror import MirrorCapture
from harness.paths import SIPP_AUDIO
from harness.read import Reading

INCOMING, OUTGOING = 0, 1
HELD_UP_FRAMES = 800  # 100 ms


def sound(path):
    """All samples of a capture's G.711 packets, in order."""
    packets = list(capture.rtp_packets(path))
    return wav.decode(packets[0].payload_type, b"".join(p.payload for p in packets))


class SippTest(Case):
    def setUp(self):
        super().setUp()
        self.hosts = self.enterContext(Hosts(self.folder))

    def record_calls(self, numbers, **changes):
        """Lets the calls run while legtapd records; returns the daemon when all is delivered."""
        daemon = self.enterContext(Legtapd(self.hosts, self.folder, configuration(self.folder, **changes)))
        self.run_calls(numbers)
        return daemon

    def run_calls(self, numbers):
        bridged = [called for _, called in numbers if not called.startswith("ivr")]
        self.hosts.start_sbc()
        if bridged:
            self.hosts.start_callee(len(bridged))
        caller = self.hosts.start_caller(numbers)
        self.assertEqual(caller.wait(60), 0, (self.folder / "caller.log").read_text())

    def wav_of(self, recording):
        return wav.Wav(self.folder / "delivered" / recording["file"])

    def assert_contains(self, samples, wanted, what):
        at = wav.find(samples, wanted)
        self.assertGreaterEqual(at, 0, f"{what} is not in the recording sample for sample")
        return at

    def test_one_leg_has_caller_left_and_prompt_right(self):
        daemon = self.record_calls([("+4930111", "ivr1")])
        [recording] = daemon.wait_recordings(1)
        file = self.wav_of(recording)
        self.assertEqual((file.channel_count, file.rate, file.bits), (2, 8000, 16))
        self.assert_contains(file.channels[INCOMING], sound(SIPP_AUDIO), "the caller")
        self.assertFalse(wav.is_silent(file.channels[OUTGOING]), "the prompt is missing")
        self.assertAlmostEqual(file.duration_ms, recording["duration_ms"], delta=1)
        self.assertEqual([t["lost"] for t in recording["tracks"]], [0, 0])
        daemon.account()

    def test_two_legs_of_one_transaction(self):
        daemon = self.record_calls([("+4930111", "+4940222")])
        first, second = sorted(daemon.wait_recordings(2), key=lambda r: r["participant_tag"])
        self.assertEqual((first["participant_tag"], second["participant_tag"]), ("LEG-A", "LEG-B"))
        self.assertEqual(first["transaction_id"], second["transaction_id"])
        caller, callee = sound(SIPP_AUDIO), sound(self.folder / "callee.pcap")
        for recording, voices in ((first, (caller, callee)), (second, (callee, caller))):
            file = self.wav_of(recording)
            for channel, voice in enumerate(voices):
                self.assert_contains(file.channels[channel], voice, f"{recording['participant_tag']} {channel}")
        daemon.account()

    def test_one_track_is_mono(self):
        rules = [{"match": {"leg": "LEG-B"}, "Track": "INCOMING"}, {"match": {"leg": "LEG-A"}, "Track": "OUTGOING"}]
        daemon = self.record_calls([("+4930111", "+4940222")], rules=rules)
        for recording in daemon.wait_recordings(2):
            file = self.wav_of(recording)
            self.assertEqual(file.channel_count, 1)
            self.assert_contains(file.channels[0], sound(self.folder / "callee.pcap"), recording["track"])
        daemon.account()

    def test_live_capture_read_again_gives_the_same_audio(self):
        seen = MirrorCapture(self.hosts, self.folder / "mirror.pcap")
        daemon = self.record_calls([("+4930111", "+4940222"), ("+4930112", "ivr2")])
        live = {r["call_id"]: self.wav_of(r) for r in daemon.wait_recordings(3)}
        daemon.account()
        self.assertEqual(daemon.terminate(), 0)
        seen.stop()
        config = {"site": "test", "sbc": daemon.config["sbc"], "rules": daemon.config["rules"]}
        reading = Reading(self.folder / "mirror.pcap", self.folder / "read", config=config)
        self.assertEqual(reading.status, 0, reading.explain())
        self.assertNothing(reading.problems(), reading.explain())
        self.assertEqual({r["call_id"] for r in reading.recordings}, set(live))
        for recording in reading.recordings:
            self.assert_same_audio(wav.Wav(reading.out / recording["file"]), live[recording["call_id"]])

    def assert_same_audio(self, read, live):
        """Live packets get the time of their poll: an rx thread that the scheduler held up sees them late."""
        for one, other in zip(read.channels, live.channels):
            start = len(one) // 4
            voiced = one[start:len(one) // 2]
            self.assertFalse(wav.is_silent(voiced))
            shift = wav.find(other, voiced, start - HELD_UP_FRAMES) - start
            self.assertLessEqual(abs(shift), HELD_UP_FRAMES, "the audio is not there, or elsewhere")
        self.assertLessEqual(abs(read.frames - live.frames), HELD_UP_FRAMES)

    def test_sidecar_tells_what_was_received(self):
        daemon = self.record_calls([("+4930111", "ivr1")])
        [recording] = daemon.wait_recordings(1)
        sidecar = json.loads((self.folder / "delivered" / recording["file"]).with_suffix(".json").read_text())
        incoming = next(t for t in sidecar["tracks"] if t["track"] == "INCOMING")
        audio = next(s for s in incoming["streams"] if s["codec"] == "PCMA")
        self.assertEqual(audio["received"], len(list(capture.rtp_packets(SIPP_AUDIO))))
        self.assertEqual(audio["ssrc"], "dee0ee8f")
        self.assertEqual(sidecar["participant"], "sip:+4930111@192.0.2.10")
