"""1,000 calls under the random actions of several clients at once: what each was answered, the recordings, their files
and the ledger agree.

Clients share the legs, so two may act on one at the same time. What they were answered is right when there is an order
of the actions that fits: each somewhere between its request and its answer, and each with the outcome that a leg acted
on by one client alone would have given. The recordings must be those of such an order, pauses included."""
import json
import random
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

from harness import wait, wav
from harness.case import Case
from harness.daemon import Legtapd, UnixConnection, configuration
from harness.generator import SBC, Sender, generate
from harness.hosts import Hosts

CALLS, CLIENTS = 1000, 6
SECONDS = 26      # of a call
ACTING_S = 22     # of the clients
PER_SECOND = 60   # lists of each client
SLACK_MS = 3      # whole milliseconds, and the clocks of two processes


class Op:
    """One action and its outcome."""

    def __init__(self, kind, event, asked, answered, before):
        self.kind = kind
        self.asked = asked
        self.answered = answered
        self.before = before  # the action before it in its list, about the same leg or not
        self.done = event["InvocationEventType"] == "ACTION_SUCCESSFUL"
        data = event["ActionData"]
        self.message = data.get("ErrorMessage", "")
        self.file = data.get("CallRecordingDestination", {}).get("Location")
        self.error = data.get("ErrorType")

    def __repr__(self):
        return f"{self.kind} {self.asked:.4f}-{self.answered:.4f} {'done' if self.done else self.message}"


class Client:
    """Acts at random until the time is over."""

    def __init__(self, number, socket, legs, log):
        self.random = random.Random(number)
        self.connection = UnixConnection(socket)
        self.legs = legs
        self.log = log

    def act_until(self, end):
        while time.monotonic() < end:
            began = time.monotonic()
            if self.legs:
                self.act()
            time.sleep(max(0, 1 / PER_SECOND - (time.monotonic() - began)))
        self.connection.close()

    def action(self, leg):
        kind = self.random.choices(("Start", "Stop", "Pause", "Resume"), (4, 2, 5, 5))[0]
        parameters = {"CallId": self.random.choice((leg["call_id"], leg["sip_call_id"]))}
        if kind == "Start":
            parameters |= {"Track": self.random.choice(("BOTH", "INCOMING", "OUTGOING")),
                           "Destination": {"Type": "S3", "Location": "recordings"}}
        return kind, {"Type": f"{kind}CallRecording", "Parameters": parameters}

    def act(self):
        # Half of the actions are on a few legs, other ones each second: clients meet there.
        first = int(time.monotonic()) * 37 % len(self.legs)
        leg = self.random.choice(self.legs[first:first + 8] if self.random.random() < 0.5 else self.legs)
        chosen = [self.action(leg) for _ in range(self.random.choice((1, 1, 1, 2, 3)))]
        body = json.dumps({"SchemaVersion": "1.0", "Actions": [action for _, action in chosen]})
        asked = time.monotonic()
        self.connection.request("POST", "/v1/actions", body, {"Content-Type": "application/json"})
        response = self.connection.getresponse()
        answer = json.loads(response.read())
        answered = time.monotonic()
        assert response.status == 200, answer
        before = None
        for (kind, _), event in zip(chosen, answer["Events"]):
            before = Op(kind, event, asked, answered, before)
            self.log[leg["call_id"]].append(before)
        assert all(event["InvocationEventType"] == "ACTION_SUCCESSFUL" for event in answer["Events"][:-1]), answer


def outcome(kind, state):
    """(success, next state) of an action on a leg that is None (not recorded), "recording" or "paused"."""
    if kind == "Start":
        return (True, "recording") if state is None else (False, state)
    if state is None:
        return False, None
    return True, {"Stop": None, "Pause": "paused", "Resume": "recording"}[kind]


def fits(ops, recordings):
    """Whether an order of the ops explains their outcomes, and recordings with (file, pauses) in this order."""
    seen = set()

    def search(left, state, number, pauses):
        """number: recordings begun; pauses: of the newest."""
        key = (left, state, number, pauses)
        if key in seen:
            return False
        seen.add(key)
        if state is None and number and pauses != recordings[number - 1][1]:
            return False
        if number and pauses > recordings[number - 1][1]:
            return False
        if not left:
            return number == len(recordings) and (not number or pauses == recordings[-1][1])
        first = min(ops[i].answered for i in left)
        for i in left:
            op = ops[i]
            if op.asked > first or any(ops[j] is op.before for j in left):
                continue
            done, next_state = outcome(op.kind, state)
            if done != op.done:
                continue
            begun = op.kind == "Start" and done
            if begun and (number == len(recordings) or recordings[number][0] != op.file):
                continue
            paused = next_state == "paused" and state == "recording"
            if search(left - {i}, next_state, number + begun, 0 if begun else pauses + paused):
                return True
        return False
    return search(frozenset(range(len(ops))), None, 0, 0)


class RandomActionsTest(Case):
    def test_1000_calls_and_six_clients(self):
        began = time.monotonic()
        hosts = self.enterContext(Hosts(self.folder))
        capture = generate(self.folder / "calls.pcap", calls=CALLS, legs=1, seconds=SECONDS, stagger_ms=6, ptime=120)
        self.daemon = self.enterContext(Legtapd(hosts, self.folder, configuration(
            self.folder, sbc={"addresses": [SBC]}, rules=[], limits={"buffer_mib": 256})))
        sender = Sender(hosts, "switch", "probe", capture)
        self.act()
        sender.wait()
        wait.until(lambda: all(c["state"] == "ended" for c in self.calls()), "the ends of all calls", 30)
        started = sum(op.done and op.kind == "Start" for ops in self.log.values() for op in ops)
        self.daemon.wait_recordings(min(started, 1000), timeout_s=60)
        recordings = wait.until(lambda: self.delivered(started), f"{started} recordings delivered", 60)
        self.assert_answers(recordings)
        self.assert_files(recordings)
        self.assert_ledger(recordings)
        self.daemon.account(lossless=False)
        self.assert_head(began)

    def assert_head(self, began):
        """Each minute the ledger's head goes to the destination: one that has come stands in the ledger."""
        heads = self.folder / "delivered/recordings/Legtap-Ledger-Heads/test"
        copies = wait.until(lambda: sorted(heads.glob("*.json")), "a copy of the ledger's head",
                            max(1, 65 - (time.monotonic() - began)))
        head = json.loads(copies[-1].read_text())
        self.assertGreater(head["seq"], 0)
        status, _, stderr = self.daemon.ctl("billing", "--verify", "--head", f"{head['seq']}:{head['hash']}")
        self.assertEqual(status, 0, stderr)

    # --- what is done ---

    def pages(self, name, key):
        found = []
        path = f"/v1/{name}?limit=10000"
        while path:
            page = self.daemon.get(path)
            found += page[name]
            path = f"/v1/{name}?limit=10000&after={page['next']}" if page.get("next") else None
        self.assertEqual(len({item[key] for item in found}), len(found))
        return found

    def calls(self):
        return self.pages("calls", "call_id")

    def delivered(self, count):
        found = self.pages("recordings", "recording_id")
        self.assertFalse([r for r in found if r["state"] == "failed"])
        return found if len(found) == count and all(r["state"] == "delivered" for r in found) else None

    def act(self):
        legs, self.log = [], defaultdict(list)
        end = time.monotonic() + ACTING_S
        with ThreadPoolExecutor(CLIENTS) as pool:
            clients = [Client(n, self.daemon.socket, legs, self.log) for n in range(CLIENTS)]
            futures = [pool.submit(client.act_until, end) for client in clients]
            known = set()
            while time.monotonic() < end:
                for call in self.calls():
                    if call["state"] == "answered" and call["call_id"] not in known:
                        known.add(call["call_id"])
                        legs.append(call)
                time.sleep(0.5)
            for future in futures:
                future.result()
        ops = [op for ops in self.log.values() for op in ops]
        done = sum(op.done for op in ops)
        print(f"  {len(ops)} actions on {len(self.log)} of {len(legs)} legs, {done} succeeded", flush=True)
        self.assertEqual(len(legs), CALLS)
        self.assertGreater(done, 200)  # several thousand where nothing else keeps the cores busy
        self.assertGreater(len(ops) - done, 100)

    # --- what must agree ---

    def by_leg(self, recordings):
        legs = defaultdict(list)
        for recording in recordings:
            legs[recording["call_id"]].append(recording)
        for mine in legs.values():
            mine.sort(key=lambda r: int(r["file"].removesuffix(".wav").partition(r["call_id"])[2].lstrip("_") or 1))
        return legs

    def assert_answers(self, recordings):
        legs = self.by_leg(recordings)
        self.assertLessEqual(set(legs), set(self.log))
        for call_id, ops in self.log.items():
            mine = [(r["file"], len(r["pauses"])) for r in legs[call_id]]
            self.assertTrue(fits(ops, mine), f"{call_id}: no order fits\n" + "\n".join(map(repr, ops)) + f"\n{mine}")
            for op in ops:
                self.assertIn(op.error, (None, "InvalidActionParameter"), op)
            self.assert_times(ops, legs[call_id])

    def assert_times(self, ops, recordings):
        """A recording stopped by an action lasts from its start to the stop, as the clients saw them."""
        starts = {op.file: op for op in ops if op.kind == "Start" and op.done}
        stops = [op for op in ops if op.kind == "Stop" and op.done]
        self.assertEqual(sum(r["reason"] == "stop_action" for r in recordings), len(stops))
        for recording in recordings:
            self.assertIn(recording["reason"], ("stop_action", "hangup"))
            start = starts[recording["file"]]
            if recording["reason"] != "stop_action":
                continue
            spans = [(1000 * (stop.asked - start.answered) - SLACK_MS, 1000 * (stop.answered - start.asked) + SLACK_MS)
                     for stop in stops]
            self.assertTrue(any(low <= recording["duration_ms"] <= high for low, high in spans), (recording, spans))

    def assert_files(self, recordings):
        for recording in recordings:
            file = wav.Wav(self.daemon.folder / "delivered" / recording["file"])
            self.assertEqual(file.frames, recording["duration_ms"] * file.rate // 1000, recording)
            edges = [pause[name] for pause in recording["pauses"] for name in ("start_ms", "end_ms")]
            self.assertEqual(edges, sorted(edges), recording)
            self.assertLessEqual(edges[-1:], [recording["duration_ms"] + 1], recording)

    def assert_ledger(self, recordings):
        usage = defaultdict(dict)
        for entry in self.daemon.ledger():
            self.assertNotIn(entry["type"], usage[entry["recording_id"]])
            usage[entry["recording_id"]][entry["type"]] = entry
        self.assertEqual(set(usage), {r["recording_id"] for r in recordings})
        for recording in recordings:
            entries = usage[recording["recording_id"]]
            self.assertEqual(set(entries), {"start", "stop", "delivered"})
            self.assertEqual((entries["stop"]["duration_ms"], entries["stop"]["reason"], entries["start"]["time"]),
                             (recording["duration_ms"], recording["reason"], recording["start"]))
            self.assertEqual((entries["delivered"]["sha256"], entries["delivered"]["bytes"]),
                             (recording["sha256"], recording["bytes"]))
        self.assertEqual(self.daemon.ctl("billing", "--verify")[0], 0)
