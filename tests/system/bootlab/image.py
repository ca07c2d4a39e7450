"""Initramfs, unified kernel image, ESP and state disk: what a boot is made of, without root or loop devices."""

import re
import shutil
import struct
import tempfile
import uuid
import zlib
from pathlib import Path

from .kernel import kernel, stub
from .programs import REPOSITORY
from .run import run

MKINITRAMFS = REPOSITORY / "initramfs/busybox/mkinitramfs"
BUSYBOX = Path("/bin/busybox")  # the package busybox-static
BASE_CMDLINE = "console=ttyS0 quiet panic=-1"
# For a machine with one of rootfs's roots. TERM keeps systemd from asking the console what it can do.
ROOT_CMDLINE = "root=LABEL=root rootfstype=ext4 TERM=dumb systemd.show_status=0"

MIB = 1024 * 1024


MODULES = "virtio_pci virtio_blk virtio_net virtio-rng ext4"


def initramfs(output, agent, config=None, modules=""):
    """The busybox initramfs with the agent; config: a folder that becomes /etc/bootseal; modules: more of the kernel's."""
    run(MKINITRAMFS, f"--output={output}", f"--bootseal={agent}", f"--busybox={BUSYBOX}",
        f"--modules-dir={kernel().modules}", f"--modules={MODULES} {modules}".strip(), *([f"--config={config}"] if config else []))
    return Path(output)


def uki(output, initrd, cmdline="", signer=None, linux=None):
    """A unified kernel image; cmdline comes after what every test machine needs; signer: signer.Signer.

    linux: another kernel than the machines' own.
    """
    with tempfile.TemporaryDirectory() as folder:
        osrel, words = Path(folder, "osrel"), Path(folder, "cmdline")
        osrel.write_text('ID=bootseal-test\nVERSION_ID=1\nPRETTY_NAME="bootseal test image"\n')
        words.write_text(f"{BASE_CMDLINE} {cmdline}".strip())
        sections = {".osrel": osrel, ".cmdline": words, ".linux": linux or kernel().image, ".initrd": initrd}
        if signer:
            sections = signer.sections(sections, Path(folder, "pcrsig"))
        run("objcopy", *_section_options(stub(), sections), stub(), output)
    return Path(output)


def _section_options(stub_path, sections):
    """Places the sections one after the other behind the stub's last one, on page borders."""
    end = 0
    # Idx Name Size VMA LMA …: one line for each section.
    for size, vma in re.findall(r"^ +\d+ \S+ +([0-9a-f]{8,}) +([0-9a-f]{8,})",
                                run("objdump", "-h", stub_path), re.M):
        end = max(end, int(size, 16) + int(vma, 16))
    options = []
    for name, path in sections.items():
        end = (end + 4095) // 4096 * 4096
        options += ["--add-section", f"{name}={path}", "--change-section-vma", f"{name}={end:#x}"]
        end += Path(path).stat().st_size
    return options


def esp(output, uki_path, extra=None):
    """A FAT file system (no partition table) that OVMF boots; extra: {path on the ESP: file}."""
    files = {"EFI/BOOT/BOOTX64.EFI": uki_path, **(extra or {})}
    size = sum(Path(path).stat().st_size for path in files.values()) // MIB + 8
    output = Path(output)
    output.unlink(missing_ok=True)
    with open(output, "wb") as image:
        image.truncate(max(size, 40) * MIB)  # mkfs.vfat makes no FAT32 of less
    run("mkfs.vfat", "-F", "32", "-n", "ESP", "-i", "12345678", output)
    made = set()
    for name, path in files.items():
        for folder in reversed(Path(name).parents[:-1]):
            if folder not in made:
                run("mmd", "-i", output, f"::/{folder}")
                made.add(folder)
        run("mcopy", "-i", output, path, f"::/{name}")
    return output


def ext4(output, label, size_mib, tree=None):
    """An ext4 file system with the content of a folder, owned by whoever runs this."""
    output = Path(output)
    output.unlink(missing_ok=True)
    run("mke2fs", "-q", "-t", "ext4", "-L", label, *(["-d", tree] if tree else []),
        output, f"{size_mib}M")
    return output


def state_disk(output, tree=None):
    """The file system of the vault, empty or with the files of a folder (a token, say)."""
    return ext4(output, "bootseal-state", 16, tree)


def vfat_state_disk(output):
    """The same on vfat, which has no name longer than eleven letters: BOOTSEAL."""
    output = Path(output)
    output.unlink(missing_ok=True)
    with open(output, "wb") as disk:
        disk.truncate(16 * MIB)
    run("mkfs.vfat", "-n", "BOOTSEAL", output)
    return output


LINUX_PARTITION = uuid.UUID("0fc63daf-8483-4772-8e79-3d69d8477de4")
ESP_PARTITION = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")


def partitioned_disk(output, name, size_mib):
    """A disk with a GPT and one partition of that name, which is zeros."""
    with open(output, "wb") as disk:
        _write_gpt(disk, name, size_mib, LINUX_PARTITION, uuid.uuid4())
    return Path(output)


def esp_disk(output, file_system, disk_id):
    """A disk with a GPT under that id and one partition, the ESP, which holds a file system's image."""
    with open(file_system, "rb") as content, open(output, "wb") as disk:
        size_mib = -(-Path(file_system).stat().st_size // MIB)
        start = _write_gpt(disk, "ESP", size_mib, ESP_PARTITION, disk_id)
        disk.seek(start)
        shutil.copyfileobj(content, disk)
    return Path(output)


def _write_gpt(disk, name, size_mib, kind, disk_id):
    """An empty partition between both copies of the table (UEFI 2.10 §5.3); returns where its first byte is."""
    sectors, first = (size_mib + 2) * MIB // 512, 2048
    last = first + size_mib * MIB // 512 - 1
    partition_id = uuid.uuid5(disk_id, name)
    entry = kind.bytes_le + partition_id.bytes_le + struct.pack("<QQQ", first, last, 0)
    entries = (entry + name.encode("utf-16le").ljust(72, b"\0")).ljust(128 * 128, b"\0")

    def header(here, there, table):
        rest = struct.pack("<QQQQ16sQIII", here, there, 34, sectors - 34, disk_id.bytes_le, table, 128, 128,
                           zlib.crc32(entries))
        blank = struct.pack("<8sIIII", b"EFI PART", 0x10000, 92, 0, 0)
        return struct.pack("<8sIIII", b"EFI PART", 0x10000, 92, zlib.crc32(blank + rest), 0) + rest

    protective = struct.pack("<B3sB3sII", 0, b"\0\2\0", 0xEE, b"\xff\xff\xff", 1, sectors - 1)
    disk.truncate(sectors * 512)
    for at, data in ((0, bytes(446) + protective.ljust(64, b"\0") + b"\x55\xaa"), (512, header(1, sectors - 1, 2)),
                     (1024, entries), ((sectors - 33) * 512, entries),
                     ((sectors - 1) * 512, header(sectors - 1, 1, sectors - 33))):
        disk.seek(at)
        disk.write(data)
    return first * 512


def copy_sparse(source, output):
    """A copy that takes no longer and no more room than the data in it."""
    run("cp", "--sparse=always", "--reflink=auto", source, output)
    return Path(output)


def add_files(image, tree):
    """Writes the files of a folder into an ext4 image, as root's, without mounting it."""
    commands = []
    for path in sorted(Path(tree).rglob("*")):
        name = "/" + str(path.relative_to(tree))
        mode = path.lstat().st_mode
        if path.is_symlink():
            commands += [f"rm {name}", f"symlink {name} {path.readlink()}"]
        elif path.is_dir():
            commands += [f"mkdir {name}"]
        else:
            commands += [f"rm {name}", f"write {path} {name}", f"sif {name} mode {mode:#o}",
                         f"sif {name} uid 0", f"sif {name} gid 0"]
    with tempfile.NamedTemporaryFile("w", suffix=".debugfs") as script:
        script.write("\n".join(commands) + "\n")
        script.flush()
        # Makes no difference between errors; rm and mkdir of what is (not) there are expected ones.
        run("debugfs", "-w", "-f", script.name, image)
    _check_files(image, tree)


def _check_files(image, tree):
    """debugfs ends with 0 whatever happened, so what was written is read back."""
    with tempfile.TemporaryDirectory() as folder:
        for path in Path(tree).rglob("*"):
            if path.is_symlink() or path.is_dir():
                continue
            copy = Path(folder, "copy")
            run("debugfs", "-R", f"dump /{path.relative_to(tree)} {copy}", image)
            if not copy.exists() or copy.read_bytes() != path.read_bytes():
                raise RuntimeError(f"{path} could not be written to {image}")
            copy.unlink()
