"""The vault on a raw partition: a real block device (a loop), found by its label as libudev reads it from sysfs.

The kernel of this host may know no GPT, so what it would show of the partition is shown by a folder in the place of /sys, in a mount
namespace of the agent's own.
"""

import os
import subprocess

import pytest

LABEL = "bootseal-vault"
REGION = 4096 + 256 * 1024
NOWHERE = "https://localhost:1"


class Disk:
    """A loop device, and a sysfs in which partitions have labels."""

    def __init__(self, folder):
        self.sys = folder / "sys"
        self.image = folder / "disk.img"
        with open(self.image, "wb") as file:
            file.truncate(1 << 20)
        done = subprocess.run(["losetup", "-f", "--show", self.image], text=True, capture_output=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"no loop device here: {done.stderr}")
        self.node = done.stdout.strip()
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

    def read(self):
        """All of it."""
        subprocess.run(["blockdev", "--flushbufs", self.node], check=True)
        return self.image.read_bytes()

    def write(self, offset, data):
        """Over what is there."""
        with open(self.node, "r+b", buffering=0) as file:
            file.seek(offset)
            file.write(data)
            os.fsync(file.fileno())

    def close(self):
        """Gives the loop device back."""
        subprocess.run(["losetup", "-d", self.node], check=True)


@pytest.fixture(name="disk")
def fixture_disk(tmp_path):
    """A blank one with our label."""
    one = Disk(tmp_path)
    one.label(LABEL)
    yield one
    one.close()


@pytest.fixture(name="device")
def on_a_partition(site, disk, monkeypatch):
    """The device of the site with its vault on the partition, blank."""
    device = site[1]
    for slot in device.slots:
        slot.unlink(missing_ok=True)
    monkeypatch.setitem(device.settings, "vault", f'partition = "{LABEL}"; deadline = 0;')
    monkeypatch.setattr(device, "environment", {"SYSTEMD_DEVICE_VERIFY_SYSFS": "0"})
    monkeypatch.setattr(device, "prefix", ("unshare", "-m", "sh", "-c", f'mount --bind {disk.sys} /sys && exec "$@"', "sh"))
    return device


def opens(device):
    """A boot without a server has credentials from the vault."""
    code, console = device.boot(wait=0, url=NOWHERE)
    assert code in (0, 10), console
    assert device.has_credentials() == (code == 0)
    return code == 0


def provision(device):
    """The server helps."""
    code, console = device.boot()
    assert code == 0 and device.report["source"] == "server", console


def test_vault_lives_on_the_partition_and_nowhere_else(device, disk):
    provision(device)
    assert not any(slot.exists() for slot in device.slots)
    content = disk.read()
    for at in (0, REGION):
        assert content[at:at + 8] == b"BSREGION" and content[at + 4096:at + 4104] == b"BSVAULT2"
    assert opens(device)
    # One region damaged: the other serves, and mends it.
    for at in (0, REGION):
        disk.write(at + 4096 + 40, b"\xff" * 16)
        assert opens(device)
        assert disk.read()[:2 * REGION] == content[:2 * REGION]
    # Both damaged: the server helps.
    for at in (0, REGION):
        disk.write(at + 4096, os.urandom(4096))
    assert not opens(device)
    provision(device)
    assert opens(device)


def test_forget_leaves_zeros_on_the_partition(device, disk):
    provision(device)
    device.power_on()
    kept = disk.read()
    device.write_config()
    said = subprocess.run(device.command("forget"), capture_output=True, text=True, check=False,
                          env={**os.environ, **device.environment})
    assert said.returncode == 0 and f"no slot is left in {LABEL}" in said.stdout, said.stderr
    content = disk.read()
    assert not any(content[4096:REGION]) and not any(content[REGION + 4096:])
    disk.write(0, kept)
    assert not opens(device)
    # One that was cut off: the mark lies in a region.
    provision(device)
    disk.write(REGION, b"BSREGION\0\0\0\1\0\0\0\x0c")
    disk.write(REGION + 4096, b"BSFORGET\0\0\0\1")
    assert not opens(device)
    assert "vault-forgotten" in device.report["notes"]
    assert not any(disk.read()[4096:REGION])
    provision(device)
    assert opens(device)


@pytest.mark.parametrize("labels, words", [((), f"no partition named {LABEL}"), ((LABEL, LABEL), "several partitions are named")])
def test_partition_that_is_missing_or_there_twice_is_told_and_takes_nothing(device, disk, labels, words):
    subprocess.run(["rm", "-rf", disk.sys / "class", disk.sys / "devices"], check=True)
    disk.sys.mkdir(exist_ok=True)
    for label in ("other", *labels):
        disk.label(label)
    code, console = device.boot()
    assert code == 40 and words in console and "cannot be sealed" in console, console
    assert device.is_capped() and not device.has_credentials()
    assert not any(disk.read())
    assert not any(slot.exists() for slot in device.slots)


def test_partition_with_something_else_on_it_is_left_alone(device, disk):
    subprocess.run(["mke2fs", "-q", "-t", "ext4", disk.node], check=True)
    content = disk.read()
    code, console = device.boot()
    assert code == 4 and "empty before bootseal had it" in device.report["message"], console
    assert disk.read() == content and not device.has_credentials()
    device.write_config()
    subprocess.run(device.command("forget"), capture_output=True, check=False, env={**os.environ, **device.environment})
    assert disk.read() == content
