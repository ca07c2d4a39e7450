"""What somebody with root and the distribution's tools can do to a slot: everything before the cap, nothing after it.

The demo shows that tests/system's open-vault is refused in the real root; that means something only because the same
script opens the same slot before the cap.
"""

import hashlib
import os
import shutil
import subprocess

import pytest

import lab

OPEN_VAULT = lab.REPOSITORY / "tests/system/root/trixie/usr/local/sbin/open-vault"
CAP_PCR = 12


def open_vault(device):
    """Runs the script against the TPM of a device: exit status and what it said."""
    environment = {**os.environ, "TPM2TOOLS_TCTI": device.tpm.device, "TMPDIR": str(device.folder)}
    done = subprocess.run([OPEN_VAULT, device.slots[0]], env=environment, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout


def test_slot_opens_by_hand_before_the_cap_and_not_after_it(enrolled):
    if not shutil.which("tpm2_unseal"):
        if os.environ.get("BOOTSEAL_TEST_STRICT") == "1":
            pytest.fail("tpm2-tools is not installed")
        pytest.skip("tpm2-tools is not installed")
    enrolled.power_on()
    status, said = open_vault(enrolled)
    assert status == 0 and "the vault's key came out: 32 bytes" in said, said
    enrolled.power_on()
    enrolled.tpm.extend(CAP_PCR, hashlib.sha256(b"bootseal cap v1").digest())
    status, said = open_vault(enrolled)
    assert status != 0 and "unsealing" in said and "policy check failed" in said, said
