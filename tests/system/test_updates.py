"""An approved update opens the vault without a server, and a revoked one does not: seal.policy = "signed", measured by OVMF.

One device from boot to boot, with three images of one product: version 1 enrolls, 2 is the update, 0 is revoked. Its vault lies
on vfat, as on a board that has only the boot loader's file system to write.
"""

import datetime
import hashlib
import json
import re
from pathlib import Path

import pytest

from bootlab import fleet, image, rootfs
from bootlab.server import Server
from bootlab.swtpm import Tpm

BOOT_SECONDS = 180
REACHED = "real root reached"
DEMO = Path(__file__).parent / "demo"
VFAT = "STATE=LABEL=BOOTSEAL\nSTATE_TYPE=vfat\n"
SIGNED = '\nseal = { policy = "signed"; };\n'
CERTIFICATE_DAYS = 30


class Update:
    """A server, one board, and the ESPs of the three versions."""

    def __init__(self, folder, faketime):
        self.faketime = faketime
        self.tpm = Tpm(folder / "tpm", folder / "maker")
        self.server = Server(folder / "server", self.tpm.ca_certificates)
        conf = self.server.folder / "bootseald.conf"
        conf.write_text(re.sub(r"device_days = \d+", f"device_days = {CERTIFICATE_DAYS}", conf.read_text()))
        (folder / "product").mkdir()
        agent_conf = (DEMO / "agent.conf").read_text() + SIGNED
        self.product = fleet.Product(folder / "product", self.server.image, agent_conf, VFAT,
                                     "vfat nls_cp437 nls_ascii")
        self.esps = [self.product.esp(f"demo.version={version}") for version in range(3)]
        self.board = self.product.board("board", self.esps[1], rootfs.busybox_root(), tpm=self.tpm, serial="TEST-0001")
        self.board.disks.state = image.vfat_state_disk(folder / "state.img")
        self.rest = list(self.board.options)

    def release(self, version):
        """Foretold from its image; the firmware's part is that of the device."""
        return self.server.ctl_json("reference", "add", f"v{version}", "--release", "--profile=demo",
                                    f"--uki={self.product.folder}/uki-{version}.efi")

    def serve(self, day):
        """The server runs on that day from now."""
        self.server.start({"LD_PRELOAD": str(self.faketime), "FAKETIME": f"+{day}d",
                           "FAKETIME_DONT_FAKE_MONOTONIC": "1"})

    def boot(self, version, day):
        """The board is switched on with the image of that version, on that day from now."""
        now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=day)
        self.board.options = [*self.rest, "-rtc", f"base={now:%Y-%m-%dT%H:%M:%S}"]
        self.board.disks.esp = self.esps[version]
        self.board.power_on()

    def arrives(self):
        """What the boot left when it has reached the real root with the credentials; the board is off then."""
        self.board.wait_for(REACHED, BOOT_SECONDS)
        status, text = self.board.run("cat /run/bootseal/report.json && sha256sum /run/credstore/demo.secret")
        assert status == 0 and hashlib.sha256(b"hunter2").hexdigest() in text, text
        self.board.shut_down()
        return json.loads(text[:text.rindex("}") + 1])

    def opens_offline(self):
        """The boot got everything from the vault and sent nothing, and asked the TPM no more than it has to."""
        made = self.arrives()
        assert (made["source"], made["capped"]) == ("vault", True)
        assert made["tpm_commands"] <= 16
        assert self.board.sent_packets() == []


@pytest.fixture
def update(tmp_path, agent, server_programs, faketime):
    """A device that enrolled with version 1, while 0 and 2 are releases that it has not heard of."""
    one = Update(tmp_path, faketime)
    one.server.start()
    one.server.apply_profile((DEMO / "profile.conf").read_text().replace("@SECRET@", "hunter2"))
    one.boot(1, 0)
    try:
        one.board.wait_for(r"pending \(unknown-device\)", BOOT_SECONDS)
        one.server.ctl("device", "approve", one.tpm.ek_sha256()["secp384r1"], "--learn", "--profile=demo")
        assert one.arrives()["source"] == "server"
        yield one
    finally:
        one.board.power_cut()
        one.server.stop()


def test_update_opens_offline_after_one_contact_and_a_revoked_one_does_not(update):
    old, _ = update.release(0), update.release(2)
    update.server.stop()

    update.serve(day=21)  # the certificate is due: the device asks
    update.boot(1, 21)
    assert update.arrives()["source"] == "server"
    update.server.stop()
    update.boot(2, 22)
    update.opens_offline()

    update.serve(day=42)
    update.server.ctl("reference", "revoke", str(old["id"]))
    update.boot(2, 42)
    assert update.arrives()["source"] == "server"
    update.server.stop()
    update.boot(0, 43)
    update.board.wait_for("does not answer .*; trying again", BOOT_SECONDS)
    assert "the vault is sealed to another boot" in update.board.console.text
    assert REACHED not in update.board.console.text
    update.board.power_cut()
    update.boot(2, 43)
    update.opens_offline()
