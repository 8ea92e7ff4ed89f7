"""Pause: what is said meanwhile is on no disk, the duration stays, tones mark both edges."""
import math
import os
import signal as signals
import threading

from harness import wait, wav
from harness.case import Case
from harness.daemon import Legtapd, UnixConnection, configuration
from harness.disk import Disk
from harness.hosts import Hosts
from harness.livecall import SBC, LiveCall, Wire, signal

MARKED, CONTROL = signal("marked"), signal("control")
TONE_HZ, TONE_MS = 1400, 200
RATE = 8000


def ms_of(text):
    """Milliseconds of the day of a time in RFC 3339."""
    hours, minutes, seconds = text[11:-1].split(":")
    return round((int(hours) * 60 + int(minutes)) * 60000 + float(seconds) * 1000)


class PauseCase(Case):
    def place(self):
        """Where everything lies that legtapd writes."""
        return self.folder

    def setUp(self):
        super().setUp()
        place = self.place()
        self.hosts = self.enterContext(Hosts(place))
        self.wire = Wire(self.hosts)
        self.addCleanup(self.wire.close)

    def start(self, place=None, **changes):
        place = place or self.folder
        config = configuration(place, **{"sbc": {"addresses": [SBC]}, "rules": [], **changes})
        self.daemon = self.enterContext(Legtapd(self.hosts, place, config))
        return self.daemon

    def call(self, **options):
        """An answered call, known to legtap, that says the control signal."""
        call = self.enterContext(LiveCall(self.wire, **options))
        call.play(CONTROL)
        wait.until(lambda: [c for c in self.daemon.calls()
                            if c["sip_call_id"] == call.call_id and c["state"] == "answered"], "the call")
        return call

    def act(self, kind, call):
        """One action over HTTP, that succeeds."""
        parameters = {"CallId": call.call_id}
        if kind == "Start":
            parameters |= {"Track": "BOTH", "Destination": {"Type": "S3", "Location": "recordings"}}
        [event] = self.daemon.actions({"Type": f"{kind}CallRecording", "Parameters": parameters})
        self.assertEqual(event["InvocationEventType"], "ACTION_SUCCESSFUL", event)

    def ctl(self, command, call):
        status, _, stderr = self.daemon.ctl(command, call.call_id)
        self.assertEqual(status, 0, stderr)

    def pause(self, call, packets=10, by=None):
        """Pauses; the marked signal is said from the answer on, until just before the resumption."""
        (by or self.act)("Pause" if by is None else "pause", call)
        call.play(MARKED)
        call.wait_sent(MARKED, packets)

    def resume(self, call, packets=10, by=None):
        call.play(CONTROL)
        (by or self.act)("Resume" if by is None else "resume", call)
        call.wait_sent(CONTROL, packets)

    def finish(self, call, count=1):
        call.hang_up()
        return self.daemon.wait_recordings(count)[-1]

    def file_of(self, recording):
        return wav.Wav(self.daemon.folder / "delivered" / recording["file"])

    # --- what is right ---

    def assert_whole(self, recording, file):
        """The duration is that of the file, and of the ledger."""
        self.assertEqual(file.frames, recording["duration_ms"] * RATE // 1000)
        [stop] = [e for e in self.daemon.ledger() if e["type"] == "stop"]
        self.assertEqual(stop["duration_ms"], recording["duration_ms"])
        self.assertEqual(ms_of(recording["stop"]) - ms_of(recording["start"]), recording["duration_ms"])

    def assert_tone(self, samples, hz):
        """A sine: all of its power is at its frequency."""
        power = sum(s * s for s in samples) / len(samples)
        self.assertGreater(power, 10000)
        turn = 2 * math.pi * hz / RATE
        real, imaginary = (sum(s * f(turn * n) for n, s in enumerate(samples)) for f in (math.cos, math.sin))
        self.assertGreater(2 * (real ** 2 + imaginary ** 2) / len(samples) ** 2 / power, 0.95)

    def assert_pause(self, file, pause, hz=TONE_HZ, tone_ms=TONE_MS):
        """Tones at both edges, inside the pause, on both channels; silence between."""
        begin, end = (pause[name] * RATE // 1000 for name in ("start_ms", "end_ms"))
        tone = min(tone_ms * RATE // 1000, (end - begin) // 2)
        slack = RATE // 1000 + 1  # the sidecar's whole milliseconds
        for channel in file.channels:
            if tone > 4 * slack:
                self.assert_tone(channel[begin + slack:begin + tone - slack], hz)
                self.assert_tone(channel[end - tone + slack:end - slack], hz)
            self.assertFalse(any(channel[begin + tone + slack:end - tone - slack]))
        self.assertEqual(file.channels[0][begin:end], file.channels[1][begin:end])

    def assert_counted(self, recording, call):
        """Packets of the paused time are counted: one in 20 ms, and every marked one."""
        [pause] = recording["pauses"]
        for track in recording["tracks"]:
            self.assertGreaterEqual(track["while_paused"], call.sent[MARKED] // 2)
            self.assertAlmostEqual(track["while_paused"] * 20, pause["end_ms"] - pause["start_ms"], delta=100)

    def assert_says(self, samples, payload):
        """A stretch of the signal is there."""
        self.assertGreaterEqual(wav.find(samples, wav.decode(wav.PCMU, payload)[20:60]), 0)

    def assert_never_marked(self, file):
        marked = wav.decode(wav.PCMU, MARKED)
        for channel in file.channels:
            for at in range(0, len(marked) - 12, 12):
                self.assertEqual(wav.find(channel, marked[at:at + 12]), -1)


class FileTest(PauseCase):
    def test_tones_and_silence_stand_inside_the_pause_and_the_duration_stays(self):
        self.start()
        call = self.call()
        self.ctl("start", call)
        call.wait_sent(CONTROL, 40)
        self.pause(call, 100, by=self.ctl)
        [shown] = self.daemon.recordings()
        self.assertEqual(shown["state"], "paused")
        self.resume(call, 60)
        self.assertEqual(self.daemon.recordings()[0]["state"], "recording")
        recording = self.finish(call)
        file = self.file_of(recording)
        self.assert_whole(recording, file)
        [pause] = recording["pauses"]
        self.assertAlmostEqual(pause["end_ms"] - pause["start_ms"], 1000, delta=400)
        self.assert_pause(file, pause)
        self.assert_never_marked(file)
        for channel in file.channels:
            self.assert_says(channel[:pause["start_ms"] * 8], CONTROL)
            self.assert_says(channel[pause["end_ms"] * 8:], CONTROL)
        self.assert_counted(recording, call)
        self.daemon.account()

    def test_tone_is_as_configured_and_at_most_half_the_pause(self):
        self.start(pause_tone={"frequency_hz": 1000, "duration_ms": 400})
        call = self.call()
        self.act("Start", call)
        for packets in (10, 100):
            call.wait_sent(CONTROL, 20)
            self.pause(call, packets)
            self.resume(call)
        recording = self.finish(call)
        file = self.file_of(recording)
        short, long = recording["pauses"]
        self.assertLess(short["end_ms"] - short["start_ms"], 800)
        for pause in (short, long):
            self.assert_pause(file, pause, 1000, 400)
        self.assert_whole(recording, file)

    def test_tone_of_no_length_leaves_silence(self):
        self.start(pause_tone={"duration_ms": 0})
        call = self.call()
        self.act("Start", call)
        self.pause(call, 30)
        self.resume(call)
        recording = self.finish(call)
        file = self.file_of(recording)
        self.assert_pause(file, recording["pauses"][0], tone_ms=0)
        self.assert_whole(recording, file)

    def test_pause_that_lasts_to_the_end(self):
        self.start()
        call = self.call()
        self.act("Start", call)
        call.wait_sent(CONTROL, 20)
        self.pause(call, 60)
        recording = self.finish(call)
        file = self.file_of(recording)
        self.assert_whole(recording, file)
        [pause] = recording["pauses"]
        self.assertEqual(pause.get("end_ms", recording["duration_ms"]), recording["duration_ms"])
        self.assert_tone(file.channels[0][pause["start_ms"] * 8 + 10:pause["start_ms"] * 8 + 1500], TONE_HZ)
        self.assert_never_marked(file)

    def test_pause_survives_reinvite_and_ssrc_change(self):
        self.start()
        call = self.call()
        self.act("Start", call)
        call.wait_sent(CONTROL, 20)
        self.pause(call)
        call.new_ssrc()
        call.wait_sent(MARKED, 20)
        call.move()
        call.wait_sent(MARKED, 20)
        self.resume(call, 40)
        recording = self.finish(call)
        file = self.file_of(recording)
        self.assert_whole(recording, file)
        [pause] = recording["pauses"]
        self.assert_pause(file, pause)
        self.assert_never_marked(file)
        for channel in file.channels:
            self.assert_says(channel[pause["end_ms"] * 8:], CONTROL)
        self.assert_counted(recording, call)

    def test_300_pauses_in_one_recording(self):
        self.start()
        call = self.call()
        self.act("Start", call)
        for index in range(300):
            self.pause(call, 1)
            if index == 100:
                call.new_ssrc()
            if index == 200:
                call.move()
            self.resume(call, 1)
        recording = self.finish(call)
        file = self.file_of(recording)
        self.assert_whole(recording, file)
        pauses = recording["pauses"]
        self.assertEqual(len(pauses), 300)
        edges = [ms for pause in pauses for ms in (pause["start_ms"], pause["end_ms"])]
        self.assertEqual(edges, sorted(edges))
        for pause in pauses:
            self.assert_pause(file, pause)
        self.assert_never_marked(file)
        self.daemon.account()


class DiskTest(PauseCase):
    """Everything that legtapd writes lies on a disk of its own, which is searched as a whole."""

    def place(self):
        self.disk = self.enterContext(Disk(self.folder / "disk.img", self.folder / "disk"))
        return self.disk.mount

    def assert_disk(self):
        """After the end: the control signal is there, encoded and decoded, the marked one is not."""
        self.assertEqual(self.daemon.terminate(), 0, self.daemon.log())
        self.disk.unmount()
        found = {form for form, _ in self.disk.find(CONTROL)}
        self.assertLessEqual({"PCMU", "PCM"}, found)
        self.assertEqual(self.disk.find(MARKED), [])

    def test_what_is_said_while_paused_is_on_no_disk(self):
        self.start(self.disk.mount, log={"level": "debug"})
        call = self.call()
        self.ctl("start", call)
        call.wait_sent(CONTROL, 50)
        self.pause(call, 150, by=self.ctl)
        self.resume(call, 50, by=self.ctl)
        for _ in range(20):  # more edges
            self.pause(call, 4)
            self.resume(call, 4)
        self.pause(call, 20)  # and one that lasts to the end
        recording = self.finish(call)
        self.assertEqual(len(recording["pauses"]), 22)
        self.assert_disk()

    def test_frames_that_wait_in_the_port_when_recording_resumes_are_not_recorded(self):
        """legtapd stands still while paused: frames gather in the port's ring, and the request to resume behind it."""
        self.start(self.disk.mount)
        call = self.call()
        self.act("Start", call)
        call.wait_sent(CONTROL, 50)
        for _ in range(10):
            self.pause(call, 2)
            before = self.while_paused()
            os.kill(self.daemon.process.pid, signals.SIGSTOP)
            try:
                call.burst(MARKED, 40)
                call.play(None)
                resuming = self.resume_later(call)
            finally:
                os.kill(self.daemon.process.pid, signals.SIGCONT)
            resuming.join()
            self.assertEqual(self.resumed, 200)
            wait.until(lambda seen=before: self.while_paused() >= seen + 80, "the frames that waited")
            call.play(CONTROL)
            call.wait_sent(CONTROL, 10)
        self.finish(call)
        self.assert_disk()

    def while_paused(self):
        return sum(counters["while_paused"] for counters in self.daemon.status()["rx"])

    def resume_later(self, call):
        """The request is in the socket when this returns; its answer comes when legtapd goes on."""
        connection = UnixConnection(self.daemon.socket)
        connection.request("POST", "/v1/actions", (
            '{"SchemaVersion":"1.0","Actions":[{"Type":"ResumeCallRecording","Parameters":{"CallId":"%s"}}]}'
            % call.call_id))

        def take_answer():
            response = connection.getresponse()
            self.resumed = response.status
            response.read()
            connection.close()
        thread = threading.Thread(target=take_answer)
        thread.start()
        return thread
