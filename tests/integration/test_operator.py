"""The operator's side: what a person sees, what programs read, and what is signed for others."""

import json
import os
import pty
import re
import struct
import subprocess
import fcntl
import termios
from pathlib import Path

import pytest

import bootlogs
import lab
import tinyuki
from bootlab.run import run
from fleet import OTHER_LOG, Fleet

DOCUMENT = lab.REPOSITORY / "docs/json.md"


def whole_fleet(folder):
    """A server with devices in every state: approved, pending, refused, revoked, imported."""
    one = Fleet(folder)
    server = one.server
    server.start()
    token = one.token()
    confirmed = [device for device, _ in one.enroll("--count=4", f"--token={token}").confirmed]
    one.good, one.revoked, one.refused, one.moved = confirmed
    one.pending = one.enroll().pending[0]
    one.token_text = token
    yield one
    server.stop()


@pytest.fixture(name="fleet", scope="module")
def fixture_fleet(tmp_path_factory):
    """One for all tests that leave it much as it was."""
    yield from whole_fleet(tmp_path_factory.mktemp("operator"))


@pytest.fixture(name="own_fleet")
def fixture_own_fleet(tmp_path):
    """One for a test that does everything to it."""
    yield from whole_fleet(tmp_path)


def on_terminal(server, *words, width=80, height=24):
    """What bootsealctl prints on a terminal of this size."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    command = [lab.BUILD / "bootsealctl", f"--dir={server.folder}", *words]
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, close_fds=True) as process:
        os.close(slave)
        out = b""
        while True:
            try:
                piece = os.read(master, 65536)
            except OSError:
                break
            if not piece:
                break
            out += piece
        assert process.wait(20) == 0, out
    os.close(master)
    return out.decode().replace("\r\n", "\n")


def uncoloured(text):
    """Without escape sequences for colours, which are the only ones."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_a_device_is_one_screen(fleet):
    shown = uncoloured(on_terminal(fleet.server, "device", "show", fleet.good[:16]))
    lines = shown.splitlines()
    assert len(lines) <= 24 and max(map(len, lines)) <= 80, shown
    for word in (fleet.good, "approved", "demo (version 1)", "demo.secret", "demo.key", "app.conf", "firmware 32.9217.515.1029",
                 "equals reference 1", "1 living"):
        assert word in " ".join(shown.split()), (word, shown)
    assert "hunter2" not in shown
    waiting = uncoloured(on_terminal(fleet.server, "device", "show", fleet.pending[:16]))
    assert "unknown-device" in waiting and "nobody has approved this device yet" in waiting
    assert f"bootsealctl device approve {fleet.pending[:16]} --learn --question=" in " ".join(waiting.split())
    assert len(waiting.splitlines()) <= 24


def test_tables_fit_the_terminal_and_are_whole_in_a_pipe(fleet):
    for words in (("device", "list"), ("audit",), ("reference", "list"), ("token", "list"), ("ca", "show")):
        narrow = uncoloured(on_terminal(fleet.server, *words, width=72))
        assert max(map(len, narrow.splitlines())) <= 72, narrow
        whole = fleet.server.ctl(*words)
        assert "…" not in whole and "\x1b" not in whole
        assert len(whole.splitlines()) == len(narrow.splitlines())
    assert "…" in on_terminal(fleet.server, "audit", width=72)


def test_colours_are_for_terminals_or_those_who_ask(fleet):
    server = fleet.server
    assert "\x1b[32mapproved\x1b[0m" in on_terminal(server, "device", "list")
    assert "\x1b" not in on_terminal(server, "--color=never", "device", "list")
    assert "\x1b" not in server.ctl("device", "list")
    assert "\x1b[32m" in server.ctl("--color=always", "device", "list")
    assert server.ctl("--color=sometimes", "device", "list", check=False).returncode == 2
    assert "\x1b" not in on_terminal(server, "--json", "device", "list")


def test_errors_name_the_next_command(fleet):
    for words, code, says in ((("device",), 2, "device show"), (("device", "burn", "x"), 2, "device revoke"),
                              (("nothing",), 2, "--help"), (("device", "show", "ffffffff"), 4, "device list"),
                              (("device", "label", fleet.good), 4, "NAME=VALUE"), (("completion", "fish"), 2, "bash|zsh"),
                              (("audit", "--since=tomorrow"), 4, "7d")):
        done = fleet.server.ctl(*words, check=False)
        assert done.returncode == code and says in done.stderr and not done.stdout, (words, done)


def test_an_answer_that_cannot_be_written_is_an_error(fleet, tmp_path):
    """Also one that is larger than any buffer: whoever keeps an evidence file or a policy has all of it, or is told."""
    boots = lab.REPOSITORY / "tests/vectors/boots"
    large = tmp_path / "large.conf"
    large.write_text('name = "large"; pcrs: { events = [4]; ignore = [0, 2, 7, 9, 11]; }; applications = ( { release = "none"; } );\n'
                     + "# and so on\n" * 4000)
    fleet.server.ctl("policy", "apply", large)
    for words in (["--help"], ["--version"], ["completion", "bash"], ["completion", "zsh"], ["device", "list"],
                  ["device", "evidence", fleet.good], ["policy", "show", "large"],
                  ["policy", "check", boots / "gateway.conf", f"--evidence={boots}/approved.json"],
                  ["policy", "check", boots / "gateway.conf", f"--evidence={boots}/kernel.json"]):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([lab.BUILD / "bootsealctl", *([] if words[0] == "--version" else [f"--dir={fleet.server.folder}"]),
                                   *map(str, words)], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        assert done.returncode == 40, (words, done)
        assert done.stderr == "bootsealctl: the output cannot be written: No space left on device\n", (words, done)


def test_help_is_of_a_noun_where_one_is_named(fleet):
    whole = fleet.server.ctl("--help")
    assert "eventlog replay FILE" in whole and "device list" in whole
    for words in (("eventlog", "--help"), ("eventlog", "show", "x", "--help")):
        done = subprocess.run([lab.BUILD / "bootsealctl", *words], capture_output=True, text=True, check=True)
        assert "eventlog replay FILE" in done.stdout and "device list" not in done.stdout, done
    done = subprocess.run([lab.BUILD / "bootsealctl", "nothing", "--help"], capture_output=True, text=True, check=True)
    assert done.stdout == whole


def test_labels_and_moves_reach_the_device(fleet):
    server = fleet.server
    shown = server.json("device", "label", fleet.moved, "site=north", "rack=7")
    assert shown["labels"] == "site=north,rack=7"
    assert server.json("device", "label", fleet.moved, "rack=")["labels"] == "site=north"
    server.profile('name = "gate"; items = ({ name = "x"; kind = "secret"; text = "y"; });', "gate")
    assert server.json("device", "move", fleet.moved, "--profile=gate")["from"] == "demo"
    assert server.json("device", "show", fleet.moved)["profile"] == "gate"
    server.ctl("device", "move", fleet.moved, "--profile=demo")
    acts = [row["act"] for row in server.json("audit", f"--device={fleet.moved}")["audit"]]
    assert acts.count("device.label") == 2 and acts.count("device.move") == 2


def openssl(*words, stdin=None):
    """openssl with these words; what it said on both outputs."""
    done = subprocess.run(["openssl", *map(str, words)], input=stdin, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return (done.stdout + done.stderr).decode()


def test_the_revocation_list_is_openssls_too(fleet, tmp_path):
    server = fleet.server
    ca = server.folder / "device-ca.pem"
    empty = server.json("ca", "crl")
    assert empty["revoked"] == 0
    assert "verify OK" in openssl("crl", "-noout", "-verify", "-CAfile", ca, stdin=empty["crl"].encode())
    certificate = server.json("device", "show", fleet.revoked)["certificates"][0]["serial"]
    assert server.json("device", "revoke", fleet.revoked, "--because=stolen")["certificates"] == 1
    text = server.ctl("ca", "crl", "--days=30")
    path = tmp_path / "device.crl"
    path.write_text(text)
    said = openssl("crl", "-in", path, "-text", "-noout", "-verify", "-CAfile", ca)
    assert "verify OK" in said and certificate.upper() in said.replace(":", "").upper(), said
    assert "X509v3 CRL Number" in said and "X509v3 Authority Key Identifier" in said
    der = subprocess.run([lab.BUILD / "bootsealctl", f"--dir={server.folder}", "ca", "crl", "--der"], check=True,
                         capture_output=True).stdout
    assert "verify OK" in openssl("crl", "-inform", "DER", "-noout", "-verify", "-CAfile", ca, stdin=der)
    numbers = [server.json("ca", "crl")["number"] for _ in range(3)]
    assert numbers == sorted(set(numbers)) and numbers[0] > empty["number"]


def test_the_audit_is_a_chain_and_starts_where_one_asks(fleet):
    server = fleet.server
    rows = server.json("audit", "--limit=10000")["audit"]
    assert [row["sequence"] for row in rows] == list(range(1, len(rows) + 1))
    assert server.json("audit", "--limit=3")["audit"] == rows[-3:]
    assert server.json("audit", "--after=2", "--limit=2")["audit"] == rows[2:4]
    assert server.json("audit", "--since=1h", "--limit=10000")["audit"] == rows
    assert server.json("audit", "--since=2020-01-01", "--limit=2")["audit"] == rows[:2]
    assert server.json("audit", "--since=2099-01-01T00:00:00Z")["audit"] == []
    assert "bootsealctl audit --after=2" in server.ctl("audit", "--since=2020-01-01", "--limit=2")
    assert server.json("audit", "verify")["rows"] == len(rows)


def complete(*words):
    """What bash offers for a command line; the last word is where the cursor stands."""
    line = " ".join(words)
    script = (f'source "{lab.BUILD}/server/completion.bash"; COMP_WORDS=({" ".join(repr(w) for w in words)}); '
              f'COMP_CWORD={len(words) - 1}; COMP_LINE={line!r}; COMP_POINT={len(line)}; compopt() {{ :; }}; _bootsealctl; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "-uc", script], capture_output=True, text=True, check=True, cwd=lab.REPOSITORY)
    assert done.stderr == "", done.stderr
    return set(done.stdout.split())


def test_bash_completes_what_the_table_has():
    nouns = complete("bootsealctl", "")
    assert {"init", "device", "token", "profile", "reference", "audit", "ca", "backup", "metrics"} <= nouns
    assert complete("bootsealctl", "dev") == {"device"}
    assert complete("bootsealctl", "device", "") == {"list", "show", "approve", "refuse", "revoke", "wipe", "label", "move",
                                                "import", "approvals", "rekey", "share", "recover", "evidence"}
    assert complete("bootsealctl", "device", "re") == {"refuse", "revoke", "rekey", "recover"}
    assert complete("bootsealctl", "--json", "reference", "") == {"add", "evidence", "learn", "list", "show", "release", "revoke"}
    assert complete("bootsealctl", "device", "approve", "c8c9", "--") >= {"--learn", "--profile=", "--question=", "--json"}
    assert "--learn" not in complete("bootsealctl", "device", "list", "--")
    assert "--since=" in complete("bootsealctl", "audit", "--s")
    assert "README.md" in complete("bootsealctl", "profile", "apply", "READ")
    assert complete("bootsealctl", "completion", "") == {"bash", "zsh"}
    assert complete("bootsealctl", "device", "show", "") == set()


def test_zsh_takes_its_script():
    text = (lab.BUILD / "server/completion.zsh").read_text()
    assert text.startswith("#compdef bootsealctl\n") and "--accept-reset" in text
    found = subprocess.run(["zsh", "-n", lab.BUILD / "server/completion.zsh"], capture_output=True, check=False) \
        if Path("/usr/bin/zsh").exists() else None
    assert found is None or found.returncode == 0, found.stderr


def values(shown):
    """{PCR: value} of an answer."""
    return {row["pcr"]: row["value"] for row in shown["pcrs"]}


def test_the_boot_of_an_image_is_foretold_before_it_ran(fleet, tmp_path):
    """Image and firmware's log lead to a reference: 4, 9 and 11 are the image's, all others the machine's."""
    image = tmp_path / "uki.efi"
    image.write_bytes(tinyuki.uki())
    words = ("reference", "add", "1.1", f"--uki={image}", f"--firmware={OTHER_LOG}", "--profile=demo", "--release")
    added = fleet.server.json(*words)
    real = dict(re.findall(r"^(\d+) ([0-9A-F]{64})", OTHER_LOG.with_suffix(".pcrs.sha256").read_text(), re.M))
    shown = fleet.server.json("reference", "show", str(added["id"]))
    assert (shown["name"], shown["release"], shown["device"]) == ("1.1", True, None)
    assert values(shown) == values(added) and shown["events"][-1]["pcr"] in (5, 9)
    for number, value in values(shown).items():
        if number in (4, 9, 11):
            assert value != real[str(number)].lower()
        else:
            assert value == real[str(number)].lower(), number
    assert (values(shown)[9], values(shown)[11]) == (tinyuki.pcr9(), tinyuki.pcr11())
    assert fleet.server.json(*words)["id"] == added["id"]  # as often as one likes
    image.write_bytes(tinyuki.uki("other"))
    again = fleet.server.ctl(*words, check=False)
    assert again.returncode == 20 and "has the name 1.1" in again.stderr
    newer = tmp_path / "newer.efi"
    newer.write_bytes(tinyuki.uki(stub="258.1"))
    for wrong, code, says in ((("reference", "add", "1.2"), 2, "--uki=FILE"),
                              (("reference", "add", "1.2", f"--uki={newer}", f"--firmware={OTHER_LOG}", "--profile=demo"),
                               4, "PCR 9 cannot be foretold, and it is quoted: systemd-stub from 258 on"),
                              (("reference", "add", "1.2", f"--uki={__file__}"), 4, "this is no PE image"),
                              (("reference", "add", "1.2", f"--uki={image}", "--uki=x"), 2, "named twice: --uki"),
                              (("reference", "add", "1.2", f"--uki={image}", f"--firmware={image}", "--profile=demo"),
                               4, "event log cannot be read")):
        done = fleet.server.ctl(*wrong, check=False)
        assert done.returncode == code and says in done.stderr, (wrong, done)


def keys(value, prefix=""):
    """Paths of all members: a, a[].b. Names of hashes and numbers of PCRs are no members of their own."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if re.fullmatch(r"sha\d+|0x[0-9a-f]{4}", key) and prefix in ("", "pcrs.", "events[].digests.", "userspace[].digests."):
                key = "BANK"
            elif key.isdigit():
                key = "PCR"
            yield prefix + key
            yield from keys(inner, prefix + key + ".")
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner, prefix[:-1] + "[].")


def documented():
    """{command: members} of docs/json.md."""
    found, name = {}, None
    for line in DOCUMENT.read_text().splitlines():
        if line.startswith("## "):
            name = line[3:].strip("` ")
        row = re.match(r"\| `([a-zA-Z0-9_.\[\]]+)` \|", line)
        if row and name:
            found.setdefault(name, set()).add(row.group(1))
    return found


def test_json_is_what_its_document_says(own_fleet, tmp_path):
    """Every command that has JSON is run; every member is in docs/json.md, and every member there was seen."""
    fleet, server = own_fleet, own_fleet.server
    csv = tmp_path / "devices.csv"
    csv.write_text("ek_sha256,serial\n" + "ab" * 32 + ",SN-1\n")
    profile = tmp_path / "p.profile"
    profile.write_text('name = "third"; items = ({ name = "x"; kind = "file"; text = "y"; });')
    policy = tmp_path / "gateway.conf"
    policy.write_text('name = "gateway"; pcrs: { events = [4]; ignore = [0, 2, 7, 9, 11]; }; applications = ( { release = "none"; } );')
    other = fleet.other_boot()
    image = tmp_path / "uki.efi"
    image.write_bytes(tinyuki.uki("json"))
    run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", tmp_path / "offline")
    userspace, strange = tmp_path / "userspace.log", tmp_path / "strange.log"
    userspace.write_text(bootlogs.record(11, "enter-initrd"))
    strange.write_bytes(bootlogs.strange_signatures())
    keyed = fleet.keyed(run("openssl", "pkey", "-in", tmp_path / "offline", "-pubout"))
    (tmp_path / "locked").write_text(server.ctl("device", "share", keyed))
    (tmp_path / "open").write_text(server.ctl("share", "open", tmp_path / "locked", f"--key={tmp_path / 'offline'}"))
    runs = {
        "device list": [("device", "list")],
        "device show": [("device", "show", fleet.good), ("device", "show", other), ("device", "show", fleet.revoked),
                        ("device", "show", keyed)],
        "device approve": [("device", "approve", fleet.pending, "--profile=demo", "--learn")],
        "device refuse": [("device", "refuse", fleet.refused)],
        "device revoke": [("device", "revoke", fleet.refused)],
        "device wipe": [("device", "wipe", fleet.refused)],
        "device label": [("device", "label", fleet.good, "a=b")],
        "device move": [("device", "move", fleet.good, "--profile=demo")],
        "device approvals": [("device", "approvals", fleet.good)],
        "device evidence": [("device", "evidence", fleet.good)],
        "policy check": [("policy", "check", policy, f"--evidence={lab.LOGS / 'ovmf-uki-cloud.bin'}")],
        "policy diff": [("policy", "diff", policy, "--profile=demo")],
        "policy apply": [("policy", "apply", policy)],
        "policy show": [("policy", "show", "gateway")],
        "policy list": [("policy", "list")],
        "device rekey": [("device", "rekey", keyed)],
        "device share": [("device", "share", keyed)],
        "device recover": [("device", "recover", tmp_path / "open")],
        "device import": [("device", "import", csv)],
        "token create": [("token", "create", "--profile=demo")],
        "token list": [("token", "list")],
        "token revoke": [("token", "revoke", "2")],
        "profile apply": [("profile", "apply", profile)],
        "profile show": [("profile", "show", "demo")],
        "profile list": [("profile", "list")],
        "reference list": [("reference", "list")],
        "reference show": [("reference", "show", "1")],
        "reference evidence": [("reference", "evidence", "1")],
        "reference learn": [("reference", "learn", fleet.good, "--name=1.0")],
        "reference add": [("reference", "add", "2.0", f"--uki={image}", f"--firmware={OTHER_LOG}", "--profile=demo")],
        "reference release": [("reference", "release", "1", "--name=1.0")],
        "reference revoke": [("reference", "revoke", "1")],
        "audit": [("audit",)],
        "audit verify": [("audit", "verify")],
        "eventlog show": [("eventlog", "show", lab.LOGS / "ovmf4Msecboot-signed-uki.bin", f"--userspace={userspace}"),
                          ("eventlog", "show", strange)],
        "eventlog replay": [("eventlog", "replay", lab.LOGS / "ovmf-uki-cloud.bin")],
        "ca show": [("ca", "show")],
        "ca crl": [("ca", "crl"), ("ca", "crl", "--der")],
        "metrics": [("metrics",)],
    }
    table = (lab.REPOSITORY / "server/ctl/commands.c").read_text()
    acts = set(re.findall(r'"(?:[a-z]+)",\s*(?:"[a-z]+"|NULL),\s*"([a-z ]+)"', table))
    assert {act.replace("audit list", "audit") for act in acts} - {"backup begin", "completion", "share open"} == set(runs)
    document = documented()
    for command, lines in runs.items():
        seen = set()
        for words in lines:
            done = server.ctl("--json", *words, check=False)
            assert done.returncode == (20 if command == "policy check" else 0), done.stderr
            seen |= set(keys(json.loads(done.stdout)))
        assert seen == document.get(command, set()), \
            f"{command}: only real {sorted(seen - document.get(command, set()))}, " \
            f"only in docs/json.md {sorted(document.get(command, set()) - seen)}"
    assert set(document) == set(runs)


def test_json_is_json_and_types_are_stable(fleet):
    device = json.loads(fleet.server.ctl("device", "show", fleet.good, "--json"))
    assert re.fullmatch(r"[0-9a-f]{64}", device["id"]) and device["status"] == "approved"
    assert isinstance(device["seen"], int) and isinstance(device["has_question"], bool)
    assert device["labels"] is None or isinstance(device["labels"], str)
    assert isinstance(device["credentials"], list) and isinstance(device["pcrs"], list)
