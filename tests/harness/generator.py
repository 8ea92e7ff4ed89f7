"""Captures of complete calls whose audio can be recomputed (tests/tools/callgen), and the check that
every packet's samples stand in the WAVs (tests/tools/wavverify)."""
import subprocess
import unittest

from .paths import BUILT_TOOLS

SBC = "10.0.0.1"  # of every generated call
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


def verify(capture, folder, tracks="BOTH", timeout_s=300):
    """What is wrong with the recordings in `folder` of a generated capture; "" when nothing is."""
    done = subprocess.run([_tool("wavverify"), "--track", tracks, truth_of(capture), folder],
                          capture_output=True, text=True, timeout=timeout_s, check=False)
    return "" if done.returncode == 0 else f"wavverify: {done.stdout}{done.stderr}"


def send(hosts, host, interface, capture, *arguments, log="pcapsend.log"):
    """Starts sending a capture, as fast as it was, from an interface of a host."""
    return hosts.run(host, _tool("pcapsend"), *arguments, interface, capture, log=log)
