"""A serial line that is read as it comes: into a log with time stamps, and to whoever waits for something."""

import os
import re
import threading
import time

# systemd and the firmware colour and move the cursor; what is looked for is the text.
ESCAPES = re.compile(r"\x1b(\[[0-9;?=]*[A-Za-z]|[()][A-Z0-9]|[=>78cM])|[\r\x00]")


class ConsoleTimeout(AssertionError):
    """What was waited for did not come; the text ends with the last lines that did."""


class Console:
    """Reads a file descriptor in a thread of its own until its other end is closed."""

    def __init__(self, descriptor, log_path, echo=None):
        """echo: called with each complete line, for instance to show it to a person."""
        self._descriptor = descriptor
        self._log_path = log_path
        self._echo = echo
        self._start = time.monotonic()
        self._changed = threading.Condition()
        self._text = ""
        self._lines = []
        self._closed = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        raw = b""
        with open(self._log_path, "a", encoding="utf-8") as log:
            while True:
                try:
                    data = os.read(self._descriptor, 65536)
                except OSError:
                    data = b""
                if not data:
                    break
                *complete, raw = (raw + data).split(b"\n")
                for line in complete:
                    self._add_line(line, log)
                with self._changed:
                    self._partial = _clean(raw)
                    self._changed.notify_all()
            if raw:
                self._add_line(raw, log)
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _add_line(self, raw, log):
        line, seconds = _clean(raw), time.monotonic() - self._start
        log.write(f"[{seconds:8.3f}] {line}\n")
        log.flush()
        with self._changed:
            self._lines.append((seconds, line))
            self._text += line + "\n"
            self._partial = ""  # it was the begin of this one
            self._changed.notify_all()
        if self._echo:
            self._echo(line)

    @property
    def text(self):
        """Everything read up to now, without escape codes."""
        with self._changed:
            return self._text + self._partial

    _partial = ""

    def time_of(self, pattern):
        """Seconds from power-on to the first complete line that matches, or None."""
        with self._changed:
            return next((when for when, line in self._lines if re.search(pattern, line)), None)

    def wait_for(self, pattern, timeout, after=0):
        """The first match at or after a position of the text; fails when it cannot come any more.

        after: usually an earlier match's end(), where the same words are to come once more.
        """
        deadline = time.monotonic() + timeout
        regex = re.compile(pattern, re.M)
        with self._changed:
            while True:
                match = regex.search(self._text + self._partial, after)
                if match:
                    return match
                left = deadline - time.monotonic()
                if self._closed or left <= 0:
                    why = "the machine ended" if self._closed else f"{timeout:.0f} seconds passed"
                    raise ConsoleTimeout(f"{why} without {pattern!r}; last lines:\n{self._tail()}")
                self._changed.wait(left)

    def wait_closed(self, timeout):
        """Waits until the other end is closed and everything is read."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _tail(self):
        return "\n".join((self._text + self._partial).splitlines()[-25:])


def _clean(raw):
    return ESCAPES.sub("", raw.decode(errors="replace"))
