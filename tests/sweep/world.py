"""A server, a device and its TPM in a folder that can be put back to what it was; and the tool that cuts the power."""

import os
import re
import shutil
import sqlite3
import struct
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "integration"), str(HERE.parent / "system")]

import lab  # noqa: E402  the path comes first
import partition  # noqa: E402
from bootlab import programs  # noqa: E402
from signed_image import Image  # noqa: E402

CUT = 100  # exit code of the tool: the power was cut
DEVICE_DAYS = 1  # a certificate lives so long ...
LATER = 17 * 3600  # ... so that it is due for renewal now
BOOT_WAIT = 20  # boot.wait, seconds
PHASE = "enter-initrd"  # of systemd, in which signed images boot
SECRET = b"hunter2-in-the-clear"
PROFILE = f"""
name = "demo";
items = (
    {{ name = "demo.secret"; kind = "secret"; text = "{SECRET.decode()}"; }},
    {{ name = "demo.key"; kind = "generated"; size = 32; }},
    {{ name = "app.conf"; kind = "file"; text = "device = ${{device.id}}\\n"; }}
);
"""
# The same with keys that the device makes: by forgetting they are lost, so it is for the paths that forget nothing.
KEYED = PROFILE.replace("items = (", """items = (
    { name = "wg0.key"; kind = "generate"; type = "x25519"; },
    { name = "disk.key"; kind = "generate"; type = "random"; size = 48; },""")


@dataclass(frozen=True)
class Effect:
    """A line of the tool's list."""

    number: int
    kind: str  # disk, file (lost with the power), tpm, net
    is_dirty_before: bool
    is_dirty_after: bool
    text: str


def read_list(path):
    """What a run did, in its order. The line of an effect that was cut before it is not whole and left out."""
    rows = [line.split(" ", 4) for line in Path(path).read_text().splitlines()]
    return [Effect(int(row[0]), row[1], row[2] == "dirty", row[3] == "dirty", row[4]) for row in rows if len(row) == 5]


def faketime():
    """The library by which a program lives at another time."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not found:
        raise RuntimeError("libfaketime is not installed")
    return found[0]


class Server(lab.Server):
    """bootseald, which can live later than it is."""

    words = ()

    def start(self, later=0):
        """Starts it, so many seconds later than it is."""
        self.prefix = ()
        if later:
            self.prefix = ("env", f"LD_PRELOAD={faketime()}", f"FAKETIME=+{later}s", "FAKETIME_DONT_FAKE_MONOTONIC=1")
        super().start()

    def rows(self, query, *values):
        """Straight from the database."""
        with sqlite3.connect(f"file:{self.folder / 'bootseal.db'}?mode=ro", uri=True) as db:
            return db.execute(query, values).fetchall()


class Device(lab.Device):
    """A device whose agent is the static one, and whose power can be cut; it lives `later` seconds later than it is."""

    later = 0
    partition = None  # where its vault lies, if not in a folder
    images = {}  # {log: (image, signature)}: what lies in the initrd of these boots

    def use(self, settings, disk):
        """Its configuration from here on, and the partition of its vault or None."""
        self.settings = {**self.settings, "seal": "", "vault": partition.SETTING if disk else "", **settings}
        self.partition = disk
        self.prefix = disk.prefix if disk else ()
        self.environment = partition.ENVIRONMENT if disk else {}
        self.later = 0

    def power_on(self, log=None):
        super().power_on(log)
        if self.log in self.images:
            image, signature = self.images[self.log]
            image.start(self, signature, PHASE)

    @property
    def disk(self):
        """What outlives a power cut; the rest of the root is the image or a memory file system."""
        return self.root / "var"

    @property
    def slots(self):
        return [partition.Region(self.partition, index) for index in (0, 1)] if self.partition else super().slots

    def _agent(self, words):
        return [programs.agent(), f"--root={self.root}", f"--config={self.root}/etc/bootseal/bootseal.conf", *words]

    def _watched(self, words, *options):
        later = [f"--later={self.later}"] if self.later else []
        device = [f"--device={self.partition.node}"] if self.partition else []
        return [*self.prefix, lab.BUILD / "cut", f"--disk={self.disk}", *device, f"--list={self.folder / 'effects'}", *later, *options,
                "--", *self._agent(words)]

    def command(self, *words):
        """The agent's command line."""
        return self._watched(words) if self.later else [*self.prefix, *self._agent(words)]

    def watch(self, words, *options, **changes):
        """Runs the agent under the tool: exit code, what it said, what it did."""
        self.write_config(**{"wait": BOOT_WAIT, "level": "notice", **changes})
        done = subprocess.run(self._watched(words, f"--with={self.tpm.pid}", *options), stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False, timeout=120,
                              env={**os.environ, **self.environment})
        return done.returncode, done.stderr.decode(errors="replace"), read_list(self.folder / "effects")

    def again(self, words):
        """The agent, not under the tool, as the machine is."""
        done = subprocess.run(self.command(*words), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                              env={**os.environ, **self.environment})
        return done.returncode, done.stderr

    def boot_again(self, log, **changes):
        """Power on in this boot, and the agent to its end."""
        return self.boot(log, **{"wait": BOOT_WAIT, "level": "notice", **changes})


class SocketTpm(lab.SocketTpm):
    """With what the checks ask it for."""

    @property
    def pid(self):
        """Of swtpm."""
        return self._process.pid

    def handles(self, first):
        """Those of a kind (TPM2_GetCapability, TPM_CAP_HANDLES)."""
        code, answer = self.command(0x17A, struct.pack(">III", 1, first, 254), sessions=False)
        assert code == 0, hex(code)
        count, = struct.unpack_from(">I", answer, 5)
        return list(struct.unpack_from(f">{count}I", answer, 9))

    def property(self, number):
        """One of TPM_CAP_TPM_PROPERTIES."""
        code, answer = self.command(0x17A, struct.pack(">III", 6, number, 1), sessions=False)
        assert code == 0, hex(code)
        found, value = struct.unpack_from(">II", answer, 9)
        assert found == number
        return value

    def counter(self, index):
        """Value of an NV counter."""
        body = struct.pack(">II", index, index) + lab.PASSWORD_SESSION + struct.pack(">HH", 8, 0)
        code, answer = self.command(0x14E, body)
        assert code == 0, hex(code)
        return struct.unpack_from(">Q", answer, 6)[0]


class World:
    """
    One server and one device. `put_back` makes everything what it was at `keep`. `kinds` are the paths that will be tried. It is made
    whole, or everything in it is off again; so it is at the end of a `with`.
    """

    def __init__(self, folder, kinds):
        self.folder = Path(folder)
        self.partition = None
        self.release = None  # number of the reference that is the changed boot
        self.signed_log = self.other_signed_log = None
        with ExitStack() as self._off:
            self._make(kinds)
            self._off = self._off.pop_all()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._off.close()

    def _make(self, kinds):
        self.template = lab.Tpm(self.folder / "tpm-a", ca=self.folder / "ca")
        self.other_template = lab.Tpm(self.folder / "tpm-b", ca=self.folder / "ca")
        self.server = Server(self.folder / "server", [self.template])
        self._off.callback(self.server.stop)
        self.device = self.new_device("device", self.template)
        self.log = self.device.log
        self.changed_log = lab.changed_boot(self.log, pcr=4)
        if any(kind.is_signed_image for kind in kinds):
            self._make_images()
        conf = self.server.folder / "bootseald.conf"
        conf.write_text(re.sub(r"device_days = \d+", f"device_days = {DEVICE_DAYS}", conf.read_text()))
        self.server.start()
        self.server.profile(PROFILE)
        self._learn()
        if any(kind.is_raw for kind in kinds):
            self.partition = partition.Disk(self.folder, 2 * partition.REGION)
            self._off.callback(self.partition.close)
            self.partition.label(partition.LABEL)

    def new_device(self, name, template):
        """One that nobody knows."""
        folder = self.folder / name
        folder.mkdir()
        device = Device(folder, template, self.server)
        device.tpm = SocketTpm(folder / "socket", template)
        self._off.callback(device.tpm.stop)
        return device

    def _learn(self):
        """Another device has shown the server both boots, and an operator found them good."""
        other = self.new_device("other", self.other_template)
        other.images = self.device.images
        for log in (self.log, self.changed_log, *other.images):
            other.power_on(log)
            boot = other.start()
            self._off.callback(boot.process.kill)
            name = boot.wait_for("bootsealctl device (?:approve|show) ([0-9a-f]{64})").group(1)
            self.server.ctl("device", "approve", name, "--learn", "--profile=demo")
            assert boot.end() == 0, boot.console.text
            if log == self.changed_log:
                self.release = self.server.json("reference", "list")["references"][-1]["id"]
        other.tpm.stop()

    def _make_images(self):
        """Boots of two images, each signed by another maker."""
        images = [Image(self.folder / name, name, self.folder / f"{name}.pem") for name in ("maker", "stranger")]
        self.signed_log, self.other_signed_log = [image.log(self.log) for image in images]
        self.device.power_on(self.signed_log)
        signatures = [image.sign(self.device, PHASE) for image in images]
        self.device.images = {self.signed_log: (images[0], signatures[0]), self.other_signed_log: (images[1], signatures[1])}

    def stop(self):
        """Everything off."""
        self.device.tpm.stop()
        self.server.stop()

    def _parts(self):
        return (self.server.folder, self.device.root, self.device.tpm.folder / "state")

    def keep(self, name):
        """What there is now, to be put back any number of times."""
        self.stop()
        kept = self.folder / f"kept-{name}"
        shutil.rmtree(kept, ignore_errors=True)
        for number, part in enumerate(self._parts()):
            shutil.copytree(part, kept / str(number), symlinks=True)
        if self.partition:
            (kept / "partition").write_bytes(self.partition.content())

    def put_back(self, name):
        """As it was; everything is off."""
        self.stop()
        kept = self.folder / f"kept-{name}"
        for number, part in enumerate(self._parts()):
            shutil.rmtree(part)
            shutil.copytree(kept / str(number), part, symlinks=True)
        if self.partition:
            self.partition.write(0, (kept / "partition").read_bytes())


def has_loop_device():
    """Whether a file can be made a block device."""
    return subprocess.run(["losetup", "-f"], capture_output=True, check=False).returncode == 0


def work_folder():
    """In memory where possible: every fsync waits for its disk, and what is durable is decided by the tool alone."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
