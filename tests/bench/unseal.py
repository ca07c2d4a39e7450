#!/usr/bin/python3
"""What a boot from the vault costs, beside what else opens a secret that is sealed to PCRs.

One TPM (swtpm, a fresh process of a fresh copy of its state for every run, with the PCRs of a real boot) and the same PCRs for all:

  bootseal    the static agent's whole boot: configuration, event log, unseal, decryption, signatures, cap, handover, report
  floor       the same TPM commands with the same cryptography, and nothing else (floor.c)
  tpm2-tools  a shell script
  clevis      clevis decrypt
  systemd     systemd-creds decrypt

docs/benchmarks.md says how to read it.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / name) for name in ("integration", "system")]

from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: E402  the path comes first

import lab  # noqa: E402
import plot  # noqa: E402
from bootlab.run import run  # noqa: E402

STATIC = Path(os.environ.get("BOOTSEAL_STATIC", lab.REPOSITORY / "build/static"))
PCRS = ",".join(map(str, lab.QUOTED))
SECRET = "0123456789abcdef" * 2
SRK = 0x81000001
READ_PUBLIC = 0x173
PROFILE = 'name = "demo"; items = ({ name = "demo.secret"; kind = "secret"; text = "hunter2"; });'
CONFIG = """
server = {{ url = "https://localhost:{port}"; ca = "/etc/bootseal/server-ca.pem"; }};
tpm = {{ device = "{tpm}"; eventlog = "/eventlog"; }};
vault = {{ dir = "/var/lib/bootseal"; }};
net = {{ up = []; }};
measure = {{ pcrs = [ {pcrs} ]; }};
handover = {{ unauthenticated_root = true; ramfs = false; }};
"""
SCRIPT = """#!/bin/sh -e
# The shortest that tpm2-tools offer, with the SRK where systemd and bootseal have it.
tpm2_load -Q -C {srk:#x} -u sealed.pub -r sealed.priv -c sealed.ctx
tpm2_flushcontext -Q -t
tpm2_startauthsession -Q --policy-session -S session.ctx
tpm2_policypcr -Q -S session.ctx -l sha256:{pcrs}
tpm2_unseal -Q -c sealed.ctx -p session:session.ctx
tpm2_flushcontext -Q session.ctx
"""
AIMS = (("CPU below 1/20 of systemd-creds", lambda r: r["systemd"]["cpu_us"]["median"] > 20 * r["bootseal"]["cpu_us"]["median"]),
        ("CPU below 2 times the floor", lambda r: r["bootseal"]["cpu_us"]["median"] < 2 * r["floor"]["cpu_us"]["median"]),
        ("peak memory below 3 MB", lambda r: r["bootseal"]["memory_kib"] < 3 * 1024))


class Agent(lab.Device):
    """A device with the static agent and a plain configuration."""

    def command(self, *words):
        return [STATIC / "bootseal", *super().command(*words)[1 + len(self.prefix):]]

    def write_config(self, **changes):
        path = self.root / "etc/bootseal/bootseal.conf"
        path.write_text(CONFIG.format(port=self.url.rsplit(":", 1)[1], tpm=self.tpm.device, pcrs=", ".join(map(str, lab.QUOTED))))
        return path


class Proxy:
    """tpm_proxy between somebody and the TPM: it counts and records."""

    def __init__(self, tpm):
        self.path = tpm.folder / "bus.sock"
        for path in (self.path, Path(f"{self.path}.ctrl")):
            path.unlink(missing_ok=True)
        Path(f"{self.path}.ctrl").symlink_to(f"{tpm.path}.ctrl")
        self._process = subprocess.Popen([lab.BUILD / "tpm_proxy", self.path, tpm.path], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, text=True)
        assert self._process.stdout.readline() == "ready\n"

    def ask(self, line):
        """One line there and back."""
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def stop(self):
        """Ends it."""
        self._process.communicate()


class Peer:
    """Somebody who opens a secret: a folder to run in, a command, what it has to print."""

    def __init__(self, name, folder, template):
        self.name = name
        self.folder = folder / name
        self.folder.mkdir()
        self.template = template  # the enrolled device
        self.tpm = None

    def power_on(self):
        """A fresh swtpm with the PCRs of the boot."""
        place = self.folder / "tpm"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        self.tpm = lab.SocketTpm(place, self.template)
        self.tpm.start()
        self.tpm.replay(self.template.log)

    def power_off(self):
        """Ends that swtpm."""
        self.tpm.stop()

    def prepare(self):
        """Seals, in such a boot."""

    def command(self, device):
        """The command line, for a TPM at this place."""
        raise NotImplementedError

    def environment(self, device):
        """Besides the usual."""
        return {"TPM2TOOLS_TCTI": device}

    def check(self, said):
        """It really opened it."""
        assert said == SECRET, f"{self.name} said {said!r}"

    def start(self, device, *before):
        """Runs the command behind those words; what it printed."""
        done = subprocess.run([*map(str, before), *map(str, self.command(device))], cwd=self.folder, text=True, capture_output=True,
                              check=False, stdin=subprocess.DEVNULL,
                              env={"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": str(self.folder), **self.environment(device)})
        assert done.returncode == 0, f"{self.name}: {done.stderr or done.stdout}"
        return done.stdout

    def seal(self, *command, data=SECRET):
        """A step of prepare()."""
        done = subprocess.run([str(word) for word in command], cwd=self.folder, input=data, text=True, capture_output=True, check=False,
                              env={**os.environ, **self.environment(self.tpm.device)})
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout


class Tools(Peer):
    """A script over tpm2-tools."""

    def prepare(self):
        self.seal("tpm2_startauthsession", "-Q", "-S", "trial.ctx")
        self.seal("tpm2_policypcr", "-Q", "-S", "trial.ctx", "-l", f"sha256:{PCRS}", "-L", "policy")
        self.seal("tpm2_flushcontext", "-Q", "trial.ctx")
        self.seal("tpm2_create", "-Q", "-C", hex(SRK), "-L", "policy", "-u", "sealed.pub", "-r", "sealed.priv", "-i", "-",
                  "-a", "fixedtpm|fixedparent|noda|adminwithpolicy")
        (self.folder / "unseal").write_text(SCRIPT.format(srk=SRK, pcrs=PCRS))
        (self.folder / "unseal").chmod(0o755)

    def command(self, device):
        return ["./unseal"]


class Clevis(Peer):
    """clevis-tpm2."""

    def prepare(self):
        (self.folder / "jwe").write_text(self.seal("clevis", "encrypt", "tpm2", json.dumps({"pcr_bank": "sha256", "pcr_ids": PCRS})))

    def command(self, device):
        return ["/bin/sh", "-c", "exec clevis decrypt < jwe"]


class Systemd(Peer):
    """systemd-creds."""

    def prepare(self):
        self.seal("systemd-creds", "encrypt", "--with-key=tpm2", f"--tpm2-device={self.tpm.device}",
                  f"--tpm2-pcrs={PCRS.replace(',', '+')}", "--name=demo", "-", "sealed")

    def command(self, device):
        return ["systemd-creds", "decrypt", f"--tpm2-device={device}", "--name=demo", "sealed", "-"]


class Ours(Peer):
    """The agent, and a real root of its own for every run."""

    def command(self, device):
        config = CONFIG.format(port=9, tpm=device, pcrs=", ".join(map(str, lab.QUOTED)))
        root = self.folder / "root"
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(self.template.root, root)
        (root / "etc/bootseal/bootseal.conf").write_text(config)
        return [STATIC / "bootseal", f"--root={root}", f"--config={root}/etc/bootseal/bootseal.conf", "boot"]

    def check(self, said):
        made = json.loads((self.folder / "root/run/bootseal/report.json").read_text())
        assert (made["result"], made["source"], made["capped"]) == ("done", "vault", True), made
        assert (self.folder / "root/run/credstore/demo.secret").read_text() == "hunter2"


class Floor(Peer):
    """What nobody can go below."""

    tape = b""

    def prepare(self):
        code, answer = self.tpm.command(READ_PUBLIC, struct.pack(">I", SRK), sessions=False)
        assert code == 0, hex(code)
        public = answer[2:2 + struct.unpack_from(">H", answer)[0]]
        assert public[-68:-66] == public[-34:-32] == b"\0\x20", "the SRK is no point of P-256"
        (self.folder / "tape").write_bytes(public[-66:-34] + public[-32:] + self.tape)

    def command(self, device):
        return [STATIC / "bench_floor", device.removeprefix("swtpm:path="), "tape"]

    def check(self, said):
        """The vault's slot opens with it (docs/design.md)."""
        slot = self.template.slots[0].read_bytes()
        head = struct.unpack_from(">I", slot, 12)[0]
        assert AESGCM(bytes.fromhex(said)).decrypt(slot[head - 16:head - 4], slot[head:], slot[:head])


def count_commands(peer, keep=None):
    """TPM commands of one run, seen between it and the TPM; `keep`: a file for what was on the bus."""
    peer.power_on()
    proxy = Proxy(peer.tpm)
    try:
        peer.check(peer.start(f"swtpm:path={proxy.path}").strip())
        commands = proxy.ask("commands").split()
        assert keep is None or proxy.ask(f"bus {keep}") == "ok"
    finally:
        proxy.stop()
        peer.power_off()
    return commands


def commands_of(bus):
    """The commands of a recorded bus: every second message."""
    out, at, number = b"", 0, 0
    while at < len(bus):
        size, = struct.unpack_from(">I", bus, at + 2)
        out += bus[at:at + size] if number % 2 == 0 else b""
        at, number = at + size, number + 1
    return out


def needs(path, folder):
    """A file and what runs it: an interpreter, a dynamic loader."""
    path = Path(path)
    if not path.is_absolute() or not path.is_file() or path.is_relative_to(folder) or path.parts[1] in ("proc", "sys", "dev", "run"):
        return
    yield path.resolve()
    with open(path, "rb") as file:
        head = file.read(200)
    script = re.match(rb"#!\s*(\S+)", head)
    if script:
        yield from needs(script.group(1).decode(), folder)
    elif head[:4] == b"\x7fELF":
        found = re.search(r"interpreter: (\S+)\]", run("readelf", "-lW", path))
        if found:
            yield Path(found.group(1)).resolve()


def look_inside(peer):
    """Processes of one run, and the bytes of the files that it reads from the system: what an initramfs needs."""
    peer.power_on()
    trace = peer.folder / "strace"
    try:
        peer.check(peer.start(peer.tpm.device, "strace", "-f", "-qq", "-o", trace, "-e", "trace=execve,open,openat").strip())
    finally:
        peer.power_off()
    lines = trace.read_text().splitlines()
    top = peer.folder.parent
    opened = re.findall(r'(?:execve\(|open\(|openat\(AT_FDCWD, )"(/[^"]+)".* = \d+$', "\n".join(lines), re.M)
    files = {file for path in opened for file in needs(path, top)} - {Path("/etc/ld.so.cache")}
    return len({line.split()[0] for line in lines}), sum(file.stat().st_size for file in files)


def meter(peer, *option):
    """What bench_meter says of one run, without the exit code."""
    peer.power_on()
    try:
        said = peer.start(peer.tpm.device, STATIC / "bench_meter", *option, peer.folder / "meter")
        peer.check(said.strip())
    finally:
        peer.power_off()
    code, *rest = map(int, (peer.folder / "meter").read_text().split())
    assert code == 0, f"{peer.name} ended with {code}"
    return rest


def enrolled(folder):
    """A device with a vault, its server gone."""
    tpm = lab.Tpm(folder / "maker")
    server = lab.Server(folder / "server", [tpm])
    server.words = ()
    server.start()
    (folder / "device").mkdir()
    device = Agent(folder / "device", tpm, server)
    try:
        server.profile(PROFILE)
        lab.enroll(device, server)
    finally:
        device.tpm.stop()
        server.stop()
    shutil.rmtree(device.root / "run")
    (device.root / "run").mkdir()
    # From here on it is a template: TPMs are copied from its state.
    device.folder = device.tpm.folder
    return device


def measure(options, folder):
    """Everything, by peer."""
    device = enrolled(folder)
    peers = [kind(name, folder, device) for kind, name in
             ((Ours, "bootseal"), (Floor, "floor"), (Tools, "tpm2-tools"), (Clevis, "clevis"), (Systemd, "systemd"))]
    bus = folder / "bus"
    result = {peers[0].name: {"commands": len(count_commands(peers[0], bus))}}
    Floor.tape = commands_of(bus.read_bytes())
    for peer in peers[1:]:
        peer.power_on()
        peer.prepare()
        # What was sealed stays good: the seeds of a TPM are in its state, which is always the same copy.
        peer.power_off()
        result[peer.name] = {"commands": len(count_commands(peer))}
    for peer in peers:
        result[peer.name]["processes"], result[peer.name]["initramfs_bytes"] = look_inside(peer)
        result[peer.name]["memory_kib"] = max(meter(peer, "-m")[0] for _ in range(3))
    runs = {peer.name: [] for peer in peers}
    for number in range(options.rounds):
        for peer in peers[number % len(peers):] + peers[:number % len(peers)]:
            runs[peer.name].append(meter(peer))
        print(f"\rround {number + 1} of {options.rounds}", end="", file=sys.stderr)
    print(file=sys.stderr)
    for name, rows in runs.items():
        wall, cpu = zip(*rows)
        result[name].update(wall_us={"least": min(wall), "median": statistics.median(wall)},
                            cpu_us={"least": min(cpu), "median": statistics.median(cpu), "most": max(cpu)})
    return result


COLUMNS = (("CPU", "ms", lambda row: row["cpu_us"]["median"] / 1e3), ("wall, least", "ms", lambda row: row["wall_us"]["least"] / 1e3),
           ("wall, median", "ms", lambda row: row["wall_us"]["median"] / 1e3), ("memory", "KiB", lambda row: row["memory_kib"]),
           ("processes", "", lambda row: row["processes"]), ("commands", "", lambda row: row["commands"]),
           ("initramfs", "KiB", lambda row: row["initramfs_bytes"] / 1024))


def ratios(result):
    """{column: {peer: (value, value by ours)}}"""
    return {(name, unit): {peer: (value(row), value(row) / value(result["bootseal"])) for peer, row in result.items()}
            for name, unit, value in COLUMNS}


def table(result):
    """For a person: values, and under them how many times ours they are."""
    titles = [f"{name} {unit}".strip() for name, unit, _ in COLUMNS]
    lines = [f"{'':12}" + "".join(f"{title:>17}" for title in titles)]
    for peer in result:
        cells = [cells[peer] for cells in ratios(result).values()]
        lines.append(f"{peer:12}" + "".join(f"{value:17.2f}" if value < 10 and value % 1 else f"{value:17,.0f}" for value, _ in cells))
        lines.append(f"{'':12}" + "".join(f"{f'x {ratio:.2f}':>17}" for _, ratio in cells))
    lines += [f"aim: {text}: {'reached' if reached(result) else 'not reached'}" for text, reached in AIMS]
    return "\n".join(lines)


def main():
    """Never judges: it says what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    # In memory, as an initramfs and /run are: nobody's fsync is measured.
    with tempfile.TemporaryDirectory(prefix="bench-", dir="/dev/shm") as name:
        result = measure(options, Path(name))
    out = lab.REPOSITORY / "build/bench"
    out.mkdir(parents=True, exist_ok=True)
    (out / "unseal.json").write_text(json.dumps({"rounds": options.rounds, "peers": result}, indent=2) + "\n")
    (out / "unseal.svg").write_text(plot.bars("Opening a sealed secret, by what bootseal's whole boot from the vault takes",
                                              ratios(result)))
    print(table(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
