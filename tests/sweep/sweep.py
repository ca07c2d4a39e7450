#!/usr/bin/python3
"""Cuts the power of a device right before and right after each thing that its agent does, and looks that it recovers.

The real static agent, a real swtpm, a real bootseald. For each path that changes state an uncut run is counted; then for each
effect the run is repeated and cut there: agent and TPM are killed, what was not made durable is thrown away, and the machine is
switched on again. It has to reach the end that the uncut run reached.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from world import CUT, World, has_loop_device, lab, programs, work_folder  # the paths to the others come with it

from alone import run_alone
from end import Broken, check_disk, need, objects
from paths import PATHS

SAMPLE_PATHS = 5


@dataclass(frozen=True)
class Point:
    """Where a run is cut."""

    path: str
    number: int
    side: str  # before, after
    is_lost: bool  # what was not durable
    again: int = 0  # the boot after it is cut too, there; modulo what it does

    def words(self):
        """To cut just there again."""
        return (f"--path={self.path} --cut={self.number} --side={self.side}" + ("" if self.is_lost else " --lost=no") +
                (f" --again={self.again}" if self.again else ""))


class Sweep:
    """One path, prepared once."""

    def __init__(self, world, kind):
        self.world = world
        self.path = kind(world)
        self.name = kind.name
        self._configure()
        world.put_back("new")
        world.server.start()
        self.path.prepare()
        world.keep(self.name)
        self.effects = self._run_uncut()

    def _configure(self):
        self.world.device.use(self.path.settings, self.world.partition if self.path.is_raw else None)

    def _begin(self, kept=None):
        """The machine is on, the path about to begin; or as it was kept."""
        self._configure()
        self.world.put_back(kept or self.name)
        self.world.server.start(self.path.later)
        self.world.device.later = self.path.later
        self.world.device.power_on(self.path.log)

    def _run_uncut(self):
        """What the path does, which is counted, and what it leaves in the TPM."""
        self._begin()
        code, said, effects = self.world.device.watch(self.path.words)
        need(code == self.path.code, f"{self.name}: the run without a cut ended with {code}:\n{said}")
        self.path.check_order(effects)
        self.path.clean = objects(self.world.device.tpm)
        self.path.check_run()
        self.path.check_end()
        return effects

    def points(self):
        """
        All of them. Where nothing would be thrown away a cut that throws nothing away is the same, and of a series of equal writes the
        ends and the middle say what the others would.
        """
        for effect in self.effects:
            if self._is_within_series(effect):
                continue
            for side, is_dirty in (("before", effect.is_dirty_before), ("after", effect.is_dirty_after)):
                yield Point(self.name, effect.number, side, True)
                if is_dirty:
                    yield Point(self.name, effect.number, side, False)

    def _is_within_series(self, effect):
        """Neither at the ends of a series of equal ones nor in its middle."""
        texts = [one.text for one in self.effects]
        first = last = effect.number - 1
        while first > 0 and texts[first - 1] == effect.text:
            first -= 1
        while last + 1 < len(texts) and texts[last + 1] == effect.text:
            last += 1
        return effect.number - 1 not in (first, first + 1, (first + last) // 2, last - 1, last)

    def points_again(self):
        """Every fourth, with a cut of the boot after it; the same ones each time."""
        draw = random.Random(self.name)
        for point in list(self.points())[::4]:
            yield replace(point, again=draw.randrange(1, 1 << 20))

    def prove_bite(self):
        """A disk that keeps nothing has to be noticed, or a cut that survives says nothing."""
        increments = [effect.number for effect in self.effects if effect.text == "NV_Increment"]
        if not increments:
            return
        which, what = self.path.bites
        try:
            self.cut(Point(self.name, increments[which], "after", True), "--deaf")
        except Broken as error:
            need(what in str(error), f"{self.name}: a disk that keeps nothing: {error}")
            return
        raise RuntimeError(f"{self.name}: a disk that keeps nothing is said to have survived")

    def cut(self, point, *more):
        """Cuts there and lets the machine come up again; Broken when something does not hold."""
        self._begin()
        options = [f"--at={point.number}", f"--side={point.side}", f"--lost={'yes' if point.is_lost else 'no'}"]
        code, said, effects = self.world.device.watch(self.path.words, *options, *more)
        need(code == CUT, f"the run was not cut but ended with {code}:\n{said}")
        check_disk(self.world)
        runs = [effects, self._cut_again(point.again)] if point.again else [effects]
        self.path.run_again(runs)

    def _cut_again(self, again):
        """Cuts the boot after the cut: what it had done. It is run once to see what there is to be cut."""
        device = self.world.device
        self.world.keep("cut")
        self._begin("cut")
        _, _, effects = device.watch(("boot",), **self.path.again)
        self._begin("cut")
        options = [f"--at={1 + again % len(effects)}", f"--side={'before' if again >> 19 else 'after'}"]
        code, said, effects = device.watch(("boot",), *options, **self.path.again)
        # What it says to the network may be in fewer pieces this time; a later one was never reached then.
        need(code in (CUT, 0), f"the boot after the cut was not cut but ended with {code}:\n{said}")
        check_disk(self.world)
        return effects


def say(text):
    """At once."""
    print(text, flush=True)


def try_point(sweep, point):
    """Whether it survived; says what did not hold and how to see it again."""
    try:
        sweep.cut(point)
        return True
    except (Broken, AssertionError, OSError, LookupError, ValueError, RuntimeError) as error:
        effect = sweep.effects[point.number - 1]
        say(f"\n{point.path}: cut {point.side} {point.number}, {effect.kind} {effect.text}"
            f"{'' if point.is_lost else ', nothing thrown away'}{', and the boot after it' if point.again else ''}\n  does not hold: {type(error).__name__}: {error}\n"
            f"  again: ./dev sweep {point.words()}\n")
        return False


def sweep_all(sweeps):
    """Every point of every path: whether all survived."""
    total = good = 0
    for sweep in sweeps:
        begin, again = time.monotonic(), list(sweep.points_again())
        points = [*sweep.points(), *again]
        survived = sum(try_point(sweep, point) for point in points)
        say(f"{sweep.name}: {len(sweep.effects)} effects, {len(points)} cut points ({len(again)} with a second cut), {survived} survived "
            f"({time.monotonic() - begin:.0f} s)")
        total, good = total + len(points), good + survived
    say(f"{total} cut points, {good} survived")
    return good == total


def sweep_sample(sweeps, seconds, seed):
    """So many points as fit in the time, drawn with the seed."""
    drawn = [(sweep, point) for sweep in sweeps for point in (*sweep.points(), *sweep.points_again())]
    random.Random(seed).shuffle(drawn)
    say(f"seed {seed}")
    end, done, survived, again = time.monotonic() + seconds, {sweep.name: 0 for sweep in sweeps}, 0, 0
    for sweep, point in drawn:
        if time.monotonic() > end:
            break
        survived += try_point(sweep, point)
        done[sweep.name] += 1
        again += point.again > 0
    total = sum(done.values())
    parts = ", ".join(f"{name} {count}" for name, count in done.items())
    say(f"{total} cut points of {len(drawn)} ({parts}; {again} with a second cut), {survived} survived")
    return survived == total > 0


def sweep_one(sweeps, options):
    """A point by hand."""
    (sweep,) = sweeps
    if not 1 <= options.cut <= len(sweep.effects):
        raise SystemExit(f"--cut: {sweep.name} has the effects 1 to {len(sweep.effects)}")
    for effect in sweep.effects[max(0, options.cut - 3):options.cut + 2]:
        say(f"{'>' if effect.number == options.cut else ' '} {effect.number} {effect.kind} {effect.text}")
    is_good = try_point(sweep, Point(sweep.name, options.cut, options.side, options.lost == "yes", options.again))
    say(f"1 cut point, {int(is_good)} survived")
    return is_good


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(prog="./dev sweep", description=__doc__.splitlines()[0])
    parser.add_argument("--path", choices=sorted(PATHS), help="this path only")
    parser.add_argument("--cut", type=int, metavar="N", help="cut at this effect only; needs --path")
    parser.add_argument("--side", choices=("before", "after"), default="before")
    parser.add_argument("--lost", choices=("yes", "no"), default="yes", help="whether the cut takes what was not durable")
    parser.add_argument("--again", type=int, default=0, metavar="N", help="cut the boot after it as well, at one of its effects")
    parser.add_argument("--sample", type=float, metavar="SECONDS", help="as many points as fit, drawn with --seed")
    parser.add_argument("--seed", metavar="HEX", help="default: drawn, and shown")
    parser.add_argument("--list", action="store_true", help="shows what the paths do, cuts nothing")
    options = parser.parse_args()
    if options.cut is not None and not options.path:
        parser.error("--cut needs --path")
    return options


def choose(options):
    """The paths. Each takes a second or two to prepare, so a sample is drawn from some of them, others with each seed."""
    if options.path:
        return [PATHS[options.path]]
    kinds = list(PATHS.values())
    if not has_loop_device():
        say("no loop device here: the paths with a raw partition are left out")
        kinds = [kind for kind in kinds if not kind.is_raw]
    if options.sample is None or options.list:
        return kinds
    return random.Random(options.seed).sample(kinds, SAMPLE_PATHS)


def run(options, folder):
    """0 when every point survived."""
    begin = time.monotonic()
    options.seed = options.seed or os.urandom(8).hex()
    kinds = choose(options)
    with World(folder, kinds) as world:
        world.keep("new")
        sweeps = [Sweep(world, kind) for kind in kinds]
        if options.list:
            for sweep in sweeps:
                for effect in sweep.effects:
                    say(f"{sweep.name} {effect.number} {effect.kind} {effect.text}")
            return 0
        for sweep in sweeps:
            sweep.prove_bite()
        if options.cut is not None:
            is_good = sweep_one(sweeps, options)
        elif options.sample is not None:
            is_good = sweep_sample(sweeps, options.sample, options.seed)
        else:
            is_good = sweep_all(sweeps)
            say(f"in {time.monotonic() - begin:.0f} s")
        return 0 if is_good else 1


def main():
    """0 when every point survived."""
    options = arguments()
    for program in (programs.agent(), lab.BUILD / "bootseald", lab.BUILD / "bootsealctl", lab.BUILD / "cut"):
        if not Path(program).exists():
            print(f"{program} is not built: ./dev sweep builds it", file=sys.stderr)
            return 2
    with tempfile.TemporaryDirectory(prefix="bootseal-sweep-", dir=work_folder()) as folder:
        return run_alone(run, options, folder)


if __name__ == "__main__":
    sys.exit(main())
