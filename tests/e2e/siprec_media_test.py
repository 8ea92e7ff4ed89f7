"""The media of recording sessions: SRTP (ffmpeg is the sender), and a mirrored call beside a session."""
import base64
import shutil
import subprocess
import unittest

from harness import capture, wait, wav
from harness.case import Case
from harness.daemon import Legtapd, configuration
from harness.hosts import PROBE, SECOND, Hosts
from harness.paths import SIPP_AUDIO, TOOLS

INCOMING, OUTGOING = 0, 1
SUITE = "AES_CM_128_HMAC_SHA1_80"
KEY = base64.b64encode(bytes(range(7, 37))).decode()
ANN = "sip:ann@example.net"
HEARD_S = 0.4  # what the BYE ends, ends at once: the last packet must have been taken off the wire, and have its time


def speech():
    """Its A-law bytes."""
    return b"".join(packet.payload for packet in capture.rtp_packets(SIPP_AUDIO))[:24000]


class MediaCase(Case):
    def setUp(self):
        super().setUp()
        self.hosts = self.enterContext(Hosts(self.folder))

    def start(self, **changes):
        config = configuration(self.folder, **{
            "ports": [{"device": "net_af_packet0,iface=eth0"}], "rules": [],
            "siprec": {"listen": [f"tcp:{PROBE}:5060"], "media_ports": [40000, 40099], "allow": [SECOND]}, **changes})
        return self.enterContext(Legtapd(self.hosts, self.folder, config))

    def client_command(self, *arguments):
        return self.hosts.command("second", "python3", TOOLS / "siprec_client.py", *arguments, f"{PROBE}:5060")

    def client(self, *arguments):
        done = subprocess.run(self.client_command(*arguments), capture_output=True, text=True, timeout=90, check=False)
        return done.stdout.splitlines(), done.stderr

    def channels(self, recording):
        return wav.Wav(self.folder / "delivered" / recording["file"]).channels


class SrtpTest(MediaCase):
    def setUp(self):
        super().setUp()
        if not shutil.which("ffmpeg"):
            raise unittest.SkipTest("ffmpeg is not installed")
        self.voice = self.folder / "voice.al"
        self.voice.write_bytes(speech())

    def send(self, key):
        """A session whose media is sealed by this key, though it has announced KEY."""
        return self.client("--crypto", f"1 {SUITE} inline:{KEY}", "--run",
                           # Its first packets are late by more than the others, and would begin before the answer.
                           f"sleep {HEARD_S}; "
                           f"ffmpeg -loglevel error -re -f alaw -ar 8000 -ac 1 -i {self.voice} -c:a copy -f rtp "
                           f"-srtp_out_suite {SUITE} -srtp_out_params {key} 'srtp://MEDIA?pkt_size=200' && "
                           f"sleep {HEARD_S}")

    def test_media_that_ffmpeg_encrypts(self):
        daemon = self.start()
        (invite, media, crypto, bye), stderr = self.send(KEY)
        self.assertEqual((invite, bye), ("INVITE 200", "BYE 200"), stderr)
        self.assertRegex(media, "^m=audio 40000 RTP/SAVP 8$")
        self.assertRegex(crypto, f"^a=crypto:1 {SUITE} inline:[A-Za-z0-9+/]{{40}}$")
        self.assertNotIn(KEY, crypto)
        [recording] = daemon.wait_recordings(1)
        self.assertEqual(recording["participant"], ANN)
        self.assertGreaterEqual(wav.find(self.channels(recording)[INCOMING], wav.decode(8, speech())), 0,
                                "the voice is not there sample for sample")
        self.assertNotIn(KEY, daemon.log())
        daemon.account()

    def test_media_by_another_key_is_no_audio(self):
        daemon = self.start()
        other = base64.b64encode(bytes(30)).decode()
        self.assertEqual(self.send(other)[0][0], "INVITE 200")
        [recording] = daemon.wait_recordings(1, states=("failed",))
        [incoming] = [t for t in recording["tracks"] if t["track"] == "INCOMING"]
        self.assertGreater(incoming["received"], 100)
        self.assertEqual(incoming["undecodable"], incoming["received"])

    def test_what_no_key_of_ours_opens_is_refused(self):
        daemon = self.start()
        self.assertEqual(self.client("--crypto", f"1 F8_128_HMAC_SHA1_80 inline:{KEY}")[0], ["INVITE 488"])
        self.assertIn("RTP/SAVP", daemon.log())


class SideBySideTest(MediaCase):
    def test_a_mirrored_call_and_a_session(self):
        """Two ports: the mirror of the SBC, and the address that another one sends its session to."""
        self.hosts.start_sbc()
        self.hosts.start_callee(1)
        daemon = self.start(ports=[{"device": "net_af_packet0,iface=mirror0"}, {"device": "net_af_packet1,iface=eth0"}],
                            rules=[{"Track": "BOTH"}])
        caller = self.hosts.start_caller([("+4930111", "+4940222")])
        session = subprocess.Popen(
            self.client_command("--run", f"python3 {TOOLS / 'fork.py'} {SIPP_AUDIO}=MEDIA"),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        wait.until(lambda: len([c for c in daemon.calls() if c["state"] == "answered"]) == 3, "three legs at once")
        self.assertEqual(caller.wait(60), 0)
        lines = session.communicate(timeout=60)[0].splitlines()
        self.assertEqual((lines[0], lines[-1]), ("INVITE 200", "BYE 200"), lines)
        recordings = daemon.wait_recordings(3)
        self.assertEqual(len({r["transaction_id"] for r in recordings}), 2)
        [own] = [r for r in recordings if r["participant"] == ANN]
        voice = wav.decode(8, b"".join(p.payload for p in capture.rtp_packets(SIPP_AUDIO)))
        self.assertGreaterEqual(wav.find(self.channels(own)[INCOMING], voice), 0)
        mirrored = [self.channels(r) for r in recordings if r is not own]
        self.assertEqual(len(mirrored), 2)
        for channel in INCOMING, OUTGOING:  # what the caller says comes in on one leg, goes out on the other
            self.assertTrue(any(wav.find(c[channel], voice) >= 0 for c in mirrored))
        status = daemon.account()
        self.assertEqual((status["siprec"]["sessions"], status["siprec"]["ports_used"]), (0, 0))
        self.assertEqual({p["device"].split("=")[1] for p in status["ports"]}, {"mirror0", "eth0"})
        self.assertTrue(all(p["received"] > 0 for p in status["ports"]))
