"""The paths of the agent that change state: where each begins, and where it has to end however often it is begun.

A new one is a class with a name, what is to be done before it, and its end; PATHS names it.
"""

from end import check_boot, check_disk, check_slots, check_tpm, device_keys, generation, need
from world import CUT, KEYED, LATER

NOWHERE = "https://localhost:1"


class Path:
    """A boot that the server is there for and that ends with credentials from `source`."""

    name = None
    words = ("boot",)  # of the agent
    code = 0  # exit code of an uncut run
    source = "server"  # of the credentials of an uncut run
    later = 0  # it takes place so many seconds later than it is
    settings = {}  # in bootseal.conf
    is_raw = False  # the vault lies on a raw partition
    is_signed_image = False  # what is booted are images that their makers signed
    again = {}  # settings of the boot after the cut, where that is cut too
    increments = 1  # of the counter in an uncut run; the last one commits
    bites = -1, "the vault did not open"  # on a disk that keeps nothing, the cut right after that increment breaks this

    def __init__(self, world):
        self.world = world
        self.device, self.server = world.device, world.server
        self.clean = None  # what a run without a cut left: tpm objects, effects
        self.keys = {}  # that the device made before the path

    @property
    def log(self):
        """Of the boot that is cut, and of those after it."""
        return self.first_log

    @property
    def first_log(self):
        """Of the boots before it."""
        return self.world.signed_log if self.is_signed_image else self.world.log

    def prepare(self):
        """From a device that nobody knows to the begin of this path. The server runs."""
        raise NotImplementedError

    def check_run(self):
        """What an uncut run left behind."""
        check_boot(self.world, self.source)

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

    def run_again(self, runs):
        """The boots after the power cut, and their end. `runs`: the effects before it, of each run that was cut."""
        if any(self.must_open(effects) for effects in runs):
            code, said = self.device.boot_again(self.log, wait=0, url=NOWHERE)
            need(code == 0 and self.device.report["source"] == "vault", f"the vault did not open after the cut:\n{said}")
            check_slots(self.device)
        code, said = self.device.boot_again(self.log)
        need(code == 0, f"the boot after the cut ended with {code}:\n{said}")
        check_boot(self.world, self.device.report["source"])
        self.check_end()

    def must_open(self, effects):
        """Whether the boot after a cut there needs nobody: what was committed is never lost."""
        return sum(effect.text == "NV_Increment" for effect in effects) == self.increments

    def check_end(self):
        """The vault is whole, the server knows, and the next boot needs nobody."""
        check_tpm(self.world, self.clean)
        keys = device_keys(self.world)
        need(not self.keys or keys == self.keys, "the keys that the device made before are other ones now")
        self.server.stop()
        code, said = self.device.boot_again(self.log, wait=0)
        need(code == 0, f"the boot without a server ended with {code}:\n{said}")
        check_boot(self.world, "vault")
        need(device_keys(self.world) == keys, "the vault has other keys than the boot before")

    def _make_keys(self):
        """A first boot in which the device makes keys."""
        self.server.profile(KEYED)
        self._import()
        self._boot(self.first_log)
        self.keys = device_keys(self.world)
        need(len(self.keys) == 2, "the device made no keys")

    def _boot(self, log, words="boot"):
        code, said = self.device.boot_again(log)
        need(code == 0, f"{words} ended with {code}:\n{said}")

    def _cut_at(self, words, begin, count):
        """Runs the agent to right before its increment of that number; nothing is thrown away."""
        begin()
        _, _, effects = self.device.watch(words)
        number = [effect.number for effect in effects if effect.text == "NV_Increment"][count]
        begin()
        code, said, _ = self.device.watch(words, f"--at={number}", "--side=before", "--lost=no")
        need(code == CUT, f"{words} was not cut but ended with {code}:\n{said}")

    def _from(self, name, later=0):
        """How to begin anew from what was kept under this name."""
        def begin():
            self.world.put_back(name)
            self.server.start(later)
            self.device.later = later
            self.device.power_on(self.first_log)
        return begin

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
        self.server.profile(KEYED)
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
        self._make_keys()


class Reseal(Path):
    """The first boot of a changed system, which the server approves: the vault does not open."""

    name = "reseal"

    @property
    def log(self):
        return self.world.changed_log

    def prepare(self):
        self._make_keys()


class Open(Path):
    """A boot from the vault, after one that failed."""

    name = "open"
    source = "vault"
    increments = 0

    def prepare(self):
        self._make_keys()
        code, said = self.device.boot_again(self.log, measure='boot = "required"; bank = "sha384";')
        need(code == 40, f"a boot that has to fail ended with {code}:\n{said}")


class Forget(Path):
    """`bootseal forget`: opens nothing any more, whoever puts what into the slots."""

    name = "forget"
    words = ("forget",)
    increments = 2
    bites = 0, "the vault opened"
    again = {"wait": 0, "url": NOWHERE}  # nothing that would make another vault in the place of the forgotten one

    def prepare(self):
        """Enrolled; and somebody has copies of its slots and of one that a cut renewal left for the next value of the counter."""
        self._import()
        self._boot(self.world.log)
        self.kept = self.device.slots[0].read_bytes()
        self.world.keep(f"before-{self.name}")
        self._cut_at(("boot",), self._from(f"before-{self.name}", LATER), 0)
        slots = [slot.read_bytes() for slot in self.device.slots]
        (self.abandoned,) = [slot for slot in slots if generation(slot) == generation(self.kept) + 1]
        self._from(f"before-{self.name}")()

    def check_run(self):
        left = [slot.name for slot in self.device.slots if slot.exists()]
        need(not left, f"left in the vault: {left}")

    def check_order(self, effects):
        """The mark is durable before the counter moves."""
        numbers = [effect.number for effect in effects if effect.text == "NV_Increment"]
        need(len(numbers) == self.increments, f"the counter was incremented {len(numbers)} times")
        need(any(effect.kind == "disk" and effect.number < numbers[0] for effect in effects), "nothing is written before it")
        need(not any(effect.kind == "net" for effect in effects), "it talked to somebody")

    def run_again(self, runs):
        effects = sum(runs, [])
        is_shut = any(effect.text == "NV_Increment" for effect in effects)
        is_begun = is_shut or any(effect.kind == "disk" for effect in effects)
        for slot in self.device.slots if is_shut else ():
            if not slot.exists() or not slot.read_bytes().startswith(b"BSFORGET"):
                slot.write_bytes(self.abandoned)
        is_open = self._opens()
        need(not (is_open and is_shut), "the vault opened with what was kept")
        need(is_open or is_begun, "nothing was forgotten, and the vault did not open")
        self._forget_again(is_open)
        self.check_end()

    def _forget_again(self, is_open):
        if is_open:
            code, said = self.device.again(self.words)
            need(code == 0, f"forgetting again ended with {code}:\n{said}")

    def _take_in(self):
        """So that the device may enroll again."""

    def check_end(self):
        for slots in ((self.kept, self.kept), (self.abandoned, self.abandoned), (self.kept, self.abandoned)):
            for slot, content in zip(self.device.slots, slots):
                slot.write_bytes(content)
            need(not self._opens(), "the vault opened with what was kept")
        for slot in self.device.slots:
            slot.unlink()
        check_disk(self.world)
        self._take_in()
        self._boot(self.log)
        check_boot(self.world, "server")
        super().check_end()

    def _opens(self):
        """A boot that only the vault can help."""
        code, said = self.device.boot_again(self.world.log, wait=0, url=NOWHERE)
        need(code in (0, 10), f"the boot that only the vault can help ended with {code}:\n{said}")
        need((self.device.report["source"] == "vault") == (code == 0), f"the report says {self.device.report}")
        return code == 0


class Wipe(Forget):
    """A boot that the server tells to forget."""

    name = "wipe"
    words = ("boot",)
    code = 21
    id = None

    @property
    def log(self):
        """A changed one, so that it asks."""
        return self.world.changed_log

    def prepare(self):
        super().prepare()
        self.id = self.device.id
        self.server.ctl("device", "wipe", self.id)

    def check_run(self):
        super().check_run()
        self._check_state()

    def check_order(self, effects):
        Path.check_order(self, effects)

    def _check_state(self):
        need(self._state() == "wiped", f"the server says {self._state()}")

    def _state(self):
        return self.server.json("device", "show", self.id)["status"]

    def _forget_again(self, is_open):
        was = self._state()
        code, said = self.device.boot_again(self.log, wait=0)
        need(code == (20 if was == "wiped" else self.code), f"a boot of a device that is {was} ended with {code}:\n{said}")
        need(self.device.is_capped() and not self.device.has_credentials(), f"a wiped device goes on:\n{said}")
        self._check_state()

    def _take_in(self):
        self.server.ctl("device", "approve", self.id)


class Finish(Path):
    """The boot after a `bootseal forget` that was cut: it finishes that and enrolls."""

    name = "finish"
    increments = 3

    def prepare(self):
        self._import()
        self._boot(self.log)
        self.world.keep(f"before-{self.name}")
        self._cut_at(("forget",), self._from(f"before-{self.name}"), 0)


class SignedRenew(Renew):
    """Under a signed policy: in the end a boot that nobody has seen on this device, but that is a release, opens the vault too."""

    name = "signed-renew"
    settings = {"seal": 'policy = "signed";'}

    def prepare(self):
        self.server.ctl("reference", "release", self.world.release, "--name=2")
        super().prepare()

    def check_end(self):
        super().check_end()
        code, said = self.device.boot_again(self.world.changed_log, wait=0)
        need(code == 0 and self.device.report["source"] == "vault", f"the release does not open the vault:\n{said}")


class SignedReseal(Reseal):
    """Under a signed policy, in a boot that was not approved for this device until the server saw it."""

    name = "signed-reseal"
    settings = {"seal": 'policy = "signed";'}


class ImageRenew(Renew):
    """The vault opens in what the image's maker signed."""

    name = "uki-renew"
    settings = {"seal": 'policy = "signed-uki";'}
    is_signed_image = True


class ImageReseal(Reseal):
    """An image of another maker: the vault is sealed to another key."""

    name = "uki-reseal"
    settings = {"seal": 'policy = "signed-uki";'}
    is_signed_image = True

    @property
    def log(self):
        return self.world.other_signed_log


class RawEnroll(Enroll):
    """The vault on a partition that was blank."""

    name = "raw-enroll"
    is_raw = True


class RawRenew(Renew):
    """The vault on a partition."""

    name = "raw-renew"
    is_raw = True


class RawReseal(Reseal):
    """The vault on a partition."""

    name = "raw-reseal"
    is_raw = True


class RawForget(Forget):
    """The vault on a partition."""

    name = "raw-forget"
    is_raw = True


PATHS = {path.name: path for path in (Enroll, Renew, Reseal, Open, Forget, Wipe, Finish, SignedRenew, SignedReseal, ImageRenew,
                                      ImageReseal, RawEnroll, RawRenew, RawReseal, RawForget)}
