"""legtapd --read of calls in every encapsulation: the recordings are those of the plain capture."""
import filecmp
import struct
import subprocess

from harness.generator import generate
from read_test import CONFIG, ReadCase

LAYERS = ("vlan", "qinq", "mpls", "pw", "pppoe", "gre", "gre-key", "nvgre", "erspan1", "erspan2", "erspan3", "vxlan",
          "geneve", "vxlan-gpe", "vntag", "etag", "ip", "ip6")
NESTED = ("qinq,qinq,vlan", "vlan,erspan2,vlan", "vxlan,vlan,pppoe", "qinq,vlan,mpls", "pw,pppoe", "geneve,vxlan,qinq,vlan",
          "erspan3,vxlan,ip6", "gre,ip", "vlan,ip6,ip,ip6", "nvgre,vlan,mpls", "mpls,ip", "pw,erspan1,gre-key")
# What tshark says of one frame of each: it parses all of them.
TSHARK = {"qinq,qinq,vlan": "ieee8021ad:ethertype:vlan", "mpls": "mpls:ip", "pw": "pwethcw:eth", "pppoe": "pppoes:ppp:ip",
          "gre": "gre:ip", "gre-key": "gre:ip", "nvgre": "gre:eth", "erspan1": "gre:erspan:eth", "erspan2": "gre:erspan:eth",
          "erspan3": "gre:erspan:eth", "vxlan,vlan": "vxlan:eth:ethertype:vlan", "geneve": "geneve:eth",
          "vxlan-gpe": "udp:eth", "vntag": "vntag:ethertype:ip", "etag": "etag:ethertype:ip", "ip": "ip:ip",
          "ip6": "ipv6:ip"}
MAC_BYTES = 12


def packets(path):
    """The times and frames of a little-endian pcap."""
    data = path.read_bytes()
    at = 24
    while at < len(data):
        seconds, micros, captured, _ = struct.unpack_from("<IIII", data, at)
        yield seconds * 1000000 + micros, data[at + 16:at + 16 + captured]
        at += 16 + captured


def write(path, frames, like):
    with path.open("wb") as out:
        out.write(like.read_bytes()[:24])
        for time_us, frame in frames:
            out.write(struct.pack("<IIII", time_us // 1000000, time_us % 1000000, len(frame), len(frame)) + frame)
    return path


class EncapsulatedCase(ReadCase):
    OPTIONS = {"calls": 1, "legs": 2, "seconds": 1, "seed": 11, "loss": 2}

    def plain(self, **options):
        capture = generate(self.folder / "plain.pcap", **{**self.OPTIONS, **options})
        reading = self.read(capture, "plain")
        self.assertEqual(len(reading.recordings), 2 * self.OPTIONS["calls"], reading.explain())
        return reading

    def same(self, reading, plain, copies=1):
        """The same audio, the same counts; or each packet `copies` times, and heard once."""
        self.assertNothing(reading.problems(), reading.explain())
        by_leg = {r["sip_call_id"]: r for r in plain.recordings}
        self.assertEqual(len(reading.recordings), len(by_leg), reading.explain())
        for recording in reading.recordings:
            other = by_leg[recording["sip_call_id"]]
            self.assertTrue(filecmp.cmp(reading.out / recording["file"], plain.out / other["file"], shallow=False))
            for ours, theirs in zip(recording["tracks"], other["tracks"], strict=True):
                self.assertEqual(ours["lost"], theirs["lost"])
                self.assertEqual(ours["received"], copies * theirs["received"])
                self.assertEqual(ours["duplicate"], (copies - 1) * theirs["received"])
                self.assertEqual([s["ssrc"] for s in ours["streams"]], [s["ssrc"] for s in theirs["streams"]])


class EncapsulationTest(EncapsulatedCase):
    def wrapped(self, plain, wrap, **options):
        capture = generate(self.folder / "wrapped.pcap", **{**self.OPTIONS, **options}, wrap=wrap)
        self.same(self.read(capture, "wrapped-" + wrap.replace(",", "-")), plain)
        return capture

    def all_wrapped(self, wraps, **options):
        plain = self.plain(**options)
        for wrap in wraps:
            with self.subTest(wrap=wrap):
                self.wrapped(plain, wrap, **options)

    def test_each_layer(self):
        self.all_wrapped(LAYERS)

    def test_each_layer_around_ipv6(self):
        self.all_wrapped(LAYERS, ipv6=True)

    def test_layers_in_one_another(self):
        self.all_wrapped(NESTED)

    def test_tshark_sees_the_same_layers(self):
        for wrap, layers in TSHARK.items():
            capture = generate(self.folder / "wrapped.pcap", seconds=1, wrap=wrap)
            told = subprocess.run(["tshark", "-n", "-r", capture, "-T", "fields", "-e", "frame.protocols", "-c", "1"],
                                  capture_output=True, text=True, check=True).stdout
            self.assertIn(layers + ":" if layers.endswith("vlan") else layers, told)
            self.assertIn("udp:sip", told)

    def test_too_many_layers_are_counted(self):
        capture = generate(self.folder / "deep.pcap", seconds=1, wrap=",".join(["ip"] * 40))
        rx = self.read(capture).summary()["rx"][0]
        self.assertEqual((rx["too_deep"], rx["polled"]), (rx["polled"], rx["too_deep"]))
        self.assertGreater(rx["too_deep"], 0)

    def rewritten(self, plain, rewrite, name="rewritten", copies=1):
        """The plain capture, each frame as `rewrite` says: a list of those that the mirror shows instead."""
        source = self.folder / "plain.pcap"
        frames = [(time_us + 300 * i, shown) for time_us, frame in packets(source)
                  for i, shown in enumerate(rewrite(frame))]
        capture = write(self.folder / "rewritten.pcap", sorted(frames, key=lambda f: f[0]), source)
        self.same(self.read(capture, name), plain, copies)

    def test_signalling_and_audio_in_two_vlans(self):
        self.rewritten(self.plain(), lambda frame: [tagged(frame, 100 if is_sip(frame) else 200)])

    def test_separate_is_strict(self):
        self.plain()
        frames = [(time_us, tagged(frame, 100 if is_sip(frame) else 200)) for time_us, frame
                  in packets(self.folder / "plain.pcap")]
        capture = write(self.folder / "two.pcap", frames, self.folder / "plain.pcap")
        separate = {**CONFIG, "ports": [{"device": "net_null0", "separate": True}]}
        reading = self.read(capture, "separate", config=separate)
        self.assertEqual(reading.recordings, [])
        self.assertRegex(reading.stdout, r"warning: 2 of 2 answered calls without media: .*; ports\[\]\.separate keeps out")

    def test_one_direction_is_tagged(self):
        self.rewritten(self.plain(), lambda frame: [tagged(frame, 100) if frame[26:30] == bytes((10, 0, 0, 1)) else frame])

    def test_a_mirror_of_both_ports(self):
        """The router between them rewrote MAC addresses and TTL, and the tag."""
        plain = self.plain()
        self.rewritten(plain, lambda frame: [tagged(frame, 100), tagged(routed(frame), 200)], "tags", copies=2)
        self.rewritten(plain, lambda frame: [frame, routed(frame)], "plain-copies", copies=2)


def tagged(frame, vlan):
    return frame[:MAC_BYTES] + struct.pack(">HH", 0x8100, vlan) + frame[MAC_BYTES:]


def routed(frame):
    return bytes(6) + frame[:6] + frame[12:22] + bytes((frame[22] - 1,)) + frame[23:]


def is_sip(frame):
    return 5060 in struct.unpack_from(">HH", frame, 34)
