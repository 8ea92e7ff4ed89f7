"""Recording sessions (SIPREC): SIPp is the recording client, and its media goes to an address of legtap's port."""
import json
import uuid

from harness import wait, wav
from harness.paths import SIPP
from harness.recording_client import Party
from harness.siprec_case import FORK, INCOMING, OUTGOING, PACKETS, SiprecCase

TALK = 160  # packets: what an action needs


class SessionCase(SiprecCase):
    def client(self, scenario, name, transport="u1", packets=PACKETS):
        return self.sipp(SIPP / scenario, name, transport, "-3pcc", FORK, "-key", "first", self.ann, "-key", "second",
                         self.bob, "-key", "packets", packets, "-key", "domain", name,
                         "-key", "near_id", uuid.uuid4().hex, "-key", "far_id", uuid.uuid4().hex)

    @staticmethod
    def participants(name):
        return [Party(n, f"sip:+49{number}@{name}") for n, number in enumerate(("30111", "40222", "50333"), 1)]

    def assert_tracks(self, recording, said, heard, packets=PACKETS):
        file = wav.Wav(self.folder / "delivered" / recording["file"])
        self.assertAlmostEqual(file.duration_ms, recording["duration_ms"], delta=1)
        self.assert_hears(recording, INCOMING, said, packets)
        self.assert_hears(recording, OUTGOING, heard, packets)

    def siprec(self):
        return self.daemon.get("/v1/status")["siprec"]


class SiprecTest(SessionCase):
    def run_session(self, transport):
        before = self.siprec()
        ann, bob, _ = self.participants(transport)
        client = self.client("siprec.xml", transport, transport)
        legs = wait.until(lambda: self.legs(ann, bob), "two legs")
        self.assertEqual({call["participant_tag"] for call in legs}, {"LEG-A", "LEG-B"})
        self.assertEqual(self.siprec()["ports_used"], 2)
        self.finish(client, transport)
        recordings = self.recording_of(ann, bob)
        self.assert_tracks(recordings[0], self.ann, self.bob)
        self.assert_tracks(recordings[1], self.bob, self.ann)
        self.assertEqual({r["reason"] for r in recordings}, {"hangup"})
        self.assertEqual(len({r["transaction_id"] for r in recordings}), 1)
        self.assertEqual(len({r["call_id"] for r in recordings}), 2)
        self.assertEqual(self.assert_at_rest()["accepted"], before["accepted"] + 1)
        ids = {r["recording_id"] for r in recordings}
        self.assertEqual([e["type"] for e in self.daemon.ledger() if e.get("recording_id") in ids].count("delivered"), 2)

    def test_session_over_udp(self):
        self.run_session("u1")

    def test_session_over_tcp(self):
        self.run_session("t1")

    def test_join_hold_and_leave(self):
        """Ann is on hold while Carol joins, then Ann leaves: her recording ends before the others."""
        before = self.siprec()
        self.finish(self.client("siprec_update.xml", "join"), "join")
        ann, bob, carol = self.recording_of(*self.participants("join"))
        self.assert_tracks(carol, self.ann, self.bob)
        self.assert_tracks(bob, self.bob, self.ann)
        self.assertLess(ann["stop"], bob["stop"])
        self.assertLess(bob["start"], carol["start"])
        self.assertEqual(self.assert_at_rest()["updates"], before["updates"] + 2)

    def test_what_is_refused_says_why(self):
        before = self.siprec()
        self.finish(self.sipp(SIPP / "siprec_refused.xml", "refused", "u1"), "refused")
        after = self.assert_at_rest()
        self.assertEqual([after[name] - before[name] for name in ("malformed", "refused", "accepted")], [2, 3, 0])


class StrangerTest(SessionCase):
    changes = {"sbc": {"addresses": ["192.0.2.99"]}}

    def test_only_allowed_addresses(self):
        client = self.client("siprec.xml", "stranger")
        self.assertNotEqual(client.wait(60), 0)
        wait.until(lambda: self.siprec()["refused_address"] >= 1, "a refusal")
        self.assertEqual(self.daemon.calls(), [])


class ShutdownTest(SessionCase):
    def test_shutdown_ends_sessions(self):
        """SIGTERM: the client gets a BYE (which its scenario does not expect), the recordings are whole."""
        client = self.client("siprec.xml", "shutdown", packets=TALK)
        wait.until(lambda: self.daemon.recorded_packets() > 50, "recorded packets")
        self.assertEqual(self.daemon.terminate(), 0)
        self.assertNotEqual(client.wait(60), 0)
        lines = (self.folder / "ledger" / "recordings.jsonl").read_text().splitlines()
        recordings = [json.loads(line) for line in lines]
        ann, bob, _ = self.participants("shutdown")
        self.assertEqual({(r["participant"], r["reason"]) for r in recordings if r["state"] == "delivered"},
                         {(ann.aor, "shutdown"), (bob.aor, "shutdown")})
