#!/usr/bin/env python3
"""Holds the golden vectors against docs/bootseal.cddl.

A checker for as much of CDDL (RFC 8610) as that file uses: maps with literal and typed keys, groups and group choices,
optional members, occurrences, arrays, ranges, literals, tags, .size, .regexp, .cbor. Anything else in the file is an error.
Every vector must be its rule; every vector with a member removed, added or made another type must fit exactly when
the rule says so, which also shows that the checker looks at what it claims to look at.
"""
import json
import pathlib
import re
import sys

from strict_cbor import Refused, Tag, decode, encode

HERE = pathlib.Path(__file__).resolve().parent
CDDL = HERE.parents[1] / "docs" / "bootseal.cddl"

TOKEN = re.compile(r'''\s*(?:;[^\n]*\n\s*)*(?:(?P<hex>h'[0-9a-f]*')|(?P<text>"[^"]*")|(?P<tag>\#6\.\d+)|(?P<range>\d+\.\.\d+)|
    (?P<times>\d+\*\d+)|(?P<int>-?\d+)|(?P<control>\.(?:size|regexp|cbor))|(?P<name>[a-z][a-z0-9-]*)|
    (?P<sign>=>|//|[={}()\[\],:?]))''', re.X)


class Parser:
    """Rules as nested tuples: ("kind", ...)."""

    def __init__(self, source):
        self.tokens, at, source = [], 0, source.rstrip() + "\n"
        while source[at:].strip() and not re.fullmatch(r"(\s*;[^\n]*\n)*\s*", source[at:]):
            m = TOKEN.match(source, at)
            if not m:
                sys.exit(f"{CDDL}: not understood: {source[at:at + 40]!r}")
            self.tokens.append((m.lastgroup, m.group(m.lastgroup)))
            at = m.end()
        self.at, self.rules = 0, {}
        while self.at < len(self.tokens):
            name = self.need("name")
            self.need("sign", "=")
            self.rules[name] = self.group(")") if self.accept("(") else self.type()

    def peek(self, ahead=0):
        return self.tokens[self.at + ahead] if self.at + ahead < len(self.tokens) else (None, None)

    def accept(self, sign):
        if self.peek() == ("sign", sign):
            self.at += 1
            return True
        return False

    def need(self, kind, value=None):
        found = self.peek()
        if found[0] != kind or (value and found[1] != value):
            sys.exit(f"{CDDL}: {value or kind} expected, found {found[1]!r} (token {self.at})")
        self.at += 1
        return found[1]

    def type(self):
        kind, value = self.peek()
        self.at += 1
        if kind == "range":
            return ("range", *map(int, value.split("..")))
        if kind == "int":
            return ("literal", int(value))
        if kind == "text":
            return ("literal", value[1:-1])
        if kind == "hex":
            return ("literal", bytes.fromhex(value[2:-1]))
        if kind == "tag":
            self.need("sign", "(")
            inner = self.type()
            self.need("sign", ")")
            return ("tag", int(value[3:]), inner)
        if (kind, value) == ("sign", "{"):
            return ("map", self.group("}"))
        if (kind, value) == ("sign", "["):
            return ("array", self.group("]"))
        if kind != "name":
            sys.exit(f"{CDDL}: a type expected, found {value!r}")
        return self.control(value) if self.peek()[0] == "control" else ("name", value)

    def control(self, base):
        operator = self.need("control")
        if operator == ".size":
            if self.accept("("):
                low, high = map(int, self.need("range").split(".."))
                self.need("sign", ")")
            else:
                low = high = int(self.need("int"))
            return ("size", base, low, high)
        if operator == ".regexp":
            return ("regexp", base, self.need("text")[1:-1])
        return ("cbor", base, self.type())

    def group(self, end):
        """("group", choices): each choice a list of entries (low, high, key, type); a key of None is a bare type or group."""
        choices = [[]]
        while not self.accept(end):
            if self.accept("//"):
                choices.append([])
                continue
            low, high = 1, 1
            if self.accept("?"):
                low = 0
            elif self.peek()[0] == "times":
                low, high = map(int, self.need("times").split("*"))
            if self.peek()[0] == "name" and self.peek(1) == ("sign", ":"):
                self.at += 2  # a name in an array says nothing
            key, value = None, self.type()
            if self.accept("=>"):
                key, value = value, self.type()
            choices[-1].append((low, high, key, value))
            self.accept(",")
        return ("group", choices)


class Checker:
    def __init__(self):
        self.rules = Parser(CDDL.read_text()).rules
        self.used = set()

    def fits(self, value, rule):
        kind = rule[0]
        if kind == "name":
            return self.named(value, rule[1])
        if kind == "literal":
            return type(value) is type(rule[1]) and value == rule[1]
        if kind == "range":
            return type(value) is int and rule[1] <= value <= rule[2]
        if kind == "size":
            size = len(value.encode() if isinstance(value, str) else value) if isinstance(value, (str, bytes)) else -1
            return self.named(value, rule[1]) and rule[2] <= size <= rule[3]
        if kind == "regexp":
            return self.named(value, rule[1]) and re.fullmatch(rule[2], value) is not None
        if kind == "cbor":
            try:
                return self.named(value, rule[1]) and self.fits(decode(value), rule[2])
            except Refused:
                return False
        if kind == "tag":
            return isinstance(value, Tag) and value.number == rule[1] and self.fits(value.value, rule[2])
        if kind == "map":
            return isinstance(value, dict) and any(not left for left in self.take(dict(value), rule[1]))
        if kind == "array":
            return isinstance(value, list) and self.elements(value, rule[1][1])
        raise AssertionError(kind)

    def named(self, value, name):
        if name == "bstr":
            return isinstance(value, bytes)
        if name == "text":
            return isinstance(value, str) and all(c == "\n" or (c >= " " and not "\x7f" <= c <= "\x9f") for c in value)
        self.used.add(name)
        return self.fits(value, self.rules[name])

    def take(self, pairs, group):
        """What every way of matching the group leaves of the map."""
        for choice in group[1]:
            yield from self.entries(pairs, choice)

    def entries(self, pairs, entries):
        if not entries:
            yield pairs
            return
        low, high, key, rule = entries[0]
        if key is None:  # a group by its name
            self.used.add(rule[1])
            rests = self.take(pairs, self.rules[rule[1]])
        else:
            taken = [k for k, v in pairs.items() if self.fits(k, key) and self.fits(v, rule)]
            rests = [{k: v for k, v in pairs.items() if k not in taken}] if low <= len(taken) <= high else []
        for rest in rests:
            yield from self.entries(rest, entries[1:])

    def elements(self, value, choices):
        if len(choices) != 1:
            raise AssertionError("choices in an array")
        if len(choices[0]) == 1 and choices[0][0][1] > 1:
            low, high, _, rule = choices[0][0]
            return low <= len(value) <= high and all(self.fits(v, rule) for v in value)
        return len(value) == len(choices[0]) and all(self.fits(v, e[3]) for v, e in zip(value, choices[0]))


# Members at the top that may be missing; every other one must make a difference.
OPTIONAL = {
    "statement": {7, 13, 17, 18, 20, 21, 22, 23, 24}, "bundle": {6, 9, 10, 11, 12, 13}, "answer": {9, 10}, "attest": {4, 5}, "prove": set(),
    "confirm": {4}, "approvals": set(), "wipe": set(),
}


# Members of answers, each good in itself: which may stand in an answer is a matter of its kind.
MEMBERS = {3: b"x", 4: b"x", 5: b"x", 6: 1, 7: "a", 8: "a", 9: bytes(32), 10: [{3: "a"}], 11: b"x"}


def mutations(rule, value):
    """Changes of one vector, with whether it must still fit."""
    if not isinstance(value, dict):
        yield "another tag", Tag(value.number + 1, value.value), False
        for i in range(len(value.value)):
            yield f"without element {i}", Tag(value.number, value.value[:i] + value.value[i + 1:]), False
        return
    for key in value:
        rest = {k: v for k, v in value.items() if k != key}
        yield f"without {key}", rest, key in OPTIONAL[rule]
        for other in (-1, [], {}, Tag(1, 1), True, b"", ""):
            # facts may be an empty map
            yield f"{key} = {other!r}", {**rest, key: other}, rule == "statement" and key == 14 and other == {}
    if rule == "answer":
        for key in MEMBERS.keys() - value.keys():
            yield f"with {key}", {**value, key: MEMBERS[key]}, key in (9, 10) and value[1] in (3, 4, 7)
    for key in (0, 10 if rule == "bundle" else 12 if rule == "answer" else 25, 22, 99):
        yield f"with {key}", {**value, key: b"x"}, False


def main():
    checker, failures, count = Checker(), [], 0
    for path in sorted((HERE / "messages").glob("*.cbor")):
        name, raw = path.stem, path.read_bytes()
        rule = json.loads(path.with_suffix(".json").read_text())["rule"]
        value = decode(raw)
        if encode(value) != raw:
            failures.append(f"{name}: not deterministic")
        if bytes.fromhex(path.with_suffix(".hex").read_text().replace("\n", "")) != raw:
            failures.append(f"{name}: .hex and .cbor differ")
        if not checker.named(value, rule):
            failures.append(f"{name}: is no {rule}")
        if rule == "attest" and not checker.named(decode(value[1]), "statement"):
            failures.append(f"{name}: holds no statement")
        for what, changed, must_fit in mutations(rule, value):
            count += 1
            if checker.named(changed, rule) != must_fit:
                failures.append(f"{name} {what}: {'should' if must_fit else 'should not'} be a {rule}")
    unused = set(checker.rules) - checker.used
    if unused:
        failures.append(f"no vector reaches {', '.join(sorted(unused))}")
    for failure in failures:
        print(f"check_cddl: {failure}", file=sys.stderr)
    print(f"check_cddl: {count} changed messages tried, {len(failures)} failures")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
