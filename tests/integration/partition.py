"""A raw partition for the vault: a real block device (a loop), found by its label as libudev reads it from sysfs.

The kernel of this host may know no GPT, so what it would show of the partition is shown by a folder in the place of /sys, in a mount
namespace of the agent's own.
"""

import os
import struct
import subprocess

LABEL = "bootseal-vault"
BLOCK = 4096
REGION = BLOCK + 256 * 1024
SETTING = f'partition = "{LABEL}"; deadline = 0;'  # vault, in bootseal.conf
ENVIRONMENT = {"SYSTEMD_DEVICE_VERIFY_SYSFS": "0"}  # of an agent: that folder is no sysfs


class Disk:
    """A loop device, and a sysfs in which partitions have labels."""

    def __init__(self, folder, size=1 << 20):
        self.sys = folder / "sys"
        self.image = folder / "disk.img"
        with open(self.image, "wb") as file:
            file.truncate(size)
        done = subprocess.run(["losetup", "-f", "--show", self.image], text=True, capture_output=True, check=False)
        if done.returncode != 0:
            raise OSError(f"no loop device here: {done.stderr}")
        self.node = done.stdout.strip()
        # The kernel gives it back when nobody has it open any more, so however this program ends.
        self._hold = os.open(self.node, os.O_RDONLY | os.O_CLOEXEC)
        subprocess.run(["losetup", "-d", self.node], check=True)
        self.count = 0

    def label(self, name):
        """A partition of this name appears; all are the one loop device."""
        self.count += 1
        number = os.stat(self.node).st_rdev
        folder = self.sys / f"devices/disk/part{self.count}"
        folder.mkdir(parents=True)
        (folder / "uevent").write_text(f"MAJOR={os.major(number)}\nMINOR={os.minor(number)}\n"
                                       f"DEVNAME={self.node.removeprefix('/dev/')}\nDEVTYPE=partition\nPARTN=1\nPARTNAME={name}\n")
        block = self.sys / "class/block"
        block.mkdir(parents=True, exist_ok=True)
        (folder / "subsystem").symlink_to("../../../class/block")
        (block / f"part{self.count}").symlink_to(f"../../devices/disk/part{self.count}")

    @property
    def prefix(self):
        """Before an agent's command line: it sees these partitions and no others."""
        return ("unshare", "-m", "sh", "-c", f'mount --bind {self.sys} /sys && exec "$@"', "sh")

    def read(self):
        """All of it."""
        subprocess.run(["blockdev", "--flushbufs", self.node], check=True)
        return self.image.read_bytes()

    def content(self):
        """All of it as a program sees it, durable or not."""
        with open(self.node, "rb") as file:
            return file.read()

    def write(self, offset, data):
        """Over what is there."""
        with open(self.node, "r+b", buffering=0) as file:
            file.seek(offset)
            file.write(data)
            os.fsync(file.fileno())

    def close(self):
        """Gives the loop device back."""
        os.close(self._hold)


class Region:
    """A slot on the disk, with what of a file's path the vault's tests use (docs/design.md draws it)."""

    def __init__(self, disk, index):
        self.disk, self.at, self.name = disk, index * REGION, "slot-" + "ab"[index]

    def _part(self, offset, size):
        with open(self.disk.node, "rb", buffering=0) as file:
            return os.pread(file.fileno(), size, self.at + offset)

    def _size(self):
        magic, version, size = struct.unpack(">8sII", self._part(0, 16))
        return size if (magic, version) == (b"BSREGION", 1) else 0

    def exists(self):
        """There is something in it."""
        return self._size() > 0

    def read_bytes(self):
        """What is in it."""
        return self._part(BLOCK, self._size())

    def write_bytes(self, data):
        """Puts it there."""
        self.disk.write(self.at, struct.pack(">8sII", b"BSREGION", 1, len(data)) + bytes(BLOCK - 16) + data)

    def unlink(self):
        """Empties it."""
        self.write_bytes(b"")
