"""The vault on a raw partition (partition.py)."""

import os
import subprocess

import pytest

from partition import ENVIRONMENT, LABEL, REGION, SETTING, Disk

NOWHERE = "https://localhost:1"


@pytest.fixture(name="disk")
def fixture_disk(tmp_path):
    """A blank one with our label."""
    try:
        one = Disk(tmp_path)
    except OSError as error:
        pytest.skip(str(error))
    one.label(LABEL)
    yield one
    one.close()


@pytest.fixture(name="device")
def on_a_partition(site, disk, monkeypatch):
    """The device of the site with its vault on the partition, blank."""
    device = site[1]
    for slot in device.slots:
        slot.unlink(missing_ok=True)
    monkeypatch.setitem(device.settings, "vault", SETTING)
    monkeypatch.setattr(device, "environment", ENVIRONMENT)
    monkeypatch.setattr(device, "prefix", disk.prefix)
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
