"""Calls between two baresips (Debian's baresip-core), in PCMU, G.722 and Opus at the same time: the recordings are what was
on the wire, as dumpcap saw it beside legtap, tshark counted it, and sox and ffmpeg decode it."""
import shutil
import signal
import subprocess
import unittest

from harness import rtp_audio, rtp_counter, wait
from harness.case import Case
from harness.daemon import Legtapd, configuration
from harness.hosts import CALLER, SBC, Hosts
from harness.read import Reading

SECONDS = 5
# Of each codec: what the end's file has to be, the module, the name in the account, and a port for its SIP (the port after it is
# for TLS).
CODECS = {"PCMU": (8000, 1, "g711", "PCMU", 5060), "G722": (16000, 1, "g722", "G722", 5070),
          "opus": (48000, 2, "opus", "opus/48000/2", 5080)}
# Hz; unlike each other, and like themselves at one place only.
SWEEPS = {"caller": "300-1100", "callee": "1200-400"}
BURST_US = 50000  # packets that legtap polls together have one time: of those at either end it is not known which are inside


class BaresipTest(Case):
    def setUp(self):
        super().setUp()
        for program in ("baresip", "dumpcap"):
            if not shutil.which(program):
                raise unittest.SkipTest(f"{program} is not installed")
        self.hosts = self.enterContext(Hosts(self.folder))

    def capture(self):
        """What the mirror shows, in wire.pcap."""
        path = self.folder / "wire.pcap"
        process = self.hosts.run("probe", "dumpcap", "-q", "-P", "-i", "mirror0", "-w", path, log="dumpcap.log")
        wait.until(lambda: path.exists() and path.stat().st_size > 0, "dumpcap to capture")
        return process, path

    def agent(self, role, host, address, codec, *commands):
        """One end: it sends its sweep, by one codec alone."""
        rate, channels, module, name, port = CODECS[codec]
        home = self.folder / f"{role}.{codec}"
        home.mkdir()
        subprocess.run(["sox", "-n", "-r", str(rate), "-c", str(channels), "-b", "16", home / "sent.wav", "synth",
                        str(SECONDS), "sine", SWEEPS[role], "gain", "-9"], check=True)
        modules = "".join(f"module {m}.so\n" for m in ("aufile", module, "account", "menu"))
        first = 4 * port
        (home / "config").write_text(
            f"sip_listen {address}:{port}\nmodule_path /usr/lib/baresip/modules\n{modules}"
            f"rtp_ports {first}-{first + 50}\naudio_source aufile,{home}/sent.wav\n"
            f"audio_player aufile,{home}/heard.wav\naudio_srate 8000-48000\naudio_channels 1-2\n")
        (home / "accounts").write_text(f"<sip:{role}@{address}:{port}>;regint=0;audio_codecs={name};"
                                       "answermode=auto\n")
        (home / "contacts").write_text("")
        log = f"{role}.{codec}.log"
        process = self.hosts.run(host, "baresip", "-f", home, *commands, log=log)
        return process, self.folder / log

    def calls(self):
        """One of each codec at the same time; their recordings, and the capture."""
        daemon = self.enterContext(Legtapd(self.hosts, self.folder, configuration(
            self.folder, sbc={"addresses": [SBC], "sip_ports": [port for *_, port in CODECS.values()]})))
        capture, path = self.capture()
        callees = [self.agent("callee", "sbc", SBC, codec) for codec in CODECS]
        for _, log in callees:
            wait.until(lambda log=log: "baresip is ready" in log.read_text(errors="replace"), "a callee to be ready")
        callers = [self.agent("caller", "caller", CALLER, codec, "-e", f"/dial sip:callee@{SBC}:{port}",
                              "-t", str(SECONDS)) for codec, (*_, port) in CODECS.items()]
        for caller, _ in callers:
            caller.wait(30)
        recordings = daemon.wait_recordings(len(CODECS))
        daemon.account()
        capture.send_signal(signal.SIGINT)
        capture.wait(10)
        return recordings, path

    def test_what_was_on_the_wire(self):
        recordings, path = self.calls()
        packets = list(rtp_counter.datagrams(path))
        clocks, byes = rtp_counter.clocks(path), rtp_counter.byes_of(packets)
        found = []
        for recording in recordings:
            counted = rtp_counter.count(packets, clocks, byes[recording["sip_call_id"]] + BURST_US)
            for channel, track in enumerate(recording["tracks"]):
                [stream] = track["streams"]
                [entry] = counted[stream["source"], stream["destination"], stream["ssrc"]]
                with self.subTest(codec=stream["codec"], track=track["track"]):
                    self.compare_counts(stream, entry, byes[recording["sip_call_id"]])
                    self.compare_audio(recording, channel, stream, entry)
                found.append((stream["codec"], track["track"]))
        self.assertEqual(sorted(found), sorted((codec.upper(), track) for codec in CODECS
                                               for track in ("INCOMING", "OUTGOING")))
        self.compare_reading(path, packets, clocks, byes)

    def compare_counts(self, stream, entry, bye_us):
        times = [p.time_us for p in entry.packets]
        inside = [t for t in times if times[0] + BURST_US < t < bye_us - BURST_US]
        self.assertGreater(len(inside), 40 * (SECONDS - 2))
        self.assertIn(stream["received"], range(len(inside), len(times) + 1))
        self.assertEqual((stream["lost"], stream["duplicate"]), (entry.lost, entry.duplicate))

    def compare_reading(self, path, packets, clocks, byes):
        """By the capture's own times there is no doubt: each count is equal, and tshark's are those of all packets."""
        reading = Reading(path, self.folder / "out")
        self.assertEqual(reading.status, 0, reading.explain())
        wrong, compared = rtp_counter.differences(reading.recordings, packets, clocks, byes)
        self.assertNothing(wrong, reading.explain())
        self.assertEqual(len(compared), 2 * len(CODECS))
        whole, listed = rtp_counter.count(packets, clocks), rtp_counter.tshark_streams(path)
        for key in compared:
            [entry] = whole[key]
            self.assertEqual(listed[key][1:3], (entry.received, entry.lost), key)

    def compare_audio(self, recording, channel, stream, entry):
        mine = sorted((p for p in entry.packets if not p.duplicate), key=lambda p: p.extended)
        wrong, compared = rtp_audio.stream_problems(recording, self.folder / "delivered" / recording["file"], channel,
                                                    stream, mine, entry.packets, [])
        self.assertNothing(wrong)
        self.assertGreater(compared, 0)
