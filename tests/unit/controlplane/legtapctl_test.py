#!/usr/bin/env python3
"""legtapctl against admin_server (stand-ins behind the real HTTP side), and on ledgers by itself.

usage: legtapctl_test.py LEGTAPCTL ADMIN_SERVER COMPLETION DOCS"""

import csv
import io
import itertools
import json
import os
import pty
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from ledger_lines import Ledger, example

LEGTAPCTL, SERVER, COMPLETION, DOCS = map(os.path.abspath, sys.argv[1:5])
NUMBERS = itertools.count()
FURTHER = 10100  # more than one page of 10,000


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.ledger = example(os.path.join(cls.folder.name, "ledger.jsonl"))
        cls.socket = os.path.join(cls.folder.name, "admin.sock")
        cls.server = subprocess.Popen([SERVER, cls.socket, str(FURTHER), cls.ledger.path], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert cls.server.stdout.readline() == "ready\n"

    @classmethod
    def tearDownClass(cls):
        cls.server.communicate(timeout=30)
        cls.folder.cleanup()

    def ctl(self, *arguments, status=0, socket_path=None):
        """What it printed to stdout, and to stderr."""
        done = subprocess.run([LEGTAPCTL, "--socket", socket_path or self.socket, *arguments], capture_output=True,
                              text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, status, done)
        self.assertEqual(done.stderr == "", status == 0, done.stderr)
        return done.stdout, done.stderr

    def json(self, *arguments):
        return json.loads(self.ctl("--json", *arguments)[0])

    def rows(self, *arguments):
        return [line.split() for line in self.ctl(*arguments)[0].splitlines()]


class Shows(Case):
    def test_lists_are_whole(self):
        calls = self.json("calls")["calls"]
        self.assertEqual(len({c["call_id"] for c in calls}), FURTHER + 10)
        self.assertEqual(len(self.json("recordings")["recordings"]), FURTHER)
        rows = self.rows("calls")
        self.assertEqual(rows[0][:4], ["CALL", "ID", "LEG", "FROM"])
        self.assertEqual([row[0] for row in rows[1:]], [c["call_id"] for c in calls])

    def test_one_recording(self):
        [first, *_] = self.json("recordings")["recordings"]
        self.assertEqual(self.json("recordings", first["recording_id"]), first)
        rows = self.rows("recordings", first["recording_id"])
        self.assertEqual(dict(rows[1:rows.index([])]), {k: str(v) for k, v in first.items() if not isinstance(v, list)})
        self.assertEqual(rows[rows.index([]) + 1][:2], ["TRACK", "SSRC"])
        self.assertIn("no recording has the id", self.ctl("recordings", "none/../x", status=1)[1])

    def test_status(self):
        self.assertEqual(self.json("status")["site"], "test")
        text = self.ctl("status")[0]
        self.assertRegex(text, r"(?m)^rx1 +31 +20 recorded +1 +0$")
        self.assertRegex(text, r"(?m)^rx0 +drop_no_chunk +1$")
        self.assertRegex(text, r'(?m)^net_af_packet0,iface="mirror0" +missed +7$')
        self.assertIn("head 42:" + "a" * 64, text)

    def test_metrics(self):
        self.assertTrue(self.ctl("metrics")[0].endswith("# EOF\n"))


class ScriptedServer(threading.Thread):
    """Answers GET /v1/status with the documents of a list, one a connection's request, the last again and again."""

    def __init__(self, path, documents):
        super().__init__(daemon=True)
        self.documents = list(documents)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(path)
        self.listener.listen()
        self.start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                while b"\r\n\r\n" in connection.recv(65536):
                    document = self.documents.pop(0) if len(self.documents) > 1 else self.documents[0]
                    body = json.dumps(document).encode()
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                       b"Content-Length: %d\r\n\r\n%s" % (len(body), body))

    def close(self):
        self.listener.close()


class Top(Case):
    def later(self, status, ms, **added):
        """The status so much later, its first rx core's, writer's and port's counters so much higher."""
        status = json.loads(json.dumps(status))
        status["uptime_ms"] += ms
        rx, writer, port = status["rx"][0], status["writers"][0], status["ports"][0]
        rx["accounting"]["in"] += added["packets"]
        rx["counters"]["recorded"] += added["packets"] - added["dropped"]
        rx["accounting"]["dropped"] += added["dropped"]
        rx["counters"]["bursts"] += 30
        rx["counters"]["empty_polls"] += 90
        writer["accounting"]["in"] += added["chunks"]
        writer["counters"]["chunks_written"] += added["chunks"]
        port["received"] += added["packets"]
        port["missed"] += added["missed"]
        return status

    def screens(self, documents, count):
        path = os.path.join(self.folder.name, f"top{next(NUMBERS)}.sock")
        server = ScriptedServer(path, documents)
        self.addCleanup(server.close)
        text, _ = self.ctl("top", "--count", str(count), socket_path=path)
        screens = text.split("\nlegtapd ")
        self.assertEqual(len(screens), count, text)
        return screens

    def test_rates_are_of_the_time_between(self):
        first = self.json("status")
        second = self.later(first, 2000, packets=3000, dropped=20, chunks=50, missed=8)
        old, new = self.screens([first, second], 2)
        self.assertRegex(old, r"(?m)^rx0 +- +- +- +\d+ +\d+ +-$")
        dropped, flight = (f"{second['rx'][0]['accounting'][name]:.0f}" for name in ("dropped", "in_flight"))
        self.assertRegex(new, rf"(?m)^rx0 +1500 +1490 +10 +{dropped} +{flight} +25.0 %$")
        self.assertRegex(new, r"(?m)^writer0 +25 +25 +0 +\d+ +\d+ +-$")
        self.assertRegex(new, rf'(?m)^net_af_packet0,iface="mirror0" +1500 +4 +{7 + 8}$')
        self.assertRegex(new, r"(?m)^spool: .* GiB free, ")
        self.assertRegex(new, r"(?m)^recordings: ")
        self.assertRegex(new, r"(?m)^RING +FROM +TO +USED +DEPTH$")
        self.assertNotIn("\033", old + new, "no terminal")

    def test_no_rates_over_a_restart(self):
        first = self.later(self.json("status"), 5000, packets=900, dropped=0, chunks=9, missed=0)
        again = {**self.json("status"), "pid": first["pid"] + 1}
        [_, new] = self.screens([first, {**again, "uptime_ms": first["uptime_ms"] + 1000}], 2)
        self.assertRegex(new, r"(?m)^rx0 +- +- +- ")

    def test_a_second_each(self):
        begin = time.monotonic()
        lines = self.ctl("--json", "top", "--count", "3")[0].splitlines()
        self.assertGreaterEqual(time.monotonic() - begin, 2.0)
        self.assertEqual([json.loads(line)["site"] for line in lines], ["test"] * 3)

    def test_bad_counts(self):
        for count in ("0", "-1", "x", "1x", "", "99999999999999999999"):
            self.assertIn("--count is a whole number", self.ctl("top", "--count", count, status=2)[1])

    def test_terminal_is_cleared(self):
        leader, follower = pty.openpty()
        done = subprocess.run([LEGTAPCTL, "--socket", self.socket, "top", "--count", "1"], stdout=follower, timeout=60,
                              check=False)
        self.assertEqual(done.returncode, 0)
        self.assertTrue(os.read(leader, 4096).startswith(b"\033[H\033[2J"))
        os.close(leader)
        os.close(follower)


class Events(Case):
    def events(self, *arguments):
        return [json.loads(line) for line in self.ctl("--json", "events", *arguments)[0].splitlines()]

    def test_events(self):
        self.ctl("start", "many-5")
        self.ctl("stop", "many-5")
        start, stop = self.events()[-2:]
        self.assertEqual((start["ActionData"]["Type"], stop["ActionData"]["Type"]),
                         ("StartCallRecording", "StopCallRecording"))
        self.assertEqual(self.events("--after", str(start["EventId"])), [stop])
        [line] = self.ctl("events", "--after", str(start["EventId"]))[0].splitlines()
        self.assertEqual(line, f"{stop['Time']} {stop['EventId']} invocation Sequence={stop['Sequence']} "
                         "InvocationEventType=ACTION_SUCCESSFUL Source=socket action=StopCallRecording "
                         f"transaction_id={stop['CallDetails']['TransactionId']}")
        self.assertIn("after: no event", self.ctl("events", "--after", str(stop["EventId"] + 1), status=1)[1])
        self.assertIn("whole number", self.ctl("events", "--after", "x&follow=1", status=1)[1])

    def test_events_are_followed(self):
        newest = self.json("status")["events"]["newest"]
        follower = subprocess.Popen([LEGTAPCTL, "--socket", self.socket, "--json", "events", "--follow", "--after",
                                     str(newest)], stdout=subprocess.PIPE, text=True)
        for action in ("start", "stop"):
            self.ctl(action, "many-6")
            newest += 1
            self.assertEqual(json.loads(follower.stdout.readline())["EventId"], newest)
        follower.kill()
        follower.communicate()


class Actions(Case):
    def test_from_start_to_stop(self):
        out = self.ctl("start", "call-1", "--track", "INCOMING")[0]
        self.assertEqual(out, "recording call-1 to bucket/a/key_1.wav\n")
        transaction = next(c for c in self.json("calls")["calls"] if c["sip_call_id"] == "call-1")["transaction_id"]
        self.assertEqual(self.ctl("pause", "LEG-A", "--transaction", transaction)[0], "paused LEG-A\n")
        self.assertEqual(self.ctl("resume", "call-1")[0], "resumed call-1\n")
        [event] = self.json("stop", "call-1")["Events"]
        self.assertEqual(event["InvocationEventType"], "ACTION_SUCCESSFUL")

    def sent(self, *arguments):
        """The parameters of the action that was asked for, as its event repeats them."""
        return self.json(*arguments)["Events"][0]["ActionData"]["Parameters"]

    def test_what_is_sent(self):
        self.assertEqual(self.sent("start", "many-1"), {
            "CallId": "many-1", "Track": "BOTH", "Destination": {"Type": "S3", "Location": "recordings"}})
        self.assertEqual(self.sent("start", "many-2", "--bucket", "b/p", "--track", "OUTGOING"), {
            "CallId": "many-2", "Track": "OUTGOING", "Destination": {"Type": "S3", "Location": "b/p"}})
        transaction = next(c for c in self.json("calls")["calls"] if c["sip_call_id"] == "many-3")["transaction_id"]
        self.assertEqual(self.sent("start", "LEG-A", "--transaction", transaction.upper()), {
            "ParticipantTag": "LEG-A", "Track": "BOTH", "Destination": {"Type": "S3", "Location": "recordings"}})

    def test_failures(self):
        for arguments, part in (
            (["stop", "nowhere"], "InvalidActionParameter: no live leg has the CallId or SIP Call-ID nowhere"),
            (["start", "nowhere"], "InvalidActionParameter: no live leg has the CallId or SIP Call-ID nowhere"),
            (["start", "nowhere", "--bucket", "b"], "InvalidActionParameter: no live leg"),
            (["start", "twice"], "InvalidActionParameter: twice fits 2 live legs"),
            (["start", "forbidden"], "NoAccessToDestination: "),
            (["stop", "many-9"], "InvalidActionParameter: "),
            (["pause", "LEG-A", "--transaction", "x"], "InvalidActionParameter: no transaction has"),
            (["start", "LEG-A", "--transaction", "x"], "InvalidActionParameter: transaction x has no live leg"),
        ):
            out, err = self.ctl(*arguments, status=1)
            self.assertEqual(out, "")
            self.assertIn(f"legtapctl: {arguments[0]}: {part}", err)

    def test_join(self):
        transaction = next(c for c in self.json("calls")["calls"] if c["sip_call_id"] == "call-1")["transaction_id"]
        call_id = next(c for c in self.json("calls")["calls"] if c["sip_call_id"] == "joins-1")["call_id"]
        self.assertEqual(self.ctl("join", "joins-1", "--transaction", transaction)[0],
                         f"{call_id} is of transaction {transaction}\n")
        self.assertEqual(self.json("join", call_id, "--transaction", transaction)["transaction_id"], transaction)
        refused = self.ctl("join", "recorded-1", "--transaction", transaction, status=1)[1]
        self.assertIn("bear the TransactionId", refused)
        self.assertIn("no UUID", self.ctl("join", "joins-1", "--transaction", "x", status=1)[1])
        self.assertIn("--transaction is missing", self.ctl("join", "joins-1", status=2)[1])

    def test_failures_as_json(self):
        out, err = self.ctl("--json", "stop", "many-9", status=1)
        [event] = json.loads(out)["Events"]
        self.assertEqual(event["InvocationEventType"], "ACTION_FAILED")
        self.assertIn(event["ActionData"]["ErrorMessage"], err)

    def test_a_tag_needs_its_transaction(self):
        for command in ("start", "stop", "pause", "resume"):
            self.assertIn("--transaction", self.ctl(command, "LEG-B", status=2)[1])


class Billing(Case):
    def sources(self):
        """Asking legtapd, and reading the file, must not differ."""
        return [], ["--ledger", self.ledger.path]

    def test_report(self):
        for source in self.sources():
            bill = self.json("billing", *source)
            self.assertEqual([u["amount"] for u in bill["lines"]], ["0.0910", "0.00"])
            text = self.ctl("billing", *source)[0]
            self.assertRegex(text, r"(?m)^acme +1 +1:30\.5 +91 +0\.0910 +USD$")
            self.assertIn(f"not billable yet: 1 being recorded, 1 being delivered\nhead {self.ledger.head}\n", text)

    def test_account_and_period(self):
        for source in self.sources():
            for options, accounts in (
                (["--account", "acme"], ["acme"]),
                (["--account", "a&b=c?"], []),
                (["--from", "2026-02-01"], ["default"]),
                (["--to", "2026-02-01T01:00:00+01:00"], ["acme"]),
            ):
                bill = self.json("billing", *options, *source)
                self.assertEqual([u["account"] for u in bill["lines"]], accounts)
            self.assertIn("no time", self.ctl("billing", "--from", "soon", *source, status=2)[1])

    def test_csv(self):
        texts = {self.ctl("billing", "--csv", *source)[0] for source in self.sources()}
        self.assertEqual(len(texts), 1)
        lines = list(csv.DictReader(io.StringIO(texts.pop())))
        self.assertEqual([u["billed_seconds"] for u in lines], ["91", "50399"])

    def test_verify(self):
        for source in self.sources():
            for head in [], ["--head", self.ledger.head]:
                text = self.ctl("billing", "--verify", *head, *source)[0]
                self.assertTrue(text.startswith("the chain of 9 entries is whole"), text)
                self.assertTrue(text.endswith(f"head {self.ledger.head}\n"), text)
            out, err = self.ctl("--json", "billing", "--verify", "--head", "12:" + "0" * 64, *source, status=1)
            self.assertFalse(json.loads(out)["verified"])
            self.assertIn("its end was cut off", err)
        self.assertIn("is no head", self.ctl("billing", "--verify", "--head", "x", *self.sources()[1], status=2)[1])

    def test_altered_copy(self):
        copy = self.ledger.path + ".copy"
        with open(self.ledger.path) as file, open(copy, "w") as to:
            to.write(file.read().replace("90500", "10500"))
        self.assertIn("line 3", self.ctl("billing", "--ledger", copy, status=1)[1])
        self.assertIn("line 3", self.ctl("billing", "--verify", "--ledger", copy, status=1)[1])
        self.assertIn("No such file", self.ctl("billing", "--ledger", copy + "x", status=1)[1])

    # --- What a head that was noted elsewhere shows; the sources above agree, so the file will do ---

    def copy_of(self, lines):
        path = os.path.join(self.folder.name, f"copy{next(NUMBERS)}.jsonl")
        with open(path, "w") as file:
            file.writelines(lines)
        return path

    def lines(self):
        with open(self.ledger.path) as file:
            return file.readlines()

    def verdict(self, path, head):
        """Whether `billing --verify` with that head (None: without) is content, and what it says."""
        options = ["--head", head] if head else []
        done = subprocess.run([LEGTAPCTL, "billing", "--verify", "--ledger", path, *options], capture_output=True,
                              text=True, timeout=60, check=False)
        self.assertIn(done.returncode, (0, 1), done)
        return done.returncode == 0, done.stderr

    def test_missing_entry(self):
        lines = self.lines()
        for gone in range(len(lines) - 1):
            path = self.copy_of(lines[:gone] + lines[gone + 1:])
            for head in self.ledger.head, None:
                content, why = self.verdict(path, head)
                self.assertFalse(content, f"line {gone + 1} is gone")
                self.assertIn(f"line {gone + 1}", why)

    def test_cut_end(self):
        lines = self.lines()
        for kept in range(len(lines)):
            path = self.copy_of(lines[:kept])
            self.assertTrue(self.verdict(path, None)[0], "a shorter chain is whole by itself")
            content, why = self.verdict(path, self.ledger.head)
            self.assertFalse(content, f"{kept} lines are left")
            self.assertIn("cut off", why)

    def test_recomputed_chain(self):
        """All hashes are right again, but a usage is a shorter one."""
        path = os.path.join(self.folder.name, "recomputed.jsonl")
        ledger = Ledger(path)
        for line in self.lines():
            entry = json.loads(line)
            entry = {k: v for k, v in entry.items() if k not in ("seq", "prev_hash", "hash")}
            if entry.get("duration_ms") == 90500:
                entry["duration_ms"] = 10500
            ledger.append_entry(entry)
        self.assertTrue(self.verdict(path, None)[0], "it is whole by itself")
        self.assertTrue(self.verdict(path, ledger.head)[0])
        content, why = self.verdict(path, self.ledger.head)
        self.assertFalse(content)
        self.assertIn(f"entry {self.ledger.seq}", why)

    def test_older_head_of_a_longer_chain(self):
        """What was noted an hour ago stands in the chain that has grown since."""
        for line in self.lines():
            entry = json.loads(line)
            self.assertTrue(self.verdict(self.ledger.path, f"{entry['seq']}:{entry['hash']}")[0])


class NotReachable(Case):
    def test_no_socket(self):
        path = os.path.join(self.folder.name, "none")
        out, err = self.ctl("status", status=3, socket_path=path)
        self.assertIn(f"{path} is not there: is legtapd running?", err)

    def test_nobody_listens(self):
        path = os.path.join(self.folder.name, "stale")
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(path)
        self.assertIn(f"nothing listens on {path}", self.ctl("stop", "x", status=3, socket_path=path)[1])

    @unittest.skipIf(os.getuid() == 0, "root may open any socket")
    def test_no_permission(self):
        path = os.path.join(self.folder.name, "closed")
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(path)
            s.listen()
            os.chmod(path, 0)
            self.assertIn("no permission", self.ctl("status", status=3, socket_path=path)[1])

    def test_a_path_that_is_too_long(self):
        self.assertIn("107", self.ctl("status", status=2, socket_path="/" + "x" * 200)[1])

    def test_a_full_disk(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([LEGTAPCTL, "--socket", self.socket, "calls"], stdout=full, stderr=subprocess.PIPE,
                                  text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("could not be written", done.stderr)


class LedgerPage(unittest.TestCase):
    """docs/ledger.md: its ledger is a ledger, and each way to verify one that it names agrees."""

    def setUp(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        with open(os.path.join(DOCS, "ledger.md")) as file:
            self.text = file.read()
        [lines] = re.findall(r"```jsonl\n(.*?)```", self.text, re.S)
        self.entries = [json.loads(line) for line in lines.splitlines()]
        self.head = f"{self.entries[-1]['seq']}:{self.entries[-1]['hash']}"
        self.path = os.path.join(folder, "ledger.jsonl")
        with open(self.path, "w") as file:
            file.write(lines)

    def run_in_folder(self, *command):
        return subprocess.run(command, capture_output=True, text=True, check=True, cwd=os.path.dirname(self.path)).stdout

    def test_by_legtapctl(self):
        out = self.run_in_folder(LEGTAPCTL, "billing", "--verify", "--ledger", self.path, "--head", self.head)
        self.assertTrue(out.endswith(f"head {self.head}\n"))
        bill = json.loads(self.run_in_folder(LEGTAPCTL, "--json", "billing", "--ledger", self.path))
        self.assertIn(f"= {bill['totals'][0]['amount']} {bill['totals'][0]['currency']}.", self.text)

    def test_by_the_script(self):
        self.assertIn(f"verify_ledger.py ledger.jsonl {self.head}", self.text)
        script = os.path.join(DOCS, "examples", "verify_ledger.py")
        self.assertEqual(self.run_in_folder("python3", script, self.path, self.head), self.head + "\n")

    def test_by_hand(self):
        [command] = re.findall(r"```sh\n(.*?)```", self.text, re.S)
        self.assertEqual(self.run_in_folder("sh", "-c", command).split()[0], self.entries[1]["hash"])

    def test_members(self):
        for entry in self.entries:
            for name in entry:
                self.assertRegex(self.text, rf"(?m)^\|.*`{name}`.*\|.*(all|`{entry['type']}`)")


class Completion(unittest.TestCase):
    """The completion is written by hand: it must know what --help knows."""

    def complete(self, *words):
        script = f'source "{COMPLETION}"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); ' \
                 'cur=${COMP_WORDS[COMP_CWORD]}; _legtapctl; printf "%s\\n" "${COMPREPLY[@]}"'
        done = subprocess.run(["bash", "-c", script, "bash", "legtapctl", *words], capture_output=True, text=True,
                              check=True)
        return set(done.stdout.split())

    def setUp(self):
        if not shutil.which("bash"):
            self.skipTest("needs bash")
        text = subprocess.run([LEGTAPCTL, "--help"], capture_output=True, text=True, check=True).stdout
        self.always = set(re.findall(r"(?m)^  (--\w+)", text))
        self.options = {}
        for line in text.partition("Commands:\n")[2].splitlines():
            if command := re.match(r"  (\w+)", line):
                self.options[command[1]] = set()
                current = command[1]
            elif option := re.match(r"    (--\w+)", line):
                self.options[current].add(option[1])

    def test_commands(self):
        self.assertEqual(self.complete(""), set(self.options))
        self.assertEqual(self.complete("--socket", "/s", "--json", "st"), {"status", "start", "stop"})

    def test_options(self):
        self.assertEqual(self.complete("--"), self.always)
        for command, options in self.options.items():
            self.assertEqual(self.complete(command, "--"), options | {"--json", "--socket", "--help"}, command)

    def test_values(self):
        self.assertEqual(self.complete("start", "x", "--track", ""), {"BOTH", "INCOMING", "OUTGOING"})


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
