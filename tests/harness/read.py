"""legtapd --read under test."""
import json
import subprocess
from pathlib import Path

from .daemon import need_daemon
from .paths import LEGTAPD


class Reading:
    """One run of legtapd --read. `recordings` and `ledger` are what it wrote."""

    def __init__(self, capture, out, *arguments, config=None, timeout_s=120):
        need_daemon()
        self.out = Path(out)
        command = [LEGTAPD, "--read", capture, "--out", out, *arguments]
        if config is not None:
            path = self.out.with_suffix(".config.json")
            path.write_text(json.dumps(config))
            command += ["--config", path]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=timeout_s,
                              check=False, stdin=subprocess.DEVNULL)
        self.status, self.stdout, self.stderr = done.returncode, done.stdout, done.stderr

    def _lines(self, name):
        path = self.out / name
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def recordings(self):
        return self._lines("recordings.jsonl")

    @property
    def ledger(self):
        return self._lines("ledger.jsonl")

    def explain(self):
        return f"exit {self.status}\n{self.stdout}\n{self.stderr}"
