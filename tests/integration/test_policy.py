"""Policies: learned from a good device, tried offline, applied, and followed by verdicts, approvals and explanations alike."""

import hashlib
import json
import os
import re
import signal
import socket
import sqlite3
import struct
import subprocess
import textwrap

import pytest

import bootlogs
import lab
import tinyuki

PROFILE = """name = "demo"; policy = "gateway"; items = (
    { name = "demo.secret"; kind = "secret"; text = "hunter2"; },
    { name = "app.conf"; kind = "file"; text = "device = ${device.id}\\n"; } );"""


def learned(server, device, name="golden"):
    """The policy of the device's last boot, as a text that is called gateway."""
    said = server.json("reference", "learn", device.id, f"--name={name}")
    assert said["name"] == name and said["device"] == device.id and said["profile"] == "demo"
    return said["policy"].replace(f'name = "{name}";', 'name = "gateway";', 1)


def write(folder, name, text):
    """A file with this text."""
    path = folder / name
    path.write_text(text)
    return path


def follow(server, text):
    """Applies the policy, and the profile that names it."""
    server.ctl("policy", "apply", write(server.folder, "gateway.conf", text))
    server.profile(PROFILE)


def explanation(text):
    """Lines of an explanation, without the one that names a reference: in a folder they have no number."""
    lines = text[text.index("  Rule "):text.index("  Advice ")].splitlines() + [text[text.index("  Advice "):].splitlines()[0]]
    return [line for line in lines if not line.lstrip().startswith("Nearest")]


def test_a_policy_is_learned_applied_and_decides(enrolled, server, tmp_path):
    text = learned(server, enrolled)
    references = tmp_path / "references"
    references.mkdir()
    write(references, "golden.json", server.ctl("device", "evidence", enrolled.id))
    follow(server, text)
    shown = server.json("device", "show", enrolled.id)
    assert shown["policy"] == "gateway" and shown["policy_version"] == 1 and shown["boot_is_known"]
    assert "explanation" not in shown

    # Another kernel: the device waits, and its console, the audit log, `device show` and `policy check` say why.
    enrolled.power_on(lab.changed_boot(enrolled.log, pcr=11))
    boot = enrolled.start()
    boot.wait_for("boot-not-approved")
    boot.wait_for("PCR 11")
    shown = server.json("device", "show", enrolled.id)
    assert not shown["boot_is_known"] and "Rule" in shown["explanation"], shown
    assert shown["findings"][0]["pcr"] == 11
    words = server.ctl("device", "show", enrolled.id)
    assert "not approved by the policy gateway (version 1)" in words and "policy check FILE" in words
    row = server.audit("verdict.pending")[-1]
    assert row["reason"] == "boot-not-approved" and "PCR: 11" in row["detail"], row

    evidence = write(tmp_path, "boot.json", server.ctl("device", "evidence", enrolled.id))
    policy = write(tmp_path, "gateway.conf", text)
    checked = server.ctl("policy", "check", policy, f"--evidence={evidence}", f"--references={references}", check=False)
    assert checked.returncode == 20 and "not good" in checked.stdout, checked
    assert explanation(checked.stdout) == explanation(shown["explanation"]), (checked.stdout, shown["explanation"])

    # What would change: this device, by a policy that ignores the PCR.
    started = next(row["value"] for row in shown["pcrs"] if row["pcr"] == 4)
    wider = ('name = "gateway"; pcrs: { whole = [4]; ignore = [0, 2, 7, 9, 11]; }\n'
             f'values = ({{ pcr = 4; digests = ["sha256:{started}"]; }});\n')
    wide = write(tmp_path, "wider.conf", wider)
    change = server.json("policy", "diff", wide)
    assert [(one["id"], one["before"], one["after"]) for one in change["devices"]] == [(enrolled.id, "not good", "good")]
    assert {"change": "+", "rule": "pcrs.ignore: 0, 2, 7, 9, 11"} in change["rules"]
    assert change["now_good"] == 1 and change["now_not_good"] == 0 and change["judged"] == 1 and change["version"] == 1
    assert server.json("policy", "list")["policies"][0]["version"] == 1, "a diff changes nothing"

    # Applied, the waiting device goes on without a restart.
    assert server.json("policy", "apply", wide)["version"] == 2
    assert boot.end() == 0, boot.console.text
    assert enrolled.credential("demo.secret") == b"hunter2"
    assert server.ctl("policy", "check", wide, f"--evidence={evidence}").startswith("Policy")
    assert server.ctl("policy", "show", "gateway") == wider
    applied = server.audit("policy.apply")
    assert len(applied) == 2 and "version 2" in applied[1]["detail"] and "profiles: demo" in applied[1]["detail"]


def test_a_wrong_policy_changes_nothing(server, tmp_path):
    good = 'name = "gateway"; pcrs: { events = [4]; ignore = [0, 2, 7, 9, 11]; }; applications = ( { release = "none"; } );\n'
    server.ctl("policy", "apply", write(tmp_path, "good.conf", good))
    for text, says in ((good + 'secure_boots = "on";\n', "wrong.conf:2: secure_boots: unknown key"),
                       (good + '\nsecure_boot = "on";\n', "wrong.conf:3: secure_boot: can never match: PCR 7 is not in pcrs.events"),
                       ('name = "gateway";\n', "wrong.conf: pcrs: a policy that looks at no PCR"),
                       ('name = "gateway"; pcrs: { events = [9]; ignore = [0, 2, 4, 7, 11]; };', "what may be started"),
                       ('name = "gateway"; pcrs: { events = [4]; }; applications = ( { release = "none"; } );', "says nothing about PCR 0"),
                       ('name = "gateway"; pcrs: { events = [4]; ignore = [0, 2, 7, 9, 11]; };', "must name what has to be started"),
                       ('name = "gate way"; pcrs: { events = [4]; };', "letters"),
                       ("no policy", "wrong.conf:1: ")):
        for verb in ("apply", "diff"):
            done = server.ctl("policy", verb, write(tmp_path, "wrong.conf", text), check=False)
            assert done.returncode == 4 and says in done.stderr and not done.stdout, (verb, text, done)
    done = server.ctl("profile", "apply", write(tmp_path, "wrong.profile", 'name = "p";\nitem = ();\n'), check=False)
    assert done.returncode == 4 and f"bootsealctl: {tmp_path}/wrong.profile:2: item: unknown key" in done.stderr, done
    assert server.ctl("policy", "show", "gateway") == good
    assert "tried on no device: --profile=NAME" in server.ctl("policy", "diff", tmp_path / "good.conf")
    assert "Of 0 devices" in server.ctl("policy", "diff", tmp_path / "good.conf", "--profile=demo")
    assert len(server.audit("policy.apply")) == 1
    for words in (("policy", "show", "other"), ("policy", "diff", tmp_path / "good.conf", "--profile=other"),
                  ("device", "evidence", "ffffffff"), ("reference", "learn", "ffffffff", "--name=x")):
        assert server.ctl(*words, check=False).returncode == 4, words


def test_a_range_that_denies_nothing_is_taken_and_told(server, tmp_path):
    text = """name = "gateway"; pcrs: { events = [4]; whole = [0]; ignore = [2, 7, 9, 11]; };
        applications = ( { release = "none"; } );
        firmware: { known = ( { version = "2"; values = ["sha256:%s"]; } ); deny = ( { maximum = "1"; } ); };""" % (32 * "12")
    policy = write(tmp_path, "p.conf", text)
    says = "firmware.deny: 1 of 1 ranges, first [0], fit no build of firmware.known"
    check = ("policy", "check", policy, f"--evidence={lab.LOGS}/ovmf-uki-cloud.bin")
    for words in (("policy", "diff", policy), ("policy", "apply", policy), check):
        assert says in server.ctl(*words, check=False).stdout, words
        assert says in json.loads(server.ctl("--json", *words, check=False).stdout)["note"], words
    write(tmp_path, "p.conf", text.replace('"1"', '"2"').replace("known = (", 'known = ( { version = "3"; values = ["sha256:%s"]; },' % (32 * "13")))
    assert "firmware.deny: " not in server.ctl("policy", "apply", policy)
    assert server.json("policy", "apply", policy)["note"] is None


def test_a_profile_cannot_name_what_is_not_there(server, tmp_path):
    before = server.json("profile", "list")["profiles"]
    path = write(tmp_path, "demo.profile", PROFILE)
    done = server.ctl("profile", "apply", path, check=False)
    assert done.returncode == 4 and "bootsealctl policy apply FILE" in done.stderr
    assert server.json("profile", "list")["profiles"] == before and before[0]["policy"] is None
    server.ctl("policy", "apply", write(tmp_path, "gateway.conf",
                                        'name = "gateway"; pcrs: { events = [4]; ignore = [0, 2, 7, 9, 11]; };\n'
                                        'applications = ( { release = "none"; } );'))
    assert server.json("profile", "apply", path)["policy"] == "gateway"
    assert server.json("policy", "list")["policies"][0]["profiles"] == "demo"


def test_a_reference_approves_nothing_beside_a_policy(enrolled, server):
    """Learning is for the list to choose from: what the policy does not name stays out."""
    follow(server, learned(server, enrolled))
    enrolled.power_on(lab.changed_boot(enrolled.log, pcr=4))
    boot = enrolled.start()
    boot.wait_for("boot-not-approved")
    said = server.json("device", "approve", enrolled.id, "--learn")
    assert said["policy"] == "gateway" and not said["needs_reference"]
    assert not server.json("device", "show", enrolled.id)["boot_is_known"]
    server.profile(PROFILE.replace('policy = "gateway"; ', ""))
    assert boot.end() == 0, boot.console.text


def test_a_policy_that_cannot_be_read_any_more_approves_nothing(enrolled, server):
    """As after a bootseald that knew a rule which this one does not."""
    follow(server, learned(server, enrolled))
    server.stop()
    with sqlite3.connect(server.folder / "bootseal.db") as database:
        database.execute("UPDATE policy SET text = CAST('name = \"gateway\"; frobnicate = 1;' AS BLOB)")
    database.close()
    server.start()
    for slot in enrolled.slots:
        slot.unlink()
    enrolled.power_on()
    boot = enrolled.start()
    boot.wait_for("boot-not-approved")
    assert "cannot be used" in server.json("device", "show", enrolled.id)["explanation"]
    server.profile(PROFILE.replace('policy = "gateway"; ', ""))
    assert boot.end() == 0, boot.console.text


def test_check_needs_no_server_and_says_what_is_wrong_with_a_file(server, tmp_path):
    vectors = lab.REPOSITORY / "tests/vectors/boots"
    policy = vectors / "gateway.conf"
    ctl = ["--dir=/nowhere", "policy", "check"]
    good = server.ctl(*ctl, policy, f"--evidence={vectors}/approved.json")
    assert "Boot" in good and "good" in good
    references = tmp_path / "references"
    references.mkdir()
    write(references, "golden.json", (vectors / "approved.json").read_text())
    write(references, "README", "no reference")
    done = server.ctl("--json", *ctl, policy, f"--evidence={vectors}/kernel.json", f"--references={references}", check=False)
    said = json.loads(done.stdout)
    assert done.returncode == 20 and said["good"] is False and said["quoted"] is True and said["policy"] == "gateway"
    assert said["rule"] and "reference golden" in said["explanation"], said
    log = server.ctl(*ctl, policy, f"--evidence={lab.LOGS}/ovmf-uki-cloud.bin", check=False)
    assert log.returncode == 20 and "No TPM has quoted this" in log.stdout
    for words, code, says in (([policy], 2, "--evidence=FILE"),
                              (["-", "--evidence=-"], 2, "cannot both be the standard input"),
                              ([policy, f"--evidence={policy}"], 4, "neither an evidence file nor an event log"),
                              ([vectors / "README", f"--evidence={vectors}/kernel.json"], 4, "README:1: syntax error"),
                              ([tmp_path / "none", f"--evidence={vectors}/kernel.json"], 4, "/none: the file cannot be opened: No such"),
                              ([policy, f"--evidence={tmp_path}"], 4, f"{tmp_path}: the file cannot be read: Is a directory"),
                              (["/dev/zero", f"--evidence={vectors}/kernel.json"], 4, "larger than the 65536 bytes"),
                              ([policy, f"--evidence={vectors}/kernel.json", "--references=/nowhere"], 4, "/nowhere")):
        done = server.ctl(*ctl, *words, check=False)
        assert done.returncode == code and says in done.stderr and not done.stdout, (words, done)
    # As a shell's <(command) and a container manager's folder name them.
    link = tmp_path / "linked.conf"
    link.symlink_to(policy)
    for name in ("/dev/stdin", "-"):
        done = subprocess.run([lab.BUILD / "bootsealctl", *map(str, ctl), link, f"--evidence={name}"], check=False,
                              input=(vectors / "kernel.json").read_bytes(), capture_output=True)
        assert done.returncode == 20 and b"applications.[0]" in done.stdout, done
    write(references, "wrong.json", "{}")
    done = server.ctl(*ctl, policy, f"--evidence={vectors}/kernel.json", f"--references={references}", check=False)
    assert done.returncode == 4 and "wrong.json" in done.stderr and "format is missing" in done.stderr


def test_a_log_by_itself_leaves_a_pcr_without_events_as_a_reset_does(tmp_path):
    """Ones in 17 to 22, zeros elsewhere; events of a dynamic launch begin with zeros."""
    launched = bootlogs.measured((lab.LOGS / "ovmf-uki-cloud.bin").read_bytes(), 18, 0x402, b"launch")
    started = dict(line.split() for line in (lab.LOGS / "ovmf-uki-cloud.pcrs.sha256").read_text().splitlines())["4"]
    extended = hashlib.sha256(bytes(32) + hashlib.sha256(b"launch").digest()).hexdigest()
    values = {4: started, 15: 32 * "00", 17: 32 * "ff", 18: extended, 22: 32 * "ff"}
    (tmp_path / "log").write_bytes(launched)
    for wrong in (None, 15, 17, 18):
        groups = ", ".join('{ pcr = %d; digests = ["sha256:%s"]; }' % (pcr, 32 * "01" if pcr == wrong else value)
                           for pcr, value in values.items())
        policy = write(tmp_path, "p.conf", f'name = "p"; pcrs: {{ whole = {list(values)}; }}; values = ({groups});')
        done = subprocess.run([lab.BUILD / "bootsealctl", "--json", "policy", "check", policy, f"--evidence={tmp_path}/log"],
                              capture_output=True, text=True, check=False)
        said = json.loads(done.stdout)
        assert done.returncode == (20 if wrong else 0) and said["good"] is (wrong is None), (wrong, done)
        assert not wrong or f" PCR {wrong} " in " ".join(said["explanation"].split()), said


def documented_job():
    """The shell commands of docs/operations.md that try a policy in somebody's own CI."""
    text = (lab.REPOSITORY / "docs/operations.md").read_text()
    start = text.index("    expect() {")
    return textwrap.dedent(text[start:text.index("    expect 20 evidence/bad/*.json\n", start)]) + "expect 20 evidence/bad/*.json\n"


def test_the_documented_job_fails_when_one_boot_is_judged_otherwise(tmp_path):
    vectors = lab.REPOSITORY / "tests/vectors/boots"
    for folder in ("evidence/good", "evidence/bad", "references"):
        (tmp_path / folder).mkdir(parents=True)
    good, bad = tmp_path / "evidence/good", tmp_path / "evidence/bad"
    approved, policy = (vectors / "approved.json").read_text(), (vectors / "gateway.conf").read_text()
    write(tmp_path, "references/golden.json", approved)
    for name in ("a", "b"):
        write(good, f"{name}.json", approved)
        write(bad, f"{name}.json", (vectors / "kernel.json").read_text())

    def job(shell=("sh",)):
        write(tmp_path, "gateway.conf", policy)
        return subprocess.run([*shell, "-c", documented_job()], cwd=tmp_path, check=False, capture_output=True, text=True,
                              env={"PATH": f"{lab.BUILD}:/usr/bin:/bin"})

    for shell in (("sh",), ("sh", "-e"), ("bash", "-eo", "pipefail")):
        done = job(shell)
        assert done.returncode == 0, done
    # The first of two files, so that the last one does not speak for both.
    write(good, "a.json", (vectors / "initrd.json").read_text())
    assert job().returncode == 1 and "good/a.json: exit code 20, not 0" in job().stdout
    write(good, "a.json", approved)
    write(bad, "a.json", approved)
    assert job().returncode == 1 and "bad/a.json: exit code 0, not 20" in job().stdout
    write(bad, "a.json", "no evidence")
    assert job().returncode == 1 and "bad/a.json: exit code 4, not 20" in job().stdout


def test_check_refuses_what_the_server_refuses_before_any_policy(server, tmp_path):
    vectors = lab.REPOSITORY / "tests/vectors/boots"
    boot = json.loads((vectors / "approved.json").read_text())
    ignoring = write(tmp_path, "ignoring.conf", """name = "p"; pcrs: { whole = [4]; ignore = [0, 2, 3, 5, 7, 9, 11, 12]; };
        values = ( { pcr = 4; digests = ["sha256:%s"]; } );""" % boot["pcrs"]["4"])
    capped = hashlib.sha256(bytes(32) + hashlib.sha256(b"bootseal cap v1").digest()).hexdigest()
    for change, rule in (({}, None), ({"12": capped}, "capped"), ({"9": "11" * 32}, "log-mismatch"), ({"12": None}, "quote-selection")):
        pcrs = {pcr: value for pcr, value in (boot["pcrs"] | change).items() if value}
        evidence = write(tmp_path, "evidence.json", json.dumps(boot | {"pcrs": pcrs}))
        said = server.ctl("--json", "--dir=/nowhere", "policy", "check", ignoring, f"--evidence={evidence}", check=False)
        assert said.returncode == (20 if rule else 0) and json.loads(said.stdout)["rule"] == rule, (change, said)


def test_a_policy_is_tried_on_an_image_that_nobody_has_booted(server, tmp_path):
    references = tmp_path / "references"
    references.mkdir()
    boots = {}
    for name in ("2.0", "3.0"):
        (tmp_path / "uki.efi").write_bytes(tinyuki.uki(name))
        server.ctl("reference", "add", name, f"--uki={tmp_path}/uki.efi", f"--firmware={lab.LOGS}/ovmf-uki-cloud.bin")
        number = server.json("reference", "list")["references"][-1]["id"]
        boots[name] = write(references, f"{name}.json", server.ctl("reference", "evidence", number))
    policy = write(tmp_path, "p.conf", 'name = "p"; pcrs: { events = [4, 9, 11]; ignore = [0, 2, 7]; };'
                   'applications = ( { release = "2.0"; } );')
    for name, words, code in (("2.0", (f"--references={references}",), 0), ("3.0", (f"--references={references}",), 20), ("2.0", (), 20)):
        done = server.ctl("--dir=/nowhere", "policy", "check", policy, f"--evidence={boots[name]}", *words, check=False)
        assert done.returncode == code, (name, words, done)
    done = server.ctl("reference", "evidence", "99", check=False)
    assert done.returncode == 4 and "bootsealctl reference list" in done.stderr and not done.stdout


def clone(server, device, count):
    """As many devices more that showed what this one did."""
    with sqlite3.connect(server.folder / "bootseal.db") as database:
        for table, key in (("device", "id"), ("evidence", "device")):
            row, = database.execute(f"SELECT * FROM {table} WHERE {key} = ?", (bytes.fromhex(device.id),))
            names = [column[1] for column in database.execute(f"PRAGMA table_info({table})")]
            for number in range(count):
                own = hashlib.sha256(b"%d" % number).digest()
                new = {key: own} | ({"ak_name": row[names.index("ak_name")][:2] + own} if table == "device" else {})
                database.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(names))})",
                                 [new.get(name, value) for name, value in zip(names, row)])
    database.close()


def ask(server, *words):
    """A connection to the admin socket that has sent this request: an act, and a file's text."""
    def string(kind, value):
        return bytes([kind << 5 | 25]) + struct.pack(">H", len(value)) + value if len(value) > 255 else \
            bytes([kind << 5 | 24, len(value)]) + value if len(value) > 23 else bytes([kind << 5 | len(value)]) + value
    act, text = words
    request = b"\x82" + string(3, act.encode()) + b"\x81\x82" + string(3, b"FILE") + string(2, text.encode())
    line = socket.socket(socket.AF_UNIX)
    line.connect(str(server.folder / "admin.sock"))
    line.sendall(struct.pack(">I", len(request)) + request)
    return line


def answer_of(line):
    """The whole of it."""
    with line:
        line.settimeout(60)
        pieces = b""
        while piece := line.recv(65536):
            pieces += piece
    assert len(pieces) == 4 + struct.unpack_from(">I", pieces)[0], pieces
    return pieces


def test_a_comparison_of_a_fleet_lets_others_in_between(enrolled, server):
    """Both wait when the server goes on: the comparison is begun first, and what is applied then holds for the devices after it."""
    text = learned(server, enrolled)
    follow(server, text)
    server.stop()
    clone(server, enrolled, 400)
    server.start()
    other = ('name = "gateway"; pcrs: { events = [4]; ignore = [0, 2, 7, 9, 11]; };\n'
             'applications = ( { release = "none"; } );\n')
    os.kill(server.pid, signal.SIGSTOP)
    comparing, applying = ask(server, "policy diff", other), ask(server, "policy apply", other)
    os.kill(server.pid, signal.SIGCONT)
    answer = answer_of(comparing)
    assert answer_of(applying).count(b"applied_by") == 1
    assert server.json("policy", "list")["policies"][0]["version"] == 2
    version = re.search(rb"gversion\x60([\x00-\x17])", answer)
    assert version and version.group(1) == b"\x01", "the comparison began first"
    assert answer.count(b"not good") < 400, "and let nobody in before it was done"
    assert b"fjudged\x60\x19\x01\x91" in answer

    # Many take turns: libevent reads the last one in pieces of 4 KiB, and behind each piece one slice of one of them is done.
    back = text + "#" + (20000 - len(text)) * "x" + "\n"
    os.kill(server.pid, signal.SIGSTOP)
    comparing, applying = [ask(server, "policy diff", text) for _ in range(8)], ask(server, "policy apply", back)
    os.kill(server.pid, signal.SIGCONT)
    assert answer_of(applying).count(b"applied_by") == 1
    answers = [answer_of(line) for line in comparing]
    assert all(b"fjudged\x60\x19\x01\x91" in answer for answer in answers)
    assert 1 <= sum(b"hnow_good\x60\x00" not in answer for answer in answers) <= 6, "not all looked at devices before"

    # One that runs does not hold up the end, nor does somebody who says nothing, or who does not read more than the socket holds; a
    # sanitizer sees what they leave behind.
    with ask(server, "policy diff", other) as deaf, ask(server, "policy diff", text), socket.socket(socket.AF_UNIX) as silent:
        silent.connect(str(server.folder / "admin.sock"))
        deaf.settimeout(60)
        assert struct.unpack(">I", deaf.recv(4))[0] > deaf.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        server.stop()


@pytest.mark.parametrize("name", ["golden"])
def test_a_name_is_given_to_one_boot(enrolled, server, name):
    first = server.json("reference", "learn", enrolled.id, f"--name={name}")
    assert server.json("reference", "learn", enrolled.id, f"--name={name}")["id"] == first["id"]
    question = server.json("device", "show", enrolled.id)["question"]
    server.ctl("reference", "learn", enrolled.id, f"--name={name}", f"--question={question[:16]}")
    assert server.ctl("reference", "learn", enrolled.id, f"--name={name}", "--question=" + 16 * "0", check=False).returncode == 20
    for words in (("reference", "learn", enrolled.id, "--name=other"), ("reference", "release", first["id"], "--name=other")):
        done = server.ctl(*words, check=False)
        assert done.returncode == 20 and f"is called {name}" in done.stderr, (words, done)
    enrolled.power_on(lab.changed_boot(enrolled.log, pcr=4))
    boot = enrolled.start()
    boot.wait_for("boot-not-approved")
    done = server.ctl("reference", "learn", enrolled.id, f"--name={name}", check=False)
    assert done.returncode == 20 and "names are given once" in done.stderr
    server.ctl("reference", "learn", enrolled.id, "--name=second")
    assert boot.end() == 0, boot.console.text
    assert server.audit("reference.learn")[-1]["detail"].count("as second")
