#!/usr/bin/env python3
"""The released agent is what it is said to be: one static, position independent, hardened, small program.

usage: static_binary.py PROGRAM [MAX_BYTES]        (PROGRAM.debug is the same program before it was stripped)
"""
import os
import re
import subprocess
import sys

MAX_BYTES = 700_000


def readelf(option, path):
    return subprocess.run(["readelf", "-W", option, path], check=True, capture_output=True, text=True).stdout


def symbols(path):
    out = subprocess.run(["nm", path], check=True, capture_output=True, text=True).stdout
    return {line.split()[-1] for line in out.splitlines() if line.strip()}


def findings(program, limit):
    headers = readelf("-l", program)
    dynamic = readelf("-d", program)
    flags = re.findall(r"\((FLAGS(?:_1)?)\)\s+(?:Flags: )?(.*)", dynamic)
    words = {name: value.split() for name, value in flags}
    stack = re.search(r"GNU_STACK.*", headers)
    names = symbols(program + ".debug")

    if "Elf file type is DYN" not in headers:
        yield "not position independent"
    if "INTERP" in headers:
        yield "asks for a dynamic linker (PT_INTERP)"
    if "(NEEDED)" in dynamic:
        yield "needs shared libraries"
    if "PIE" not in words.get("FLAGS_1", []):
        yield "not marked as PIE"
    if "GNU_RELRO" not in headers:
        yield "no RELRO"
    if "NOW" not in words.get("FLAGS_1", []) and "BIND_NOW" not in words.get("FLAGS", []):
        yield "not bound at start (NOW)"
    if not stack or "E" in stack.group().split()[-2]:
        yield "executable stack"
    if re.search(r"LOAD.* RWE ", headers):
        yield "a segment that is writable and executable"
    if "TEXTREL" in dynamic:
        yield "text relocations"
    if "__stack_chk_fail" not in names:
        yield "no stack protector"
    if {"dlopen", "dlsym"} & names:
        yield "can load code (dlopen)"
    if ".symtab" in readelf("-S", program):
        yield "not stripped"
    size = os.path.getsize(program)
    if size > limit:
        yield f"{size} bytes, {limit} at most"


def main():
    program = sys.argv[1]
    limit = int(sys.argv[2]) if len(sys.argv) > 2 else MAX_BYTES
    if not os.path.exists(program):
        print(f"{program} is not there; ./dev build makes it", file=sys.stderr)
        return 1 if os.environ.get("BOOTSEAL_TEST_STRICT") == "1" else 77
    bad = list(findings(program, limit))
    for finding in bad:
        print(f"{program}: {finding}", file=sys.stderr)
    print(f"{program}: {os.path.getsize(program)} bytes")
    return 1 if bad else 0


sys.exit(main())
