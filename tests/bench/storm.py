#!/usr/bin/python3
"""A whole fleet is switched on in the same second, and the server takes ten connections at a time.

Every device is a real agent with a TPM of its own. All of them have to get in, and those that were sent away must not come
back together.
"""

import argparse
import os
import re
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / name) for name in ("integration", "system")]

import lab  # noqa: E402  the path comes first

PROFILE = 'name = "fleet"; items = ( { name = "app.conf"; kind = "file"; text = "serial = ${device.serial}\\n"; } );'
SLOT_S = 0.1  # arrivals are counted in slots of this length


# A try that reached the server, up to how long the step took, with the pause before it; the first one says where it is as well.
REACHED = r"connected: .*\n(?:.*connected to.*\n)?.* after (\d+) ms"


class Blank:
    """A TPM as it leaves its maker, before anybody made a certificate for it."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "state").mkdir(parents=True)


class Agent(threading.Thread):
    """One device: boots when the flag falls. It is told to stop when it has come back so often, if that is said."""

    def __init__(self, device, flag, returns=None):
        super().__init__(daemon=True)
        self.device, self._flag, self._returns = device, flag, returns
        self.code = self.begun = self.seconds = None
        self.boot = None

    def run(self):
        self._flag.wait()
        self.begun = time.monotonic()
        self.boot = self.device.start()
        if self._returns is not None:
            seen = 0
            for _ in range(1 + self._returns):
                seen = self.boot.console.wait_for(REACHED, 600, after=seen).end()
            self.boot.process.terminate()
        self.code = self.boot.end(600)
        self.seconds = time.monotonic() - self.begun

    def arrivals(self):
        """When each of its tries reached the server, in seconds on the clock of the storm."""
        log = (self.device.folder / f"console-{self.device.boots}.log").read_text()
        tries = re.findall(r"^\[ *([0-9.]+)\] .*(?:unreachable after \d+ ms|connected: )", log, re.M)
        return [self.begun + float(when) for when in tries]


    def pauses(self):
        """Seconds from the end of a try to when the next one reached the server, by the agent's own clock."""
        tries = [int(ms) / 1000 for ms in re.findall(REACHED, self.boot.console.text)]
        return tries[1:] if self._returns is None else tries[1:1 + self._returns]  # when it is told to stop it tries at once


class Storm:
    """What happened."""

    def __init__(self, agents, alone_s):
        self.agents, self.alone_s = agents, alone_s
        begun = min(agent.begun for agent in agents)
        self.failed = [agent for agent in agents if agent.code != 0]
        self.total_s = max(agent.begun + agent.seconds for agent in agents) - begun
        self.seconds = sorted(agent.seconds for agent in agents)
        self.tries = [len(agent.arrivals()) for agent in agents]
        returns = [when - begun for agent in agents for when in agent.arrivals()[1:]]
        slots = {}
        for when in returns:
            slots[int(when / SLOT_S)] = slots.get(int(when / SLOT_S), 0) + 1
        self.returns, self.peak = len(returns), max(slots.values(), default=0)

    def percentile(self, percent):
        """Of the seconds of one device."""
        return self.seconds[min(len(self.seconds) - 1, len(self.seconds) * percent // 100)]

    def __str__(self):
        cores = len(os.sched_getaffinity(0))
        work = len(self.agents) * self.alone_s / cores
        return "\n".join((
            f"devices                    {len(self.agents)}, provisioned {len(self.agents) - len(self.failed)}",
            f"until the last one         {self.total_s:.1f} s",
            f"one device                 p50 {self.percentile(50):.1f} s, p99 {self.percentile(99):.1f} s",
            f"tries of one device        median {statistics.median(self.tries):.0f}, most {max(self.tries)}",
            f"returns                    {self.returns}, most in {SLOT_S} s: {self.peak}",
            f"one boot alone             {self.alone_s:.2f} s",
            f"against the work alone     {self.total_s / work:.1f} (boots one after the other on {cores} cores: {work:.1f} s)"))


def switch_on(folder, count, at_a_time, registered=True, retry_after=1, returns=None):
    """The storm: `count` agents at once against a server that takes `at_a_time` connections from one address.

    registered: the server knows them, so they need nobody; else it asks them to come back, until they have done so `returns` times.
    """
    server = lab.Server(folder / "server")
    conf = server.folder / "bootseald.conf"
    text = conf.read_text().replace("require_certificate = true", "require_certificate = false")
    text = re.sub(r"retry_after = \d+", f"retry_after = {retry_after}", text)
    conf.write_text(text + f"limits: {{ connections_per_address = {at_a_time}; }};\n")
    server.start()
    devices = []
    try:
        server.profile(PROFILE, name="fleet")
        for number in range(count + 1):
            home = folder / f"d{number}"
            home.mkdir()
            device = lab.Device(home, Blank(home / "blank"), server)
            device.settings.update(wait=300)
            devices.append(device)
            device.power_on()
            device.write_config()
        first, *fleet = devices
        boot = first.start()
        name = boot.wait_for("bootsealctl device approve ([0-9a-f]{64})").group(1)
        server.ctl("device", "approve", name, "--learn", "--profile=fleet")
        assert boot.end() == 0, boot.console.text
        rows = [f"{device.id},SN-{number},fleet," for number, device in enumerate(fleet)]
        (folder / "fleet.csv").write_text("ek_sha256,serial,profile,labels\n" + "\n".join(rows) + "\n")
        if registered:
            server.ctl("device", "import", folder / "fleet.csv")
        for slot in first.slots:
            slot.unlink()
        first.power_on()
        begun = time.monotonic()
        assert first.run()[0] == 0
        alone_s = time.monotonic() - begun
        flag = threading.Event()
        agents = [Agent(device, flag, returns) for device in fleet]
        for agent in agents:
            agent.start()
        flag.set()
        for agent in agents:
            agent.join()
        for device in fleet:
            assert device.is_capped()
        approved = [row for row in server.json("device", "list")["devices"] if row["status"] == "approved"]
        assert len(approved) == (count if registered else 0) + 1, approved
        return Storm(agents, alone_s)
    finally:
        for device in devices:
            device.tpm.stop()
        server.stop()


def main():
    """Says how it went; 1 when somebody stayed outside."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", type=int, nargs="?", default=100)
    parser.add_argument("--at-a-time", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="storm-") as folder:
        storm = switch_on(Path(folder), options.count, options.at_a_time)
    print(storm)
    for agent in storm.failed:
        print(agent.boot.console.text, file=sys.stderr)
    return 1 if storm.failed else 0


if __name__ == "__main__":
    sys.exit(main())
