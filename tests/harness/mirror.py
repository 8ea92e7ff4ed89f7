"""What the mirror shows, captured by dumpcap: an independent witness of a test's calls."""
import uuid

from . import wait

MARK = ("import socket, sys\n"
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "s.sendto(sys.argv[1].encode(), ('192.0.2.10', 9))")


class MirrorCapture:
    """Captures from when it is made until `stop`."""

    def __init__(self, hosts, path, host="probe", device="mirror0"):
        self.hosts = hosts
        self.path = path
        log = path.with_suffix(".log")
        self.process = hosts.run(host, "dumpcap", "-q", "-P", "-i", device, "-w", path, log=log.name)
        wait.until(lambda: "File:" in log.read_text(), "dumpcap")

    def stop(self):
        """Ends it once all that was sent before is in the file: a packet of ours, sent last, tells."""
        mark = uuid.uuid4().hex
        self.hosts.run("sbc", "python3", "-c", MARK, mark, log="mark.log").wait()
        wait.until(lambda: mark.encode() in self.path.read_bytes(), "the last packet in dumpcap's file", 30)
        self.process.terminate()
        self.process.wait()
