"""The live port under a load that the generator paces, and what an operator does meanwhile."""
import json
import shutil
import subprocess
import unittest

from harness import accounts, wait, wav
from harness.case import Case
from harness.daemon import Legtapd, configuration
from harness.generator import SBC, Sender, generate, verify
from harness.hosts import Hosts
from harness.read import Reading

DEFAULT_PREFIX = "Amazon-Chime-SMA-Call-Recordings"


class LiveCase(Case):
    def setUp(self):
        super().setUp()
        self.hosts = self.enterContext(Hosts(self.folder))

    def start(self, **changes):
        changes = {"sbc": {"addresses": [SBC]}, **changes}
        return self.enterContext(Legtapd(self.hosts, self.folder, configuration(self.folder, **changes)))

    def send(self, capture):
        """The capture's packets, at their pace, into legtap's port: from the switch's end of its cable."""
        return Sender(self.hosts, "switch", "probe", capture)

    def assert_audio(self, capture, recordings, sent):
        wrong = verify(capture, self.folder / "delivered", recordings, sent=sent, window="answer")
        self.assertFalse(wrong, wrong)

    def delivered(self, recording):
        return self.folder / "delivered" / recording["file"]


class LoadTest(LiveCase):
    def test_200_calls_lose_nothing(self):
        capture = generate(self.folder / "calls.pcap", calls=200, legs=1, seconds=12, stagger_ms=5, law="mixed")
        daemon = self.start()
        sent = self.send(capture).wait()
        recordings = daemon.wait_recordings(200, timeout_s=120)
        status = daemon.account()
        self.assertNothing(accounts.work_problems(status))
        plain = sum(w["writes_plain"] + w["writes_buffered"] for w in status["writers"])
        self.assertEqual(plain, 0, "direct I/O from registered buffers works on this disk, and was not used")
        self.assert_audio(capture, recordings, sent)

    def test_two_legs_live_and_read_agree(self):
        capture = generate(self.folder / "calls.pcap", calls=40, legs=2, seconds=6, stagger_ms=20, law="pcmu", loss=1,
                           reorder=1, duplicate=1)
        daemon = self.start()
        sent = self.send(capture).wait()
        live = daemon.wait_recordings(80, timeout_s=60)
        daemon.account()
        self.assert_audio(capture, live, sent)
        config = {"site": "test", "sbc": {"addresses": [SBC]}, "rules": [{"Track": "BOTH"}]}
        reading = Reading(capture, self.folder / "read", config=config)
        self.assertEqual(reading.status, 0, reading.explain())
        there, here = [{(r["call_id"], t["track"]): (t["received"], t["lost"], t["duplicate"], t["reordered"])
                        for r in recordings for t in r["tracks"]} for recordings in (live, reading.recordings)]
        self.assertEqual(there.keys(), here.keys())
        # Live, a frame's arrival is its poll: one that shares it with the answer or the BYE may fall on either side.
        other = {k: (there[k], here[k]) for k in there if there[k] != here[k]}
        self.assertLessEqual(len(other), len(there) // 10, other)
        self.assertNothing(k for k, (a, b) in other.items() if max(abs(x - y) for x, y in zip(a, b)) > 1)


class ActionTest(LiveCase):
    """Start and stop on demand. The calls last long enough for all that is asked of them."""

    def setUp(self):
        super().setUp()
        self.capture = generate(self.folder / "calls.pcap", calls=2, legs=2, seconds=8, stagger_ms=100)

    def answered(self, daemon, count=4):
        def found():
            calls = [c for c in daemon.calls() if c["state"] == "answered"]
            return calls if len(calls) >= count else None
        return wait.until(found, f"{count} answered legs")

    def start_action(self, leg, track="BOTH", location="recordings"):
        return {"Type": "StartCallRecording", "Parameters": {
            "CallId": leg["call_id"], "Track": track, "Destination": {"Type": "S3", "Location": location}}}

    def stop_action(self, leg):
        return {"Type": "StopCallRecording", "Parameters": {"CallId": leg["call_id"]}}

    def test_start_and_stop_by_legtapctl(self):
        daemon = self.start(rules=[])
        self.send(self.capture)
        leg = self.answered(daemon)[0]
        status, _, stderr = daemon.ctl("start", leg["call_id"], "--track", "INCOMING")
        self.assertEqual(status, 0, stderr)
        self.assertEqual([r["state"] for r in daemon.recordings()], ["recording"])
        self.wait_for_packets(daemon, leg)
        status, _, stderr = daemon.ctl("stop", leg["call_id"])
        self.assertEqual(status, 0, stderr)
        [recording] = daemon.wait_recordings(1)
        self.assertEqual((recording["track"], recording["reason"]), ("INCOMING", "stop_action"))
        file = wav.Wav(self.delivered(recording))
        self.assertEqual(file.frames, round(recording["duration_ms"] * 8))
        self.assertFalse(wav.is_silent(file.channels[0]))
        daemon.account()

    def wait_for_packets(self, daemon, leg, count=50):
        def recorded():
            return daemon.recorded_packets() >= count
        wait.until(recorded, f"{count} recorded packets of {leg['call_id']}")

    def test_sip_call_id_is_accepted(self):
        daemon = self.start(rules=[])
        self.send(self.capture)
        leg = self.answered(daemon)[0]
        self.assertEqual(daemon.ctl("start", leg["sip_call_id"])[0], 0)
        self.assertEqual(daemon.ctl("stop", leg["sip_call_id"])[0], 0)
        self.assertEqual(daemon.wait_recordings(1)[0]["call_id"], leg["call_id"])

    def test_unknown_call_fails(self):
        daemon = self.start(rules=[])
        status, _, stderr = daemon.ctl("start", "00000000-0000-5000-8000-000000000000")
        self.assertNotEqual(status, 0)
        self.assertIn("InvalidActionParameter", stderr)

    def test_actions_by_curl(self):
        if not shutil.which("curl"):
            raise unittest.SkipTest("curl is not installed")
        daemon = self.start(rules=[])
        self.send(self.capture)
        leg = self.answered(daemon)[0]
        [started] = self.curl(daemon, self.start_action(leg, location="recordings/desk"))["Events"]
        self.assertEqual(started["InvocationEventType"], "ACTION_SUCCESSFUL", started)
        key = started["ActionData"]["CallRecordingDestination"]["Location"]
        self.assertRegex(key, r"^recordings/desk/\d{4}/\d\d/\d\d/\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d-\d{3}_"
                         + leg["transaction_id"] + "_" + leg["call_id"] + r"\.wav$")
        self.wait_for_packets(daemon, leg)
        [stopped] = self.curl(daemon, self.stop_action(leg))["Events"]
        self.assertEqual(stopped["InvocationEventType"], "ACTION_SUCCESSFUL", stopped)
        [recording] = daemon.wait_recordings(1)
        self.assertEqual(recording["file"], key)
        self.assertTrue(self.delivered(recording).exists())
        daemon.account()

    def curl(self, daemon, *actions):
        body = json.dumps({"SchemaVersion": "1.0", "Actions": actions})
        done = subprocess.run(["curl", "-sS", "--fail", "--unix-socket", daemon.socket, "-d", body,
                               "http://localhost/v1/actions"], capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    def test_failed_action_clears_those_after_it(self):
        daemon = self.start(rules=[])
        self.send(self.capture)
        first, second = self.answered(daemon)[:2]
        bad = self.start_action(first, track="SIDEWAYS")
        [event] = daemon.actions(bad, self.start_action(second))
        self.assertEqual(event["InvocationEventType"], "ACTION_FAILED")
        data = event["ActionData"]
        self.assertEqual(data["ErrorType"], "InvalidActionParameter")
        self.assertEqual(data["Error"], f"{data['ErrorType']}: {data['ErrorMessage']}")
        self.assertEqual(daemon.recordings(), [])

    def test_second_start_while_running_fails_and_after_a_stop_works(self):
        daemon = self.start(rules=[])
        self.send(self.capture)
        leg = self.answered(daemon)[0]
        kinds = [daemon.actions(action)[0]["InvocationEventType"] for action in (
            self.start_action(leg), self.start_action(leg), self.stop_action(leg), self.stop_action(leg),
            self.start_action(leg), self.stop_action(leg))]
        self.assertEqual(kinds, ["ACTION_SUCCESSFUL", "ACTION_FAILED", "ACTION_SUCCESSFUL", "ACTION_FAILED",
                                 "ACTION_SUCCESSFUL", "ACTION_SUCCESSFUL"])
        files = sorted(r["file"] for r in daemon.wait_recordings(2))
        self.assertTrue(any(name.endswith("_2.wav") for name in files), files)
        self.assertEqual(sum(e["type"] == "start" for e in daemon.ledger()), 2)

    def test_start_is_in_the_ledger_before_it_is_answered(self):
        daemon = self.start(rules=[])
        self.send(self.capture)
        leg = self.answered(daemon)[0]
        daemon.actions(self.start_action(leg))
        self.assertEqual([(e["type"], e["call_id"]) for e in daemon.ledger()], [("start", leg["call_id"])])
        daemon.actions(self.stop_action(leg))
        self.assertEqual([e["type"] for e in daemon.ledger()][:2], ["start", "stop"])

    def test_list_that_is_not_well_formed_is_refused(self):
        daemon = self.start(rules=[])
        for body in ("", "[]", "{}", '{"SchemaVersion":"1.0"}', '{"SchemaVersion":"1.0","Actions":{}}', "{"):
            self.assertEqual(daemon.request("POST", "/v1/actions", body or None)[0], 400, body)


class RulesTest(LiveCase):
    def test_default_key_and_ledger(self):
        capture = generate(self.folder / "calls.pcap", calls=2, legs=2, seconds=2)
        accounts_config = [{"id": "acme", "match": {"caller": "+1202*"}, "rate_per_minute": "0.06", "currency": "USD",
                            "currency_digits": 4}]
        daemon = self.start(accounts=accounts_config, rules=[{"match": {"leg": "LEG-A"}, "Track": "BOTH"}])
        self.send(capture).wait()
        recordings = daemon.wait_recordings(2)
        for recording in recordings:
            self.assertIn(DEFAULT_PREFIX, recording["file"])
            self.assertEqual((recording["account"], recording["participant_tag"]), ("acme", "LEG-A"))
        entries = daemon.ledger()
        self.assertEqual(sorted(e["type"] for e in entries), ["delivered"] * 2 + ["start"] * 2 + ["stop"] * 2)
        status, bill, stderr = daemon.ctl("billing")
        self.assertEqual(status, 0, stderr)
        self.assertEqual(len(bill["lines"]), 2)
        for line in bill["lines"]:
            seconds = -(-line["duration_ms"] // 1000)
            self.assertEqual((line["billed_seconds"], line["amount"]), (seconds, f"{seconds * 0.001:.4f}"))
        self.assertEqual(daemon.ctl("billing", "--verify")[0], 0)
        daemon.account()
