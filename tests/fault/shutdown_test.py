"""SIGTERM in the middle of calls leaves finished, playable files and a closed ledger."""
import json
import shutil
import subprocess

from harness.case import Case
from harness.daemon import Legtapd, configuration
from harness.generator import SBC, generate, send
from harness.hosts import Hosts
from harness import wait, wav


class ShutdownTest(Case):
    def setUp(self):
        super().setUp()
        self.hosts = self.enterContext(Hosts(self.folder))
        config = configuration(self.folder, sbc={"addresses": [SBC]})
        self.daemon = self.enterContext(Legtapd(self.hosts, self.folder, config))

    def recording_calls(self, calls=20):
        capture = generate(self.folder / "calls.pcap", calls=calls, legs=1, seconds=60, stagger_ms=10)
        sender = send(self.hosts, "switch", "probe", capture)
        def busy():
            return sum(c["recorded"] for c in self.daemon.get("/v1/status")["rx"]) > calls * 100
        wait.until(busy, "calls being recorded")
        return sender

    def test_files_are_playable_and_the_ledger_is_closed(self):
        self.recording_calls()
        self.assertEqual(self.daemon.terminate(), 0, self.daemon.log())
        files = sorted((self.folder / "delivered").rglob("*.wav"))
        self.assertEqual(len(files), 20)
        for path in files:
            sidecar = json.loads(path.with_suffix(".json").read_text())
            self.assertEqual(sidecar["reason"], "shutdown")
            file = wav.Wav(path)
            self.assertEqual(file.frames, round(sidecar["duration_ms"] * file.rate / 1000))
            self.assertFalse(wav.is_silent(file.channels[0]))
        self.assert_others_can_play(files[0])
        kinds = [e["type"] for e in self.daemon.ledger()]
        self.assertEqual([kinds.count(kind) for kind in ("start", "stop", "delivered")], [20, 20, 20])
        self.assertEqual(list((self.folder / "spool" / "recordings").iterdir()), [])

    def assert_others_can_play(self, path):
        for command in (["sox", "--i", path], ["ffprobe", "-v", "error", path]):
            if shutil.which(command[0]):
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                self.assertEqual((done.returncode, done.stderr), (0, ""), command)

    def test_admin_socket_is_gone(self):
        self.assertEqual(self.daemon.terminate(), 0)
        self.assertFalse((self.folder / "admin.sock").exists())

    def test_second_start_refuses_the_spool_of_a_living_one(self):
        other = Legtapd(self.hosts, self.folder, self.daemon.config)
        with self.assertRaisesRegex(AssertionError, "spool"):
            other.start()
