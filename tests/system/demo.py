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
from bootlab import fleet, programs, rootfs  # noqa: E402 (the line above is what makes it found)
from bootlab.server import Server  # noqa: E402
from bootlab.swtpm import Tpm  # noqa: E402

HERE = Path(__file__).parent / "demo"
BOOT_SECONDS = 180  # under emulation, on a loaded machine
REACHED = r"real root reached"
BOARD_ROOT = "/run/board"  # where step 2 builds what a running system would try with

GREEN, RED, BOLD, PLAIN = ("\x1b[32m", "\x1b[31m", "\x1b[1m", "\x1b[0m") if sys.stdout.isatty() else ("",) * 4


class NotSo(Exception):
    """Something that the story says is not so."""


def say(text):
    """A sentence of the narrator."""
    print(text, flush=True)


def show(text):
    """What a program said, set apart."""
    for line in text.splitlines():
        print(f"    | {line}", flush=True)


def check(is_so, claim, otherwise=""):
    """Tells a claim that was seen to hold, or ends the story."""
    if not is_so:
        raise NotSo(f"{claim}: not so. {otherwise}".strip())
    say(f"  {GREEN}ok{PLAIN} {claim}")


class Story:
    """The server, the product, and what the boots reported."""

    def __init__(self, folder):
        self.folder = folder
        self.start = time.monotonic()
        self.secret = secrets.token_hex(16)
        self.reports = {}
        self.maker = folder / "tpm-maker"
        say("preparing: a TPM, a server, an image, the real root (built once, then cached)")
        self.first_tpm = Tpm(folder / "tpm-1", self.maker)
        self.root = rootfs.trixie_root(folder / "root.img", programs.agent())
        self.server = Server(folder / "server", ek_roots=self.first_tpm.ca_certificates)
        (folder / "product").mkdir()
        self.product = fleet.Product(folder / "product", self.server.image, (HERE / "agent.conf").read_text())
        self.esp = self.product.esp()
        self.board = self.product.board("board-1", self.esp, self.root, self.first_tpm, echo=self.console)
        self.first_digests = None
        self.started = time.monotonic()
        say(f"prepared in {self.started - self.start:.0f} s; everything below is in {folder}")

    def step(self, number, title):
        """A heading with the time that has passed."""
        say(f"\n{BOLD}{number}. {title}{PLAIN}   [{time.monotonic() - self.started:.0f} s]")

    @staticmethod
    def console(line):
        """A line of a board's console; the firmware's are left out."""
        if line.strip() and not line.startswith("BdsDxe"):
            show(line)

    def ctl(self, *words):
        """bootsealctl, shown with what it said."""
        say(f"  $ bootsealctl {' '.join(words)}")
        output = self.server.ctl(*words)
        show(output)
        return output

    def waiting_device(self):
        """The one device that waits for an operator."""
        devices = self.server.ctl_json("device", "list")["devices"]
        waiting = [device for device in devices if device["status"] == "pending"]
        if len(waiting) != 1:
            raise NotSo(f"one device waits for an operator: there are {len(waiting)}")
        return waiting[0]["id"]

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
    board.wait_for(r"(?i)pending|waits? for an operator", BOOT_SECONDS)
    device = story.waiting_device()
    story.ctl("device", "show", device)
    story.ctl("device", "approve", device, "--learn", "--profile=demo")
    found = story.finish_boot(board, "1 first")
    story.check_handover(found)
    story.first_digests = found
    check(board.boots == 1, "the waiting agent went on without a reboot")
    check(story.reports["1 first"]["source"] == "server", "the credentials came from the server")
    status, answer = board.run(f"whoami-by-tpm {story.server.url}/v1/whoami")
    show(answer)
    check(status == 0 and device in answer,
          "curl with the distribution's tpm2-openssl asked whoami, mutually authenticated by the key in the TPM")


def after_the_cap(story):
    """Root in the running system has the disk, the TPM, the server and the agent, and gets nothing."""
    story.step(2, "The running system tries to open the vault and to provision itself again")
    board = story.board
    board.run(f"mkdir -p {BOARD_ROOT}/etc/bootseal {BOARD_ROOT}/var/lib/bootseal")
    for name in ("bootseal.conf", "server-ca.pem"):
        text = (story.product.config / name).read_text()
        board.run(f"cat >{BOARD_ROOT}/etc/bootseal/{name} <<'END_OF_FILE'\n{text}\nEND_OF_FILE")
    status, _ = board.run(f"mount -o ro LABEL=bootseal-state {BOARD_ROOT}/var/lib/bootseal")
    check(status == 0, "root has mounted the vault's file system")
    slots = board.run(f"ls {BOARD_ROOT}/var/lib/bootseal")[1]
    check("slot-a" in slots, "the slots are there to read")
    status, answer = board.run(f"open-vault {BOARD_ROOT}/var/lib/bootseal/slot-a")
    show(answer)
    # TPM_RC_POLICY_FAIL for session 1: everything before the unseal went well.
    check(status != 0 and "unsealing" in answer and re.search(r"(?i)99d|policy check failed", answer),
          "the TPM refuses to unseal: its policy wants the cap PCR as it was before the cap")
    status, answer = board.run(f"bootseal boot --root {BOARD_ROOT}", timeout=120)
    show(answer)
    check(status != 0 and "reboot to provision" in answer, "bootseal boot refuses: this boot is over")
    board.run(f"umount {BOARD_ROOT}/var/lib/bootseal")
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
    check(board.sent_packets() == [], "not one packet left the guest")
    board.shut_down()


def changed_boot(story):
    """Another kernel command line is another boot: shut vault, refusal with PCR and event, approval."""
    story.step(4, "Third boot, another kernel command line")
    story.server.start()
    board = story.board
    board.disks.esp = story.product.esp("demo.changed=1")
    board.power_on()
    refusal = board.wait_for(r".*\bPCR (\d+)\b.*", BOOT_SECONDS)
    device = story.reports["1 first"]["device"]
    story.ctl("device", "show", device)
    findings = story.server.ctl_json("device", "show", device)["findings"]
    check(refusal.group(1) == str(findings[0]["pcr"]) and findings[0]["event"] is not None,
          f"the vault stays shut; the server refuses and names PCR {findings[0]['pcr']} and event {findings[0]['event']}")
    story.ctl("device", "approve", device, "--learn")
    found = story.finish_boot(board, "4 changed")
    check(found == story.first_digests, "the waiting device went on, with the same credentials")
    check(board.boots == 3, "without a further boot")
    board.shut_down()


def zero_touch(story):
    """A device known by the hash of its EK before it was ever switched on."""
    story.step(5, "A second device, imported beforehand: nobody touches anything")
    tpm = Tpm(story.folder / "tpm-2", story.maker)
    table = story.folder / "devices.csv"
    table.write_text("ek_sha256,serial,profile,labels\n"
                     f"{tpm.ek_sha256()['secp384r1']},DEMO-0002,demo,site=plant-2\n")
    story.ctl("device", "import", str(table))
    with story.product.board("board-2", story.esp, story.root, tpm, echo=story.console) as board:
        board.power_on()
        found = story.finish_boot(board, "5 zero-touch")
        story.check_handover(found)
        check(found["import"]["demo.key"] != story.first_digests["import"]["demo.key"],
              "its generated key is its own")
        check(found["file"]["app.conf"] ==
              hashlib.sha256(b"[app]\nserial = DEMO-0002\nsite = plant-2\n").hexdigest(),
              "its application setting carries its serial number and site")


def over_the_air(story):
    """A device that brings a token."""
    say("\n   A third device with a token on its state disk")
    say("  $ bootsealctl token create --profile=demo --uses=1 --expires=1h")
    token = story.server.ctl_json("token", "create", "--profile=demo", "--uses=1", "--expires=1h")["token"]
    with story.product.board("board-3", story.esp, story.root, Tpm(story.folder / "tpm-3", story.maker),
                             {"token": token}, story.console) as board:
        board.power_on()
        story.check_handover(story.finish_boot(board, "5 token"))


def table(story):
    """What the boots cost."""
    story.step(6, "What it cost")
    names = list(story.reports)
    states = []
    for report in story.reports.values():
        states += [step["state"] for step in report["steps"] if step["state"] not in states]
    say(f"  {'ms':<14}" + "".join(f"{name:>14}" for name in names))
    for state in states:
        cells = [next((step["ms"] for step in report["steps"] if step["state"] == state), None)
                 for report in story.reports.values()]
        say(f"  {state:<14}" + "".join(f"{'-' if cell is None else cell:>14}" for cell in cells))
    for key in ("total_ms", "tpm_commands", "round_trips", "bytes_sent", "bytes_received"):
        say(f"  {key:<14}" + "".join(f"{report[key]:>14}" for report in story.reports.values()))
    check(all(story.reports[name]["round_trips"] == 0 for name in names if "offline" in name),
          "the offline boot made no round trip")


def tell(folder):
    """The six steps."""
    story = Story(folder)
    with story.server, story.board:
        first_boot(story)
        after_the_cap(story)
        offline_boot(story)
        changed_boot(story)
        zero_touch(story)
        over_the_air(story)
        table(story)
    say(f"\nEverything was so, in {time.monotonic() - story.started:.0f} s.")


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
    except (NotSo, AssertionError, OSError, RuntimeError) as error:
        print(f"\n{RED}not so:{PLAIN} {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
