"""A device on this host: the real agent under --root, a real swtpm on a Unix socket, a real bootseald."""

import hashlib
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import time
from pathlib import Path

from bootlab.console import Console
from bootlab.port import Port
from bootlab.run import run
from bootlab.swtpm import Tpm

import eventlog

REPOSITORY = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("BOOTSEAL_BUILD", REPOSITORY / "build/dev"))
LOGS = REPOSITORY / "tests/vectors/eventlogs"
SHA256 = 0x000B
CAP_DIGEST = hashlib.sha256(b"bootseal cap v1").digest()
QUOTED = (0, 2, 4, 7, 9, 11)

TPM2_CC_PCR_EXTEND = 0x182
TPM2_CC_PCR_READ = 0x17E
TPM2_CC_NV_INCREMENT = 0x134
OWNER = 0x40000001
RC_HANDLE_2 = 0x28B  # the second handle is of nothing
PASSWORD_SESSION = struct.pack(">IIHBH", 9, 0x40000009, 0, 0, 0)


def wait_until(condition, seconds, what):
    """Waits for a condition; it says what did not come true."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.02)


class SocketTpm:
    """A software TPM whose commands travel over a Unix socket. Made from a template: making one takes seconds."""

    bank = SHA256  # that the firmware extends

    def __init__(self, folder, template):
        self.folder = Path(folder)
        self.template = template
        shutil.copytree(template.folder / "state", self.folder / "state")
        self.path = self.folder / "tpm.sock"
        self._process = None

    @property
    def device(self):
        """As tpm.device wants it."""
        return f"swtpm:path={self.path}"

    def start(self):
        """Power on: PCRs are fresh, what is in NV stays."""
        assert self._process is None
        for path in (self.path, Path(f"{self.path}.ctrl")):
            path.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.folder / 'state'}",
             "--server", f"type=unixio,path={self.path}",
             "--ctrl", f"type=unixio,path={self.path}.ctrl",
             "--flags", "not-need-init,startup-clear", "--log", f"file={self.folder / 'swtpm.log'},level=1"],
            stdin=subprocess.DEVNULL)
        wait_until(self._answers, 10, "swtpm answers")

    def stop(self):
        """Power off, without asking."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def suspend(self):
        """It takes commands and never answers again."""
        self._process.send_signal(signal.SIGSTOP)

    def _answers(self):
        try:
            return self.command(0x17A, struct.pack(">III", 6, 0x100, 1), sessions=False)[0] == 0
        except OSError:
            return False

    def command(self, code, body, sessions=True):
        """Sends a command; returns response code and what follows it."""
        tag = 0x8002 if sessions else 0x8001
        message = struct.pack(">HII", tag, 10 + len(body), code) + body
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(10)
            line.connect(str(self.path))
            line.sendall(message)
            answer = b""
            while len(answer) < 10 or len(answer) < struct.unpack_from(">I", answer, 2)[0]:
                piece = line.recv(4096)
                if not piece:
                    raise OSError("swtpm hung up")
                answer += piece
        return struct.unpack_from(">I", answer, 6)[0], answer[10:]

    def extend(self, pcr, digest):
        """Extends the bank."""
        body = struct.pack(">I", pcr) + PASSWORD_SESSION + struct.pack(">IH", 1, self.bank) + digest
        code, _ = self.command(TPM2_CC_PCR_EXTEND, body)
        assert code == 0, hex(code)

    def read_pcr(self, pcr):
        """A value of the SHA-256 bank."""
        select = bytearray(3)
        select[pcr // 8] = 1 << pcr % 8
        code, answer = self.command(TPM2_CC_PCR_READ, struct.pack(">IHB", 1, SHA256, 3) + select, sessions=False)
        assert code == 0, hex(code)
        return answer[-32:]

    def replay(self, log):
        """Extends what the log says was extended: then log and quote agree."""
        for pcr, kind, digests, _ in eventlog.events(log):
            if kind != eventlog.EV_NO_ACTION:
                self.extend(pcr, digests[self.bank])

    def launch(self, data):
        """A dynamic launch, as only a processor starts one: PCRs 17 to 22 become zeros, and 17 is extended by the data's digest."""
        run("swtpm_ioctl", "--unix", f"{self.path}.ctrl", "-h", data.decode())

    def increment(self, index):
        """What anybody may do: counts our counter up."""
        body = struct.pack(">II", index, index) + PASSWORD_SESSION
        code, _ = self.command(TPM2_CC_NV_INCREMENT, body)
        assert code == 0, hex(code)

    def evict(self, handle):
        """TPM2_EvictControl: takes a persistent object of the owner's or the endorsement hierarchy away, where there is one."""
        body = struct.pack(">II", OWNER, handle) + PASSWORD_SESSION + struct.pack(">I", handle)
        code, _ = self.command(0x120, body)
        assert code in (0, RC_HANDLE_2), hex(code)

    def undefine(self, index):
        """TPM2_NV_UndefineSpace, where it is defined."""
        code, _ = self.command(0x122, struct.pack(">II", OWNER, index) + PASSWORD_SESSION)
        assert code in (0, RC_HANDLE_2), hex(code)

    def lock_out(self):
        """Tries wrong passwords on an object that is protected until the TPM takes no more."""
        public = struct.pack(">HHIHHHHH", 0x0023, 0x000B, 0x00040072, 0, 0x0010, 0x0018, 0x000B, 0x0003)
        public += struct.pack(">HHH", 0x0010, 0, 0)
        body = struct.pack(">I", 0x40000001) + PASSWORD_SESSION + struct.pack(">HH", 4 + 6, 6) + b"secret" + bytes(2)
        body += struct.pack(">H", len(public)) + public + bytes(2) + bytes(4)
        code, answer = self.command(0x131, body)  # TPM2_CreatePrimary: a signing key with an auth value, not noDA
        assert code == 0, hex(code)
        handle = answer[:4]
        wrong = struct.pack(">IIHBH", 14, 0x40000009, 0, 0, 5) + b"wrong"
        request = handle + wrong + struct.pack(">H", 32) + bytes(32) + struct.pack(">H", 0x0010)
        request += struct.pack(">HIH", 0x8024, 0x40000007, 0)
        for _ in range(64):
            code, _ = self.command(0x15D, request)  # TPM2_Sign
            if code & 0xFFF == 0x921:  # TPM_RC_LOCKOUT
                break
        assert code & 0xFFF == 0x921, hex(code)
        code, _ = self.command(0x165, handle, sessions=False)  # TPM2_FlushContext
        assert code == 0, hex(code)


class Server:
    """bootseald in a folder, reached as localhost."""

    prefix = ()  # of the command that starts it
    words = ("--log=debug",)  # and its options

    def __init__(self, folder, makers=(), names="localhost,127.0.0.1", listen=None):
        self.folder = Path(folder)
        self._kept = None if listen else Port()
        self.port = int(listen.rsplit(":", 1)[1]) if listen else self._kept.number
        self._process = None
        self.log = None
        run(BUILD / "bootsealctl", "init", self.folder, f"--name={names}",
            f"--listen={listen or f'127.0.0.1:{self.port}'}")
        (self.folder / "ek-roots").mkdir(exist_ok=True)
        for number, maker in enumerate(makers):
            for path in maker.ca_certificates:
                shutil.copyfile(path, self.folder / "ek-roots" / f"{number}-{path.name}")
        conf = self.folder / "bootseald.conf"
        conf.write_text(re.sub(r"retry_after = \d+", "retry_after = 1", conf.read_text()))

    def start(self):
        """Starts it and waits until it takes connections."""
        assert self._process is None
        self._process = subprocess.Popen([*self.prefix, BUILD / "bootseald", *self.words, self.folder],
                                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.log = Console(self._process.stdout.fileno(), self.folder / "bootseald.log")
        wait_until(self._is_ready, 20, "bootseald takes connections")

    def _is_ready(self):
        if self._process.poll() is not None:
            self.log.wait_closed(5)
            raise RuntimeError(f"bootseald ended with {self._process.returncode}:\n{self.log.text}")
        return self._takes_connections()

    def _takes_connections(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    @property
    def pid(self):
        """Of the running process."""
        return self._process.pid

    def stop(self):
        """Ends it in an orderly way, and looks that it was: a sanitizer speaks at the end."""
        if self._process:
            self._process.terminate()
            code = self._process.wait(20)
            self.log.wait_closed(5)
            self._process.stdout.close()
            self._process = None
            assert code == 0, self.log.text

    def ctl(self, *words, check=True):
        """bootsealctl with these words: what it printed."""
        done = subprocess.run([BUILD / "bootsealctl", f"--dir={self.folder}", *map(str, words)], text=True,
                              capture_output=True, check=False, stdin=subprocess.DEVNULL)
        if check:
            assert done.returncode == 0, done.stderr
            return done.stdout
        return done

    def json(self, *words):
        """bootsealctl --json: what it said."""
        return json.loads(self.ctl("--json", *words))

    def profile(self, text, name="demo"):
        """Applies a profile."""
        path = self.folder / f"{name}.profile"
        path.write_text(text)
        self.ctl("profile", "apply", path)

    def audit(self, act=None):
        """Rows of the audit log, oldest first."""
        rows = self.json("audit", "--limit=10000")["audit"]
        return [row for row in rows if act is None or row["act"] == act]


class Boot:
    """A running `bootseal boot`."""

    def __init__(self, device, process):
        self.device = device
        self.process = process
        self.console = Console(process.stderr.fileno(), device.folder / f"console-{device.boots}.log")

    def wait_for(self, pattern, seconds=30):
        """Waits for a line on the console."""
        return self.console.wait_for(pattern, seconds)

    def end(self, seconds=60):
        """Waits for its end: the exit code."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise TimeoutError(f"bootseal boot does not end:\n{self.console.text}") from None
        self.console.wait_closed(5)
        self.process.stderr.close()
        return code


CONFIG = """
server = {{ url = "{url}"; ca = "/etc/bootseal/server-ca.pem"; }};
tpm = {{ device = "{tpm}"; eventlog = "/eventlog"; timeout = {timeout}; {chip} }};
vault = {{ dir = "/var/lib/bootseal"; {vault} }};
net = {{ up = [{up}]; deadline = 5; proxy = "{proxy}"; }};
boot = {{ wait = {wait}; on_failure = "reboot"; }};
token = {{ file = "/token"; }};
log = {{ level = "{level}"; }};
cap = {{ pcr = {cap}; }};
measure = {{ pcrs = [ {pcrs} ]; {measure} }};
seal = {{ {seal} }};
device = {{ serial_file = "/serial"; }};
handover = {{
    unauthenticated_root = true;
    ramfs = false;
    files = ( {{ item = "app.conf"; path = "/run/app/app.conf"; mode = "0640"; }} );
}};
"""


class Device:
    """A machine in a folder: what its disk holds, its TPM, its configuration."""

    prefix = ()  # of the agent's command

    def __init__(self, folder, template, server, log="ovmf-uki-cloud.bin"):
        self.folder = Path(folder)
        self.root = self.folder / "root"
        for path in ("etc/bootseal", "run", "var/lib"):
            (self.root / path).mkdir(parents=True)
        self.tpm = SocketTpm(self.folder, template)
        self.template = template
        self.boots = 0
        self.url = f"https://localhost:{server.port}"
        shutil.copyfile(server.folder / "image/server-ca.pem", self.root / "etc/bootseal/server-ca.pem")
        (self.root / "serial").write_text(f"SN-{self.folder.name}\n")
        self.log = (LOGS / log).read_bytes() if isinstance(log, str) else log
        self.settings = {"wait": 40, "cap": 12, "level": "debug", "pcrs": ", ".join(map(str, QUOTED)), "up": "",
                         "proxy": "", "measure": "", "seal": "", "timeout": 30, "chip": "", "vault": ""}
        self.environment = {}

    def power_on(self, log=None):
        """A fresh boot: PCRs as the firmware leaves them, /run empty."""
        self.tpm.stop()
        self.tpm.start()
        if log is not None:
            self.log = log
        self.tpm.replay(self.log)
        (self.root / "eventlog").write_bytes(self.log)
        shutil.rmtree(self.root / "run")
        (self.root / "run").mkdir()

    def write_config(self, **changes):
        """Writes bootseal.conf; `extra` is appended."""
        extra = changes.pop("extra", "")
        path = self.root / "etc/bootseal/bootseal.conf"
        values = {"url": self.url, "tpm": self.tpm.device, **self.settings, **changes}
        path.write_text(CONFIG.format(**values) + extra)
        return path

    def command(self, *words):
        """The agent's command line."""
        return [*self.prefix, BUILD / "bootseal", f"--root={self.root}", f"--config={self.root}/etc/bootseal/bootseal.conf", *words]

    def start(self, **changes):
        """Starts `bootseal boot`."""
        self.write_config(**changes)
        self.boots += 1
        process = subprocess.Popen(self.command("boot"), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                   env={**os.environ, **self.environment})
        return Boot(self, process)

    def boot(self, log=None, **changes):
        """Power on and one whole boot; returns exit code and console."""
        self.power_on(log)
        return self.run(**changes)

    def run(self, **changes):
        """`bootseal boot` as the machine is."""
        boot = self.start(**changes)
        return boot.end(), boot.console.text

    @property
    def report(self):
        """/run/bootseal/report.json"""
        return json.loads((self.root / "run/bootseal/report.json").read_text())

    def credential(self, name):
        """What the real root would find."""
        return (self.root / "run/credstore" / name).read_bytes()

    def has_credentials(self):
        """Anything was handed over at all."""
        store = self.root / "run/credstore"
        return store.exists() and any(store.iterdir())

    @property
    def slots(self):
        """The vault's files."""
        return [self.root / "var/lib/bootseal/slot-a", self.root / "var/lib/bootseal/slot-b"]

    def is_capped(self, at_most=1):
        """The cap was extended, over what the log says; more than once when it could not be read back as it was expected."""
        value = bytes(32)
        for pcr, kind, digests, _ in eventlog.events(self.log):
            if pcr == 12 and kind != eventlog.EV_NO_ACTION:
                value = hashlib.sha256(value + digests[SHA256]).digest()
        found = self.tpm.read_pcr(12)
        for _ in range(at_most):
            value = hashlib.sha256(value + CAP_DIGEST).digest()
            if value == found:
                return True
        return False

    @property
    def id(self):
        """The id the server knows it by."""
        done = subprocess.run(self.command("identity", "--json"), capture_output=True, check=True)
        return json.loads(done.stdout)["device"]


def enroll(device, server):
    """The device's first boot, which an operator approves and learns."""
    device.power_on()
    boot = device.start()
    name = boot.wait_for("bootsealctl device approve ([0-9a-f]{64})").group(1)
    server.ctl("device", "approve", name, "--learn", "--profile=demo")
    assert boot.end() == 0, boot.console.text


def at_time(text):
    """The environment in which a program sees another time; a sanitizer's library has to come first."""
    preload = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
    assert os.path.exists(preload), "faketime is not installed"
    linked = subprocess.run(["ldd", BUILD / "bootseal"], capture_output=True, text=True, check=False).stdout
    for line in linked.splitlines():
        if "libasan" in line:
            preload = line.split("=> ")[1].split()[0] + ":" + preload
    return {"LD_PRELOAD": preload, "FAKETIME": text, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def changed_boot(log, pcr=11):
    """The same boot with one event of this PCR changed in data and digest."""
    out, done = b"", False
    size, = struct.unpack_from("<I", log, 28)
    out = log[:32 + size]
    for number, kind, digests, data in eventlog.events(log):
        if number == pcr and kind != eventlog.EV_NO_ACTION and not done:
            data = data + b"!"
            digests = {algorithm: hashlib.new(_NAMES[algorithm], data).digest() for algorithm in digests}
            done = True
        out = eventlog.append(out, number, kind, digests, data)
    assert done, f"the log has no event in PCR {pcr}"
    return out


_NAMES = {0x0004: "sha1", 0x000B: "sha256", 0x000C: "sha384", 0x000D: "sha512"}

__all__ = ["Device", "Server", "SocketTpm", "Tpm", "changed_boot", "wait_until"]
