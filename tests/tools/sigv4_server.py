#!/usr/bin/env python3
"""An S3 end for tests that recomputes every AWS signature version 4 by itself.

It works from the request as it came (hmac and hashlib, nothing of the client's), answers 403 on any
mismatch, and then stores the object in a folder, or hands the request on to another server
(--upstream), which may take any signature.

    sigv4_server.py --folder DIR [--port 0] [--region R] [--access-key A] [--secret-key S]
                    [--session-token T] [--domain HOST] [--upstream URL] [--log FILE]
                    [--fail N] [--status S]

It prints "port N" when it listens. --fail N: the first N requests (all: -1) whose signature is good
are answered with --status (503). --domain: the bucket may stand before it in the Host header.
An object's metadata lie beside it as <key>.meta.json. --log gets one JSON object a request.
"""

import argparse
import base64
import datetime
import hashlib
import hmac
import http.client
import http.server
import json
import os
import re
import socket
import sys
import tempfile
import threading
import urllib.parse

MAX_SKEW_S = 900
CREDENTIAL = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=([^/,]+)/(\d{8})/([^/,]+)/([^/,]+)/aws4_request,\s*"
    r"SignedHeaders=([a-z0-9;-]+),\s*Signature=([0-9a-f]{64})$")


class Refused(Exception):
    """The request is not what its signature says."""


def sign(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def canonical_path(path):
    return urllib.parse.quote(urllib.parse.unquote(path), safe="/-_.~")


def canonical_query(query):
    pairs = urllib.parse.parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    return "&".join(f"{urllib.parse.quote(k, safe='-_.~')}={urllib.parse.quote(v, safe='-_.~')}"
                    for k, v in sorted(pairs))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "sigv4"

    def log_message(self, format, *args):
        pass

    def take_body(self):
        """The body in a file, with its SHA-256 and MD5."""
        body = tempfile.TemporaryFile()
        sha256, md5 = hashlib.sha256(), hashlib.md5()
        left = int(self.headers.get("Content-Length", 0))
        while left > 0:
            data = self.rfile.read(min(left, 1 << 20))
            if not data:
                raise ConnectionError("the body was cut short")
            left -= len(data)
            body.write(data)
            sha256.update(data)
            md5.update(data)
        body.seek(0)
        return body, sha256.hexdigest(), md5

    def signed_headers(self, names):
        lines = []
        for name in names:
            values = self.headers.get_all(name)
            if values is None:
                raise Refused(f"signed header {name} is not there")
            value = ",".join(" ".join(v.split()) for v in values)
            lines.append(f"{name}:{value}\n")
        return "".join(lines)

    def check_scope(self, key, day, region, service, names):
        options = self.server.options
        if key != options.access_key:
            raise Refused(f"unknown access key {key}")
        if region != options.region or service != "s3":
            raise Refused(f"scope {region}/{service}, not {options.region}/s3")
        if names != sorted(names):
            raise Refused("signed headers are not sorted")
        present = {n.lower() for n in self.headers.keys()}
        must = {n for n in present if n.startswith("x-amz-")} | {"host", "x-amz-date",
                                                                  "x-amz-content-sha256"}
        must |= present & {"content-md5", "content-type"}
        missing = must - set(names)
        if missing:
            raise Refused("not signed: " + ", ".join(sorted(missing)))
        date = self.headers["x-amz-date"]
        if not date.startswith(day):
            raise Refused("the scope is of another day")
        when = datetime.datetime.strptime(date, "%Y%m%dT%H%M%SZ")
        now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
        if abs((now - when).total_seconds()) > MAX_SKEW_S:
            raise Refused("the request is too old or too new")
        if options.session_token and self.headers["x-amz-security-token"] != options.session_token:
            raise Refused("wrong session token")

    def check_signature(self, sha256):
        match = CREDENTIAL.match(self.headers.get("Authorization", ""))
        if not match:
            raise Refused("no signature of version 4")
        key, day, region, service, names, signature = match.groups()
        names = names.split(";")
        self.check_scope(key, day, region, service, names)
        if self.headers["x-amz-content-sha256"] != sha256:
            raise Refused("the body is not what x-amz-content-sha256 says")
        url = urllib.parse.urlsplit(self.path)
        request = "\n".join([self.command, canonical_path(url.path), canonical_query(url.query),
                             self.signed_headers(names), ";".join(names), sha256])
        text = "\n".join(["AWS4-HMAC-SHA256", self.headers["x-amz-date"],
                          f"{day}/{region}/{service}/aws4_request",
                          hashlib.sha256(request.encode()).hexdigest()])
        secret = ("AWS4" + self.server.options.secret_key).encode()
        for part in (day, region, service, "aws4_request"):
            secret = sign(secret, part)
        expected = hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, signature):
            raise Refused("the signature does not match; canonical request:\n" + request)

    def check_md5(self, md5):
        given = self.headers.get("Content-MD5")
        if given is not None and base64.b64decode(given) != md5.digest():
            raise Refused("the body is not what Content-MD5 says")

    def answer(self, status, code="", message="", headers=()):
        text = ""
        if code:
            text = ('<?xml version="1.0" encoding="UTF-8"?>\n'
                    f"<Error><Code>{code}</Code><Message>{message}</Message></Error>")
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text.encode())

    def object_path(self):
        key = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path).lstrip("/")
        domain = self.server.options.domain
        host = self.headers["Host"].rsplit(":", 1)[0]
        if domain and host.endswith("." + domain):
            key = host[:-len(domain) - 1] + "/" + key
        path = os.path.normpath(os.path.join(self.server.options.folder, key))
        if not path.startswith(os.path.abspath(self.server.options.folder) + os.sep):
            raise Refused("the key leaves the folder")
        return path

    def store(self, body, md5):
        path = self.object_path()
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + ".part", "wb") as out:
            while data := body.read(1 << 20):
                out.write(data)
        meta = {n.lower()[len("x-amz-meta-"):]: v for n, v in self.headers.items()
                if n.lower().startswith("x-amz-meta-")}
        with open(path + ".meta.json", "w", encoding="utf-8") as out:
            json.dump({"content-type": self.headers.get("Content-Type"), "metadata": meta}, out)
        os.replace(path + ".part", path)
        self.answer(200, headers=[("ETag", f'"{md5.hexdigest()}"')])

    def fetch(self):
        path = self.object_path()
        if not os.path.isfile(path):
            self.answer(404, "NoSuchKey", "The specified key does not exist.")
            return
        with open(path, "rb") as stored:
            data = stored.read()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", f'"{hashlib.md5(data).hexdigest()}"')
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def forward(self, body):
        upstream = urllib.parse.urlsplit(self.server.options.upstream)
        connection = http.client.HTTPConnection(upstream.hostname, upstream.port, timeout=60)
        headers = {n: v for n, v in self.headers.items() if n.lower() != "expect"}
        connection.request(self.command, self.path, body=body, headers=headers)
        response = connection.getresponse()
        data = response.read()
        self.send_response(response.status)
        for name, value in response.getheaders():
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "date",
                                    "server"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
        connection.close()

    def note(self, outcome):
        options = self.server.options
        if not options.log:
            return
        entry = {"method": self.command, "path": self.path, "outcome": outcome,
                 "headers": {n.lower(): v for n, v in self.headers.items()}}
        with self.server.lock, open(options.log, "a", encoding="utf-8") as log:
            log.write(json.dumps(entry) + "\n")

    def must_fail(self):
        with self.server.lock:
            left = self.server.failures_left
            if left > 0:
                self.server.failures_left -= 1
            return left != 0

    def serve(self):
        body, sha256, md5 = self.take_body()
        with body:
            try:
                self.check_signature(sha256)
                self.check_md5(md5)
                if self.must_fail():
                    self.note("failed on purpose")
                    self.answer(self.server.options.status, "OnPurpose", "told to fail")
                    return
                self.note("good")
                if self.server.options.upstream:
                    self.forward(body)
                elif self.command == "PUT":
                    self.store(body, md5)
                else:
                    self.fetch()
            except Refused as why:
                self.note(f"refused: {why}")
                self.answer(403, "SignatureDoesNotMatch", str(why))

    do_PUT = do_GET = do_HEAD = do_POST = do_DELETE = serve


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, options):
        super().__init__((options.address, options.port), Handler)
        self.options = options
        self.failures_left = options.fail
        self.lock = threading.Lock()
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", required=True)
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--access-key", default="S3RVER")
    parser.add_argument("--secret-key", default="S3RVER")
    parser.add_argument("--session-token", default="")
    parser.add_argument("--domain", default="")
    parser.add_argument("--upstream", default="")
    parser.add_argument("--log", default="")
    parser.add_argument("--fail", type=int, default=0)
    parser.add_argument("--status", type=int, default=503)
    options = parser.parse_args()
    options.folder = os.path.abspath(options.folder)
    server = Server(options)
    print(f"port {server.server_address[1]}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
