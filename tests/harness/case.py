"""The base of all cases: a folder of its own, kept when the case fails."""
import shutil
import tempfile
import unittest
from pathlib import Path


class Case(unittest.TestCase):
    longMessage = True
    offline = False  # True: without network, and whatever else runs
    maxDiff = 4000

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix=f"{self._testMethodName[:40]}."))
        # The first to be registered is the last to run: whatever works in the folder has ended by then.
        self.addCleanup(self._remove_folder)

    def _remove_folder(self):
        if self._passed():
            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            print(f"  its files: {self.folder}", flush=True)

    def _passed(self):
        result = self._outcome.result
        return all(test is not self for test, _ in result.failures + result.errors)

    def assertNothing(self, problems, message=""):
        """`problems` is a list of what is wrong."""
        problems = list(problems)
        self.assertFalse(problems, "\n".join([*map(str, problems[:20]), str(message)]))
