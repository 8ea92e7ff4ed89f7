"""legtapd --read of generated captures: every packet's samples stand in the WAV, whatever the network did."""
import filecmp
import itertools
import json
import shutil
import struct
import subprocess

from harness import rtp_counter, wav
from harness.case import Case
from harness.generator import SBC, SBC_IPV6, generate, verify
from harness.read import Reading

COUNTED_MOST = 20  # recordings of a capture that are counted once more, in Python
TRACKS = ("BOTH", "INCOMING", "OUTGOING")
CONFIG = {"sbc": {"addresses": [SBC, SBC_IPV6]}}


class ReadCase(Case):
    offline = True

    def read(self, capture, name="out", *arguments, config=None, status=0):
        reading = Reading(capture, self.folder / name, *arguments, config=config or CONFIG)
        self.assertEqual(reading.status, status, reading.explain())
        return reading

    def check(self, reading, capture, tracks="BOTH"):
        """Every sample, Rule 1, no loss by us, and every thread of the pipeline at work."""
        self.assertNothing(reading.problems(), reading.explain())
        wrong = verify(capture, reading.out, reading.recordings, tracks)
        self.assertFalse(wrong, wrong)
        if len(reading.recordings) <= COUNTED_MOST:
            self.check_counts(reading, capture)

    def check_counts(self, reading, capture):
        """Sidecars against the independent counter."""
        packets = list(rtp_counter.ethernet_datagrams(capture))
        wrong, compared = rtp_counter.differences(reading.recordings, packets, rtp_counter.clocks(capture),
                                                  rtp_counter.byes_of(packets))
        self.assertNothing(wrong, reading.explain())
        self.assertTrue(compared, reading.explain())


class AudioTest(ReadCase):
    """One case for each mishap of the network; each reads one capture three times, once for each choice of tracks."""

    def all_tracks(self, **options):
        capture = generate(self.folder / "calls.pcap", **options)
        for tracks in TRACKS:
            self.check(self.read(capture, tracks, "--record", tracks), capture, tracks)
            shutil.rmtree(self.folder / tracks)


def add_matrix():
    matrix = itertools.product((1, 2), ("pcmu", "pcma", "mixed"), (0, 1, 5), (0, 3), (0, 2))
    for legs, law, loss, reorder, duplicate in matrix:
        options = {"calls": 4, "legs": legs, "seconds": 3, "law": law, "loss": loss, "reorder": reorder,
                   "duplicate": duplicate, "seed": 1 + legs * 1000 + loss * 100 + reorder * 10 + duplicate}
        name = f"test_{legs}_leg_{law}_loss_{loss}_reorder_{reorder}_duplicate_{duplicate}"
        setattr(AudioTest, name, lambda self, options=options: self.all_tracks(**options))


add_matrix()


class CallsTest(ReadCase):
    def one(self, config=None, **options):
        capture = generate(self.folder / "calls.pcap", **{"calls": 4, "legs": 2, "seconds": 3, "seed": 7, **options})
        reading = self.read(capture, config=config)
        self.check(reading, capture)
        return reading

    def test_500_overlapping_calls(self):
        reading = self.one(calls=500, seconds=8, stagger_ms=5, loss=1, reorder=1, duplicate=1, law="mixed")
        self.assertEqual(len(reading.recordings), 1000)

    def moved(self, capture, seconds, kind):
        path = self.folder / f"moved-{seconds}.{kind}"
        subprocess.run(["editcap", "-F", kind, "-t", str(seconds), capture, path], check=True)
        return path

    def test_the_clock_of_a_capture_goes_wrong(self):
        """The same audio at every time that pcap can tell, and no file of what is later."""
        options = {"calls": 1, "legs": 2, "seconds": 2, "seed": 7, "loss": 1}
        capture = generate(self.folder / "calls.pcap", **options)
        begun_s = struct.unpack_from("<I", capture.read_bytes(), 24)[0]
        plain = self.read(capture)
        self.assertTrue(plain.recordings)
        for year, at_s in (("2043", 2305843000), ("2100", 4102444800), ("2106", 2**32 - 20)):
            reading = self.read(self.moved(capture, at_s - begun_s, "nsecpcap"), year)
            self.assertNothing(reading.problems(), reading.explain())
            self.assertEqual(len(reading.recordings), len(plain.recordings), reading.explain())
            for ours, theirs in zip(reading.recordings, plain.recordings, strict=True):
                self.assertTrue(filecmp.cmp(reading.out / ours["file"], plain.out / theirs["file"], shallow=False))
                self.assertEqual(ours["duration_ms"], theirs["duration_ms"])
        reading = self.read(self.moved(capture, 2**32 - begun_s, "pcapng"), "later")
        self.assertEqual(reading.recordings, [])
        self.assertIn("times after 2106-02-07", reading.explain())

    def advice(self, capture, shown, name):
        """What is said of the part of a capture that tshark's filter shows; in the log and in the summary."""
        part = self.folder / f"{name}.pcap"
        subprocess.run(["tshark", "-n", "-r", capture, "-Y", shown, "-F", "pcap", "-w", part], check=True,
                       capture_output=True)
        reading = self.read(part, name)
        said = [line.removeprefix("warning: ") for line in reading.stdout.splitlines() if line.startswith("warning: ")]
        self.assertEqual(len(said), 0 if name == "whole" else 1, reading.explain())
        self.assertTrue(all(line in reading.stderr for line in said), reading.explain())
        return "".join(said)

    def test_why_nothing_came_of_a_capture_is_said(self):
        capture = generate(self.folder / "calls.pcap", calls=2, legs=2, seconds=1, seed=7)
        self.assertEqual(self.advice(capture, "frame", "whole"), "")
        self.assertIn("no SIP found: ", self.advice(capture, "not sip", "audio"))
        self.assertIn("4 of 4 answered calls without media: no RTP to ", self.advice(capture, "sip", "signalling"))
        said = self.advice(capture, 'not sip.Method == "INVITE"', "without-invite")
        self.assertIn("no answered call found in ", said)
        self.assertIn("calls whose INVITE was not seen", said)

    def test_early_media(self):
        self.one(early_media=True)

    def test_late_offer(self):
        self.one(late_offer=True)

    def test_ipv6(self):
        self.one(ipv6=True)

    def test_one_vlan(self):
        self.one(vlan="100")

    def test_two_vlans(self):
        self.one(vlan="100,200")

    def test_jitter(self):
        self.one(jitter_ms=60, loss=1)

    def test_packets_of_10_ms(self):
        self.one(ptime=10)

    def test_packets_of_30_ms(self):
        self.one(ptime=30)

    def test_packets_of_60_ms(self):
        self.one(ptime=60)

    def test_dialog_without_bye_ends_at_its_last_packet(self):
        reading = self.one(no_bye=True)
        self.assertEqual({r["reason"] for r in reading.recordings}, {"capture_end"})

    def test_no_sbc_known_gives_one_leg_per_dialog(self):
        capture = generate(self.folder / "calls.pcap", calls=3, legs=1, seconds=3)
        reading = self.read(capture, config={"site": "elsewhere"})
        self.assertNothing(reading.problems(), reading.explain())
        self.assertEqual(len(reading.recordings), 3)

    def test_legs_of_a_call_are_one_transaction(self):
        reading = self.one()
        by_transaction = {}
        for recording in reading.recordings:
            by_transaction.setdefault(recording["transaction_id"], []).append(recording["participant_tag"])
        self.assertEqual([sorted(tags) for tags in by_transaction.values()], [["LEG-A", "LEG-B"]] * 4)

    def test_srtp_is_named_and_never_played(self):
        capture = generate(self.folder / "calls.pcap", calls=1, legs=1, seconds=2, seed=7, srtp=True)
        reading = self.read(capture, status=1)
        [recording] = reading.recordings
        for track in recording["tracks"]:
            self.assertGreater(track["received"], 0)
            self.assertEqual(track["undecodable"], track["received"])
            self.assertEqual(track["undecodable_codecs"], ["SRTP PCMU"])
            self.assertIn("no key", track["undecodable_reasons"][0])
        for file in (self.folder / "out").rglob("*.wav"):
            for channel in wav.Wav(file).channels:
                self.assertTrue(wav.is_silent(channel))

    def test_sidecar_equals_list(self):
        reading = self.one(loss=2)
        for recording in reading.recordings:
            sidecar = json.loads((reading.out / recording["file"]).with_suffix(".json").read_text())
            self.assertEqual({**sidecar, "state": "delivered"}, recording)


class OutputTest(ReadCase):
    def setUp(self):
        super().setUp()
        self.capture = generate(self.folder / "calls.pcap", calls=20, legs=2, seconds=3, loss=1, law="mixed")

    def test_two_reads_are_byte_identical(self):
        first, second = self.read(self.capture, "first"), self.read(self.capture, "second")
        names = sorted(str(p.relative_to(first.out)) for p in first.out.rglob("*") if p.is_file())
        others = sorted(str(p.relative_to(second.out)) for p in second.out.rglob("*") if p.is_file())
        self.assertEqual(names, others)
        same, different, unreadable = filecmp.cmpfiles(first.out, second.out, names, shallow=False)
        self.assertEqual((different, unreadable), ([], []))
        self.assertEqual(len(same), 40 * 2 + 2)

    def test_folder_that_holds_a_run_is_refused(self):
        self.read(self.capture)
        self.read(self.capture, status=2)

    def test_rules_of_a_configuration_hold(self):
        config = {**CONFIG, "rules": [{"match": {"leg": "LEG-B"}, "Track": "INCOMING"}]}
        reading = self.read(self.capture, config=config)
        self.assertEqual({(r["participant_tag"], r["track"]) for r in reading.recordings}, {("LEG-B", "INCOMING")})
        self.assertEqual(len(reading.recordings), 20)

    def test_ledger_agrees_with_the_recordings(self):
        reading = self.read(self.capture)
        stops = {e["recording_id"]: e for e in reading.ledger if e["type"] == "stop"}
        delivered = {e["recording_id"]: e for e in reading.ledger if e["type"] == "delivered"}
        for recording in reading.recordings:
            self.assertEqual(stops[recording["recording_id"]]["duration_ms"], recording["duration_ms"])
            self.assertEqual(delivered[recording["recording_id"]]["sha256"], recording["sha256"])
        self.assertEqual([e["seq"] for e in reading.ledger], list(range(1, len(reading.ledger) + 1)))


class DamageTest(ReadCase):
    def setUp(self):
        super().setUp()
        self.capture = generate(self.folder / "calls.pcap", calls=4, legs=1, seconds=3)

    def damaged(self, change):
        data = bytearray(self.capture.read_bytes())
        path = self.folder / "damaged.pcap"
        path.write_bytes(change(data))
        reading = self.read(path)
        self.assertIn("warning", (reading.stdout + reading.stderr).lower())
        self.assertEqual(len(reading.recordings), 4, reading.explain())
        return reading

    def test_cut_capture_gives_what_is_whole(self):
        self.damaged(lambda data: data[:-37])

    def test_damaged_record_is_passed_over(self):
        def spoil(data):
            at = 24
            for _ in range(len(data) // 500):
                at += 16 + struct.unpack_from("<I", data, at + 8)[0]
            struct.pack_into("<I", data, at + 8, 0xFFFFFFFF)
            return data
        self.damaged(spoil)

    def test_pcapng_gives_the_same_files(self):
        other = generate(self.folder / "calls.pcapng", calls=4, legs=1, seconds=3, format="pcapng")
        first, second = self.read(self.capture, "pcap"), self.read(other, "pcapng")
        self.assertEqual(first.recordings, second.recordings)
