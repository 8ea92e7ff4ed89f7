#!/usr/bin/env python3
"""Runs the end-to-end or the fault tests, one line for each case as it ends.

runner.py SUITE [PATTERN...]    SUITE: a folder beside this one; PATTERN: part of a case's name

Where LEGTAP_RESULTS names a file, a line `status TAB name TAB seconds TAB note` is appended to it for
each case. The exit status is 1 when a case failed.
"""
import os
import signal
import sys
import time
import unittest
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "tools")]


def case_name(test):
    """suite/module/case, without the repetitions that Python's own id has."""
    module, _, method = test.id().partition(".")[0], *test.id().rpartition(".")[1:]
    return f"{module.removesuffix('_test')}/{method.removeprefix('test_')}"


class Result(unittest.TestResult):
    def __init__(self, suite):
        super().__init__()
        self.suite = suite
        self.began = 0.0
        self.results = os.environ.get("LEGTAP_RESULTS")

    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()

    def note(self, status, test, note=""):
        seconds = time.monotonic() - self.began if self.began else 0.0
        name = f"{self.suite}/{case_name(test)}"
        print(f"  {status:4} {name} ({seconds:.1f} s){': ' + note if note else ''}", flush=True)
        if self.results:
            with open(self.results, "a", encoding="utf-8") as file:
                print(status, name, f"{seconds:.2f}", " ".join(note.split()), sep="\t", file=file)

    def addSuccess(self, test):
        self.note("ok", test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.note("FAIL", test, str(err[1]).strip().split("\n", maxsplit=1)[0])
        print(self._exc_info_to_string(err, test), flush=True)

    def addError(self, test, err):
        self.addFailure(test, err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.note("skip", test, reason)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.addFailure(test, err)


def flatten(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from flatten(test)
        else:
            yield test


def run(suite, tests):
    result = Result(suite)
    unittest.TestSuite(tests).run(result)
    return result.wasSuccessful()


def run_beside_each_other(suite, tests):
    """Cases without a network, which nothing disturbs: one process for each core."""
    children = []
    cores = len(os.sched_getaffinity(0))
    for part in range(min(cores, len(tests))):
        child = os.fork()
        if child == 0:
            os._exit(0 if run(suite, tests[part::cores]) else 1)
        children.append(child)
    return all([os.waitpid(child, 0)[1] == 0 for child in children])


def main(suite, patterns):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    found = unittest.defaultTestLoader.discover(str(TESTS / suite), "*_test.py", str(TESTS / suite))
    wanted = [test for test in flatten(found)
              if not patterns or any(part in case_name(test) for part in patterns)]
    offline = [test for test in wanted if getattr(test, "offline", False)]
    passed = run_beside_each_other(suite, offline)
    return 0 if run(suite, [test for test in wanted if test not in offline]) and passed else 1


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2:]))
