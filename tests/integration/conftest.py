"""What the integration tests share: TPMs of a maker, a server, devices."""

import os
import shutil
import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).resolve().parents[1] / "system")]

import lab  # noqa: E402  the path comes first

PROFILE = """
name = "demo";
items = (
    { name = "demo.secret"; kind = "secret"; text = "hunter2"; },
    { name = "demo.key"; kind = "generated"; size = 32; },
    { name = "app.conf"; kind = "file"; text = "device = ${device.id}\\nserial = ${device.serial}\\n"; }
);
"""


def missing(what):
    """A failure in CI, a skip by hand."""
    if os.environ.get("BOOTSEAL_TEST_STRICT") == "1":
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(autouse=True, scope="session")
def tools():
    """Every tool is there, and so are the programs."""
    for tool in ("swtpm", "swtpm_setup", "openssl"):
        if not shutil.which(tool):
            missing(f"{tool} is not installed")
    for program in ("bootseal", "bootseald", "bootsealctl"):
        if not (lab.BUILD / program).exists():
            missing(f"{lab.BUILD / program} is not built")


@pytest.fixture(scope="session")
def maker(tmp_path_factory):
    """A maker of TPMs: makes TPMs by name, each once; all with EK certificates of one CA."""
    folder = tmp_path_factory.mktemp("maker")
    made = {}

    def make(name, ca="ca"):
        if name not in made:
            made[name] = lab.Tpm(folder / name, ca=folder / ca)
        return made[name]

    return make


@pytest.fixture
def server(tmp_path, maker):
    """A running server that trusts the maker and has the profile `demo`."""
    one = lab.Server(tmp_path / "server", [maker("a")])
    one.start()
    one.profile(PROFILE)
    yield one
    one.stop()


@pytest.fixture(scope="module")
def site(tmp_path_factory, maker):
    """A server and a device that it has provisioned, the same for all tests of a file: (server, device)."""
    folder = tmp_path_factory.mktemp("site")
    one = lab.Server(folder / "server", [maker("a")])
    one.start()
    one.profile(PROFILE)
    device = lab.Device(folder, maker("a"), one)
    lab.enroll(device, one)
    yield one, device
    device.tpm.stop()
    one.stop()


@pytest.fixture
def new_device(tmp_path, maker, server):
    """Makes devices; they are off at the end."""
    made = []

    def make(name="a", **options):
        folder = tmp_path / f"device-{len(made)}"
        folder.mkdir()
        device = lab.Device(folder, maker(name), server, **options)
        made.append(device)
        return device

    yield make
    for device in made:
        device.tpm.stop()


@pytest.fixture
def enrolled(new_device, server):
    """A device that was approved and has booted once."""
    device = new_device()
    lab.enroll(device, server)
    return device
