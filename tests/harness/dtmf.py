"""Finds DTMF tones by multimon-ng, a decoder that is not legtap's."""
import re
import shutil
import subprocess
import unittest
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

MULTIMON_HZ = 22050


def decode(samples, rate):
    """The keys in a channel (array of 16-bit samples), in order."""
    if not shutil.which("multimon-ng"):
        raise unittest.SkipTest("multimon-ng is not installed")
    raw, _ = audioop.ratecv(samples.tobytes(), 2, 1, rate, MULTIMON_HZ, None)
    done = subprocess.run(["multimon-ng", "-q", "-t", "raw", "-a", "DTMF", "-"], input=raw, capture_output=True,
                          check=True)
    return "".join(re.findall(r"DTMF: (\S)", done.stdout.decode()))
