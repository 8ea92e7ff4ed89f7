"""Ledgers for tests, written without legtap's help: docs/ledger.md is what they follow."""
import hashlib
import json
import uuid

NIL = "0" * 64


class Ledger:
    def __init__(self, path):
        self.path = path
        self.seq, self.hash = 0, NIL
        open(path, "w").close()

    @property
    def head(self):
        return f"{self.seq}:{self.hash}"

    def append(self, kind, account, number, time, **own):
        """An entry of the number-th recording."""
        ids = {name: str(uuid.uuid5(uuid.NAMESPACE_URL, f"{name}{number}"))
               for name in ("transaction_id", "call_id", "recording_id")}
        self.append_entry({"time": time, "type": kind, "account": account, **ids, **own})

    def append_entry(self, members):
        entry = {"seq": self.seq + 1, "prev_hash": self.hash, **members}
        body = json.dumps(entry, separators=(",", ":"))
        self.seq, self.hash = self.seq + 1, hashlib.sha256(body.encode()).hexdigest()
        with open(self.path, "a") as file:
            file.write(f'{body[:-1]},"hash":"{self.hash}"}}\n')

    def start(self, account, number, time, rate="0.06", currency="USD", digits=4):
        self.append("start", account, number, time, rate_per_minute=rate, currency=currency, currency_digits=digits,
                    rounding_seconds=1, minimum_seconds=0)

    def stop(self, account, number, time, duration_ms):
        self.append("stop", account, number, time, duration_ms=duration_ms, reason="hangup")

    def delivered(self, account, number, time):
        self.append("delivered", account, number, time, sha256="5" * 64, bytes=1234)


def example(path):
    """Two usages delivered, of two accounts, in January and in February; one undelivered; one open."""
    ledger = Ledger(path)
    ledger.start("acme", 1, "2026-01-31T10:00:00.000Z")
    ledger.start("default", 2, "2026-01-31T10:00:01.000Z", rate="0", currency="XXX", digits=2)
    ledger.stop("acme", 1, "2026-01-31T10:01:30.500Z", 90500)
    ledger.delivered("acme", 1, "2026-01-31T10:01:32.000Z")
    ledger.stop("default", 2, "2026-02-01T00:00:00.000Z", 50399000)
    ledger.delivered("default", 2, "2026-02-01T00:00:02.000Z")
    ledger.start("acme", 3, "2026-02-01T08:00:00.000Z")
    ledger.stop("acme", 3, "2026-02-01T08:01:00.000Z", 60000)
    ledger.start("acme", 4, "2026-02-01T09:00:00.000Z")
    return ledger
