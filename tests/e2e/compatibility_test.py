"""docs/compatibility.md: what legtap decided where the service's documentation is silent."""
from harness import wait, wav
from harness.generator import generate
from live_test import LiveCase


class StartTest(LiveCase):
    def start_ringing(self, daemon):
        """Starts the recording of a leg that is not answered yet: INCOMING, to a bucket of its own."""
        def started():
            for call in daemon.calls():
                if call["state"] not in ("offered", "ringing"):
                    continue
                [event] = daemon.actions({"Type": "StartCallRecording", "Parameters": {
                    "CallId": call["call_id"], "Track": "INCOMING",
                    "Destination": {"Type": "S3", "Location": "s3://other/early/"}}})
                # It may have been answered in the meantime.
                if event["InvocationEventType"] == "ACTION_SUCCESSFUL":
                    return call, event["ActionData"]["CallRecordingDestination"]["Location"]
            return None
        return wait.until(started, "the start of a leg that rings")

    def check(self, daemon, call, location, others):
        recordings = daemon.wait_recordings(1 + others, timeout_s=60)
        [recording] = [r for r in recordings if r["call_id"] == call["call_id"]]
        self.assertEqual((recording["track"], recording["file"]), ("INCOMING", location))
        self.assertTrue(location.startswith("other/early/"), location)
        self.assertLess(recording["start"], daemon.get("/v1/calls/" + call["call_id"])["answered"])
        file = wav.Wav(self.delivered(recording))
        self.assertEqual((len(file.channels), file.frames), (1, round(recording["duration_ms"] * 8)))
        self.assertEqual(sum(e["type"] == "start" and e["call_id"] == call["call_id"] for e in daemon.ledger()), 1)
        daemon.account()

    def test_a_leg_that_rings_is_recorded_from_the_action_on(self):
        capture = generate(self.folder / "calls.pcap", calls=8, legs=1, seconds=3, stagger_ms=300)
        daemon = self.start(rules=[])
        self.send(capture)
        self.check(daemon, *self.start_ringing(daemon), 0)

    def test_an_action_takes_the_place_of_a_rule_that_waits_for_the_answer(self):
        capture = generate(self.folder / "calls.pcap", calls=8, legs=1, seconds=3, stagger_ms=300)
        daemon = self.start()
        self.send(capture)
        self.check(daemon, *self.start_ringing(daemon), 7)
