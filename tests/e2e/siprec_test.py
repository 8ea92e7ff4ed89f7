"""Recording sessions (SIPREC): SIPp is the recording client, and its media goes to an address of legtap's port."""
import json

from harness import capture, wait, wav
from harness.case import Case
from harness.daemon import Legtapd, configuration
from harness.hosts import PROBE, SBC, Hosts
from harness.paths import SIPP, SIPP_AUDIO, TOOLS

INCOMING, OUTGOING = 0, 1
ANN, BOB, CAROL = (f"sip:+49{number}@example.net" for number in ("30111", "40222", "50333"))


def sound(path):
    """All samples of a capture's G.711 packets, in order."""
    packets = list(capture.rtp_packets(path))
    return wav.decode(packets[0].payload_type, b"".join(p.payload for p in packets))


class SiprecCase(Case):
    def setUp(self):
        super().setUp()
        self.hosts = self.enterContext(Hosts(self.folder))
        self.hosts.start_callee(1).terminate()  # for its capture
        self.voice = self.folder / "callee.pcap"

    def start(self, **changes):
        config = configuration(self.folder, **{
            "ports": [{"device": "net_af_packet0,iface=eth0"}], "rules": [],
            "siprec": {"listen": [f"udp:{PROBE}:5060", f"tcp:{PROBE}:5060"], "media_ports": [40000, 40099]},
            **changes})
        return self.enterContext(Legtapd(self.hosts, self.folder, config))

    def client(self, scenario, transport="u1", milliseconds=16000):
        return self.hosts.run("sbc", "sipp", "-sf", SIPP / scenario, "-i", SBC, "-p", 5060, "-t", transport, "-m", 1,
                              "-key", "fork", TOOLS / "fork.py", "-key", "first", SIPP_AUDIO,
                              "-d", milliseconds, "-nostdin", "-timeout", "60s", "-trace_err",
                              f"{PROBE}:5060", log="client.log")

    def finish(self, client):
        self.assertEqual(client.wait(60), 0, "\n".join(
            path.read_text(errors="replace")[-3000:] for path in self.folder.glob("*err*.log")))

    def by_participant(self, daemon, count):
        return {r["participant"]: r for r in daemon.wait_recordings(count)}

    def assert_heard(self, samples, path):
        """The sender's packets, sample for sample and without a hole; None: silence."""
        if path is None:
            self.assertTrue(wav.is_silent(samples))
        else:
            self.assertGreaterEqual(wav.find(samples, sound(path)), 0, f"{path.name} is not there sample for sample")

    def assert_tracks(self, recording, said, heard):
        file = wav.Wav(self.folder / "delivered" / recording["file"])
        self.assertAlmostEqual(file.duration_ms, recording["duration_ms"], delta=1)
        self.assert_heard(file.channels[INCOMING], said)
        self.assert_heard(file.channels[OUTGOING], heard)

    def assert_at_rest(self, daemon):
        status = daemon.account()
        self.assertEqual((status["siprec"]["sessions"], status["siprec"]["ports_used"]), (0, 0))
        self.assertEqual(status["sip"]["messages"], 0, "SIP of recording sessions was taken for a mirrored call")
        return status["siprec"]


class SiprecTest(SiprecCase):
    def run_session(self, transport):
        daemon = self.start()
        client = self.client("siprec.xml", transport)
        wait.until(lambda: len(daemon.calls()) == 2, "two legs")
        self.assertEqual({call["participant_tag"] for call in daemon.calls()}, {"LEG-A", "LEG-B"})
        self.assertEqual(daemon.get("/v1/status")["siprec"]["ports_used"], 2)
        self.finish(client)
        recordings = self.by_participant(daemon, 2)
        self.assertEqual(set(recordings), {ANN, BOB})
        self.assert_tracks(recordings[ANN], SIPP_AUDIO, self.voice)
        self.assert_tracks(recordings[BOB], self.voice, SIPP_AUDIO)
        self.assertEqual({r["reason"] for r in recordings.values()}, {"hangup"})
        self.assertEqual(len({r["transaction_id"] for r in recordings.values()}), 1)
        self.assertEqual(len({r["call_id"] for r in recordings.values()}), 2)
        self.assertEqual(self.assert_at_rest(daemon)["accepted"], 1)
        self.assertEqual([e["type"] for e in daemon.ledger()].count("delivered"), 2)

    def test_session_over_udp(self):
        self.run_session("u1")

    def test_session_over_tcp(self):
        self.run_session("t1")

    def test_join_hold_and_leave(self):
        """Ann is on hold while Carol joins, then Ann leaves: her recording ends before the others."""
        daemon = self.start()
        self.finish(self.client("siprec_update.xml"))
        recordings = self.by_participant(daemon, 3)
        self.assertEqual(set(recordings), {ANN, BOB, CAROL})
        self.assert_tracks(recordings[CAROL], SIPP_AUDIO, self.voice)
        self.assert_tracks(recordings[BOB], self.voice, SIPP_AUDIO)
        self.assertLess(recordings[ANN]["stop"], recordings[BOB]["stop"])
        self.assertLess(recordings[BOB]["start"], recordings[CAROL]["start"])
        self.assertEqual(self.assert_at_rest(daemon)["updates"], 2)

    def test_pause_and_resume(self):
        daemon = self.start()
        client = self.client("siprec.xml")
        wait.until(lambda: len(daemon.calls()) == 2 and daemon.recorded_packets() > 50, "recorded packets")
        [call] = [c for c in daemon.calls() if c["participant_tag"] == "LEG-A"]
        for command in ("pause", "resume"):
            status, _, stderr = daemon.ctl(command, call["call_id"])
            self.assertEqual(status, 0, stderr)
            wanted = daemon.recorded_packets() + 50
            wait.until(lambda: daemon.recorded_packets() > wanted, "packets of the other leg")
        self.finish(client)
        recordings = self.by_participant(daemon, 2)
        self.assertEqual(len(recordings[ANN]["pauses"]), 1)
        self.assertEqual(recordings[BOB].get("pauses", []), [])
        self.assert_tracks(recordings[BOB], self.voice, SIPP_AUDIO)
        for track in recordings[ANN]["tracks"]:
            self.assertGreater(track["while_paused"], 0)
        self.assert_at_rest(daemon)

    def test_what_is_refused_says_why(self):
        daemon = self.start()
        self.finish(self.client("siprec_refused.xml"))
        siprec = self.assert_at_rest(daemon)
        self.assertEqual((siprec["malformed"], siprec["refused"], siprec["accepted"]), (2, 3, 0))
        self.assertEqual(daemon.calls(), [])

    def test_only_allowed_addresses(self):
        daemon = self.start(sbc={"addresses": ["192.0.2.99"]})
        self.assertNotEqual(self.client("siprec.xml").wait(60), 0)
        wait.until(lambda: daemon.get("/v1/status")["siprec"]["refused_address"] >= 1, "a refusal")
        self.assertEqual(daemon.calls(), [])

    def test_shutdown_ends_sessions(self):
        """SIGTERM: the client gets a BYE (which its scenario does not expect), the recordings are whole."""
        daemon = self.start()
        client = self.client("siprec.xml")
        wait.until(lambda: daemon.recorded_packets() > 50, "recorded packets")
        self.assertEqual(daemon.terminate(), 0)
        self.assertNotEqual(client.wait(60), 0)
        lines = (self.folder / "ledger" / "recordings.jsonl").read_text().splitlines()
        recordings = [json.loads(line) for line in lines]
        self.assertEqual({(r["participant"], r["reason"]) for r in recordings if r["state"] == "delivered"},
                         {(ANN, "shutdown"), (BOB, "shutdown")})
