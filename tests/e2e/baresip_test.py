"""Calls of baresip (Debian's baresip-core) through the mirror: the recordings are what both ends sent."""
import array
import shutil
import subprocess
import unittest

from harness import rtp_audio, wait, wav
from harness.case import Case
from harness.daemon import Legtapd, configuration
from harness.hosts import CALLER, SBC, Hosts

SECONDS = 5
# Of each codec: what the end's file has to be, and what the recording is at.
CODECS = {"PCMU": (8000, 1, "g711"), "G722": (16000, 1, "g722"), "opus": (48000, 2, "opus")}
SWEEPS = {"caller": "300-1100", "callee": "1200-400"}  # Hz; unlike each other, and like themselves at one place only
COARSE_HZ = 4000


class BaresipTest(Case):
    def setUp(self):
        super().setUp()
        if not shutil.which("baresip"):
            raise unittest.SkipTest("baresip (Debian's baresip-core) is not installed")
        self.hosts = self.enterContext(Hosts(self.folder))

    def agent(self, name, host, address, codec, *commands):
        """One end: it sends its sweep, by one codec alone."""
        rate, channels, module = CODECS[codec]
        home = self.folder / name
        home.mkdir()
        subprocess.run(["sox", "-n", "-r", str(rate), "-c", str(channels), "-b", "16", home / "sent.wav", "synth",
                        str(SECONDS), "sine", SWEEPS[name], "gain", "-9"], check=True)
        modules = "".join(f"module {m}.so\n" for m in ("aufile", module, "account", "menu"))
        (home / "config").write_text(f"sip_listen {address}:5060\nmodule_path /usr/lib/baresip/modules\n{modules}"
                                     f"audio_source aufile,{home}/sent.wav\naudio_player aufile,{home}/heard.wav\n"
                                     "audio_srate 8000-48000\naudio_channels 1-2\n")
        (home / "accounts").write_text(f"<sip:{name}@{address}>;regint=0;audio_codecs={codec};answermode=auto\n")
        (home / "contacts").write_text("")
        return self.hosts.run(host, "baresip", "-f", home, *commands, log=f"{name}.log")

    def sent(self, name, rate):
        """What an end sent, as the recording has it: mono, at the file's rate."""
        done = subprocess.run(["sox", self.folder / name / "sent.wav", "-c", "1", "-r", str(rate), "-t", "raw", "-e",
                               "signed", "-b", "16", "-"], capture_output=True, check=True)
        return array.array("h", done.stdout)

    def call(self, codec):
        daemon = self.enterContext(Legtapd(self.hosts, self.folder, configuration(self.folder)))
        self.agent("callee", "sbc", SBC, codec)
        log = self.folder / "callee.log"
        wait.until(lambda: "baresip is ready" in log.read_text(errors="replace"), "the callee to be ready")
        caller = self.agent("caller", "caller", CALLER, codec, "-e", f"/dial sip:callee@{SBC}", "-t", str(SECONDS + 1))
        caller.wait(30)
        [recording] = daemon.wait_recordings(1)
        daemon.account()
        return recording, wav.Wav(self.folder / "delivered" / recording["file"])

    def one(self, codec):
        recording, file = self.call(codec)
        self.assertEqual(file.rate, CODECS[codec][0])
        for channel, (track, name) in enumerate(zip(recording["tracks"], ("caller", "callee"))):
            [stream] = track["streams"]
            self.assertEqual((stream["codec"].lower(), stream["lost"]), (codec.lower(), 0))
            found = self.found(file.channels[channel], self.sent(name, file.rate), file.rate)
            self.assertGreater(found, rtp_audio.LEAST_CORRELATION, f"{name}\n{recording}")

    def found(self, channel, sent, rate):
        """The correlation of three seconds of what was sent with where they are in the recording."""
        step = rate // COARSE_HZ
        wanted = sent[rate:4 * rate]
        coarse, coarse_wanted = channel[::step], wanted[:rate // 2:step]
        last = len(coarse) - len(wanted) // step
        _, place = max((rtp_audio.correlation(coarse[at:at + len(coarse_wanted)], coarse_wanted), at)
                       for at in range(max(last, 1)))
        begin = max(place * step - step, 0)
        return max(rtp_audio.correlation(channel[at:at + len(wanted)], wanted) for at in range(begin, begin + 2 * step + 1))

    def test_pcmu(self):
        self.one("PCMU")

    def test_g722(self):
        self.one("G722")

    def test_opus(self):
        self.one("opus")
