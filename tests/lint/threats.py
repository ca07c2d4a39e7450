#!/usr/bin/env python3
"""docs/threat-model.md names tests and files that exist, and has every line of the list once.

usage: threats.py [--root DIR]

A word in backquotes of three or more parts joined by underscores is a test: a function of tests/ that is also run, or an attack of
tests/attack/. One with a
slash and the ending of a source is a file. Numbered rows go from 1 to at least 45 without a gap, and one that says "yes" names a test.
"""
import argparse
import os
import re
import sys

PAGE = "docs/threat-model.md"
LINES = 45
TEST = re.compile(r"`([a-z][a-z0-9]*(?:_[a-z0-9]+){2,})`")
FILE = re.compile(r"`([a-z0-9_@./-]+/[a-z0-9_.-]+\.(?:c|h|py|conf|service)|initramfs/[a-z/]+)`")
ROW = re.compile(r"^\| (\d+) \| .* \| (\w+) \| .* \| (.*)\|$", re.M)
STATES = ("yes", "partly", "planned", "out")


def tests_of(path):
    """Names of the tests of a source: in C those that stand in a table as well, in Python those that pytest takes."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    if path.endswith(".py"):
        return set(re.findall(r"^def (test_\w+)\(", text, re.M))
    if os.path.basename(os.path.dirname(path)) == "attack":
        return set(re.findall(r"^    (?:ATTACK|MALFORMED|NUMBERED|NOT_APPROVED)\((\w+)[,)]", text, re.M))
    names = re.findall(r"^static void (\w+)\(void \*\*state\)", text, re.M)
    return {name for name in names if len(re.findall(rf"\b{name}\b", text)) > 1}


def all_tests(root):
    """Of the whole tree."""
    found = set()
    for folder, _, files in os.walk(os.path.join(root, "tests")):
        for name in files:
            if re.fullmatch(r"test_\w+\.(c|py)", name) or (os.path.basename(folder) == "attack" and name.endswith(".c")):
                found |= tests_of(os.path.join(folder, name))
    return found


def complaints(root):
    """What is wrong with the page."""
    with open(os.path.join(root, PAGE), encoding="utf-8") as f:
        text = f.read()
    tests = all_tests(root)
    for name in sorted(set(TEST.findall(text)) - tests):
        yield f"{name} is no test that is run"
    for name in sorted(set(FILE.findall(text))):
        if not os.path.exists(os.path.join(root, name)):
            yield f"there is no {name}"
    rows = ROW.findall(text)
    numbers = [int(number) for number, _, _ in rows]
    if numbers != list(range(1, max(LINES, len(rows)) + 1)):
        yield f"the lines are not 1 to {LINES}, each once: {numbers}"
    for number, state, proof in rows:
        if state not in STATES:
            yield f"line {number}: {state} is none of {', '.join(STATES)}"
        if state == "yes" and not TEST.search(proof):
            yield f"line {number} is called handled and names no test"


def main():
    """1 when there is something to say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
    found = list(complaints(parser.parse_args().root))
    for complaint in found:
        print(f"{PAGE}: {complaint}", file=sys.stderr)
    return 1 if found else 0


sys.exit(main())
