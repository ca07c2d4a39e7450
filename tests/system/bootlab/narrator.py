"""What a story says while it happens: headings, sentences, what programs said, and claims that are checked."""

import sys
import threading

GREEN, RED, BOLD, PLAIN = ("\x1b[32m", "\x1b[31m", "\x1b[1m", "\x1b[0m") if sys.stdout.isatty() else ("",) * 4
_one_line = threading.Lock()  # several machines may speak at once, each from a thread of its own


class NotSo(Exception):
    """Something that the story says is not so."""


def say(text):
    """A sentence of the narrator."""
    with _one_line:
        print(text, flush=True)


def heading(text, aside=""):
    """The beginning of a part."""
    say(f"\n{BOLD}{text}{PLAIN}   {aside}")


def show(text, who=""):
    """What a program said, set apart."""
    for line in text.splitlines():
        say(f"    {who}| {line}")


def console(who=""):
    """What shows the lines of a machine's console; the firmware's are left out."""
    def line_came(line):
        if line.strip() and not line.startswith("BdsDxe"):
            show(line, who)
    return line_came


def check(is_so, claim, otherwise=""):
    """Tells a claim that was seen to hold, or ends the story."""
    if not is_so:
        raise NotSo(f"{claim}: not so. {otherwise}".strip())
    say(f"  {GREEN}ok{PLAIN} {claim}")
