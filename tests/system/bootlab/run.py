"""Running tools: their output is shown when they fail, and only then."""

import subprocess


class ToolFailed(RuntimeError):
    """A tool that ended with an error, with its command and the end of its output."""


def run(*command, **options):
    """Runs a command to its end; returns its standard output as text."""
    command = [str(word) for word in command]
    done = subprocess.run(command, text=True, capture_output=True, check=False, **options)
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
        raise ToolFailed(f"{' '.join(command)}\nended with {done.returncode}:\n{tail}")
    return done.stdout
