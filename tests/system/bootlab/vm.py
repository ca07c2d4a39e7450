"""A machine: OVMF, a TPM, disks and a network card in QEMU, which is switched on, watched and cut off."""

import base64
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from . import pcap
from .accel import accelerator, cpu
from .console import Console
from .image import BASE_CMDLINE
from .kernel import kernel
from .swtpm import Tpm

NO_TPM = object()
HOST_ADDRESS = "10.0.2.2"  # what the host's 127.0.0.1 is to the guest


@dataclass
class Disks:
    """Images by the serial number under which the guest sees them; the root is never written."""

    esp: Path = None
    state: Path = None
    root: Path = None
    more: dict = field(default_factory=dict)

    def options(self):
        """QEMU's options, with the ESP as the disk to boot from."""
        files = {"esp": self.esp, "state": self.state, "root": self.root, **self.more}
        options = []
        for serial, path in files.items():
            if path is None:
                continue
            readonly = ",readonly=on" if serial in ("esp", "root") else ""
            boot = ",bootindex=0" if serial == "esp" else ""
            options += ["-drive", f"if=none,id={serial},format=raw,file={path}{readonly}",
                        "-device", f"virtio-blk-pci,drive={serial},serial={serial}{boot}"]
        return options


@dataclass(frozen=True)
class Firmware:
    """A build of OVMF and the variables that it begins with; is_locked: it keeps them from all but its own SMM."""

    code: Path
    variables: Path
    is_locked: bool = False

    def options(self, variables):
        """QEMU's options, with a machine's own copy of the variables."""
        locked = ["-global", "driver=cfi.pflash01,property=secure,value=on",
                  "-global", "ICH9-LPC.disable_s3=1"] if self.is_locked else []
        return [*locked, "-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={self.code}",
                "-drive", f"if=pflash,format=raw,unit=1,file={variables}"]


OVMF = Firmware(Path("/usr/share/OVMF/OVMF_CODE.fd"), Path("/usr/share/OVMF/OVMF_VARS.fd"))


@dataclass
class Direct:
    """A kernel that QEMU puts into memory itself: seconds faster than OVMF, and nothing is measured."""

    initrd: Path
    cmdline: str

    def options(self):
        """QEMU's options, which take the place of the firmware's."""
        return ["-kernel", str(kernel().image), "-initrd", str(self.initrd),
                "-append", f"{BASE_CMDLINE} {self.cmdline}"]


class Machine:
    """TPM, firmware variables and disks stay the same from one boot to the next, as on a board.

    folder gets TPM, firmware variables, one console log and one network capture for each boot. echo is
    called with each line of the console. tpm: NO_TPM for a machine without one. options: more of QEMU's.
    firmware: another build of OVMF, or other variables.
    Disks and options may be replaced while the machine is off.
    """

    def __init__(self, folder, disks, tpm=None, echo=None, direct=None, options=(), firmware=OVMF):
        self.folder = Path(folder).resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.disks = disks
        self.options = list(options)
        self.tpm = None if tpm is NO_TPM else tpm or Tpm(self.folder / "tpm")
        self.mac = "52:54:00:12:34:56"
        self.boots = 0
        self.console = None
        self._echo = echo
        self._direct = direct
        self._qemu = None
        self._shell = None
        self._shell_ready = False
        self._firmware = firmware
        self._vars = self.folder / "ovmf-vars.fd"
        if not self._vars.exists():
            shutil.copyfile(firmware.variables, self._vars)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.power_cut()

    @property
    def capture(self):
        """The capture file of the current boot's network."""
        return self.folder / f"net-{self.boots}.pcap"

    @property
    def log(self):
        """The console log of the current boot."""
        return self.folder / f"console-{self.boots}.log"

    def power_on(self):
        """Starts a boot; the machine must be off."""
        assert self._qemu is None, "the machine is on"
        self.boots += 1
        tpm_here, tpm_there = socket.socketpair()
        shell_here, shell_there = socket.socketpair()
        with tpm_here, tpm_there, shell_there:
            if self.tpm:
                self.tpm.start(tpm_there)
            self._qemu = subprocess.Popen(
                self._command(tpm_here.fileno(), shell_there.fileno()), stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                pass_fds=[tpm_here.fileno(), shell_there.fileno()])
        self._shell = shell_here
        self.console = Console(self._qemu.stdout.fileno(), self.log, self._echo)

    def _program(self):
        if self._direct:
            return self._direct.options()
        return self._firmware.options(self._vars)

    def _tpm(self, tpm_fd):
        if not self.tpm:
            return []
        return ["-chardev", f"socket,id=tpmctl,fd={tpm_fd}",
                "-tpmdev", "emulator,id=tpm0,chardev=tpmctl", "-device", "tpm-crb,tpmdev=tpm0"]

    def _command(self, tpm_fd, shell_fd):
        return [
            "qemu-system-x86_64", "-accel", accelerator(), "-machine", "q35" + (",smm=on" if self._firmware.is_locked else ""), "-cpu", cpu(),
            "-m", "1024", "-smp", "1", "-nodefaults", "-display", "none", "-no-reboot",
            "-serial", "stdio",
            "-chardev", f"socket,id=shell,fd={shell_fd}", "-serial", "chardev:shell",
            *self._tpm(tpm_fd),
            *self._program(),
            *self.disks.options(),
            "-netdev", "user,id=net0",
            "-device", f"virtio-net-pci,netdev=net0,mac={self.mac},romfile=",
            "-object", f"filter-dump,id=capture,netdev=net0,file={self.capture}",
            "-device", "virtio-rng-pci",
            *self.options]

    def wait_for(self, pattern, timeout=120, after=0):
        """The first match on the console (Console.wait_for)."""
        return self.console.wait_for(pattern, timeout, after)

    def wait_off(self, timeout=120):
        """Waits until the guest has switched itself off or restarted (which is the end of a boot here)."""
        self._qemu.wait(timeout)
        self._switched_off()

    def shut_down(self, timeout=60):
        """Lets the real root end in an orderly way."""
        self._send("exit", timeout)
        self.wait_off(timeout)

    def power_cut(self):
        """Takes the power away from processor and TPM at this moment; nothing happens when it is off."""
        if self._qemu is not None:
            self._qemu.kill()
            if self.tpm:
                self.tpm.cut()
            self._qemu.wait()
            self._switched_off()

    def _switched_off(self):
        if self.tpm:
            self.tpm.wait()
        self.console.wait_closed(10)
        self._qemu.stdout.close()
        self._shell.close()
        self._qemu = self._shell = None
        self._shell_ready = False

    def sent_packets(self):
        """The frames that the guest sent in this boot, or up to now."""
        return pcap.sent_by(self.capture, self.mac)

    def run(self, command, timeout=60):
        """Runs a shell command as root in the real root; returns (exit status, output).

        The test roots have a program for it on the second serial port (root/common/…/test-shell); it is
        waited for.
        """
        self._send(command, timeout)
        output = self._read_shell(b"\x04", timeout)
        status = self._read_shell(b"\n", timeout)
        return int(status), output.decode(errors="replace")

    def _send(self, command, timeout):
        if not self._shell_ready:
            self._read_shell(b"\x05", timeout)
            self._shell_ready = True
        self._shell.sendall(base64.b64encode(command.encode()) + b"\n")

    def _read_shell(self, end, timeout):
        """What comes on the second serial port before the byte `end`, which is read too."""
        self._shell.settimeout(timeout)
        data = b""
        while True:
            byte = self._shell.recv(1)
            if not byte:
                raise EOFError("the machine ended while it ran a command")
            if byte == end:
                return data
            data += byte


def wait_until(condition, timeout, what):
    """Waits for something that has no event to wait for; fails with `what` after the timeout."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{timeout} seconds passed without: {what}")
        time.sleep(0.05)
