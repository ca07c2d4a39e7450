"""TPMs that do not answer; firmware that measures nothing, or too much."""

import os
import struct
from pathlib import Path

import pytest

import eventlog
import lab
from conftest import PROFILE
from ends import fails


def is_connected(pid):
    """This process has a Unix socket of its own that is connected, whether or not somebody has accepted it."""
    connected = {line.split()[6] for line in Path("/proc/net/unix").read_text().splitlines()[1:] if line.split()[5] == "03"}
    try:
        links = [os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir() if int(link.name) > 2]
    except FileNotFoundError:  # a descriptor that was closed meanwhile
        return False
    return any(link.removeprefix("socket:[").rstrip("]") in connected for link in links)


@pytest.mark.parametrize("how, words", [("there is none", "enable it in the firmware setup"),
                                        ("it dies", "is another program using it?"),
                                        ("it stops", "switch the machine off and on")])
def test_a_tpm_that_does_not_answer_is_told(new_device, how, words):
    device = new_device()
    device.power_on()
    if how == "there is none":
        device.tpm.stop()
    else:
        device.tpm.suspend()
    boot = device.start(wait=0, timeout=30 if how == "it dies" else 2)
    if how == "it dies":
        lab.wait_until(lambda: is_connected(boot.process.pid), 30, "the agent waits for the TPM")
        device.tpm.stop()
    code, console = boot.end(), boot.console.text
    device.tpm.stop()
    assert code == 40, console
    assert ("TPM swtpm:" in device.report["message"]) and words in device.report["message"]
    assert device.report["capped"] is False and not device.has_credentials()
    assert "the real root must not start" in console


# ---- what the firmware measured

def test_a_log_that_is_missing_is_told_by_the_server(enrolled):
    enrolled.power_on()
    (enrolled.root / "eventlog").unlink()
    for slot in enrolled.slots:
        slot.unlink()
    console = fails(enrolled, 20, "log")
    assert "log-missing" in console and enrolled.is_capped()


def test_a_log_that_is_missing_keeps_no_vault_shut(enrolled):
    enrolled.power_on()
    (enrolled.root / "eventlog").unlink()
    code, console = enrolled.run(wait=0, url="https://localhost:1")
    assert code == 0 and enrolled.report["source"] == "vault", console


def test_a_log_of_600_kib_is_told(enrolled):
    enrolled.power_on()
    (enrolled.root / "eventlog").write_bytes(grown(enrolled.log, 600 * 1024))
    fails(enrolled, 4, "is larger than 204800 bytes")
    assert enrolled.is_capped()


def grown(log, size):
    """The log with events at its end that extend nothing, up to this size."""
    event = eventlog.append(b"", 0, eventlog.EV_NO_ACTION, {lab.SHA256: bytes(32)}, b"x" * 948)
    return log + event * ((size - len(log)) // len(event))


def test_a_log_that_never_ends_is_no_hang(enrolled):
    enrolled.power_on()
    (enrolled.root / "eventlog").unlink()
    os.mknod(enrolled.root / "eventlog", 0o20644, os.makedev(1, 5))
    fails(enrolled, 4, "is larger than 204800 bytes")
    (enrolled.root / "eventlog").unlink()
    assert enrolled.is_capped()


def test_a_log_that_grows_while_it_is_read_is_read_to_its_end(enrolled):
    """As it lies there when it is read, by whole events: what the quote does not vouch for extends nothing."""
    for slot in enrolled.slots:
        slot.unlink()
    enrolled.power_on()
    event = eventlog.append(b"", 0, eventlog.EV_NO_ACTION, {lab.SHA256: bytes(32)}, b"x" * 90)
    with open(enrolled.root / "eventlog", "ab", buffering=0) as log:
        boot = enrolled.start()
        size = 0
        while boot.process.poll() is None and size < 150000:
            size += log.write(event)
        assert boot.end() == 0, boot.console.text
    assert enrolled.report["source"] == "server" and enrolled.is_capped()


@pytest.mark.parametrize("cut", [1, 31, 40, 1000, 4000])
def test_a_log_that_was_cut_is_told(enrolled, cut):
    for slot in enrolled.slots:
        slot.unlink()
    enrolled.power_on()
    (enrolled.root / "eventlog").write_bytes(enrolled.log[:cut])
    console = fails(enrolled, 20, "log")
    assert "log-malformed" in console or "log-mismatch" in console
    assert enrolled.is_capped()


# ---- a board that measures nothing

def unmeasured(device):
    """Power on without firmware that measures: PCRs at their reset values, no log."""
    device.log = device.log[:32 + struct.unpack_from("<I", device.log, 28)[0]]
    device.power_on()
    (device.root / "eventlog").unlink()


def test_a_board_without_measured_boot_is_told(new_device):
    device = new_device()
    unmeasured(device)
    fails(device, 40, "the firmware did not measure this boot; enable measured boot, or set measure.boot = \"optional\"")
    assert device.is_capped()


def test_a_board_without_measured_boot_is_refused_by_a_server_that_wants_it(new_device):
    device = new_device()
    unmeasured(device)
    console = fails(device, 20, "measure", measure='boot = "optional";')
    assert "unmeasured" in console and device.is_capped()


def test_a_board_without_measured_boot_gets_in_where_both_sides_say_so(new_device, server):
    server.stop()
    conf = server.folder / "bootseald.conf"
    conf.write_text(conf.read_text().replace('boot = "required"', 'boot = "optional"'))
    server.start()
    server.profile(PROFILE)
    device = new_device()
    device.settings["measure"] = 'boot = "optional";'
    unmeasured(device)
    boot = device.start()
    name = boot.wait_for("bootsealctl device approve ([0-9a-f]{64})").group(1)
    server.ctl("device", "approve", name, "--learn", "--profile=demo")
    assert boot.end() == 0, boot.console.text
    assert "every boot will ask the server" in boot.console.text and device.is_capped()
    assert device.credential("demo.secret") == b"hunter2" and not any(slot.exists() for slot in device.slots)
    unmeasured(device)
    code, console = device.run(wait=0)
    assert code == 0 and device.report["source"] == "server", console
