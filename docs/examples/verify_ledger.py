#!/usr/bin/env python3
"""Checks a ledger without any help of legtap's: verify_ledger.py ledger.jsonl [SEQ:HASH]"""
import hashlib, json, sys

seq, newest, chain = 0, "0" * 64, {}
for number, line in enumerate(open(sys.argv[1], "rb"), 1):
    entry = json.loads(line)
    body = line[:-76] + b"}"  # without ,"hash":"…"}\n and with its brace again
    good = (entry["seq"], entry["prev_hash"], entry["hash"]) == (seq + 1, newest, hashlib.sha256(body).hexdigest())
    if not good:
        sys.exit(f"line {number}: the chain is broken")
    seq, newest = entry["seq"], entry["hash"]
    chain[seq] = newest
if len(sys.argv) > 2 and chain.get(int(sys.argv[2].split(":")[0])) != sys.argv[2].split(":")[1]:
    sys.exit("the head is not in the chain")
print(f"{seq}:{newest}")
