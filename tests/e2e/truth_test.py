"""What sidecars say of each stream equals what an independent counter counts (tests/harness/rtp_counter.py, from
RFC 3550 and tshark's raw payloads), and what tshark's own analysis says, for every capture that others made: those of
the shared folder and those in Debian's packages. Where tshark differs, TSHARK_DIFFERS says by name why."""
import re
import unittest

from harness import dressing, rtp_counter
from harness.case import Case
from harness.paths import CAPTURES, SIPP_AUDIO
from harness.read import Reading

MOST_APART_MS = 0.011  # sidecars have two decimals, and arrivals in whole microseconds
TSHARK_APART_MS = 0.012  # three decimals

COMFORT_NOISE = "tshark leaves comfort noise (types 13 and 19) out of the jitter; RFC 3550 counts each packet"
EVENTS = "tshark counts telephone-events, whose timestamps stand still, in the jitter; legtap leaves them out"
COPIES = "tshark takes a copy for a packet received: lost comes out one less, and copies are not in its jitter"
# What tshark's analysis has different: (capture, SSRC) or (capture, any): the members, and why.
TSHARK_DIFFERS = {
    ("cisco_dtmf_relay_noasymm", None): ({"jitter"}, EVENTS),
    ("cisco_dtmf_relay_sip_rfc4733", "33af2ecd"): ({"jitter"}, EVENTS),
    ("cisco_sip_dtmf_raw_inband", None): ({"jitter"}, COMFORT_NOISE),
    ("cisco_sip_recording_ora", "c0e1d031"): ({"jitter"}, COMFORT_NOISE),
    ("rtpproxy_dups.a", "ae9dd7af"): ({"lost", "jitter"}, COPIES),
}
# Streams that tshark's analysis does not list.
TSHARK_LISTS_NOT = {
    ("cisco_rtp_sip_g722_h264", None): "it knows the types of the video by SDP alone, and calls them rtpevent",
    ("cisco_sip_dtmf_nte_rfc4733", None): "a stream of telephone-events alone is none to it",
    ("rtpproxy_catch_dtmf", None): "a stream of telephone-events alone is none to it",
    ("dtmf_2833", None): "a stream of telephone-events alone is none to it",
    ("cisco_sip_prack_do_183", "00007ac6"): "one packet is no stream to it",
}
SRTP = ("rtpproxy_srtp1.a", "rtpproxy_srtp1.o")


def known(table, capture, ssrc):
    for (name, its_ssrc), value in table.items():
        if capture.startswith(name) and its_ssrc in (None, ssrc):
            return value
    return None


class TruthCase(Case):
    """Compares a reading with the counter. `capture`: the name that the tables above know it by."""

    def sidecar_streams(self, reading):
        for recording in reading.recordings:
            for track in recording["tracks"]:
                for stream in track["streams"]:
                    yield recording, track, stream

    def check_sums(self, reading):
        for recording in reading.recordings:
            for track in recording["tracks"]:
                for name in ("received", "lost", "duplicate", "reordered"):
                    self.assertEqual(track[name], sum(s[name] for s in track["streams"]), (name, track))

    def compare(self, path, reading, capture):
        """Every stream of every sidecar; returns how many were compared."""
        ends = rtp_counter.byes(path)
        told, counted = {}, {}
        packets = list(rtp_counter.datagrams(path))
        for recording, _, stream in self.sidecar_streams(reading):
            key = stream["source"], stream["destination"], stream["ssrc"]
            until = ends.get(recording["sip_call_id"]) if recording["reason"] == "hangup" else None
            told.setdefault((key, until), []).append(stream)
        for key, until in told:
            if until not in counted:
                counted[until] = rtp_counter.count(path, until, packets)
            self.compare_entries(key, told[key, until], counted[until].get(key, []))
        self.compare_tshark(path, capture, {key: streams for (key, _), streams in told.items()},
                            rtp_counter.count(path, None, packets))
        self.check_sums(reading)
        return len(told)

    def compare_entries(self, key, streams, entries):
        self.assertEqual(len(streams), len(entries), f"{key}: {streams}")
        for stream, entry in zip(streams, entries, strict=True):
            for name in ("received", "lost", "duplicate", "reordered"):
                self.assertEqual(stream[name], getattr(entry, name), f"{name} of {key}")
            self.assertAlmostEqual(stream["jitter_ms"], entry.jitter_mean_ms, delta=MOST_APART_MS, msg=key)
            self.assertAlmostEqual(stream["jitter_max_ms"], entry.jitter_max_ms, delta=MOST_APART_MS, msg=key)

    def compare_tshark(self, path, capture, told, counted):
        """tshark's analysis knows no end of a call: the counter, which has just been shown to agree with the sidecars
        up to there, stands for them."""
        listed = rtp_counter.tshark_streams(path)
        for key, entries in counted.items():
            if key not in told:
                continue
            reason = known(TSHARK_LISTS_NOT, capture, key[2])
            if key not in listed:
                self.assertTrue(reason, f"tshark does not list {key} of {capture}: {sorted(listed)}")
                continue
            self.assertFalse(reason, f"tshark does list {key} of {capture}")
            self.compare_with_row(capture, key, entries, listed[key])

    def compare_with_row(self, capture, key, entries, row):
        _, packets, lost, mean_ms, max_ms = row
        [entry] = entries
        apart, _ = known(TSHARK_DIFFERS, capture, key[2]) or (set(), "")
        self.assertEqual(packets, entry.received, key)
        self.assertEqual(lost == entry.lost, "lost" not in apart, f"{key}: tshark {lost}, {entry.lost} counted")
        same = (abs(mean_ms - entry.jitter_mean_ms) <= TSHARK_APART_MS
                and abs(max_ms - entry.jitter_max_ms) <= TSHARK_APART_MS)
        self.assertTrue(same or "jitter" in apart,
                        f"{key}: tshark {mean_ms}, {max_ms}; counted {entry.jitter_mean_ms}, {entry.jitter_max_ms}")


class TruthTest(TruthCase):
    def one(self, path):
        """A capture as it is; one without SIP gets calls around its streams."""
        name = re.sub(r"\.pcap(ng)?$", "", path.name)
        packets = [p for p in rtp_counter.datagrams(path) if p[3][:1] and p[3][0] >> 6 == 2]
        media = rtp_counter.count(path, None, packets)
        if not rtp_counter.tshark(path, "-Y", "sip", "-c", "1"):
            path = self.folder / path.name
            dressing.dress(path, packets, "RTP/SAVP" if name in SRTP else "RTP/AVP")
        reading = Reading(path, self.folder / "out")
        self.assertIn(reading.status, (0, 1), reading.explain())
        compared = self.compare(path, reading, name)
        self.assertGreaterEqual(compared, 1 if media else 0, reading.explain())

    def test_captures_are_there(self):
        if not CAPTURES.exists():
            raise unittest.SkipTest(f"{CAPTURES} is not there")


def add_captures():
    for folder in (CAPTURES, SIPP_AUDIO.parent):
        for path in sorted(folder.glob("*.pcap*")):
            name = "test_" + re.sub(r"\W", "_", re.sub(r"\.pcap(ng)?$", "", path.name))
            setattr(TruthTest, name, lambda self, path=path: self.one(path))


add_captures()
