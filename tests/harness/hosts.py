"""A private set of hosts (scripts/hosts): caller, sbc, callee, second (participant), and the
probe that sees the mirror."""
import atexit
import os
import shutil
import subprocess
import unittest
from itertools import count

from . import wait
from .paths import KAMAILIO, ROOT, SIPP, TOOLS

CALLER, SBC, CALLEE, SECOND, PROBE = "192.0.2.10", "192.0.2.20", "192.0.2.30", "192.0.2.31", "192.0.2.40"
SECOND_NUMBER = "+4940333"
_numbers = count()
_living = []


def need_root():
    if os.geteuid() != 0:
        raise unittest.SkipTest("network namespaces need root")


class Hosts:
    """Use as a context manager; `run` starts a program on one of the hosts, and all end with the set."""

    def __init__(self, folder):
        need_root()
        self.folder = folder
        self.name = f"lt{os.getpid()}t{next(_numbers)}"
        self.processes = []

    def __enter__(self):
        self._hosts("sweep")
        _living.append(self)
        self._hosts("up", self.name)
        return self

    def __exit__(self, *_):
        for process in self.processes:
            end(process)
        self._hosts("down", self.name)
        _living.remove(self)

    def _hosts(self, *arguments):
        subprocess.run([ROOT / "scripts" / "hosts", *arguments], check=True, capture_output=True, text=True)

    def command(self, host, *arguments):
        return ["ip", "netns", "exec", f"{self.name}-{host}", *map(str, arguments)]

    def run(self, host, *arguments, log, **options):
        file = open(self.folder / log, "wb")
        folder = options.pop("cwd", self.folder)
        process = subprocess.Popen(self.command(host, *arguments), cwd=folder, stdin=subprocess.DEVNULL,
                                   stdout=file, stderr=subprocess.STDOUT, **options)
        file.close()
        self.processes.append(process)
        return process

    # --- the mirror ---

    def _switch(self, *arguments):
        subprocess.run(["tc", "-n", f"{self.name}-switch", *arguments], check=True, capture_output=True, text=True)

    def mirror(self, host):
        """Mirrors another port of the switch too, as that of the SBC is."""
        self._switch("qdisc", "add", "dev", host, "clsact")
        for direction in ("ingress", "egress"):
            self._switch("filter", "add", "dev", host, direction, "protocol", "all", "u32", "match", "u32", "0", "0",
                         "action", "mirred", "egress", "mirror", "dev", "probe")

    def hide_sip(self, *hosts):
        """Takes what is sent to a SIP port out of the mirror of these ports."""
        for host in hosts:
            for direction in ("ingress", "egress"):
                self._switch("filter", "add", "dev", host, direction, "protocol", "ip", "prio", "1", "u32",
                             "match", "ip", "protocol", "17", "0xff", "match", "ip", "dport", "5060", "0xffff",
                             "flowid", "1:1")  # a match without an action: no later filter sees it

    # --- calls ---

    def start_sbc(self):
        """The B2BUA on the SBC's host; returns when it listens."""
        process = subprocess.Popen(
            self.command("sbc", "python3", TOOLS / "b2bua.py", "--address", SBC, "--next-hop", f"{CALLEE}:5060",
                         "--route", f"{SECOND_NUMBER}={SECOND}:5060"),
            cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.processes.append(process)
        if process.stdout.readline().strip() != "ready":
            raise AssertionError("the B2BUA did not start")
        return process

    def start_callee(self, calls, audio_seconds=6):
        subprocess.run(["python3", TOOLS / "audio.py", self.folder / "callee.pcap", str(audio_seconds)], check=True)
        return self._sipp("callee", "callee.xml", CALLEE, 30000, calls, "callee.log")

    def start_participants(self, seconds):
        """For one call to two participants: the first speaks so long, and hangs up; then the second one."""
        folder = self.folder / "second"  # where its SIPp finds its own callee.pcap
        folder.mkdir()
        for file, voice in ((self.folder / "callee.pcap", ()), (folder / "callee.pcap", ("second",))):
            subprocess.run(["python3", TOOLS / "audio.py", file, str(seconds), *voice], check=True)
        self._sipp("callee", "callee_hangs_up.xml", CALLEE, 30000, 1, "callee.log", "-d", int(seconds * 1000) + 200)
        self._sipp("second", "callee.xml", SECOND, 30000, 1, "second.log", cwd=folder)

    def start_caller(self, numbers, rate=2.0):
        """One call for each (caller, called) of numbers; returns the SIPp process."""
        lines = ["SEQUENTIAL"] + [f"{caller};{called};{index + 1:032x}"
                                  for index, (caller, called) in enumerate(numbers)]
        (self.folder / "calls.csv").write_text("\n".join(lines) + "\n")
        return self._sipp("caller", "caller.xml", CALLER, 10000, len(numbers), "caller.log",
                          "-inf", "calls.csv", "-r", str(rate), f"{SBC}:5060")

    def start_proxy(self, hep):
        """kamailio on the SBC's host, which passes every call on to the callee and sends copies of all SIP to the
        HEP address `hep` ("sip:192.0.2.40:9060;transport=tcp"), with the key "secret"."""
        return self._start_kamailio("proxy.cfg", HEP=hep)

    def start_relaying_proxy(self):
        """kamailio on the SBC's host, and rtpengine beside it, which relays the media."""
        if not shutil.which("rtpengine"):
            raise unittest.SkipTest("rtpengine (Debian's rtpengine-daemon) is not installed")
        self.run("sbc", "rtpengine", "--foreground", "--log-stderr", "--table=-1", f"--interface={SBC}",
                 "--listen-ng=127.0.0.1:2223", "--port-min=20000", "--port-max=20999", "--num-threads=2",
                 "--pidfile", self.folder / "rtpengine.pid", log="rtpengine.log")
        wait.until(lambda: self._has_udp_port("sbc", 2223), "rtpengine to listen")
        return self._start_kamailio("relay.cfg")

    def _start_kamailio(self, name, **values):
        if not shutil.which("kamailio"):
            raise unittest.SkipTest("kamailio is not installed")
        (self.folder / "run").mkdir(exist_ok=True)
        text = (KAMAILIO / name).read_text()
        for key, value in {"ADDRESS": SBC, "NEXT_HOP": f"{CALLEE}:5060", **values}.items():
            text = text.replace(f"@{key}@", value)
        (self.folder / name).write_text(text)
        process = self.run("sbc", "kamailio", "-DD", "-E", "-f", name, "-Y", self.folder / "run",
                           "-m", "32", "-M", "8", log="kamailio.log")

        def listens():
            if process.poll() is not None:
                raise AssertionError("kamailio ended:\n" + (self.folder / "kamailio.log").read_text())
            return self._has_udp_port("sbc", 5060)
        wait.until(listens, "kamailio to listen")
        return process

    def _has_udp_port(self, host, port):
        done = subprocess.run(self.command(host, "ss", "-Hlun", "sport", "=", port), capture_output=True, text=True,
                              check=True)
        return done.stdout.strip()

    def _sipp(self, host, scenario, address, media_port, calls, log, *more, **options):
        if not shutil.which("sipp"):
            raise unittest.SkipTest("sipp (Debian's sip-tester) is not installed")
        return self.run(host, "sipp", "-sf", SIPP / scenario, "-i", address, "-mi", address, "-p", 5060,
                        "-mp", media_port, "-m", calls, "-nostdin", "-timeout", "60s", *more, log=log, **options)


@atexit.register
def _down_all():
    """After Ctrl-C no case has cleaned up behind itself."""
    for hosts in list(_living):
        hosts.__exit__()


def end(process, timeout_s=10):
    """SIGTERM, then SIGKILL; closes its pipe."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout:
        process.stdout.close()
