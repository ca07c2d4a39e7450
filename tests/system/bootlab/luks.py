"""A LUKS volume: made on the host under a key, opened in a machine's real root with the distribution's cryptsetup."""

import re
import shutil
from pathlib import Path

from .image import ext4
from .kernel import kernel
from .run import run

CRYPTSETUP = Path("/usr/sbin/cryptsetup")
TOOLS, VOLUME = "luks-tools", "luks-volume"  # serial numbers of the disks
OPEN = (f"for disk in /sys/block/*; do if [ \"$(cat $disk/serial 2> /dev/null)\" = {TOOLS} ]; then "
        "mount -t ext4 -o ro /dev/${disk##*/} /mnt; fi; done; /mnt/open")  # then file and name
MODULES = ("dm-crypt", "ecb", "xts", "algif_skcipher")  # of aes-xts; ecb is what xts is made of
VOLUME_SIZE = 4 << 20
# Opens the volume with the key in a file. The root has neither modules nor a dynamic loader of its own: the disk brings both.
SCRIPT = """#!/bin/sh -e
here=${0%/*}
for module in $(cat "$here/modules/order"); do
	name=$(echo "$module" | tr - _)
	[ -d "/sys/module/$name" ] || insmod "$here/modules/$module.ko"
done
for disk in /sys/block/*; do
	if [ "$(cat "$disk/serial" 2> /dev/null)" = @VOLUME@ ]; then device=/dev/${disk##*/}; fi
done
exec "$here/lib/ld.so" --library-path "$here/lib" "$here/cryptsetup" open --key-file "$1" "$device" "$2"
"""


def make_volume(path, key):
    """Makes the disk a volume under this key, which is random: nothing is gained by a slow derivation."""
    key_file = path.with_suffix(".key")
    key_file.write_bytes(key)
    run(CRYPTSETUP, "luksFormat", "--batch-mode", "--type=luks2", "--pbkdf=pbkdf2", "--pbkdf-force-iterations=1000",
        "--luks2-metadata-size=16k", "--luks2-keyslots-size=512k", f"--key-file={key_file}", path)
    key_file.unlink()


def blank_volume(path):
    """A disk that becomes a volume later, also while a machine has it."""
    with open(path, "wb") as file:
        file.truncate(VOLUME_SIZE)
    return Path(path)


def tools_disk(folder):
    """A disk with cryptsetup, its libraries, the kernel's modules and `open KEY-FILE NAME`: /dev/mapper/NAME is the volume."""
    tree = Path(folder) / "luks-tools"
    (tree / "lib").mkdir(parents=True)
    (tree / "modules").mkdir()
    shutil.copy(CRYPTSETUP, tree / "cryptsetup")
    for path in re.findall(r"(?:=> |^\s)(/\S+) \(", run("ldd", CRYPTSETUP), re.M):
        shutil.copy(path, tree / "lib" / ("ld.so" if "/ld-linux" in path else Path(path).name))
    _copy_modules(tree / "modules")
    (tree / "open").write_text(SCRIPT.replace("@VOLUME@", VOLUME))
    (tree / "open").chmod(0o755)
    return ext4(Path(folder) / "luks-tools.img", "luks", 32, tree)


def _copy_modules(target):
    needs = dict(line.split(":", 1) for line in (kernel().modules / "modules.dep").read_text().splitlines())
    paths = {re.sub(r"\.ko.*", "", Path(path).name): path for path in needs}
    order = []
    for module in MODULES:
        for path in [*reversed(needs[paths[module]].split()), paths[module]]:
            if path not in order:
                order.append(path)
    for path in order:
        assert path.endswith(".ko"), f"{path} is compressed: busybox cannot load it"
        shutil.copy(kernel().modules / path, target)
    (target / "order").write_text("".join(f"{Path(path).stem}\n" for path in order))
