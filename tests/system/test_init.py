"""The init of initramfs/busybox: it reaches the real root when the agent says so, and in no other way.

Programs of a few lines stand for the agent here, because what is tested is what init makes of their end.
"""

import pytest

from bootlab import image, rootfs, vm

END = r"reboot: (Restarting system|System halted)|real root reached"


@pytest.fixture
def boot(tmp_path):
    """boot(script, …) → a machine that was switched on with this script in the agent's place."""
    machines = []

    def start(script, settings="", state=True, cmdline=image.ROOT_CMDLINE):
        config = tmp_path / "config"
        config.mkdir()
        (config / "initramfs.conf").write_text(settings)
        agent = tmp_path / "agent"
        agent.write_text(f"#!/bin/sh\necho agent runs: $*\n{script}\n")
        initrd = image.initramfs(tmp_path / "initrd", agent, config)
        disks = vm.Disks(state=image.state_disk(tmp_path / "state") if state else None,
                         root=rootfs.busybox_root())
        machines.append(vm.Machine(tmp_path / "vm", disks, direct=vm.Direct(initrd, cmdline)))
        machines[-1].power_on()
        return machines[-1]

    yield start
    for machine in machines:
        machine.power_cut()


def test_root_is_reached_with_run_when_the_agent_ends_with_0(boot):
    machine = boot("mkdir /run/bootseal; echo halt >/run/bootseal/action\n"  # of no meaning with a 0
                   "mkdir /run/credstore; mount -t ramfs ramfs /run/credstore\n"
                   "echo secret >/run/credstore/x; grep bootseal /proc/mounts; exit 0")
    machine.wait_for("real root reached")
    assert "agent runs: boot" in machine.console.text
    assert "/var/lib/bootseal ext4 rw,nosuid,nodev,noexec" in machine.console.text
    assert machine.run("cat /run/credstore/x") == (0, "secret\n")
    status, mounts = machine.run("cat /proc/mounts")
    assert status == 0 and "/var/lib/bootseal" not in mounts
    assert "/ ext4 ro," in mounts
    machine.shut_down()


@pytest.mark.parametrize("end, says", [
    ("mkdir /run/bootseal; echo halted >/run/bootseal/action; exit 42",
     "bootseal ended with status 42; restarting"),
    ("kill -9 $$", "bootseal ended with status 137; restarting"),
    ("umount /proc; exit 0", "restarting"),
], ids=["asks for what init does not know", "is killed", "takes proc away"])
def test_machine_restarts_when_the_agent_does_not_end_with_0(boot, end, says):
    machine = boot(end)
    assert machine.wait_for(END).group(1) == "Restarting system"
    machine.wait_off()
    assert says in machine.console.text
    assert "real root reached" not in machine.console.text


def test_machine_halts_when_the_agent_asks_for_it(boot):
    machine = boot("mkdir /run/bootseal; echo halt >/run/bootseal/action; exit 40")
    assert machine.wait_for(END).group(1) == "System halted"
    assert "bootseal ended with status 40; stopping here" in machine.console.text
    assert "real root reached" not in machine.console.text


def test_agent_is_not_started_without_the_file_system_of_its_vault(boot):
    machine = boot("exit 0", settings="DEVICE_WAIT=1\n", state=False)
    machine.wait_off()
    assert "no file system LABEL=bootseal-state after 1 seconds; restarting" in machine.console.text
    assert "agent runs" not in machine.console.text


def test_machine_restarts_when_there_is_no_root(boot):
    machine = boot("exit 0", settings="DEVICE_WAIT=1\n", cmdline="root=LABEL=nothing")
    machine.wait_off()
    assert "no root device LABEL=nothing after 1 seconds; restarting" in machine.console.text


def test_network_gives_an_address_and_is_silent_when_nobody_asks(boot):
    machine = boot("[ -e /var/lib/bootseal/once ] && exit 0\n"
                   "touch /var/lib/bootseal/once; /sbin/bootseal-net && cat /etc/resolv.conf")
    machine.wait_for("real root reached")
    status, address = machine.run("ip -4 addr show dev eth0")
    assert status == 0 and "inet 10.0.2.15/24" in address
    assert "nameserver 10.0.2.3" in machine.console.text
    assert machine.sent_packets()
    machine.shut_down()
    machine.power_on()
    machine.wait_for("real root reached")
    machine.shut_down()
    assert machine.sent_packets() == []
