"""Calls that legtap knows of by POST /v1/sip-events alone: no SIP is on the mirror."""
import time

from harness import capture, schemas, wav
from harness.case import Case
from harness.daemon import Legtapd, configuration
from harness.hosts import CALLEE, CALLER, PROBE, SBC, Hosts
from harness.paths import SIPP_AUDIO, TOOLS

INCOMING, OUTGOING = 0, 1
CODECS = [{"payload_type": 8, "name": "PCMA", "clock_hz": 8000},
          {"payload_type": 101, "name": "telephone-event", "clock_hz": 8000, "fmtp": "0-15"}]
SESSION = "0123456789abcdef0123456789abcdef;remote=00000000000000000000000000000000"


def sound(path):
    """All samples of a capture's G.711 packets, in order."""
    packets = list(capture.rtp_packets(path))
    return wav.decode(packets[0].payload_type, b"".join(p.payload for p in packets))


def media(address, port):
    return {"addresses": [f"{address}:{port}"], "codecs": CODECS, "direction": "sendrecv", "ptime_ms": 20}


class SipEventsCase(Case):
    def setUp(self):
        super().setUp()
        self.hosts = self.enterContext(Hosts(self.folder))
        self.hosts.hide_sip("sbc")

    def start(self, **changes):
        return self.enterContext(Legtapd(self.hosts, self.folder, configuration(self.folder, **changes)))

    def post(self, daemon, *events):
        """Posts a list, and the same once more, which must change nothing; returns the first results."""
        body = {"Events": list(events)}
        self.assertNothing(schemas.problems_of("sip_events", body))
        answers = []
        for _ in range(2):
            status, answer = daemon.request("POST", "/v1/sip-events", body)
            self.assertEqual(status, 200, answer)
            self.assertNothing(schemas.problems_of("sip_events_answer", answer))
            answers.append(answer["Results"])
        for first, again in zip(*answers):
            self.assertTrue(first["Changed"], first)
            self.assertFalse(again["Changed"], again)
            self.assertEqual(first["CallId"], again["CallId"])
        return answers[0]

    def assert_audio(self, recording, incoming, outgoing):
        file = wav.Wav(self.folder / "delivered" / recording["file"])
        self.assertAlmostEqual(file.duration_ms, recording["duration_ms"], delta=1)
        for channel, path in ((INCOMING, incoming), (OUTGOING, outgoing)):
            self.assertGreaterEqual(wav.find(file.channels[channel], sound(path)), 0,
                                    f"{path.name} is not on channel {channel} sample for sample")


class SipEventsTest(SipEventsCase):
    def events(self, kind, **more):
        first = {"type": kind, "sip_call_id": "events-1", "from_tag": "a", "side": "caller"}
        second = {"type": kind, "sip_call_id": "events-2", "from_tag": "s", "side": "callee"}
        return [{**one, **more} for one in (first, second)]

    def test_two_legs_of_one_transaction(self):
        """The B2BUA's ports are counted from 20000 on, the caller's side first; SIPp's from -mp on."""
        daemon = self.start()
        self.hosts.start_sbc()
        self.hosts.start_callee(1)
        first, second = self.events("offered", headers={"Session-ID": SESSION}, **{
            "from": f"sip:+4930111@{CALLER}", "to": f"sip:+4940222@{SBC}"})
        first["participant_media"] = media(CALLER, 10000)
        second["sbc_media"] = media(SBC, 20002)
        offered = self.post(daemon, first, second)
        self.assertEqual([r["ParticipantTag"] for r in offered], ["LEG-A", "LEG-B"])
        self.assertEqual(offered[0]["TransactionId"], offered[1]["TransactionId"])
        first, second = self.events("answered")
        first["sbc_media"] = media(SBC, 20000)
        second["participant_media"] = media(CALLEE, 30000)
        self.post(daemon, first, second)
        caller = self.hosts.start_caller([("+4930111", "+4940222")])
        self.assertEqual(caller.wait(60), 0, (self.folder / "caller.log").read_text())
        self.post(daemon, *self.events("ended"))
        recordings = {r["participant_tag"]: r for r in daemon.wait_recordings(2)}
        self.assertEqual([recordings[r["ParticipantTag"]]["call_id"] for r in offered],
                         [r["CallId"] for r in offered])
        self.assert_audio(recordings["LEG-A"], SIPP_AUDIO, self.folder / "callee.pcap")
        self.assert_audio(recordings["LEG-B"], self.folder / "callee.pcap", SIPP_AUDIO)
        self.assertEqual(recordings["LEG-A"]["participant"], f"sip:+4930111@{CALLER}")
        self.assertEqual(recordings["LEG-B"]["participant"], f"sip:+4940222@{SBC}")
        self.assertEqual(daemon.get("/v1/status")["sip"]["messages"], 0)
        daemon.account()

    def test_what_is_wrong_is_named(self):
        daemon = self.start()
        bad = {"type": "offered", "sip_call_id": "x", "from_tag": "a", "side": "caller", "from": "sip:a@b",
               "to": "sip:c@d", "participant_media": {"addresses": ["192.0.2.10"]}}
        status, answer = daemon.request("POST", "/v1/sip-events", {"Events": [bad]})
        self.assertEqual(status, 400)
        self.assertIn("Events[0].participant_media.addresses[0]: must be an address with its port", answer["Message"])
        self.assertEqual(daemon.calls(), [])


class ForkTest(SipEventsCase):
    def test_forks_to_an_address_of_the_port(self):
        """The SBC sends copies of the media to the address of legtap's own port: one UDP port for each track."""
        daemon = self.start(ports=[{"device": "net_af_packet0,iface=eth0"}])
        self.hosts.start_callee(1).terminate()  # for its capture
        call = {"sip_call_id": "fork-1", "from_tag": "a", "source": f"{CALLER}:5060", "destination": f"{SBC}:5060"}
        self.post(daemon, {**call, "type": "offered", "from": "sip:+4930111@example.net",
                           "to": "sip:+4940222@example.net", "participant_media": media(PROBE, 40002)})
        self.post(daemon, {**call, "type": "answered", "sbc_media": media(PROBE, 40000)})
        sender = self.hosts.run("sbc", "python3", TOOLS / "fork.py", f"{SIPP_AUDIO}={PROBE}:40000",
                                f"callee.pcap={PROBE}:40002", log="fork.log")
        self.assertEqual(sender.wait(60), 0, (self.folder / "fork.log").read_text())
        time.sleep(0.1)  # what the last packet brought is heard
        self.post(daemon, {**call, "type": "ended"})
        [recording] = daemon.wait_recordings(1)
        self.assert_audio(recording, SIPP_AUDIO, self.folder / "callee.pcap")
        self.assertEqual([t["lost"] for t in recording["tracks"]], [0, 0])
        daemon.account()
