#!/usr/bin/python3
"""Renews tests/vectors/boots: boots the worked examples and writes their evidence and the policies that judge them."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from bootlab import examples, policies  # noqa: E402 (the line above is what makes it found)
from bootlab.programs import REPOSITORY  # noqa: E402

VECTORS = REPOSITORY / "tests/vectors/boots"


def main():
    """Nine boots, two minutes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=VECTORS, metavar="FOLDER")
    folder = parser.parse_args().into
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        workshop = examples.Workshop(work)
        for name in examples.EXAMPLES:
            start = time.monotonic()
            examples.save(workshop.evidence(name), folder / f"{name}.json")
            print(f"{name}: {time.monotonic() - start:.0f} s", flush=True)
        written = policies.texts(workshop.evidence(examples.APPROVED), workshop.evidence("older-firmware"))
    for name, text in written.items():
        (folder / f"{name}.conf").write_text(text)


if __name__ == "__main__":
    main()
