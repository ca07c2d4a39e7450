"""seal.policy = "signed": an approved update opens without the server, a revoked one does not once the device knows."""

import hashlib
import json
import os
import re
import struct
import subprocess

import pytest

import bootlogs
import eventlog
import lab
import tinyuki
from signed_image import SYSTEMD_MEASURE, Image

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
        name = boot.wait_for("bootsealctl device show ([0-9a-f]{64})").group(1)
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
    file = bytes.fromhex(server.json("device", "approvals", device.id)["approvals"])
    (device.root / "approvals").write_bytes(file)
    server.stop()
    device.settings["seal"] = 'policy = "signed"; approvals = "/approvals";'
    opens(device, V2)  # but the file does
    device.settings["seal"] = 'policy = "signed";'
    server.start()
    contact(device, V1, 21)
    server.stop()
    opens(device, V2)
    by_state = {step["state"]: step["tpm_commands"] for step in device.report["steps"]}
    assert by_state["open"] <= 12 and device.report["tpm_commands"] <= 16, by_state
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


def predict(device, image):
    """What bootseal predict says: exit code, {PCR: it changes}, phase."""
    done = subprocess.run(device.command("predict", image, "--json"), capture_output=True, text=True, check=False)
    if not done.stdout:
        return done.returncode, done.stderr
    said = json.loads(done.stdout)
    assert said["opens"] == (done.returncode == 0), done
    return done.returncode, {row["pcr"]: row["changes"] for row in said["pcrs"] if row["changes"]}, said["phase"]


def test_an_image_that_was_made_a_release_is_foretold_to_open(fleet, server, tmp_path):
    _, device = fleet
    image, other = tmp_path / "uki.efi", tmp_path / "other.efi"
    image.write_bytes(tinyuki.uki())
    other.write_bytes(tinyuki.uki("init=/bin/sh"))
    device.log = V1
    lab.enroll(device, server)
    assert predict(device, image) == (20, {4: True, 9: True, 11: True}, None)
    server.ctl("reference", "add", "2.0", f"--uki={image}", f"--firmware={lab.LOGS}/ovmf-uki-cloud.bin", "--release")
    contact(device, V1, 21)
    assert predict(device, image)[0] == 0
    assert predict(device, other)[0] == 20
    shown = subprocess.run(device.command("predict", other), capture_output=True, text=True, check=False)
    assert shown.returncode == 20 and "stays shut" in shown.stdout and "the nearest that is, 2.0" in shown.stderr, shown
    device.power_on(lab.changed_boot(V1, 0))  # another firmware since
    assert predict(device, image)[0] == 20
    assert "no image whose boot can be foretold" in predict(device, __file__)[1]
    for slot in device.slots:
        slot.unlink()
    assert "there is no vault" in predict(device, image)[1]


def booted(image_log):
    """The log of a boot of tinyuki.uki(): PCRs 9 and 11 are its own, PCR 4 that of another image."""
    size, = struct.unpack_from("<I", image_log, 28)
    out = image_log[:32 + size]
    for pcr, kind, digests, data in eventlog.events(image_log):
        if pcr not in (9, 11):
            out = eventlog.append(out, pcr, kind, digests, data)
    for pcr, pieces in ((11, tinyuki.pieces11()), (9, tinyuki.pieces9())):
        for piece in pieces:
            out = eventlog.append(out, pcr, 13, {lab.SHA256: hashlib.sha256(piece).digest()}, b"")
    return out


def device_without_pcr_4(new_device, server, more=""):
    """A device of a server that demands PCRs which an image decides wholly, and of `more`."""
    pcrs = "0, 2, 7, 9, 11" + more
    server.stop()
    conf = server.folder / "bootseald.conf"
    conf.write_text(re.sub(r"\bpcrs = \[[^]]*\]", f"pcrs = [{pcrs}]", conf.read_text()))
    server.start()
    device = new_device("a")
    device.settings["pcrs"] = pcrs
    return device


def test_a_literal_vault_is_foretold_from_what_it_is_sealed_to(new_device, server, tmp_path):
    device = device_without_pcr_4(new_device, server)
    device.log = booted(V1)
    lab.enroll(device, server)
    image, other = tmp_path / "uki.efi", tmp_path / "other.efi"
    image.write_bytes(tinyuki.uki())
    other.write_bytes(tinyuki.uki(initrd=b"another initrd"))
    assert predict(device, image) == (0, {}, None)
    assert predict(device, other) == (20, {9: True, 11: True}, None)
    device.write_config(pcrs="0, 2, 4, 7, 9, 11")
    assert predict(device, image)[0] == 3
    image.write_bytes(tinyuki.uki(stub="258-1"))
    device.write_config()
    assert "PCR 9 cannot be foretold" in predict(device, image)[1]


def test_systemd_in_the_initrd_is_another_boot_and_is_foretold(new_device, server, tmp_path):
    device = device_without_pcr_4(new_device, server)
    image, machine = tmp_path / "uki.efi", tmp_path / "firmware.log"
    image.write_bytes(tinyuki.uki())
    machine.write_bytes(V1)
    foretell = (f"--uki={image}", f"--firmware={machine}", "--profile=demo", "--release")
    server.ctl("reference", "add", "1.0", *foretell)
    device.power_on(booted(V1))
    device.tpm.extend(11, hashlib.sha256(b"enter-initrd").digest())
    boot = device.start()
    name = boot.wait_for("bootsealctl device approve ([0-9a-f]{64})").group(1)
    server.ctl("device", "approve", name, "--profile=demo")
    boot.wait_for("boot-not-approved")
    assert "reference add --phase=enter-initrd" in server.ctl("device", "show", name)
    server.ctl("reference", "add", "1.0-systemd", *foretell, "--phase=enter-initrd")
    assert boot.end() == 0, boot.console.text
    assert predict(device, image) == (0, {}, "enter-initrd")


def test_pcrs_of_a_dynamic_launch_are_foretold(new_device, server, tmp_path):
    """They begin with zeros where the log has events of them, and are ones, as the TPM resets them, where it has none."""
    device = device_without_pcr_4(new_device, server, ", 17")
    image, machine = tmp_path / "uki.efi", tmp_path / "firmware.log"
    image.write_bytes(tinyuki.uki())
    foretell = (f"--uki={image}", f"--firmware={machine}", "--profile=demo")
    machine.write_bytes(V1)
    number = server.json("reference", "add", "0.9", *foretell)["id"]
    assert json.loads(server.ctl("reference", "evidence", number))["pcrs"]["17"] == 32 * "ff"
    machine.write_bytes(bootlogs.measured(V1, 17, 0x402, b"launch"))
    server.ctl("reference", "add", "1.0", *foretell)

    device.power_on(booted(V1))
    assert device.tpm.read_pcr(17) == 32 * b"\xff"
    device.tpm.launch(b"launch")
    (device.root / "eventlog").write_bytes(bootlogs.measured(device.log, 17, 0x402, b"launch"))
    boot = device.start()
    name = boot.wait_for("bootsealctl device approve ([0-9a-f]{64})").group(1)
    server.ctl("device", "approve", name, "--profile=demo")
    assert boot.end() == 0, boot.console.text
    assert predict(device, image) == (0, {}, None)
    (device.root / "eventlog").write_bytes(device.log)
    assert predict(device, image)[0] == 20
    shown = subprocess.run(device.command("predict", image), capture_output=True, text=True, check=False).stdout
    assert f"PCR 17 {32 * 'ff'}\n" in shown and f"PCR 2  {device.tpm.read_pcr(2).hex()}\n" in shown, shown


@pytest.fixture
def images(tmp_path):
    """Two images of one maker, and one of a stranger."""
    if not os.path.exists(SYSTEMD_MEASURE) and os.environ.get("BOOTSEAL_TEST_STRICT") != "1":
        pytest.skip("systemd-measure is not installed")
    return [Image(tmp_path / "v1", "1.0", tmp_path / "maker.pem"), Image(tmp_path / "v2", "2.0", tmp_path / "maker.pem"),
            Image(tmp_path / "evil", "evil", tmp_path / "stranger.pem")]


def test_an_image_that_systemd_measure_signed_opens_and_no_other(new_device, server, images):
    one, two, evil = images
    device = new_device("a")
    device.settings["seal"] = 'policy = "signed-uki";'
    device.power_on(one.log(V1))
    signatures = [image.sign(device, "enter-initrd", "enter-initrd:leave-initrd") for image in images]

    device.power_on(one.log(V1))
    one.start(device, signatures[0], "enter-initrd")
    boot = device.start()
    name = boot.wait_for("bootsealctl device approve ([0-9a-f]{64})").group(1)
    server.ctl("device", "approve", name, "--learn", "--profile=demo")
    assert boot.end() == 0, boot.console.text
    server.stop()

    def boots(image, signature, phase, code, source=None):
        device.power_on(image.log(V1))
        image.start(device, signature, phase)
        done, console = device.run(wait=0)
        assert done == code, console
        assert source is None or device.report["source"] == source, console
        return console

    boots(one, signatures[0], "enter-initrd", 0, "vault")
    assert predict(device, two.uki(signatures[1])) == (0, {11: True}, "enter-initrd")
    assert predict(device, two.uki(b"{}"))[0] == 20
    assert predict(device, evil.uki(signatures[2]))[0] == 20
    boots(two, signatures[1], "enter-initrd", 0, "vault")  # which the server has never seen
    assert "none of 4 PCR signatures" in boots(two, signatures[0], "enter-initrd", 10)
    boots(two, signatures[1], None, 10)  # not the phase that was signed
    assert "none of 2 PCR signatures" in boots(evil, signatures[2], "enter-initrd", 10)  # those of the slot
    boots(two, b"{}", "enter-initrd", 10)
    boots(one, b"no JSON", "enter-initrd", 0, "vault")  # the slot has its own


def test_what_cannot_be_sealed_to_an_image_says_why(new_device, server, images):
    one, two, evil = images
    device = new_device("a")
    device.settings["seal"] = 'policy = "signed-uki";'
    device.power_on(one.log(V1))
    signature = two.sign(device, "enter-initrd")
    device.power_on(one.log(V1))
    one.start(device, signature)
    boot = device.start()
    name = boot.wait_for("bootsealctl device approve ([0-9a-f]{64})").group(1)
    server.ctl("device", "approve", name, "--learn", "--profile=demo")
    assert boot.end() == 3 and "signs no boot like this one" in boot.console.text, boot.console.text
    assert not device.has_credentials() and not device.slots[0].exists()
    device.power_on(one.log(V1))
    one.start(device, one.sign(device, ":"))  # an initrd without systemd has no phases
    code, console = device.run()
    assert code == 0, console
    device.power_on(one.log(V1))
    one.start(device, signature)
    (device.root / ".extra/tpm2-pcr-public-key.pem").unlink()
    for slot in device.slots:
        slot.unlink()
    code, console = device.run()
    assert code == 3 and "seal.uki_key" in console, console
