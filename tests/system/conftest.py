"""What the system tests share: their library, the tools they need, and the programs under test."""

import os
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from bootlab import programs  # noqa: E402 (the line above is what makes it found)

TOOLS = ("qemu-system-x86_64", "swtpm", "swtpm_setup", "mkfs.vfat", "mcopy", "mke2fs", "debugfs", "cpio",
         "objcopy", "openssl", "sbsign", "cryptsetup")


def missing(what):
    """A failure in CI, a skip by hand."""
    if os.environ.get("BOOTSEAL_TEST_STRICT") == "1":
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(autouse=True, scope="session")
def tools():
    """Every tool is there, and so is the firmware."""
    for tool in TOOLS:
        if not shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
            missing(f"{tool} is not installed")
    if not Path("/usr/share/OVMF/OVMF_CODE.fd").exists():
        missing("OVMF is not installed")


def built(path):
    """A program of bootseal that must have been built."""
    if not path.exists():
        missing(f"{path} is not built: ./dev build")
    return path


@pytest.fixture(scope="session")
def agent():
    """The static agent."""
    return built(programs.agent())


@pytest.fixture(scope="session")
def server_programs():
    """The server and the operator's tool."""
    return built(programs.bootseald()), built(programs.bootsealctl())


@pytest.fixture(scope="session")
def faketime():
    """The library by which a program lives at another time."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    return found[0] if found else missing("libfaketime is not installed")
