"""The application: a call's events posted to it, its answers' actions run; and the event stream beside."""
import json
import re
import subprocess
import threading
import time
from datetime import datetime, timezone

from harness import signalling, wait, wav
from harness.case import Case
from harness.daemon import Legtapd, UnixConnection, configuration
from harness.hosts import CALLER, SBC, Hosts, end
from harness.mirror import MirrorCapture
from harness.paths import SIPP_AUDIO, TOOLS
from harness.schemas import problems_of
from harness.signalling import sound

PORT = 9000
PACKET_S = 0.03  # the caller's packet time; the callee's is 20 ms
LATE_S = 0.2      # how late SIPp may send on a busy machine: what comes after a pause began is not recorded
CALLEE_SSRC = 0x1E67AB1E
FUNCTION = "/2015-03-31/functions/recorder/invocations"
OF_THE_STREAM = ("EventId", "Time", "EventType", "Source")  # beside an invocation event's own


class Stream:
    """GET /v1/events in a thread of its own; `events` grows."""

    def __init__(self, socket, query=""):
        self.connection = UnixConnection(socket, timeout_s=120)
        self.connection.request("GET", f"/v1/events{query}")
        self.response = self.connection.getresponse()
        self.events = []
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        for line in self.response:
            self.events.append(json.loads(line))

    def wait(self, condition, what, timeout_s=60):
        return wait.until(lambda: [e for e in list(self.events) if condition(e)], f"event: {what}", timeout_s)

    def types(self):
        return [e["EventType"] for e in list(self.events)]

    def joined(self):
        """All events, once the other end has closed."""
        self.thread.join(30)
        self.connection.close()
        return self.events


class ApplicationCase(Case):
    def setUp(self):
        super().setUp()
        self.hosts = self.enterContext(Hosts(self.folder))

    def start(self, answers=None, url=f"http://127.0.0.1:{PORT}{FUNCTION}", stuck="", **changes):
        if answers is not None:
            self.start_application(answers, stuck)
        changes = {"rules": [], "application": {"url": url, "id": "sma-1", "aws_account_id": "123456789012"}, **changes}
        self.daemon = self.enterContext(Legtapd(self.hosts, self.folder, configuration(self.folder, **changes)))
        self.stream = Stream(self.daemon.socket)

    def start_application(self, answers, stuck=""):
        (self.folder / "answers.json").write_text(json.dumps(answers))
        process = subprocess.Popen(
            self.hosts.command("probe", "python3", TOOLS / "application.py", "--port", PORT, "--log", "asked.jsonl",
                               "--answers", "answers.json", "--stuck", stuck),
            cwd=self.folder, stdout=subprocess.PIPE, text=True)
        self.addCleanup(end, process)
        self.assertEqual(process.stdout.readline().strip(), "ready")

    def asked(self):
        """The events that the application got, without what the test server noted beside."""
        path = self.folder / "asked.jsonl"
        text = path.read_text() if path.exists() else ""
        lines = text[:text.rfind("\n") + 1].splitlines()  # not one that is still being written
        return [json.loads(line) for line in lines]

    def asked_types(self):
        return [e["InvocationEventType"] for e in self.asked()]

    def wait_asked(self, kind, count=1, timeout_s=30):
        def found():
            events = [e for e in self.asked() if e["InvocationEventType"] == kind]
            return events if len(events) >= count else None
        return wait.until(found, f"{count} {kind}", timeout_s)

    def start_calls(self, numbers, rate=2.0, callee_seconds=9):
        bridged = [called for _, called in numbers if not called.startswith("ivr")]
        self.hosts.start_sbc()
        if bridged:
            self.hosts.start_callee(len(bridged), audio_seconds=callee_seconds)
        return self.hosts.start_caller(numbers, rate)

    def finish(self, caller):
        self.assertEqual(caller.wait(60), 0, (self.folder / "caller.log").read_text())

    def told(self):
        """What the stream has of the application's events."""
        return [(e["CallDetails"]["TransactionId"], e["Sequence"]) for e in list(self.stream.events)
                if e.get("Source") == "application"]

    def check_events(self):
        """What must hold of all events, whatever the case."""
        asked = dict.fromkeys((e["CallDetails"]["TransactionId"], e["Sequence"]) for e in self.asked())
        if self.daemon.config["application"]["url"]:
            wait.until(lambda: len(self.told()) >= len(asked), "the application's events in the stream")
        for event in self.asked():
            bare = {k: v for k, v in event.items() if not k.startswith("_")}
            self.assertNothing(problems_of("invocation_event", bare), bare)
        for event in list(self.stream.events):
            self.assertNothing(problems_of("event", event), event)
            if event["EventType"] == "invocation":
                bare = {k: v for k, v in event.items() if k not in OF_THE_STREAM}
                self.assertNothing(problems_of("invocation_event", bare), event)
        ids = [e["EventId"] for e in list(self.stream.events)]
        self.assertEqual(ids, list(range(ids[0], ids[0] + len(ids))), "EventIds with gaps")
        told = self.told()
        if self.daemon.config["application"]["url"]:
            self.assertEqual(sorted(told), sorted(asked), "the stream and the application saw other events")
        for transaction in {t for t, _ in told}:
            sequences = [s for t, s in told if t == transaction]
            self.assertEqual(sequences, list(range(1, len(sequences) + 1)))

    def update(self, transaction, arguments, application="sma-1"):
        connection = UnixConnection(self.daemon.socket)
        body = arguments if isinstance(arguments, str) else json.dumps({"Arguments": arguments})
        connection.request("POST", f"/sip-media-applications/{application}/calls/{transaction}", body)
        response = connection.getresponse()
        answer = json.loads(response.read())
        connection.close()
        return response.status, response.getheader("x-amzn-ErrorType"), answer


START = {"Type": "StartCallRecording", "Parameters": {
    "CallId": "$LEG-A", "Track": "BOTH", "Destination": {"Type": "S3", "Location": "recordings/desk"}}}
PAUSE = {"Type": "PauseCallRecording", "Parameters": {"ParticipantTag": "LEG-A"}}
RESUME = {"Type": "ResumeCallRecording", "Parameters": {"ParticipantTag": "LEG-A"}}
PLAY = {"Type": "PlayAudio", "Parameters": {"AudioSource": {"Type": "S3", "BucketName": "b", "Key": "k.wav"}}}
DIGITS = {"Type": "ReceiveDigits", "Parameters": {"InputDigitsRegex": "^[1-5]$"}}
BRIDGE = {"Type": "CallAndBridge", "Parameters": {"CallTimeoutSeconds": 30, "CallerIdNumber": "+4930111",
                                                  "Endpoints": [{"Uri": "+4940222", "BridgeEndpointType": "PSTN"}]}}


class OnDemand(ApplicationCase):
    """Use case 4, whoever asks for the update."""

    def drive(self, update):
        """A call that is recorded, paused twice, resumed and stopped by update(transaction, arguments)."""
        self.pcap = self.folder / "mirror.pcap"
        seen = MirrorCapture(self.hosts, self.pcap)
        self.times = []  # of each action: just before it was asked for, just after it was done
        caller = self.start_calls([("+4930111", "+4940222")])
        [answered] = self.wait_asked("CALL_ANSWERED")
        transaction = answered["CallDetails"]["TransactionId"]
        self.assertEqual([p["ParticipantTag"] for p in answered["CallDetails"]["Participants"]], ["LEG-A", "LEG-B"])
        for count, word in enumerate(("start", "pause", "resume", "pause", "resume", "stop"), 1):
            asked_s = time.monotonic()
            update(transaction, {"action": word})
            [*_, done] = self.wait_asked("ACTION_SUCCESSFUL", count)
            self.times.append((asked_s, time.monotonic()))
            self.assertIn(word.capitalize(), done["ActionData"]["Type"])
            time.sleep(0.5)  # a stretch of audio, or of silence, that can be seen in the file
        self.finish(caller)
        [recording] = self.daemon.wait_recordings(1)
        self.wait_asked("HANGUP", 2)
        self.stream.wait(lambda e: e["EventType"] == "recording_delivered", "recording_delivered")
        seen.stop()
        self.check_recording(recording, transaction)
        self.check_times(recording)
        self.check_key(recording)
        for channel, voice, ssrc, source in ((0, sound(SIPP_AUDIO), 0xDEE0EE8F, CALLER),
                                             (1, sound(self.folder / "callee.pcap"), CALLEE_SSRC, SBC)):
            self.check_voice(recording, channel, voice, signalling.voice_begin_s(self.pcap, ssrc, source))
        self.assertEqual(self.asked_types(), [
            "NEW_INBOUND_CALL", *["RINGING"] * self.asked_types().count("RINGING"), "CALL_ANSWERED",
            *["CALL_UPDATE_REQUESTED", "ACTION_SUCCESSFUL"] * 6, "HANGUP", "HANGUP"])
        life = [t.removeprefix("recording_") for t in self.stream.types() if t.startswith("recording_")]
        self.assertEqual(life, ["started", "paused", "resumed", "paused", "resumed", "stopped", "rendered",
                                "delivered"])
        self.check_events()
        self.assertEqual(self.daemon.status()["application"]["updates"], 6)
        self.daemon.account()

    def check_recording(self, recording, transaction):
        self.assertEqual((recording["transaction_id"], recording["participant_tag"], recording["reason"]),
                         (transaction, "LEG-A", "stop_action"))
        start = next(e for e in self.asked() if e["InvocationEventType"] == "ACTION_SUCCESSFUL")
        self.assertEqual(start["ActionData"]["CallRecordingDestination"],
                         {"Type": "S3", "Location": recording["file"]})
        file = wav.Wav(self.folder / "delivered" / recording["file"])
        self.assertAlmostEqual(file.duration_ms, recording["duration_ms"], delta=1)
        self.assertEqual(len(recording["pauses"]), 2)
        tone = 200 * 8
        for pause in recording["pauses"]:
            begin, stop = pause["start_ms"] * 8, pause["end_ms"] * 8
            for channel in file.channels:
                self.assertTrue(wav.is_silent(channel[begin + tone + 8:stop - tone - 8]), "audio within a pause")
                self.assertFalse(wav.is_silent(channel[begin:begin + tone]), "no tone at a pause")
                self.assertFalse(wav.is_silent(channel[begin - 2000:begin]), "no audio before a pause")
        billed = [e["duration_ms"] for e in self.daemon.ledger() if e["type"] == "stop"]
        self.assertEqual(billed, [recording["duration_ms"]])

    def check_times(self, recording):
        """The recording runs from the start action to the stop action, and each pause from its own to the next: an
        action is effective after it was asked for, and before it is answered."""
        (started, *edges, stopped) = self.times
        marks = [ms for pause in recording["pauses"] for ms in (pause["start_ms"], pause["end_ms"])]
        for (asked_s, done_s), ms in zip([*edges, stopped], [*marks, recording["duration_ms"]]):
            self.assertGreaterEqual(ms, (asked_s - started[1]) * 1000 - 1)
            self.assertLessEqual(ms, (done_s - started[0]) * 1000 + 1)

    def check_key(self, recording):
        [dialog, _] = signalling.dialogs(self.pcap).values()
        self.assertEqual(dialog.sip_call_id, recording["sip_call_id"], "leg 1")
        found = re.fullmatch(r"recordings/Amazon-Chime-SMA-Call-Recordings/(\d{4})/(\d\d)/(\d\d)/"
                             r"(\1-\2-\3-\d\d-\d\d-\d\d-\d{3})_"
                             rf"{recording['transaction_id']}_{recording['call_id']}\.wav", recording["file"])
        self.assertTrue(found, recording["file"])
        begin = datetime.strptime(found[4], "%Y-%m-%d-%H-%M-%S-%f").replace(tzinfo=timezone.utc)
        self.assertAlmostEqual(begin.timestamp(), dialog.invite_s, delta=PACKET_S)

    def check_voice(self, recording, channel, voice, begin_s):
        """Between the pauses a channel holds this voice, at its place, and nothing else."""
        samples = wav.Wav(self.folder / "delivered" / recording["file"]).channels[channel]
        start_s = datetime.fromisoformat(recording["start"].replace("Z", "+00:00")).timestamp()
        marks = [0, *(ms for pause in recording["pauses"] for ms in (pause["start_ms"], pause["end_ms"])),
                 recording["duration_ms"]]
        edge = int(LATE_S * 8000)
        for begin_ms, end_ms in zip(marks[0::2], marks[1::2]):
            stretch = samples[begin_ms * 8 + edge:end_ms * 8 - edge]
            self.assertGreater(len(stretch), 0)
            place = int((start_s + begin_ms / 1000 + LATE_S - begin_s) * 8000)
            packet = int(PACKET_S * 8000)
            at = wav.find(voice, stretch, max(place - packet, 0))
            self.assertGreaterEqual(at, 0, f"channel {channel} from {begin_ms} to {end_ms} ms")
            self.assertLessEqual(at, place + packet, f"channel {channel} from {begin_ms} to {end_ms} ms")


class OnDemandTest(OnDemand):
    def test_update_starts_pauses_twice_resumes_and_stops(self):
        def update(transaction, arguments):
            status, error, answer = self.update(transaction, arguments)
            self.assertEqual((status, error), (202, None), answer)
            self.assertEqual(answer, {"SipMediaApplicationCall": {"TransactionId": transaction}})

        self.start(answers={})
        self.drive(update)

    def test_update_errors(self):
        self.start(answers={})
        caller = self.start_calls([("+4930111", "ivr1")])
        [call] = self.wait_asked("NEW_INBOUND_CALL")
        transaction = call["CallDetails"]["TransactionId"]
        nobody = "00000000-0000-5000-8000-000000000000"
        many = {f"k{i}": "v" for i in range(21)}
        for arguments, changes, expected in (
                ({}, {"application": "other"}, (404, "NotFoundException")),
                ({}, {"transaction": nobody}, (404, "NotFoundException")),
                ({}, {"transaction": "x"}, (404, "NotFoundException")),
                (many, {}, (400, "BadRequestException")),
                ({"action": 5}, {}, (400, "BadRequestException")),
                ("{}", {}, (400, "BadRequestException")),
                ("[", {}, (400, "BadRequestException"))):
            status, error, answer = self.update(**{"transaction": transaction, "arguments": arguments, **changes})
            self.assertEqual((status, error), expected, answer)
            self.assertEqual(list(answer), ["Message"])
        self.finish(caller)
        self.wait_asked("HANGUP")
        status, error, _ = self.update(transaction, {"action": "start"})
        self.assertEqual((status, error), (404, "NotFoundException"), "the call has ended")
        self.assertNotIn("CALL_UPDATE_REQUESTED", self.asked_types())

    def test_update_without_an_application(self):
        self.start(url="")
        status, error, answer = self.update("00000000-0000-5000-8000-000000000000", {})
        self.assertEqual((status, error), (400, "BadRequestException"))
        self.assertIn("application.url", answer["Message"])


class AnswersTest(ApplicationCase):
    def test_actions_of_answers_bridge_and_attributes(self):
        self.start(answers={
            "NEW_INBOUND_CALL": [{"actions": [BRIDGE], "attributes": {"queue": "sales"}}],
            "ACTION_SUCCESSFUL": [[START, PAUSE], {"actions": [PLAY, PLAY, RESUME, DIGITS], "attributes": {}}, []]})
        caller = self.start_calls([("+4930111", "+4940222")])
        events = self.wait_asked("ACTION_SUCCESSFUL", 3)
        self.finish(caller)
        self.daemon.wait_recordings(1)
        self.wait_asked("HANGUP", 2)
        kinds = [e["ActionData"]["Type"] for e in events]
        self.assertEqual(kinds, ["CallAndBridge", "PauseCallRecording", "ResumeCallRecording"],
                         "one event per list, of its last recording action")
        self.assertEqual(events[0]["ActionData"]["Parameters"], BRIDGE["Parameters"])
        attributes = [e["CallDetails"].get("TransactionAttributes") for e in self.asked()]
        kept = {"queue": "sales"}
        place = [e["Sequence"] for e in events][2] - 1
        self.assertEqual(attributes, [None] + [kept] * (place - 1) + [None] * (len(attributes) - place))
        skipped = [e["Type"] for e in self.stream.events if e["EventType"] == "action_skipped"]
        self.assertEqual(skipped, ["CallAndBridge", "PlayAudio", "PlayAudio", "ReceiveDigits"])
        self.check_events()
        self.assertTrue(all(e["_path"] == FUNCTION for e in self.asked()))

    def test_failed_action_clears_those_after_it(self):
        wrong = {"Type": "StartCallRecording", "Parameters": {"CallId": "$LEG-A", "Track": "BOTH", "Destination": {
            "Type": "S3", "BucketName": "b"}}}
        self.start(answers={"NEW_INBOUND_CALL": [[PLAY, wrong, START]]})
        caller = self.start_calls([("+4930111", "ivr1")])
        [failed] = self.wait_asked("ACTION_FAILED")
        self.finish(caller)
        self.wait_asked("HANGUP")
        data = failed["ActionData"]
        self.assertEqual(data["ErrorType"], "InvalidActionParameter")
        self.assertEqual(data["Error"], f"{data['ErrorType']}: {data['ErrorMessage']}")
        self.assertIn('"Location"', data["ErrorMessage"])
        self.assertEqual(self.daemon.recordings(), [])
        self.check_events()

    def test_bad_answers_are_told(self):
        for_type = {"NEW_INBOUND_CALL": [{"body": "no JSON"}],
                    "INVALID_LAMBDA_RESPONSE": [{"body": "{}"}],
                    "HANGUP": [{"body": "null"}]}
        self.start(answers=for_type)
        self.finish(self.start_calls([("+4930111", "ivr1")]))
        self.wait_asked("HANGUP")
        [invalid] = self.wait_asked("INVALID_LAMBDA_RESPONSE")
        self.assertIn("not JSON", invalid["ErrorMessage"])
        self.stream.wait(lambda e: e["EventType"] == "application_failed" and "SchemaVersion" in e["reason"],
                         "the second bad answer")
        self.assertEqual(self.asked_types().count("INVALID_LAMBDA_RESPONSE"), 1, "told of itself")
        self.assertEqual(self.daemon.status()["application"]["bad_answers"], 2)
        self.check_events()

    def test_function_error_is_told(self):
        self.start(answers={"NEW_INBOUND_CALL": [{
            "function_error": True, "body": '{"errorMessage": "no such table", "errorType": "KeyError"}'}]})
        self.finish(self.start_calls([("+4930111", "ivr1")]))
        [invalid] = self.wait_asked("INVALID_LAMBDA_RESPONSE")
        self.assertIn("KeyError: no such table", invalid["ErrorMessage"])


class StuckTest(ApplicationCase):
    def test_no_answer_delays_no_other_call_and_is_given_up(self):
        self.start(answers={"NEW_INBOUND_CALL": [[START]]}, stuck="+4930111")
        self.finish(self.start_calls([("+4930111", "ivr1"), ("+4930112", "ivr2")], rate=10))
        [recording] = self.daemon.wait_recordings(1)
        self.assertEqual(recording["participant"], "sip:+4930112@192.0.2.10")
        first, again = [e for e in self.wait_asked("NEW_INBOUND_CALL", 3) if
                        e["CallDetails"]["TransactionId"] != recording["transaction_id"]]
        self.assertEqual(again["Sequence"], first["Sequence"], "asked once more, with the same event")
        self.assertAlmostEqual(again["_at"] - first["_at"], 5, delta=1)
        [given_up, *_] = self.stream.wait(lambda e: e["EventType"] == "application_failed", "giving up", 40)
        self.assertEqual((given_up["InvocationEventType"], given_up["transaction_id"]),
                         ("NEW_INBOUND_CALL", first["CallDetails"]["TransactionId"]))
        self.assertAlmostEqual(time.time() - first["_at"], 20, delta=3)
        counts = self.daemon.status()["application"]
        self.assertEqual((counts["timeouts"], counts["asked_again"], counts["failed"]), (2, 1, 1))
        self.wait_asked("HANGUP", 2)
        self.check_events()

    def test_refused_connections_are_tried_again(self):
        """Nobody listens at first."""
        self.start()
        caller = self.start_calls([("+4930111", "ivr1")])
        wait.until(lambda: self.daemon.status()["application"]["asked"], "the first request")
        self.start_application({"NEW_INBOUND_CALL": [[START]]})
        [event] = self.wait_asked("NEW_INBOUND_CALL")
        self.assertEqual(event["Sequence"], 1)
        self.wait_asked("ACTION_SUCCESSFUL")
        self.finish(caller)


class EventsTest(ApplicationCase):
    def test_silence_is_told_once_for_each_track(self):
        """The callee falls silent after two seconds."""
        self.start(url="", limits={"no_media_s": 2})
        self.finish(self.start_calls([("+4930111", "+4940222")], callee_seconds=2))
        missing = self.stream.wait(lambda e: e["EventType"] == "media_missing", "media_missing")
        self.assertEqual(sorted((e["participant_tag"], e["track"]) for e in missing),
                         [("LEG-A", "OUTGOING"), ("LEG-B", "INCOMING")])
        types = [e["InvocationEventType"] for e in self.stream.events if e["EventType"] == "invocation"]
        self.assertEqual((types[0], types[-1]), ("NEW_INBOUND_CALL", "HANGUP"), "there is no application to ask")
        self.check_events()

    def test_unexplained_rtp_and_the_ledger_s_head_are_told(self):
        self.start(url="", limits={"unknown_hold_ms": 100})
        rtp = ("import socket, struct\n"
               "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('192.0.2.10', 4000))\n"
               "for i in range(20): s.sendto(struct.pack('!BBHII', 0x80, 8, i, 160 * i, 7) + bytes(160),"
               " ('192.0.2.20', 6000))")
        self.assertEqual(self.hosts.run("caller", "python3", "-c", rtp, log="rtp.log").wait(), 0)
        [event] = self.stream.wait(lambda e: e["EventType"] == "unexplained_rtp", "unexplained_rtp")
        self.assertEqual((event["source"], event["destination"]), ("192.0.2.10:4000", "192.0.2.20:6000"))
        [head] = self.stream.wait(lambda e: e["EventType"] == "ledger_head", "ledger_head")
        self.assertEqual((head["seq"], head["hash"]), (0, "0" * 64))
        self.check_events()

    def test_resuming_by_event_id_also_after_a_restart(self):
        self.start(url="")
        self.finish(self.start_calls([("+4930111", "ivr1")]))
        self.stream.wait(lambda e: e.get("InvocationEventType") == "HANGUP", "HANGUP")
        seen = list(self.stream.events)
        for place in (0, len(seen) // 2):
            part = Stream(self.daemon.socket, f"?follow=0&after={seen[place]['EventId']}").joined()
            self.assertEqual(part[:len(seen) - place - 1], seen[place + 1:])
        newest = self.daemon.status()["events"]["newest"]
        status, answer = self.daemon.request("GET", f"/v1/events?after={newest + 1}")
        self.assertEqual(status, 400, answer)
        self.assertEqual(self.daemon.terminate(), 0)
        all_seen = self.stream.joined()
        last = all_seen[-1]["EventId"]
        self.daemon.start()
        part = Stream(self.daemon.socket, f"?follow=0&after={last}").joined()
        self.assertEqual(part[0]["EventId"], last + 1, "nothing lost over an orderly restart")
        [lost, first, *_] = Stream(self.daemon.socket, f"?follow=0&after={last - 2}").joined()
        self.assertEqual((lost["EventType"], lost["lost"], lost["EventId"]), ("events_lost", 2, last))
        self.assertEqual(first["EventId"], last + 1)
        self.daemon.kill()
        self.daemon.start()
        [lost, first, *_] = Stream(self.daemon.socket, f"?follow=0&after={last}").joined()
        self.assertEqual((lost["EventType"], lost["lost"]), ("events_lost", None), "a crash")
        self.assertGreater(first["EventId"], last)
