#!/usr/bin/env python3
"""A recording client over TCP or TLS (Python's ssl), with digest credentials if it is asked for them (hashlib). One session
of one stream after the other on one connection; prints a line for each answer: `INVITE 200`.

siprec_client.py [options] ADDRESS:PORT
"""
import argparse
import contextlib
import hashlib
import re
import socket
import ssl
import subprocess
import sys
import uuid

XML = """<?xml version="1.0" encoding="UTF-8"?>
<recording xmlns='urn:ietf:params:xml:ns:recording:1'>
<datamode>complete</datamode>
<session session_id="{id}"/>
<participant participant_id="p1"><nameID aor="sip:ann@example.net"/></participant>
<stream stream_id="s1" session_id="{id}"><label>1</label></stream>
<participantstreamassoc participant_id="p1"><send>s1</send></participantstreamassoc>
</recording>"""
SDP = """v=0
o=- 1 1 IN IP4 {ip}
s=-
c=IN IP4 {ip}
t=0 0
m=audio 6000 {protocol} 8
a=label:1
a=sendonly
{crypto}"""


def lines(text):
    return text.replace("\n", "\r\n")


class Client:
    def __init__(self, options):
        self.options = options
        host, _, port = options.address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=20)
        self.transport = "TCP"
        if options.tls:
            context = ssl.create_default_context(cafile=options.tls)
            if options.certificate:
                context.load_cert_chain(options.certificate, options.key)
            self.socket = context.wrap_socket(self.socket, server_hostname=options.name)
            self.transport = "TLS"
            print(self.socket.version(), flush=True)
        self.local, self.port = self.socket.getsockname()[:2]
        self.stream = self.socket.makefile("rb")
        self.challenge = None
        self.nc = 0
        self.cseq = 0

    def credentials(self, method, uri):
        if not self.challenge:
            return ""
        c, o = self.challenge, self.options

        def h(text):
            return hashlib.new({"MD5": "md5", "SHA-256": "sha256"}[c["algorithm"]], text.encode()).hexdigest()
        self.nc += o.nc_step
        nc, cnonce = f"{self.nc:08x}", "0a4f113b"
        a1, a2 = h(f"{o.user}:{c['realm']}:{o.password}"), h(f"{method}:{uri}")
        response = h(f"{a1}:{c['nonce']}:{nc}:{cnonce}:auth:{a2}")
        return (f'Authorization: Digest username="{o.user}", realm="{c["realm"]}", nonce="{c["nonce"]}", uri="{uri}", '
                f'algorithm={c["algorithm"]}, qop=auth, nc={nc}, cnonce="{cnonce}", response="{response}"\n')

    def send(self, method, body="", kind=""):
        uri = f"sip:legtap@{self.options.address}"
        if method != "ACK":
            self.cseq += 1
        head = (f"{method} {uri} SIP/2.0\n"
                f"Via: SIP/2.0/{self.transport} {self.local}:{self.port};branch=z9hG4bK{uuid.uuid4().hex}\n"
                f"From: <sip:sbc@{self.local}>;tag=client\nTo: <{uri}>{self.to_tag}\n"
                f"Call-ID: {self.call_id}\nCSeq: {self.cseq} {method}\nMax-Forwards: 70\n"
                f"Contact: <sip:sbc@{self.local}:{self.port};transport={self.transport.lower()}>;+sip.src\n")
        if method != "ACK":
            head += self.credentials(method, uri)
        head += f"Content-Type: {kind}\n" if kind else ""
        data = lines(body).encode()
        self.socket.sendall(lines(head + f"Content-Length: {len(data)}\n\n").encode() + data)

    def receive(self):
        """First line, header lines."""
        head = []
        while True:
            line = self.stream.readline()
            if not line:
                raise EOFError("the connection was closed")
            line = line.decode().rstrip("\r\n")
            if not line and head:
                break
            if line:
                head.append(line)
        size = next((int(h.split(":")[1]) for h in head if h.lower().startswith("content-length")), 0)
        self.body = self.stream.read(size).decode()
        return head[0], head[1:]

    def choose(self, headers):
        """The first challenge in an algorithm that was asked for."""
        for header in headers:
            if not header.lower().startswith("www-authenticate"):
                continue
            found = dict(re.findall(r'(\w+)="?([^",]+)"?', header))
            if found["algorithm"] == self.options.algorithm:
                return found
        return None

    def request(self, method, body="", kind=""):
        for _ in range(3):
            self.send(method, body, kind)
            status = ""
            while not status.startswith("SIP/2.0") or status.split()[1] == "100":
                status, headers = self.receive()
            code = int(status.split()[1])
            tag = next((re.search(r";tag=([^;>\s]+)", h) for h in headers if h.lower().startswith("to:")), None)
            stale = any("stale=true" in h for h in headers)
            print(method, code, *["stale"] * stale, flush=True)
            if method == "INVITE":
                old, self.to_tag = self.to_tag, f";tag={tag.group(1)}"
                self.send("ACK")
                self.to_tag = self.to_tag if code == 200 else old
            challenge = self.choose(headers) if code == 401 and self.options.user else None
            if not challenge:
                return code
            self.challenge, self.nc = challenge, 1 - self.options.nc_step
        return code

    def sdp(self):
        crypto = self.options.crypto
        return SDP.format(ip=self.local, protocol="RTP/SAVP" if crypto else "RTP/AVP",
                          crypto=f"a=crypto:{crypto}\n" if crypto else "")

    def run(self, command):
        """With the media's address in its arguments, as they come; then what was answered."""
        host, port = re.search(r"c=IN IP. (\S+)", self.body), re.search(r"m=audio (\d+)", self.body)
        print(*re.findall(r"^(?:m|a=crypto).*[^\r\n]", self.body, re.M), sep="\n", flush=True)
        subprocess.run(command.replace("MEDIA", f"{host.group(1)}:{port.group(1)}"), shell=True, check=True,
                       stdout=sys.stderr)

    def session(self):
        self.call_id, self.to_tag = uuid.uuid4().hex, ""
        body = (f"--b\nContent-Type: application/sdp\n\n{self.sdp()}\n"
                f"--b\nContent-Type: application/rs-metadata+xml\n\n{XML.format(id=self.call_id)}\n--b--\n")
        if self.request("INVITE", body, "multipart/mixed;boundary=b") != 200:
            return False
        if self.options.run:
            self.run(self.options.run)
        if self.options.wait:
            line, headers = self.receive()
            print(line.split()[0], flush=True)
            copied = [h for h in headers if h.split(":")[0].lower() in ("via", "from", "to", "call-id", "cseq")]
            with contextlib.suppress(OSError):  # who says BYE because it ends may be gone by now
                self.socket.sendall(lines("\n".join(["SIP/2.0 200 OK", *copied, "Content-Length: 0\n\n"])).encode())
            return True
        return self.request("BYE") == 200


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("--tls", help="the authority of the server's certificate, PEM")
    parser.add_argument("--name", default="legtap.example", help="the name that the certificate must have")
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--user")
    parser.add_argument("--password", default="")
    parser.add_argument("--algorithm", default="MD5")
    parser.add_argument("--nc-step", type=int, default=1, help="0: every request has the same nc")
    parser.add_argument("--sessions", type=int, default=1)
    parser.add_argument("--wait", action="store_true", help="for a BYE")
    parser.add_argument("--crypto", help="SRTP, by this line: TAG SUITE inline:KEY")
    parser.add_argument("--run", help="a shell's command, run while the session is on; MEDIA stands for address:port")
    options = parser.parse_args()
    try:
        client = Client(options)
        return 0 if all([client.session() for _ in range(options.sessions)]) else 1
    except (OSError, EOFError) as error:
        print(type(error).__name__, error, flush=True)
        return 2


if __name__ == "__main__":
    sys.exit(main())
