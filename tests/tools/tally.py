#!/usr/bin/env python3
"""Turns meson's testlog.json into result lines: tally.py SUITE testlog.json

A cmocka program counts case by case; any other program counts as one.
"""
import json
import re
import sys

MARKS = {"OK": "ok", "FAILED": "FAIL", "SKIPPED": "skip"}


def cases(entry):
    """(status, name) of each cmocka case in a program's output."""
    text = entry.get("stdout", "") + entry.get("stderr", "")
    for mark, name in re.findall(r"^\[ +(OK|FAILED|SKIPPED) +\] (\w+)$", text, re.M):
        yield MARKS[mark], name


def why_skipped(entry, name):
    """What a case printed before it skipped itself."""
    text = entry.get("stdout", "") + entry.get("stderr", "")
    said = re.search(rf"^\[ RUN +\] {name}$\n(.*?)^\[ +SKIPPED +\] {name}$", text, re.M | re.S)
    return " ".join(said[1].split()) if said and said[1].strip() else "it does not say why"


def last_line(entry):
    """A program that skips itself says why in its last line."""
    said = (entry.get("stdout", "") + entry.get("stderr", "")).strip().splitlines()
    return said[-1] if said else "it does not say why"


def lines(suite, entry):
    program = entry["name"].split(" / ")[-1].split(":")[-1]
    passed = entry["result"] in ("OK", "EXPECTEDFAIL")
    seconds = entry["duration"]
    found = list(dict.fromkeys(cases(entry)))
    for status, name in found:
        yield status, f"{suite}/{program}/{name}", seconds / len(found), why_skipped(entry, name) if status == "skip" else ""
    if entry["result"] == "SKIP":
        yield "skip", f"{suite}/{program}", seconds, last_line(entry)
    elif not passed and not any(status == "FAIL" for status, _ in found):
        yield "FAIL", f"{suite}/{program}", seconds, f"{entry['result']}, exit {entry.get('returncode')}"
    elif not found:
        yield "ok", f"{suite}/{program}", seconds, ""


def main(suite, path):
    with open(path, encoding="utf-8") as log:
        for line in log:
            for status, name, seconds, note in lines(suite, json.loads(line)):
                print(status, name, f"{seconds:.2f}", note, sep="\t")


if __name__ == "__main__":
    main(*sys.argv[1:3])
