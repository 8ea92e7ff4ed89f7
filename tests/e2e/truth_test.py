"""What sidecars say of each stream equals what an independent counter counts (tests/harness/rtp_counter.py, from
RFC 3550 and tshark's raw payloads), and what tshark's own analysis says, for every capture that others made: those of
the shared folder and those in Debian's packages. Where tshark differs, TSHARK_DIFFERS says by name why."""
import itertools
import re
import unittest

from harness import dressing, rtp_audio, rtp_counter
from harness.case import Case
from harness.paths import CAPTURES, SIPP_AUDIO
from harness.read import Reading

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
    ("cisco_sip_dtmf_nte_rfc4733", None): "a stream of telephone-events alone is none to it",
    ("rtpproxy_catch_dtmf", None): "a stream of telephone-events alone is none to it",
    ("dtmf_2833", None): "a stream of telephone-events alone is none to it",
    ("cisco_sip_prack_do_183", "00007ac6"): "one packet is no stream to it",
}
EVENT_MARGIN_US = 60000  # before and after an event that is not looked at
AT_ONCE_US = 2000000  # two streams that both last longer are mixed
SRTP = ("rtpproxy_srtp1.a", "rtpproxy_srtp1.o")


def known(table, capture, ssrc):
    for (name, its_ssrc), value in table.items():
        if capture.startswith(name) and its_ssrc in (None, ssrc):
            return value
    return None


class TruthTest(Case):
    offline = True

    def compare(self, path, packets, reading, capture):
        """Every stream of every sidecar; then what was counted, and not cut by a BYE, with tshark."""
        clocks = rtp_counter.clocks(path)
        wrong, compared = rtp_counter.differences(reading.recordings, packets, clocks, rtp_counter.byes(path))
        self.assertNothing(wrong, reading.explain())
        self.compare_tshark(path, capture, compared, rtp_counter.count(packets, clocks))
        return compared

    def compare_audio(self, reading, packets, clocks, capture):
        """Each stream of G.711 by sample, of G.722 by correlation. Where a clock was corrected, or timestamps jump, samples
        have no place that the packets alone tell."""
        for recording in reading.recordings:
            for channel, track in enumerate(recording["tracks"]):
                counted = rtp_counter.count([p for p in packets if any(
                    p[1:3] == (s["source"], s["destination"]) for s in track["streams"])], clocks)
                events = list(self.events(recording, counted, clocks))
                voices = [(s, *self.voice(s, counted, clocks)) for s in track["streams"]]
                if self.at_once(voices):
                    self.assertNothing(rtp_audio.mix_problems(recording, reading.out / recording["file"], channel, voices),
                                       reading.explain())
                    continue
                for stream in track["streams"]:
                    if stream["codec"] in {**rtp_audio.SOX, **rtp_audio.FFMPEG} and (
                            stream["samples_added"] == stream["samples_removed"] == 0):
                        self.compare_stream(reading, recording, channel, stream, counted, events, clocks)

    @staticmethod
    def voice(stream, counted, clocks):
        """A stream's packets of its codec, in order; and all that may anchor it, as they came."""
        entries = counted[stream["source"], stream["destination"], stream["ssrc"]]
        packets = [p for entry in entries for p in entry.packets]
        mine = sorted((p for p in packets if p.payload_type == stream["payload_type"] and not p.duplicate),
                      key=lambda p: p.extended)
        return mine, [p for p in packets if clocks.get(p.payload_type, ("",))[0].lower() != rtp_counter.EVENT]

    @staticmethod
    def at_once(voices):
        """Whether two of them (another SSRC) are heard at the same time for long."""
        spans = [(stream["ssrc"], mine[0].time_us, mine[-1].time_us) for stream, mine, _ in voices if mine]
        return any(a[0] != b[0] and min(a[2], b[2]) - max(a[1], b[1]) >= AT_ONCE_US
                   for a, b in itertools.combinations(spans, 2))

    def compare_stream(self, reading, recording, channel, stream, counted, events, clocks):
        [_] = counted[stream["source"], stream["destination"], stream["ssrc"]]
        mine, media = self.voice(stream, counted, clocks)
        wrong, compared = rtp_audio.stream_problems(recording, reading.out / recording["file"], channel, stream, mine, media,
                                                    events)
        self.assertNothing(wrong, reading.explain())
        self.assertGreater(compared, 0, reading.explain())

    @staticmethod
    def events(recording, counted, clocks):
        """The stretches of a track, in microseconds after the start, that digits may cover: from an event's first packet's
        arrival less a packet to its last one's and its duration."""
        begin_us = rtp_audio.start_us(recording)
        for entries in counted.values():
            for packet in [p for entry in entries for p in entry.packets]:
                if clocks.get(packet.payload_type, ("",))[0].lower() == rtp_counter.EVENT and len(packet.payload) >= 4:
                    duration_us = int.from_bytes(packet.payload[2:4], "big") * 125
                    at = packet.time_us - begin_us
                    yield at - duration_us - EVENT_MARGIN_US, at + duration_us + EVENT_MARGIN_US

    def compare_tshark(self, path, capture, compared, counted):
        """tshark's analysis knows no end of a call: the counter, which has just been shown to agree with the sidecars
        up to there, stands for them."""
        listed = rtp_counter.tshark_streams(path)
        for key in compared:
            reason = known(TSHARK_LISTS_NOT, capture, key[2])
            if key not in listed:
                self.assertTrue(reason, f"tshark does not list {key} of {capture}: {sorted(listed)}")
                continue
            self.assertFalse(reason, f"tshark does list {key} of {capture}")
            self.compare_with_row(capture, key, counted[key], listed[key])

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


    def one(self, path):
        """A capture as it is; one without SIP gets calls around its streams."""
        name = re.sub(r"\.pcap(ng)?$", "", path.name)
        packets = [p for p in rtp_counter.datagrams(path) if p[3] and p[3][0] >> 6 == 2]
        if not rtp_counter.tshark(path, "-Y", "sip", "-c", "1"):
            path = self.folder / path.name
            dressing.dress(path, packets, "RTP/SAVP" if name in SRTP else "RTP/AVP")
        reading = Reading(path, self.folder / "out")
        self.assertIn(reading.status, (0, 1), reading.explain())
        compared = self.compare(path, packets, reading, name)
        self.compare_audio(reading, packets, rtp_counter.clocks(path), name)
        media = rtp_counter.count(packets, {})
        self.assertEqual(bool(compared), bool(media), reading.explain())

    def test_captures_are_there(self):
        if not CAPTURES.exists():
            raise unittest.SkipTest(f"{CAPTURES} is not there")


def add_captures():
    for folder in (CAPTURES, SIPP_AUDIO.parent):
        for path in sorted(folder.glob("*.pcap*")):
            name = "test_" + re.sub(r"\W", "_", re.sub(r"\.pcap(ng)?$", "", path.name))
            setattr(TruthTest, name, lambda self, path=path: self.one(path))


add_captures()
