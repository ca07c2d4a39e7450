"""The distribution's cloud kernel and systemd's UEFI stub, unpacked and not installed."""

import functools
import shutil
from dataclasses import dataclass
from pathlib import Path

from . import debian
from .cache import cached
from .run import run


@dataclass(frozen=True)
class Kernel:
    """image: the bzImage; modules: …/lib/modules/VERSION, with modules.dep."""

    image: Path
    modules: Path


@functools.cache  # apt takes half a second to answer
def package():
    """The name of the kernel's package, without a version."""
    return debian.dependency("linux-image-cloud-amd64", r"linux-image-\d\S*-cloud-amd64")


@functools.cache
def kernel():
    """The kernel, from the cache or the archive."""
    chosen = debian.candidate(package())
    folder = cached("kernel", [chosen, "depmod 1"], lambda into: _unpack_kernel(chosen, into))
    (modules,) = (folder / "lib/modules").iterdir()
    return Kernel(folder / "vmlinuz", modules)


def _unpack_kernel(chosen, folder):
    debian.unpack(chosen, folder)
    if not (folder / "lib").exists():  # a suite whose packages are usr-merged
        (folder / "usr/lib").rename(folder / "lib")
    (image,) = (folder / "boot").glob("vmlinuz-*")
    image.rename(folder / "vmlinuz")
    (modules,) = (folder / "lib/modules").iterdir()
    for unneeded in ("boot", "usr"):
        shutil.rmtree(folder / unneeded, ignore_errors=True)
    run("/sbin/depmod", "-b", folder, modules.name)


@functools.cache
def stub():
    """systemd's UEFI stub, which makes one measured program of kernel, command line and initramfs."""
    chosen = debian.candidate("systemd-boot-efi")
    folder = cached("stub", [chosen], lambda into: debian.unpack(chosen, into))
    return folder / "usr/lib/systemd/boot/efi/linuxx64.efi.stub"
