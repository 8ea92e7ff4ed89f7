"""Use case 4 by an AWS SDK: boto3, its endpoint_url legtap's."""
import json
import os
import subprocess
import unittest

from application_test import OnDemand
from harness.hosts import end
from harness.paths import TOOLS

LISTEN = "127.0.0.1:8080"
KEY, SECRET = "AKIDDESK", "a/secret+of=the/desk"
PYTHON = "/usr/bin/python3"  # Debian's, which has Debian's boto3


class Client:
    """tests/tools/aws_client.py on the host of legtapd."""

    def __init__(self, case, key=KEY, secret=SECRET, region="eu-central-1", **environment):
        environment = {**os.environ, "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret,
                       "AWS_DEFAULT_REGION": region, "AWS_EC2_METADATA_DISABLED": "true", **environment}
        self.process = subprocess.Popen(
            case.hosts.command("probe", PYTHON, TOOLS / "aws_client.py", f"http://{LISTEN}"), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        case.addCleanup(self.close)
        case.assertEqual(self.process.stdout.readline().strip(), "ready")

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        end(self.process)

    def ask(self, transaction, arguments, application="sma-1"):
        parameters = {"SipMediaApplicationId": application, "TransactionId": transaction, "Arguments": arguments}
        self.process.stdin.write(json.dumps(parameters) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


class AwsTest(OnDemand):
    def setUp(self):
        super().setUp()
        done = subprocess.run([PYTHON, "-c", "import boto3"], capture_output=True, check=False)
        if done.returncode != 0:
            self.skipTest("needs python3-boto3")

    def start(self, answers=None, **changes):
        keys = self.folder / "aws_keys"
        keys.write_text(f"[desk]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
        keys.chmod(0o600)
        socket = {"path": str(self.folder / "admin.sock"), "mode": "0600"}
        super().start(answers, admin={"socket": socket, "aws": {"listen": LISTEN, "keys_file": str(keys)}}, **changes)

    def test_boto3_starts_pauses_resumes_and_stops(self):
        self.start(answers={})
        client = Client(self)

        def update(transaction, arguments):
            answer = client.ask(transaction, arguments)
            self.assertEqual(answer, {"answer": {"TransactionId": transaction}, "status": 202})

        self.drive(update)
        log = self.daemon.log()
        self.assertEqual(log.count(f", key {KEY}: POST /sip-media-applications/sma-1/calls/"), 6)
        self.assertNotIn(SECRET, log)

    def test_each_error_arrives_as_its_exception(self):
        self.start(answers={}, stuck="+4930111")
        client = Client(self, AWS_MAX_ATTEMPTS="1")  # a 429 or 503 may be tried again only when the call has ended
        nobody = "00000000-0000-5000-8000-000000000000"
        for changes, expected in (({"secret": "wrong"}, ("ForbiddenException", 403)),
                                  ({"key": "AKIDSTRANGER"}, ("UnauthorizedClientException", 401)),
                                  ({"AWS_SESSION_TOKEN": "x"}, ("UnauthorizedClientException", 401))):
            answer = Client(self, **changes).ask(nobody, {})
            self.assertEqual((answer["exception"], answer["status"]), expected, answer)
        caller = self.start_calls([("+4930111", "+4940222")])
        [call] = self.wait_asked("NEW_INBOUND_CALL")
        transaction = call["CallDetails"]["TransactionId"]
        many = {f"k{i}": "v" for i in range(21)}
        for parameters, expected in (
                ({"application": "other"}, ("NotFoundException", 404)),
                ({"transaction": nobody}, ("NotFoundException", 404)),
                ({"arguments": many}, ("BadRequestException", 400))):
            answer = client.ask(**{"transaction": transaction, "arguments": {}, **parameters})
            self.assertEqual((answer["exception"], answer["status"]), expected, answer)
            self.assertTrue(answer["message"])
        # The application answers nothing of this call: what waits for it grows to its bound.
        for _ in range(40):
            answer = client.ask(transaction, {"action": "start"})
            if "exception" in answer:
                break
        self.assertEqual((answer.get("exception"), answer["status"]), ("ThrottledClientException", 429), answer)
        self.finish(caller)


if __name__ == "__main__":
    unittest.main()
