"""Cases of recording sessions. The cases of a class share one set of hosts and one legtapd, so each has participants of
its own; SIPp is their client, and its media comes from a sender that has started before (tests/tools/fork.py)."""
import shutil
import subprocess
import tempfile
import unittest
from itertools import count
from pathlib import Path

from . import capture, wait, wav
from .daemon import Legtapd, configuration
from .hosts import PROBE, SBC, Hosts
from .paths import SIPP_AUDIO, TOOLS
from .recording_client import Party, description, media_line

INCOMING, OUTGOING = 0, 1
PACKETS = 60
FORK = f"{SBC}:9500"


def sound(path, packets=None):
    """The samples of a capture's G.711 packets (the first so many), in order."""
    chosen = list(capture.rtp_packets(path))[:packets]
    return wav.decode(chosen[0].payload_type, b"".join(p.payload for p in chosen))


def start_fork(hosts):
    """The sender beside the SBC. Its priority is that of an SBC's own machine: what is tested is legtap."""
    process = subprocess.Popen(
        hosts.command("sbc", "nice", "-n", -20, "python3", TOOLS / "fork.py", "--serve", FORK),
        cwd=hosts.folder, stdout=subprocess.PIPE, text=True)
    hosts.processes.append(process)
    if process.stdout.readline().strip() != "ready":
        raise AssertionError("tests/tools/fork.py did not start")
    return process


class SiprecCase(unittest.TestCase):
    maxDiff = 4000
    changes = {}  # of the configuration
    ann = SIPP_AUDIO

    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix=f"{cls.__name__}."))
        cls.failed = False
        cls.addClassCleanup(cls.remove_folder)
        cls.hosts = cls.enterClassContext(Hosts(cls.folder))
        cls.bob = cls.folder / "bob.pcap"
        subprocess.run(["python3", TOOLS / "audio.py", cls.bob, "6"], check=True)
        start_fork(cls.hosts)
        cls.ports = count(5060)
        cls.before_daemon()
        cls.daemon = cls.enterClassContext(Legtapd(cls.hosts, cls.folder, configuration(cls.folder, **{
            "ports": [{"device": "net_af_packet0,iface=eth0"}], "rules": [],
            "siprec": {"listen": [f"udp:{PROBE}:5060", f"tcp:{PROBE}:5060"], "media_ports": [40000, 40999]},
            **cls.changes})))

    @classmethod
    def before_daemon(cls):
        """For what legtapd finds when it starts."""

    @classmethod
    def remove_folder(cls):
        if cls.failed:
            print(f"  its files: {cls.folder}", flush=True)
        else:
            shutil.rmtree(cls.folder, ignore_errors=True)

    def tearDown(self):
        result = self._outcome.result
        if any(test is self for test, _ in result.failures + result.errors):
            type(self).failed = True

    # --- clients ---

    def play(self, client, name, transport="u1"):
        """SIPp, on a port of its own."""
        return self.sipp(client.write(self.folder / f"{name}.xml"), name, transport, *(
            ["-3pcc", FORK] if client.asks_for_media else []))

    def sipp(self, scenario, name, transport, *more):
        return self.hosts.run("sbc", "sipp", "-sf", scenario, "-i", SBC, "-p", next(self.ports), "-t", transport, "-m", 1,
                              "-nostdin", "-timeout", "90s", "-trace_err", "-error_file", f"{name}.err", *more,
                              f"{PROBE}:5060", log=f"{name}.log")

    def finish(self, client, name):
        status = client.wait(100)
        said = [path.read_text(errors="replace")[-3000:] for path in self.folder.glob(f"{name}.err")]
        self.assertEqual(status, 0, "\n".join(said))

    def run_client(self, client, name, transport="u1"):
        self.finish(self.play(client, name, transport), name)

    @staticmethod
    def pair(call, **hears):
        """Two who hear each other, by the names of this call."""
        return Party(1, f"sip:ann@{call}", [1], [2], **hears), Party(2, f"sip:bob@{call}", [2], [1], **hears)

    @staticmethod
    def two_lines(version=1, **first):
        return description(media_line(1, **first), media_line(2, port=6002), version=version)

    def talk(self, client, packets=PACKETS):
        client.media((self.ann, 1), (self.bob, 2), packets=packets)

    # --- what became of it ---

    def legs(self, *parties):
        """The live legs of these participants, in this order; None while one is not there."""
        found = {call["participant"]: call for call in self.daemon.calls() if call["state"] != "ended"}
        return [found[p.aor] for p in parties] if all(p.aor in found for p in parties) else None

    def recordings(self, *parties):
        """All recordings of these participants, once each has one that is delivered and none is under way."""
        names = [p.aor for p in parties]

        def done():
            found = [r for r in self.daemon.recordings() if r["participant"] in names]
            return found if {r["participant"] for r in found} == set(names) and all(
                r["state"] == "delivered" for r in found) else None
        return wait.until(done, f"recordings of {', '.join(names)}", 60)

    def recording_of(self, *parties):
        """One for each of these participants."""
        recordings = self.recordings(*parties)
        self.assertEqual(len(recordings), len(parties))
        by_name = {r["participant"]: r for r in recordings}
        return [by_name[p.aor] for p in parties]

    def track(self, recording, channel):
        return wav.Wav(self.folder / "delivered" / recording["file"]).channels[channel]

    def assert_hears(self, recording, channel, path, packets=PACKETS):
        """The sender's packets, sample for sample and without a hole; None: silence."""
        samples = self.track(recording, channel)
        if path is None:
            self.assertTrue(wav.is_silent(samples))
            return
        [track] = [t for t in recording["tracks"] if t["track"] == ("INCOMING", "OUTGOING")[channel]]
        self.assertGreaterEqual(wav.find(samples, sound(path, packets)), 0,
                                f"{recording['participant']}: {path.name} is not there sample for sample: {track}")

    def assert_pair(self, recordings, packets=PACKETS):
        """What `talk` says, both ways."""
        for recording, said, heard in zip(recordings, (self.ann, self.bob), (self.bob, self.ann)):
            self.assert_hears(recording, INCOMING, said, packets)
            self.assert_hears(recording, OUTGOING, heard, packets)

    def assert_at_rest(self):
        wait.until(lambda: self.daemon.get("/v1/status")["siprec"]["sessions"] == 0, "the end of all sessions")
        status = self.daemon.account()
        self.assertEqual(status["siprec"]["ports_used"], 0)
        self.assertEqual(status["sip"]["messages"], 0, "SIP of recording sessions was taken for a mirrored call")
        return status["siprec"]
