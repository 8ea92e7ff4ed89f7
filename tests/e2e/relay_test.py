"""A proxy with a media relay (kamailio, rtpengine): both legs have one SIP Call-ID, and each is recorded by itself."""
from harness import wait, wav
from harness.case import Case
from harness.daemon import Legtapd, configuration
from harness.hosts import CALLEE, CALLER, SBC, Hosts
from harness.paths import SIPP_AUDIO
from harness.signalling import sound

NUMBERS = [("+4930111", "+4940222")]


class RelayTest(Case):
    def setUp(self):
        super().setUp()
        self.hosts = self.enterContext(Hosts(self.folder))

    def start(self, **changes):
        self.daemon = self.enterContext(Legtapd(self.hosts, self.folder, configuration(self.folder, **changes)))
        self.hosts.start_relaying_proxy()
        self.hosts.start_callee(1)
        return self.hosts.start_caller(NUMBERS)

    def finish(self, caller):
        self.assertEqual(caller.wait(60), 0, (self.folder / "caller.log").read_text())

    def answered(self):
        def found():
            legs = {c["participant_tag"]: c for c in self.daemon.calls() if c["state"] == "answered"}
            return legs if len(legs) == 2 else None
        return wait.until(found, "two answered legs")

    def test_two_legs_of_one_call_id(self):
        self.finish(self.start())
        first, second = sorted(self.daemon.wait_recordings(2), key=lambda r: r["participant_tag"])
        self.assertEqual((first["participant_tag"], second["participant_tag"]), ("LEG-A", "LEG-B"))
        self.assertEqual(first["sip_call_id"], second["sip_call_id"])
        self.assertEqual(first["transaction_id"], second["transaction_id"])
        self.assertNotEqual(first["call_id"], second["call_id"])
        caller, callee = sound(SIPP_AUDIO), sound(self.folder / "callee.pcap")
        for recording, voices, host in ((first, (caller, callee), CALLER), (second, (callee, caller), CALLEE)):
            self.check_voices(recording, voices)
            self.check_ends(recording, host)
        self.assertEqual([e["type"] for e in self.daemon.ledger()].count("delivered"), 2)
        self.daemon.account()

    def check_voices(self, recording, voices):
        file = wav.Wav(self.folder / "delivered" / recording["file"])
        for channel, voice in enumerate(voices):
            middle = voice[240:-1600]  # what lies outside of answer and BYE is cut
            self.assertGreaterEqual(wav.find(file.channels[channel], middle), 0,
                                    f"{recording['participant_tag']}, channel {channel}")

    def check_ends(self, recording, host):
        """The streams of a leg are those between the SBC and this participant, and no others."""
        for track in recording["tracks"]:
            ends = (host, SBC) if track["track"] == "INCOMING" else (SBC, host)
            for stream in track["streams"]:
                seen = tuple(stream[end].split(":")[0] for end in ("source", "destination"))
                self.assertEqual(seen, ends, stream)

    def test_the_shared_call_id_names_no_leg(self):
        caller = self.start(rules=[])
        legs = self.answered()
        shared = legs["LEG-A"]["sip_call_id"]
        self.assertEqual(legs["LEG-B"]["sip_call_id"], shared)
        for kind, more in (("StartCallRecording", {"Track": "BOTH", "Destination": {
                "Type": "S3", "Location": "recordings"}}), ("StopCallRecording", {}), ("PauseCallRecording", {})):
            [event] = self.daemon.actions({"Type": kind, "Parameters": {"CallId": shared, **more}})
            self.assertEqual(event["InvocationEventType"], "ACTION_FAILED")
            data = event["ActionData"]
            self.assertEqual(data["ErrorType"], "InvalidActionParameter")
            self.assertEqual(data["Error"], f"InvalidActionParameter: {data['ErrorMessage']}")
            for leg in legs.values():
                self.assertIn(leg["call_id"], data["ErrorMessage"])
        self.assertEqual(self.daemon.recordings(), [])
        for tag in ("LEG-A", "LEG-B"):  # but each leg by its own id, and by its tag
            self.assertEqual(self.daemon.ctl("start", legs[tag]["call_id"])[0], 0)
            self.assertEqual(self.daemon.ctl("stop", tag, "--transaction", legs[tag]["transaction_id"])[0], 0)
        self.finish(caller)
        self.assertEqual(sorted(r["participant_tag"] for r in self.daemon.wait_recordings(2)), ["LEG-A", "LEG-B"])
        self.daemon.account()
