"""Images that systemd-measure signed open the vault in the initrd's phase: seal.policy = "signed-uki", measured by OVMF.

systemd-stub measures the image and leaves .pcrpkey and .pcrsig in the initrd. There the phase enter-initrd begins as systemd
has it begin, by init itself: this initrd has no systemd. The vault lies on a raw partition.
"""

import hashlib
import json
import shutil
import struct
from pathlib import Path

import pytest

from bootlab import fleet, image, rootfs
from bootlab.server import Server
from bootlab.signer import Signer
from bootlab.swtpm import Tpm

BOOT_SECONDS = 180
REACHED = "real root reached"
DEMO = Path(__file__).parent / "demo"
CONFIGURATION = "/mnt/root/etc/bootseal/bootseal.conf"
SIGNED = '\nseal = { policy = "signed-uki"; };\nvault = { partition = "vault"; };\n'
# As systemd's phases follow each other, each approved by what `systemd-measure sign` signs when it is not told which.
LATER_PHASES = {"leave-initrd": 13, "sysinit": 14, "ready": 15}  # with the PCR that the agent takes for the cap


def extend_phase(phase):
    """A shell command: TPM2_PCR_Extend of PCR 11 with the SHA-256 of the word, as systemd-pcrphase does."""
    body = struct.pack(">IIIHBHIH", 11, 9, 0x40000009, 0, 0, 0, 1, 0x000B) + hashlib.sha256(phase.encode()).digest()
    command = struct.pack(">HII", 0x8002, 10 + len(body), 0x182) + body
    escaped = "".join(f"\\{byte:03o}" for byte in command)
    return f"printf '{escaped}' >/dev/tpm0"


def output(machine, command):
    """What a command says in the real root, where it must not fail."""
    status, text = machine.run(command)
    assert status == 0, f"{command}: {text}"
    return text


class Field:
    """A server, the maker's key, and one board with two images of the maker."""

    def __init__(self, folder, agent):
        self.tpm = Tpm(folder / "tpm", folder / "maker")
        self.server = Server(folder / "server", self.tpm.ca_certificates)
        (folder / "product").mkdir()
        agent_conf = (DEMO / "agent.conf").read_text() + SIGNED
        # The file is read by init, and again by the script of the DHCP client.
        phase = f"[ -e /run/phase ] || {{ {extend_phase('enter-initrd')} && : >/run/phase; }}\n"
        product = fleet.Product(folder / "product", self.server.image, agent_conf, phase)
        signer = Signer(folder / "signer")
        self.esps = [product.esp(f"demo.version={version}", signer) for version in (1, 2)]
        self.board = product.board("board", self.esps[0], rootfs.busybox_root(), tpm=self.tpm, serial="TEST-0001")
        self.board.disks.more["vault"] = image.partitioned_disk(folder / "vault.img", "vault", 2)
        self.board.disks.more["tools"] = image.ext4(folder / "tools.img", "tools", 8, self._tools(folder, agent, agent_conf))

    def _tools(self, folder, agent, agent_conf):
        """The agent, and a root in which its configuration hides the cap from it."""
        hide = {"cap: { pcr = 12; }": "net: { up = []; };\nboot: { wait = 0; };\ncap: { pcr = 13; }", "9, 11]": "9, 11, 12]"}
        tools = folder / "tools"
        (tools / "root/var/lib/bootseal").mkdir(parents=True)
        (tools / "root/run").mkdir()
        (tools / "root/etc").mkdir()
        fleet.configuration(tools / "root/etc/bootseal", self.server.image, agent_conf, hide)
        shutil.copy(agent, tools)
        return tools

    def reached(self):
        """The report of a boot that has arrived with its credentials."""
        self.board.wait_for(REACHED, BOOT_SECONDS)
        assert hashlib.sha256(b"hunter2").hexdigest() in output(self.board, "sha256sum /run/credstore/demo.secret")
        return json.loads(output(self.board, "cat /run/bootseal/report.json"))


@pytest.fixture
def field(tmp_path, agent, server_programs):
    """A board in the real root of the first boot of image 1; the server is stopped."""
    one = Field(tmp_path, agent)
    one.server.start()
    one.server.apply_profile((DEMO / "profile.conf").read_text().replace("@SECRET@", "hunter2"))
    one.board.power_on()
    try:
        one.board.wait_for(r"pending \(unknown-device\)", BOOT_SECONDS)
        one.server.ctl("device", "approve", one.tpm.ek_sha256()["secp384r1"], "--learn", "--profile=demo")
        assert one.reached()["source"] == "server"
        one.server.stop()
        yield one
    finally:
        one.board.power_cut()
        one.server.stop()


def test_signed_image_opens_in_its_initrd_and_in_no_later_phase(field):
    board = field.board
    output(board, "mount LABEL=tools /mnt")
    for phase, cap in LATER_PHASES.items():
        output(board, f"sed -i 's/^cap:.*/cap: {{ pcr = {cap}; }};/' {CONFIGURATION} && {extend_phase(phase)}")
        status, said = board.run(f"/mnt/bootseal boot --root=/mnt/root --config={CONFIGURATION} 2>&1")
        assert status == 10 and "the vault is sealed to another boot" in said, said
        assert "none of" not in said  # the phase is signed: what shuts the vault is the cap
        assert "demo.secret" not in output(board, "find /mnt/root/run")
    board.power_cut()

    board.disks.esp = field.esps[1]
    board.power_on()
    made = field.reached()
    assert (made["source"], made["capped"]) == ("vault", True)
    assert board.sent_packets() == []
