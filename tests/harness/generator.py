"""Captures of complete calls whose audio can be recomputed (tests/tools/callgen), and the check that
every packet's samples stand in the WAVs (tests/tools/wavverify)."""
import json
import subprocess
import unittest

from .hosts import end
from .paths import BUILT_TOOLS

SBC = "10.0.0.1"  # of every generated call
HELD_UP_MS = 100  # live SIP gets the time of its poll, and an rx thread without a core of its own may wait for one
SBC_IPV6 = "2001:db8::1"


def _tool(name):
    path = BUILT_TOOLS / name
    if not path.exists():
        raise unittest.SkipTest(f"{path} is not built")
    return path


def generate(path, **options):
    """Writes a capture, and the truth about it beside it. Options are callgen's, with _ for -; True stands
    for a flag."""
    arguments = ["--out", path, "--truth", truth_of(path)]
    for name, value in options.items():
        option = "--" + name.replace("_", "-")
        if value is True:
            arguments.append(option)
        elif value is not False and value is not None:
            arguments += [option, str(value)]
    subprocess.run([_tool("callgen"), *arguments], check=True, capture_output=True, text=True)
    return path


def truth_of(capture):
    return capture.with_suffix(".truth.jsonl")


def verify(capture, folder, recordings, tracks="BOTH", sent=None, window="media", *arguments):
    """What is wrong with recordings (the objects of recordings.jsonl or /v1/recordings) of a generated capture,
    their files below `folder`; "" when nothing is. `sent` is what `Sender.wait` returned, for live ones. window:
    what they hold, "media" or, by rules, from the "answer" on."""
    listed = folder / "listed.jsonl"
    listed.write_text("".join(json.dumps(recording) + "\n" for recording in recordings))
    command = [_tool("wavverify"), "--recordings", listed, "--directory", folder, "--truth", truth_of(capture),
               "--tracks", tracks, "--window", window, *arguments]
    if sent:
        command += ["--shift-us", sent["shift_us"], "--slack-ms", sent["late_max_us"] // 1000 + HELD_UP_MS]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300, check=False)
    listed.unlink()
    return "" if done.returncode == 0 else f"wavverify: {done.stdout}{done.stderr}"


class Sender:
    """pcapsend at work: a capture at its own pace, out of an interface of a host."""

    def __init__(self, hosts, host, interface, capture):
        self.log = hosts.folder / "pcapsend.log"
        self.process = hosts.run(host, _tool("pcapsend"), "--iface", interface, capture, log=self.log.name)

    def wait(self, timeout_s=120):
        """Waits for its end; what it says of it: frames, shift_us (later than the capture says), late_max_us."""
        status = self.process.wait(timeout_s)
        if status != 0:
            raise AssertionError(f"pcapsend ended with {status}: {self.log.read_text()}")
        return json.loads(self.log.read_text().splitlines()[-1])

    def stop(self):
        end(self.process)

    @property
    def ended(self):
        return self.process.poll() is not None
