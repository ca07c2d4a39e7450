#!/usr/bin/python3
"""A TPM does each thing wrong at each command of a boot: the boot ends in time, plainly, and the next one is good.

The real agent, a real swtpm behind a proxy, a real bootseald. `./dev matrix` runs all cases, CI a sample.
"""

import argparse
import random
import sys
import tempfile
import time
import zlib
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "system")]

import lab  # noqa: E402  the path comes first
from tpmproxy import COMMANDS, Proxy  # noqa: E402

PROFILE = """
name = "demo";
items = ( { name = "demo.secret"; kind = "secret"; text = "hunter2"; }, { name = "app.conf"; kind = "file"; text = "x"; } );
"""
SRK, AK, COUNTER = 0x81000001, 0x8101B001, 0x0180B001
OWNER, ENDORSEMENT = 0x40000001, 0x4000000B
TIMEOUT_S = 1  # tpm.timeout
LATE_MS = 1300
LIMIT_S = 20  # no boot takes longer, whatever the TPM does
CODES = (0, 4, 10, 20, 30, 40)  # of bootseal boot
FOR_EVER = 0xFFFFFFFF

# Asks for the same command again (Part 2 §6.6.3): the boot is none the worse.
AGAIN = {"RETRY": 0x922, "YIELDED": 0x908, "TESTING": 0x90A, "NV_RATE": 0x920}
WRONG = {"NV_UNAVAILABLE": 0x923, "LOCKOUT": 0x921, "OBJECT_MEMORY": 0x902, "SESSION_MEMORY": 0x903,
         "MEMORY": 0x904, "FAILURE": 0x101, "PCR_CHANGED": 0x128, "NV_UNINITIALIZED": 0x14A, "POLICY_FAIL": 0x99D}
SILENT = ("drop", "silence", "delay")
LENGTHS = (*range(65), *range(4090, 4101))
LENGTHS_RANDOM = 200
HEADER = 10


class Broken(AssertionError):
    """Something that has to hold does not."""


def need(is_so, otherwise):
    """Or this case has not survived."""
    if not is_so:
        raise Broken(otherwise)


@dataclass(frozen=True)
class Case:
    """What goes wrong: `number` commands are spared."""

    path: str
    number: int
    kind: str  # of the proxy
    value: int = 0
    times: int = 1

    def words(self):
        """To have it just so again."""
        return f"--path={self.path} --number={self.number} --kind={self.kind} --value={self.value:#x} --times={self.times}"


class Vault:
    """A boot from the vault; there is no server."""

    name = "vault"
    settings = {"url": "https://localhost:1"}

    @staticmethod
    def prepare(bench):
        """As an ordinary boot begins."""
        bench.device.power_on()


class Enrollment:
    """A first contact: neither vault nor anything of ours in the TPM."""

    name = "enrollment"
    settings = {}

    @staticmethod
    def prepare(bench):
        """The server knows the device, so that nobody has to approve it."""
        device = bench.device
        for slot in device.slots:
            slot.unlink(missing_ok=True)
        device.power_on()
        device.tpm.evict(SRK)
        device.tpm.evict(AK)
        device.tpm.undefine(COUNTER)


PATHS = {path.name: path for path in (Vault, Enrollment)}


def path_has_server(case):
    """There is one that answers: what fails is the TPM."""
    return "url" not in PATHS[case.path].settings


class Bench:
    """A device that was provisioned, with a proxy in front of its TPM."""

    def __init__(self, device, proxy):
        self.device, self.proxy = device, proxy
        device.settings |= {"timeout": TIMEOUT_S, "wait": 0}
        self.codes = {}  # of the commands of a path, in their order
        for path in PATHS.values():
            proxy.record()
            self._is_good(path)
            self.codes[path.name] = proxy.commands()
            if path is Vault:
                proxy.tape()

    def _is_good(self, path):
        path.prepare(self)
        code, console = self.device.run(**path.settings)
        need(code == 0, f"without a fault: {code}\n{console}")
        self._check_good(console)

    def _check_good(self, console):
        need(self.device.credential("demo.secret") == b"hunter2", f"another secret than the server gave\n{console}")
        need(self.device.is_capped(at_most=2), f"handed over, and the boot is not capped\n{console}")

    def cases(self, path, rng):
        """All of them."""
        lengths = (*LENGTHS, *(rng.randrange(65, 4090) for _ in range(LENGTHS_RANDOM)))
        for number in range(len(self.codes[path])):
            def case(*words, number=number):
                return Case(path, number, *words)
            yield from (case("code", code) for code in (*AGAIN.values(), *WRONG.values()))
            yield from (case("code", code, FOR_EVER) for code in (AGAIN["RETRY"], WRONG["OBJECT_MEMORY"]))
            yield from (case(kind) for kind in ("drop", "silence", "hangup", "replay"))
            yield from (case(kind, 0, FOR_EVER) for kind in ("drop", "hangup"))
            yield case("delay", LATE_MS)
            yield from (case("cut", size) for size in (1, HEADER - 1, HEADER, HEADER + 3))
            yield from (case("raw", size) for size in lengths)
            yield from (case("noise", size - HEADER) for size in lengths if size >= HEADER)
            yield from (case("flip", byte) for byte in range(0, 200, 3))

    def number(self, path, command, nth=0):
        """How many commands come before the nth one of this name."""
        return [at for at, code in enumerate(self.codes[path]) if code == COMMANDS[command]][nth]

    def check(self, case):
        """Broken when the boot, or the one after it, does not end as it has to."""
        path = PATHS[case.path]
        path.prepare(self)
        self.proxy.seed(zlib.crc32(case.words().encode()))
        self.proxy.fault(case.kind, 0, case.value, case.number, case.times)
        begun = time.monotonic()
        boot = self.device.start(**path.settings)
        code = boot.end(3 * LIMIT_S)
        seconds = time.monotonic() - begun
        self.proxy.heal()
        try:
            self._check_boot(case, code, seconds, boot.console.text)
            if code != 0 or path is not Vault:  # which wrote nothing
                self._is_good_next()
        except Broken as broken:
            raise Broken(f"{case.words()}: {broken}") from None

    def _check_boot(self, case, code, seconds, console):
        need(code in CODES, f"ended with {code}\n{console}")
        need(seconds < LIMIT_S, f"took {seconds:.0f} s\n{console}")
        report = self.device.report
        if code == 0:
            self._check_good(console)
        else:
            need(not self.device.has_credentials(), f"credentials in spite of {code}\n{console}")
            need(report["message"], f"no word of why\n{console}")
        # A replayed answer to the cap is the interposer's of the threat model.
        need(case.kind == "replay" or not report["capped"] or self.device.is_capped(at_most=4),
             f"says capped, and is not\n{console}")
        if path_has_server(case) and case.kind in SILENT:
            need(code in (0, 40), f"silent, and ended with {code}\n{console}")
        need(case.kind != "code" or code != 20, f"refused, because the TPM said that it cannot\n{console}")
        if case.kind == "code" and case.value in AGAIN.values() and case.times == 1:
            need(code == 0, f"the TPM asked to have it sent again, and the boot ended with {code}\n{console}")

    def _is_good_next(self):
        self.device.power_on()
        code, console = self.device.run()
        need(code == 0, f"the next boot ended with {code}\n{console}")
        self._check_good(console)


def spread(cases, count, rng):
    """So many of each kind at each command, where there are more."""
    groups = {}
    for case in cases:
        groups.setdefault((case.path, case.number, case.kind), []).append(case)
    return [case for group in groups.values() for case in rng.sample(group, min(count, len(group)))]


def sample(bench, seed, count):
    """So many of all cases; the same ones with the same seed."""
    rng = random.Random(seed)
    everything = [case for path in PATHS for case in bench.cases(path, rng)]
    return rng.sample(everything, count)


@contextmanager
def site():
    """A server and a device of its own that it has provisioned: the device."""
    with tempfile.TemporaryDirectory(prefix="bootseal-matrix-") as name, ExitStack() as stack:
        folder = Path(name)
        maker = lab.Tpm(folder / "maker", ca=folder / "ca")
        server = lab.Server(folder / "server", [maker])
        server.start()
        stack.callback(server.stop)
        server.profile(PROFILE)
        (folder / "device").mkdir()
        device = lab.Device(folder / "device", maker, server)
        stack.callback(device.tpm.stop)
        lab.enroll(device, server)
        yield device


def run(bench, cases, seed):
    """How many did not survive."""
    failed, begun = 0, time.monotonic()
    for done, case in enumerate(cases, 1):
        try:
            bench.check(case)
        except (Broken, TimeoutError) as broken:
            failed += 1
            print(f"FAILED {broken}", flush=True)
        if done % 500 == 0:
            print(f"{done} of {len(cases)}, {time.monotonic() - begun:.0f} s", flush=True)
    print(f"seed {seed}: {len(cases)} cases, {len(cases) - failed} survived")
    return failed


def main():
    """The whole matrix, a part of it, or one case."""
    number = lambda text: int(text, 0)  # noqa: E731
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--path", choices=PATHS, action="append", help="only this one")
    parser.add_argument("--number", type=number, help="only what goes wrong after so many commands")
    parser.add_argument("--kind", help="only this (enum lab_fault)")
    parser.add_argument("--value", type=number)
    parser.add_argument("--times", type=number)
    parser.add_argument("--each", type=int, metavar="N", help="so many cases of each kind at each command: nothing is left out altogether")
    parser.add_argument("--sample", type=int, help="so many cases")
    parser.add_argument("--seed", type=number, default=random.SystemRandom().randrange(1 << 32))
    options = parser.parse_args()
    with site() as device, Proxy(device) as proxy:
        bench = Bench(device, proxy)
        print(f"commands: { {path: len(codes) for path, codes in bench.codes.items()} }, seed {options.seed}", flush=True)
        rng = random.Random(options.seed)
        cases = [case for path in options.path or PATHS for case in bench.cases(path, rng)
                 if all(getattr(options, name) in (None, getattr(case, name))
                        for name in ("number", "kind", "value", "times"))]
        if options.each:
            cases = spread(cases, options.each, rng)
        if options.sample:
            cases = rng.sample(cases, min(options.sample, len(cases)))
        return 1 if run(bench, cases, options.seed) else 0


__all__ = ["Bench", "Broken", "Case", "sample"]

if __name__ == "__main__":
    sys.exit(main())
