#!/usr/bin/python3
"""How many devices one core of the server enrolls, and how near that is to what public-key cryptography alone would allow.

bootseald has a core of its own, the devices (software, with a vendor CA of their own) have the others. In each round the
primitives of the same wolfCrypt are measured on the server's core, then devices enroll. docs/benchmarks.md says how to read it.
"""

import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / name) for name in ("integration", "system")]

import fleet as fleets  # noqa: E402  the path comes first
import lab  # noqa: E402

IDLE = 1000
AIM_RATIO, AIM_IDLE_MB = 0.75, 20
TRACED = 40  # devices under callgrind

# Public-key operations of the server for one device that is new, proves itself, gets its bundle and confirms it. EK and its
# certificate are of P-256: an RSA-2048 chain is cheaper, one of P-384 dearer. name: (primitive, function of wolfCrypt, how often)
OPERATIONS = {
    "key share of the handshake": ("x25519mlkem768", "wc_MlKemKey_Encapsulate", 1),
    "signatures made: handshake, certificate, approval, bundle": ("p256_sign", "wc_ecc_sign_hash", 4),
    "signatures verified: EK, SRK, device key, CSR, quote": ("p256_verify", "wc_ecc_verify_hash", 5),
    "ephemeral keys: challenge, secret of the bundle": ("p256_keygen", "wc_ecc_make_key_ex", 2),
    "agreements: the same": ("p256_ecdh", "wc_ecc_shared_secret", 2),
}

# Whose time a sample is, by the name of the function that it fell into; the first that fits. wolfSSL's are in CamelCase, ours are not.
# SHA-512, which has a label named after SHA-256, is TLS_AES_256_GCM_SHA384's and the random generators'.
FAMILIES = (
    ("signatures and agreements on P-256", r"_?sp_|L_256|L_mont|wc_ecc|_ecc|mp_"),
    ("SHA-256", r"(?!L_sha256_len_avx2_rorx_start).*[sS]ha256"),
    ("TLS", r".*(25519|mlkem|sha3|sha256|512|384|GCM|gcm)|fe_|ge_|L_fe|[A-Z]|wolf|ssl_|cpuid|wc_"),
)


class Generator:
    """bench_load: gets ready, and goes when it is told."""

    def __init__(self, fleet, verb, cores, *words):
        command = [lab.BUILD / "bench_load", *fleet.command(verb, *words)[2:]]
        self._process = subprocess.Popen([*pin(cores), command[0], verb, *command[1:]], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, text=True)
        if self._process.stdout.readline() != "ready\n":
            raise RuntimeError("bench_load did not get ready")

    def go(self):
        """Until it ends: what it wrote."""
        out, _ = self._process.communicate("go\n", timeout=600)
        if self._process.returncode != 0:
            raise RuntimeError("bench_load failed")
        return out


def pin(cores):
    """The beginning of a command that stays on these cores."""
    return ("taskset", "-c", ",".join(map(str, cores)))


def cpu_us(pid):
    """What a process has used: in all (ns of the scheduler), and the kernel's part of it (ticks)."""
    total = sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir())
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    user, kernel = int(fields[11]), int(fields[12])
    return total / 1e3, kernel * 1e6 / os.sysconf("SC_CLK_TCK"), user * 1e6 / os.sysconf("SC_CLK_TCK")


def primitives(core):
    """Microseconds of each."""
    out = subprocess.run([*pin([core]), lab.BUILD / "bench_crypto"], check=True, capture_output=True, text=True).stdout
    return {name: float(value) for name, value in (line.split() for line in out.splitlines())}


def public_key_us(prims):
    """Of one enrollment, by the primitives."""
    return sum(prims[primitive] * times for primitive, _, times in OPERATIONS.values())


def median(values):
    """Median, least and most."""
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


class Bench:
    """A server, a maker of TPMs, and rounds of devices."""

    def __init__(self, folder, options):
        self.options = options
        cores = sorted(os.sched_getaffinity(0))
        self.core, self.others = cores[0], cores[1:] or cores
        self.fleet = fleets.Fleet(folder)
        self.fleet.configure("limits: { connections_per_address = 4096; };\n")
        self.server = self.fleet.server
        self.server.words = ()
        self.server.prefix = pin([self.core])
        self.token = None

    def start(self):
        """With the profile and a token for all; the first device was learned."""
        self.server.start()
        self.token = self.token or self.fleet.token()

    def enroll(self, count):
        """Rate, latencies and CPU of so many new devices."""
        generator = Generator(self.fleet, "enroll", self.others, f"--token={self.token}", f"--count={count}",
                              f"--parallel={self.options.parallel}")
        before = cpu_us(self.server.pid)
        out = generator.go()
        used, kernel, user = (after - start for after, start in zip(cpu_us(self.server.pid), before))
        seconds = float(re.search(r"seconds=([\d.]+)", out).group(1))
        latencies = sorted(float(word) / 1e3 for word in re.search(r"^latency (.*)$", out, re.M).group(1).split())
        kernel_us = used * kernel / max(kernel + user, 1) / count
        return {"per_second": count / seconds, "cpu_us": used / count, "kernel_us": kernel_us,
                "p50_ms": latencies[len(latencies) // 2], "p99_ms": latencies[len(latencies) * 99 // 100]}

    def idle_kib(self):
        """Growth of the resident set by idle connections, after the server has served."""
        before = self.server.memory()
        generator = Generator(self.fleet, "idle", self.others, f"--count={IDLE}")
        grown = self.server.memory() - before
        generator.go()
        return grown


def traced_costs(path):
    """Of a callgrind file: calls and instructions with callees, by function."""
    names, calls, costs = {}, {}, {}
    callee, times = None, 0
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("cfn=("):
                number, _, name = line[4:].rstrip("\n").partition(" ")
                callee = names.setdefault(number, name)
            elif line.startswith("fn=("):
                number, _, name = line[3:].rstrip("\n").partition(" ")
                names.setdefault(number, name)
            elif line.startswith("calls="):
                times = int(line[6:].split()[0])
            elif times:
                calls[callee] = calls.get(callee, 0) + times
                costs[callee] = costs.get(callee, 0) + int(line.split()[1])
                times = 0
    return calls, costs


def report(path, *words):
    """perf's table of these columns, each row (share, rest)."""
    out = subprocess.run(["perf", "report", "-i", path, "-g", "none", "--stdio", "-t", "\t", *words], check=True,
                         text=True, capture_output=True).stdout
    rows = [[cell.strip() for cell in line.split("\t")] for line in out.splitlines() if line.strip() and line[0] != "#"]
    return [(float(share.rstrip("%")) / 100, *rest) for share, *rest in rows]


def family(name):
    """What of bootseald itself a function belongs to."""
    return next((part for part, pattern in FAMILIES if re.match(pattern, name)), "rest")


def sample(bench, folder, count):
    """Shares of the time: of FAMILIES, SQLite, the kernel for it, the rest of the kernel. None without perf."""
    if not shutil.which("perf"):
        return None
    path = folder / "perf.data"
    with subprocess.Popen(["perf", "record", "-q", "-o", path, "-F", "2000", "-g", "-p", str(bench.server.pid)],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as perf:
        bench.enroll(count)
        perf.send_signal(signal.SIGINT)
    if not path.exists() or perf.returncode not in (0, -signal.SIGINT):
        return None
    calls = {symbol.split()[-1]: share for share, symbol in report(path, "--children", "-F", "overhead_children,symbol")}
    disk = sum(calls.get(f"__x64_sys_{name}", 0) for name in ("fdatasync", "pwrite64", "pread64", "fcntl"))
    parts = {part: 0 for part, _ in FAMILIES}
    parts.update({"store: SQLite": 0, "store: the kernel for it": disk, "rest": 0, "rest of the kernel": -disk})
    for share, module, symbol in report(path, "--no-children", "-F", "overhead,dso,symbol"):
        if module.startswith("[kernel"):
            parts["rest of the kernel"] += share
        elif module.startswith("libsqlite3"):
            parts["store: SQLite"] += share
        else:
            parts[family(symbol.split()[-1]) if module == "bootseald" else "rest"] += share
    return parts if parts["rest of the kernel"] > 0 else None


def trace(folder, options):
    """How often each operation ran, and the instructions of an enrollment; None without valgrind."""
    if options.no_trace or not shutil.which("valgrind"):
        return None
    bench = Bench(folder, options)
    out = folder / "callgrind.out"
    bench.server.prefix = (*pin([bench.core]), "valgrind", "--tool=callgrind", "-q", f"--callgrind-out-file={out}")
    bench.start()
    bench.enroll(TRACED)
    bench.server.stop()
    calls, costs = traced_costs(out)
    counts = {what: calls.get(function, 0) / TRACED for what, (_, function, _) in OPERATIONS.items()}
    return {"counts": counts, "instructions": costs["event_base_loop"] / TRACED}


def measure(options):
    """Everything, as it is written to the file."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        bench = Bench(folder, options)
        bench.start()
        try:
            bench.enroll(options.count // 4 or 1)  # warm: pages, caches, the database's first growth
            rounds = []
            for _ in range(options.rounds):
                prims = primitives(bench.core)
                rounds.append({"primitives_us": prims, "public_key_us": public_key_us(prims),
                               **bench.enroll(options.count)})
            sampled = sample(bench, folder, options.count)
            idle = bench.idle_kib()
        finally:
            bench.server.stop()
        (folder / "trace").mkdir()
        traced = trace(folder / "trace", options)
    for row in rounds:
        row["per_core"] = 1e6 / row["cpu_us"]
        row["allowed"] = 1e6 / row["public_key_us"]
        row["ratio"] = row["per_core"] / row["allowed"]
    keys = ("per_core", "allowed", "ratio", "per_second", "p50_ms", "p99_ms", "cpu_us", "kernel_us", "public_key_us")
    result = {"rounds": rounds, "idle_connections": IDLE, "idle_kib": idle, "trace": traced, "sample": sampled,
              "primitives_us": {key: median([row["primitives_us"][key] for row in rounds])
                                for key in rounds[0]["primitives_us"]}}
    result.update({key: median([row[key] for row in rounds]) for key in keys})
    result["split_us"], result["split_by"] = split(result)
    return result


def split(result):
    """CPU of one enrollment by part, and how that is known."""
    total = result["cpu_us"]["median"]
    if result["sample"]:
        return {part: share * total for part, share in result["sample"].items()}, "perf's samples"
    kernel = result["kernel_us"]["median"]
    cost = {name: value["median"] for name, value in result["primitives_us"].items()}
    tls = cost["x25519mlkem768"] + cost["p256_sign"]
    signatures = result["public_key_us"]["median"] - tls
    return ({"public-key operations of TLS": tls, "the others": signatures, "rest": total - kernel - tls - signatures,
             "kernel": kernel}, "measured primitives times their number")


def table(result):
    """For a person."""
    def row(what, key, unit, digits=0):
        value = result[key]
        return (f"{what:46} {value['median']:9.{digits}f} {unit:4}"
                f"  ({value['least']:.{digits}f} to {value['most']:.{digits}f})")

    idle = result["idle_kib"] / 1024
    lines = [row("enrollments of one core's time", "per_core", "/s"),
             row("public-key operations alone would allow", "allowed", "/s"),
             row("ratio", "ratio", "", 2) + f"  aim {AIM_RATIO}",
             row("enrollments by the clock", "per_second", "/s"),
             row("connect to confirmed, p50", "p50_ms", "ms", 1), row("connect to confirmed, p99", "p99_ms", "ms", 1),
             row("CPU of one enrollment", "cpu_us", "us"), f"  by {result['split_by']}:"]
    lines += [f"  {part:44} {us:9.0f} us" for part, us in result["split_us"].items()]
    lines += [f"{f'memory of {IDLE} idle connections':46} {idle:9.1f} MB    aim {AIM_IDLE_MB}", "wolfCrypt here:"]
    lines += [f"  {name:44} {value['median']:9.1f} us    ({value['least']:.1f} to {value['most']:.1f})"
              for name, value in result["primitives_us"].items()]
    lines.append("public-key operations of one enrollment:")
    for what, (primitive, _, times) in OPERATIONS.items():
        seen = f", seen {result['trace']['counts'][what]:.1f}" if result["trace"] else ""
        lines.append(f"  {times} {primitive}: {what}{seen}")
    return "\n".join(lines)


def main():
    """Never judges times: it says them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=1000, help="devices in a round")
    parser.add_argument("--parallel", type=int, default=64, help="of them at a time")
    parser.add_argument("--no-trace", action="store_true", help="without callgrind")
    options = parser.parse_args()
    result = measure(options)
    out = lab.REPOSITORY / "build/bench/server.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=2) + "\n")
    print(table(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
