"""Media addresses that only legtap has, on a port that has no address of the kernel's: Linux hosts find it, ping it, and
send it their media."""
import re
import shutil
import subprocess
import unittest

from harness import capture, wait, wav
from harness.case import Case
from harness.daemon import Legtapd, configuration
from harness.hosts import PROBE, SECOND, Hosts
from harness.mirror import MirrorCapture
from harness.paths import SIPP_AUDIO, TOOLS

MEDIA, MEDIA6, TAGGED = "192.0.2.41", "2001:db8::41", "198.51.100.41"
PACKETS = 150  # of the session's media
TAGGED_REQUEST = """
import socket, sys
own = bytes.fromhex(open("/sys/class/net/eth0/address").read().replace(":", ""))
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
s.send(b"\\xff" * 6 + own + bytes.fromhex("88a8 0009 8100 a007 0806 0001 0800 06 04 0001") + own +
       socket.inet_aton("198.51.100.20") + bytes(6) + socket.inet_aton(sys.argv[1]))
"""


class NeighbourCase(Case):
    def setUp(self):
        super().setUp()
        self.hosts = self.enterContext(Hosts(self.folder))
        name = self.hosts.name
        self.ip("switch", "link", "add", "media", "type", "veth", "peer", "name", "media0", "netns", f"{name}-probe")
        for host, device in (("switch", "media"), ("probe", "media0")):
            self.on(host, "ethtool", "-K", device, "tso", "off", "gso", "off", "gro", "off", "tx", "off", "rx", "off")
            self.ip(host, "link", "set", device, "up")
        self.ip("switch", "link", "set", "media", "master", "br0")
        self.mac = self.on("probe", "cat", "/sys/class/net/media0/address").strip()

    def on(self, host, *command, status=0):
        """Runs a command to its end. Returns what it says."""
        if not shutil.which(str(command[0])):
            raise unittest.SkipTest(f"{command[0]} is not installed")
        done = subprocess.run(self.hosts.command(host, *command), capture_output=True, text=True, timeout=60,
                              check=False)
        self.assertEqual(done.returncode, status, f"{command}: {done.stdout}{done.stderr}")
        return done.stdout

    def ip(self, host, *arguments):
        return self.on(host, "ip", *arguments)

    def start(self, **changes):
        config = configuration(self.folder, **{
            "ports": [{"device": "net_af_packet0,iface=media0"},
                      {"device": "net_af_packet1,iface=eth0", "answers": "never"}],
            "rules": [],
            "siprec": {"listen": [f"tcp:{PROBE}:5060"], "media_ports": [40000, 40099], "allow": [SECOND],
                       "media_addresses": [MEDIA, MEDIA6, TAGGED]},
            **changes})
        return self.enterContext(Legtapd(self.hosts, self.folder, config))

    def answers(self, daemon, port=0):
        return daemon.get("/v1/status")["ports"][port]["answers"]

    def assert_pinged(self, host, address, *arguments):
        said = self.on(host, "ping", "-n", "-c", 3, "-i", 0.02, "-W", 5, *arguments, address)
        self.assertIn("3 received", said)


class NeighbourTest(NeighbourCase):
    def test_linux_finds_and_pings_it(self):
        daemon = self.start()
        self.assertRegex(self.on("sbc", "arping", "-I", "eth0", "-c", 1, "-w", 5, MEDIA),
                         re.compile(self.mac, re.I))
        self.on("sbc", "arping", "-D", "-I", "eth0", "-c", 1, "-w", 5, MEDIA, status=1)  # somebody has it
        self.assert_pinged("sbc", MEDIA)
        self.assert_pinged("sbc", MEDIA, "-s", 1472)
        self.assertIn(self.mac, self.ip("sbc", "neighbour", "show", MEDIA))
        answers = self.answers(daemon)
        self.assertEqual((answers["addresses"], answers["echo"]), (3, 6))
        self.assertGreaterEqual(answers["arp"], 2)
        self.assertEqual([answers[n] for n in ("malformed", "conflict", "limited", "unsent")], [0] * 4, answers)
        self.assertEqual(sum(self.answers(daemon, 1).values()), 0)
        self.assertGreater(sum(rx["counters"]["to_control_rest"] for rx in daemon.get("/v1/status")["rx"]), 0)
        daemon.account()

    def test_behind_vlan_tags(self):
        """A request that a host sends with two tags is answered with the same two."""
        daemon = self.start()
        seen = MirrorCapture(self.hosts, self.folder / "seen.pcapng", "sbc", "eth0")
        self.on("sbc", "python3", "-c", TAGGED_REQUEST, TAGGED)
        wait.until(lambda: self.answers(daemon)["arp"] == 1, "an answer")
        seen.stop()
        done = subprocess.run(
            ["tshark", "-r", seen.path, "-Y", f"eth.src == {self.mac} && arp.opcode == 2", "-T", "fields",
             "-e", "vlan.id", "-e", "arp.src.proto_ipv4", "-e", "arp.src.hw_mac", "-e", "arp.dst.proto_ipv4"],
            capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout.split(), ["9,7", TAGGED, self.mac, "198.51.100.20"])
        daemon.account()

    def test_ipv6(self):
        self.on("sbc", "sysctl", "-qw", "net.ipv6.conf.eth0.disable_ipv6=0")
        self.ip("sbc", "address", "add", "2001:db8::20/64", "dev", "eth0", "nodad")
        self.on("callee", "sysctl", "-qw", "net.ipv6.conf.eth0.disable_ipv6=0")
        daemon = self.start()
        self.assertRegex(self.on("sbc", "ndisc6", "-1", MEDIA6, "eth0"), re.compile(self.mac, re.I))
        self.assert_pinged("sbc", MEDIA6)
        self.assert_pinged("sbc", MEDIA6, "-s", 1452)
        # A host that is given the same address learns that it is taken.
        self.ip("callee", "address", "add", f"{MEDIA6}/64", "dev", "eth0")
        wait.until(lambda: "dadfailed" in self.ip("callee", "-6", "address", "show", "dev", "eth0"),
                   "the kernel to see a duplicate")
        answers = self.answers(daemon)
        self.assertEqual((answers["echo"], answers["malformed"]), (6, 0))
        self.assertGreaterEqual(answers["neighbour"], 3)
        daemon.account()

    def test_it_announces_itself(self):
        """tshark finds the announcements, three of each address, and nothing wrong with them."""
        seen = MirrorCapture(self.hosts, self.folder / "seen.pcapng", "sbc", "eth0")
        daemon = self.start()
        wait.until(lambda: self.answers(daemon)["announced"] == 9, "the announcements")
        seen.stop()

        def count(expression):
            done = subprocess.run(
                ["tshark", "-r", seen.path, "-o", "ip.check_checksum:TRUE",
                 "-Y", f"eth.src == {self.mac} && {expression}"], capture_output=True, text=True, check=True)
            return len(done.stdout.splitlines())
        self.assertEqual(count(f"arp.isannouncement == 1 && arp.src.proto_ipv4 == {MEDIA}"), 3)
        self.assertEqual(count(f"arp.isannouncement == 1 && arp.src.proto_ipv4 == {TAGGED}"), 3)
        self.assertEqual(count(f"icmpv6.type == 136 && icmpv6.nd.na.target_address == {MEDIA6} && "
                               f"icmpv6.nd.na.flag.s == 0 && icmpv6.checksum.status == \"Good\""), 3)
        self.assertEqual(count("_ws.malformed"), 0)

    def test_the_kernels_own_address_is_left_to_it(self):
        daemon = self.start(ports=[{"device": "net_af_packet0,iface=eth0", "answers": "always"}],
                            siprec={"listen": [f"tcp:{PROBE}:5060"], "allow": [SECOND]})
        self.assert_pinged("sbc", PROBE)
        status = daemon.account()
        self.assertEqual(sum(self.answers(daemon).values()), 0)
        self.assertEqual(sum(rx["counters"]["to_control_rest"] for rx in daemon.get("/v1/status")["rx"]), 0)
        self.assertEqual(sum(rx["drop_rest_ring_full"] for rx in status["rx"]), 0)

    def test_a_session_sends_its_media_there(self):
        daemon = self.start()
        done = subprocess.run(
            self.hosts.command("second", "python3", TOOLS / "siprec_client.py", "--run",
                               f"python3 {TOOLS / 'fork.py'} --packets {PACKETS} {SIPP_AUDIO}=MEDIA", f"{PROBE}:5060"),
            capture_output=True, text=True, timeout=90, check=False)
        lines = done.stdout.splitlines()
        self.assertEqual((lines[0], lines[-1]), ("INVITE 200", "BYE 200"), done.stdout + done.stderr)
        [recording] = daemon.wait_recordings(1)
        voice = wav.decode(8, b"".join(p.payload for p in list(capture.rtp_packets(SIPP_AUDIO))[:PACKETS]))
        channels = wav.Wav(self.folder / "delivered" / recording["file"]).channels
        self.assertGreaterEqual(wav.find(channels[0], voice), 0, "the voice is not there sample for sample")
        self.assertGreaterEqual(self.answers(daemon)["arp"], 1)
        daemon.account()
