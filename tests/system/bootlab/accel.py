"""Whether KVM works here. It may lie: it opens, makes a machine, and the guest then hangs or dies."""

import functools
import os
import platform
import subprocess
import tempfile

from .cache import cached
from .kernel import kernel
from .run import run

TCG = "tcg,thread=multi"
PROBE_SECONDS = 20


def cpu():
    """QEMU's -cpu: as much as the accelerator can give."""
    return "max" if accelerator().startswith("tcg") else "host"


@functools.cache
def accelerator():
    """QEMU's -accel: KVM where a kernel was seen to boot with it; BOOTSEAL_ACCEL overrides it."""
    chosen = os.environ.get("BOOTSEAL_ACCEL")
    if chosen:
        return chosen
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return TCG
    recipe = [platform.node(), platform.release(), run("qemu-system-x86_64", "--version")]
    folder = cached("accel", recipe, lambda into: (into / "accel").write_text(_probe()))
    return (folder / "accel").read_text()


def _probe():
    """Boots a kernel without initramfs: it works if the kernel comes to miss its root."""
    command = ["qemu-system-x86_64", "-accel", "kvm", "-machine", "q35", "-cpu", "host", "-m", "512",
               "-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot",
               "-kernel", str(kernel().image), "-append", "console=ttyS0 panic=-1"]
    with tempfile.TemporaryFile() as output:
        try:
            subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output,
                           stderr=subprocess.STDOUT, timeout=PROBE_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return TCG
        output.seek(0)
        return "kvm" if b"VFS: Unable to mount root" in output.read() else TCG
