"""A LUKS volume key and a WireGuard key that a device made outlive what shuts its vault, measured by OVMF.

One device from boot to boot: an approved change of its boot, a foreign increment, a counter that is gone, a cleared TPM. After each
it opens the volume that was made under its key, and finds in it what it wrote at first.
"""

import base64
import json
import re
import struct
from pathlib import Path

import pytest

from bootlab import fleet, luks, rootfs
from bootlab.server import Server
from bootlab.swtpm import Tpm

BOOT_SECONDS = 180
REACHED = "real root reached"
DEMO = Path(__file__).parent / "demo"
PROFILE = """
name = "demo";
items = (
    { name = "app.conf"; kind = "file"; text = "serial = ${device.serial}\\n"; },
    { name = "sysctl.conf"; kind = "file"; text = "kernel.kptr_restrict = 2\\n"; },
    { name = "wired.network"; kind = "file"; text = "[Match]\\nType=ether\\n"; },
    { name = "luks.volume-key"; kind = "generate"; type = "random"; size = 64; },
    { name = "network.wireguard.private.wg0"; kind = "generate"; type = "x25519"; format = "wireguard"; }
);
"""
COUNTER, OWNER, LOCKOUT = 0x0180B001, 0x40000001, 0x4000000A
PASSWORD = struct.pack(">IIHBH", 9, 0x40000009, 0, 0, 0)
KEY = "/run/credstore/luks.volume-key"
KEPT = "written by the first boot"
INCREMENT, UNDEFINE, CLEAR = (0x134, (COUNTER, COUNTER)), (0x122, (OWNER, COUNTER)), (0x126, (LOCKOUT,))


def output(machine, command):
    """What a command says in the real root, where it must not fail."""
    status, text = machine.run(command)
    assert status == 0, f"{command}: {text}"
    return text


def tpm_command(machine, code, handles):
    """What root of the running system may ask of the TPM, without tools: one command through its device."""
    body = b"".join(struct.pack(">I", handle) for handle in handles) + PASSWORD
    command = struct.pack(">HII", 0x8002, 10 + len(body), code) + body
    escaped = "".join(f"\\{byte:03o}" for byte in command)
    said = output(machine, f"exec 3<>/dev/tpm0; printf '{escaped}' >&3; dd bs=4096 count=1 <&3 2>/dev/null | od -An -tx1; exec 3>&-")
    answer = bytes.fromhex("".join(re.findall(r"\b[0-9a-f]{2}\b", said)))
    assert len(answer) >= 10 and answer[6:10] == bytes(4), said


class Keeper:
    """A server, one board, and what its keys were."""

    def __init__(self, folder):
        tpm = Tpm(folder / "tpm", folder / "maker")
        self.server = Server(folder / "server", tpm.ca_certificates)
        (folder / "product").mkdir()
        self.product = fleet.Product(folder / "product", self.server.image, (DEMO / "agent.conf").read_text())
        self.board = self.product.board("board", self.product.esp(), rootfs.busybox_root(), tpm=tpm, serial="TEST-0001")
        self.volume = luks.blank_volume(folder / "luks-volume.img")
        self.board.disks.more = {luks.TOOLS: luks.tools_disk(folder), luks.VOLUME: self.volume}
        self.device = tpm.ek_sha256()["secp384r1"]

    def boot(self, reason=None):
        """A boot to the real root, approved on its way where it has to be: sums of the keys, and the report."""
        self.board.power_on()
        if reason:
            self.board.wait_for(rf"pending \({reason}\)", BOOT_SECONDS)
            self.server.ctl("device", "approve", self.device, "--learn", "--profile=demo")
        self.board.wait_for(REACHED, BOOT_SECONDS)
        sums = output(self.board, "cd /run/credstore && wc -c luks.volume-key && sha256sum luks.volume-key network.wireguard.private.wg0")
        return sums, json.loads(output(self.board, "cat /run/bootseal/report.json"))

    def fill_volume(self):
        """The volume is made under the device's key, and the device writes something into it."""
        luks.make_volume(self.volume, base64.b64decode(output(self.board, f"base64 {KEY}")))
        assert KEPT.encode() not in self.volume.read_bytes()
        output(self.board, f"{luks.OPEN} {KEY} volume && echo '{KEPT}' | dd of=/dev/mapper/volume conv=sync,fsync 2>&1")
        assert KEPT.encode() not in self.volume.read_bytes(), "the volume is not encrypted"
        status, said = self.board.run("head -c 64 /dev/urandom > /tmp/other && /mnt/open /tmp/other other")
        assert status == 2 and "No key available" in said, said

    def read_volume(self):
        """The device opens the volume with its key of now."""
        said = output(self.board, f"{luks.OPEN} {KEY} volume && dd if=/dev/mapper/volume bs={len(KEPT)} count=1 2>/dev/null")
        assert said == KEPT

    def again(self, reason=None):
        """The same after a power cut, where the vault does not open."""
        self.board.power_cut()
        sums, report = self.boot(reason)
        assert report["source"] == "server" and report["capped"]
        self.read_volume()
        return sums

    def shown(self):
        """What the server knows of the keys."""
        return self.server.ctl_json("device", "show", self.device)["keys"]


@pytest.fixture
def keeper(tmp_path, agent, server_programs):
    """A server that runs, and a board that is off."""
    one = Keeper(tmp_path)
    one.server.start()
    one.server.apply_profile(PROFILE)
    try:
        yield one
    finally:
        one.board.power_cut()
        one.server.stop()


def test_luks_and_wireguard_keys_outlive_what_shuts_the_vault(keeper):
    made, _ = keeper.boot("unknown-device")
    known = keeper.shown()
    assert "64 luks.volume-key" in made and len(known) == 2 and all(key["enrolled"] for key in known)
    keeper.fill_volume()

    tpm_command(keeper.board, *INCREMENT)
    assert keeper.again() == made
    tpm_command(keeper.board, *UNDEFINE)
    assert keeper.again() == made
    tpm_command(keeper.board, *CLEAR)
    keeper.server.ctl("device", "approve", keeper.device, "--accept-reset")
    assert keeper.again() == made
    keeper.board.disks.esp = keeper.product.esp("test.changed=1")
    assert keeper.again("boot-not-approved") == made
    assert keeper.shown() == known

    keeper.server.stop()
    keeper.board.power_cut()
    sums, report = keeper.boot()
    assert sums == made and report["source"] == "vault" and keeper.board.sent_packets() == []
    keeper.read_volume()
