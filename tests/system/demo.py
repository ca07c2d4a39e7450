#!/usr/bin/python3
"""The whole story with real parts: devices provision themselves, from power-on to their real root.

Six steps, each told as it happens and checked; ends with an error at the first thing that is not so.
"""

import argparse
import hashlib
import json
import re
import secrets
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from bootlab import fleet, narrator, programs, rootfs  # noqa: E402 (the line above is what makes it found)
from bootlab.narrator import NotSo, check, say, show  # noqa: E402
from bootlab.server import Server  # noqa: E402
from bootlab.swtpm import Tpm  # noqa: E402

HERE = Path(__file__).parent / "demo"
BOOT_SECONDS = 180  # under emulation, on a loaded machine
REACHED = r"real root reached"
REFUSED = 20  # bootseal/exit.h
COSTS = ("total_ms", "tpm_commands", "round_trips", "bytes_sent", "bytes_received")
MINUTES = 6  # what the story may take


class Story:
    """The server, the product, and what the boots reported."""

    def __init__(self, folder):
        self.folder = folder
        start = time.monotonic()
        self.secret = secrets.token_hex(16)
        self.reports = {}
        self.first_digests = None
        maker = folder / "tpm-maker"
        say("preparing: TPMs, a server, an image, the real root (built once, then cached)")
        self.tpms = [Tpm(folder / f"tpm-{number}", maker) for number in (1, 2, 3)]
        self.root = rootfs.trixie_root(folder / "root.img", programs.agent())
        self.server = Server(folder / "server", ek_roots=self.tpms[0].ca_certificates)
        (folder / "product").mkdir()
        self.product = fleet.Product(folder / "product", self.server.image, (HERE / "agent.conf").read_text())
        self.esp = self.product.esp()
        self.board = self.new_board(1)
        self.started = time.monotonic()
        say(f"prepared in {self.started - start:.0f} s; everything below is in {folder}")

    def new_board(self, number, state_files=None):
        """A board that was never switched on."""
        return self.product.board(f"board-{number}", self.esp, self.root, state_files=state_files,
                                  serial=f"DEMO-{number:04}", tpm=self.tpms[number - 1],
                                  echo=narrator.console(f"board {number} "))

    def seconds(self):
        """Since the story began."""
        return time.monotonic() - self.started

    def step(self, number, title):
        """A heading with the time that has passed."""
        narrator.heading(f"{number}. {title}", f"[{self.seconds():.0f} s]")

    def ctl(self, *words):
        """bootsealctl, shown with what it said."""
        say(f"  $ bootsealctl {' '.join(words)}")
        output = self.server.ctl(*words)
        show(output)
        return output

    def waiting_device(self):
        """The one device that waits for an operator."""
        devices = self.server.ctl_json("device", "list")["devices"]
        waiting = [device["id"] for device in devices if device["status"] == "pending"]
        check(len(waiting) == 1, "one device waits for an operator", f"there are {len(waiting)}")
        return waiting[0]

    def finish_boot(self, board, name):
        """Waits for the real root, keeps the report, and returns {how: {file: digest}} of what arrived."""
        board.wait_for(REACHED, BOOT_SECONDS)
        status, text = board.run("cat /run/bootseal/report.json")
        check(status == 0, "the boot left a report")
        self.reports[name] = json.loads(text)
        check(self.reports[name]["capped"] is True, "the boot is capped")
        found = {}
        for how, file, digest in re.findall(r"handover (\w+): (\S+) sha256 ([0-9a-f]{64})", board.console.text):
            found.setdefault(how, {})[file] = digest
        return found

    def check_handover(self, found):
        """The three ways arrived, and the given secret is the one of the profile."""
        expected = hashlib.sha256(self.secret.encode()).hexdigest()
        check(found.get("load", {}).get("demo.secret") == expected, "LoadCredential= got the secret of the profile")
        check(found.get("import", {}).get("demo.secret") == expected and "demo.key" in found["import"],
              "ImportCredential= got it too, and the key generated for this device")
        check(set(found.get("file", {})) == {"app.conf", "50-bootseal.conf", "50-wired.network"},
              "the plain files are there: network, sysctl policy, application setting")


def first_boot(story):
    """A device nobody knows waits; an operator approves it; it goes on without a reboot."""
    story.step(1, "First boot: pending, approved, provisioned")
    profile = story.folder / "profile.conf"
    profile.write_text((HERE / "profile.conf").read_text().replace("@SECRET@", story.secret))
    story.ctl("profile", "apply", str(profile))
    board = story.board
    board.power_on()
    board.wait_for(r"pending \(unknown-device\)", BOOT_SECONDS)
    device = story.waiting_device()
    story.ctl("device", "show", device)
    story.ctl("device", "approve", device, "--learn", "--profile=demo")
    found = story.finish_boot(board, "1 first")
    story.check_handover(found)
    story.first_digests = found
    check(board.boots == 1, "the waiting agent went on without a reboot")
    check(board.sent_packets() != [], f"its network traffic is in {board.capture.name}")
    check(story.reports["1 first"]["source"] == "server", "the credentials came from the server")
    status, answer = board.run(f"whoami-by-tpm {story.server.url}/v1/whoami")
    show(answer)
    check(status == 0 and device in answer,
          "curl with the distribution's tpm2-openssl asked whoami, mutually authenticated by the key in the TPM")


def root_of_ones_own(story, folder, changes):
    """A folder for --root in the running system: the image's configuration with changes, and copies of the slots."""
    made = fleet.configuration(story.folder / Path(folder).name, story.product.config, changes=changes)
    story.board.run(f"mkdir -p {folder}/etc/bootseal {folder}/run {folder}/var/lib/bootseal && "
                    f"cp /mnt/slot-* {folder}/var/lib/bootseal/")
    for path in made.iterdir():
        story.board.run(f"cat >{folder}/etc/bootseal/{path.name} <<'END_OF_FILE'\n{path.read_text()}\nEND_OF_FILE")


def boot_again(story, folder, changes):
    """`bootseal boot` in the running system, with a root of one's own."""
    root_of_ones_own(story, folder, {"cap: {": "net: { up = []; };\ncap: {", **changes})
    say(f"  # bootseal boot --root={folder}")
    status, answer = story.board.run(f"bootseal boot --root={folder} 2>&1", timeout=120)
    show(answer)
    stored = story.board.run(f"ls {folder}/run/credstore")[1]
    check("demo" not in stored, "no credential came out")
    return status, answer


def after_the_cap(story):
    """Root in the running system has the disk, the TPM, the server and the agent, and gets nothing."""
    story.step(2, "The running system tries to open the vault and to provision itself again")
    board = story.board
    status, answer = board.run("mount -o ro LABEL=bootseal-state /mnt && ls /mnt")
    check(status == 0 and "slot-a" in answer, "root has mounted the vault's file system and can read its slots")
    say("  # open-vault /mnt/slot-a          (tpm2_load, tpm2_policypcr, tpm2_policynv, tpm2_unseal)")
    status, answer = board.run("open-vault /mnt/slot-a 2>&1")
    show(answer)
    # TPM_RC_POLICY_FAIL for session 1: everything before the unseal went well.
    check(status != 0 and "unsealing" in answer and re.search(r"(?i)99d|policy check failed", answer),
          "the TPM refuses to unseal: its policy wants the cap PCR as it was before the cap")
    status, answer = boot_again(story, "/run/again", {})
    check(status == REFUSED and "this boot is over" in answer, "the agent says that this boot is over")
    say("  with a configuration that hides the cap from the agent:")
    status, answer = boot_again(story, "/run/hidden", {"cap: { pcr = 12; }": "cap: { pcr = 9; }",
                                                       "11]": "11, 12]"})
    device = story.reports["1 first"]["device"]
    shown = story.server.ctl_json("device", "show", device)
    check(status == REFUSED and "refuses (capped)" in answer and shown["reason"] == "capped",
          "the server refuses: in the quote it sees that this boot is capped")
    board.shut_down()


def offline_boot(story):
    """The second boot needs no server and sends nothing."""
    story.step(3, "Second boot, the server is stopped")
    story.server.stop()
    board = story.board
    board.power_on()
    found = story.finish_boot(board, "3 offline")
    check(found == story.first_digests, "the same credentials, digest for digest")
    check(story.reports["3 offline"]["source"] == "vault", "they came from the vault")
    check(story.reports["3 offline"]["round_trips"] == 0, "without a round trip")
    board.shut_down()
    check(board.sent_packets() == [], f"not one packet left the guest: {board.capture.name} has none from it")


def changed_boot(story):
    """Another kernel command line is another boot: shut vault, refusal with PCR and event, approval."""
    story.step(4, "Third boot, another kernel command line")
    story.server.start()
    board = story.board
    board.disks.esp = story.product.esp("demo.changed=1")
    board.power_on()
    board.wait_for(r"the vault is sealed to another boot", BOOT_SECONDS)
    board.wait_for(r"\(boot-not-approved\)", BOOT_SECONDS)
    device = story.reports["1 first"]["device"]
    findings = story.server.ctl_json("device", "show", device)["findings"]
    board.wait_for(r"(?s)(expected: .*){%d}" % len(findings), BOOT_SECONDS)
    story.ctl("device", "show", device)
    finding = findings[0]
    told = board.wait_for(r"  PCR (\d+), event (\d+): ", BOOT_SECONDS)
    check((int(told.group(1)), int(told.group(2))) == (finding["pcr"], finding["event"]),
          f"the vault stays shut; the server refuses and names PCR {finding['pcr']} and event {finding['event']}, "
          "to the operator and on the console")
    story.ctl("device", "approve", device, "--learn")
    found = story.finish_boot(board, "4 changed")
    check(found == story.first_digests, "the waiting device went on, with the same credentials")
    check(board.boots == 3, "without a further boot")
    board.shut_down()


def new_devices(story):
    """A device known by the hash of its EK before it was ever switched on, and one that brings a token."""
    story.step(5, "A second device imported beforehand, a third with a token: nobody touches anything")
    table = story.folder / "devices.csv"
    table.write_text("ek_sha256,serial,profile,labels\n"
                     f"{story.tpms[1].ek_sha256()['secp384r1']},DEMO-0002,demo,site=plant-2\n")
    show(table.read_text())
    story.ctl("device", "import", str(table))
    say("  $ bootsealctl token create --profile=demo --uses=1 --expires=1h   (to a file on the third's state disk)")
    token = story.server.ctl_json("token", "create", "--profile=demo", "--uses=1", "--expires=1h")["token"]
    with story.new_board(2) as second, story.new_board(3, {"token": token + "\n"}) as third:
        second.power_on()
        third.power_on()
        found = story.finish_boot(second, "5 imported")
        story.check_handover(found)
        check(found["import"]["demo.key"] != story.first_digests["import"]["demo.key"],
              "its generated key is its own")
        setting = f"[app]\ndevice = {story.reports['5 imported']['device']}\nserial = DEMO-0002\n"
        check(found["file"]["app.conf"] == hashlib.sha256(setting.encode()).hexdigest(),
              "its application setting carries its own identity and serial number")
        story.check_handover(story.finish_boot(third, "5 token"))
        check("pending" not in second.console.text + third.console.text, "neither had to wait for an operator")
    (used,) = story.server.ctl_json("token", "list")["tokens"]
    check(used["used"] == 1, "the token is used up")


def table(story):
    """What the boots cost."""
    story.step(6, "What it cost")
    reports = story.reports
    states = []
    for report in reports.values():
        states += [step["state"] for step in report["steps"] if step["state"] not in states]
    say(f"  {'ms in':<16}" + "".join(f"{name:>14}" for name in reports))
    for state in states:
        cells = [next((step["ms"] for step in report["steps"] if step["state"] == state), "-")
                 for report in reports.values()]
        say(f"  {state:<16}" + "".join(f"{cell:>14}" for cell in cells))
    for key in COSTS:
        say(f"  {key:<16}" + "".join(f"{report[key]:>14}" for report in reports.values()))
    say("  (connect holds the waiting for an operator and a DHCP server; all of it under emulation)")


def tell(folder):
    """The six steps."""
    story = Story(folder)
    with story.server, story.board:
        for part in (first_boot, after_the_cap, offline_boot, changed_boot, new_devices, table):
            part(story)
    say(f"\nEverything was so, in {story.seconds():.0f} s of at most {60 * MINUTES}.")


def main():
    """0 when everything was so."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave images, logs and captures in this new folder")
    options = parser.parse_args()
    for program in (programs.agent(), programs.bootseald(), programs.bootsealctl()):
        if not program.exists():
            print(f"{program} is not built: ./dev build", file=sys.stderr)
            return 2
    try:
        if options.keep:
            options.keep.mkdir(parents=True)
            tell(options.keep.resolve())
        else:
            with tempfile.TemporaryDirectory(prefix="bootseal-demo-") as folder:
                tell(Path(folder))
    except (NotSo, AssertionError, LookupError, OSError, RuntimeError, ValueError) as error:
        print(f"\n{narrator.RED}not so:{narrator.PLAIN} {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
