"""seal.policy = "signed": an approved update opens without the server, a revoked one does not once the device knows."""

import re

import pytest

import lab

V1 = (lab.LOGS / "ovmf-uki-cloud.bin").read_bytes()
V2 = lab.changed_boot(V1, 9)
V0 = lab.changed_boot(V1, 4)
EVIL = lab.changed_boot(V1, 11)


def other_firmware(log):
    """The same release on a machine of another make."""
    return lab.changed_boot(log, 0)


def opens(device, log):
    code, console = device.boot(log, wait=0)
    assert code == 0 and device.report["source"] == "vault", console
    assert device.credential("demo.secret") == b"hunter2"


def stays_shut(device, log):
    code, console = device.boot(log, wait=0)
    assert code == 10 and not device.has_credentials(), console
    assert "vault-boot-changed" in device.report["notes"]
    return console


def contact(device, log, days):
    """A boot in which the bundle is due for renewal, so that the device asks."""
    device.environment = lab.at_time(f"+{days}d")
    code, console = device.boot(log)
    assert code == 0 and device.report["source"] == "server", console
    return console


@pytest.fixture
def fleet(new_device, server):
    """A machine of the maker's that tries releases first, and a device of the field under a signed policy."""
    server.stop()
    conf = server.folder / "bootseald.conf"
    conf.write_text(re.sub(r"device_days = \d+", "device_days = 30", conf.read_text()))
    server.start()
    pilot, device = new_device("b"), new_device("a")
    pilot.log = other_firmware(V0)
    device.settings["seal"] = 'policy = "signed";'
    return pilot, device


def learn(server, device, log):
    """The operator takes over what the pilot boots: the number of the reference."""
    device.log = log
    if device.boots == 0:
        lab.enroll(device, server)
    else:
        device.power_on()
        boot = device.start()
        name = boot.wait_for("bootsealctl device approve ([0-9a-f]{64})").group(1)
        server.ctl("device", "approve", name, "--learn")
        assert boot.end() == 0, boot.console.text
    return server.json("reference", "list")["references"][-1]["id"]


def test_an_approved_update_opens_offline_and_a_revoked_one_does_not(fleet, server):
    pilot, device = fleet
    old = learn(server, pilot, other_firmware(V0))
    new = learn(server, pilot, other_firmware(V2))
    device.log = V1
    lab.enroll(device, server)
    server.ctl("reference", "release", old, "--name=0")
    server.ctl("reference", "release", new, "--name=2")

    server.stop()
    opens(device, V1)
    assert "there is no approval" not in stays_shut(device, V2)  # it does not know yet
    server.start()
    contact(device, V1, 21)
    server.stop()
    opens(device, V2)
    opens(device, V0)
    console = stays_shut(device, EVIL)
    assert "this boot is not approved; the nearest that is" in console and "PCR 11" in console
    opens(device, V1)

    server.start()
    server.ctl("reference", "revoke", old)
    opens(device, V0)  # nobody told it
    contact(device, V2, 42)
    server.stop()
    stays_shut(device, V0)
    opens(device, V2)
    stays_shut(device, V1)  # neither a release nor the boot of now
