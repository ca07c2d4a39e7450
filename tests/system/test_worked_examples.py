"""The worked examples of docs/operations.md, booted here and now: the words of each refusal are those that are written down.

Every build has other digests, so these are numbered in the order in which a text has them before two texts are compared.
"""

import json
import re
import subprocess

import pytest

from bootlab import examples, policies
from bootlab.programs import REPOSITORY

VECTORS = REPOSITORY / "tests/vectors/boots"
GOOD, REFUSED = 0, 20


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    """Boots each example once, when it is asked for."""
    return examples.Workshop(tmp_path_factory.mktemp("examples"))


@pytest.fixture(scope="module")
def check(workshop, server_programs):
    """check(name) → exit code and what `bootsealctl policy check` says of that boot, with the approved one as reference."""
    folder = workshop.folder / "policies"
    references = workshop.folder / "references"
    for path in (folder, references):
        path.mkdir()
    approved = workshop.evidence(examples.APPROVED)
    examples.save(approved, references / "approved.json")
    for name, text in policies.texts(approved, workshop.evidence("older-firmware")).items():
        (folder / f"{name}.conf").write_text(text)

    def run(name, policy):
        evidence = workshop.folder / f"{name}.json"
        examples.save(workshop.evidence(name), evidence)
        done = subprocess.run([server_programs[1], "--json", "policy", "check", folder / f"{policy}.conf",
                               f"--evidence={evidence}", f"--references={references}"],
                              capture_output=True, text=True, check=False)
        assert done.returncode in (GOOD, REFUSED), done.stderr
        return done.returncode, json.loads(done.stdout)

    return run


def expected_words(name):
    """The example's part of tests/vectors/boots/refusals.txt."""
    parts = (VECTORS / "refusals.txt").read_text().split("\n\n")
    found = {part.splitlines()[0]: part.partition("\n")[2].strip("\n") for part in parts}
    return found[name]


def without_digests(text):
    """Digests as numbers, the same one as the same; a short one as the long one that begins so. Sizes are another build's too."""
    seen = []

    def number(match):
        short = match.group(0)[:16]
        if short not in seen:
            seen.append(short)
        return f"<{seen.index(short)}>"

    text = re.sub(r"\b[0-9a-f]{16,64}\b", number, text)
    text = re.sub(r"\b\d+ bytes", "N bytes", text)
    return re.sub(r"reference (\d+ \(approved\)|approved)", "reference approved", text).strip("\n")


@pytest.mark.parametrize("policy", policies.POLICIES)
def test_approved_boot_is_good(check, policy):
    code, said = check(examples.APPROVED, policy)
    assert (code, said["good"]) == (GOOD, True), said


@pytest.mark.parametrize("name", [name for name in examples.EXAMPLES if name != examples.APPROVED])
def test_refusal_has_the_words_that_are_written_down(check, name):
    code, said = check(name, policies.JUDGED_BY[name])
    assert (code, said["good"]) == (REFUSED, False), said
    assert without_digests(said["explanation"]) == without_digests(expected_words(name))
