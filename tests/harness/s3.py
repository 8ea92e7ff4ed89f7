"""An S3 store: s3rver (npm) behind a server that computes each request's signature anew, for s3rver takes any."""
import os
import shutil
import subprocess
import unittest

from . import wait
from .hosts import end
from .paths import TOOLS

ACCESS_KEY, SECRET_KEY = "LEGTAPTEST", "not-a-secret/only+for=tests"
STORE_PORT, FRONT_PORT = 4568, 9000
S3RVER = TOOLS / "node_modules" / "s3rver" / "bin" / "s3rver.js"


def environment(secret=SECRET_KEY):
    """What legtapd needs in its environment to sign."""
    return {**os.environ, "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": secret}


def destination(bucket="recordings"):
    return {"type": "s3", "endpoint": f"http://127.0.0.1:{FRONT_PORT}", "region": "eu-central-1", "path_style": True,
            "bucket": bucket, "retry_first_s": 0.2, "retry_most_s": 1, "path": None}


class Store:
    """Runs on the probe, where legtapd runs. `start` and `stop` any number of times."""

    def __init__(self, hosts, folder, bucket="recordings"):
        if not S3RVER.exists() or not shutil.which("node"):
            raise unittest.SkipTest("s3rver is not installed (scripts/setup does it)")
        self.hosts = hosts
        self.folder = folder / "s3"
        self.bucket = bucket
        self.processes = []

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        store = self.hosts.run("probe", "node", S3RVER, "-d", self.folder, "-a", "127.0.0.1", "-p", STORE_PORT,
                               "--configure-bucket", self.bucket, log="s3rver.log")
        front = self.hosts.run("probe", "python3", "-B", TOOLS / "sigv4_server.py",
                               "--listen", f"127.0.0.1:{FRONT_PORT}", "--forward", f"127.0.0.1:{STORE_PORT}",
                               "--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY, log="sigv4.log")
        self.processes = [front, store]
        for port in (STORE_PORT, FRONT_PORT):
            wait.until(lambda port=port: self._listens(port), f"the S3 store's port {port}")

    def stop(self):
        for process in self.processes:
            end(process)
        self.processes = []

    def _listens(self, port):
        """Looks into the probe's table of sockets: the port is in its network namespace, not in ours."""
        done = subprocess.run(self.hosts.command("probe", "ss", "-Hltn", f"sport = :{port}"), capture_output=True,
                              text=True, check=True)
        return bool(done.stdout.strip())

    def head(self, key):
        """(headers, body) of an object, asked of s3rver itself."""
        code = ("import sys, urllib.request as u; r = u.urlopen(sys.argv[1]); "
                "print(r.headers, end=''); sys.stdout.flush(); sys.stdout.buffer.write(r.read())")
        url = f"http://127.0.0.1:{STORE_PORT}/{self.bucket}/{key}"
        done = subprocess.run(self.hosts.command("probe", "python3", "-c", code, url), capture_output=True, check=True)
        head, _, body = done.stdout.partition(b"\n\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
        return {k.lower(): v for k, v in headers.items()}, body
