#!/usr/bin/python3
"""Kills a QEMU machine at random moments of the first two boots of the demo; it always comes up in the end.

Disk and TPM state are kept, as on a board in a ditch. A third of the moments lie anywhere from power-on to the real root, a third
between the agent's first and last word, a third between its first word and the real root. A board whose first boot got so far that its vault is sealed goes on to the second one, without
a server; then a new board takes its place.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "system")]

from alone import run_alone  # noqa: E402  the path comes first
from bootlab.narrator import NotSo, check, say  # noqa: E402
from bootlab.swtpm import Tpm  # noqa: E402
from demo import BOOT_SECONDS, HERE as DEMO, REACHED, Story  # noqa: E402

AGENT = r"bootseal: "
OVER = "files are in place for the real root"
SEALED = "sealed for the next boots"


class Window:
    """When the agent speaks first and last, and when the real root is reached, in seconds of an uncut boot."""

    def __init__(self, board):
        self.agent, self.over, self.end = (board.console.time_of(words) for words in (AGENT, OVER, REACHED))

    def moment(self, chance):
        """One to kill at: seconds, and what has to be on the console before they begin."""
        begin, end, words = chance.choice(((0, self.end, ""), (self.agent, self.over, AGENT), (self.agent, self.end, AGENT)))
        return chance.uniform(0, end - begin), words


class Sweep:
    """The story's server and image, and as many boards as are needed."""

    def __init__(self, folder, chance):
        self.story = Story(folder)
        self.server = self.story.server
        self.chance = chance
        self.boards = []
        self.killed = 0
        profile = (DEMO / "profile.conf").read_text().replace("@SECRET@", self.story.secret)
        self.server.start()
        self.server.apply_profile(profile)

    def new_board(self):
        """One that nobody knows."""
        folder, number = self.story.folder, len(self.boards) + 1
        tpm = Tpm(folder / f"sweep-tpm-{number}", folder / "tpm-maker")
        board = self.story.product.board(f"sweep-{number}", self.story.esp, self.story.root, tpm=tpm,
                                         serial=f"SWEEP-{number:04}")
        self.boards.append(board)
        return board

    def stop(self):
        """Everything off."""
        for board in self.boards:
            board.power_cut()
        self.server.stop()

    def approve_who_waits(self):
        """What an operator does."""
        for device in self.server.ctl_json("device", "list")["devices"]:
            if device["status"] == "pending":
                self.server.ctl("device", "approve", device["id"], "--learn", "--profile=demo")

    def kill(self, board, moment, is_first):
        """Power on, and off at that moment; whether the vault was sealed by then."""
        board.power_on()
        seconds, words = moment
        board.wait_for(words, BOOT_SECONDS)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if is_first:
                self.approve_who_waits()
            time.sleep(max(0, min(0.1, end - time.monotonic())))  # the moment is what this is about
        board.power_cut()
        self.killed += 1
        lines = [line for line in board.console.text.splitlines() if line.strip()] or ["nothing was said yet"]
        say(f"  {self.killed}: killed in the {'first' if is_first else 'second'} boot, {seconds:.2f} s after "
            f"{'the agent began' if words else 'power-on'}: {lines[-1][:100]}")
        return SEALED in board.console.text

    def come_up(self, board, is_first, source):
        """A boot to its end: the device, and what was handed over by kind and file."""
        board.power_on()
        if is_first:
            board.wait_for(rf"unknown-device|{REACHED}", BOOT_SECONDS)
            self.approve_who_waits()
        found = self.story.finish_boot(board, board.folder.name)
        report = self.story.reports[board.folder.name]
        check(report["result"] == "done" and report["source"] in source, f"it came up, credentials from {report['source']}",
              f"the report says {report}")
        self.story.check_handover(found)
        return report["device"], found

    def check_server(self, device):
        """One living certificate."""
        shown = self.server.ctl_json("device", "show", device)["certificates"]
        states = [certificate["status"] for certificate in shown]
        check(states.count("living") == 1 and "issued" not in states, "the device has one living certificate", str(states))

    def measure(self):
        """Both boots without a cut."""
        board = self.new_board()
        self.come_up(board, True, ("server",))
        first = Window(board)
        board.shut_down()
        self.server.stop()
        self.come_up(board, False, ("vault",))
        second = Window(board)
        board.shut_down()
        self.server.start()
        for name, window in (("first", first), ("second", second)):
            say(f"{name} boot, uncut: agent from {window.agent:.1f} to {window.over:.1f} s, real root after {window.end:.1f} s")
        return first, second

    def live(self, windows, first, second):
        """One board; at most so many kills in its first and second boots, and how many there were."""
        board, is_sealed, done = self.new_board(), False, 0
        while done < first and not is_sealed:
            is_sealed = self.kill(board, windows[0].moment(self.chance), True)
            done += 1
        device, found = self.come_up(board, True, ("server", "vault") if is_sealed else ("server",))
        self.check_server(device)
        board.shut_down()
        self.server.stop()
        for _ in range(second):
            self.kill(board, windows[1].moment(self.chance), False)
        again = self.come_up(board, False, ("vault",))
        check(again == (device, found), "the same device and credentials, without a server")
        board.shut_down()
        self.server.start()
        return done

    def run(self, kills):
        """Half of the kills in first boots, half in second ones."""
        windows = self.measure()
        first, second = kills // 2, kills - kills // 2
        while first + second > 0:
            now = second if first <= 3 else min(second, 3)
            first -= self.live(windows, first, now)
            second -= now
        say(f"killed {self.killed} times, came up each time")


def kill_machines(options, folder):
    """0 when every board came up."""
    sweep = Sweep(Path(folder), random.Random(options.seed))
    try:
        sweep.run(options.kills)
    except (NotSo, AssertionError) as failure:
        print(f"\n{failure}\nagain: ./dev sweep --qemu --seed={options.seed}", file=sys.stderr)
        return 1
    finally:
        sweep.stop()
    return 0


def main():
    """0 when every board came up."""
    parser = argparse.ArgumentParser(prog="./dev sweep --qemu", description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", metavar="HEX", default=os.urandom(8).hex(), help="default: drawn, and shown")
    options = parser.parse_args()
    say(f"seed {options.seed}")
    with tempfile.TemporaryDirectory(prefix="bootseal-sweep-") as folder:
        return run_alone(kill_machines, options, folder)


if __name__ == "__main__":
    sys.exit(main())
