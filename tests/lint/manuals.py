#!/usr/bin/env python3
"""Manual pages and code say the same.

usage: manuals.py [--root DIR]

Keys of configurations, commands and their options, verbs, exit codes, names of the report, notes and reasons: each that
the code has is in its page, and each that a page has is in the code. So are those that docs/operations.md explains.
"""
import argparse
import os
import re
import sys

# .It Ic KEY or .It Ic noun verb, up to the first macro or the end of the line.
ITEM = re.compile(r"^\.It Ic ((?:(?!Ar |Op |Oo |Fl )[a-z_.]+ ?)+)(.*)$", re.M)
OPTION = re.compile(r"Fl Fl ([a-z-]+)")


class Tree:
    """The sources, by path."""

    def __init__(self, root):
        self.root = root

    def text(self, path):
        """A file without its comments."""
        with open(os.path.join(self.root, path), encoding="utf-8") as f:
            text = f.read()
        return text if path.startswith("docs/") else re.sub(r"/\*.*?\*/", "", text, flags=re.S)

    def page(self, name):
        """A manual page."""
        return self.text(f"docs/man/{name}")


def section(page, title):
    """What stands under a heading (.Sh or .Ss) up to the next .Sh."""
    found = re.search(rf"^\.S[hs] {re.escape(title)}\n(.*?)(?=^\.Sh |\Z)", page, re.M | re.S)
    return found.group(1) if found else ""


def items(page):
    """{name: rest of the line} of all .It Ic."""
    return {name.strip(): rest for name, rest in ITEM.findall(page)}


def first_strings(text, macro):
    """The first string of each use of a macro of a table."""
    return set(re.findall(rf'^\s*{macro}\(\s*"([^"]+)"', text, re.M))


def prefixed(prefix, names):
    """Names of keys of an inner group as the pages write them."""
    return {f"{prefix}.{name}" for name in names}


def config_keys(tree):
    """(page, keys in code, keys in page) of every configuration."""
    agent = tree.text("agent/config.c")
    profile = tree.text("server/profile.c")
    yield ("bootseal.conf.5",
           first_strings(agent, "KEY") | prefixed("files", first_strings(agent, "FILE_KEY")))
    yield "bootseald.conf.5", first_strings(tree.text("server/config.c"), "KEY")
    yield "bootseal-policy.5", policy_keys(tree.text("server/policy/policy_file.c"))
    yield "bootseal-profile.5", first_strings(profile, "KEY") | prefixed("items", first_strings(profile, "ITEM"))


def policy_keys(text):
    """Keys of a policy: those of the file, and of each list those of its groups."""
    tables = dict(re.findall(r"conf_key (?:(\w+)_)?keys\[\] = \{(.*?)\n\};", text, re.S))
    schemas = dict(re.findall(r"(\w+)_schema = SCHEMA\((\w+)_keys", text))
    named = {table: set(re.findall(r'^ +(?:KEY|DIGESTS)\(\w+, "([^"]+)"', body, re.M)) |
             {"pcr" for _ in re.findall(r"^ +PCR\(", body, re.M)} | {"optional" for _ in re.findall(r"^ +OPTIONAL\(", body, re.M)}
             for table, body in tables.items()}
    top = tables.get("", "")
    found = named.get("", set()) | set(re.findall(r'^ +WORDS\("([^"]+)"', top, re.M))
    for name, schema in re.findall(r'^ +GROUPS\("([^"]+)", \w+, (\w+)_schema\)', top, re.M):
        found |= {name} | prefixed(name, named[schemas[schema]])
    return found


def commands(tree):
    """{"noun verb": {options}} of bootsealctl's table."""
    text = tree.text("server/ctl/commands.c")
    table = re.search(r"commands\[\] = \{(.*?)\n\};", text, re.S).group(1)
    strings = r'"([a-z]+)",\s*(?:"([a-z]+)"|NULL),\s*"[a-z ]+",\s*(?:"[A-Z]+"|NULL),\s*(NO_OPTIONS|\{.*?\} \})'
    found = {}
    for noun, verb, options in re.findall(strings, table, re.S):
        found[f"{noun} {verb}".strip()] = set(re.findall(r'\{ "([a-z-]+)"', options))
    return found


def exit_codes(tree):
    """Numbers of exit.h."""
    return set(re.findall(r"BS_EXIT_\w+ = (\d+)", tree.text("include/bootseal/exit.h")))


def macro_values(tree, path, prefix):
    """Strings of the macros of a header that begin so."""
    return set(re.findall(rf'#define {prefix}\w+ "([^"]+)"', tree.text(path)))


def listed(part, macro):
    """Words of .It MACRO lines, several of them separated by commas."""
    words = set()
    for line in re.findall(rf"^\.It {macro} (.*)$", part, re.M):
        words |= set(re.findall(r"[a-z0-9_-]+", line))
    return words


def compare(what, code, page, complain):
    """Complains about what only one of both has."""
    for name in sorted(code - page):
        complain(f"{what}: '{name}' is in the code and not in the page")
    for name in sorted(page - code):
        complain(f"{what}: '{name}' is in the page and not in the code")
    if not code:
        complain(f"{what}: nothing found in the code; does {os.path.basename(__file__)} still know its form?")


def check_keys(tree, complain):
    """Keys of configurations."""
    for page, keys in config_keys(tree):
        compare(page, keys, set(items(tree.page(page))), complain)


def check_commands(tree, complain):
    """Commands of bootsealctl and their options."""
    page = items(tree.page("bootsealctl.8"))
    code = commands(tree)
    rows = len(re.findall(r'^    \{ ?\n? *"', tree.text("server/ctl/commands.c"), re.M))
    if rows != len(code):
        complain(f"bootsealctl.8: {rows} commands in the table, {len(code)} understood")
    compare("bootsealctl.8", set(code), set(page), complain)
    for command in set(code) & set(page):
        compare(f"bootsealctl.8: {command}", code[command] | {"-"}, set(OPTION.findall(page[command])) | {"-"}, complain)


def check_options(tree, complain):
    """Options and verbs of the programs."""
    agent = set(re.findall(r'\{ "--([a-z-]+)", (?:VALUE|FLAG|MODE)', tree.text("agent/options.c")))
    compare("bootseal.8: options", agent, set(re.findall(r"^\.It Fl Fl ([a-z-]+)", tree.page("bootseal.8"), re.M)), complain)
    verbs = set(re.findall(r'^\s*\{ "([a-z]+)", cmd_', tree.text("agent/main.c"), re.M))
    compare("bootseal.8: verbs", verbs, set(re.findall(r"^\.It Cm ([a-z]+)$", tree.page("bootseal.8"), re.M)), complain)
    server = set(re.findall(r'\{ "([a-z-]+)", (?:no|required)_argument', tree.text("server/main.c")))
    compare("bootseald.8: options", server, set(re.findall(r"^\.It Fl Fl ([a-z-]+)", tree.page("bootseald.8"), re.M)), complain)


def check_exits(tree, complain):
    """Exit codes: bootseal has all of them, the others none besides."""
    codes = exit_codes(tree)
    for page in ("bootseal.8", "bootsealctl.8", "bootseald.8"):
        found = set(re.findall(r"^\.It (\d+)$", section(tree.page(page), "EXIT STATUS"), re.M))
        compare(f"{page}: exit codes", codes if page == "bootseal.8" else codes & found, found, complain)


def check_names(tree, complain):
    """Names that programs match: report, notes, reasons."""
    report = section(tree.page("bootseal.8"), "THE REPORT")
    compare("bootseal.8: report", macro_values(tree, "include/bootseal/report.h", "BS_REPORT_"), listed(report, "Va"), complain)
    compare("bootseal.8: notes", macro_values(tree, "include/bootseal/report.h", "BS_NOTE_"), listed(report, "Li"), complain)
    compare("bootsealctl.8: reasons", macro_values(tree, "include/bootseal/reason.h", "BS_REASON_"),
            listed(section(tree.page("bootsealctl.8"), "REASONS"), "Li"), complain)


def section_of(text, title):
    """What stands under a heading of Markdown."""
    part = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ |\Z)", text, re.M | re.S)
    return part.group(1) if part else ""


def first_cells(text, title):
    """Words in backquotes in the first column of the table under a heading; numbers stand there without."""
    cells = re.findall(r"^\| ([^|]+) \|", section_of(text, title), re.M)
    return {word for cell in cells for word in re.findall(r"`([a-z0-9-]+)`|^(\d+)$", cell) for word in word if word}


def check_operations(tree, complain):
    """What operators are told to do about each reason, note and exit code."""
    page = tree.text("docs/operations.md")
    for title, code in (
            ("When a device does not boot: reasons", macro_values(tree, "include/bootseal/reason.h", "BS_REASON_")),
            ("Exit codes of `bootseal boot`", exit_codes(tree)),
            ("Notes in a report", macro_values(tree, "include/bootseal/report.h", "BS_NOTE_"))):
        compare(f"operations.md: {title}", code, first_cells(page, title), complain)


def check_acts(tree, complain):
    """Acts of the audit log, which operators look for."""
    folder = os.path.join(tree.root, "server")
    sources = [os.path.join(where, name) for where, _, names in os.walk(folder) for name in names if name.endswith(".c")]
    code = set()
    for path in sources:
        text = tree.text(os.path.relpath(path, tree.root))
        code |= set(re.findall(r'OPERATOR_AUDIT\([^,]+,\s*"([a-z.-]+)"', text))
        code |= set(re.findall(r'struct audit_entry \w+ = \{ "\w+", "([a-z.-]+)"', text))
        code |= set(re.findall(r'struct blocking \w+ = \{ "([a-z.-]+)"', text))
    part = section_of(tree.text("docs/operations.md"), "What stands in the audit log")
    rows = re.findall(r"^\| (`[^|]+) \|", part, re.M)
    page = {act for row in rows for act in re.findall(r"`([a-z.-]+)`", row)} | {"verdict.refused"}
    compare("operations.md: What stands in the audit log", code, page, complain)


def main():
    """1 when something is said in one place only."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
    tree = Tree(parser.parse_args().root)
    complaints = []
    for check in (check_keys, check_commands, check_options, check_exits, check_names, check_operations,
                  check_acts):
        check(tree, complaints.append)
    print("\n".join(complaints), file=sys.stderr)
    return 1 if complaints else 0


sys.exit(main())
