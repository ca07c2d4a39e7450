"""Devices of software (load.c) and a server that trusts their maker."""

import re
import shutil
import socket
import ssl
import subprocess

import lab
from bootlab.run import run

LOG = lab.LOGS / "direct-kernel-cloud.bin"
OTHER_LOG = lab.LOGS / "ovmf-uki-cloud.bin"
PROFILE = """
name = "demo";
items = (
    { name = "demo.secret"; kind = "secret"; text = "hunter2"; },
    { name = "demo.key"; kind = "generated"; size = 32; },
    { name = "app.conf"; kind = "file"; text = "device = ${device.id}\\n"; }
);
"""


class Server(lab.Server):
    """bootseald, which can be killed, and asked by plain HTTP."""

    @property
    def pid(self):
        """Its process."""
        return self._process.pid

    def kill(self):
        """What a power cut does to a process."""
        self._process.kill()
        self._process.wait(20)
        self.log.wait_closed(5)
        self._process.stdout.close()
        self._process = None

    def end(self, number, seconds):
        """Ends it by a signal; its exit code."""
        self._process.send_signal(number)
        code = self._process.wait(seconds)
        self.log.wait_closed(5)
        self._process.stdout.close()
        self._process = None
        return code

    def forget(self):
        """After a start that failed, as it had to."""
        self._process.stdout.close()
        self._process = None

    def connect(self, source="127.0.0.1"):
        """A TLS connection, as anybody can make one, from an address of this machine."""
        context = ssl.create_default_context(cafile=self.folder / "image/server-ca.pem")
        line = socket.create_connection(("127.0.0.1", self.port), timeout=60, source_address=(source, 0))
        try:
            return context.wrap_socket(line, server_hostname="localhost")
        except (OSError, ssl.SSLError):
            line.close()
            raise

    def health(self):
        """Status of GET /v1/health."""
        with self.connect() as line:
            line.sendall(b"GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n")
            return int(line.recv(4096).split()[1])

    def memory(self, name="VmRSS"):
        """KiB, from /proc/PID/status."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            return int(re.search(rf"^{name}:\s+(\d+) kB", file.read(), re.M).group(1))


class Fleet:
    """A maker of TPMs, a server that trusts it, and any number of devices."""

    def __init__(self, folder):
        self.folder = folder / "fleet"
        self.folder.mkdir()
        run(lab.BUILD / "load", "vendor", self.folder)
        self.server = Server(folder / "server")
        shutil.copyfile(self.folder / "vendor.pem", self.server.folder / "ek-roots" / "vendor.pem")

    def configure(self, text):
        """Appends to bootseald.conf."""
        with open(self.server.folder / "bootseald.conf", "a", encoding="utf-8") as conf:
            conf.write(text)

    def command(self, verb, *words):
        """The command line of load."""
        return [lab.BUILD / "load", verb, f"--port={self.server.port}", f"--vendor={self.folder}", f"--log={LOG}",
                f"--ca={self.server.folder / 'image/server-ca.pem'}", *words]

    def enroll(self, *words, check=True):
        """Runs devices to their end: what each was told, by line."""
        done = subprocess.run(self.command("enroll", *words), capture_output=True, text=True, check=False, timeout=170)
        assert not check or done.returncode == 0, done.stdout[-2000:] + done.stderr
        return Told(done.stdout)

    def token(self, uses=100000):
        """A token, after the boot of one device was learned."""
        self.server.profile(PROFILE)
        first = self.enroll().pending[0]
        self.server.ctl("device", "approve", first, "--learn", "--profile=demo")
        return self.server.json("token", "create", "--profile=demo", f"--uses={uses}", "--expires=1d")["token"]

    def keyed(self, public):
        """A device that was told to make a key, with a recovery share that is encrypted to this public key (PEM)."""
        line = public.strip().replace("\n", "\\n")
        self.server.profile(f'name = "keyed"; recovery = "operator"; recovery_key = "{line}\\n";\n'
                            'items = ({ name = "wg0"; kind = "generate"; type = "x25519"; format = "wireguard"; });', "keyed")
        self.server.ctl("device", "approve", self.enroll().pending[0], "--learn", "--profile=keyed")
        token = self.server.json("token", "create", "--profile=keyed", "--uses=1", "--expires=1h")["token"]
        return self.enroll(f"--token={token}").confirmed[0][0]

    def other_boot(self):
        """A device that waits because it booted something else than the reference of its profile."""
        token = self.server.json("token", "create", "--profile=demo", "--uses=1", "--expires=1h")["token"]
        command = self.command("enroll", f"--token={token}", "--patience=0")
        command = [f"--log={OTHER_LOG}" if str(word).startswith("--log=") else word for word in command]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        return Told(done.stdout).pending[0]


class Told:
    """What load wrote."""

    def __init__(self, text):
        self.text = text
        lines = [line.split() for line in text.splitlines()]
        self.approved = [(line[1], int(line[2]), line[3]) for line in lines if line[0] == "approved"]
        self.confirmed = [(line[1], int(line[2])) for line in lines if line[0] == "confirmed"]
        self.pending = [line[1] for line in lines if line[0] == "pending"]
        self.refused = [(line[1], line[2]) for line in lines if line[0] == "refused"]
        self.lost = [line[1] for line in lines if line[0] == "lost"]
        self.busy = [line[1] for line in lines if line[0] == "busy"]
        self.total = {name: float(value) for name, value in re.findall(r"(\w+)=([\d.]+)", text.splitlines()[-1])}
