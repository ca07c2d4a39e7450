#!/usr/bin/env python3
"""Takes the server's checks away, one at a time, and says which attack of the suite noticed.

usage: mutate.py [--list] [--only=FILE[:LINE]]... [--build=DIR] [--jobs=N]

See README.md. Exit code 1 when a mutant survives, or when one that EQUIVALENT calls equivalent does not.
"""
import argparse
import glob
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass

TOP = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))

# Where checks are, and which families are asked first.
SOURCES = [
    ("server/verify_ek.c", ["certificates", "keys"]),
    ("server/verify_keys.c", ["keys"]),
    ("server/verify_quote.c", ["quote"]),
    ("server/verify_*.c", ["log"]),
    ("server/evidence.c", ["quote", "message"]),
    ("server/verdict.c", ["sequence", "devices", "keys", "quote", "certificates", "log"]),
    ("server/turn_who.c", ["sequence", "devices"]),
    ("server/enroll.c", ["sequence", "confirmations", "message"]),
]

# Families in the process of the suite, and those that want a bootseald.
NEAR = ["keys", "quote", "sequence", "devices", "confirmations", "message", "log", "userspace", "certificates",
        "policy"]
FAR = ["lines", "framing", "races"]

# (file, text of the operand, why nobody can notice). Empty is best: a check that nothing needs is to be deleted.
ZEROS = "what cannot be read leaves zeros in this build, and the check behind it refuses these for the same reason"
EQUIVALENT = [
    ("server/verify_ek.c", "err != BS_OK", ZEROS),
    ("server/verify_ek.c", "wire_public_decode(evidence->statement.ek_public, &evidence->ek) != BS_OK", ZEROS),
    ("server/verify_keys.c", "wire_public_decode(evidence->statement.ak_public, &evidence->ak) != BS_OK", ZEROS),
    ("server/verify_keys.c", "wire_signature_decode(certified->signature, &signature) == BS_OK", ZEROS),
    ("server/verify_keys.c", "wire_attest_decode(certify->certified->attest, &attest) != BS_OK", ZEROS),
    ("server/verify_keys.c", "wire_public_decode(evidence->statement.srk.public_area, &srk) != BS_OK", ZEROS),
    ("server/verify_keys.c",
     "wire_public_decode(evidence->statement.device_key.public_area, &evidence->device_key) != BS_OK", ZEROS),
    ("server/verify_keys.c", "wire_nv_public_decode(evidence->statement.counter_public, &counter) != BS_OK", ZEROS),
    ("server/verify_quote.c", "wire_signature_decode(evidence->request.signature, &signature) != BS_OK", ZEROS),
    ("server/verdict.c", "err == BS_ERR_NOT_FOUND", "profiles are never deleted: for who edits the database"),
]

# What stands in no condition: (file, text, what it becomes).
EXTRA = []

# A statement that says no.
REFUSAL = re.compile(r"\b(refuse\w*|TURN_SAY|say_\w+|enroll_answer_reason)\(|\bfault =\s*\"|"
                     r"\bverdict->kind = MESSAGE_(BUSY|PENDING)")
TIMEOUT = 120


@dataclass
class Mutant:
    """One check less."""

    path: str
    line: int
    start: int
    end: int
    text: str  # of the operand
    by: str  # what stands there instead

    @property
    def place(self):
        """As an editor takes it."""
        return f"{self.path}:{self.line}"


def blank(text):
    """The same text with comments and the insides of strings made blank: offsets stay."""
    def spaces(match):
        kept = match.group(0)
        if kept[0] == "/":
            return re.sub(r"[^\n]", " ", kept)
        return kept[0] + "_" * (len(kept) - 2) + kept[0]
    return re.sub(r"/\*.*?\*/|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])+'", spaces, text, flags=re.S)


def closing(code, at):
    """Offset of the bracket that closes the one at `at`."""
    depth = 0
    for i in range(at, len(code)):
        if code[i] in "([{":
            depth += 1
        elif code[i] in ")]}":
            depth -= 1
            if depth == 0:
                return i
    raise ValueError("a bracket is not closed")


def skip_space(code, at):
    """The next thing that is no space."""
    while code[at].isspace():
        at += 1
    return at


def statement_end(code, at):
    """Behind the statement that begins at `at`."""
    at = skip_space(code, at)
    if code[at] == "{":
        return closing(code, at) + 1
    control = re.compile(r"(if|for|while|switch)\s*\(").match(code, at)
    if not control:
        while code[at] != ";":
            at = closing(code, at) + 1 if code[at] in "([{" else at + 1
        return at + 1
    end = statement_end(code, closing(code, control.end() - 1) + 1)
    other = re.compile(r"\s*else\b").match(code, end)
    return statement_end(code, other.end()) if control.group(1) == "if" and other else end


def own(code, start, end):
    """A statement without those that further conditions inside it lead to."""
    text = code[start:end]
    inner = re.search(r"\bif\s*\(", text)
    return text[:inner.start()] if inner else text


def split(code, start, end, operator):
    """Spans of the operands of && or || at the top of an expression."""
    spans, at, first = [], start, start
    while at < end:
        if code[at] in "([{":
            at = closing(code, at)
        elif code.startswith(operator, at):
            spans.append((first, at))
            at += 1
            first = at + 1
        at += 1
    return spans + [(first, end)]


def strip(code, start, end):
    """Without space around it, and without brackets around all of it."""
    while True:
        while code[start].isspace():
            start += 1
        while code[end - 1].isspace():
            end -= 1
        if code[start] != "(" or closing(code, start) != end - 1:
            return start, end
        start, end = start + 1, end - 1


def leaves(code, start, end, wanted):
    """(start, end, value): the operands which, made `value`, make the expression more often `wanted`."""
    start, end = strip(code, start, end)
    if code[start] == "!" and code[start + 1] == "(" and closing(code, start + 1) == end - 1:
        return leaves(code, start + 1, end, not wanted)
    ors, ands = split(code, start, end, "||"), split(code, start, end, "&&")
    if len(ors) > 1:
        return [leaf for span in ors for leaf in leaves(code, *span, wanted)]
    if len(ands) == 1:
        return [(start, end, wanted)]
    if wanted:
        return [leaf for span in ands for leaf in leaves(code, *span, wanted)]
    # One false operand is enough: those that are made of several, or else all of it at once.
    groups = [leaf for span in ands for leaf in leaves(code, *span, False) if len(leaves(code, *span, False)) > 1]
    return groups or [(start, end, False)]


class Source:
    """A file and the checks in it."""

    def __init__(self, path):
        self.path = path
        with open(os.path.join(TOP, path), encoding="utf-8") as f:
            self.text = f.read()
        self.code = blank(self.text)
        self.mutants = []
        self.seen = []  # spans of the statements behind the checks that were found
        self.conditions()
        self.others()
        self.cases()
        self.ternaries()
        self.other_ternaries()
        self.faults()
        self.bare()
        self.predicates()
        self.extras()
        self.mutants.sort(key=lambda m: m.start)

    def add(self, start, end, by):
        """One mutant, once."""
        text = " ".join(self.text[start:end].split())
        if not any((m.start, m.end) == (start, end) for m in self.mutants):
            self.mutants.append(Mutant(self.path, self.text.count("\n", 0, start) + 1, start, end, text, by))

    def add_leaves(self, start, end, wanted):
        """All operands of an expression."""
        for begin, stop, value in leaves(self.code, start, end, wanted):
            # Evaluated all the same: it may read what comes after it.
            self.add(begin, stop, f"(({self.text[begin:stop]}) {'|| 1' if value else '&& 0'})")

    def function_of(self, at):
        """Text of the function around an offset."""
        begin = self.code.rfind("\n{", 0, at)
        return self.code[begin:self.code.find("\n}", at)]

    def conditions(self):
        """if (...) with a refusal behind it; if (...) continue; in a function that collects what is wrong."""
        for match in re.finditer(r"\bif\s*\(", self.code):
            start, end = match.end(), closing(self.code, match.end() - 1)
            then_end = statement_end(self.code, end + 1)
            # The statement alone, not its else.
            begin = skip_space(self.code, end + 1)
            if self.code[begin] == "{":
                then_end = closing(self.code, begin) + 1
            is_check = REFUSAL.search(own(self.text, begin, then_end))
            if is_check:
                self.seen.append((begin, then_end))
                self.add_leaves(start, end, False)
            elif re.match(r"continue;", self.code[begin:]) and "refusal_finding(" in self.function_of(begin):
                self.add_leaves(start, end, True)

    def others(self):
        """else with a refusal."""
        for match in re.finditer(r"\belse\b(?!\s*if\b)", self.code):
            begin = skip_space(self.code, match.end())
            end = statement_end(self.code, begin)
            if REFUSAL.search(own(self.text, begin, end)):
                self.seen.append((begin, end))
                self.add(begin, end, "{ }")

    def cases(self):
        """case X: with a refusal behind it."""
        for match in re.finditer(r"\bcase \w+:\s*", self.code):
            end = self.code.index(";", match.end()) + 1
            if REFUSAL.match(self.code, match.end()) or re.match(r"return refuse\w*\(", self.code[match.end():]):
                self.seen.append((match.end(), end))
                self.add(match.end(), end, "break;")

    def other_ternaries(self):
        """return a ? BS_OK : refuse(...)."""
        for match in re.finditer(r"\breturn\s+([^;?{}]*?)\?\s*BS_OK\s*:\s*refuse\w*\(", self.code):
            self.seen.append((match.start(), self.code.index(";", match.start())))
            self.add_leaves(match.start(1), match.end(1), True)

    def faults(self):
        """if (...) return NULL; in a function that says what is wrong."""
        for match in re.finditer(r"^static const char \*\w*fault\w*\([^{;]*\)\n\{", self.code, re.M):
            body_end = self.code.index("\n}", match.end())
            for test in re.finditer(r"\bif\s*\(", self.code[match.end():body_end]):
                start = match.end() + test.end()
                end = closing(self.code, start - 1)
                if re.match(r"\s*return NULL;", self.code[end + 1:]):
                    self.add_leaves(start, end, True)

    def bare(self):
        """A refusal that no condition stands before."""
        for match in re.finditer(r"\breturn refuse\w*\(", self.code):
            end = statement_end(self.code, match.start())
            before = self.code[:match.start()].rstrip()
            if before[-1] in ";{}" and not any(m.start <= match.start() < m.end for m in self.mutants):
                self.seen.append((match.start(), end))
                self.add(match.start(), end, "return BS_OK;")

    def ternaries(self):
        """return a ? refuse(...) : b, and return a ? refuse(...) : refuse(...)."""
        for match in re.finditer(r"\breturn\s+([^;?{}]*?)\?\s*refuse\w*\(", self.code):
            end = self.code.index(";", match.start())
            self.seen.append((match.start(), end))
            if len(re.findall(r"\brefuse\w*\(", self.code[match.start():end])) > 1:
                self.add(match.start(), end, "return BS_OK")
            else:
                self.add_leaves(match.start(1), match.end(1), False)

    def predicates(self):
        """Of a static bool function that a check asks with a "!": each operand of what it returns."""
        for match in re.finditer(r"^static bool (\w+)\([^{;]*\)\n\{", self.code, re.M):
            if not any(f"!{match.group(1)}(" in m.text for m in list(self.mutants)):
                continue
            body_end = self.code.index("\n}", match.end())
            for back in re.finditer(r"\breturn\b(.*?);", self.code[match.end():body_end], re.S):
                self.add_leaves(match.end() + back.start(1), match.end() + back.end(1), True)

    def unseen(self):
        """Lines with refusals that none of the above has found a check for."""
        for match in REFUSAL.finditer(self.text):
            line = self.text[self.text.rfind("\n", 0, match.start()) + 1:match.end()]
            is_definition = re.match(r"(static )?(enum bs_err|void) ", line)
            # What a helper says, whose calls are the checks.
            is_helper = re.findall(r"^static [^;{]*?(\w+)\(", self.code[:match.start()], re.M)[-1:]
            is_helper = is_helper and is_helper[0].startswith("say_")
            if self.code[match.start()] != " " and not is_definition and not is_helper and not any(
                    start <= match.start() < end for start, end in self.seen):
                yield f"{self.path}:{self.text.count(chr(10), 0, match.start()) + 1}"

    def extras(self):
        """Of EXTRA."""
        for path, text, by in EXTRA:
            if path == self.path:
                start = self.text.index(text)
                self.add(start, start + len(text), by)

    def mutated(self, mutant):
        """The text without that check."""
        return self.text[:mutant.start] + mutant.by + self.text[mutant.end:]


class Build:
    """A copy of the tree, and what is built of it."""

    def __init__(self, folder, jobs):
        self.tree = os.path.join(folder, "tree")
        self.out = os.path.join(folder, "out")
        self.scratch = os.path.join(folder, "tmp")  # a suite that ends early leaves its folder
        self.jobs = jobs

    def prepare(self):
        """Copies and configures; builds what is not mutated."""
        os.makedirs(self.tree, exist_ok=True)
        files = subprocess.run(["git", "-C", TOP, "ls-files", "-co", "--exclude-standard"], check=True, text=True,
                               stdout=subprocess.PIPE).stdout.splitlines()
        for name in files:
            to = os.path.join(self.tree, name)
            if os.path.isfile(os.path.join(TOP, name)):
                os.makedirs(os.path.dirname(to), exist_ok=True)
                self.put(name, open(os.path.join(TOP, name), "rb").read())
                shutil.copymode(os.path.join(TOP, name), to)
        toolchain = os.path.join(TOP, "build/deps/host/toolchain.cmake")
        self.call("cmake", "-S", self.tree, "-B", self.out, "-G", "Ninja", f"--toolchain={toolchain}",
                  "-DBOOTSEAL_TESTS=ON", "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_C_FLAGS_DEBUG=-O0",
                  # What a check that is gone would have written is at least the same each time.
                  "-DCMAKE_C_FLAGS=-w -ftrivial-auto-var-init=zero")
        self.make("attack", "bootseald")

    def put(self, name, data):
        """Writes a file where it is another one: what did not change is not built again."""
        path = os.path.join(self.tree, name)
        if os.path.exists(path):
            with open(path, "rb") as f:
                if f.read() == data:
                    return
        with open(path, "wb") as f:
            f.write(data)

    @staticmethod
    def call(*words):
        """Runs a tool whose failure is ours."""
        done = subprocess.run(words, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if done.returncode != 0:
            sys.exit(f"{' '.join(words)}:\n{done.stdout[-4000:]}")

    def make(self, *targets):
        """`attack`, and `bootseald` for the families that start it."""
        self.call("nice", "cmake", "--build", self.out, f"-j{self.jobs}", "--target", *targets)

    def attack(self, *words):
        """(exit code, lines, errors)."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        os.makedirs(self.scratch)
        try:
            done = subprocess.run([os.path.join(self.out, "tests/attack/attack"), *words], text=True, timeout=TIMEOUT,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                                  env={**os.environ, "TMPDIR": self.scratch})
        except subprocess.TimeoutExpired:
            return None, [], "it hangs"
        return done.returncode, done.stdout.splitlines(), done.stderr.strip()


def verdict(build, families):
    """(name of the attack that noticed or None, what else is to be said)."""
    others = [name for name in NEAR if name not in families]
    for words in (families, others, FAR):
        if words is FAR:
            build.make("bootseald")
        code, lines, errors = build.attack("--first", *words)
        if code == 3:
            what = lines[-1].split("\t")
            return what[1], what[-1]
        if code != 0:
            last = lines[-1].split("\t")[1] if lines else "the first"
            end = errors.splitlines()[-1] if errors else f"it ended with {code}"
            # A signal, or an assertion of the lab that an answer is one.
            return (f"what comes after {last}" if code and (code < 0 or code == 255) else None), end
    return None, "nobody noticed"


def all_sources():
    """[(source, families)], each file once."""
    found = {}
    for pattern, families in SOURCES:
        for path in sorted(glob.glob(os.path.join(TOP, pattern))):
            found.setdefault(os.path.relpath(path, TOP), families)
    return [(Source(path), families) for path, families in found.items()]


def is_wanted(mutant, only):
    """By --only."""
    return not only or any(mutant.place == o or mutant.path == o or mutant.place.endswith("/" + o) or
                           os.path.basename(mutant.path) == o for o in only)


def reason_for(mutant):
    """Why it is called equivalent, or None."""
    return next((why for path, text, why in EQUIVALENT if (path, text) == (mutant.path, mutant.text)), None)


def play(build, source, mutant, families):
    """True when it is as it should be."""
    build.put(source.path, source.mutated(mutant).encode())
    build.make("attack")
    noticed, more = verdict(build, families)
    why = reason_for(mutant)
    build.put(source.path, source.text.encode())
    if why:
        state = "equivalent" if not noticed else "NOT EQUIVALENT"
    else:
        state = "noticed" if noticed else "SURVIVED"
    print(f"{state}\t{mutant.place}\t{mutant.text[:90]}\t{noticed or ''}\t{why or more}", flush=True)
    return state.islower()


def main():
    """Exit code 1 when the suite misses something."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--list", action="store_true", help="the mutants, without playing them")
    parser.add_argument("--only", action="append", default=[], metavar="FILE[:LINE]")
    parser.add_argument("--build", default=os.path.join(TOP, "build/mutate"), metavar="DIR")
    parser.add_argument("--jobs", default=str(os.cpu_count()))
    options = parser.parse_args()
    work = [(source, mutant, families) for source, families in all_sources() for mutant in source.mutants
            if is_wanted(mutant, options.only)]
    known = {(m.path, m.text) for s, m, f in work}
    stale = [e for e in EQUIVALENT if not options.only and (e[0], e[1]) not in known]
    unseen = [place for source, _ in all_sources() for place in source.unseen()]
    if unseen:
        sys.exit("refusals without a check that is taken away: " + " ".join(unseen))
    if options.list:
        for _, mutant, _ in work:
            print(f"{mutant.place}\t{mutant.text}")
        return 0
    build, begin = Build(options.build, options.jobs), time.monotonic()
    build.prepare()
    if build.attack()[0] != 0:
        sys.exit("the suite fails before anything is changed")
    bad = [mutant for source, mutant, families in work if not play(build, source, mutant, families)]
    for path, text, _ in stale:
        print(f"STALE\t{path}\t{text}\t\tEQUIVALENT names a check that there is not")
    count = sum(1 for _, m, _ in work if reason_for(m))
    print(f"{len(work)} mutants, {len(work) - len(bad) - count} noticed, {count} equivalent, {len(bad)} wrong, "
          f"{time.monotonic() - begin:.0f} s")
    return 1 if bad or stale else 0


if __name__ == "__main__":
    sys.exit(main())
