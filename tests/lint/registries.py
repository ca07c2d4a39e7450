#!/usr/bin/env python3
"""No tracked file names a package registry's host: where packages come from is the machine's configuration."""
import re
import subprocess
import sys

# In two halves, so that this file passes too.
DOMAINS = [("debian", "org"), ("debian", "net"), ("ubuntu", "com"), ("launchpad", "net"), ("pypi", "org"), ("pythonhosted", "org"),
           ("npmjs", "org"), ("npmjs", "com"), ("nodesource", "com"), ("crates", "io"), ("rubygems", "org"), ("golang", "org"),
           ("docker", "io"), ("docker", "com"), ("quay", "io"), ("ghcr", "io"), ("gcr", "io"), ("maven", "org"),
           ("fedoraproject", "org"), ("alpinelinux", "org"), ("archlinux", "org"), ("opensuse", "org"), ("conda", "io")]
NAME = re.compile(rb"\b(?:" + b"|".join(re.escape(".".join(d).encode()) for d in DOMAINS) + rb")\b", re.I)


def main():
    files = subprocess.run(["git", "ls-files", "-z"], check=True, capture_output=True).stdout.split(b"\0")
    bad = 0
    for path in filter(None, files):
        try:
            with open(path, "rb") as f:
                data = f.read()
        except (FileNotFoundError, IsADirectoryError):
            continue
        for found in NAME.finditer(data):
            line = data.count(b"\n", 0, found.start()) + 1
            print(f"{path.decode()}:{line}: names {found.group().decode()}", file=sys.stderr)
            bad += 1
    return 1 if bad else 0


sys.exit(main())
