"""A proxy's SIP comes as HEPv3; nothing but RTP is on the mirror."""
from harness import capture, wait, wav
from harness.case import Case
from harness.daemon import Legtapd, configuration
from harness.hosts import PROBE, SBC, Hosts
from harness.paths import SIPP_AUDIO

INCOMING, OUTGOING = 0, 1


def sound(path):
    """All samples of a capture's G.711 packets, in order."""
    packets = list(capture.rtp_packets(path))
    return wav.decode(packets[0].payload_type, b"".join(p.payload for p in packets))


class HepTest(Case):
    def setUp(self):
        super().setUp()
        self.hosts = self.enterContext(Hosts(self.folder))
        self.hosts.mirror("caller")  # media goes from end to end, not through the proxy
        self.hosts.hide_sip("caller", "sbc")

    def start(self, transport, **hep):
        config = configuration(self.folder, hep={
            "listen": [f"{transport}:{PROBE}:9060"], "key": "secret", "allow": [SBC], **hep})
        config["sbc"]["addresses"] = []  # a proxy is no SBC
        return self.enterContext(Legtapd(self.hosts, self.folder, config))

    def run_call(self, transport):
        self.hosts.start_proxy(f"sip:{PROBE}:9060;transport={transport}")
        self.hosts.start_callee(1)
        caller = self.hosts.start_caller([("+4930111", "+4940222")])
        self.assertEqual(caller.wait(60), 0, (self.folder / "caller.log").read_text())

    def assert_call(self, daemon):
        [recording] = daemon.wait_recordings(1)
        self.assertEqual(recording["participant"], "sip:+4930111@192.0.2.10")
        self.assertEqual((recording["participant_tag"], recording["reason"]), ("LEG-A", "hangup"))
        file = wav.Wav(self.folder / "delivered" / recording["file"])
        for channel, path in ((INCOMING, SIPP_AUDIO), (OUTGOING, self.folder / "callee.pcap")):
            self.assertGreaterEqual(wav.find(file.channels[channel], sound(path)), 0,
                                    f"{path.name} is not on channel {channel} sample for sample")
        self.assertAlmostEqual(file.duration_ms, recording["duration_ms"], delta=1)
        [call] = daemon.calls()
        self.assertFalse(daemon.get(f"/v1/calls/{call['call_id']}")["by_sbc"])
        daemon.account()

    def assert_all_by_hep(self, daemon):
        status = daemon.get("/v1/status")
        hep = status["hep"]
        self.assertGreaterEqual(hep["sip"], 10, "INVITE, 100, 180, 200, ACK, BYE, 200, most of them on two hops")
        self.assertEqual(hep["sip"], hep["received"])
        self.assertEqual(status["sip"]["messages"], hep["sip"], "SIP was on the mirror after all")
        self.assertEqual(status["sip"]["malformed"], 0)

    def test_siptrace_over_udp(self):
        daemon = self.start("udp")
        self.run_call("udp")
        self.assert_call(daemon)
        self.assert_all_by_hep(daemon)

    def test_siptrace_over_tcp(self):
        daemon = self.start("tcp")
        self.run_call("tcp")
        self.assert_call(daemon)
        self.assert_all_by_hep(daemon)
        self.assertGreaterEqual(daemon.get("/v1/status")["hep"]["connections"], 1)

    def test_wrong_key_makes_no_calls(self):
        daemon = self.start("udp", key="other")
        self.run_call("udp")
        wait.until(lambda: daemon.get("/v1/status")["hep"]["refused_key"] >= 10, "refused messages")
        self.assertEqual(daemon.calls(), [])
        self.assertEqual(daemon.get("/v1/status")["hep"]["sip"], 0)
