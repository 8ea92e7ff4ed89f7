"""Many recording sessions, set up and torn down: how fast they are answered, and that nothing stays behind. SIPp is the
clients, on the loopback of legtap's own host. LEGTAP_SESSIONS: how many (scripts/bench: 10,000)."""
import os
import subprocess
import time

from harness import wait
from harness.case import Case
from harness.daemon import Legtapd, configuration
from harness.hosts import PROBE, SBC, Hosts
from harness.paths import SIPP, TOOLS

SESSIONS = int(os.environ.get("LEGTAP_SESSIONS", "1000"))
RATE = 200
ANSWER_MS = 20
LEGS = 1024  # so many that have ended stay known for a while, and so many events: the first sessions reach both
# What SIP keeps of a session for 64 × T1 (32 s) after its end: 7.2 KiB, measured by batches of 1,000 that follow each other
# at once. With 36 s between them, batch after batch leaves RssAnon as the first one did, to the KiB.
KEPT_KIB = 8 * min(SESSIONS, 32 * RATE) + 2048


class LoadTest(Case):
    def setUp(self):
        super().setUp()
        self.hosts = self.enterContext(Hosts(self.folder))

    def start(self, transport, **siprec):
        config = configuration(
            self.folder, ports=[{"device": "net_af_packet0,iface=eth0"}], rules=[], sbc={"addresses": [PROBE, SBC]},
            siprec={"listen": [f"{transport}:{PROBE}:5060"], "record": "none", **siprec},
            limits={"legs": LEGS, "events": LEGS}, log={"level": "warning"})
        return self.enterContext(Legtapd(self.hosts, self.folder, config))

    def run_sessions(self, count, transport, milliseconds=1000):
        """The times of their answers, in milliseconds, in order."""
        for path in self.folder.glob("*_rtt.csv"):
            path.unlink()
        # Its priority is that of a machine of its own: what is measured is legtap.
        process = self.hosts.run(
            "probe", "nice", "-n", -20, "sipp", "-sf", SIPP / "siprec_load.xml", "-i", PROBE, "-p", 5070, "-t", transport,
            "-m", count, "-r", RATE, "-l", count, "-d", milliseconds, "-nostdin", "-trace_rtt", "-rtt_freq", 1,
            "-trace_err", "-timeout", f"{count // RATE + 60}s", f"{PROBE}:5060", log="sipp.log")
        self.assertEqual(process.wait(count // RATE + 90), 0, "\n".join(
            path.read_text(errors="replace")[-2000:] for path in self.folder.glob("*errors.log")))
        [path] = self.folder.glob("*_rtt.csv")
        return sorted(float(line.split(";")[1]) for line in path.read_text().splitlines()[1:])

    @staticmethod
    def footprint(daemon):
        """Memory of its own in KiB, open files."""
        status = open(f"/proc/{daemon.process.pid}/status").read()
        [kib] = [int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon:")]
        return kib, len(os.listdir(f"/proc/{daemon.process.pid}/fd"))

    def test_sessions_leave_nothing_behind(self):
        daemon = self.start("tcp")
        self.run_sessions(min(SESSIONS, 1000), "t1")  # what is made once, is made now
        before = self.footprint(daemon)
        times = self.run_sessions(SESSIONS, "t1")
        self.assertEqual(len(times), SESSIONS)
        p99 = times[len(times) * 99 // 100]
        wait.until(lambda: daemon.get("/v1/status")["siprec"]["sessions"] == 0, "all sessions to end")
        status = daemon.account()
        after = self.footprint(daemon)
        print(f"  {SESSIONS} sessions at {RATE}/s: answered in {times[len(times) // 2]} ms (median), {p99} ms (p99), "
              f"{times[-1]} ms (most); memory {before[0]} -> {after[0]} KiB, files {before[1]} -> {after[1]}")
        self.assertEqual(status["siprec"]["accepted"], SESSIONS + min(SESSIONS, 1000))
        self.assertEqual((status["siprec"]["ports_used"], status["siprec"]["no_port"], status["siprec"]["expired"]),
                         (0, 0, 0))
        self.assertEqual(status["legs"]["live"], 0)
        self.assertLess(after[0] - before[0], KEPT_KIB)
        self.assertLessEqual(after[1], before[1] + 1)  # the admin connection that counts them
        self.assertLess(p99, ANSWER_MS)

    def test_ports_rest_and_run_out(self):
        daemon = self.start("tcp", media_ports=[40000, 40001])

        def client(sessions):
            done = subprocess.run(self.hosts.command("sbc", "python3", TOOLS / "siprec_client.py", "--sessions", sessions,
                                                     f"{PROBE}:5060"), capture_output=True, text=True, timeout=60,
                                  check=False)
            return done.stdout.split("\n")[:-1]
        began = time.monotonic()
        self.assertEqual(client(2), ["INVITE 200", "BYE 200", "INVITE 503"])
        self.assertEqual(daemon.get("/v1/status")["siprec"]["no_port"], 1)
        wait.until(lambda: client(1) == ["INVITE 200", "BYE 200"], "the port to be given out again")
        self.assertGreater(time.monotonic() - began, 5)
        self.assertEqual(daemon.account()["siprec"]["ports_used"], 0)
