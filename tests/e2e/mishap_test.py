"""legtapd --read of what networks and senders do to RTP: each case makes a stream whose every packet has a known time of
sending, does one mishap to it, and expects each packet that arrives at the sample where it was sent, silence where none did,
and the independent counter's counts in the sidecar."""
import random
import struct
import tempfile
from pathlib import Path

from harness import dressing, rtp_audio, rtp_counter, wav
from harness.case import Case
from harness.read import Reading

PARTICIPANT, SBC = "192.0.2.1:4000", "192.0.2.2:6000"
PARTICIPANT_RTCP, SBC_RTCP = "192.0.2.1:4001", "192.0.2.2:6001"
BEGIN_US = 1700000000 * 1000000
PCMU, PCMA, CN = 0, 8, 13
MARKER = 0x80
LATE_US = 200000  # docs/formats.md: later than this after its place is `late`
NTP_ERA_S = 2208988800


class Sender:
    """A sender of G.711 noise. `sent`: (place in µs, payload type, payload) of each packet that arrives and is no copy."""

    def __init__(self, ssrc=0x5EED, sequence=65500, timestamp=0xFFFFF000, seed=1):
        self.ssrc, self.sequence, self.timestamp = ssrc, sequence, timestamp
        self.random = random.Random(seed)
        self.now_us = BEGIN_US
        self.arrivals = []  # (time in µs, source, destination, datagram)
        self.sent = []
        self.late = 0

    def packet(self, payload_type=PCMU, samples=160, delay_us=0, lost=False, copies=1, marker=False, before=b"", first=0x80,
               padding=b""):
        """One packet. before: what stands between header and payload."""
        payload = bytes(self.random.randrange(256) for _ in range(samples))
        data = struct.pack(">BBHII", first, payload_type | (MARKER if marker else 0), self.sequence & 0xFFFF,
                           self.timestamp & 0xFFFFFFFF, self.ssrc) + before + payload + padding
        if not lost:
            self.sent.append((self.now_us, payload_type, payload))
            self.late += delay_us > LATE_US
            for copy in range(copies):
                self.arrive(data, delay_us + 300 * copy)
        self.sequence += 1
        self.silence(samples)

    def silence(self, samples):
        """Time passes, and so does the RTP clock."""
        self.timestamp += samples
        self.now_us += samples * 125

    def arrive(self, data, delay_us=0, source=PARTICIPANT, destination=SBC):
        self.arrivals.append((self.now_us + delay_us, source, destination, data))


def control(kind, count, body):
    """An RTCP packet (RFC 3550, 6)."""
    return struct.pack(">BBH", 0x80 | count, kind, len(body) // 4) + body


def sender_report(sender, at_us, timestamp, ssrc=None):
    seconds, micros = divmod(at_us, 1000000)
    return control(200, 0, struct.pack(">IIIIII", ssrc or sender.ssrc, seconds + NTP_ERA_S, (micros << 32) // 1000000,
                                       timestamp & 0xFFFFFFFF, 0, 0))


def description(ssrc, name):
    if not name:
        return b""
    text = bytes((1, len(name))) + name
    return control(202, 1, struct.pack(">I", ssrc) + text + bytes(4 - len(text) % 4))


def goodbye(ssrc):
    return control(203, 1, struct.pack(">I", ssrc))


class MishapCase(Case):
    offline = True

    def read(self, sender, rtpmaps=None):
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        self.capture = folder / "calls.pcap"
        arrivals = sorted(sender.arrivals, key=lambda a: a[0])
        control_ends = {PARTICIPANT_RTCP, SBC_RTCP}
        dressing.dress(self.capture, [a for a in arrivals if a[1] not in control_ends], rtpmaps=rtpmaps)
        if any(a[1] in control_ends for a in arrivals):
            frames = list(rtp_counter.frames(self.capture))
            frames += [(a[0], dressing.frame(*a[1:])) for a in arrivals if a[1] in control_ends]
            dressing.write_pcap(self.capture, sorted(frames, key=lambda f: f[0]))
        reading = Reading(self.capture, folder / "out")
        self.assertEqual(reading.status, 0, reading.explain())
        [self.recording] = reading.recordings
        [self.track] = [t for t in self.recording["tracks"] if t["streams"]]
        self.channel = wav.Wav(reading.out / self.recording["file"]).channels[self.track["track"] == "OUTGOING"]
        self.reading = reading
        return reading

    def check_counts(self, sender):
        packets = list(rtp_counter.ethernet_datagrams(self.capture))
        wrong, compared = rtp_counter.differences([self.recording], packets, rtp_counter.clocks(self.capture),
                                                  rtp_counter.byes_of(packets))
        self.assertNothing(wrong, self.reading.explain())
        self.assertTrue(compared)
        self.assertEqual(self.track["late"], sender.late)
        received = {}
        for item in [c for s in self.track["streams"] for c in s["codecs"]]:
            received[item["payload_type"]] = received.get(item["payload_type"], 0) + item["received"]
        arrived = [a[3][1] & 0x7F for a in sender.arrivals if rtp_counter.is_rtp(a[3])]
        self.assertEqual(received, {t: arrived.count(t) for t in set(arrived)})

    def place(self, at_us):
        return round((at_us - rtp_audio.start_us(self.recording)) * 8 / 1000)

    def check_audio(self, sender, slack=0):
        """Each packet at its place, give or take `slack` samples, the same for all; and silence everywhere else."""
        shift = self.shift_of(sender, slack)
        rest = list(self.channel)
        for at_us, payload_type, payload in sender.sent:
            at = self.place(at_us) + shift
            wanted = wav.decode(payload_type, payload) if payload_type != CN else [0] * len(payload)
            got = self.channel[max(at, 0):at + len(payload)]
            self.assertTrue(list(got) == list(wanted)[max(-at, 0):][:len(got)], f"the packet sent at {at_us - BEGIN_US} µs")
            rest[max(at, 0):at + len(payload)] = [0] * len(got)
        self.assertFalse(any(rest), "there is sound where none was sent")

    def shift_of(self, sender, slack):
        at_us, payload_type, payload = next(s for s in sender.sent if s[1] != CN and self.place(s[0]) >= slack)
        at = self.place(at_us)
        found = wav.find(self.channel, wav.decode(payload_type, payload), max(at - slack, 0))
        self.assertLessEqual(abs(found - at), slack, self.reading.explain())
        return found - at

    def check(self, sender, slack=0, streams=1, rtpmaps=None):
        self.read(sender, rtpmaps)
        self.check_audio(sender, slack)
        self.check_counts(sender)
        self.assertEqual(len(self.track["streams"]), streams)


class MishapTest(MishapCase):
    def test_sequence_and_timestamp_wrap(self):
        sender = Sender()
        for _ in range(100):
            sender.packet()
        self.check(sender)

    def test_csrcs_extension_and_padding(self):
        sender = Sender()
        for number in range(60):
            sender.packet(first=0x80 | 0x20 | 0x10 | 3, padding=b"\1\2\3\4" [:3] + b"\4",
                          before=struct.pack(">III", 1, 2, 3) + struct.pack(">HHI", 0xBEDE, 1, number))
        self.check(sender)

    def test_talk_spurts_and_markers(self):
        sender = Sender()
        for spurt in range(4):
            for number in range(25):
                sender.packet(marker=number == 0)
            sender.silence(8000 * (spurt + 1) // 4 + 40)
        self.check(sender)
        self.assertEqual(len(self.track["gaps"]), 3)

    def test_comfort_noise(self):
        sender = Sender()
        for _ in range(3):
            for _ in range(20):
                sender.packet()
            sender.packet(payload_type=CN, samples=1)
            sender.silence(1599)
        self.check(sender)

    def test_packets_of_10_to_60_ms_that_change(self):
        sender = Sender()
        for ms in (10, 20, 30, 40, 50, 60, 20, 10, 60):
            for _ in range(300 // ms):
                sender.packet(samples=8 * ms, delay_us=1000 * ms)  # a packet leaves when its last sample is there
        self.check(sender, slack=80)

    def test_payload_type_changes_in_mid_stream(self):
        sender = Sender()
        for number in range(120):
            sender.packet(payload_type=(PCMU, PCMA)[number // 40 % 2])
        self.check(sender)
        [stream] = self.track["streams"]
        self.assertEqual([(c["payload_type"], c["codec"], c["received"]) for c in stream["codecs"]],
                         [(PCMU, "PCMU", 80), (PCMA, "PCMA", 40)])
        [ulaw, alaw] = stream["codecs"]
        self.assertEqual((alaw["first_ms"] - ulaw["first_ms"], alaw["last_ms"] - alaw["first_ms"]), (800, 780))

    def test_a_new_ssrc(self):
        sender = Sender()
        for ssrc in (1, 2, 3):
            sender.ssrc, sender.sequence, sender.timestamp = ssrc, 777 * ssrc, 0x12345678 * ssrc
            for _ in range(40):
                sender.packet()
        self.check(sender, streams=3)
        self.assertEqual([s["ssrc"] for s in self.track["streams"]], ["00000001", "00000002", "00000003"])

    def test_timestamps_jump_ahead_and_back(self):
        sender = Sender()
        for step in (1000000, -3000000, 50000, -9000):
            for _ in range(40):
                sender.packet()
            sender.timestamp += step
        for _ in range(40):
            sender.packet()
        self.check(sender)

    def test_the_sequence_begins_anew(self):
        sender = Sender(sequence=30000)
        for _ in range(50):
            sender.packet()
        sender.sequence, sender.timestamp = 10, 5
        for _ in range(50):
            sender.packet()
        self.check(sender, streams=2)

    def test_jitter_of_500_ms(self):
        sender = Sender()
        for number in range(250):
            sender.packet(delay_us=0 if number % 40 == 7 else sender.random.randrange(500000))
        self.check(sender)
        [stream] = self.track["streams"]
        self.assertGreater(self.track["late"], 100)
        self.assertGreater(self.track["reordered"], 100)
        self.assertEqual((stream["lost"], stream["samples_added"], stream["samples_removed"]), (0, 0, 0))

    def test_bursts_of_loss(self):
        sender = Sender()
        for number in range(300):
            sender.packet(lost=number % 100 in range(50, 50 + 10 * (number // 100 + 1)))
        self.check(sender)
        self.assertEqual(self.track["lost"], 60)
        self.assertEqual([g["end_ms"] - g["start_ms"] for g in self.track["gaps"]], [200, 400, 600])

    def test_late_packets_and_copies(self):
        sender = Sender()
        for number in range(200):
            sender.packet(delay_us=700000 if number % 50 == 20 else 0, copies=1 + (number % 25 == 3))
        self.check(sender)
        self.assertEqual((self.track["late"], self.track["reordered"], self.track["duplicate"]), (4, 4, 8))

    def test_rtcp_beside_and_among_the_media_is_harmless(self):
        """Reports that lie, descriptions, and goodbyes while the stream goes on."""
        sender = Sender(ssrc=0xABCD)
        for number in range(150):
            sender.packet()
            if number % 10 == 5:
                report = sender_report(sender, sender.random.randrange(1 << 44), sender.random.randrange(1 << 32))
                compound = report + description(sender.ssrc, b"somebody@192.0.2.1") + goodbye(sender.ssrc)
                sender.arrive(compound)
                sender.arrive(compound, source=PARTICIPANT_RTCP, destination=SBC_RTCP)
        self.check(sender)
        self.assertEqual(self.track["received"], 150)
        self.assertEqual(sum(rx["rtcp_recorded"] for rx in self.reading.summary()["rx"]), 30)
        self.assertEqual(len(rtp_counter.tshark(self.capture, "-d", "udp.port==6001,rtcp", "-Y", "rtcp.pt == 203")), 30)

    def reported(self, ports, name, lie_us=0, second_ssrc=0x2222, heavy_us=120000):
        """Twelve seconds on an idle network; then the sender begins anew, and for 1.5 s all its packets wait for 120 ms. Its
        reports every 2 s; lie_us: how wrong the later ones are."""
        sender = Sender(ssrc=0x1111)

        def report(extra_us):
            sender.arrive(sender_report(sender, sender.now_us - 3600000000 + extra_us, sender.timestamp)
                          + description(sender.ssrc, name), 900, *ports)
        for number in range(600):
            sender.packet()
            if number % 100 == 50:
                report(0)
        sender.ssrc, sender.sequence, sender.timestamp = second_ssrc, 4000, 0x40000000
        for number in range(300):
            sender.packet(delay_us=heavy_us if number < 75 else 0)
            if number % 100 == 90:
                report(lie_us)
        return sender

    def test_sender_reports_tell_where_a_new_ssrc_stands(self):
        for ports in ((PARTICIPANT, SBC), (PARTICIPANT_RTCP, SBC_RTCP)):  # RFC 5761; RFC 3550
            sender = self.reported(ports, b"somebody@192.0.2.1")
            self.check(sender, slack=8, streams=2)
            self.assertEqual([s["sender_reports"] for s in self.track["streams"]], [6, 3])
            self.assertAlmostEqual(self.track["streams"][1]["anchor_moved_ms"], 120, delta=1)

    def test_sender_reports_tell_where_jumped_timestamps_stand(self):
        sender = self.reported((PARTICIPANT, SBC), b"", second_ssrc=0x1111)
        self.check(sender, slack=8, streams=2)

    def unmoved(self, sender):
        """What the reports say is not believed: the second stream stands 120 ms late, as its first second arrived."""
        self.read(sender)
        for stream in self.track["streams"]:
            self.assertNotIn("anchor_moved_ms", stream)
        at_us, _, payload = sender.sent[-20]
        self.assertEqual(wav.find(self.channel, wav.decode(PCMU, payload)), self.place(at_us + 120000))

    def test_sender_reports_that_lie_are_not_believed(self):
        for name, lie_us in ((b"x@y", 3000000), (b"x@y", 130000), (b"x@y", -500000)):
            self.unmoved(self.reported((PARTICIPANT, SBC), name, lie_us))

    def test_sender_reports_without_a_name_are_of_nobody(self):
        self.unmoved(self.reported((PARTICIPANT, SBC), b""))
