"""Disks that fail: the vault's folder, and where the handover writes. Nothing that opened before is lost."""

import contextlib
import os
import subprocess

import pytest

import lab
from conftest import PROFILE


@pytest.fixture(scope="module")
def other_boot(site):
    """The log of another boot of the device that the server approves as well."""
    server, device = site
    server.profile(PROFILE.replace("\n);", ',\n    { name = "pages"; kind = "file"; text = "' + 9000 * "x" + '"; }\n);'))
    log = lab.changed_boot(device.log, pcr=4)
    first, device.log = device.log, log
    device.power_on()
    boot = device.start()
    boot.wait_for("boot-not-approved")
    server.ctl("device", "approve", boot.wait_for("device ([0-9a-f]{64})").group(1), "--learn")
    assert boot.end() == 0, boot.console.text
    device.log = first
    return log


@pytest.fixture(name="device")
def provisioned(site):
    """A device with a whole vault and an untouched disk."""
    _, device = site
    subprocess.run(["rm", "-rf", vault(device)], check=True)
    code, console = device.boot()
    assert code == 0, console
    return device


def vault(device):
    """The vault's folder."""
    return device.root / "var/lib/bootseal"


@contextlib.contextmanager
def read_only(path):
    """This folder, read-only for everybody, root too."""
    lab.run("mount", "--bind", path, path)
    lab.run("mount", "-o", "remount,ro,bind", path)
    try:
        yield
    finally:
        lab.run("umount", path)


@contextlib.contextmanager
def small_disk(path):
    """64 KiB instead of this folder, with what is in it."""
    held = {file.name: file.read_bytes() for file in path.iterdir()}
    lab.run("mount", "-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs", path)
    try:
        for name, content in held.items():
            (path / name).write_bytes(content)
        yield
    finally:
        lab.run("umount", path)


def fill(path, pages):
    """Fills the file system but for so many pages."""
    with open(path, "wb", buffering=0) as file:
        size = 0
        with contextlib.suppress(OSError):
            while True:
                size += file.write(bytes(4096))
        file.truncate(max(0, size - 4096 * pages))


def fails(device, code, sentence, **settings):
    """The boot ends closed and without credentials, and says what to do."""
    log = settings.pop("log", None) or device.log
    found, console = device.boot(log, **{"wait": 0, **settings})
    assert found == code, console
    assert sentence in device.report["message"], console
    assert device.is_capped() and not device.has_credentials()
    return console


def opens(device):
    """A boot without a server."""
    code, console = device.boot(wait=0, url="https://localhost:1")
    assert code == 0, console
    assert device.report["source"] == "vault" and device.is_capped()
    return console


def goes_to_the_server(device, note=None):
    """A boot that the server helps, and one after it that needs none."""
    code, console = device.boot()
    assert code == 0, console
    assert device.report["source"] == "server" and device.is_capped()
    if note:
        assert note in device.report["notes"]
    opens(device)


# ---- the vault

CANNOT_SEAL = "is its file system mounted and writable?"


def test_a_vault_folder_that_is_missing_is_made(device):
    subprocess.run(["rm", "-rf", device.root / "var"], check=True)
    goes_to_the_server(device)
    assert vault(device).stat().st_mode & 0o777 == 0o700


def test_a_read_only_disk_opens_what_it_has(device):
    with read_only(vault(device)):
        opens(device)


def test_a_read_only_disk_takes_no_new_vault_and_keeps_the_old(device, other_boot):
    first = device.log
    with read_only(vault(device)):
        console = fails(device, 40, CANNOT_SEAL, log=other_boot)
        assert "failures cannot be counted" in console
    device.log = first
    opens(device)


@pytest.mark.parametrize("room", [0, 1, 3, 4, 6])
def test_a_small_disk_that_fills_loses_nothing(device, other_boot, room):
    """64 KiB hold both slots and the next generation, until somebody else fills them: all but `room` pages."""
    old = [slot.read_bytes() for slot in device.slots]
    first = device.log
    with small_disk(vault(device)):
        fill(vault(device) / "foreign", room)
        code, console = device.boot(other_boot, wait=0)
        assert code in (0, 40) and device.is_capped(), console
        assert device.has_credentials() == (code == 0)
        now = [slot.read_bytes() for slot in device.slots]
        if code == 40:
            assert CANNOT_SEAL in device.report["message"], console
            assert now == old and not any(name.startswith(".") for name in os.listdir(vault(device)))
            device.log = first
            opens(device)
        else:
            assert now != old
            opens(device)
            (vault(device) / "foreign").unlink()
            device.log = first
            goes_to_the_server(device)
    assert (code == 40) == (room * 4096 < len(old[0])), console


def test_foreign_files_in_the_vault_are_left_alone(device):
    (vault(device) / "lost+found").mkdir()
    (vault(device) / "slot-c").write_bytes(bytes(100000))
    os.mkfifo(vault(device) / "fifo")
    opens(device)
    for slot in device.slots:
        slot.unlink()
    goes_to_the_server(device)
    assert (vault(device) / "slot-c").stat().st_size == 100000


@pytest.mark.parametrize("what", ["a link to a slot", "a link to nowhere", "a FIFO", "a device", "a huge file"])
def test_what_stands_in_place_of_the_slots_is_replaced_and_not_followed(device, tmp_path, what):
    outside = tmp_path / "outside"
    outside.write_bytes(device.slots[0].read_bytes())
    for slot in device.slots:
        slot.unlink()
        if what == "a link to a slot":
            slot.symlink_to(outside)
        elif what == "a link to nowhere":
            slot.symlink_to("/nowhere/at/all")
        elif what == "a FIFO":
            os.mkfifo(slot)
        elif what == "a device":
            os.mknod(slot, 0o20600, os.makedev(1, 5))
        else:
            with open(slot, "wb") as file:
                file.truncate(1 << 40)
    before = outside.read_bytes()
    goes_to_the_server(device, note="vault-corrupt")
    assert outside.read_bytes() == before
    assert all(slot.is_file() and not slot.is_symlink() for slot in device.slots)


def test_folders_in_place_of_the_slots_are_told(device):
    for slot in device.slots:
        slot.unlink()
        slot.mkdir()
    fails(device, 40, CANNOT_SEAL)
    for slot in device.slots:
        slot.rmdir()
    goes_to_the_server(device)


@pytest.mark.parametrize("what", ["a link", "a file"])
def test_a_vault_folder_that_is_none_is_told(device, tmp_path, what):
    vault(device).rename(tmp_path / "vault")
    if what == "a link":
        vault(device).symlink_to(tmp_path / "vault")
    else:
        vault(device).write_text("")
    fails(device, 40, CANNOT_SEAL)
    vault(device).unlink()
    (tmp_path / "vault").rename(vault(device))
    opens(device)


# ---- the handover

def test_a_target_that_is_already_there_is_replaced(device):
    target = device.root / "run/app/app.conf"
    device.power_on()
    target.parent.mkdir(mode=0o755)
    target.write_text("old")
    target.chmod(0o666)
    code, console = device.run(wait=0, url="https://localhost:1")
    assert code == 0, console
    assert target.read_text().startswith("device = ") and target.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("what", ["read-only", "a folder", "a file above", "a link above", "full"])
def test_a_target_that_cannot_be_written_is_told_and_nothing_is_handed_over(device, what):
    folder = device.root / "run/app"
    code, sentence, block = 40, "/run/app/app.conf cannot be written", contextlib.nullcontext()
    device.power_on()
    if what == "read-only":
        folder.mkdir()
        block = read_only(folder)
    elif what == "a folder":
        (folder / "app.conf").mkdir(parents=True)
    elif what == "a file above":
        folder.write_text("")
        code = 4
    elif what == "a link above":
        folder.symlink_to(device.root / "etc")
        code = 4
    else:
        folder.mkdir()
        block = small_disk(folder)
    with block:
        if what == "full":
            fill(folder / "foreign", 0)
        found, console = device.run(wait=0, url="https://localhost:1")
        assert found == code, console
        assert sentence in device.report["message"] and "nothing was handed over" in device.report["message"]
        assert device.is_capped() and not device.has_credentials()
        assert not (device.root / "run/bootseal/ready").exists()
        assert not (device.root / "etc/app.conf").exists()
    opens(device)


def test_a_run_folder_that_cannot_be_written_is_told(device):
    device.power_on()
    with read_only(device.root / "run"):
        code, console = device.run(wait=0, url="https://localhost:1")
    assert code == 40 and "cannot be written" in console, console
    assert device.is_capped() and not device.has_credentials()
    opens(device)
