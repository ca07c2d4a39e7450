"""Boards of one product: the same image, a state disk each, the real root shared."""

import shutil
from pathlib import Path

from . import image, programs, vm


def configuration(folder, server_image, more="", changes=None):
    """A folder that becomes /etc/bootseal: the server's image/, more text in bootseal.conf, {old: new} in it."""
    folder = Path(folder)
    shutil.copytree(server_image, folder)
    conf = folder / "bootseal.conf"
    text = conf.read_text()
    for old, new in (changes or {}).items():
        assert old in text, f"bootseal.conf has no {old}"
        text = text.replace(old, new)
    conf.write_text(text + more)
    return folder


class Product:
    """The image that every board gets: the server's image/ folder and what the product adds to it."""

    def __init__(self, folder, server_image, agent_conf="", initramfs_conf="", modules=""):
        self.folder = Path(folder).resolve()
        self.config = configuration(self.folder / "config", server_image, agent_conf)
        (self.config / "initramfs.conf").write_text(initramfs_conf)
        self.initrd = image.initramfs(self.folder / "initrd.img", programs.agent(), self.config, modules)

    def esp(self, cmdline="", signer=None):
        """An ESP that boots the product; other words on the command line are another boot for the TPM."""
        number = len(list(self.folder.glob("esp-*.img")))
        kernel_image = image.uki(self.folder / f"uki-{number}.efi", self.initrd,
                                 f"{image.ROOT_CMDLINE} {cmdline}".strip(), signer)
        return image.esp(self.folder / f"esp-{number}.img", kernel_image)

    def board(self, name, esp, root, *, state_files=None, serial=None, **machine):
        """A new board; state_files: {name: content} on its state file system; serial: as its maker wrote it.

        machine: what else vm.Machine takes.
        """
        folder = self.folder / name
        files = folder / "state-files"
        files.mkdir(parents=True)
        for path, content in (state_files or {}).items():
            (files / path).write_text(content)
        state = image.state_disk(folder / "state.img", files)
        options = ["-smbios", f"type=1,serial={serial}"] if serial else []
        return vm.Machine(folder, vm.Disks(esp=esp, state=state, root=root), options=options, **machine)
