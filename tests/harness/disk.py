"""A file system of its own in an image, which can be searched for what no file shows any more."""
import array
import subprocess
import unittest
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

RUN = 12   # samples of one needle; by chance once in 256^12 places
STEP = 32  # a needle begins every so many samples of the signal: a stretch of 44 contains one


class Disk:
    """An ext4 file system. Use as a context manager; `unmount` before `find`."""

    def __init__(self, image, mount, mib=96):
        self.image = image
        self.mount = mount
        self.mib = mib
        self.mounted = False

    def __enter__(self):
        with open(self.image, "wb") as file:
            file.truncate(self.mib << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", self.image], check=True)
        self.mount.mkdir()
        done = subprocess.run(["mount", "-o", "loop,nodiscard", self.image, self.mount], capture_output=True, text=True,
                              check=False)
        if done.returncode:
            raise unittest.SkipTest(f"no loop mount here: {done.stderr.strip()}")
        self.mounted = True
        return self

    def __exit__(self, *_):
        self.unmount()

    def unmount(self):
        if self.mounted:
            subprocess.run(["umount", self.mount], check=True)
            self.mounted = False

    def views(self):
        """(name, bytes): the image, and every second byte or sample of it, as a channel of a stereo file stands."""
        data = self.image.read_bytes()
        yield "", data
        words = array.array("H", data)
        for channel in range(2):
            yield f" of bytes, channel {channel}", data[channel::2]
            yield f" of samples, channel {channel}", words[channel::2].tobytes()

    def find(self, *signals):
        """Where one of the signals (μ-law codes) stands in the image, encoded or decoded: [(form, view)]."""
        forms = [(form, needle) for ulaw in signals for form, codes in encodings(ulaw) for needle in needles(form, codes)]
        return sorted({(form, form + view) for view, data in self.views() for form, needle in forms if needle in data})


def encodings(ulaw):
    """A μ-law signal in each form in which a recorder may have it."""
    pcm = audioop.ulaw2lin(ulaw, 2)
    yield "PCMU", ulaw
    yield "PCMA", audioop.lin2alaw(pcm, 2)
    yield "PCM", pcm
    yield "PCM, big-endian", audioop.byteswap(pcm, 2)


def needles(form, codes):
    width = 2 if form.startswith("PCM,") or form == "PCM" else 1
    return [codes[at * width:(at + RUN) * width] for at in range(0, len(codes) // width - RUN, STEP)]
