"""The service's use cases 1 to 3 (case 4: application_test.py) with SIPp's calls on a mirror: the audio of every file,
who is on which channel and from when to when, keys, events, and the ledger against the SIP that was on the wire."""
import re
from datetime import datetime, timezone

from application_test import Stream
from harness import capture, signalling, wait, wav
from harness.case import Case
from harness.daemon import Legtapd, configuration
from harness.hosts import CALLEE, CALLER, SBC, SECOND, SECOND_NUMBER, Hosts
from harness.mirror import MirrorCapture
from harness.paths import SIPP_AUDIO
from harness.schemas import problems_of
from harness.signalling import sound

INCOMING, OUTGOING = 0, 1
RATE = 8000
PACKET_MS = 30  # the caller's packet time; that of the others is 20
PACKET = PACKET_MS * RATE // 1000
CALLER_SSRC, CALLEE_SSRC, SECOND_SSRC = 0xDEE0EE8F, 0x1E67AB1E, 0x5EC07D
NUMBER = "+4930111"
ACCOUNTS = [{"id": "berlin", "match": {"caller": "+4930*"}, "rate_per_minute": "0.6", "currency": "EUR"}]


class UseCase(Case):
    def setUp(self):
        super().setUp()
        self.hosts = self.enterContext(Hosts(self.folder))
        self.pcap = self.folder / "mirror.pcap"

    def run_call(self, called, rules, start_callees):
        """Lets one call run while legtapd and a capture of the same mirror see it; returns when all is delivered:
        the recordings by leg's called number."""
        self.daemon = self.enterContext(Legtapd(self.hosts, self.folder, configuration(
            self.folder, rules=rules, accounts=ACCOUNTS)))
        self.stream = Stream(self.daemon.socket)
        seen = MirrorCapture(self.hosts, self.pcap)
        self.hosts.start_sbc()
        start_callees()
        caller = self.hosts.start_caller([(NUMBER, called)])
        self.assertEqual(caller.wait(60), 0, (self.folder / "caller.log").read_text())
        started = len(self.stream.wait(lambda e: e["EventType"] == "recording_started", "recording_started"))
        self.recordings = self.daemon.wait_recordings(started)
        wait.until(lambda: self.stream.types().count("recording_delivered") == started, "events of all deliveries")
        seen.stop()
        self.dialogs = signalling.dialogs(self.pcap)
        self.daemon.account()

    # --- what must hold in every case ---

    def check(self, recording):
        """Times, key, file's length, and usage of one recording against the SIP of its leg."""
        dialog = self.dialogs[recording["sip_call_id"]]
        self.assertAlmostEqual(recording["duration_ms"], dialog.duration_ms, delta=PACKET_MS)
        self.assertAlmostEqual(self.seconds(recording["start"]), dialog.answer_s, delta=PACKET_MS / 1000)
        self.assertEqual((recording["reason"], recording["account"]), ("hangup", "berlin"))
        self.check_key(recording, dialog)
        file = self.file(recording)
        self.assertEqual((file.frames, file.rate), (round(recording["duration_ms"] * RATE / 1000), RATE))
        usage = {e["type"]: e for e in self.daemon.ledger() if e.get("recording_id") == recording["recording_id"]}
        self.assertEqual(sorted(usage), ["delivered", "start", "stop"])
        self.assertEqual((usage["stop"]["duration_ms"], usage["stop"]["reason"]), (recording["duration_ms"], "hangup"))
        self.assertEqual(usage["start"]["account"], "berlin")

    def check_key(self, recording, dialog):
        found = re.fullmatch(
            r"recordings/Amazon-Chime-SMA-Call-Recordings/(\d{4}/\d\d/\d\d)/(\d{4}-\d\d-\d\d)-(\d\d-\d\d-\d\d-\d{3})_"
            rf"{recording['transaction_id']}_{recording['call_id']}\.wav", recording["file"])
        self.assertTrue(found, recording["file"])
        self.assertEqual(found[1], found[2].replace("-", "/"))
        begin = datetime.strptime(f"{found[2]} {found[3]}", "%Y-%m-%d %H-%M-%S-%f").replace(tzinfo=timezone.utc)
        self.assertAlmostEqual(begin.timestamp(), dialog.invite_s, delta=PACKET_MS / 1000)

    @staticmethod
    def seconds(text):
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()

    def file(self, recording):
        return wav.Wav(self.folder / "delivered" / recording["file"])

    def check_channel(self, recording, channel, voices, digits_s):
        """A channel holds these voices, (sound, SSRC, source, destination), when they were on the wire, and silence
        besides; the caller's digits come after all voices and are another test's."""
        samples = self.file(recording).channels[channel]
        answer_s = self.dialogs[recording["sip_call_id"]].answer_s
        at = 0
        for voice, ssrc, source, destination in voices:
            begin_s = signalling.voice_begin_s(self.pcap, ssrc, source, destination) - answer_s
            skip = self.before_answer(begin_s)
            found = wav.find(samples, voice[skip:], at) - skip
            self.assertGreaterEqual(found, at - skip, f"SSRC {ssrc:x} is not on channel {channel}")
            self.assertAlmostEqual(found / RATE * 1000, begin_s * 1000, delta=PACKET_MS)
            self.assertTrue(wav.is_silent(samples[at:max(found, at)]), f"something before SSRC {ssrc:x}")
            at = found + len(voice)
        end = len(samples) if digits_s is None else int((digits_s - answer_s) * RATE) - PACKET
        self.assertGreater(end, at)
        self.assertTrue(wav.is_silent(samples[at:end]), "something after the last voice")

    @staticmethod
    def before_answer(begin_s):
        """How many samples of a voice may lie before the answer that it follows at once: where its first packet came
        late, its time by the others is earlier."""
        return PACKET + int(max(0, -begin_s) * RATE)

    def check_events(self, expected):
        """expected: the invocations. Each recording's own events come in the order of its life, its start after its
        leg's INVITE, its stop after its leg's end (with others' between: the ledger's disk is not waited for)."""
        events = [e for e in list(self.stream.events) if e["EventType"] != "ledger_head"]
        for event in events:
            self.assertNothing(problems_of("event", event), event)
        names = [self.name(e) for e in events]
        self.assertEqual([n for e, n in zip(events, names) if e["EventType"] == "invocation"], expected)
        of_recordings = {n for e, n in zip(events, names) if e["EventType"] != "invocation"}
        for recording in self.recordings:
            leg = list(self.dialogs).index(recording["sip_call_id"]) + 1
            life = [f"{word} {leg}" for word in ("started", "stopped", "rendered", "delivered")]
            self.assertEqual([n for n in names if n in life], life)
            self.assertGreater(names.index(f"stopped {leg}"), names.index(f"HANGUP {leg}"))
            of_recordings -= set(life)
        self.assertFalse(of_recordings, "events of nothing that was recorded")

    def name(self, event):
        """"HANGUP 2": an event, and which leg it is of, by the order of their INVITEs."""
        if event["EventType"] == "invocation":
            kind = event["InvocationEventType"]
            call_id = event.get("ActionData", {}).get("Parameters", {}).get("CallId")
            if not call_id:
                return kind
            order = [p["CallId"] for p in event["CallDetails"]["Participants"]]
            return f"{kind} {order.index(call_id) + 1}"
        order = [d.sip_call_id for d in self.dialogs.values()]
        by_call_id = {r["call_id"]: r["sip_call_id"] for r in self.recordings}
        number = order.index(by_call_id[event["call_id"]]) + 1 if event.get("call_id") in by_call_id else "?"
        return f"{event['EventType'].removeprefix('recording_')} {number}"

    def check_bill(self):
        """Three recordings, three usages: the bill has a line for each, and nothing else."""
        status, bill, stderr = self.daemon.ctl("billing", "--account", "berlin")
        self.assertEqual(status, 0, stderr)
        self.assertEqual({line["call_id"]: line["duration_ms"] for line in bill["lines"]},
                         {r["call_id"]: r["duration_ms"] for r in self.recordings})
        self.assertEqual(len(bill["lines"]), len(self.recordings))

    def digits_s(self, source, destination):
        return signalling.first_digit_s(self.pcap, source, destination)


class OneLegTest(UseCase):
    """Use case 1, its digits apart."""

    def test_caller_and_prompt(self):
        self.run_call("ivr1", [{"match": {"called": "ivr*"}, "Track": "BOTH"}], lambda: None)
        [recording] = self.recordings
        self.check(recording)
        self.check_channel(recording, INCOMING, [(sound(SIPP_AUDIO), CALLER_SSRC, CALLER, SBC)],
                           self.digits_s(CALLER, SBC))
        self.check_prompt(recording)
        self.check_events(["NEW_INBOUND_CALL", "HANGUP 1"])
        self.check_bill()

    def check_prompt(self, recording):
        """All that the application played, from its first packet to its last, and silence around."""
        packets = [p for p in capture.rtp_packets(self.pcap) if p.source[0] == SBC]
        played = wav.decode(packets[0].payload_type, b"".join(p.payload for p in packets))
        answer_s = self.dialogs[recording["sip_call_id"]].answer_s
        samples = self.file(recording).channels[OUTGOING]
        kept = played[:-RATE // 10]  # what lies behind the BYE is cut
        begin_s = signalling.voice_begin_s(self.pcap, packets[0].ssrc) - answer_s
        skip = self.before_answer(begin_s)
        found = wav.find(samples, kept[skip:]) - skip
        self.assertAlmostEqual(found / RATE, begin_s, delta=PACKET_MS / 1000)
        self.assertTrue(wav.is_silent(samples[:max(found, 0)]))
        self.assertLess(len(samples) - (found + len(kept)), RATE // 5, "the prompt goes on to the end")


class OneParticipantTest(UseCase):
    """Use case 2."""

    def test_called_party_alone(self):
        rules = [{"match": {"leg": "LEG-B"}, "Track": "INCOMING"}]
        self.run_call("+4940222", rules, lambda: self.hosts.start_callee(1))
        [recording] = self.recordings
        self.assertEqual((recording["participant_tag"], recording["track"]), ("LEG-B", "INCOMING"))
        self.check(recording)
        self.assertEqual(self.file(recording).channel_count, 1)
        self.check_channel(recording, 0, [(sound(self.folder / "callee.pcap"), CALLEE_SSRC, CALLEE, SBC)], None)
        self.check_events(["NEW_INBOUND_CALL", "RINGING", "RINGING", "CALL_ANSWERED", "HANGUP 1", "HANGUP 2"])
        self.check_bill()


class SeveralLegsTest(UseCase):
    """Use case 3: a caller talks to a first participant, and, after that one hung up, to a second."""

    def test_two_participants_after_each_other(self):
        self.run_call(f"+4940222~{SECOND_NUMBER}", [{"Track": "BOTH"}], lambda: self.hosts.start_participants(2.5))
        order = list(self.dialogs)
        self.assertEqual(len(self.recordings), 3)
        first, second, third = sorted(self.recordings, key=lambda r: order.index(r["sip_call_id"]))
        self.assertEqual([r["participant_tag"] for r in (first, second, third)], ["LEG-A", "LEG-B", "LEG-B"])
        self.assertEqual(len({r["transaction_id"] for r in self.recordings}), 1)
        for recording in self.recordings:
            self.check(recording)
        self.assertGreaterEqual(self.seconds(third["start"]), self.seconds(second["stop"]))
        self.check_voices(first, second, third)
        self.check_events(["NEW_INBOUND_CALL", "RINGING", "RINGING", "CALL_ANSWERED", "HANGUP 2",
                           "RINGING", "CALL_ANSWERED", "HANGUP 1", "HANGUP 3"])
        self.check_bill()

    def check_voices(self, first, second, third):
        """The caller's file spans both conversations; of the caller the others hold what was said in theirs."""
        callee, other = sound(self.folder / "callee.pcap"), sound(self.folder / "second" / "callee.pcap")
        caller = sound(SIPP_AUDIO)
        self.check_channel(first, INCOMING, [(caller, CALLER_SSRC, CALLER, SBC)], self.digits_s(CALLER, SBC))
        self.check_channel(first, OUTGOING, [(callee, CALLEE_SSRC, SBC, CALLER), (other, SECOND_SSRC, SBC, CALLER)],
                           None)
        self.check_channel(second, INCOMING, [(callee, CALLEE_SSRC, CALLEE, SBC)], None)
        self.check_channel(third, INCOMING, [(other, SECOND_SSRC, SECOND, SBC)], None)
        for recording, host in ((second, CALLEE), (third, SECOND)):
            self.check_part_of_caller(recording, caller, host)

    def check_part_of_caller(self, recording, caller, host):
        """The packets that went to this participant, in its file: those and no more of the caller's voice."""
        packets = [p for p in capture.rtp_packets(self.pcap) if (p.source[0], p.destination[0]) == (SBC, host)
                   and p.ssrc == CALLER_SSRC]
        said = wav.decode(packets[0].payload_type, b"".join(p.payload for p in packets))
        self.assertGreaterEqual(wav.find(caller, said), 0)
        samples = self.file(recording).channels[OUTGOING]
        margin = RATE // 2  # what lies outside of answer and BYE is cut, and SIPp may send late
        self.assertGreaterEqual(wav.find(samples, said[margin:-margin]), 0)
