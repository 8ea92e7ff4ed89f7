"""legtapctl against a legtapd that records: each command, by people's tables and by programs' JSON."""
import csv
import io
import json
import re
import subprocess
import unittest

from harness import schemas, wait, wav
from harness.generator import generate
from harness.paths import LEGTAPCTL
from live_test import LiveCase

try:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families
except ImportError:
    text_string_to_metric_families = None

ACCOUNTS = [{"id": "acme", "match": {"caller": "+1202*"}, "rate_per_minute": "0.06", "currency": "USD",
             "currency_digits": 4, "location": "acme-calls/desk"}]


class CtlTest(LiveCase):
    def setUp(self):
        super().setUp()
        self.capture = generate(self.folder / "calls.pcap", calls=1, legs=2, seconds=12)

    def answered(self, daemon):
        """LEG-A and LEG-B, once both are answered."""
        def found():
            calls = {c["participant_tag"]: c for c in self.ok(daemon, "calls")["calls"] if c["state"] == "answered"}
            return calls if len(calls) == 2 else None
        legs = wait.until(found, "two answered legs")
        return legs["LEG-A"], legs["LEG-B"]

    def ok(self, daemon, *arguments):
        """A command's JSON."""
        status, out, stderr = daemon.ctl(*arguments)
        self.assertEqual((status, stderr), (0, ""))
        return out

    def text(self, daemon, *arguments, status=0):
        """A command's tables, and its stderr."""
        done = subprocess.run([LEGTAPCTL, "--socket", daemon.socket, *map(str, arguments)], capture_output=True,
                              text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, status, done)
        return done.stdout, done.stderr

    def wait_for_more_packets(self, daemon, count=50):
        before = daemon.recorded_packets()
        wait.until(lambda: daemon.recorded_packets() >= before + count, f"{count} more recorded packets")

    def test_a_recording_from_start_to_bill(self):
        daemon = self.start(rules=[], accounts=ACCOUNTS)
        self.send(self.capture)
        leg_a, leg_b = self.answered(daemon)
        row = next(line for line in self.text(daemon, "calls")[0].splitlines() if leg_a["call_id"] in line)
        for part in ("LEG-A", leg_a["from"], leg_a["to"], "answered", "acme", leg_a["transaction_id"]):
            self.assertIn(part, row)
        self.record_with_a_pause(daemon, leg_a)
        self.record_by_tag(daemon, leg_b)
        recordings = {r["participant_tag"]: r for r in daemon.wait_recordings(2)}
        self.check_files(recordings)
        self.check_lists(daemon, recordings)
        self.check_bill(daemon, recordings)
        self.check_metrics(daemon)
        daemon.account()

    def record_with_a_pause(self, daemon, leg):
        """LEG-A, by its CallId, to where its account's go."""
        out, _ = self.text(daemon, "start", leg["call_id"])
        self.assertRegex(out, rf"^recording {leg['call_id']} to acme-calls/desk/\d{{4}}/.*\.wav\n$")
        self.assertIn("being recorded already", self.text(daemon, "start", leg["call_id"], status=1)[1])
        self.wait_for_more_packets(daemon)
        self.text(daemon, "pause", leg["call_id"])
        [call] = [c for c in self.ok(daemon, "calls")["calls"] if c["call_id"] == leg["call_id"]]
        self.assertEqual(call["recording"]["state"], "paused")
        self.text(daemon, "resume", leg["call_id"])
        self.wait_for_more_packets(daemon)
        self.text(daemon, "stop", leg["call_id"])
        self.assertIn("InvalidActionParameter", self.text(daemon, "stop", leg["call_id"], status=1)[1])

    def record_by_tag(self, daemon, leg):
        """LEG-B, by its ParticipantTag, one track to another bucket."""
        tag = ("LEG-B", "--transaction", leg["transaction_id"])
        [event] = self.ok(daemon, "start", *tag, "--track", "INCOMING", "--bucket", "other")["Events"]
        location = event["ActionData"]["CallRecordingDestination"]["Location"]
        self.assertTrue(location.startswith("other/Amazon-Chime-SMA-Call-Recordings/"), location)
        self.wait_for_more_packets(daemon)
        self.ok(daemon, "stop", *tag)

    def check_files(self, recordings):
        self.assertEqual([(r["track"], len(r["pauses"])) for _, r in sorted(recordings.items())],
                         [("BOTH", 1), ("INCOMING", 0)])
        for recording in recordings.values():
            file = wav.Wav(self.delivered(recording))
            self.assertEqual(file.frames, round(recording["duration_ms"] * 8))
            self.assertFalse(wav.is_silent(file.channels[0]))

    def check_lists(self, daemon, recordings):
        listed = self.ok(daemon, "recordings")["recordings"]
        self.assertEqual({r["recording_id"] for r in listed}, {r["recording_id"] for r in recordings.values()})
        text, _ = self.text(daemon, "recordings")
        for recording in recordings.values():
            self.assertRegex(text, rf"(?m)^{recording['recording_id']} .*0 \(0\.00 %\).* {recording['file']}$")
            self.assertEqual(self.ok(daemon, "recordings", recording["recording_id"]), recording)
            one, _ = self.text(daemon, "recordings", recording["recording_id"])
            for track in recording["tracks"]:
                for stream in track["streams"]:
                    self.assertRegex(one, rf"(?m)^{track['track']} +{stream['ssrc']} +{stream['codec']} ")

    def check_bill(self, daemon, recordings):
        bill = self.ok(daemon, "billing", "--account", "acme")
        self.assertEqual({u["call_id"]: u["duration_ms"] for u in bill["lines"]},
                         {r["call_id"]: r["duration_ms"] for r in recordings.values()})
        ledger = self.folder / "ledger" / "ledger.jsonl"
        self.assertEqual(self.ok(daemon, "billing", "--ledger", ledger, "--account", "acme"), bill)
        self.assertEqual(self.ok(daemon, "billing", "--to", "2020-01-01")["lines"], [])
        text, _ = self.text(daemon, "billing")
        self.assertRegex(text, rf"(?m)^acme +2 .* {bill['totals'][0]['amount']} +USD$")
        lines = list(csv.DictReader(io.StringIO(self.text(daemon, "billing", "--csv")[0])))
        self.assertEqual([u["amount"] for u in lines], [u["amount"] for u in bill["lines"]])
        head = f"{bill['head']['seq']}:{bill['head']['hash']}"
        for source in ([], ["--ledger", ledger]):
            self.assertTrue(self.ok(daemon, "billing", "--verify", "--head", head, *source)["verified"])
            other = f"{bill['head']['seq']}:{'0' * 64}"
            self.assertEqual(daemon.ctl("billing", "--verify", "--head", other, *source)[0], 1)

    def check_metrics(self, daemon):
        text, _ = self.text(daemon, "metrics")
        self.assertTrue(text.endswith("# EOF\n"))
        head = self.ok(daemon, "status")["ledger"]["head"]
        self.assertIn(f'legtap_ledger_head_info{{seq="{head["seq"]}",hash="{head["hash"]}"}} 1\n', text)

    @unittest.skipUnless(text_string_to_metric_families, "python3-prometheus-client is not installed")
    def test_metrics_are_read_by_prometheus_own_parser(self):
        daemon = self.start()
        self.send(self.capture)
        self.answered(daemon)
        self.wait_for_more_packets(daemon)
        text, _ = self.text(daemon, "metrics")
        samples = {(s.name, tuple(s.labels.values())): s.value
                   for family in text_string_to_metric_families(text) for s in family.samples}
        self.assertEqual(samples[("legtap_recordings", ("recording",))], 2)
        self.assertEqual(samples[("legtap_legs", ())], 2)
        self.assertGreaterEqual(samples[("legtap_rx_recorded_total", ("0",))], 50)

    def test_answers_are_of_their_schemas(self):
        daemon = self.start(accounts=ACCOUNTS)
        self.send(self.capture)
        leg, _ = self.answered(daemon)
        self.wait_for_more_packets(daemon)
        answers = [("calls", "/v1/calls"), ("call", "/v1/calls/" + leg["call_id"]), ("status", "/v1/status"),
                   ("recordings", "/v1/recordings")]
        for name, path in answers:
            self.assertNothing(schemas.problems_of(name, daemon.get(path)), path)
        for command in ("pause", "resume", "stop", "stop"):
            _, answer, _ = daemon.ctl(command, leg["call_id"])
            self.assertNothing(schemas.problems_of("actions_answer", answer), answer)
        recordings = daemon.wait_recordings(2)
        for recording in recordings:
            self.assertNothing(schemas.problems_of("recording", recording), recording)
            sidecar = json.loads(self.delivered(recording).with_suffix(".json").read_text())
            self.assertEqual({**sidecar, "state": "delivered"}, recording)
        self.assertNothing(schemas.problems_of("billing", daemon.get("/v1/billing")))
        self.assertNothing(schemas.problems_of("billing_verdict", daemon.get("/v1/billing?verify=1")))

    def test_status_shows_what_works_and_what_was_lost(self):
        daemon = self.start(rules=[])
        self.send(self.capture)
        self.answered(daemon)
        text, _ = self.text(daemon, "status")
        for part in (r"(?m)^legtapd \S+, site test, pid \d+, up ", r"(?m)^legs: 2 live of \d+, 0 refused; streams: \d+$",
                     r"(?m)^net_af_packet0,iface=mirror0 +net_af_packet +1 +[1-9]\d* +0 +0 +0$",
                     r"(?m)^rx0 +[1-9]\d* +0 recorded +0 +\d+$", r"(?m)^lost: nothing$", r"(?m)^writer0 +[1-9]\d* +any$"):
            self.assertRegex(text, part)
        self.assertEqual(len(re.findall(r"(?m)^chunks +rx0 +writer0 +\d+ +\d+$", text)), 1, text)

    def test_not_reachable(self):
        daemon = self.start(rules=[])
        self.assertEqual(daemon.terminate(), 0)
        for command in (["status"], ["stop", "x"], ["billing"], ["metrics"]):
            self.assertIn(daemon.socket, self.text(daemon, *command, status=3)[1])
        ledger = self.folder / "ledger" / "ledger.jsonl"
        self.assertEqual(self.ok(daemon, "billing", "--ledger", ledger)["lines"], [])
