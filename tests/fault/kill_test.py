"""SIGKILL at random moments under load: the next start salvages every whole chunk on the spool into
delivered files, marks them, and closes their usage at the newest checkpoint."""
import json
import random
import shutil

from harness import wait, wav
from harness.case import Case
from harness.daemon import Legtapd, configuration
from harness.generator import SBC, generate, send
from harness.hosts import Hosts
from harness.trackfile import whole_frames

CALLS = 30
ROUNDS = 20


def has_begun(journal):
    """Whether a whole line of the journal says so."""
    lines = journal.read_text().split("\n")[:-1]
    return any(json.loads(line)["event"] == "start" for line in lines)


class KillTest(Case):
    """The calls of one capture pass again and again; each round is killed at another moment."""

    def setUp(self):
        super().setUp()
        self.hosts = self.enterContext(Hosts(self.folder))
        config = configuration(self.folder, sbc={"addresses": [SBC]}, spool={"max_age": 0.2})
        self.daemon = Legtapd(self.hosts, self.folder, config)
        self.addCleanup(self.daemon.__exit__)
        self.random = random.Random(20260115)

    def kill_under_load(self, capture):
        """Kills when a random number of packets has been recorded."""
        threshold = self.random.randrange(1, CALLS * 2 * 50 * 3)
        sender = send(self.hosts, "switch", "probe", capture)
        def reached():
            done = sum(c["recorded"] for c in self.daemon.get("/v1/status")["rx"])
            return done >= threshold or sender.poll() is not None
        wait.until(reached, f"{threshold} recorded packets")
        self.daemon.kill()
        sender.terminate()
        sender.wait()

    def left_on_spool(self):
        """RTP frames in whole chunks of each recording whose journal says that it had begun."""
        folder = self.folder / "spool" / "recordings"
        return {path.stem: sum(whole_frames(track) for track in folder.glob(f"{path.stem}.*.track"))
                for path in folder.glob("*.journal") if has_begun(path)}

    def test_20_kills(self):
        capture = generate(self.folder / "calls.pcap", calls=CALLS, legs=1, seconds=6, stagger_ms=20)
        for number in range(ROUNDS):
            with self.subTest(round=number):
                self.one_round(capture)

    def one_round(self, capture):
        self.daemon.start()
        self.kill_under_load(capture)
        left = self.left_on_spool()
        self.daemon.start()
        recordings = {r["recording_id"]: r for r in self.daemon.wait_recordings(len(left))}
        self.assertEqual(set(recordings) & set(left), set(left), "a recording on the spool is not taken up")
        for recording_id, frames in left.items():
            self.check(recordings[recording_id], frames)
        self.check_ledger(recordings)
        self.assertEqual(self.daemon.terminate(), 0)
        self.assertEqual(list((self.folder / "spool" / "recordings").iterdir()), [])
        shutil.rmtree(self.folder / "delivered")

    def check(self, recording, frames):
        path = self.folder / "delivered" / recording["file"]
        sidecar = json.loads(path.with_suffix(".json").read_text())
        self.assertEqual(sum(t["received"] for t in sidecar["tracks"]), frames, sidecar)
        file = wav.Wav(path)
        self.assertEqual(file.frames, round(sidecar["duration_ms"] * file.rate / 1000))
        if sidecar["reason"] == "crash":
            self.assertEqual(sidecar["cut_short"], "crash")

    def check_ledger(self, recordings):
        entries = self.daemon.ledger()
        for recording_id, recording in recordings.items():
            mine = [e for e in entries if e["recording_id"] == recording_id]
            self.assertEqual([e["type"] for e in mine], ["start", "stop", "delivered"], mine)
            self.assertEqual(mine[1]["duration_ms"], recording["duration_ms"])
        self.assertEqual(self.daemon.ctl("billing", "--verify")[0], 0)
