"""legtapd --read of captures whose packets are not in the order of their times, or not all there: what Wireshark's tools
make of one capture is read as that capture."""
import subprocess

from encapsulation_test import EncapsulatedCase, is_sip, packets, write

YEAR_US = 365 * 86400 * 1000000


def tool(*command):
    subprocess.run(list(map(str, command)), check=True, capture_output=True)


class OrderTest(EncapsulatedCase):
    def same_as_plain(self, plain, capture, name):
        reading = self.read(capture, name)
        self.same(reading, plain)
        self.assertNotIn("warning: capture", reading.stderr)

    def halves(self, source):
        """The two directions, each a capture of its own."""
        paths = []
        for name, ours in (("from.pcap", True), ("to.pcap", False)):
            frames = [(t, f) for t, f in packets(source) if (f[26:30] == bytes((10, 0, 0, 1))) is ours]
            self.assertTrue(frames)
            paths.append(write(self.folder / name, frames, source))
        return paths

    def test_captures_put_one_behind_another(self):
        plain, source = self.plain(), self.folder / "plain.pcap"
        one, other = self.halves(source)
        for number, (order, kind) in enumerate([((one, other), "pcap"), ((other, one), "pcapng")]):
            capture = self.folder / f"appended.{kind}"
            tool("mergecap", "-a", "-F", kind, "-w", capture, *order)
            self.same_as_plain(plain, capture, f"appended-{number}")

    def test_a_capture_read_from_behind(self):
        plain, source = self.plain(), self.folder / "plain.pcap"
        capture = write(self.folder / "reversed.pcap", reversed(list(packets(source))), source)
        self.same_as_plain(plain, capture, "reversed")

    def test_one_packet_of_a_wrong_year(self):
        """It is lost, and nothing else: no year of silence is written."""
        plain, source = self.plain(loss=0), self.folder / "plain.pcap"
        frames = list(packets(source))
        wrong = next(i for i in range(len(frames) // 2, len(frames)) if not is_sip(frames[i][1]))
        for name, years in (("before", -1), ("after", 1)):
            moved = [(t + years * YEAR_US * (i == wrong), f) for i, (t, f) in enumerate(frames)]
            reading = self.read(write(self.folder / f"{name}.pcap", moved, source), name)
            self.assertEqual([r["duration_ms"] for r in reading.recordings],
                             [r["duration_ms"] for r in plain.recordings], reading.explain())
            self.assertEqual(sum(t["lost"] for r in reading.recordings for t in r["tracks"]), 1, reading.explain())

    def test_packets_in_part_are_told_of(self):
        self.plain()
        capture = self.folder / "cut.pcapng"
        tool("editcap", "-s", "100", self.folder / "plain.pcap", capture)
        reading = self.read(capture, "cut")
        self.assertIn("were captured in part: capture whole ones", reading.stderr)
