#!/usr/bin/env python3
"""A program with an AWS SDK, as customers have it: asks for UpdateSipMediaApplicationCall, pointed at legtap by
endpoint_url alone. Its credentials and region are in the environment, as always.

aws_client.py ENDPOINT_URL

Standard input: a JSON object of the call's parameters a line. Standard output, for each: {"answer": …}, or
{"exception": CLASS, "message": …, "status": …} of the client's own exception classes. Prints `ready` before.
"""
import json
import sys

import boto3
from botocore.exceptions import ClientError


def main():
    client = boto3.client("chime-sdk-voice", endpoint_url=sys.argv[1])
    print("ready", flush=True)
    for line in sys.stdin:
        try:
            answer = client.update_sip_media_application_call(**json.loads(line))
            result = {"answer": answer["SipMediaApplicationCall"],
                      "status": answer["ResponseMetadata"]["HTTPStatusCode"]}
        except ClientError as error:
            result = {"exception": type(error).__name__, "message": error.response["Error"]["Message"],
                      "status": error.response["ResponseMetadata"]["HTTPStatusCode"]}
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
