"""The worked examples of docs/operations.md: one approved boot and eight that differ from it in one thing each.

Each is a real boot of OVMF with Secure Boot. It ends where an agent would begin: what the boot measured is taken out and
becomes an evidence file, as `bootsealctl device evidence` makes it.
"""

import base64
import json
import shutil
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path

from . import debian, image, kernel, secureboot, vm
from .cache import cached
from .rootfs import TREES
from .run import run
from .swtpm import Tpm

APPROVED = "approved"
PCRS = (0, 2, 3, 4, 5, 7, 9, 11, 12)
CAP_PCR = 12
COMMAND_LINE = "root=LABEL=root rootfstype=ext4 ro"
DISK, OTHER_DISK = uuid.UUID("11111111-2222-4333-8444-555555555555"), uuid.UUID("99999999-8888-4777-8666-555555555555")
BUILDS = Path("/usr/share/OVMF")
INIT = """#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev
/bin/busybox mount -t securityfs securityfs /sys/kernel/security
/bin/busybox --install -s /bin
PATH=/bin
export PATH
/sbin/test-shell
poweroff -f
"""


@dataclass(frozen=True)
class Example:
    """What one boot does otherwise than the approved one."""

    words: str = ""  # more on the command line
    initrd: str = "initrd"
    linux: bool = False  # another kernel
    is_secure: bool = True
    signs: str = "vendor"  # whose key the image is signed with
    signers: tuple = ("vendor",)  # whose keys are in db
    firmware: bool = False  # the older build
    loader: bool = False  # another program comes first
    disk: uuid.UUID = DISK


EXAMPLES = {
    APPROVED: Example(),
    "command-line": Example(words="init=/bin/sh"),
    "initrd": Example(initrd="initrd-changed"),
    "kernel": Example(linux=True),
    "secure-boot-off": Example(is_secure=False),
    "own-key": Example(signs="own", signers=("vendor", "own")),
    "older-firmware": Example(firmware=True),
    "extra-application": Example(loader=True),
    "other-disk": Example(disk=OTHER_DISK),
}


class Workshop:
    """Makes what the boots need, each thing once, and boots."""

    def __init__(self, folder):
        self.folder = Path(folder).resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._keys = {name: secureboot.Key(self.folder, words) for name, words in (
            ("platform", "Gateway platform key"), ("exchange", "Gateway key exchange key"),
            ("vendor", "Gateway image signing"), ("own", "Key of somebody else"))}
        self._initrd("initrd")
        self._initrd("initrd-changed", {"etc/motd": "one file more\n"})
        self._tpm = Tpm(self.folder / "tpm")
        self._programs = {}
        self._evidence = {}

    def evidence(self, name):
        """The evidence file's content of the example of that name, which is booted once."""
        if name not in self._evidence:
            self._evidence[name] = self._boot(name, EXAMPLES[name])
        return self._evidence[name]

    def _boot(self, name, example, timeout=180):
        folder = self.folder / f"boot-{name}"
        folder.mkdir()
        disks = vm.Disks(esp=self._disk(folder, example))
        with vm.Machine(folder, disks, tpm=self._tpm, firmware=self._firmware(folder, example)) as machine:
            machine.power_on()
            return _evidence(machine, timeout)

    def _initrd(self, name, files=None):
        tree = self.folder / f"{name}.tree"
        for sub in ("bin", "sbin", "dev", "proc", "sys", "etc"):
            (tree / sub).mkdir(parents=True)
        run("install", "-m", "755", image.BUSYBOX, tree / "bin/busybox")
        run("install", "-m", "755", TREES / "common/usr/local/sbin/test-shell", tree / "sbin/test-shell")
        for path, content in {"init": INIT, **(files or {})}.items():
            (tree / path).write_text(content)
        (tree / "init").chmod(0o755)
        (tree / "bin/sh").symlink_to("busybox")
        run("sh", "-c", 'cd "$1" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0 --reproducible | gzip -1n >"$2"',
            "sh", tree, self.folder / name)

    def _disk(self, folder, example):
        """The disk with the image, signed, and perhaps with a boot loader in front of it."""
        signer = self._keys[example.signs]
        program, extra = signer.sign(self._program(example), folder / "gateway.efi"), {}
        if example.loader:
            extra["EFI/Linux/gateway.efi"] = program
            program = signer.sign(kernel.stub().with_name("systemd-bootx64.efi"), folder / "loader.efi")
        file_system = image.esp(folder / "esp.img", program, extra)
        return image.esp_disk(folder / "disk.img", file_system, example.disk)

    def _program(self, example):
        """The image before it is signed: examples that do not differ in it share it to the byte, for objcopy writes the time in."""
        recipe = (example.words, example.initrd, example.linux)
        if recipe not in self._programs:
            self._programs[recipe] = image.uki(
                self.folder / f"program-{len(self._programs)}.efi", self.folder / example.initrd,
                f"{COMMAND_LINE} {example.words}".strip(), linux=other_kernel() if example.linux else None)
        return self._programs[recipe]

    def _firmware(self, folder, example):
        """A build of OVMF that can do Secure Boot, with the keys of the maker enrolled."""
        build = older_firmware() if example.firmware else BUILDS
        variables = Path(shutil.copyfile(build / "OVMF_VARS_4M.fd", folder / "variables.fd"))
        secureboot.enroll(variables, self._keys["platform"], self._keys["exchange"],
                          [self._keys[name] for name in example.signers], example.is_secure)
        return vm.Firmware(build / "OVMF_CODE_4M.secboot.fd", variables, is_locked=True)


def older_firmware():
    """The folder of the build of OVMF before the installed one, or of whatever other one the archive has."""
    package = debian.another("ovmf")
    folder = cached("ovmf", [package], lambda into: debian.unpack(package, into))
    return folder / "usr/share/OVMF"


def other_kernel():
    """A kernel of the archive that is not the machines' own."""
    package = debian.another_named(kernel.package(), r"linux-image-\d\S*-cloud-amd64")

    def unpack(into):
        with tempfile.TemporaryDirectory() as whole:
            debian.unpack(package, whole)
            (found,) = Path(whole, "boot").glob("vmlinuz-*")
            shutil.copyfile(found, into / "vmlinuz")
    return cached("other-kernel", [package], unpack) / "vmlinuz"


def _evidence(machine, timeout):
    """What the boot measured: the TPM's values, the firmware's log, the command line."""
    log = _read(machine, "base64 /sys/kernel/security/tpm0/binary_bios_measurements", timeout)
    values = _read(machine, f"cd /sys/class/tpm/tpm0/pcr-sha256 && cat {' '.join(map(str, PCRS))}", timeout).split()
    return {
        "format": "bootseal-evidence-1",
        "bank": "sha256",
        "cap_pcr": CAP_PCR,
        "pcrs": {str(pcr): value.lower() for pcr, value in zip(PCRS, values, strict=True)},
        "firmware_log": "".join(log.split()),
        "command_line": _read(machine, "cat /proc/cmdline", timeout).rstrip("\n"),
    }


def _read(machine, command, timeout):
    status, text = machine.run(command, timeout)
    assert status == 0, f"{command}: {text}"
    return text.replace("\r", "")


def firmware_log(evidence):
    """The log in an evidence file's content, as the firmware wrote it."""
    return base64.b64decode(evidence["firmware_log"])


def save(evidence, path):
    """Writes an evidence file."""
    Path(path).write_text(json.dumps(evidence, indent=1) + "\n")
