#!/usr/bin/env python3
"""Reads core/, agent/ and server/ as the compiler does, and finds what it does not: each source in turn, several at a time.

usage: analyze.py [-j JOBS] TOOL BUILD [SOURCE...]

tidy  clang-tidy with the checks of .clang-tidy
gcc   the compiler's own -fanalyzer, on the level of optimization of the build folder
deep  clang's path-sensitive analyzer with the checks of tests/lint/deep.clang-tidy
BUILD is a configured build folder: its compile_commands.json says how each source is compiled.
A tool that is missing is a failure in CI (BOOTSEAL_TEST_STRICT=1) and a skip by hand.
"""
import argparse
import concurrent.futures
import json
import os
import shlex
import shutil
import subprocess
import sys

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
FOLDERS = ("core", "agent", "server")
# The presets' -Wno-error=maybe-uninitialized is gcc's.
TIDY = ["clang-tidy", "--quiet", "--warnings-as-errors=*", "--extra-arg=-Wno-unknown-warning-option"]
GCC = ["-fanalyzer", "-Werror", "-fdiagnostics-plain-output", "-S", "-o", os.devnull]


def commands(build, wanted):
    """How each source is compiled; one that a test compiles again is the same source."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as f:
        entries = json.load(f)
    found = {}
    for entry in entries:
        source = os.path.relpath(os.path.join(entry["directory"], entry["file"]), TOP)
        if source.split(os.sep)[0] in FOLDERS and (not wanted or source in wanted):
            found.setdefault(source, entry)
    return found


def tidy(build, entry):
    return TIDY + ["-p", build, entry["file"]]


def deep(build, entry):
    return tidy(build, entry) + ["--config-file=" + os.path.join(TOP, "tests/lint/deep.clang-tidy")]


def gcc(_, entry):
    words = shlex.split(entry["command"])
    at = words.index("-o")
    return words[:at] + GCC + words[at + 2:]


TOOLS = {"tidy": tidy, "gcc": gcc, "deep": deep}


def run(command, directory):
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)


def missing(name):
    print(f"{name} is missing", file=sys.stderr)
    return 1 if os.environ.get("BOOTSEAL_TEST_STRICT") == "1" else 77


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tool", choices=TOOLS)
    parser.add_argument("build")
    parser.add_argument("sources", nargs="*")
    parser.add_argument("-j", type=int, default=os.cpu_count())
    args = parser.parse_args()
    if args.tool != "gcc" and not shutil.which(TIDY[0]):
        return missing(TIDY[0])

    build = os.path.realpath(args.build)
    found = commands(build, args.sources)
    if not found:
        print(f"{build}: no source of {', '.join(FOLDERS)}", file=sys.stderr)
        return 1
    failures, seen = 0, set()
    with concurrent.futures.ThreadPoolExecutor(args.j) as pool:
        runs = [pool.submit(run, TOOLS[args.tool](build, entry), entry["directory"])
                for _, entry in sorted(found.items())]
        for done in concurrent.futures.as_completed(runs):
            result = done.result()
            failures += result.returncode != 0
            # A header's finding comes with each source that includes it.
            text = result.stdout if result.stdout.strip() else result.stderr
            if result.returncode != 0 and text not in seen:
                seen.add(text)
                print(text.strip().replace(TOP + "/", ""), file=sys.stderr)
    print(f"{args.tool}: {len(found)} sources, {failures} failures")
    return 1 if failures else 0


sys.exit(main())
