#!/usr/bin/env python3
"""A small SIP media application for tests: an event handler as customers have it, behind HTTP.

application.py --port PORT --log FILE [--answers FILE] [--stuck NUMBER]

Each event is appended to --log as a JSON line when it arrives, with `_at` (epoch seconds) and `_path` beside. The
answer comes from --answers: an object from InvocationEventType to a list of answers, the n-th for the n-th event of
that type in a transaction, the last for all further ones. An answer is a list of actions; or an object: `actions`,
`attributes`, and, to misbehave, `delay_s`, `status`, `body` (sent as it is), `function_error`. In actions "$LEG-A"
and "$LEG-B" stand for the CallId of the newest live participant with that tag.

Events of calls from the --stuck number are logged and not answered.
CALL_UPDATE_REQUESTED is answered by its Arguments: {"action": "start|pause|resume|stop"} on LEG-A, BOTH tracks.
Prints `ready` when it listens.
"""
import argparse
import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TYPES = {"start": "StartCallRecording", "pause": "PauseCallRecording", "resume": "ResumeCallRecording",
         "stop": "StopCallRecording"}


def recording_action(word, location):
    parameters = {"CallId": "$LEG-A"}
    if word == "start":
        parameters |= {"Track": "BOTH", "Destination": {"Type": "S3", "Location": location}}
    return {"Type": TYPES[word], "Parameters": parameters}


def call_ids(event):
    """Tag → CallId."""
    return {p["ParticipantTag"]: p["CallId"] for p in event["CallDetails"]["Participants"]
            if p.get("Status") != "Disconnected"}


def filled_in(actions, event):
    text = json.dumps(actions)
    for tag, call_id in call_ids(event).items():
        text = text.replace(f"${tag}", call_id)
    return json.loads(text)


class Application:
    def __init__(self, options):
        self.answers = json.loads(open(options.answers).read()) if options.answers else {}
        self.log = open(options.log, "a", buffering=1)
        self.location = options.location
        self.stuck = options.stuck
        self.seen = Counter()
        self.lock = threading.Lock()

    def answer(self, event, path):
        with self.lock:
            self.log.write(json.dumps({**event, "_at": time.time(), "_path": path}) + "\n")
            key = (event["CallDetails"]["TransactionId"], event["InvocationEventType"])
            place = self.seen[key]
            self.seen[key] += 1
        if event["CallDetails"]["Participants"][0]["From"] == self.stuck:
            return {"delay_s": 3600}
        known = self.answers.get(key[1], [])
        if known:
            return known[min(place, len(known) - 1)]
        if key[1] == "CALL_UPDATE_REQUESTED":
            word = event["ActionData"]["Parameters"]["Arguments"]["action"]
            return [recording_action(word, self.location)]
        return []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = self.server.application.answer(event, self.path)
        if isinstance(answer, list):
            answer = {"actions": answer}
        time.sleep(answer.get("delay_s", 0))
        body = answer.get("body")
        if body is None:
            o = {"SchemaVersion": "1.0", "Actions": filled_in(answer.get("actions", []), event)}
            if "attributes" in answer:
                o["TransactionAttributes"] = answer["attributes"]
            body = json.dumps(o)
        try:
            self.send(answer, body.encode())
        except OSError:
            pass  # the client has given up

    def send(self, answer, data):
        self.send_response(answer.get("status", 200))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if answer.get("function_error"):
            self.send_header("X-Amz-Function-Error", "Unhandled")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("--answers")
    parser.add_argument("--location", default="recordings")
    parser.add_argument("--stuck")
    options = parser.parse_args()
    server = Server(("127.0.0.1", options.port), Handler)
    server.application = Application(options)
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
