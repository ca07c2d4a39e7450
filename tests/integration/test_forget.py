"""bootseal forget: after it nothing opens, not even what was kept aside; half done it is finished before anything opens."""

import contextlib
import json
import shutil
import signal
import subprocess

import pytest

import lab
from tpmproxy import COMMANDS, Proxy

COUNTER = 0x0180B001
TPM_RC_FAILURE = 0x101
NOWHERE = "https://localhost:1"


@pytest.fixture(name="enrolled")
def provisioned(site):
    """A device with a whole vault that the server takes back at any time."""
    _, device = site
    code, console = device.boot()
    assert code == 0, console
    return device


def forget(device, *words, **settings):
    """`bootseal forget`, as the machine is."""
    device.write_config(**settings)
    return subprocess.run(device.command("forget", *words), capture_output=True, text=True, check=False)


def opens(device):
    """A boot without a server has credentials; its notes."""
    code, console = device.boot(wait=0, url=NOWHERE)
    assert device.has_credentials() == (code == 0), console
    if code == 0:
        assert device.report["source"] == "vault"
    else:
        assert code == 10, console
    return code == 0


def abandon(device):
    """A commit that the power ended before its increment: the slot for the next value, with all that the server signed."""
    for slot in device.slots:
        slot.unlink()
    device.power_on()
    with Proxy(device) as proxy:
        proxy.fault("code", "NV_Increment", TPM_RC_FAILURE, times=99)
        code, console = device.run()
    assert code == 40 and "cannot be sealed" in console, console
    return device.slots[0].read_bytes()


def cut_in_the_middle(device):
    """`bootseal forget` that the power ends between its two increments; nothing less does."""
    device.power_on()
    with Proxy(device) as proxy:
        proxy.record()
        proxy.fault("drop", "NV_Increment", after=1)
        device.write_config()
        with subprocess.Popen(device.command("forget"), stdout=subprocess.DEVNULL) as process:
            lab.wait_until(lambda: proxy.commands().count(COMMANDS["NV_Increment"]) == 2, 20, "the second increment")
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGHUP)
            assert process.poll() is None
            process.kill()
        device.tpm.stop()


def test_forgotten_vault_opens_nothing_and_the_device_can_enroll_again(enrolled):
    enrolled.power_on()
    kept = [slot.read_bytes() for slot in enrolled.slots]
    said = forget(enrolled, "--json")
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout)["shut"] and json.loads(said.stdout)["erased"]
    assert not any(slot.exists() for slot in enrolled.slots)
    assert not opens(enrolled)
    for slot, content in zip(enrolled.slots, kept):
        slot.write_bytes(content)
    assert not opens(enrolled)
    code, console = enrolled.boot()
    assert code == 0 and enrolled.report["source"] == "server", console
    assert opens(enrolled)


def test_abandoned_slot_put_back_in_the_middle_of_a_forget_does_not_open(enrolled, tmp_path):
    kept = enrolled.slots[0].read_bytes()
    abandoned = abandon(enrolled)
    enrolled.slots[1].write_bytes(kept)
    assert opens(enrolled)

    # What this is about: one increment is what the abandoned slot waits for.
    enrolled.tpm.stop()
    shutil.copytree(enrolled.folder / "state", tmp_path / "state")
    assert enrolled.slots[0].read_bytes() == kept  # the open put it right; somebody puts it back
    enrolled.slots[0].write_bytes(abandoned)
    enrolled.power_on()
    enrolled.tpm.increment(COUNTER)
    assert opens(enrolled)
    enrolled.tpm.stop()
    shutil.rmtree(enrolled.folder / "state")
    shutil.copytree(tmp_path / "state", enrolled.folder / "state")
    enrolled.slots[0].write_bytes(abandoned)
    enrolled.slots[1].write_bytes(kept)

    cut_in_the_middle(enrolled)
    marked = [slot.read_bytes()[:8] == b"BSFORGET" for slot in enrolled.slots]
    assert sorted(marked) == [False, True]
    enrolled.slots[marked.index(False)].write_bytes(abandoned)

    assert not opens(enrolled)
    assert "vault-forgotten" in enrolled.report["notes"]
    assert not any(slot.exists() for slot in enrolled.slots)
    for content in (abandoned, kept):
        for slot in enrolled.slots:
            slot.write_bytes(content)
        assert not opens(enrolled)
        assert "vault-forgotten" not in enrolled.report["notes"]


def test_forget_on_a_read_only_disk_shuts_what_it_cannot_erase(enrolled):
    vault = enrolled.root / "var/lib/bootseal"
    enrolled.power_on()
    with contextlib.ExitStack() as stack:
        lab.run("mount", "--bind", vault, vault)
        stack.callback(lab.run, "umount", vault)
        lab.run("mount", "-o", "remount,ro,bind", vault)
        said = forget(enrolled)
    assert said.returncode == 40 and "though they open no more" in said.stderr, said.stderr
    assert said.stdout.startswith("shut: ") and "erased" not in said.stdout
    assert all(slot.exists() for slot in enrolled.slots)
    assert not opens(enrolled)


def test_forget_without_a_tpm_erases_and_the_next_start_counts(enrolled):
    kept = enrolled.slots[0].read_bytes()
    enrolled.power_on()
    said = forget(enrolled, tpm="swtpm:path=/nowhere")
    assert said.returncode == 40 and "copies of the slots still open" in said.stderr, said.stderr
    assert said.stdout.startswith("erased: ")
    assert not opens(enrolled)
    assert "vault-forgotten" in enrolled.report["notes"]
    enrolled.slots[0].write_bytes(kept)
    assert not opens(enrolled)


def test_forget_where_nothing_is_claims_nothing(site, tmp_path, maker):
    device = lab.Device(tmp_path, maker("a"), site[0])
    device.power_on()
    said = forget(device)
    assert said.returncode == 4 and "nothing was forgotten" in said.stderr and not said.stdout, said.stderr
    device.tpm.stop()
