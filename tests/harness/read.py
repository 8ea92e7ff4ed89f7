"""legtapd --read under test."""
import json
import re
import subprocess
from collections import defaultdict
from pathlib import Path

from . import accounts
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

    def summary(self):
        """The summary as a status object (see accounts.py)."""
        return parse_summary(self.stdout)

    def problems(self):
        """Violations of Rule 1, losses, and threads of the pipeline that did not work."""
        status = self.summary()
        return [*accounts.problems(status), *accounts.loss_problems(status), *accounts.work_problems(status)]

    def explain(self):
        return f"exit {self.status}\n{self.stdout}\n{self.stderr}"


def parse_summary(text):
    """Counters that are not printed are 0."""
    status = {"threads": [], "ports": [], "rx": [], "writers": [], "rings": {}}
    counters = None
    for line in text.splitlines():
        if thread := re.match(r"thread (([a-z]+)\d*) +id (\d+), (any core|core (\d+))", line):
            status["threads"].append({"name": thread[1], "kind": thread[2], "tid": int(thread[3]),
                                      "core": int(thread[5] or -1)})
        elif stage := re.match(r"(rx|writer)(\d+)( in| out| notes)?:$", line):
            stages = status["rx" if stage[1] == "rx" else "writers"]
            while len(stages) <= int(stage[2]):
                stages.append(defaultdict(int))
            counters = stages[int(stage[2])]
        elif ring := re.match(r"ring (\S+) → (\S+): (\d+) chunks", line):
            status["rings"][ring[1], ring[2]] = int(ring[3])
        elif re.match(r"\S", line):
            counters = None
        elif counters is not None and (counter := re.match(r" +(\d+)  (\w+)$", line)):
            counters[counter[2]] = int(counter[1])
    return status
