"""Configurations that are missing, unsafe or hostile: refused with file, line and what to do, before anything is done."""

import os

import pytest

import lab


@pytest.fixture(scope="module")
def device(tmp_path_factory, maker):
    """A device that has never been provisioned; its server does not run."""
    folder = tmp_path_factory.mktemp("config")
    one = lab.Device(folder, maker("a"), lab.Server(folder / "server"))
    yield one
    one.tpm.stop()


def conf(device):
    """The file."""
    return device.root / "etc/bootseal/bootseal.conf"


def boot(device):
    """One boot with the configuration as it lies there."""
    done = lab.subprocess.run(device.command("boot"), stdin=lab.subprocess.DEVNULL, stderr=lab.subprocess.PIPE,
                              timeout=30, check=False)
    return done.returncode, done.stderr.decode()


def refused(device, *words):
    """Ends with 3, says why, restarts the machine and, when that does not help, halts it."""
    code, console = boot(device)
    assert code == 3, console
    for word in words:
        assert word in console, console
    assert not device.has_credentials()
    report = device.report
    assert report["result"] == "failed" and report["reason"] == "config" and words[-1] in report["message"]
    return (device.root / "run/bootseal/action").read_text()


def test_without_a_configuration_it_says_where_one_belongs(device):
    device.power_on()
    conf(device).unlink(missing_ok=True)
    command = [word for word in device.command("boot") if "--config" not in str(word)]
    done = lab.subprocess.run(command, stdin=lab.subprocess.DEVNULL, stderr=lab.subprocess.PIPE, check=False)
    assert done.returncode == 3
    assert b"/etc/bootseal/bootseal.conf" in done.stderr and b"/usr/lib/bootseal/bootseal.conf" in done.stderr


def test_a_restart_that_does_not_help_ends_in_a_halt(device):
    for path in (device.root / "var/lib").rglob("failures"):
        path.unlink()
    conf(device).write_text("nonsense")
    actions = [refused(device, "bootseal.conf:1:", "syntax") for _ in range(5)]
    assert actions == ["reboot\n"] * 3 + ["halt\n"] * 2


UNSAFE = {
    "a folder": (lambda path: path.mkdir(), "is not a regular file"),
    "a FIFO": (os.mkfifo, "is not a regular file"),
    "a device": (lambda path: os.mknod(path, 0o20644, os.makedev(1, 5)), "is not a regular file"),
    "a link to nowhere": (lambda path: path.symlink_to("/nowhere"), "No such file"),
    "a loop of links": (lambda path: path.symlink_to(path), "ymbolic link"),
    "huge": (lambda path: path.write_text("#" * 70000), "larger than 64 KiB"),
}


@pytest.mark.parametrize("what", UNSAFE)
def test_a_configuration_that_cannot_be_read_is_told(device, what):
    make, sentence = UNSAFE[what]
    conf(device).unlink(missing_ok=True)
    make(conf(device))
    try:
        refused(device, str(conf(device)), sentence)
    finally:
        if what == "a folder":
            conf(device).rmdir()
        else:
            conf(device).unlink()


@pytest.mark.parametrize("mode", [0o666, 0o602, 0o777])
def test_a_configuration_that_everybody_can_write_is_not_believed(device, mode):
    device.write_config()
    conf(device).chmod(mode)
    refused(device, "bootseal.conf", "chmod o-w")
    conf(device).unlink()


def test_a_configuration_of_another_user_is_not_believed(device):
    device.write_config()
    os.chown(conf(device), 65534, 65534)
    refused(device, "bootseal.conf", "chown it to root")
    conf(device).unlink()


HOSTILE = {
    "binary": ("\1\2\3\4" * 1000, "syntax"),
    "a zero byte": ('server.url = "https://h";\0garbage', "zero byte"),
    "an include": ('@include "/etc/passwd"\n', "@include"),
    "deep": ("a = " + "{ a = " * 5000 + "1;" + " }" * 5000 + ";", ":1:"),
    "deep lists": ("a = " + "( " * 15000 + " )" * 15000 + ";", ":1:"),
    "an unknown key": ('server = { url = "https://h"; };\nsrever = 1;\n', ":2: srever"),
    "a key twice": ('cap = { pcr = 12; };\ncap = { pcr = 13; };\n', ":2:"),
    "a wrong type": ('cap = { pcr = "12"; };\n', ":1: cap.pcr"),
    "a number too large": ("boot = { wait = 99999999999999999999; };\n", ":1:"),
    "a cap that can be reset": ("\n\ncap = { pcr = 16; };\n", ":3: cap.pcr"),
    "a cap of IMA": ("cap = { pcr = 10; };\n", ":1: cap.pcr"),
    "no PCRs": ("measure = { pcrs = []; };\n", ":1: measure.pcrs"),
    "PCRs that any kernel has": ("measure = { pcrs = [7]; };\n", "any kernel would do"),
    "a path upwards": ('vault = { dir = "/var/../../etc"; };\n', 'without ".."'),
    "a relative path": ('vault = { dir = "vault"; };\n', "absolute path"),
    "a program without a path": ('net = { up = ["sh"]; };\n', "absolute path"),
    "a target upwards": ('handover = { files = ( { item = "x"; path = "/a/../etc/passwd"; } ); };\n', 'without ".."'),
    "a control character": ('server = { url = "https://h\\x1b[2J"; };\n', ":1: server.url"),
    "the AK at the SRK's handle": ('tpm = { ak_handle = "0x81000001"; };\n', "tpm.ak_handle"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_configuration_is_refused_with_its_place(device, what):
    text, sentence = HOSTILE[what]
    conf(device).write_text(text)
    refused(device, "bootseal.conf:", sentence)


def test_a_server_url_that_is_none_is_told_when_it_is_needed(device):
    code, console = device.boot(wait=0, url="http://localhost")
    assert code == 3 and 'server.url "http://localhost" is not https://HOST[:PORT]' in console
    assert device.is_capped() and not device.has_credentials()


def test_a_ca_that_is_none_is_told(device):
    path = device.root / "etc/bootseal/server-ca.pem"
    good = path.read_bytes()
    for content in (None, b"", b"garbage", good[:-100], bytes(100000)):
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
        code, console = device.boot(wait=0)
        assert code == 3 and "put the server-ca.pem of the server into the image" in console, console
        assert device.is_capped() and not device.has_credentials()
    path.write_bytes(good)
