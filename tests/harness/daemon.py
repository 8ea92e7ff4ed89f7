"""legtapd under test: its configuration, its life, its admin API."""
import http.client
import json
import signal
import socket
import subprocess
import unittest
from pathlib import Path

from . import accounts, wait
from .hosts import SBC, end
from .paths import LEGTAPCTL, LEGTAPD


def need_daemon():
    if not LEGTAPD.exists():
        raise unittest.SkipTest(f"{LEGTAPD} is not built")


def merge(base, changes):
    """Nested dictionaries are merged, everything else is replaced; None removes a key."""
    result = dict(base)
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merge(result[key], value)
        else:
            result[key] = value
    return result


def configuration(folder, **changes):
    """A configuration whose files all lie in `folder`, which records every leg."""
    base = {
        "site": "test",
        "ports": [{"device": "net_af_packet0,iface=mirror0"}],
        "sbc": {"addresses": [SBC]},
        "rules": [{"Track": "BOTH"}],
        "destination": {"type": "directory", "path": str(folder / "delivered"), "bucket": "recordings",
                        "retry_first_s": 0.2, "retry_most_s": 1},
        "spool": {"path": str(folder / "spool"), "max_age": 0.5, "reserve_mib": 64},
        "ledger": str(folder / "ledger"),
        "admin": {"socket": {"path": str(folder / "admin.sock"), "mode": "0600"}},
        "limits": {"streams": 16384, "tracks": 4096, "buffer_mib": 128},
    }
    return merge(base, changes)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout_s=30):
        super().__init__("localhost", timeout=timeout_s)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Legtapd:
    """One legtapd on the probe of a set of hosts. Use as a context manager: it starts, and ends at last."""

    def __init__(self, hosts, folder, config=None, eal=(), environment=None):
        need_daemon()
        self.hosts = hosts
        self.folder = Path(folder)
        self.config = config or configuration(self.folder)
        self.socket = self.config["admin"]["socket"]["path"]
        self.eal = eal
        self.environment = environment
        self.process = None
        self.starts = 0

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self.process:
            end(self.process, 30)

    def start(self):
        """Returns when the admin API answers."""
        for name in ("delivered", "spool", "ledger"):
            (self.folder / name).mkdir(exist_ok=True)
        path = self.folder / "legtap.json"
        path.write_text(json.dumps(self.config, indent="\t"))
        self.starts += 1
        self.process = self.hosts.run("probe", LEGTAPD, "--config", path, "--", *self.eal,
                                      log=f"legtapd.{self.starts}.log", env=self.environment)
        wait.until(self._answers, f"legtapd's admin socket; its log:\n{self.log()}")

    def _answers(self):
        if self.process.poll() is not None:
            raise AssertionError(f"legtapd ended with {self.process.returncode}:\n{self.log()}")
        try:
            return self.get("/v1/status")
        except (OSError, http.client.HTTPException):
            return None

    def log(self):
        path = self.folder / f"legtapd.{self.starts}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def terminate(self, timeout_s=60):
        """SIGTERM, and the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout_s)

    def kill(self):
        self.process.kill()
        self.process.wait()

    # --- the admin API ---

    def request(self, method, path, body=None):
        """(HTTP status, parsed answer)."""
        connection = UnixConnection(self.socket)
        try:
            data = json.dumps(body) if isinstance(body, (dict, list)) else body
            connection.request(method, path, data, {"Content-Type": "application/json"} if data else {})
            response = connection.getresponse()
            text = response.read().decode()
            return response.status, json.loads(text) if text[:1] in "[{" and text else text
        finally:
            connection.close()

    def get(self, path):
        status, answer = self.request("GET", path)
        if status != 200:
            raise AssertionError(f"GET {path}: {status} {answer}")
        return answer

    def actions(self, *actions, transaction=None):
        """Runs an action list and returns its events."""
        body = {"SchemaVersion": "1.0", "Actions": list(actions)}
        if transaction:
            body["TransactionId"] = transaction
        status, answer = self.request("POST", "/v1/actions", body)
        if status != 200:
            raise AssertionError(f"POST /v1/actions: {status} {answer}")
        return answer["Events"]

    def ctl(self, *arguments):
        """legtapctl --json: (exit status, parsed output, stderr)."""
        done = subprocess.run([LEGTAPCTL, "--socket", self.socket, "--json", *map(str, arguments)],
                              capture_output=True, text=True, timeout=60, check=False)
        out = json.loads(done.stdout) if done.stdout.strip() else None
        return done.returncode, out, done.stderr

    def calls(self):
        return self.get("/v1/calls")["calls"]

    def recordings(self):
        return self.get("/v1/recordings")["recordings"]

    def wait_recordings(self, count, states=("delivered",), timeout_s=60):
        """The recordings, once `count` of them are in one of the states."""
        def reached():
            found = [r for r in self.recordings() if r["state"] in states]
            return found if len(found) >= count else None
        return wait.until(reached, f"{count} recordings {' or '.join(states)}", timeout_s)

    # --- what must hold ---

    def account(self, lossless=True):
        """Asserts Rule 1 at rest; with lossless also that nothing was lost anywhere. The status."""
        last = {}

        def balanced():
            last["status"] = self.get("/v1/status")
            last["problems"] = accounts.problems(last["status"])
            return not last["problems"]
        try:
            wait.until(balanced, "balanced counters", 10)
        except AssertionError as error:
            raise AssertionError("\n".join(last["problems"])) from error
        if lossless:
            lost = list(accounts.loss_problems(last["status"]))
            if lost:
                raise AssertionError("\n".join(lost))
        return last["status"]

    def ledger(self):
        path = Path(self.config["ledger"]) / "ledger.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()]
