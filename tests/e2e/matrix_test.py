"""The matrices in docs/compatibility.md: every test that they name is there."""
import re

from harness.case import Case
from harness.paths import ROOT

CELL = re.compile(r"`([a-z0-9_]+_test)`((?: \(unit\))?)(?:: ((?:`[a-z0-9_]+`(?:, )?)+))?")
OF_CAPTURES = ("captures_test", "truth_test")  # a case for each file that is there


class MatrixTest(Case):
    offline = True

    def sources(self, name, unit):
        found = list((ROOT / "tests" / "unit").glob(f"*/{name}.*")) if unit else []
        return found + [p for p in [ROOT / "tests" / "e2e" / f"{name}.py"] if not unit and p.exists()]

    def wrong(self, name, unit, cases):
        sources = self.sources(name, unit) or self.sources(name, True)
        if not sources:
            yield f"there is no {name}"
        text = "".join(p.read_text() for p in sources)
        for case in re.findall(r"`([a-z0-9_]+)`", cases):
            if not re.search(rf"\b(test_)?{case}\(", text) and not (
                    name in OF_CAPTURES and re.match("cisco_|rtpproxy_|isa_", case)):
                yield f"{name} has no {case}"

    def test_every_test_named_exists(self):
        text = (ROOT / "docs" / "compatibility.md").read_text()
        cells = CELL.findall(text)
        self.assertGreater(len(cells), 40)
        self.assertNothing(problem for name, unit, cases in cells for problem in self.wrong(name, unit, cases or ""))

    def test_every_row_names_a_test(self):
        text = (ROOT / "docs" / "compatibility.md").read_text()
        for heading in ("## Mirrors and transports", "## What networks and senders do to RTP"):
            table = text.split(heading)[1].split("\n## ")[0]
            rows = [line for line in table.splitlines() if line.startswith("| ") and "what comes" not in line]
            self.assertGreater(len(rows), 10)
            self.assertNothing(row for row in rows if not CELL.search(row))
