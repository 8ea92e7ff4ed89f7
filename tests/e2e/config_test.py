"""The command line and the configuration: what is refused, with which words and which exit status."""
import json
import subprocess

from harness.case import Case
from harness.daemon import configuration, merge, need_daemon
from harness.paths import EXAMPLE, LEGTAPD, ROOT

USAGE = 2


def legtapd(*arguments):
    return subprocess.run([LEGTAPD, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False,
                          stdin=subprocess.DEVNULL)


class UsageTest(Case):
    def setUp(self):
        super().setUp()
        need_daemon()

    def test_help_is_no_error(self):
        done = legtapd("--help")
        self.assertEqual(done.returncode, 0)
        self.assertIn("--read", done.stdout)

    def test_bad_usage_exits_2(self):
        for arguments in ((), ("--nonsense",), ("--read", "x.pcap"), ("--out", "x"), ("--read",),
                          ("--read", "x.pcap", "--out", self.folder / "o", "--record", "SIDEWAYS"),
                          ("--config", "a", "stray")):
            done = legtapd(*arguments)
            self.assertEqual(done.returncode, USAGE, arguments)
            self.assertTrue(done.stderr.strip(), f"no message for {arguments}")

    def test_unreadable_input_exits_2(self):
        noise = self.folder / "noise.pcap"
        noise.write_bytes(bytes(range(256)) * 8)
        for path in (self.folder / "absent.pcap", self.folder, noise):
            done = legtapd("--read", path, "--out", self.folder / f"out-{path.name}")
            self.assertEqual(done.returncode, USAGE, f"{path}: {done.stderr}")
            self.assertIn(path.name, done.stderr)


class ConfigTest(Case):
    def setUp(self):
        super().setUp()
        need_daemon()

    def check(self, config):
        path = self.folder / "legtap.json"
        path.write_text(config if isinstance(config, str) else json.dumps(config))
        return legtapd("--config", path, "--check")

    def refused(self, config, *words):
        done = self.check(config)
        self.assertEqual(done.returncode, USAGE, done.stdout)
        for word in words:
            self.assertIn(word, done.stderr)

    def test_only_sbc_is_valid(self):
        done = self.check('{ // comments are allowed\n"sbc": {"addresses": ["192.0.2.20"]}}')
        self.assertEqual(done.returncode, 0, done.stderr)
        effective = json.loads(done.stdout)
        self.assertEqual(effective["sbc"]["addresses"], ["192.0.2.20/32"])
        self.assertEqual(effective["sbc"]["sip_ports"], [5060])
        self.assertEqual(effective["transaction"]["header"], "Session-ID")

    def test_what_check_prints_is_a_configuration_again(self):
        first = self.check(configuration(self.folder))
        self.assertEqual(first.returncode, 0, first.stderr)
        again = self.check(first.stdout)
        self.assertEqual((again.returncode, again.stdout), (0, first.stdout), again.stderr)

    def test_example_is_valid(self):
        done = legtapd("--config", EXAMPLE, "--check")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_check_starts_nothing(self):
        done = self.check(configuration(self.folder))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([p.name for p in self.folder.iterdir()], ["legtap.json"])

    def test_unknown_key_is_refused_with_the_nearest(self):
        self.refused(merge(configuration(self.folder), {"spool": {"max_agee": 1}}), "spool.max_agee", "max_age")
        self.refused(merge(configuration(self.folder), {"rulez": []}), "rulez", "rules")

    def test_bad_values_are_refused_by_path(self):
        for changes, word in (({"sbc": {"addresses": ["not-an-address"]}}, "sbc.addresses"),
                              ({"spool": {"max_age": -1}}, "spool.max_age"),
                              ({"rules": [{"Track": "LEFT"}]}, "rules[0].Track"),
                              ({"destination": {"type": "ftp"}}, "destination.type"),
                              ({"accounts": [{"id": "a", "rate_per_minute": "a lot"}]}, "rate_per_minute"),
                              ({"limits": {"streams": 1}}, "limits.streams")):
            self.refused(merge(configuration(self.folder), changes), word)

    def test_not_json_is_refused_with_the_line(self):
        self.refused('{\n"sbc": {"addresses": [}\n}', "legtap.json")
        self.refused("", "legtap.json")

    def test_absent_file_exits_2(self):
        self.assertEqual(legtapd("--config", self.folder / "absent.json", "--check").returncode, USAGE)

    def test_every_key_is_documented(self):
        text = (ROOT / "docs" / "configuration.md").read_text()
        effective = json.loads(self.check(configuration(self.folder)).stdout)
        self.assertNothing(f"docs/configuration.md does not name {path}" for path in key_paths(effective)
                           if f"`{path}`" not in text)


def key_paths(value, prefix=""):
    """Paths of all keys that hold a value, those in lists with [] for the index."""
    if isinstance(value, dict):
        for key, inner in value.items():
            path = f"{prefix}.{key}" if prefix else key
            if not isinstance(inner, dict):
                yield path
            yield from key_paths(inner, path)
    elif isinstance(value, list):
        for inner in value:
            yield from key_paths(inner, prefix + "[]")
