"""Captures made by others: what legtap counts equals what independent readers counted (the README beside
them). Skipped where the folder is not there."""
import re
import unittest

from harness.case import Case
from harness.paths import CAPTURES
from harness.read import Reading

README = CAPTURES / "README.md"
STREAM = re.compile(r"(\S+):(\d+) → (\S+):(\d+) ([0-9a-f]{8}) (.+?) (\d+) p, (\d+)/(\d+)")

G711 = {"g711U", "g711A", "telephone-event", "CN", "CN(old)"}


class Row:
    """One line of the README's table."""

    def __init__(self, line):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        self.name = cells[0]
        self.answered = int(re.search(r"\((\d+)\)", cells[1]).group(1))
        self.streams = {}
        self.codecs = set()
        for found in STREAM.finditer(cells[2].replace("<br>", " ")):
            source, source_port, destination, port, ssrc, codecs, packets, lost, duplicate = found.groups()
            key = f"{source}:{source_port}", f"{destination}:{port}", ssrc
            self.streams[key] = int(packets), int(lost), int(duplicate)
            self.codecs |= set(codecs.split(", "))


def rows():
    if not README.exists():
        return []
    return [Row(line) for line in README.read_text().splitlines() if re.match(r"\| \S+\.pcap", line)]


class CapturesTest(Case):
    offline = True

    def test_captures_are_there(self):
        if not rows():
            raise unittest.SkipTest(f"{CAPTURES} is not there")

    def one(self, row):
        reading = Reading(CAPTURES / row.name, self.folder / "out")
        self.assertIn(reading.status, (0, 1) if row.codecs - G711 else (0,), reading.explain())
        self.assertNothing(p for p in reading.problems() if "is 0" not in p and "no " not in p)
        found = {}
        for recording in reading.recordings:
            for track in recording["tracks"]:
                for s in track["streams"]:
                    key = s["source"], s["destination"], s["ssrc"]
                    found[key] = s["received"], s["lost"], s["duplicate"]
        if row.answered > 0:
            self.assertGreaterEqual(len(reading.recordings), 1 if row.streams else 0, reading.explain())
        self.compare(found, row.streams, reading)
        if row.answered > 0 and not row.codecs - G711:
            self.assertEqual(set(found), set(row.streams), reading.explain())

    def compare(self, found, streams, reading):
        """Equal, but for packets after a call's end: those are counted, and not recorded."""
        missing = 0
        for key, (received, lost, duplicate) in found.items():
            self.assertIn(key, streams, reading.explain())
            missing += streams[key][0] - received
            if received < streams[key][0]:
                self.assertLessEqual((lost, duplicate), streams[key][1:], f"{key}\n{reading.explain()}")
            else:
                self.assertEqual((received, lost, duplicate), streams[key], f"{key}\n{reading.explain()}")
        not_wanted = sum(counters["not_wanted"] for counters in reading.summary()["rx"])
        self.assertLessEqual(missing, not_wanted, reading.explain())


def add_rows():
    for row in rows():
        name = "test_" + re.sub(r"\W", "_", row.name.partition(".pcap")[0])
        setattr(CapturesTest, name, lambda self, row=row: self.one(row))


add_rows()
