#!/usr/bin/env python3
"""Tests of the test tools.

tshark:    callgen's captures as tshark sees them: checksums, dialogs, RTP streams, loss.
verifier:  wavverify accepts what a small recorder made here of callgen's capture, and notices
           every kind of damage to it. The recorder reads the capture itself and decodes by
           Python's audioop, so that generator and verifier are checked by a third party.
sender:    pcapsend's frames as they leave a veth pair in a network namespace of its own.

Exit status 77: what it needs is not installed.
"""

import argparse
import copy
import datetime
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import warnings
import wave

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    try:
        import audioop
    except ImportError:
        audioop = None

SKIPPED = 77
TOOLS = {}
SAMPLE_RATE = 8000


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False)


class Calls:
    """A capture by callgen in a folder that goes when the object is closed."""

    def __init__(self, *options):
        self.folder = tempfile.mkdtemp(prefix="callgen_")
        self.capture = os.path.join(self.folder, "calls.pcap")
        self.truth_path = os.path.join(self.folder, "truth.jsonl")
        result = run(TOOLS["callgen"], *options, "--out", self.capture, "--truth", self.truth_path)
        if result.returncode != 0:
            raise RuntimeError(result.stderr)
        with open(self.truth_path, encoding="ascii") as lines:
            self.truth = [json.loads(line) for line in lines]

    def close(self):
        shutil.rmtree(self.folder)


def tshark(capture, *options):
    return run("tshark", "-n", "-r", capture, *options).stdout


class CapturesAsTsharkSeesThem(unittest.TestCase):
    KINDS = {
        "plain": [],
        "two legs, mixed laws": ["--legs", "2", "--law", "mixed"],
        "loss": ["--loss", "5", "--law", "pcma"],
        "all at once": ["--legs", "2", "--law", "mixed", "--loss", "5", "--reorder", "3",
                        "--duplicate", "4", "--jitter-ms", "15"],
        "IPv6, VLANs, pcapng": ["--ipv6", "--vlan", "100,200", "--format", "pcapng", "--loss", "1"],
        "one VLAN, 30 ms": ["--vlan", "7", "--ptime", "30"],
        "early media": ["--early-media", "--legs", "2"],
        "late offer": ["--late-offer", "--legs", "2"],
        "no BYE": ["--no-bye"],
        "audio first": ["--late-offer", "--overtake-ms", "50"],
    }

    def each_kind(self):
        for name, options in self.KINDS.items():
            calls = Calls("--calls", "6", "--seconds", "4", *options)
            try:
                yield name, options, calls
            finally:
                calls.close()

    def test_every_checksum_and_message_is_right(self):
        for name, _, calls in self.each_kind():
            wrong = ("ip.checksum.status == 0 or udp.checksum.status != 1 or _ws.malformed"
                     " or sip.unknown-header or sip.continuation")
            lines = tshark(calls.capture, "-o", "ip.check_checksum:TRUE", "-o",
                           "udp.check_checksum:TRUE", "-Y", wrong)
            self.assertEqual(lines, "", name)

    def test_dialogs(self):
        for name, options, calls in self.each_kind():
            legs = len(calls.truth) // 2
            text = tshark(calls.capture, "-q", "-z", "sip,stat")
            counts = {name: int(count) for name, count in
                      re.findall(r"^\s*(?:SIP )?(\d\d\d|[A-Z]+)\b.*:\s*(\d+) Packets", text, re.M)}
            byes = 0 if "--no-bye" in options else legs
            progress = counts["183" if "--early-media" in options else "180"]
            self.assertEqual((counts["INVITE"], counts["ACK"], progress), (legs,) * 3, name)
            self.assertEqual((counts.get("BYE", 0), counts["200"]), (byes, legs + byes), name)
            self.assertIn("resent SIP messages: 0", text, name)

    @staticmethod
    def streams_of(capture):
        """ssrc: (packets, lost, codec) by tshark's count; copies lessen its loss."""
        line = re.compile(r"0x([0-9A-F]{8})\s+(\S+)\s+(\d+)\s+(-?\d+) \(")
        return {ssrc.lower(): (int(packets), int(lost), codec) for ssrc, codec, packets, lost in
                line.findall(tshark(capture, "--enable-heuristic", "rtp_udp", "-q", "-z",
                                    "rtp,streams"))}

    def test_streams_and_loss(self):
        for name, _, calls in self.each_kind():
            seen = self.streams_of(calls.capture)
            self.assertEqual(len(seen), len(calls.truth), name)
            for stream in calls.truth:
                numbers = stream["packets"]
                lost = max(numbers) - numbers[0] + 1 - len(numbers)
                codec = {"PCMU": "g711U", "PCMA": "g711A"}[stream["law"]]
                self.assertEqual(seen[stream["ssrc"]], (len(numbers), lost, codec), name)

    def test_shares_are_about_those_asked_for(self):
        calls = Calls("--calls", "20", "--seconds", "20", "--loss", "5", "--reorder", "3",
                      "--duplicate", "2")
        sent = sum(stream["sent"] for stream in calls.truth)
        packets = [n for stream in calls.truth for n in stream["packets"]]
        copies = sum(len(s["packets"]) - len(set(s["packets"])) for s in calls.truth)
        late = 0
        for stream in calls.truth:
            highest, seen = -1, set()
            for n in stream["packets"]:
                late += n < highest and n not in seen
                seen.add(n)
                highest = max(highest, n)
        self.assertAlmostEqual((sent - len(packets) + copies) / sent, 0.05, delta=0.005)
        self.assertAlmostEqual(copies / len(packets), 0.02, delta=0.004)
        self.assertAlmostEqual(late / len(packets), 0.03, delta=0.005)
        calls.close()

    def test_numbers_wrap_in_some_streams(self):
        calls = Calls("--calls", "4", "--seconds", "2")
        sequence = [s for s in calls.truth if s["sequence"] + s["sent"] > 65536]
        timestamp = [s for s in calls.truth if s["timestamp"] + 160 * s["sent"] > 1 << 32]
        self.assertGreaterEqual(len(sequence), 2)
        self.assertGreaterEqual(len(timestamp), 2)
        calls.close()

    def test_the_seed_decides(self):
        content = []
        for seed in ("1", "1", "2"):
            calls = Calls("--calls", "2", "--seconds", "2", "--loss", "2", "--seed", seed)
            with open(calls.capture, "rb") as capture:
                content.append(capture.read())
            calls.close()
        self.assertEqual(content[0], content[1])
        self.assertNotEqual(content[0], content[2])


def packets_of(capture):
    """ssrc: [(arrival in microseconds, sequence, payload type, payload)] of a pcap of IPv4."""
    streams = {}
    with open(capture, "rb") as file:
        file.read(24)
        while header := file.read(16):
            seconds, fraction, captured, _ = struct.unpack("<IIII", header)
            frame = file.read(captured)
            payload = frame[42:]
            if payload[0] != 0x80:
                continue
            kind, sequence, _, ssrc = struct.unpack(">xBHII", payload[:12])
            streams.setdefault(f"{ssrc:08x}", []).append(
                (seconds * 1000000 + fraction, sequence, kind & 0x7f, payload[12:]))
    return streams


class SmallTrack:
    """One stream put on a timeline, and counted."""

    def __init__(self, ssrc, packets):
        self.ssrc = ssrc
        self.packets = []  # (arrival, number from the first on, 16-bit samples)
        first = packets[0][1]
        for arrival, sequence, kind, payload in packets:
            number = (sequence - first + 32768) % 65536 - 32768
            decode = audioop.alaw2lin if kind == 8 else audioop.ulaw2lin
            self.packets.append((arrival, number, decode(payload, 2)))
        self.packet_samples = len(packets[0][3])
        packet_us = self.packet_samples * 125
        self.anchor_us = min(arrival - number * packet_us
                             for arrival, number, _ in self.packets
                             if arrival - packets[0][0] <= 1000000)
        self.first_us = self.anchor_us + min(n for _, n, _ in self.packets) * packet_us

    def channel(self, start_us, stop_us, frames):
        samples = bytearray(2 * frames)
        for arrival, number, audio in self.packets:
            at = round((self.anchor_us - start_us) / 125) + number * self.packet_samples
            if arrival >= stop_us:
                continue
            for i in range(self.packet_samples):
                if 0 <= at + i < frames:
                    samples[2 * (at + i):2 * (at + i) + 2] = audio[2 * i:2 * i + 2]
        return samples

    def counts(self, start_us, stop_us):
        counted = [n for a, n, _ in self.packets if start_us <= a < stop_us]
        seen, late, highest = set(), 0, counted[0]
        for n in counted:
            late += n < highest and n not in seen
            seen.add(n)
            highest = max(highest, n)
        return {"received": len(counted), "reordered": late,
                "duplicate": len(counted) - len(seen),
                "lost": max(0, highest - counted[0] + 1 - len(seen))}


def rfc3339(us):
    time = datetime.datetime.fromtimestamp(us // 1000000, datetime.timezone.utc)
    return f"{time:%Y-%m-%dT%H:%M:%S}.{us // 1000 % 1000:03d}Z"


class SmallRecorder:
    """Recordings of all legs of a capture, with faults on demand."""

    def __init__(self, calls, window):
        self.calls = calls
        packets = packets_of(calls.capture)
        self.recordings = []
        for incoming, outgoing in zip(calls.truth[::2], calls.truth[1::2]):
            tracks = [SmallTrack(s["ssrc"], packets[s["ssrc"]]) for s in (incoming, outgoing)]
            self.recordings.append(self.record(incoming, tracks, window))

    @staticmethod
    def record(truth, tracks, window):
        start = min(t.first_us for t in tracks)
        exact = 0
        if window == "answer":
            start = exact = truth["answer_us"]
        start_ms = round(start / 1000)
        duration_ms = round(truth["bye_us"] / 1000) - start_ms
        frames = duration_ms * 8
        channels = [t.channel(start_ms * 1000, truth["bye_us"], frames) for t in tracks]
        description = {
            "file": f"{truth['call']}_{truth['leg']}.wav", "sip_call_id": truth["sip_call_id"],
            "track": "BOTH", "state": "delivered", "start": rfc3339(start_ms * 1000),
            "stop": rfc3339((start_ms + duration_ms) * 1000), "duration_ms": duration_ms,
            "tracks": []}
        for name, track in zip(("INCOMING", "OUTGOING"), tracks):
            counts = track.counts(exact, truth["bye_us"])
            description["tracks"].append({
                "track": name, **counts,
                "streams": [{"ssrc": track.ssrc, "received": counts["received"]}]})
        return {"description": description, "channels": channels}

    def write(self, recordings):
        for recording in recordings:
            channels = recording["channels"]
            frames = b"".join(c[i:i + 2] for i in range(0, len(channels[0]), 2) for c in channels)
            path = os.path.join(self.calls.folder, recording["description"]["file"])
            with wave.open(path, "wb") as file:
                file.setnchannels(len(channels))
                file.setsampwidth(2)
                file.setframerate(SAMPLE_RATE)
                file.writeframes(frames)
        path = os.path.join(self.calls.folder, "recordings.jsonl")
        with open(path, "w", encoding="ascii") as file:
            for recording in recordings:
                file.write(json.dumps(recording["description"]) + "\n")
        return path

    def verify(self, recordings, *options):
        return run(TOOLS["wavverify"], "--recordings", self.write(recordings), "--directory",
                   self.calls.folder, "--truth", self.calls.truth_path, *options)


class WhatTheVerifierNotices(unittest.TestCase):
    NETWORK = ["--calls", "3", "--legs", "2", "--law", "mixed", "--seconds", "4", "--loss", "3",
               "--reorder", "3", "--duplicate", "3", "--jitter-ms", "10"]

    @classmethod
    def setUpClass(cls):
        cls.calls = Calls(*cls.NETWORK)
        cls.recorder = SmallRecorder(cls.calls, "media")

    @classmethod
    def tearDownClass(cls):
        cls.calls.close()

    def notices(self, fault, message):
        recordings = copy.deepcopy(self.recorder.recordings)
        fault(recordings)
        result = self.recorder.verify(recordings)
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertIn(message, result.stderr)

    def test_good_recordings_pass(self):
        result = self.recorder.verify(self.recorder.recordings)
        self.assertEqual((result.returncode, result.stderr), (0, ""), result.stdout)
        self.assertIn("6 recordings of 6 legs, 12 tracks", result.stdout)

    def test_good_recordings_of_other_calls_pass(self):
        for window, options in {"media": ["--early-media"], "answer": ["--early-media"],
                                "any": ["--late-offer", "--ptime", "30"]}.items():
            calls = Calls(*self.NETWORK, *options)
            recorder = SmallRecorder(calls, window)
            result = recorder.verify(recorder.recordings, "--window", window)
            self.assertEqual((result.returncode, result.stderr), (0, ""), result.stdout)
            calls.close()

    def test_one_track(self):
        for index, track in enumerate(("INCOMING", "OUTGOING")):
            recordings = copy.deepcopy(self.recorder.recordings)
            for recording in recordings:
                recording["description"]["track"] = track
                recording["description"]["tracks"] = [recording["description"]["tracks"][index]]
                recording["channels"] = [recording["channels"][index]]
            loose = ("--tolerance-ms", "100") # the file begins with the other track's audio
            result = self.recorder.verify(recordings, "--tracks", track, *loose)
            self.assertEqual((result.returncode, result.stderr), (0, ""), result.stdout)
            result = self.recorder.verify(recordings, "--tracks", "BOTH", *loose)
            self.assertIn(f"is of {track}, not BOTH", result.stderr)

    def test_some_legs(self):
        some = self.recorder.recordings[1:3]
        self.assertEqual(self.recorder.verify(some, "--some").returncode, 0)
        self.assertEqual(self.recorder.verify(some).returncode, 1)

    def test_a_recording_cut_short(self):
        recording = copy.deepcopy(self.recorder.recordings[0])
        recording["channels"] = [c[:-2000] + bytes(2000) for c in recording["channels"]]
        self.assertIn("wrong)", self.recorder.verify([recording], "--some").stderr)
        recording["description"]["cut_short"] = "crash"
        self.assertIn("wrong)", self.recorder.verify([recording], "--some").stderr)
        result = self.recorder.verify([recording], "--some", "--tail-ms", "300")
        self.assertEqual((result.returncode, result.stderr), (0, ""), result.stdout)

    def test_one_sample(self):
        def fault(recordings):
            samples = recordings[0]["channels"][1]
            place = len(samples) // 4 * 2
            while samples[place] == 0:
                place += 2
            samples[place] ^= 4
        self.notices(fault, "(1 wrong)")

    def test_a_packet_one_sample_off(self):
        def fault(recordings):
            samples = recordings[1]["channels"][0]
            half = len(samples) // 4 * 2
            samples[half:half + 320] = samples[half - 2:half + 318]
        self.notices(fault, "sequence")

    def test_sound_where_nothing_arrived(self):
        def fault(recordings):
            samples = recordings[2]["channels"][0]
            gap = samples.index(bytes(320), 0 if samples[0:320] != bytes(320) else 16000)
            samples[gap + gap % 2 + 100] = 1
        self.notices(fault, "where nothing arrived")

    def test_channels_that_changed_places(self):
        self.notices(lambda r: r[0]["channels"].reverse(), "none of the stream's packets")

    def test_a_channel_that_is_late(self):
        def fault(recordings):
            samples = recordings[0]["channels"][0]
            recordings[0]["channels"][0] = bytes(2 * 168) + samples[:-2 * 168]
        self.notices(fault, "ms after their arrival")

    def test_lengths(self):
        def fault(recordings):
            recordings[0]["channels"] = [c + bytes(2) for c in recordings[0]["channels"]]
        self.notices(fault, "frames, but")

    def test_times(self):
        def fault(recordings):
            description = recordings[0]["description"]
            description["stop"] = description["stop"].replace("Z", "1Z")
        self.notices(fault, "is not UTC with milliseconds")

    def test_a_window_that_ends_early(self):
        def fault(recordings):
            description = recordings[0]["description"]
            stop = datetime.datetime.fromisoformat(description["stop"])
            stop -= datetime.timedelta(milliseconds=20)
            description["stop"] = rfc3339(round(stop.timestamp() * 1000) * 1000)
            description["duration_ms"] -= 20
            recordings[0]["channels"] = [c[:-320] for c in recordings[0]["channels"]]
        self.notices(fault, "stops -20")

    def test_counts(self):
        for name in ("received", "lost", "reordered", "duplicate"):
            def fault(recordings, name=name):
                recordings[3]["description"]["tracks"][1][name] += 1
            self.notices(fault, "should be")

    def test_a_leg_without_recording(self):
        self.notices(lambda r: r.pop(), "0 recordings of the leg")

    def test_an_unknown_leg(self):
        def fault(recordings):
            recordings[0]["description"]["sip_call_id"] = "nobody@example.net"
        self.notices(fault, "no leg has the SIP Call-ID")

    def test_a_recording_that_was_not_delivered(self):
        def fault(recordings):
            recordings[0]["description"]["state"] = "rendering"
        self.notices(fault, "not delivered")


class WhatTheSenderSends(unittest.TestCase):
    """Runs in a network namespace of its own, which goes with the process."""

    FRAME_BYTES_MAX = 65535

    @classmethod
    def setUpClass(cls):
        for command in ("ip link add send0 type veth peer name take0", "ip link set send0 up",
                        "ip link set take0 up"):
            subprocess.run(command.split(), check=True)

    @staticmethod
    def listen():
        every_protocol = 3
        taker = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(every_protocol))
        taker.setsockopt(socket.SOL_SOCKET, 33, 32 << 20)  # SO_RCVBUFFORCE
        taker.bind(("take0", every_protocol))
        taker.settimeout(5)
        return taker

    def take(self, taker, count):
        """`count` IPv4 frames; veth's own (IPv6 neighbours) are left out."""
        frames = []
        while len(frames) < count:
            frame = taker.recv(self.FRAME_BYTES_MAX)
            if frame[12:14] == b"\x08\x00":
                frames.append((time.monotonic(), frame))
        return frames

    def test_every_frame_leaves_in_order_and_in_time(self):
        calls = Calls("--calls", "40", "--legs", "2", "--seconds", "2", "--loss", "1")
        with open(calls.capture, "rb") as capture:
            capture.read(24)
            sent = []
            while header := capture.read(16):
                seconds, fraction, captured, _ = struct.unpack("<IIII", header)
                sent.append((seconds + fraction / 1e6, capture.read(captured)))
        taker = self.listen()
        with subprocess.Popen([TOOLS["pcapsend"], "--iface", "send0", calls.capture],
                              stdout=subprocess.PIPE, text=True) as sender:
            taken = self.take(taker, len(sent))
            report = json.loads(sender.communicate()[0])
        calls.close()
        self.assertEqual([frame for _, frame in taken], [frame for _, frame in sent])
        self.assertEqual(report["frames"], len(sent))
        self.assertEqual(report["bytes"], sum(len(frame) for _, frame in sent))
        lasted, should_last = taken[-1][0] - taken[0][0], sent[-1][0] - sent[0][0]
        slack = 0.1 + report["late_max_us"] / 1e6
        self.assertAlmostEqual(lasted, should_last, delta=slack)
        shift = report["shift_us"] / 1e6
        self.assertAlmostEqual(sent[-1][0] + shift, time.time(), delta=slack + 5)

    def test_speed(self):
        calls = Calls("--seconds", "5")
        taker = self.listen()
        result = run(TOOLS["pcapsend"], "--iface", "send0", "--speed", "20", calls.capture)
        report = json.loads(result.stdout)
        self.take(taker, report["frames"])
        self.assertLess(report["seconds"], 2)
        calls.close()

    def test_what_cannot_be_sent(self):
        calls = Calls("--seconds", "1")
        for arguments, message in (
                (["--iface", "none0", calls.capture], "interface none0: No such device"),
                (["--iface", "send0", calls.truth_path], "neither a pcap nor a pcapng")):
            result = run(TOOLS["pcapsend"], *arguments)
            self.assertEqual(result.returncode, 1)
            self.assertIn(message, result.stderr)
        calls.close()


CASES = {
    "sender": WhatTheSenderSends,
    "tshark": CapturesAsTsharkSeesThem,
    "verifier": WhatTheVerifierNotices,
}


def lacks(part):
    """What a part needs and this machine does not have, or None."""
    if part == "tshark" and not shutil.which("tshark"):
        return "tshark is not installed"
    if part == "verifier" and not audioop:
        return "this Python has no audioop"
    if part == "sender" and run("unshare", "--net", "ip", "link", "add", "send0", "type", "veth",
                                "peer", "name", "take0").returncode != 0:
        return "no network namespace with a veth pair can be made (needs root)"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=sorted(CASES))
    for tool in ("callgen", "pcapsend", "wavverify"):
        parser.add_argument("--" + tool, required=True)
    arguments = parser.parse_args()
    TOOLS.update(vars(arguments))
    in_namespace = os.environ.get("SELFTEST_NAMESPACE")
    lacking = None if in_namespace else lacks(arguments.part)
    if lacking:
        print("skipped:", lacking)
        return SKIPPED
    if arguments.part == "sender" and not in_namespace:
        os.environ["SELFTEST_NAMESPACE"] = "1"
        os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv])
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(CASES[arguments.part])
    return 0 if unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
