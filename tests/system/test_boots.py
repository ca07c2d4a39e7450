"""Measured boots with the real agent, server and TPM: from the first one, that waits for an operator, to a changed one.

The tests of this file follow one device from boot to boot and stand in the order of its life.
"""

import base64
import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest

from bootlab import fleet, image, rootfs
from bootlab.server import Server
from bootlab.swtpm import Tpm

BOOT_SECONDS = 180
REACHED = "real root reached"
DEMO = Path(__file__).parent / "demo"
PROFILE = (DEMO / "profile.conf").read_text().replace("@SECRET@", "hunter2")
CAP_PCR = 12
CAP_DIGEST = hashlib.sha256(b"bootseal cap v1").digest()
DAYS = 3

ARRIVED = ("sha256sum /run/credstore/demo.* /run/credentials/@initrd/demo.* /run/bootseal-demo/app.conf "
           "/run/sysctl.d/50-bootseal.conf /run/systemd/network/50-wired.network")


def output(machine, command):
    """What a command says in the real root, where it must not fail."""
    status, text = machine.run(command)
    assert status == 0, f"{command}: {text}"
    return text


def report(machine):
    """What the boot left."""
    return json.loads(output(machine, "cat /run/bootseal/report.json"))


def pcr(machine, number):
    """A PCR of the SHA-256 bank, as the kernel shows it."""
    return bytes.fromhex(output(machine, f"cat /sys/class/tpm/tpm0/pcr-sha256/{number}").strip())


class Life:
    """A server, a product, and one board of it whose root has the agent at hand."""

    def __init__(self, folder, agent, environment=None, initramfs_conf=""):
        tpm = Tpm(folder / "tpm", folder / "maker")
        self.server = Server(folder / "server", tpm.ca_certificates, environment)
        (folder / "product").mkdir()
        self.product = fleet.Product(folder / "product", self.server.image, (DEMO / "agent.conf").read_text(),
                                     initramfs_conf)
        self.esp = self.product.esp()
        self.board = self.product.board("board", self.esp, rootfs.busybox_root(), tpm=tpm, serial="TEST-0001")
        tools = shutil.copytree(self.product.config, folder / "tools")
        shutil.copy(agent, tools)
        self.board.disks.more["tools"] = image.ext4(folder / "tools.img", "tools", 8, tools)
        self.device = tpm.ek_sha256()["secp384r1"]
        self.arrived = None
        self.firmware_log = None

    def approve(self, reason):
        """Waits until the board waits for that reason, and approves it with its boot."""
        self.board.wait_for(rf"pending \({reason}\)", BOOT_SECONDS)
        self.server.ctl("device", "approve", self.device, "--learn", "--profile=demo")

    def first_boot(self):
        """From the factory to the real root."""
        self.server.start()
        self.server.apply_profile(PROFILE)
        self.board.power_on()
        self.approve("unknown-device")
        self.board.wait_for(REACHED, BOOT_SECONDS)
        self.arrived = output(self.board, ARRIVED)

    def end(self):
        """Power off."""
        self.board.power_cut()
        self.server.stop()


@pytest.fixture(scope="module")
def life(tmp_path_factory, agent, server_programs):
    """A board in the real root of its first boot."""
    one = Life(tmp_path_factory.mktemp("life"), agent)
    try:
        one.first_boot()
        yield one
    finally:
        one.end()


def test_first_boot_is_approved_and_goes_on_without_a_reboot(life):
    assert life.board.boots == 1
    shown = life.server.ctl_json("device", "show", life.device)
    made = report(life.board)
    assert shown["status"] == "approved" and shown["confirmed_serial"] == made["bundle_serial"] == 1
    assert (made["result"], made["source"], made["capped"]) == ("done", "server", True)
    assert life.board.sent_packets()
    setting = f"[app]\ndevice = {life.device}\nserial = TEST-0001\n"
    assert hashlib.sha256(setting.encode()).hexdigest() + "  /run/bootseal-demo/app.conf" in life.arrived
    assert life.arrived.count(hashlib.sha256(b"hunter2").hexdigest()) == 2


def test_credentials_lie_in_memory_that_is_never_swapped_and_for_root_alone(life):
    assert re.search(r" /run/credstore ramfs ", output(life.board, "cat /proc/mounts"))
    modes = output(life.board, "stat -c '%a %u:%g %n' /run/credstore /run/credstore/* /run/bootseal-demo/app.conf")
    assert "700 0:0 /run/credstore\n" in modes
    assert "640 0:0 /run/bootseal-demo/app.conf" in modes
    files = re.findall(r"^(\d+) (\S+) /run/credstore/", modes, re.M)
    assert len(files) >= 5 and set(files) == {("600", "0:0")}


def test_identity_is_what_the_maker_and_the_server_know(life):
    output(life.board, "mount -o ro LABEL=tools /mnt")
    said = json.loads(output(life.board, "/mnt/bootseal identity --config=/mnt/bootseal.conf --json"))
    assert said["device"] == said["ek_sha256"] == life.device
    assert said["serial"] == "TEST-0001" and said["ek_kind"] == "p384"
    assert said["ak_name"] == life.server.ctl_json("device", "show", life.device)["ak_name"]
    assert [cert["is_of_this_ek"] for cert in said["ek_certificates"]] == [True]
    assert life.device in output(life.board, "/mnt/bootseal identity --config=/mnt/bootseal.conf")


def test_event_log_leads_to_the_pcrs_of_the_tpm(life):
    log = json.loads(output(life.board, "/mnt/bootseal eventlog --config=/mnt/bootseal.conf --json"))
    replayed = {int(number): bytes.fromhex(value) for number, value in log["pcrs"]["sha256"].items()}
    assert {0, 2, 4, 7, 9, 11} <= replayed.keys()
    for number, value in replayed.items():
        assert number == CAP_PCR or value == pcr(life.board, number), f"PCR {number}"
    assert any(event["description"] == "contents of UKI section .cmdline" for event in log["events"])


def foretell(life, name, number, log):
    """The reference that the image of an ESP becomes, with the event log as the firmware's."""
    return life.server.ctl_json("reference", "add", name, f"--uki={life.product.folder}/uki-{number}.efi", f"--firmware={log}")


def test_image_foretells_what_its_boot_measured(life):
    """Every PCR of the prediction is that of the boot: to the server it is the reference that was learned."""
    measured = output(life.board, "base64 /sys/kernel/security/tpm0/binary_bios_measurements")
    life.firmware_log = life.product.folder / "firmware.log"
    life.firmware_log.write_bytes(base64.b64decode(measured))
    learned = life.server.ctl_json("reference", "show", "1")
    added = foretell(life, "1.0", 0, life.firmware_log)
    assert added["id"] == learned["id"] and added["pcrs"] == learned["pcrs"]
    assert {4, 9, 11} <= {row["pcr"] for row in added["pcrs"]}


def test_cap_is_one_extend_of_its_pcr(life):
    assert pcr(life.board, CAP_PCR) == hashlib.sha256(bytes(32) + CAP_DIGEST).digest()


def test_a_capped_boot_provisions_no_more(life):
    """Even where the real root has everything: agent, configuration, network, server."""
    status, said = life.board.run("/mnt/bootseal boot --config=/mnt/bootseal.conf --root=/tmp 2>&1")
    assert status == 20 and "this boot is over" in said


def test_second_boot_after_a_power_cut_needs_no_server_and_sends_nothing(life):
    life.board.power_cut()
    life.server.stop()
    life.board.power_on()
    life.board.wait_for(REACHED, BOOT_SECONDS)
    assert output(life.board, ARRIVED) == life.arrived
    made = report(life.board)
    assert (made["source"], made["capped"], made["round_trips"]) == ("vault", True, 0)
    assert made["tpm_commands"] <= 12
    assert made["notes"] == ["unauthenticated-root"]
    lines = [line for line in life.board.console.text.splitlines() if "bootseal: " in line]
    assert len(lines) <= 12, lines
    life.board.shut_down()
    assert life.board.sent_packets() == []


def test_changed_command_line_shuts_the_vault_until_it_is_approved(life):
    life.board.disks.esp = life.product.esp("test.changed=1")
    life.board.power_on()
    life.board.wait_for("the vault is sealed to another boot", BOOT_SECONDS)
    life.board.wait_for("does not answer .*; trying again", BOOT_SECONDS)
    life.server.start()  # a device that waits finds it by itself
    life.board.wait_for(r"pending \(boot-not-approved\)", BOOT_SECONDS)
    shown = life.server.ctl_json("device", "show", life.device)
    findings = shown["findings"]
    assert "contents of UKI section .cmdline" in shown["explanation"]
    assert "command line, as both devices tell it: with test.changed=1\n" in shown["explanation"]
    written = life.server.ctl_json("audit")["audit"][-1]["detail"]
    assert "; command line, as both devices tell it: with test.changed=1; " in written
    for finding in findings:
        life.board.wait_for(f"  PCR {finding['pcr']}, event {finding['event']}: ", 20)
    assert {finding["pcr"] for finding in findings} == {4, 9, 11}
    life.approve("boot-not-approved")
    life.board.wait_for(REACHED, BOOT_SECONDS)
    assert life.board.boots == 3
    assert output(life.board, ARRIVED) == life.arrived
    made = report(life.board)
    assert made["source"] == "server" and "vault-boot-changed" in made["notes"]
    known = [reference["id"] for reference in life.server.ctl_json("reference", "list")["references"]]
    foretold = foretell(life, "1.1", 1, life.firmware_log)  # by the log of the boot before
    assert len(known) == 2 and foretold["id"] == known[1]
    states = [cert["status"] for cert in life.server.ctl_json("device", "show", life.device)["certificates"]]
    assert sorted(states) == ["living", "revoked"]


def test_device_at_1970_enrolls_at_a_server_whose_certificate_is_younger_than_the_build(
        tmp_path, agent, server_programs, faketime):
    # The server lives later, by more than it dates its certificates back.
    later = {"LD_PRELOAD": str(faketime), "FAKETIME": f"+{DAYS}d", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    # Set by init, as on a board without a clock: EDK II takes a clock at 1970 for one at 2070.
    life = Life(tmp_path, agent, later, "/bin/busybox date -s @9\n")
    try:
        life.first_boot()
        assert "1970" in output(life.board, "date")
        assert "clock-unknown" in report(life.board)["notes"]
    finally:
        life.end()
