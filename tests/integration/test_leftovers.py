"""The sweep (tests/sweep) leaves no process behind, however it ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import lab

SWEEP = lab.REPOSITORY / "tests/sweep"
sys.path.append(str(SWEEP))

from world import World  # noqa: E402  the path comes first

# A child with a child of its own that its end does not end, and what is put in order at the end.
PROGRAM = """
import os, signal, subprocess, sys
from alone import run_alone

def work(end):
    try:
        line = subprocess.Popen(["sh", "-c", "setsid sleep 1000 & echo on; sleep 1000"], stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL).stdout
        assert line.readline() == b"on\\n"
        woken, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake)
        print("ready", flush=True)
        if end == "raises":
            raise RuntimeError("on purpose")
        if end == "waits":
            os.read(woken, 1)  # not pause(): a signal that comes just before that would not end it
        return 3
    finally:
        print("in order", flush=True)

sys.exit(run_alone(work, sys.argv[1]))
"""


def processes(mark):
    """Those that have the mark in their environment or command line."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            said = (folder / "environ").read_bytes() + (folder / "cmdline").read_bytes()
        except OSError:
            continue  # it has ended
        if mark.encode() in said:
            yield int(folder.name)


def start(folder, end):
    """The program in a process group of its own, up to where it has its children; and its worker."""
    program = subprocess.Popen([sys.executable, "-c", PROGRAM, end], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               start_new_session=True, env={**os.environ, "PYTHONPATH": str(SWEEP), "LEFTOVERS": str(folder)})
    assert program.stdout.readline() == "ready\n"
    (worker,) = [pid for pid in processes(str(folder)) if pid != program.pid and b"run_alone" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return program, worker


@pytest.mark.parametrize("end, code", [("returns", 3), ("raises", 1)])
def test_the_end_of_the_work_is_that_of_all(end, code, tmp_path):
    done = subprocess.run([sys.executable, "-c", PROGRAM, end], capture_output=True, text=True, check=False,
                          env={**os.environ, "PYTHONPATH": str(SWEEP), "LEFTOVERS": str(tmp_path)})
    assert done.returncode == code and done.stdout == "ready\nin order\n", done
    assert not list(processes(str(tmp_path)))


@pytest.mark.parametrize("number, send", [(signal.SIGINT, os.killpg), (signal.SIGTERM, os.kill)], ids=["Ctrl-C", "kill"])
def test_a_signal_is_an_end_in_order(number, send, tmp_path):
    program, _ = start(tmp_path, "waits")
    for _ in range(2):
        send(program.pid, number)
    out, complaint = program.communicate(timeout=20)
    assert (program.returncode, out, complaint) == (130, "in order\n", "interrupted\n")
    assert not list(processes(str(tmp_path)))


def test_work_that_is_killed_leaves_nothing(tmp_path):
    program, worker = start(tmp_path, "waits")
    os.kill(worker, signal.SIGKILL)
    out, _ = program.communicate(timeout=20)
    assert (program.returncode, out) == (128 + signal.SIGKILL, "")
    assert not list(processes(str(tmp_path)))


def test_work_ends_in_order_when_nobody_waits_for_it(tmp_path):
    program, worker = start(tmp_path, "waits")
    program.kill()
    program.wait(20)
    lab.wait_until(lambda: worker not in processes(str(tmp_path)), 20, "the worker ends")
    assert program.stdout.read(len("in order\n")) == "in order\n"
    for pid in processes(str(tmp_path)):
        os.kill(pid, signal.SIGKILL)  # of its children only what it had put in order would be off
    program.communicate(timeout=20)


class Unfinished(World):
    """A world that fails when a server and two TPMs run."""

    def _learn(self):
        self.device.tpm.start()
        self.new_device("other", self.other_template).tpm.start()
        assert len(list(processes(str(self.folder)))) == 3
        raise RuntimeError("on purpose")


def test_a_world_that_cannot_be_made_is_off(maker, tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"tpm-{name}").symlink_to(maker(name).folder)
    (tmp_path / "ca").symlink_to(maker("a").ca)
    with pytest.raises(RuntimeError, match="on purpose"):
        Unfinished(tmp_path, ())
    assert not list(processes(str(tmp_path)))
