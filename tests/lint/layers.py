#!/usr/bin/env python3
"""Layers, owners of foreign libraries, and headers that compile alone.

usage: layers.py [--root DIR] [--no-compile]

The diagram is docs/design.md's. A folder may include what lies below it, and a foreign library only where it is
owned, so that its codes and its memory are dealt with in one place.
"""
import argparse
import fnmatch
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

BASE = ("err", "log", "buf", "own", "secret", "file", "clock", "text", "json")

# (files, what of ours they may include). The first match counts; a header of a file's own folder is always
# allowed, except in core/, whose two layers share one.
LAYERS = [
    ("include/bootseal/*", ["bootseal/*"]),
    *[(f"core/{name}.[ch]", ["bootseal/*", *[f"core/{b}.h" for b in BASE]]) for name in BASE],
    ("core/*", ["bootseal/*", "core/*"]),
    ("agent/vault/*", ["bootseal/*", "core/*", "agent/tpm/*"]),
    ("agent/tpm/*", ["bootseal/*", "core/*"]),
    ("agent/net/*", ["bootseal/*", "core/*"]),
    ("agent/device/*", ["bootseal/*", "core/*"]),
    ("agent/handover/*", ["bootseal/*", "core/*"]),
    ("agent/*", ["bootseal/*", "core/*", "agent/*"]),
    ("server/*", ["bootseal/*", "core/*", "server/*"]),
    ("tests/*", ["*"]),
]

# What listens in the server: socket and loop, connection, framing, TLS, and the operator's socket.
LISTENER = ["server/listen/*", "server/admin/*"]

# (foreign headers, who may include them). Tests may include anything: they look behind the owners' backs.
OWNERS = [
    ("tss2/tss2_esys.h", ["agent/tpm/*"]),
    ("tss2/tss2_sys.h", ["agent/tpm/*"]),
    ("tss2/tss2_tcti*", ["agent/tpm/*"]),
    ("tss2/tss2_rc.h", ["agent/tpm/*"]),
    ("tss2/tss2_mu.h", ["core/*"]),
    ("tss2/*", ["core/*", "agent/tpm/*"]),
    # The codes of wolfCrypt come out of TLS, too.
    ("wolfssl/wolfcrypt/error-crypt.h", ["core/*", "agent/net/*", *LISTENER]),
    ("wolfssl/wolfcrypt/*", ["core/*"]),
    ("wolfssl/options.h", ["core/*", "agent/net/*", *LISTENER]),
    ("wolfssl/*", ["agent/net/*", *LISTENER]),
    ("libudev.h", ["agent/device/*"]),
    ("systemd/*", []),
    ("libconfig.h", ["core/*"]),
    ("cbor*.h", ["core/*"]),
    ("tinycbor/*", ["core/*"]),
    ("event2/*", LISTENER),
    ("event.h", []),
    ("llhttp.h", LISTENER),
    ("sqlite3.h", ["server/store/store_sqlite*"]),
    ("nettle/*", ["server/ctl/sm3.c"]),
    ("libpq*", ["server/store/store_postgres*"]),
    ("openssl/*", []),
    ("curl/*", []),
]

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+([<"])([^>"]+)[>"]', re.M)
PACKAGES = ["wolfssl", "tinycbor", "libconfig", "tss2-esys", "tss2-mu", "libudev", "libllhttp", "libevent_core", "sqlite3", "nettle", "cmocka"]


def matches(name, patterns):
    return any(fnmatch.fnmatchcase(name, p) for p in patterns)


def first(table, name):
    return next((allowed for pattern, allowed in table if fnmatch.fnmatchcase(name, pattern)), None)


def sources(root):
    for top in ("include", "core", "agent", "server", "tests"):
        for folder, _, names in os.walk(os.path.join(root, top)):
            for name in names:
                if name.endswith((".c", ".h")):
                    yield os.path.relpath(os.path.join(folder, name), root)


def our_name(root, path, quoted):
    """The include's name seen from the top, if it is one of our files."""
    if quoted.split("/")[0] in ("bootseal", "core", "agent", "server", "tests"):
        return quoted
    beside = os.path.normpath(os.path.join(os.path.dirname(path), quoted))
    return beside if os.path.exists(os.path.join(root, beside)) else None


def check_includes(root, path, text, complain):
    for _, name in INCLUDE.findall(text):
        line = text[:text.find(name)].count("\n") + 1
        ours = our_name(root, path, name)
        if ours is not None:
            allowed = first(LAYERS, path)
            same_folder = os.path.dirname(ours) == os.path.dirname(path) and not path.startswith("core/")
            if allowed is None or not (same_folder or matches(ours, allowed)):
                complain(f"{path}:{line}: may not include {ours}: it is not below this layer")
            continue
        owners = first(OWNERS, name)
        if owners is not None and not path.startswith("tests/") and not matches(path, owners):
            complain(f"{path}:{line}: <{name}> belongs to {', '.join(owners) or 'nobody here'}")


def check_header_form(path, text, complain):
    lines = text.splitlines()
    if "#pragma once" not in lines[:20]:
        complain(f"{path}:1: no #pragma once near the top")
    if path.startswith("tests/"):
        return
    if not lines or not lines[0].startswith(("/*", "//")):
        complain(f"{path}:1: the first line says what the module is for")


def compile_flags(root):
    flags = ["-std=gnu11", "-D_GNU_SOURCE", "-DWOLFSSL_USE_OPTIONS_H", "-Wall", "-Wextra", "-Werror",
             "-I", root, "-I", os.path.join(root, "include"), "-I", os.path.join(root, "tests")]
    env = dict(os.environ)
    prefix = os.path.join(root, "build/deps/host/lib/pkgconfig")
    if os.path.isdir(prefix):
        env["PKG_CONFIG_PATH"] = prefix + ":" + env.get("PKG_CONFIG_PATH", "")
    for package in PACKAGES:
        found = subprocess.run(["pkg-config", "--cflags", package], env=env, capture_output=True, text=True)
        flags += found.stdout.replace("-I", "-isystem ").split() if found.returncode == 0 else []
    return flags


def check_compiles_alone(root, headers, complain):
    flags = compile_flags(root)
    with tempfile.TemporaryDirectory() as tmp:
        def compile_one(header):
            source = os.path.join(tmp, header.replace("/", "_") + ".c")
            with open(source, "w") as f:
                # Twice: #pragma once has to work, too.
                f.write(f'#include "{header}"\n#include "{header}"\nextern int unused;\n')
            run = subprocess.run([os.environ.get("CC", "cc"), *flags, "-fsyntax-only", source], capture_output=True, text=True)
            return header, run

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for header, run in pool.map(compile_one, headers):
                if run.returncode != 0:
                    complain(f"{header}:1: does not compile alone:\n{run.stderr.strip()}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
    parser.add_argument("--no-compile", action="store_true")
    args = parser.parse_args()
    root = os.path.abspath(args.root)

    complaints = []
    headers = []
    for path in sorted(sources(root)):
        with open(os.path.join(root, path), encoding="utf-8") as f:
            text = f.read()
        check_includes(root, path, text, complaints.append)
        if path.endswith(".h"):
            check_header_form(path, text, complaints.append)
            headers.append(path)
    if not args.no_compile:
        check_compiles_alone(root, headers, complaints.append)
    print("\n".join(complaints), file=sys.stderr)
    return 1 if complaints else 0


sys.exit(main())
