"""The paths of the agent that change state: where each begins, and where it has to end however often it is begun.

A new one is a class with a name, what is to be done before it, and its end; PATHS names it.
"""

from end import check_boot, check_tpm, need
from world import LATER


class Path:
    """A boot that the server is there for and that ends with credentials from `source`."""

    name = None
    words = ("boot",)  # of the agent
    source = "server"  # of the credentials of an uncut run
    later = 0  # it takes place so many seconds later than it is
    increments = 1  # of the counter in an uncut run; the last one commits

    def __init__(self, world):
        self.world = world
        self.device, self.server = world.device, world.server
        self.clean = None  # what a run without a cut left: tpm objects, effects

    @property
    def log(self):
        """Of the boot that is cut, and of those after it."""
        return self.world.log

    def prepare(self):
        """From a device that nobody knows to the begin of this path. The server runs."""
        raise NotImplementedError

    def check_order(self, effects):
        """What an uncut run does has to come in the right order: nothing is handed over, and the vault is done with, when it is capped."""
        (cap,) = [effect.number for effect in effects if effect.text == "PCR_Event"]
        increments = sum(effect.text == "NV_Increment" for effect in effects)
        need(increments == self.increments, f"the counter was incremented {increments} times")
        for effect in effects:
            if effect.kind == "file":
                need(effect.number > cap, f"{effect.text} before the cap")
            elif effect.kind == "disk":
                need(effect.number < cap or "failures" in effect.text or effect.text.endswith("var/lib/bootseal"),
                     f"{effect.text} after the cap")
            elif effect.kind == "tpm":
                need(effect.number <= cap or effect.text == "PCR_Read", f"{effect.text} after the cap")

    def run_again(self, effects):
        """The boot after the power cut, and its end. `effects` came before the cut."""
        code, said = self.device.boot_again(self.log)
        need(code == 0, f"the boot after the cut ended with {code}:\n{said}")
        need(self.vault_opened() or not self.must_open(effects), f"the vault did not open after the cut:\n{said}")
        check_boot(self.world, self.device.report["source"])
        self.check_end()

    def vault_opened(self):
        """In the last boot, whatever came after that."""
        return any(step["state"] == "open" and step["error"] is None for step in self.device.report["steps"])

    def must_open(self, effects):
        """Whether the boot after a cut there needs nobody: what was committed is never lost."""
        return sum(effect.text == "NV_Increment" for effect in effects) == self.increments

    def check_end(self):
        """The vault is whole, the server knows, and the next boot needs nobody."""
        check_tpm(self.world, self.clean)
        self.server.stop()
        code, said = self.device.boot_again(self.log, wait=0)
        need(code == 0, f"the boot without a server ended with {code}:\n{said}")
        check_boot(self.world, "vault")

    def _boot(self, log, words="boot"):
        code, said = self.device.boot_again(log)
        need(code == 0, f"{words} ended with {code}:\n{said}")

    def _import(self):
        """The server knows the device before it was ever switched on."""
        table = self.server.folder / "devices.csv"
        table.write_text(f"ek_sha256,serial,profile,labels\n{self.world.template.ek_sha256()['secp384r1']},S-1,demo,\n")
        self.server.ctl("device", "import", table)


class Enroll(Path):
    """The first boot, with a token that is good for one device."""

    name = "enroll"
    increments = 2  # the first one makes the counter

    def prepare(self):
        token = self.server.json("token", "create", "--profile=demo", "--uses=1", "--expires=1d")["token"]
        (self.device.root / "token").write_text(token + "\n")

    def check_end(self):
        (token,) = self.server.json("token", "list")["tokens"]
        need(token["used"] == 1, f"the token was used {token['used']} times")
        super().check_end()


class Renew(Path):
    """A boot whose vault opens and is due for renewal."""

    name = "renew"
    later = LATER

    def must_open(self, _):
        """The old vault or the new one."""
        return True

    def prepare(self):
        self._import()
        self._boot(self.log)


class Reseal(Path):
    """The first boot of a changed system, which the server approves: the vault does not open."""

    name = "reseal"

    @property
    def log(self):
        return self.world.changed_log

    def prepare(self):
        self._import()
        self._boot(self.world.log)


class Open(Path):
    """A boot from the vault, after one that failed."""

    name = "open"
    source = "vault"
    increments = 0

    def prepare(self):
        self._import()
        self._boot(self.log)
        code, said = self.device.boot_again(self.log, measure='boot = "required"; bank = "sha384";')
        need(code == 40, f"a boot that has to fail ended with {code}:\n{said}")


PATHS = {path.name: path for path in (Enroll, Renew, Reseal, Open)}
