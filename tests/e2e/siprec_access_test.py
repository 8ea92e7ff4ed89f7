"""Who may open recording sessions: TLS with and without client certificates (openssl's and Python's clients), digest
credentials (SIPp's and Python's)."""
import hashlib
import signal
import subprocess

from harness import wait
from harness.case import Case
from harness.daemon import Legtapd, configuration
from harness.hosts import PROBE, SBC, Hosts
from harness.paths import SIPP, TOOLS

TLS = f"{PROBE}:5061"


class AccessCase(Case):
    def setUp(self):
        super().setUp()
        self.hosts = self.enterContext(Hosts(self.folder))

    def start(self, listen, **siprec):
        config = configuration(self.folder, ports=[{"device": "net_af_packet0,iface=eth0"}], rules=[],
                               siprec={"listen": listen, **siprec})
        return self.enterContext(Legtapd(self.hosts, self.folder, config))

    def client(self, *arguments):
        """The lines of the Python client."""
        done = subprocess.run(self.hosts.command("sbc", "python3", TOOLS / "siprec_client.py", *arguments),
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.stderr, "")
        return done.stdout.splitlines()

    def openssl(self, *arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)

    def certificate(self, name, issuer=None):
        """NAME.pem and NAME.key; of its own authority without an issuer."""
        key, pem = self.folder / f"{name}.key", self.folder / f"{name}.pem"
        by = ["-CA", self.folder / f"{issuer}.pem", "-CAkey", self.folder / f"{issuer}.key"] if issuer else []
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 2,
                     "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-addext",
                     f"basicConstraints=critical,CA:{'FALSE' if issuer else 'TRUE'}",
                     "-keyout", key, "-out", pem, *by)
        return pem


class TlsTest(AccessCase):
    def setUp(self):
        super().setUp()
        self.ca = self.certificate("authority")
        self.certificate("legtap.example", "authority")
        self.tls = {"certificate": str(self.folder / "legtap.example.pem"),
                    "key": str(self.folder / "legtap.example.key")}

    def s_client(self, *arguments):
        """OPTIONS by openssl's client: all it prints."""
        request = (f"OPTIONS sip:legtap@{TLS} SIP/2.0\r\nVia: SIP/2.0/TLS {SBC}:5061;branch=z9hG4bKs\r\n"
                   f"From: <sip:a@{SBC}>;tag=1\r\nTo: <sip:legtap@{TLS}>\r\nCall-ID: s\r\nCSeq: 1 OPTIONS\r\n"
                   "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n").encode()
        process = subprocess.Popen(
            self.hosts.command("sbc", "openssl", "s_client", "-connect", TLS, "-CAfile", self.ca, "-verify_return_error",
                               "-servername", "legtap.example", *arguments),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            process.stdin.write(request)
            process.stdin.flush()
            text = b""
            while line := process.stdout.readline():  # ends by the answer, or when openssl gives up
                text += line
                if line.startswith(b"Contact:"):
                    break
            return text.decode(errors="replace")
        finally:
            process.kill()
            process.communicate()

    def test_sessions_over_tls(self):
        daemon = self.start([f"tls:{TLS}"], tls=self.tls)
        self.assertEqual(self.client("--tls", self.ca, "--sessions", 3, TLS), ["TLSv1.3", *["INVITE 200", "BYE 200"] * 3])
        text = self.s_client("-tls1_2")
        self.assertIn("SIP/2.0 200 OK", text)
        self.assertIn("+sip.srs", text)
        self.assertIn("Verify return code: 0 (ok)", text)
        self.assertNotIn("SIP/2.0 200", self.s_client("-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"))
        status = daemon.account()["siprec"]
        self.assertEqual((status["accepted"], status["sessions"], status["ports_used"]), (3, 0, 0))

    def test_end_of_legtap_reaches_the_client(self):
        """The BYE of SIGTERM takes the client's own connection."""
        daemon = self.start([f"tls:{TLS}"], tls=self.tls)
        process = self.hosts.run("sbc", "python3", TOOLS / "siprec_client.py", "--tls", self.ca, "--wait", TLS,
                                 log="client.log")
        wait.until(lambda: daemon.calls(), "a session")
        self.assertEqual(daemon.terminate(), 0)
        self.assertEqual(process.wait(30), 0)
        self.assertEqual((self.folder / "client.log").read_text().splitlines(), ["TLSv1.3", "INVITE 200", "BYE"])

    def test_oldest_version(self):
        self.start([f"tls:{TLS}"], tls={**self.tls, "minimum": "1.3"})
        self.assertNotIn("SIP/2.0 200", self.s_client("-tls1_2"))
        self.assertIn("SIP/2.0 200 OK", self.s_client("-tls1_3"))

    def test_client_certificates(self):
        self.certificate("sbc", "authority")
        self.certificate("strangers")
        self.certificate("stranger", "strangers")
        self.start([f"tls:{TLS}"], tls={**self.tls, "client_ca": str(self.ca)})

        def with_certificate(name):
            return self.client("--tls", self.ca, "--certificate", self.folder / f"{name}.pem", "--key",
                               self.folder / f"{name}.key", TLS)
        self.assertEqual(with_certificate("sbc"), ["TLSv1.3", "INVITE 200", "BYE 200"])
        for lines in (with_certificate("stranger"), self.client("--tls", self.ca, TLS)):
            self.assertNotIn("INVITE", " ".join(lines))

    def test_certificates_are_read_again(self):
        daemon = self.start([f"tls:{TLS}"], tls=self.tls)
        old = (self.folder / "legtap.example.pem").read_text()
        (self.folder / "legtap.example.pem").write_text("no certificate\n")
        daemon.process.send_signal(signal.SIGHUP)
        wait.until(lambda: "from before stay: siprec.tls.certificate" in daemon.log(), "a refusal of the broken file")
        self.assertEqual(self.client("--tls", self.ca, TLS)[1:], ["INVITE 200", "BYE 200"])
        self.ca = self.certificate("authority")  # the old one's name, another key
        self.certificate("legtap.example", "authority")
        self.assertNotEqual(old, (self.folder / "legtap.example.pem").read_text())
        self.assertIn("SSLCertVerificationError", self.client("--tls", self.ca, TLS)[0])
        daemon.process.send_signal(signal.SIGHUP)
        wait.until(lambda: "were read again" in daemon.log(), "the new certificate")
        self.assertEqual(self.client("--tls", self.ca, TLS)[1:], ["INVITE 200", "BYE 200"])

    def test_what_does_not_fit_is_named(self):
        config = configuration(self.folder, siprec={
            "listen": ["tls:127.0.0.1:5061"], "tls": {**self.tls, "key": str(self.folder / "authority.key")}})
        with self.assertRaisesRegex(AssertionError, "siprec.tls.key: .*authority.key: key values mismatch"):
            self.enterContext(Legtapd(self.hosts, self.folder, config))


class DigestTest(AccessCase):
    def start_with(self, *users, listen="tcp", **digest):
        """users: (name, password, algorithm)."""
        path = self.folder / "users"
        path.write_text("".join(
            f"{name}:rec:{hashlib.new(algorithm, f'{name}:rec:{password}'.encode()).hexdigest()}\n"
            for name, password, algorithm in users))
        path.chmod(0o600)
        self.users = path
        return self.start([f"{listen}:{PROBE}:5060"], digest={"users_file": str(path), "realm": "rec", **digest})

    def test_credentials_of_sipp(self):
        daemon = self.start_with(("sbc", "secret", "md5"), listen="udp")
        process = self.hosts.run("sbc", "sipp", "-sf", SIPP / "siprec_digest.xml", "-i", SBC, "-p", 5060, "-m", 3, "-au",
                                 "sbc", "-ap", "secret", "-nostdin", "-timeout", "30s", "-trace_err", f"{PROBE}:5060",
                                 log="sipp.log")
        self.assertEqual(process.wait(60), 0, "\n".join(
            p.read_text(errors="replace")[-3000:] for p in self.folder.glob("*err*.log")))
        status = daemon.account()["siprec"]
        self.assertEqual((status["accepted"], status["challenged"], status["refused_credentials"]), (3, 6, 0))

    def test_one_nonce_serves_many_requests(self):
        daemon = self.start_with(("sbc", "secret", "sha256"), ("sbc", "secret", "md5"), algorithm="both")
        for algorithm in ("MD5", "SHA-256"):
            lines = self.client("--user", "sbc", "--password", "secret", "--algorithm", algorithm, "--sessions", 3,
                                f"{PROBE}:5060")
            self.assertEqual(lines, ["INVITE 401", *["INVITE 200", "BYE 200"] * 3])
        status = daemon.account()["siprec"]
        self.assertEqual((status["accepted"], status["challenged"], status["refused_credentials"]), (6, 2, 0))

    def test_what_was_there_does_not_count_again(self):
        """The same nc twice: the client is asked anew, as for an old nonce."""
        self.start_with(("sbc", "secret", "md5"))
        lines = self.client("--user", "sbc", "--password", "secret", "--nc-step", 0, f"{PROBE}:5060")
        self.assertEqual(lines, ["INVITE 401", "INVITE 200", "BYE 401 stale", "BYE 200"])

    def test_wrong_credentials(self):
        daemon = self.start_with(("sbc", "secret", "md5"))
        for user, password in (("sbc", "guess"), ("root", "secret")):
            lines = self.client("--user", user, "--password", password, f"{PROBE}:5060")
            self.assertEqual(set(lines), {"INVITE 401"})
        self.assertEqual(self.client(f"{PROBE}:5060"), ["INVITE 401"])
        status = daemon.get("/v1/status")["siprec"]
        self.assertEqual(status["accepted"], 0)
        self.assertEqual(status["refused_credentials"], 4)
        self.assertEqual(daemon.calls(), [])

    def test_users_are_read_again(self):
        daemon = self.start_with(("sbc", "secret", "md5"))
        self.users.write_text("sbc:rec:" + hashlib.md5(b"sbc:rec:new").hexdigest() + "\n")
        daemon.process.send_signal(signal.SIGHUP)
        wait.until(lambda: "were read again" in daemon.log(), "the new password")
        self.assertEqual(self.client("--user", "sbc", "--password", "new", f"{PROBE}:5060"),
                         ["INVITE 401", "INVITE 200", "BYE 200"])
