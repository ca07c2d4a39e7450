"""Runs a function in a process of its own; nothing that it started outlives it, however it ends."""

import ctypes
import multiprocessing
import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
WAITED_FOR = (*ENDS, signal.SIGCHLD)
INTERRUPTED = 130  # exit code, as of a shell


def run_alone(function, *arguments):
    """
    The exit code that it returns. A signal ends it in order, as Ctrl-C does. Processes whose parents have ended become children of
    this one, so that in the end all are found and killed; should this one be killed, the function is told to end.
    The last that a program does: from its end on no signal disturbs the exit code.
    """
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    signal.pthread_sigmask(signal.SIG_BLOCK, WAITED_FOR)
    worker = multiprocessing.get_context("fork").Process(target=_work, args=(os.getpid(), function, arguments))
    worker.start()
    try:
        while worker.is_alive():
            if signal.sigwait(WAITED_FOR) in ENDS:
                worker.terminate()
    finally:
        _kill_children()
    return worker.exitcode if worker.exitcode >= 0 else 128 - worker.exitcode


def _work(parent, function, arguments):
    for number in ENDS:
        signal.signal(number, _interrupt)
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, WAITED_FOR)
        if os.getppid() == parent:
            sys.exit(function(*arguments))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
    sys.exit(INTERRUPTED)


def _interrupt(*_):
    """The first signal; putting everything in order is not disturbed by another."""
    for number in ENDS:
        signal.signal(number, _nothing)  # not SIG_IGN: Python complains of a signal that came just before
    raise KeyboardInterrupt


def _nothing(*_):
    """A signal that is one too many."""


def _prctl(option, value):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def _children():
    """Of this process, those that have ended too."""
    for folder in Path("/proc").glob("[0-9]*"):  # no deeper: a glob fails where a folder goes away beneath it
        try:
            parent = int((folder / "stat").read_bytes().rpartition(b")")[2].split()[1])
        except OSError:
            continue  # it has ended
        if parent == os.getpid():
            yield int(folder.name)


def _kill_children():
    """Until there is none: the children of one that is killed are next."""
    while found := list(_children()):
        for child in found:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
