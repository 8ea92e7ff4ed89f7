#!/usr/bin/env python3
"""The admin API over its Unix socket, against admin_server (stand-ins behind the real HTTP side).

usage: admin_test.py ADMIN_SERVER SCHEMAS"""

import csv
import http.client
import io
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import unittest

from ledger_lines import example

try:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families
except ImportError:
    text_string_to_metric_families = None
try:
    import jsonschema
except ImportError:
    print("skipped: needs python3-jsonschema")
    sys.exit(77)

SERVER, SCHEMAS = sys.argv[1:3]
FURTHER = 2500
BODY_MAX = 256 * 1024
CONNECTIONS = 64
S3 = {"Type": "S3", "Location": "bucket/prefix"}


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Server:
    """One admin_server; its stderr is the log."""

    def __init__(self, path=None, further=FURTHER, ledger=None, aws=()):
        self.folder = tempfile.TemporaryDirectory()
        self.path = path or os.path.join(self.folder.name, "made", "admin.sock")
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [SERVER, self.path, str(further), ledger or "", *aws],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        self.ready = self.process.stdout.readline() == "ready\n"

    def request(self, method, path, body=None, headers={}):
        c = UnixConnection(self.path)
        c.request(method, path, body, headers)
        r = c.getresponse()
        data = r.read()
        c.close()
        return r, data

    def get(self, path):
        r, data = self.request("GET", path)
        assert r.getheader("Content-Type") == "application/json", r.getheaders()
        return r.status, json.loads(data)

    def post(self, actions, **more):
        body = {"SchemaVersion": "1.0", "Actions": actions, **more}
        r, data = self.request("POST", "/v1/actions", json.dumps(body))
        return r.status, json.loads(data)

    def log_text(self):
        self.log.seek(0)
        return self.log.read()

    def stop(self):
        self.process.stdin.close()
        self.process.stdout.close()
        code = self.process.wait(30)
        text = self.log_text()
        self.log.close()
        self.folder.cleanup()
        return code, text


def action(kind, leg, **more):
    return {"Type": kind, "Parameters": {"CallId": leg, **more}}


def start(leg):
    return action("StartCallRecording", leg, Track="BOTH", Destination=S3)


def validate(value, schema):
    with open(os.path.join(SCHEMAS, schema + ".json")) as f:
        loaded = json.load(f)
    cls = jsonschema.validators.validator_for(loaded)
    cls.check_schema(loaded)
    base = "file://" + os.path.abspath(SCHEMAS) + "/"
    resolver = jsonschema.RefResolver(base, loaded)
    cls(loaded, resolver=resolver).validate(value)


class AdminCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        assert cls.server.ready, cls.server.log_text()

    @classmethod
    def tearDownClass(cls):
        code, text = cls.server.stop()
        assert code == 0, text


class Routes(AdminCase):
    def test_status(self):
        status, o = self.server.get("/v1/status")
        self.assertEqual(status, 200)
        validate(o, "status")
        self.assertEqual([t["core"] for t in o["threads"]], [None, 2, 3, 4])
        for rx in o["rx"]:
            self.assertEqual(rx["accounting"]["in"], rx["counters"]["polled"])
            self.assertEqual(rx["accounting"]["in_flight"], 0)
        packets = o["accounting"]["packets"]
        self.assertEqual((packets["in"], packets["out"], packets["dropped"]), (61, 61, 2))
        self.assertEqual(o["accounting"]["chunks"]["in_flight"], 2)
        used = {(r["name"], r["producer"]): r["used"] for r in o["rings"]}
        self.assertEqual(used[("sip", "rx1")], 1)
        self.assertEqual(used[("chunks", "rx0")], 0)
        self.assertEqual(o["ports"][0]["missed"], 7)
        self.assertEqual(o["sip"]["messages"], 300)
        self.assertEqual(o["media"]["held"], 400)
        self.assertEqual(o["ledger"]["head"], {"seq": 42, "hash": "a" * 64})

    def test_lists_come_in_pages(self):
        for name, id_name, extra in (
            ("calls", "call_id", 10),
            ("recordings", "recording_id", 0),
        ):
            seen = []
            path = f"/v1/{name}"
            while True:
                status, o = self.server.get(path)
                self.assertEqual(status, 200)
                validate(o, name)
                seen += [x[id_name] for x in o[name]]
                if "next" not in o:
                    break
                self.assertEqual(len(o[name]), 1000)
                path = f"/v1/{name}?after={o['next']}"
            self.assertGreaterEqual(len(seen), FURTHER + extra)
            self.assertEqual(len(seen), len(set(seen)))
            status, o = self.server.get(f"/v1/{name}?limit=2&after={seen[4]}")
            self.assertEqual([x[id_name] for x in o[name]], seen[5:7])
            self.assertEqual(o["next"], seen[6])
            status, o = self.server.get(f"/v1/{name}?limit=10000")
            self.assertNotIn("next", o)

    def test_wrong_pages(self):
        for query in ("limit=0", "limit=10001", "limit=x", "limit=", "limit=-1", "limit=1x"):
            status, o = self.server.get("/v1/calls?" + query)
            self.assertEqual(status, 400)
            self.assertIn("limit", o["Message"])
        status, o = self.server.get("/v1/recordings?after=nothing")
        self.assertEqual(status, 404)
        status, o = self.server.get("/v1/calls?limt=3")
        self.assertEqual(status, 400)
        self.assertIn("limt", o["Message"])
        self.assertIn("limit after", o["Message"])

    def test_one_call(self):
        status, call = self.server.get("/v1/calls/call-1")
        self.assertEqual(status, 200)
        validate(call, "call")
        self.assertEqual(call["default_location"], "recordings")
        self.assertEqual(call["from"], "+12065551212")
        self.assertEqual(self.server.get("/v1/calls/" + call["call_id"])[1]["sip_call_id"], "call-1")
        # A slash and an octet that is no UTF-8 in a Call-ID; an ended leg.
        status, call = self.server.get("/v1/calls/over%2F%FF%40192.0.2.1")
        self.assertEqual((status, call["sip_call_id"]), (200, "over/?@192.0.2.1"))
        self.assertEqual(call["state"], "ended")
        status, o = self.server.get("/v1/calls/twice")
        self.assertEqual(status, 409)
        self.assertEqual(len(re.findall(r"[0-9a-f-]{36}", o["Message"])), 2)
        self.assertEqual(self.server.get("/v1/calls/nothing")[0], 404)

    def test_a_call_joins_a_transaction(self):
        def join(leg, body):
            text = body if isinstance(body, str) else json.dumps(body)
            r, data = self.server.request("POST", "/v1/calls/" + leg, text)
            return r.status, json.loads(data)
        transaction = self.server.get("/v1/calls/call-1")[1]["transaction_id"]
        to = {"transaction_id": transaction}
        status, call = join("joins-1", to)
        self.assertEqual((status, call["transaction_id"], call["participant_tag"]), (200, transaction, "LEG-B"), call)
        validate(call, "call")
        self.assertEqual(self.server.get("/v1/calls/joins-1")[1]["transaction_id"], transaction)
        status, again = join(call["call_id"], to)  # once more changes nothing
        self.assertEqual((status, again["transaction_id"], again["participant_tag"]), (200, transaction, "LEG-B"))
        self.assertEqual(join("recorded-1", to)[0], 409)
        self.assertEqual(join("twice", to)[0], 409)
        self.assertEqual(join("nothing", to)[0], 404)
        self.assertEqual(join("recorded-1", {"transaction_id": "00000000-0000-5000-8000-000000000000"})[0], 404)
        for body in ("", "[]", "{", {}, {"transaction_id": 5}, {"transaction_id": "x"}, {"TransactionId": transaction},
                     {"transaction_id": transaction, "more": 1}):
            status, answer = join("joins-1", body)
            self.assertEqual((status, list(answer)), (400, ["Message"]), body)
        self.assertIn("POST /v1/calls/joins-1", self.server.log_text())

    def test_one_recording(self):
        first = self.server.get("/v1/recordings?limit=1")[1]["recordings"][0]
        status, o = self.server.get("/v1/recordings/" + first["recording_id"])
        self.assertEqual((status, o), (200, first))
        self.assertEqual(self.server.get("/v1/recordings/nothing")[0], 404)

    def test_unknown_paths_and_methods(self):
        for path in ("/", "/v1", "/v1/", "/v1/calls/", "/v1/statusx", "/v2/status", "//v1/status"):
            status, o = self.server.get(path)
            self.assertEqual(status, 404, path)
            self.assertIn("Message", o)
        for method, path, allow in (
            ("POST", "/v1/status", "GET, HEAD"),
            ("DELETE", "/v1/calls/x", "GET, HEAD, POST"),
            ("GET", "/v1/actions", "POST"),
            ("PUT", "/v1/actions", "POST"),
        ):
            r, data = self.server.request(method, path)
            self.assertEqual((r.status, r.getheader("Allow")), (405, allow))
            self.assertIn(method, json.loads(data)["Message"])

    def test_head(self):
        r, data = self.server.request("HEAD", "/v1/status")
        self.assertEqual((r.status, data), (200, b""))
        self.assertGreater(int(r.getheader("Content-Length")), 100)


class Stream:
    """GET /v1/events, line by line."""

    def __init__(self, server, query=""):
        self.connection = UnixConnection(server.path)
        self.connection.request("GET", "/v1/events" + query)
        self.response = self.connection.getresponse()
        self.status = self.response.status

    def next(self):
        line = self.response.readline()
        return json.loads(line) if line else None

    def rest(self):
        return [json.loads(line) for line in self.response]

    def close(self):
        self.connection.close()


class Events(AdminCase):
    def make(self, count):
        """So many events, ten a list."""
        for _ in range(count // 10):
            self.server.post([action("PlayAudio", "call-1", Note="x" * 100)] * 10)

    def kept(self, query):
        stream = Stream(self.server, "?follow=0&" + query)
        events = stream.rest()
        stream.close()
        return events

    def newest(self):
        return self.server.get("/v1/status")[1]["events"]["newest"]

    def test_stream_tells_what_happens(self):
        stream = Stream(self.server, f"?after={self.newest()}")
        self.assertEqual(stream.status, 200)
        self.assertIn("ndjson", stream.response.getheader("Content-Type"))
        for kind in ("StartCallRecording", "StopCallRecording"):
            one = start("call-1") if kind.startswith("Start") else action(kind, "call-1")
            answered = self.server.post([one])[1]["Events"][0]
            event = stream.next()
            validate(event, "event")
            self.assertEqual(event.pop("EventType"), "invocation")
            self.assertEqual(event.pop("Source"), "socket")
            self.assertEqual(event.pop("EventId"), self.newest())
            event.pop("Time")
            self.assertEqual(event, answered)
        stream.close()

    def test_resumed_without_loss_or_repetition(self):
        begin = self.newest()
        self.make(30)
        for after in (begin, begin + 7, begin + 30):
            ids = [e["EventId"] for e in self.kept(f"after={after}")]
            self.assertEqual(ids, list(range(after + 1, begin + 31)))

    def test_slow_reader_is_told_and_goes_on(self):
        """The log keeps 100 events; the socket's buffers take some 200."""
        begin = self.newest()
        stream = Stream(self.server, f"?after={begin}")
        self.make(1200)
        newest = self.newest()
        self.assertEqual(newest, begin + 1200)
        expected, lost = begin + 1, 0
        while expected <= newest:
            event = stream.next()
            if event["EventType"] == "events_lost":
                validate(event, "event")
                lost += event["lost"]
                self.assertEqual(event["EventId"], expected + event["lost"] - 1)
            else:
                self.assertEqual(event["EventId"], expected)
            expected = event["EventId"] + 1
        self.assertGreater(lost, 100)
        self.assertEqual(self.server.get("/v1/status")[1]["events"]["lost"], lost)
        stream.close()

    def test_what_has_gone_is_told(self):
        self.make(200)
        first, *others = self.kept("after=0")
        newest = self.newest()
        self.assertEqual((first["EventType"], first["lost"], first["EventId"]), ("events_lost", newest - 100, newest - 100))
        self.assertEqual([e["EventId"] for e in others], list(range(newest - 99, newest + 1)))
        self.assertEqual(self.kept(""), others)

    def test_wrong_requests(self):
        newest = self.newest()
        for query in (f"after={newest + 1}", "after=x", "after=", "after=-1", "after=1x", "follow=2", "follow=yes",
                      "after=99999999999999999999", "limit=3"):
            status, o = self.server.get("/v1/events?" + query)
            self.assertEqual(status, 400, query)
            self.assertIn(query.partition("=")[0], o["Message"])

    def test_readers_are_bounded_and_leave(self):
        streams = [Stream(self.server) for _ in range(16)]
        self.assertEqual([s.status for s in streams], [200] * 16)
        self.assertEqual(self.server.get("/v1/events")[0], 503)
        for s in streams:
            s.close()
        self.make(10)  # they are noticed to have gone when something is sent to them
        for _ in range(100):
            self.make(10)
            if self.server.get("/v1/status")[1]["events"]["readers"] == 0:
                break
        self.assertEqual(self.server.get("/v1/status")[1]["events"]["readers"], 0)

    def test_stream_ends_with_the_server(self):
        server = Server(further=0)
        stream = Stream(server)
        waiting = Stream(server, "?after=0")
        server.post([action("PlayAudio", "call-1")])
        code, text = server.stop()
        self.assertEqual(code, 0, text)
        self.assertEqual(len(stream.rest()), 1)
        self.assertEqual(len(waiting.rest()), 1)
        stream.close()
        waiting.close()


class CallUpdate(AdminCase):
    def update(self, application, body='{"Arguments":{}}'):
        r, data = self.server.request("POST", f"/sip-media-applications/{application}/calls/some%2Fid", body)
        return r.status, r.getheader("x-amzn-ErrorType"), json.loads(data)

    def test_accepted(self):
        answer = {"SipMediaApplicationCall": {"TransactionId": "some/id"}}
        self.assertEqual(self.update("sma"), (202, None, answer))
        validate(answer, "call_update_answer")

    def test_each_error_has_its_name(self):
        for application, status, name in (
            ("bad", 400, "BadRequestException"),
            ("none", 404, "NotFoundException"),
            ("busy", 429, "ThrottledClientException"),
            ("ending", 503, "ServiceUnavailableException"),
            ("broken", 500, "ServiceFailureException"),
        ):
            self.assertEqual(
                self.update(application),
                (status, name, {"Message": f'{application} of some/id: {{"Arguments":{{}}}}'}),
            )

    def test_other_paths_are_not_it(self):
        for path in ("/sip-media-applications/x/calls/", "/sip-media-applications//calls/x",
                     "/sip-media-applications/x", "/sip-media-applications/x/call/y"):
            self.assertEqual(self.server.request("POST", path, "{}")[0].status, 404, path)
        r, _ = self.server.request("GET", "/sip-media-applications/x/calls/y")
        self.assertEqual((r.status, r.getheader("Allow")), (405, "POST"))
class SipEvents(AdminCase):
    """What becomes of events is sip_events_test's; here, how a request is answered."""

    def test_answer(self):
        r, data = self.server.request("POST", "/v1/sip-events", b'{"Events":[]}')
        self.assertEqual((r.status, json.loads(data)), (200, {"Results": []}))

    def test_refusal(self):
        r, data = self.server.request("POST", "/v1/sip-events", b"{}")
        self.assertEqual((r.status, json.loads(data)), (400, {"Message": "type: is missing"}))


class Actions(AdminCase):
    def test_a_recording_from_start_to_stop(self):
        call = self.server.get("/v1/calls/call-1")[1]
        status, answer = self.server.post([start("call-1")])
        self.assertEqual(status, 200)
        validate(answer, "actions_answer")
        event = answer["Events"][0]
        self.assertEqual(event["InvocationEventType"], "ACTION_SUCCESSFUL")
        self.assertEqual(event["ActionData"]["Parameters"], start("call-1")["Parameters"])
        self.assertEqual(
            event["ActionData"]["CallRecordingDestination"],
            {"Type": "S3", "Location": "bucket/a/key_1.wav"},
        )
        details = event["CallDetails"]
        self.assertEqual(details["TransactionId"], call["transaction_id"])
        self.assertEqual(details["AwsAccountId"], "123456789012")
        self.assertEqual([p["ParticipantTag"] for p in details["Participants"]], ["LEG-A", "LEG-B"])
        self.assertEqual(details["Participants"][0]["CallId"], call["call_id"])
        recording = self.server.get("/v1/calls/call-1")[1]["recording"]
        self.assertEqual(recording["state"], "recording")
        self.assertEqual(self.server.get("/v1/recordings/" + recording["recording_id"])[0], 200)
        tag = {"Type": "PauseCallRecording", "Parameters": {"ParticipantTag": "LEG-A"}}
        status, answer = self.server.post([tag], TransactionId=call["transaction_id"])
        validate(answer, "actions_answer")
        self.assertEqual(self.server.get("/v1/calls/call-1")[1]["recording"]["state"], "paused")
        status, answer = self.server.post(
            [action("PlayAudio", "x"), action("ResumeCallRecording", "call-1"),
             action("StopCallRecording", call["call_id"]), {"Type": "Hangup"}]
        )
        validate(answer, "actions_answer")
        self.assertEqual(
            [(e["InvocationEventType"], e["Sequence"] - event["Sequence"]) for e in answer["Events"]],
            [("ACTION_SKIPPED", 2), ("ACTION_SUCCESSFUL", 3), ("ACTION_SUCCESSFUL", 4), ("ACTION_SKIPPED", 5)],
        )
        self.assertNotIn("recording", self.server.get("/v1/calls/call-1")[1])

    def test_failures_answer_200(self):
        for actions, kind in (
            ([action("StopCallRecording", "nowhere"), start("call-1")], "InvalidActionParameter"),
            ([action("StopCallRecording", "call-2")], "InvalidActionParameter"),
            ([start("twice")], "InvalidActionParameter"),
            ([start("forbidden")], "NoAccessToDestination"),
            ([{"Type": "StartCallRecording"}], "InvalidActionParameter"),
        ):
            status, answer = self.server.post(actions)
            self.assertEqual(status, 200)
            validate(answer, "actions_answer")
            self.assertEqual(len(answer["Events"]), 1)
            data = answer["Events"][0]["ActionData"]
            self.assertEqual(data["ErrorType"], kind)
            self.assertEqual(data["Error"], kind + ": " + data["ErrorMessage"])

    def test_an_empty_list(self):
        self.assertEqual(self.server.post([]), (200, {"Events": []}))

    def test_malformed_lists(self):
        for body in (b"", b"{", b"[]", b"\xff", b'{"SchemaVersion":"1.0"}', b"x" * 1000):
            r, data = self.server.request("POST", "/v1/actions", body)
            self.assertEqual(r.status, 400)
            self.assertIn("Message", json.loads(data))
        self.assertEqual(self.server.post([{"Type": "Pause"}] * 11)[0], 400)

    def test_a_body_as_long_as_may_be(self):
        filler = "x" * (BODY_MAX - 200)
        status, answer = self.server.post([action("PlayAudio", "a", Filler=filler)])
        self.assertEqual(status, 200)
        self.assertEqual(answer["Events"][0]["ActionData"]["Parameters"]["Filler"], filler)

    def test_too_long_bodies(self):
        c = UnixConnection(self.server.path)
        c.putrequest("POST", "/v1/actions")
        c.putheader("Content-Length", str(BODY_MAX + 1))
        c.endheaders()
        self.assertEqual(c.getresponse().status, 413)
        c.close()
        chunks = iter([b"x" * 65536] * 5)
        r, data = self.server.request("POST", "/v1/actions", chunks)  # chunked
        self.assertEqual(r.status, 413)
        endless = UnixConnection(self.server.path)
        endless.putrequest("POST", "/v1/actions")
        endless.putheader("Transfer-Encoding", "chunked")
        endless.endheaders()
        with self.assertRaises(OSError):
            while True:
                endless.send(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        endless.close()

    def test_curl_sends_a_form_type(self):
        body = json.dumps({"SchemaVersion": "1.0", "Actions": [action("PlayAudio", "x")]})
        r = subprocess.run(
            ["curl", "-sf", "--unix-socket", self.server.path, "http://x/v1/actions", "-d", body],
            stdout=subprocess.PIPE,
            check=True,
        )
        self.assertEqual(len(json.loads(r.stdout)["Events"]), 1)

    def test_changes_are_in_the_audit_log(self):
        self.server.post([action("StopCallRecording", "audit\n\x1b[31m")])
        self.server.get("/v1/calls/audit")
        lines = [l for l in self.server.log_text().splitlines() if "audit" in l]
        self.assertEqual(len(lines), 1)
        self.assertIn(
            f"admin: uid {os.getuid()}, pid {os.getpid()}: POST /v1/actions: 200: "
            "StopCallRecording audit??[31m ACTION_FAILED (InvalidActionParameter: ",
            lines[0],
        )


class Metrics(AdminCase):
    def setUp(self):
        r, data = self.server.request("GET", "/metrics")
        self.assertEqual(r.status, 200)
        self.type = r.getheader("Content-Type")
        self.text = data.decode()

    def test_type_and_end(self):
        self.assertEqual(self.type, "application/openmetrics-text; version=1.0.0; charset=utf-8")
        self.assertTrue(self.text.endswith("# EOF\n"))

    @unittest.skipUnless(text_string_to_metric_families, "needs python3-prometheus-client")
    def test_another_parser_reads_it_and_finds_what_status_shows(self):
        families = list(text_string_to_metric_families(self.text))
        self.assertTrue(all(f.documentation and f.type != "unknown" for f in families))
        found = {}
        for family in families:
            for sample in family.samples:
                found[(sample.name, frozenset(sample.labels.items()))] = sample.value

        def value(name, **labels):
            return found[("legtap_" + name, frozenset(labels.items()))]

        status = self.server.get("/v1/status")[1]
        for rx in status["rx"]:
            for name, count in rx["counters"].items():
                suffix = "" if name == "fragment_waiting" else "_total"
                self.assertEqual(value(f"rx_{name}{suffix}", rx=str(rx["rx"])), count)
            for writer, count in enumerate(rx["chunks"]["handed_over"]):
                self.assertEqual(value("chunks_handed_over_total", rx=str(rx["rx"]), writer=str(writer)), count)
        for writer in status["writers"]:
            for name, count in writer["counters"].items():
                self.assertEqual(value(f"writer_{name}_total", writer=str(writer["writer"])), count)
        for ring in status["rings"]:
            labels = {"ring": ring["name"], "from": ring["producer"], "to": ring["consumer"]}
            self.assertEqual(value("ring_used", **labels), ring["used"])
            self.assertEqual(value("ring_depth", **labels), ring["depth"])
        for state, count in status["recordings"].items():
            self.assertEqual(value("recordings", state=state), count)
        for part in ("sip", "media"):
            for name, count in status[part].items():
                suffix = "" if name == "held_now" else "_total"
                self.assertEqual(value(f"{part}_{name}{suffix}"), count)
        port = status["ports"][0]
        for name in ("received", "missed", "errors", "no_mbuf"):
            self.assertEqual(value(f"port_{name}_total", device=port["device"]), port[name])
        for name, count in port["answers"].items():
            if name != "addresses":
                self.assertEqual(value(f"port_answer_{name}_total", device=port["device"]), count)
        head = status["ledger"]["head"]
        self.assertEqual(value("ledger_head_info", seq=str(head["seq"]), hash=head["hash"]), 1)
        self.assertEqual(value("spool_free_bytes"), status["storage"]["spool_free_bytes"])
        self.assertEqual(value("legs"), status["legs"]["live"])
        self.assertEqual(value("build_info", version=status["version"], site=status["site"]), 1)


class Billing(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.ledger = example(os.path.join(cls.folder.name, "ledger.jsonl"))
        cls.server = Server(further=0, ledger=cls.ledger.path)
        assert cls.server.ready, cls.server.log_text()

    @classmethod
    def tearDownClass(cls):
        code, text = cls.server.stop()
        cls.folder.cleanup()
        assert code == 0, text

    def bill(self, query=""):
        status, o = self.server.get("/v1/billing" + query)
        self.assertEqual(status, 200, o)
        validate(o, "billing")
        return o

    def test_report(self):
        bill = self.bill()
        self.assertEqual([(u["account"], u["billed_seconds"], u["amount"]) for u in bill["lines"]],
                         [("acme", 91, "0.0910"), ("default", 50399, "0.00")])
        self.assertEqual([(t["account"], t["usages"], t["amount"]) for t in bill["totals"]],
                         [("acme", 1, "0.0910"), ("default", 1, "0.00")])
        self.assertEqual((bill["open"], bill["undelivered"]), (1, 1))
        self.assertEqual(f"{bill['head']['seq']}:{bill['head']['hash']}", self.ledger.head)

    def test_account_and_period(self):
        def accounts(query):
            return [u["account"] for u in self.bill(query)["lines"]]

        self.assertEqual(accounts("?account=acme"), ["acme"])
        self.assertEqual(accounts("?account=nobody"), [])
        self.assertEqual(accounts("?to=2026-02-01"), ["acme"])
        self.assertEqual(accounts("?from=2026-02-01"), ["default"])
        self.assertEqual(accounts("?from=2026-02-01T00:00:02.001Z"), [])
        self.assertEqual(accounts("?from=2026-02-01T01:00:02%2B01:00&to=2026-02-02"), ["default"])

    def test_wrong_queries(self):
        for query in ("from=yesterday", "to=2026-02-30", "to=", "verify=2", "head=1:2", "verify=1&account=acme",
                      "verify=1&from=2026-01-01", "from=2026-02-01&to=2026-01-01", "verify=1&head=1", "acount=acme"):
            status, o = self.server.get("/v1/billing?" + query)
            self.assertEqual(status, 400, query)
            validate(o, "error")

    def test_csv(self):
        r, data = self.server.request("GET", "/v1/billing?account=acme", headers={"Accept": "text/csv"})
        self.assertEqual((r.status, r.getheader("Content-Type")), (200, "text/csv; charset=utf-8; header=present"))
        [line] = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
        self.assertEqual((line["amount"], line["duration_ms"], line["currency"]), ("0.0910", "90500", "USD"))
        self.assertEqual(line, {k: str(v) for k, v in self.bill("?account=acme")["lines"][0].items()})

    def test_verify(self):
        head = dict(zip(("seq", "hash"), self.ledger.head.split(":")))
        for query in ("?verify=1", "?verify=1&head=" + self.ledger.head):
            status, o = self.server.get("/v1/billing" + query)
            validate(o, "billing_verdict")
            self.assertEqual((status, o), (200, {"verified": True, "head": {**head, "seq": int(head["seq"])}}))
        status, o = self.server.get("/v1/billing?verify=1&head=3:" + "0" * 64)
        validate(o, "billing_verdict")
        self.assertEqual((status, o["verified"]), (200, False))

    def test_a_broken_chain_is_not_billed(self):
        with tempfile.TemporaryDirectory() as folder:
            ledger = example(os.path.join(folder, "ledger.jsonl"))
            with open(ledger.path, "r+") as file:
                text = file.read().replace("90500", "10500")
                file.seek(0)
                file.write(text)
            server = Server(further=0, ledger=ledger.path)
            status, o = server.get("/v1/billing")
            self.assertEqual(status, 500)
            self.assertIn("line 3", o["Message"])
            status, o = server.get("/v1/billing?verify=1")
            self.assertEqual((status, o["verified"]), (200, False))
            self.assertIn("line 3", o["Message"])
            server.stop()


class Documentation(unittest.TestCase):
    """docs/admin_api.md: its examples are run, its answers are of their schemas, and no route is left out."""

    @classmethod
    def setUpClass(cls):
        with open(os.path.join(SCHEMAS, "..", "admin_api.md")) as file:
            cls.text = file.read()
        cls.folder = tempfile.TemporaryDirectory()
        cls.ledger = example(os.path.join(cls.folder.name, "ledger.jsonl"))
        cls.server = Server(further=0, ledger=cls.ledger.path)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.folder.cleanup()

    def blocks(self, kind, language):
        found = re.findall(rf"<!-- {kind}: ([^>]*) -->\n```{language}\n(.*?)```", self.text, re.S)
        self.assertEqual(len(found), len(re.findall(rf"(?m)^```{language}$", self.text)), "a block is not marked")
        self.assertTrue(found)
        return found

    def test_examples_are_run(self):
        for marks, command in self.blocks("tried", "sh"):
            status, form, *lines = marks.split()
            command = command.strip().replace("/run/legtap/legtap.sock", self.server.path)
            done = subprocess.run(["sh", "-c", f"{command} -sS -w '\\n%{{http_code}}'"], capture_output=True, text=True,
                                  check=True)
            answer, _, code = done.stdout.rpartition("\n")
            self.assertEqual(code, status, command)
            if form == "csv":
                self.assertEqual(next(csv.reader(io.StringIO(answer)))[0], "account")
            elif form == "openmetrics":
                self.assertTrue(answer.endswith("# EOF\n"))
            else:
                for text in answer.splitlines() if lines else [answer]:
                    validate(json.loads(text), form.removesuffix(".json"))

    def test_answers_are_of_their_schemas(self):
        for form, answer in self.blocks("answer", "json"):
            validate(json.loads(answer), form.removesuffix(".json"))

    def test_routes_and_schemas_are_all_there(self):
        routes = os.path.join(SCHEMAS, "..", "..", "controlplane", "route.c")
        with open(routes) as file:
            table = re.findall(r'\{"([A-Z]+)", "([^"]+)", "([^"]*)"', file.read())
        self.assertGreater(len(table), 5)
        named = [f"{method} {path}" for method, path, _ in table] + " ".join(t[2] for t in table).split()
        self.assertEqual([n for n in named if f"`{n}`" not in self.text], [])
        parts = {"error.json", "invocation_event.json"}
        self.assertEqual([n for n in set(os.listdir(SCHEMAS)) - parts if f"`{n}`" not in self.text], [])

    def test_metrics_are_named(self):
        names = re.findall(r"(?m)^# TYPE legtap_(\w+) ", self.server.request("GET", "/metrics")[1].decode())
        families = ("rx_", "writer_", "sip_", "media_", "hep_", "siprec_", "port_", "application_")
        missing = [n for n in names if not n.startswith(families) and f"legtap_{n}" not in self.text]
        self.assertEqual(missing, [])


class Waiting(AdminCase):
    """Actions that take their time."""

    def release(self):
        return self.server.post([start("release-1"), action("StopCallRecording", "release-1")])

    def held_request(self, leg="held-1"):
        c = UnixConnection(self.server.path)
        body = json.dumps({"SchemaVersion": "1.0", "Actions": [start(leg)]})
        c.request("POST", "/v1/actions", body)
        return c

    def wait_until_taken(self):
        """The server has read the held requests when it has answered one that came after them."""
        self.server.get("/v1/status")

    def stop_held(self):
        c = UnixConnection(self.server.path)
        body = json.dumps({"SchemaVersion": "1.0", "Actions": [action("StopCallRecording", "held-1")]})
        c.request("POST", "/v1/actions", body)
        self.wait_until_taken()
        self.release()
        answer = json.loads(c.getresponse().read())
        c.close()
        return answer

    def test_an_answer_comes_later(self):
        c = self.held_request()
        self.wait_until_taken()
        c.sock.settimeout(0)
        with self.assertRaises(BlockingIOError):
            c.sock.recv(1, socket.MSG_PEEK)
        c.sock.settimeout(30)
        self.assertEqual(self.release()[0], 200)
        answer = json.loads(c.getresponse().read())
        self.assertEqual(answer["Events"][0]["InvocationEventType"], "ACTION_SUCCESSFUL")
        c.close()
        self.assertEqual(self.stop_held()["Events"][0]["InvocationEventType"], "ACTION_SUCCESSFUL")

    def test_a_client_goes_away_while_its_answer_is_pending(self):
        for close in (lambda c: c.close(), lambda c: c.sock.shutdown(socket.SHUT_RDWR)):
            c = self.held_request()
            self.wait_until_taken()
            close(c)
            self.assertEqual(self.release()[0], 200)
            self.assertEqual(self.server.get("/v1/calls/held-1")[1]["recording"]["state"], "recording")
            c.close()
            self.stop_held()

    def test_a_slow_client_delays_nobody(self):
        slow = socket.socket(socket.AF_UNIX)
        slow.connect(self.server.path)
        for octet in b"GET /v1/status HTTP/1.1\r\nHost: x\r\n":
            slow.send(bytes([octet]))
            if octet == ord("\n"):
                self.assertEqual(self.server.get("/v1/calls?limit=1")[0], 200)
        slow.send(b"\r\n")
        self.assertEqual(slow.recv(15), b"HTTP/1.1 200 OK")
        slow.close()

    def test_a_client_that_does_not_read_delays_nobody(self):
        lazy = socket.socket(socket.AF_UNIX)
        lazy.connect(self.server.path)
        lazy.send(b"GET /v1/calls?limit=10000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        for _ in range(20):
            self.assertEqual(self.server.get("/v1/calls?limit=1")[0], 200)
        data = b"".join(iter(lambda: lazy.recv(65536), b""))
        lazy.close()
        calls = json.loads(data.split(b"\r\n\r\n", 1)[1])["calls"]
        self.assertGreater(len(calls), FURTHER)

    def test_more_connections_than_may_be(self):
        idle = []
        for _ in range(CONNECTIONS):
            s = socket.socket(socket.AF_UNIX)
            s.connect(self.server.path)
            idle.append(s)
        # Each is taken: it answers.
        for s in idle:
            s.send(b"GET /v1/calls?limit=1 HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertEqual(s.recv(15), b"HTTP/1.1 200 OK")
        late = UnixConnection(self.server.path)
        late.request("GET", "/v1/status")
        late.sock.settimeout(0)
        with self.assertRaises(BlockingIOError):
            late.sock.recv(1, socket.MSG_PEEK)
        late.sock.settimeout(30)
        idle.pop().close()
        self.assertEqual(late.getresponse().status, 200)
        late.close()
        for s in idle:
            s.close()
        self.assertEqual(self.server.get("/v1/status")[0], 200)

    def test_many_at_once(self):
        failures = []

        def ask(n):
            for i in range(20):
                status, answer = self.server.post([start(f"many-{n}"), action("StopCallRecording", f"many-{n}")])
                kinds = [e["InvocationEventType"] for e in answer["Events"]]
                if kinds != ["ACTION_SUCCESSFUL"] * 2:
                    failures.append(kinds)

        threads = [threading.Thread(target=ask, args=(n,)) for n in range(16)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(failures, [])


class Lifetime(unittest.TestCase):
    def test_the_socket_has_its_mode_and_goes_away(self):
        s = Server(further=0)
        st = os.stat(s.path)
        self.assertTrue(stat.S_ISSOCK(st.st_mode))
        self.assertEqual(stat.S_IMODE(st.st_mode), 0o640)
        path = s.path
        self.assertEqual(s.stop()[0], 0)
        self.assertFalse(os.path.exists(path))

    def test_a_live_socket_is_refused_and_left_alone(self):
        s = Server(further=0)
        second = Server(path=s.path, further=0)
        self.assertFalse(second.ready)
        code, text = second.stop()
        self.assertEqual(code, 1)
        self.assertIn(f"a live process listens at {s.path}", text)
        self.assertEqual(s.get("/v1/status")[0], 200)
        s.stop()

    def test_a_stale_socket_is_replaced(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "s")
            first = Server(path=path, further=0)
            first.process.send_signal(signal.SIGKILL)
            first.stop()
            self.assertTrue(os.path.exists(path))
            second = Server(path=path, further=0)
            self.assertTrue(second.ready, second.log_text())
            self.assertEqual(second.get("/v1/status")[0], 200)
            self.assertIn("left by a process that is gone", second.stop()[1])

    def test_another_file_is_not_replaced(self):
        with tempfile.NamedTemporaryFile() as f:
            s = Server(path=f.name, further=0)
            code, text = s.stop()
            self.assertEqual(code, 1)
            self.assertIn("is no socket", text)
            self.assertTrue(os.path.exists(f.name))

    def test_stopping_answers_who_waits(self):
        s = Server(further=0)
        c = UnixConnection(s.path)
        c.request("POST", "/v1/actions", json.dumps({"SchemaVersion": "1.0", "Actions": [start("held-1")]}))
        s.get("/v1/status")
        code, text = s.stop()
        self.assertEqual(code, 0, text)
        r = c.getresponse()
        self.assertEqual(r.status, 503)
        self.assertIn("shutting down", json.loads(r.read())["Message"])
        c.close()


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
