"""Digits: what the participant presses reaches the application that asked, and stands in the recording as tones; while
paused it reaches the application and nothing else."""
import json
import time
from datetime import datetime

from harness import capture, dtmf, wait, wav
from harness.daemon import Legtapd, configuration
from harness.mirror import MirrorCapture
from harness.disk import Disk
from harness.livecall import EVENTS, SBC, LiveCall, Wire, signal

from application_test import DIGITS, FUNCTION, PORT, START, ApplicationCase, Stream

URL = f"http://127.0.0.1:{PORT}{FUNCTION}"
TALK = signal("control")
INCOMING = 0
WINDOW_MS = 60  # a tone stands at its packets' time to within this


def receive(pattern, between_ms=300, **parameters):
    return {"Type": "ReceiveDigits", "Parameters": {
        "InputDigitsRegex": pattern, "InBetweenDigitsDurationInMilliseconds": between_ms,
        "FlushDigitsDurationInMilliseconds": 60000, **parameters}}


class DigitsCase(ApplicationCase):
    def received(self, count=1):
        """The digits that the application was told."""
        return [e["ActionData"]["ReceivedDigits"] for e in self.wait_asked("DIGITS_RECEIVED", count)]

    def live_call(self, place, answers, **changes):
        """A call whose keys the test presses; legtapd writes to `place`."""
        self.wire = Wire(self.hosts)
        self.addCleanup(self.wire.close)
        self.start_application(answers)
        config = configuration(place, **{
            "sbc": {"addresses": [SBC]}, "rules": [],
            "application": {"url": URL, "id": "sma-1", "aws_account_id": "123456789012"}, **changes})
        self.daemon = self.enterContext(Legtapd(self.hosts, place, config))
        self.stream = Stream(self.daemon.socket)
        call = self.enterContext(LiveCall(self.wire))
        call.play(TALK)
        call.wait_sent(TALK, 20)
        return call

    def wait_state(self, state):
        wait.until(lambda: [r for r in self.daemon.recordings() if r["state"] == state], f"a recording {state}")

    def act(self, kind, call):
        [event] = self.daemon.actions({"Type": f"{kind}CallRecording", "Parameters": {"CallId": call.call_id}})
        self.assertEqual(event["InvocationEventType"], "ACTION_SUCCESSFUL", event)

    def watched(self):
        return sum(counters["watched"] for counters in self.daemon.status()["rx"])


class SippTest(DigitsCase):
    def test_keys_of_sipp_reach_the_application_and_stand_in_the_file(self):
        """Use case 1 with digits: SIPp's own captures of telephone events."""
        mirror = MirrorCapture(self.hosts, self.folder / "mirror.pcap")
        asked = receive("^51$")
        self.start(answers={"NEW_INBOUND_CALL": [[START, asked]]})
        self.finish(self.start_calls([("+4930111", "ivr1")]))
        self.assertEqual(self.received(), ["51"])
        [event] = self.wait_asked("DIGITS_RECEIVED")
        self.assertEqual(event["ActionData"], {**asked, "ReceivedDigits": "51"})
        [recording] = self.daemon.wait_recordings(1)
        mirror.stop()
        self.wait_asked("HANGUP")
        self.assertEqual(self.asked_types().count("DIGITS_RECEIVED"), 1)
        self.check_tones(recording)
        self.check_events()
        self.daemon.account()

    def check_tones(self, recording):
        """Each key is in the file once, when its packets were on the wire, and only in the participant's channel."""
        file = wav.Wav(self.folder / "delivered" / recording["file"])
        caller, prompt = file.channels
        self.assertEqual(dtmf.decode(caller, file.rate), "51")
        self.assertEqual(dtmf.decode(prompt, file.rate), "")
        began = datetime.fromisoformat(recording["start"].replace("Z", "+00:00")).timestamp()
        for key, times in self.pressed(self.folder / "mirror.pcap"):
            first, last = ((t - began) * 1000 for t in (times[0], times[-1]))
            inside = caller[self.at(file, first - WINDOW_MS):self.at(file, last + WINDOW_MS)]
            self.assertEqual(dtmf.decode(inside, file.rate), key)
            before = caller[self.at(file, first - 400):self.at(file, first - WINDOW_MS)]
            self.assertNotIn(key, dtmf.decode(before, file.rate))

    @staticmethod
    def at(file, ms):
        return max(0, round(ms * file.rate / 1000))

    def pressed(self, path):
        """[(key, times of its packets)], as the capture has them."""
        keys = {}
        for packet in capture.rtp_packets(path):
            if packet.payload_type == EVENTS:
                keys.setdefault((packet.timestamp, packet.payload[0]), []).append(packet.time_s)
        self.assertEqual([event for _, event in keys], [5, 1])
        return [(str(event), times) for (_, event), times in keys.items()]

    def test_only_the_leg_that_was_asked_for_is_heard(self):
        self.start(answers={"NEW_INBOUND_CALL": [[START, receive("^5$", ParticipantTag="LEG-B")]]})
        self.finish(self.start_calls([("+4930111", "+4940222")]))
        self.wait_asked("HANGUP", 2)
        self.assertNotIn("DIGITS_RECEIVED", self.asked_types())
        self.check_events()
        self.daemon.account()


class LossTest(DigitsCase):
    def test_keys_are_told_once_whatever_is_lost(self):
        call = self.live_call(self.folder, {"NEW_INBOUND_CALL": [[START, receive("^[0-9*#]+$", 1000)]]})
        self.wait_state("recording")
        call.press("55")                     # the same key twice
        call.press("1", lost=(6, 7, 8))      # its ends
        call.press("2", lost=(0, 1, 2))      # its beginning
        call.press("3", lost=(1, 2, 3, 4, 5, 7, 8))
        call.press_by_info("*#")
        call.press("4")
        self.assertEqual(self.received(), ["55123*#4"])
        call.new_ssrc()
        call.press("67")
        call.move()
        call.wait_sent(TALK, 20)
        call.press("89")
        self.assertEqual("".join(self.received(3) if len(self.asked_digits()) > 2 else self.received(2)),
                         "55123*#46789")
        call.hang_up()
        self.daemon.wait_recordings(1)
        self.check_events()
        self.daemon.account()

    def asked_digits(self):
        time.sleep(1.5)  # both keys may come as one input or as two
        return [e for e in self.asked() if e["InvocationEventType"] == "DIGITS_RECEIVED"]

    def test_without_an_application_that_asks_nobody_looks(self):
        call = self.live_call(self.folder, {"NEW_INBOUND_CALL": [[START]]})
        self.wait_state("recording")
        call.press("123")
        call.hang_up()
        [recording] = self.daemon.wait_recordings(1)
        self.assertEqual(self.watched(), 0)
        self.assertNotIn("DIGITS_RECEIVED", self.asked_types())
        file = wav.Wav(self.daemon.folder / "delivered" / recording["file"])
        self.assertEqual(dtmf.decode(file.channels[INCOMING], file.rate), "123")
        self.daemon.account()


class PauseTest(DigitsCase):
    """Everything that legtapd writes lies on a disk of its own, which is searched as a whole."""

    OPEN, SECRET, SECRET_INFO = "73941826", "58206417", "90351728"

    def test_keys_of_a_pause_reach_the_application_and_nothing_else(self):
        disk = self.enterContext(Disk(self.folder / "disk.img", self.folder / "disk"))
        call = self.live_call(disk.mount, {"NEW_INBOUND_CALL": [[START, receive(r"^\d{8}$")]]}, log={"level": "debug"})
        self.wait_state("recording")
        heard = call.press(self.OPEN)
        self.received(1)
        self.act("Pause", call)
        hidden = call.press(self.SECRET)
        self.received(2)
        call.press_by_info(self.SECRET_INFO)
        self.assertEqual(self.received(3), [self.OPEN, self.SECRET, self.SECRET_INFO])
        self.act("Resume", call)
        call.wait_sent(TALK, 50)
        call.hang_up()
        [recording] = self.daemon.wait_recordings(1)
        self.check_file(recording)
        self.check_stream()
        log = self.daemon.log()
        self.assertNotIn(self.SECRET, log)
        self.assertNotIn(self.SECRET_INFO, log)
        self.daemon.account()
        self.assertEqual(self.daemon.terminate(), 0, self.daemon.log())
        disk.unmount()
        self.check_disk(disk.image.read_bytes(), heard, hidden)

    def check_file(self, recording):
        file = wav.Wav(self.daemon.folder / "delivered" / recording["file"])
        self.assertEqual(dtmf.decode(file.channels[INCOMING], file.rate), self.OPEN)
        [pause] = recording["pauses"]
        incoming = next(t for t in recording["tracks"] if t["track"] == "INCOMING")
        self.assertGreater(incoming["while_paused"], 9 * len(self.SECRET))
        self.assertGreater(pause["end_ms"] - pause["start_ms"], 240 * len(self.SECRET))

    def check_stream(self):
        """The stream tells that there were digits, and which ones where they are no secret."""
        told = self.stream.wait(lambda e: e.get("InvocationEventType") == "DIGITS_RECEIVED", "DIGITS_RECEIVED")
        self.assertEqual([e["ActionData"].get("ReceivedDigits") for e in told], [self.OPEN, None, None])
        text = json.dumps(list(self.stream.events))
        self.assertNotIn(self.SECRET, text)
        self.assertNotIn(self.SECRET_INFO, text)
        self.check_events()

    def check_disk(self, image, heard, hidden):
        """An RTP packet from its sequence number on is like no other."""
        self.assertEqual([p for p in heard if p[2:] not in image], [], "the control is missing")
        self.assertEqual([p for p in hidden if p[2:] in image], [])
        self.assertEqual([p for p in hidden if p[4:12] in image], [])
        for digits in (self.SECRET, self.SECRET_INFO):
            self.assertNotIn(digits.encode(), image)
            self.assertNotIn("\0".join(digits).encode(), image)


class PolicyTest(DigitsCase):
    """Digits that an account keeps out of its recordings."""

    CARD, CARD_INFO = "40628195", "71830526"

    def check(self, policy):
        disk = self.enterContext(Disk(self.folder / "disk.img", self.folder / "disk"))
        call = self.live_call(disk.mount, {"NEW_INBOUND_CALL": [[START, receive(r"^\d{8}$")]]}, log={"level": "debug"},
                              accounts=[{"id": "cards", "match": {"caller": "*"}, "digits": policy}])
        self.wait_state("recording")
        hidden = call.press(self.CARD)
        self.received(1)
        call.press_by_info(self.CARD_INFO)
        self.assertEqual(self.received(2), [self.CARD, self.CARD_INFO])
        call.wait_sent(TALK, 50)
        call.hang_up()
        [recording] = self.daemon.wait_recordings(1)
        self.assertEqual(recording["account"], "cards")
        incoming, outgoing = recording["tracks"]
        self.assertEqual((incoming["lost"], outgoing["lost"]), (0, 0))
        self.assertNotIn("withheld", outgoing)
        self.assertFalse([s for s in incoming["streams"] if s["codec"] == "telephone-event"], incoming["streams"])
        file = wav.Wav(self.daemon.folder / "delivered" / recording["file"])
        self.assertEqual(dtmf.decode(file.channels[INCOMING], file.rate), "")
        told = self.stream.wait(lambda e: e.get("InvocationEventType") == "DIGITS_RECEIVED", "DIGITS_RECEIVED")
        self.assertEqual([e["ActionData"].get("ReceivedDigits") for e in told], [None, None])
        self.assertNotIn(self.CARD, self.daemon.log())
        self.daemon.account()
        self.assertEqual(self.daemon.terminate(), 0, self.daemon.log())
        disk.unmount()
        image = disk.image.read_bytes()
        self.assertEqual([p for p in hidden if p[2:] in image], [])
        for digits in (self.CARD, self.CARD_INFO):
            self.assertNotIn(digits.encode(), image)
        return incoming["withheld"], len(hidden)

    def test_none_keeps_events_out_of_everything_but_the_application(self):
        self.assertEqual(*self.check("none"))

    def test_silence_keeps_the_audio_beside_them_out_too(self):
        withheld, events = self.check("silence")
        self.assertGreaterEqual(withheld, events + 9)  # 200 ms of audio after the last
