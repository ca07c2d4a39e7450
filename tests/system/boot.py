#!/usr/bin/python3
"""Boots one machine by hand and shows its console: see README.md."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from bootlab import image, programs, rootfs, vm  # noqa: E402 (the line above is what makes it found)


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="images, TPM and logs; TPM and state are kept when they are there")
    parser.add_argument("--agent", type=Path, default=programs.agent())
    parser.add_argument("--config", type=Path, help="becomes /etc/bootseal: DIR/image of bootsealctl init DIR")
    parser.add_argument("--root", choices=("busybox", "trixie"), default="busybox")
    parser.add_argument("--cmdline", default="", help="more words for the kernel command line")
    parser.add_argument("--timeout", type=float, default=300, help="seconds until the real root")
    parser.add_argument("--run", action="append", default=[], metavar="COMMAND", help="a command for the real root")
    return parser.parse_args()


def build(options):
    """The disks for this boot; the state is made only once."""
    folder = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    if options.root == "trixie":
        root = rootfs.trixie_root(folder / "root.img", options.agent)
    else:
        root = rootfs.busybox_root()
    initrd = image.initramfs(folder / "initrd.img", options.agent, options.config)
    kernel_image = image.uki(folder / "uki.efi", initrd, f"{image.ROOT_CMDLINE} {options.cmdline}")
    state = folder / "state.img"
    if not state.exists():
        image.state_disk(state)
    return vm.Disks(esp=image.esp(folder / "esp.img", kernel_image), state=state, root=root)


def main():
    """Boots until the real root was reached, runs the commands, shuts down; 0 when all of it went well."""
    options = arguments()
    worst = 0
    with vm.Machine(options.folder / "vm", build(options), echo=print) as machine:
        machine.power_on()
        machine.wait_for("real root reached", options.timeout)
        for command in options.run:
            status, output = machine.run(command)
            print(f"# {command}\n{output}", end="")
            worst = max(worst, status)
        machine.shut_down()
        print(f"console: {machine.log}\nnetwork: {machine.capture} ({len(machine.sent_packets())} frames sent)")
    return worst


if __name__ == "__main__":
    sys.exit(main())
