"""bootseald in a folder of its own, and bootsealctl to operate it."""

import json
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

from . import programs
from .console import Console
from .port import Port
from .run import run
from .vm import HOST_ADDRESS, wait_until

RETRY_SECONDS = 2  # what a waiting device is told: nobody here wants to wait long


class Server:
    """One server: made by `bootsealctl init`, started and stopped at will; it always listens on one port."""

    def __init__(self, folder, ek_roots=(), environment=None):
        """ek_roots: PEM files of the TPM makers that it trusts; environment: more of it, for its programs."""
        self.folder = Path(folder).resolve()
        self._environment = {**os.environ, **(environment or {})}
        self._kept = Port()
        self.port = self._kept.number
        self._process = None
        self.log = None
        run(programs.bootsealctl(), "init", self.folder, f"--name={HOST_ADDRESS}",
            f"--listen=127.0.0.1:{self.port}", env=self._environment)
        for number, path in enumerate(ek_roots):
            (self.folder / "ek-roots").mkdir(exist_ok=True)
            shutil.copyfile(path, self.folder / "ek-roots" / f"{number}.pem")
        conf = self.folder / "bootseald.conf"
        conf.write_text(re.sub(r"retry_after = \d+", f"retry_after = {RETRY_SECONDS}", conf.read_text()))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def image(self):
        """What goes into an initramfs of a device of this server."""
        return self.folder / "image"

    @property
    def url(self):
        """How the guest reaches it."""
        return f"https://{HOST_ADDRESS}:{self.port}"

    def start(self, environment=None):
        """Starts it and waits until it takes connections; environment: more of it, from now on."""
        assert self._process is None, "the server runs"
        self._environment.update(environment or {})
        self._process = subprocess.Popen([programs.bootseald(), self.folder], stdin=subprocess.DEVNULL,
                                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                         env=self._environment)
        self.log = Console(self._process.stdout.fileno(), self.folder / "bootseald.log")
        wait_until(self._is_ready, 20, "bootseald takes connections")

    def _is_ready(self):
        if self._process.poll() is not None:
            self.log.wait_closed(5)
            raise RuntimeError(f"bootseald ended with {self._process.returncode}:\n{self.log.text}")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        """Stops it in an orderly way; nothing happens when it does not run."""
        if self._process:
            self._process.terminate()
            self._process.wait(20)
            self.log.wait_closed(5)
            self._process.stdout.close()
            self._process = None

    def apply_profile(self, text):
        """Makes or changes a profile."""
        path = self.folder / "profile.conf"
        path.write_text(text)
        return self.ctl("profile", "apply", path)

    def ctl(self, *words):
        """bootsealctl with these words; its output."""
        return run(programs.bootsealctl(), f"--dir={self.folder}", *words)

    def ctl_json(self, *words):
        """bootsealctl --json with these words; what it said."""
        return json.loads(self.ctl(*words, "--json"))
