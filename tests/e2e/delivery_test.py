"""Delivery to a directory and to S3, and destinations that are down for a while."""
import hashlib
import json
import shutil

from harness import s3, wait
from harness.case import Case
from harness.daemon import Legtapd, configuration
from harness.generator import SBC, Sender, generate, verify
from harness.hosts import Hosts

METADATA = {"transaction-id": "transaction_id", "call-id": "call_id"}


class DeliveryCase(Case):
    def setUp(self):
        super().setUp()
        self.hosts = self.enterContext(Hosts(self.folder))
        self.capture = generate(self.folder / "calls.pcap", calls=3, legs=1, seconds=2, law="mixed")

    def start(self, environment=None, **changes):
        config = configuration(self.folder, sbc={"addresses": [SBC]}, **changes)
        return self.enterContext(Legtapd(self.hosts, self.folder, config, environment=environment))

    def send(self):
        return Sender(self.hosts, "switch", "probe", self.capture).wait()

    def types(self, daemon, kind):
        return sum(entry["type"] == kind for entry in daemon.ledger())

    def assert_spool_is_empty(self):
        left = self.folder / "spool" / "recordings"
        wait.until(lambda: not list(left.iterdir()), "an empty spool")


class DirectoryTest(DeliveryCase):
    def test_files_are_what_the_list_says(self):
        daemon = self.start()
        self.send()
        for recording in daemon.wait_recordings(3):
            path = self.folder / "delivered" / recording["file"]
            data = path.read_bytes()
            self.assertEqual(hashlib.sha256(data).hexdigest(), recording["sha256"])
            self.assertEqual(len(data), recording["bytes"])
            sidecar = json.loads(path.with_suffix(".json").read_text())
            self.assertEqual(sidecar["sha256"], recording["sha256"])
        self.assert_spool_is_empty()
        daemon.account()

    def test_directory_that_cannot_be_written_for_a_while(self):
        daemon = self.start()
        shutil.rmtree(self.folder / "delivered")
        (self.folder / "delivered").write_text("a file in the way")
        sent = self.send()
        daemon.wait_recordings(3, states=("delivering",))
        self.assertEqual(self.types(daemon, "delivered"), 0)
        (self.folder / "delivered").unlink()
        (self.folder / "delivered").mkdir()
        recordings = daemon.wait_recordings(3)
        wrong = verify(self.capture, self.folder / "delivered", recordings, sent=sent, window="answer")
        self.assertFalse(wrong, wrong)
        self.assertEqual(self.types(daemon, "delivered"), 3)
        daemon.account()


class S3Test(DeliveryCase):
    def store(self):
        return self.enterContext(s3.Store(self.hosts, self.folder))

    def start_s3(self, **changes):
        return self.start(environment=s3.environment(), destination=s3.destination(), **changes)

    def key_of(self, recording):
        bucket, _, key = recording["file"].partition("/")
        self.assertEqual(bucket, "recordings")
        return key

    def test_object_and_metadata(self):
        store, daemon = self.store(), self.start_s3()
        self.send()
        for recording in daemon.wait_recordings(3):
            headers, body = store.head(self.key_of(recording))
            self.assertEqual(hashlib.sha256(body).hexdigest(), recording["sha256"])
            for name, member in METADATA.items():
                self.assertEqual(headers[f"x-amz-meta-{name}"], recording[member])
            self.assertEqual(headers["x-amz-meta-recording-audio-file-format"], "audio/wav")
            self.assertEqual(int(headers["x-amz-meta-recording-duration"]), (recording["duration_ms"] + 500) // 1000)
            _, sidecar = store.head(self.key_of(recording).removesuffix(".wav") + ".json")
            self.assertEqual(json.loads(sidecar)["sha256"], recording["sha256"])
        self.assert_spool_is_empty()
        daemon.account()

    def test_store_that_is_down_for_a_while(self):
        store = self.store()
        store.stop()
        daemon = self.start_s3()
        self.send()
        daemon.wait_recordings(3, states=("delivering",))
        self.assertEqual(self.types(daemon, "delivered"), 0)
        store.start()
        daemon.wait_recordings(3)
        self.assertEqual(self.types(daemon, "delivered"), 3)
        self.assert_spool_is_empty()
        daemon.account()

    def test_store_that_is_down_until_the_next_start(self):
        store = self.store()
        store.stop()
        daemon = self.start_s3()
        self.send()
        daemon.wait_recordings(3, states=("delivering",))
        self.assertEqual(daemon.terminate(), 0)
        store.start()
        daemon.start()
        daemon.wait_recordings(3)
        self.assertEqual(self.types(daemon, "delivered"), 3)
        self.assert_spool_is_empty()

    def test_wrong_secret_is_refused_and_nothing_is_lost(self):
        self.store()
        daemon = self.start(environment=s3.environment("wrong"), destination=s3.destination())
        self.send()
        daemon.wait_recordings(3, states=("delivering",))
        wait.until(lambda: "403" in daemon.log(), "the refusal in the log")
        self.assertEqual(self.types(daemon, "delivered"), 0)
        self.assertEqual(daemon.terminate(), 0)
        left = self.folder / "spool" / "recordings"
        self.assertEqual(len(list(left.glob("*.wav"))), 3)
