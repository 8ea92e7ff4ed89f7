#!/usr/bin/env python3
"""AWS clients at the admin API's loopback address: boto3 against admin_server, by endpoint_url alone.

usage: aws_test.py ADMIN_SERVER SCHEMAS"""
import datetime
import http.client
import json
import os
import socket
import sys
import tempfile
import unittest
from unittest import mock

try:
    import boto3
    import botocore.auth
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.config import Config
    from botocore.credentials import Credentials
except ImportError:
    print("skipped: needs python3-boto3")
    sys.exit(77)

from admin_test import BODY_MAX, Server, UnixConnection

KEY, SECRET = "AKIDLEGTAPTEST", "se/cr+et=of+the/test"
CONNECTIONS = 16
PATH = "/sip-media-applications/sma/calls/x"
CALL = {"SipMediaApplicationId": "sma", "TransactionId": "some/id", "Arguments": {"action": "pause"}}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def clock_moved(minutes):
    """The client's."""
    moved = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None) + datetime.timedelta(minutes=minutes)
    if hasattr(botocore.auth, "get_current_datetime"):  # botocore of 2025
        return mock.patch("botocore.auth.get_current_datetime", return_value=moved)
    clock = mock.Mock(wraps=datetime.datetime)
    clock.utcnow.return_value = moved
    return mock.patch("botocore.auth.datetime.datetime", clock)


class AwsCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        keys = os.path.join(cls.folder.name, "keys")
        with open(os.open(keys, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write("[another]\naws_access_key_id = AKIDOTHER\naws_secret_access_key = other\n"
                       f"[desk]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
        cls.port = free_port()
        cls.server = Server(further=0, aws=(f"127.0.0.1:{cls.port}", keys))
        assert cls.server.ready, cls.server.log_text()

    @classmethod
    def tearDownClass(cls):
        code, text = cls.server.stop()
        cls.folder.cleanup()
        assert code == 0, text
        assert SECRET not in text

    def client(self, service="chime-sdk-voice", key=KEY, secret=SECRET, token=None, region="here", **config):
        """Without retries, so that each error is seen at once."""
        client = boto3.client(service, endpoint_url=f"http://127.0.0.1:{self.port}", region_name=region,
                              aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=token,
                              config=Config(retries={"max_attempts": 0}, **config))
        self.addCleanup(client.close)
        return client

    def refused(self, client, exception, says, **changes):
        with self.assertRaises(getattr(client.exceptions, exception)) as caught:
            client.update_sip_media_application_call(**{**CALL, **changes})
        self.assertIn(says, caught.exception.response["Error"]["Message"])
        return caught.exception.response["ResponseMetadata"]["HTTPStatusCode"]

    def raw(self, method, path, headers, body=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        c.request(method, path, body, headers)
        r = c.getresponse()
        data = r.read()
        c.close()
        return r.status, r.getheader("x-amzn-ErrorType"), json.loads(data)

    def signed(self, method, path, body=None):
        request = AWSRequest(method, f"http://127.0.0.1:{self.port}{path}", data=body)
        SigV4Auth(Credentials(KEY, SECRET), "chime", "here").add_auth(request)
        return self.raw(method, path, {**request.headers, "Host": f"127.0.0.1:{self.port}"}, body)


class Calls(AwsCase):
    def test_both_clients(self):
        for service in ("chime", "chime-sdk-voice"):
            try:
                client = self.client(service)
                call = client.update_sip_media_application_call
            except AttributeError:
                continue  # newer SDKs have it in chime-sdk-voice alone
            for transaction in ("some/id", "a b~c%2F+ü:@"):
                answer = call(**{**CALL, "TransactionId": transaction})
                self.assertEqual(answer["SipMediaApplicationCall"], {"TransactionId": transaction})
                self.assertEqual(answer["ResponseMetadata"]["HTTPStatusCode"], 202)

    def test_each_error_is_its_exception(self):
        client = self.client()
        for application, status, name in (
            ("bad", 400, "BadRequestException"),
            ("none", 404, "NotFoundException"),
            ("busy", 429, "ThrottledClientException"),
            ("ending", 503, "ServiceUnavailableException"),
            ("broken", 500, "ServiceFailureException"),
        ):
            self.assertEqual(self.refused(client, name, f"{application} of some/id",
                                          SipMediaApplicationId=application), status)

    def test_the_audit_log_names_the_key(self):
        self.client().update_sip_media_application_call(**{**CALL, "TransactionId": "audited"})
        self.assertRegex(self.server.log_text(),
                         rf"127\.0\.0\.1:\d+, key {KEY}: POST /sip-media-applications/sma/calls/audited: 202")
        self.refused(self.client(secret="wrong"), "ForbiddenException", "", TransactionId="forged")
        self.assertRegex(self.server.log_text(), r"127\.0\.0\.1:\d+: POST /\S*/forged: 403: the signature is not")


class Signatures(AwsCase):
    def test_strangers(self):
        client = self.client(secret=SECRET + "x")
        self.assertEqual(self.refused(client, "ForbiddenException", f"by the secret key of {KEY}"), 403)
        client = self.client(key="AKIDSTRANGER")
        self.assertEqual(self.refused(client, "UnauthorizedClientException", "AKIDSTRANGER is not in"), 401)
        client = self.client(token="a session's")
        self.assertEqual(self.refused(client, "UnauthorizedClientException", "temporary credentials"), 401)
        client = self.client(signature_version=botocore.UNSIGNED)
        self.assertEqual(self.refused(client, "UnauthorizedClientException", "Authorization"), 401)
        client = self.client(region="elsewhere")
        self.assertEqual(self.refused(client, "ForbiddenException", "admin.aws.region"), 403)

    def test_altered_on_the_way(self):
        def body(request, **_):
            request.body = request.body.replace(b"pause", b"start")

        def path(request, **_):
            request.url = request.url.replace("/sma/", "/smb/")

        def method(request, **_):
            request.method = "PUT"

        def date(request, **_):
            sent = datetime.datetime.strptime(request.headers["X-Amz-Date"].decode(), "%Y%m%dT%H%M%SZ")
            later = sent + datetime.timedelta(seconds=1 if sent.second < 59 else -1)
            request.headers["X-Amz-Date"] = later.strftime("%Y%m%dT%H%M%SZ")

        for alter in (body, path, method, date):
            client = self.client()
            client.meta.events.register("before-send.chime-sdk-voice.*", alter)
            self.refused(client, "ForbiddenException", "the signature is not that of this request")

    def test_clocks(self):
        for minutes, taken in ((-14, True), (14, True), (-16, False), (16, False)):
            with clock_moved(minutes):
                if taken:
                    self.client().update_sip_media_application_call(**CALL)
                else:
                    self.refused(self.client(), "ForbiddenException", "15 minutes")


class Edges(AwsCase):
    def test_there_is_nothing_else(self):
        for method, path in (("GET", "/v1/status"), ("POST", "/v1/actions"), ("GET", "/metrics"), ("GET", PATH),
                             ("GET", "/v1/events"), ("POST", "/v1/sip-events")):
            status, name, answer = self.signed(method, path)
            self.assertEqual((status, name), (404, "NotFoundException"), (path, answer))
            status, name, _ = self.raw(method, path, {})
            self.assertEqual((status, name), (401, "UnauthorizedClientException"), path)
        self.assertEqual(self.signed("POST", PATH, "{}")[0], 202)
        self.assertEqual(self.signed("POST", PATH + "?x=1", "{}")[:2], (401, "UnauthorizedClientException"))

    def test_the_socket_asks_for_no_signature(self):
        self.assertEqual(self.server.request("POST", PATH, "{}")[0].status, 202)

    def test_too_long_bodies(self):
        self.assertEqual(self.signed("POST", PATH, "x" * (BODY_MAX + 1))[:2], (413, "BadRequestException"))
        self.assertEqual(self.signed("POST", PATH, "x" * BODY_MAX)[0], 202)

    def test_what_is_no_request(self):
        for data in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"POST /x HTTP/1.1\r\nno header\r\n\r\n",
                     b"POST /x HTTP/1.1\r\nX: " + b"x" * 65536, b"GET / HTTP/1.1\r\nHost: x\r\n"):
            for _ in range(3):
                s = socket.create_connection(("127.0.0.1", self.port))
                s.sendall(data)  # and goes away, in the middle of a request too
                s.close()
        self.client().update_sip_media_application_call(**CALL)

    def test_idle_connections_do_not_shut_the_socket(self):
        """No more of them are taken than may be; the Unix socket has a number of its own."""
        idle = [socket.create_connection(("127.0.0.1", self.port)) for _ in range(CONNECTIONS + 4)]
        c = UnixConnection(self.server.path)
        c.request("GET", "/v1/status")
        self.assertEqual(c.getresponse().status, 200)
        c.close()
        for s in idle:
            s.close()
        self.client().update_sip_media_application_call(**CALL)


class Start(unittest.TestCase):
    def start(self, listen, keys):
        server = Server(further=0, aws=(listen, keys))
        ready = server.ready
        code, text = server.stop()
        return ready, code, text

    def test_bad_keys_and_addresses_are_told(self):
        with tempfile.NamedTemporaryFile("w") as keys, socket.socket() as other:
            listen = f"127.0.0.1:{free_port()}"
            ready, code, text = self.start(listen, keys.name)
            self.assertEqual((ready, code), (False, 1))
            self.assertIn("admin.aws.keys_file: " + keys.name + ": no key", text)
            keys.write("aws_access_key_id = A\naws_secret_access_key = S\n")
            keys.flush()
            for at in (listen, f"[::1]:{free_port()}"):
                ready, code, text = self.start(at, keys.name)
                self.assertEqual((ready, code), (True, 0), text)
                self.assertIn(f"listening at {at} for AWS clients", text)
            os.chmod(keys.name, 0o644)
            self.assertIn(f"chmod 0640, or 0600, {keys.name}", self.start(listen, keys.name)[2])
            os.chmod(keys.name, 0o600)
            other.bind(("127.0.0.1", 0))
            other.listen()
            taken = f"127.0.0.1:{other.getsockname()[1]}"
            self.assertIn(f"admin.aws.listen: cannot listen at {taken}: ", self.start(taken, keys.name)[2])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
