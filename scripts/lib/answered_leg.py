"""Reads the list of calls (legtapctl --json calls), prints the CallId of the first answered leg whose
called number begins with the argument; exit status 1 when there is none."""
import json
import sys

for call in json.load(sys.stdin)["calls"]:
    if call["state"] == "answered" and call["to"].startswith(sys.argv[1]):
        print(call["call_id"])
        sys.exit(0)
sys.exit(1)
