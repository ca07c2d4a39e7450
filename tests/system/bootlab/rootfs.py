"""Real roots: one of busybox, quick to boot, and Debian trixie with systemd; both cached as ext4 images."""

import os
import tempfile
from pathlib import Path

from . import debian
from .cache import cached, tree_fingerprint
from .image import BUSYBOX, add_files, copy_sparse, ext4
from .run import run

TREES = Path(__file__).resolve().parents[1] / "root"
SUITE = "trixie"
PACKAGES = ("systemd-sysv", "curl", "openssl", "tpm2-openssl", "tpm2-tools", "libtss2-tcti-device0t64",
            "iproute2")
LEFT_OUT = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/info/*",
            "/var/cache/*", "/usr/share/bash-completion/*")


def _copy_trees(target, *names):
    for name in names:
        run("cp", "-R", f"{TREES / name}/.", target)


def busybox_root():
    """The image of a root whose init shows that it was reached and then answers on the second port."""
    recipe = [tree_fingerprint(TREES / "common"), tree_fingerprint(TREES / "busybox"),
              BUSYBOX.read_bytes(), "layout 1"]
    return cached("root-busybox", recipe, _build_busybox) / "root.img"


def _build_busybox(folder):
    root = folder / "root"
    for name in ("bin", "sbin", "etc", "dev", "proc", "sys", "run", "tmp", "mnt"):
        (root / name).mkdir(parents=True)
    _copy_trees(root, "common", "busybox")
    run("install", "-m", "755", BUSYBOX, root / "bin/busybox")
    for applet in run(BUSYBOX, "--list").split():
        if applet != "busybox":
            (root / "bin" / applet).symlink_to("busybox")
    ext4(folder / "root.img", "root", 8, root)
    run("rm", "-r", root)


def trixie_base():
    """The image of Debian trixie with systemd and what the demo calls, as the archive has it."""
    recipe = [SUITE, *PACKAGES, *LEFT_OUT, "layout 1"]
    return cached("root-trixie", recipe, _build_trixie) / "root.img"


def _build_trixie(folder):
    archive = folder / "root.tar"
    excludes = [f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT]
    # "essential" is minbase without apt, which nothing here needs.
    run("mmdebstrap", "--variant=essential", f"--include={','.join(PACKAGES)}", *excludes,
        SUITE, archive, f"deb {debian.mirror()} {SUITE} main")
    root, image = folder / "root", folder / "root.img"
    root.mkdir()
    # Owners have to survive from the archive to the image, so one fakeroot does both.
    script = ('tar -C "$1" -xf "$2" --exclude=./dev/* && '
              'mke2fs -q -t ext4 -O ^has_journal -L root -d "$1" "$3" 512M')
    as_root = [] if os.geteuid() == 0 else ["fakeroot"]
    run(*as_root, "sh", "-c", script, "sh", root, archive, image)
    run("rm", "-r", root, archive)


def trixie_root(output, agent=None):
    """A root of one's own: trixie, the units and scripts in root/trixie/, and the agent's program."""
    copy_sparse(trixie_base(), output)
    with tempfile.TemporaryDirectory() as folder:
        _copy_trees(folder, "common", "trixie")
        if agent:
            Path(folder, "usr/local/sbin").mkdir(parents=True, exist_ok=True)
            run("install", "-m", "755", agent, Path(folder, "usr/local/sbin/bootseal"))
        add_files(output, folder)
    return Path(output)
