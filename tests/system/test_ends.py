"""How a boot ends when it cannot go well: with the real agent and the real init, each way out is a closed one.

The kernel is started without a firmware that measures it: what is tested comes before or after the measured part.
"""

import hashlib
import json
import re

import pytest

from bootlab import fleet, image, rootfs, vm
from bootlab.server import Server

# With nobody at the server's address, and no time to wait for somebody.
ALONE = 'net: { up = []; };\nboot: { wait = 0; on_failure = "%s"; max_reboots = %d; };\n'
UNMEASURED = {'boot = "required"': 'boot = "optional"'}
END = r"reboot: (Restarting system|System halted)|real root reached"
CAPPED = hashlib.sha256(bytes(32) + hashlib.sha256(b"bootseal cap v1").digest()).hexdigest()


@pytest.fixture(scope="session")
def server_image(tmp_path_factory, server_programs):
    """The image/ folder of a server that does not run."""
    return Server(tmp_path_factory.mktemp("server") / "server").image


@pytest.fixture
def machine(tmp_path, agent, server_image):
    """machine(more of bootseal.conf, …) → a machine with the real agent, switched off."""
    machines = []

    def make(more, cmdline="", **options):
        config = fleet.configuration(tmp_path / "config", server_image, more, UNMEASURED)
        initrd = image.initramfs(tmp_path / "initrd", agent, config)
        disks = vm.Disks(state=image.state_disk(tmp_path / "state"), root=rootfs.busybox_root())
        direct = vm.Direct(initrd, f"{image.ROOT_CMDLINE} {cmdline}")
        machines.append(vm.Machine(tmp_path / "vm", disks, direct=direct, **options))
        return machines[-1]

    yield make
    for one in machines:
        one.power_cut()


def boot(one):
    """Switches it on; how the boot ended, after which the machine is off."""
    one.power_on()
    end = one.wait_for(END).group()
    assert end == "real root reached" or "real root reached" not in one.console.text
    assert "built-in shell" not in one.console.text
    if end != "real root reached":
        one.power_cut()
    return end


def test_machine_without_a_tpm_is_told_at_once_and_restarts(machine):
    one = machine('log: { level = "debug"; };\n' + ALONE % ("reboot", 3), tpm=vm.NO_TPM)
    assert boot(one) == "reboot: Restarting system"
    assert "this machine has no TPM 2.0; enable it in the firmware setup" in one.console.text
    (spent,) = re.findall(r"no-tpm after (\d+) ms", one.console.text)
    assert int(spent) < 2000  # far from tpm.deadline, which is for a TPM that is announced


def test_agent_that_is_killed_leads_to_a_restart(machine):
    one = machine('net: { up = ["/bin/sh", "-c", "kill -9 $PPID"]; };\n')
    assert boot(one) == "reboot: Restarting system"
    assert "bootseal ended with status 137; restarting" in one.console.text


def test_on_failure_continue_reaches_the_root_capped_and_with_nothing(machine):
    one = machine(ALONE % ("continue", 3))
    assert boot(one) == "real root reached"
    assert one.run("cat /sys/class/tpm/tpm0/pcr-sha256/12")[1].strip().lower() == CAPPED
    assert one.run("ls -A /run/credstore /run/credentials 2>/dev/null")[1] == ""
    made = json.loads(one.run("cat /run/bootseal/report.json")[1])
    assert (made["result"], made["source"], made["capped"]) == ("failed", "none", True)
    assert "the boot goes on without credentials" in one.console.text


def test_machine_that_fails_again_and_again_halts(machine):
    one = machine(ALONE % ("reboot", 1))
    assert boot(one) == "reboot: Restarting system"
    assert "failure 1 in a row (boot.max_reboots is 1): reboot" in one.console.text
    assert boot(one) == "reboot: System halted"
    assert "failure 2 in a row (boot.max_reboots is 1): halt" in one.console.text


def test_switched_off_on_the_command_line_it_caps_and_goes_on(machine):
    one = machine(ALONE % ("reboot", 3), cmdline="bootseal=0")
    assert boot(one) == "real root reached"
    assert one.run("cat /sys/class/tpm/tpm0/pcr-sha256/12")[1].strip().lower() == CAPPED
    assert one.run("ls -A /run/credstore 2>/dev/null")[1] == ""


def test_configuration_that_cannot_be_used_restarts_and_says_where(machine):
    one = machine("no_such_key = 1;\n")
    assert boot(one) == "reboot: Restarting system"
    assert re.search(r"bootseal\.conf:\d+: .*no_such_key", one.console.text)
