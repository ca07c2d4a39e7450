#!/usr/bin/python3
"""What verifying one request costs the server, and what a replay of an event log costs beside tpm2_eventlog.

  verify   bench_verify: the server's own code in one process, all of it and all but its public-key operations
  replay   bootsealctl eventlog replay and tpm2_eventlog, the whole process, on the same files

docs/benchmarks.md says how to read it.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("BOOTSEAL_BUILD", REPOSITORY / "build/release"))
SIZES = (1, 40, 50, 200)  # KiB of event log
AIM_KIB, AIM_SHARE = 40, 0.25


def verify(rounds):
    """{KiB: figures}, each the median of the rounds."""
    rows = {size: [] for size in SIZES}
    for number in range(rounds):
        said = subprocess.run([BUILD / "bench_verify", *(str(size * 1024) for size in SIZES)], check=True, capture_output=True, text=True)
        for size, line in zip(SIZES, said.stdout.splitlines(), strict=True):
            rows[size].append([float(word) for word in line.split()])
        print(f"\rverify: round {number + 1} of {rounds}", end="", file=sys.stderr)
    print(file=sys.stderr)
    result = {}
    for size, lines in rows.items():
        log, events, all_us, else_us, allocations, allocated = (statistics.median(column) for column in zip(*lines))
        shares = [line[3] / line[2] for line in lines]
        result[size] = {"log_bytes": log, "events": events, "us": all_us, "public_key_us": all_us - else_us, "else_us": else_us,
                        "else_share": statistics.median(shares), "else_share_least": min(shares), "else_share_most": max(shares),
                        "allocations": allocations, "allocated_bytes": allocated}
    return result


def processor_us(command):
    """User and kernel time of a process that must end well."""
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} ended with {child.returncode}")
    return (usage.ru_utime + usage.ru_stime) * 1e6


def replay_files(folder):
    """{name: path}: the logs of tests/vectors, and made ones."""
    files = {path.stem: path for path in sorted((REPOSITORY / "tests/vectors/eventlogs").glob("*.bin"))}
    for size in SIZES[1:]:
        path = folder / f"made-{size}-KiB"
        with path.open("wb") as file:
            subprocess.run([BUILD / "bench_verify", "--log", str(size * 1024)], check=True, stdout=file)
        files[path.name] = path
    return files


def replay(rounds, folder):
    """{name: figures}"""
    result = {}
    for name, path in replay_files(folder).items():
        commands = {"bootsealctl": [BUILD / "bootsealctl", "eventlog", "replay", path], "tpm2_eventlog": ["tpm2_eventlog", path]}
        runs = {who: [] for who in commands}
        for number in range(rounds):
            for who in sorted(commands, reverse=number % 2 == 1):
                runs[who].append(processor_us(commands[who]))
        cost = {who: statistics.median(values) for who, values in runs.items()}
        result[name] = {"log_bytes": path.stat().st_size, **{f"{who}_us": value for who, value in cost.items()},
                        "ratio": cost["tpm2_eventlog"] / cost["bootsealctl"]}
        print(f"\rreplay: {name:40}", end="", file=sys.stderr)
    print(file=sys.stderr)
    return result


def table(result):
    """For a person."""
    lines = [f"{'log':>8} {'events':>7} {'all us':>9} {'public key':>11} {'else':>8} {'share':>7} {'allocations':>12} {'bytes':>9}"]
    for size, row in result["verify"].items():
        lines.append(f"{size:>4} KiB {row['events']:7.0f} {row['us']:9.1f} {row['public_key_us']:11.1f} {row['else_us']:8.1f} "
                     f"{row['else_share']:7.1%} {row['allocations']:12.0f} {row['allocated_bytes']:9,.0f}")
    share = result["verify"][AIM_KIB]["else_share"]
    lines += [f"aim: all but public-key operations at most {AIM_SHARE:.0%} with {AIM_KIB} KiB: "
              f"{'reached' if share <= AIM_SHARE else 'not reached'}", "",
              f"{'replay of':36} {'bytes':>8} {'bootsealctl us':>15} {'tpm2_eventlog us':>17} {'ratio':>7}"]
    for name, row in result["replay"].items():
        lines.append(f"{name:36} {row['log_bytes']:8,} {row['bootsealctl_us']:15,.0f} {row['tpm2_eventlog_us']:17,.0f} {row['ratio']:7.1f}")
    return "\n".join(lines)


def main():
    """Never judges: it says what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="of verifying; three times as many of replays")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-", dir="/dev/shm") as name:
        result = {"rounds": options.rounds, "verify": verify(options.rounds), "replay": replay(3 * options.rounds, Path(name))}
    out = REPOSITORY / "build/bench"
    out.mkdir(parents=True, exist_ok=True)
    (out / "verify.json").write_text(json.dumps(result, indent=2) + "\n")
    print(table(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
