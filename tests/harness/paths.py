"""Where the programs and the material of the tests are."""
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("LEGTAP_BUILD", ROOT / "build"))
LEGTAPD = BUILD / "controlplane" / "legtapd"
LEGTAPCTL = BUILD / "controlplane" / "legtapctl"
TOOLS = ROOT / "tests" / "tools"
BUILT_TOOLS = BUILD / "tests" / "tools"
SIPP = ROOT / "tests" / "e2e" / "sipp"
KAMAILIO = ROOT / "tests" / "e2e" / "kamailio"
SIPP_AUDIO = Path("/usr/share/sip-tester/g711a.pcap")
# Captures that are not ours to distribute; tests that want them are skipped without.
CAPTURES = Path(os.environ.get("LEGTAP_CAPTURES", ROOT.parent / "shared" / "captures"))
EXAMPLE = ROOT / "docs" / "examples" / "legtap.json"
