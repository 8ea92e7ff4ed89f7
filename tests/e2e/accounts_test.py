"""Which account a call belongs to, live and in a capture of the same mirror; and what each account is billed."""
import csv
import io
import subprocess
from decimal import Decimal

from harness.case import Case
from harness.daemon import Legtapd, configuration
from harness.hosts import CALLEE, Hosts
from harness.mirror import MirrorCapture
from harness.paths import LEGTAPCTL
from harness.read import Reading

# SIPp's caller gives its first call the Session-ID 00…01, and so on; the B2BUA copies it to the second leg.
ACCOUNTS = [
    {"id": "header", "match": {"header": "session-id", "value": "*1;remote=*"}, "rate_per_minute": "6",
     "currency": "EUR"},
    {"id": "called", "match": {"called": "ivr2"}, "rate_per_minute": "0.6", "currency": "EUR"},
    {"id": "caller", "match": {"caller": "+4940*"}, "rate_per_minute": "0.06", "currency": "USD",
     "currency_digits": 4},
    {"id": "trunk", "match": {"trunk": [f"{CALLEE}/32"]}, "rate_per_minute": "60", "currency": "EUR"},
]
CALLS = [("+4940111", "ivr1"), ("+4940222", "ivr2"), ("+4940333", "ivr3"), ("+4930444", "+4950444")]
EXPECTED = {("+4940111", "LEG-A"): "header", ("+4940222", "LEG-A"): "called", ("+4940333", "LEG-A"): "caller",
            ("+4930444", "LEG-A"): "default", ("+4950444", "LEG-B"): "trunk"}


class AccountsTest(Case):
    def setUp(self):
        super().setUp()
        self.hosts = self.enterContext(Hosts(self.folder))

    def test_live_and_read(self):
        self.run_calls()
        live = self.daemon.wait_recordings(5)
        self.assertEqual(self.by_participant(live), EXPECTED)
        self.check_bill(live)
        self.daemon.account()
        self.assertEqual(self.daemon.terminate(), 0)
        self.seen.stop()
        config = {name: self.daemon.config[name] for name in ("site", "sbc", "rules", "accounts")}
        reading = Reading(self.folder / "mirror.pcap", self.folder / "read", config=config)
        self.assertEqual(reading.status, 0, reading.explain())
        self.assertEqual(self.by_participant(reading.recordings), EXPECTED)
        self.assertEqual({e["account"] for e in reading.ledger}, set(EXPECTED.values()))

    def run_calls(self):
        self.daemon = self.enterContext(Legtapd(self.hosts, self.folder, configuration(
            self.folder, accounts=ACCOUNTS)))
        self.seen = MirrorCapture(self.hosts, self.folder / "mirror.pcap")
        self.hosts.start_sbc()
        self.hosts.start_callee(1)
        caller = self.hosts.start_caller(CALLS, rate=5)
        self.assertEqual(caller.wait(60), 0, (self.folder / "caller.log").read_text())

    @staticmethod
    def by_participant(recordings):
        return {(r["participant"].removeprefix("sip:").split("@")[0], r["participant_tag"]): r["account"]
                for r in recordings}

    def table(self, *arguments):
        return subprocess.run([LEGTAPCTL, "--socket", self.daemon.socket, "billing", *arguments], capture_output=True,
                              text=True, timeout=60, check=True).stdout

    def check_bill(self, recordings):
        """Per account: table, JSON and CSV agree, and the amount is what the tariff says."""
        days = sorted(r["stop"][:10] for r in recordings)
        for account in ACCOUNTS:
            [recording] = [r for r in recordings if r["account"] == account["id"]]
            seconds = -(-recording["duration_ms"] // 1000)
            amount = (seconds * Decimal(account["rate_per_minute"]) / 60).quantize(
                Decimal(1).scaleb(-account.get("currency_digits", 2)), "ROUND_HALF_UP")
            options = ("--account", account["id"], "--from", days[0])
            status, bill, stderr = self.daemon.ctl("billing", *options)
            self.assertEqual(status, 0, stderr)
            self.assertEqual([(u["call_id"], u["billed_seconds"], u["amount"]) for u in bill["lines"]],
                             [(recording["call_id"], seconds, str(amount))])
            lines = list(csv.DictReader(io.StringIO(self.table("--csv", *options))))
            self.assertEqual([(u["account"], u["amount"], u["currency"]) for u in lines],
                             [(account["id"], str(amount), account["currency"])])
            self.assertRegex(self.table(*options),
                             rf"(?m)^{account['id']} +1 .* {seconds} +{amount} +{account['currency']}$")
        self.assertEqual(self.daemon.ctl("billing", "--to", days[0])[1]["lines"], [], "an earlier period")
