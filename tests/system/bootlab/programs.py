"""Where the programs under test lie: as ./dev build leaves them, or where it says."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]


def agent():
    """The static agent, for the initramfs."""
    return Path(os.environ.get("BOOTSEAL_STATIC", REPOSITORY / "build/static")) / "bootseal"


def bootseald():
    """The server, for the host."""
    return Path(os.environ.get("BOOTSEAL_BUILD", REPOSITORY / "build/release")) / "bootseald"


def bootsealctl():
    """The operator's tool, for the host."""
    return bootseald().with_name("bootsealctl")
