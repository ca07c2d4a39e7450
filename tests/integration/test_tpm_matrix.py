"""A sample of what a TPM can do wrong, at any command of any boot; `./dev matrix` has all of it."""

import itertools
import os
import subprocess

import pytest

import lab
from tpm_matrix import AGAIN, Bench, Case, sample
from tpmproxy import Proxy

SAMPLE = 25


@pytest.fixture(scope="module", name="bench")
def _bench(site):
    _, device = site
    with Proxy(device) as proxy:
        yield Bench(device, proxy)


def test_a_boot_from_the_vault_costs_at_most_16_commands(bench):
    """As on /dev/tpm0: the start of a boot looks for nothing that others left loaded."""
    bench.device.power_on()
    bench.proxy.record()
    assert bench.device.run(url="https://localhost:1")[0] == 0
    sent = len(bench.proxy.commands())
    report = bench.device.report
    by_state = {step["state"]: step["tpm_commands"] for step in report["steps"]}
    assert sent == report["tpm_commands"] <= 16 and by_state["open"] <= 8
    status = subprocess.run(bench.device.command("status"), capture_output=True, text=True, check=True).stdout
    assert f'"tpm_commands": {sent}' in status or f'"tpm_commands":{sent}' in status


def test_what_the_tpm_asks_to_have_sent_again_is_sent_again(bench):
    for number, code in zip(range(len(bench.codes["vault"])), itertools.cycle(AGAIN.values())):
        bench.check(Case("vault", number, "code", code))


def test_a_sample_of_all_that_can_go_wrong(bench):
    """Another one for each commit, the same one for the same commit."""
    seed = os.environ.get("BOOTSEAL_SEED")
    if not seed:
        seed = subprocess.run(["git", "-C", lab.REPOSITORY, "rev-parse", "HEAD"], capture_output=True, text=True,
                              check=False).stdout.strip() or "no commit"
    print(f"BOOTSEAL_SEED={seed}")
    for case in sample(bench, seed, SAMPLE):
        bench.check(case)


@pytest.mark.parametrize("kind, value", [("drop", 0), ("delay", 1300)])
def test_a_tpm_that_answers_late_or_never_costs_its_timeout_and_no_more(bench, kind, value):
    bench.check(Case("vault", bench.number("vault", "Unseal"), kind, value))
    assert "tpm-timeout" in (bench.device.folder / f"console-{bench.device.boots - 1}.log").read_text()


@pytest.mark.parametrize("command, nth, sentence", [("ReadPublic", 0, "the TPM's endorsement key cannot be used"),
                                                    ("Create", -1, "cannot be sealed")])
def test_a_tpm_that_falls_silent_is_told_from_what_else_may_be_wrong(bench, command, nth, sentence):
    bench.check(Case("enrollment", bench.number("enrollment", command, nth), "silence"))
    console = (bench.device.folder / f"console-{bench.device.boots - 1}.log").read_text()
    assert f"{sentence} (tpm-timeout); switch the machine off and on" in console


def test_asking_to_try_again_for_ever_ends_in_time(bench):
    bench.check(Case("vault", bench.number("vault", "Unseal"), "code", AGAIN["RETRY"], 0xFFFFFFFF))


def test_a_cap_that_cannot_be_read_back_is_no_cap(bench):
    """Nothing goes on to the real root, and nothing is handed over."""
    bench.check(Case("vault", bench.number("vault", "PCR_Read", -1), "flip", 0))
    console = (bench.device.folder / f"console-{bench.device.boots - 1}.log").read_text()
    assert "could not be capped" in console and "the real root must not start" in console
