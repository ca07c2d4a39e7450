"""`bootsealctl eventlog` and `bootseal eventlog` as somebody uses them who has a log in a file, and nothing else."""

import base64
import hashlib
import json
import os
import re
import socket
import subprocess

import pytest

import bootlogs
import eventlog
import lab
from bootlab.vm import wait_until

VECTORS = sorted(lab.LOGS.glob("*.bin"))
BOOTS = sorted((lab.LOGS.parent / "boots").glob("*.json"))


def run(program, *words, code=0, data=b"", **options):
    """(output, complaint)."""
    done = subprocess.run([lab.BUILD / program, *map(str, words)], input=data, capture_output=True, check=False, **options)
    assert done.returncode == code, done.stderr
    assert code == 0 or done.stdout == b""
    return done.stdout.decode(), done.stderr.decode()


def ctl(*words, **options):
    """bootsealctl eventlog, without a server."""
    return run("bootsealctl", "--dir=/nonexistent", "eventlog", *words, **options)


def agent(*words, **options):
    """bootseal eventlog, without a TPM; what it shows is what `bootsealctl eventlog show` shows."""
    return run("bootseal", "--config=/nonexistent", "eventlog", *words, **options)


def ctl_show(*words, **options):
    """The same."""
    return ctl("show", *words, **options)


SHOW = pytest.mark.parametrize("show", [agent, ctl_show])


def logs_of_boots(folder):
    """The firmware's logs of evidence files."""
    for boot in BOOTS:
        path = folder / f"{boot.stem}.bin"
        path.write_bytes(base64.b64decode(json.loads(boot.read_text())["firmware_log"]))
        yield path


def true_values(log):
    """{"0": hex} that the TPM held after that boot."""
    return dict(line.lower().split() for line in log.with_suffix(".pcrs.sha256").read_text().splitlines())


def extend(value, text):
    return hashlib.sha256(bytes.fromhex(value) + hashlib.sha256(text.encode()).digest()).hexdigest()


def test_every_real_log_leads_to_what_the_tpm_held():
    assert len(VECTORS) == 12
    for log in VECTORS:
        true = true_values(log)
        lines = [line.split("\t") for line in ctl("replay", log)[0].splitlines()]
        assert len(lines) >= 8 and {pcr: true[pcr] for pcr, _ in lines} == dict(lines), log.name
        assert json.loads(ctl("replay", log, "--json", "--bank=sha256")[0]) == {"sha256": dict(lines)}
        assert json.loads(ctl("replay", log, "--json")[0])["sha256"] == dict(lines)
        shown = json.loads(ctl("show", log, "--json")[0])
        assert shown["pcrs"]["sha256"] == dict(lines)
        assert not [event for event in shown["events"] if event.get("data") == "wrong"], log.name


def test_both_programs_say_the_same_of_every_log(tmp_path):
    userspace = tmp_path / "tpm2-measure.log"
    userspace.write_text(bootlogs.record(11, "enter-initrd") + bootlogs.record(12, "", kind="volume-key"))
    logs = [*VECTORS, *logs_of_boots(tmp_path), userspace]
    assert len(logs) == 22
    for log in logs:
        behind = [] if log == userspace else [f"--userspace={userspace}"]
        for words in ([log], [log, "--json"], [log, *behind], [log, *behind, "--json"]):
            out, complaint = agent(*words)
            assert complaint == "" and len(out) > 300 and out == ctl_show(*words)[0], (log.name, words)


def test_the_log_of_this_boot_is_shown_without_a_file(tmp_path):
    log = lab.LOGS / "ovmf4M-uki-full.bin"
    (tmp_path / "log").write_bytes(log.read_bytes())
    (tmp_path / "conf").write_text('tpm: { eventlog = "/log"; };')
    userspace = tmp_path / "tpm2-measure.log"
    userspace.write_text(bootlogs.record(11, "enter-initrd"))
    own = (f"--config={tmp_path}/conf", f"--root={tmp_path}", "eventlog", "--userspace", userspace)
    assert run("bootseal", *own)[0] == agent(log, f"--userspace={userspace}")[0]
    (tmp_path / "log").write_bytes(b"")
    assert "the event log of this boot: the log is empty" in run("bootseal", *own, code=4)[1]
    (tmp_path / "log").unlink()
    assert "is securityfs mounted" in run("bootseal", *own, code=4)[1]
    assert "only eventlog takes --userspace" in run("bootseal", "status", f"--userspace={userspace}", code=2)[1]


def test_banks_are_chosen_by_name():
    log = lab.LOGS / "ovmf2M-uki-cloud-allbanks.bin"
    banks = json.loads(ctl("replay", log, "--json")[0])
    assert set(banks) == {"sha1", "sha256", "sha384", "sha512"}
    for bank, values in banks.items():
        out, _ = ctl("replay", log, f"--bank={bank}")
        assert out == "".join(f"{pcr}\t{value}\n" for pcr, value in values.items())
        assert all(len(value) == 2 * hashlib.new(bank).digest_size for value in values.values())
    assert "has no digest" not in ctl("replay", log)[1]
    assert "of the sha384 bank, but of: sha256" in ctl("replay", lab.LOGS / "ovmf4M-uki-full.bin", "--bank=sha384", code=4)[1]
    assert "--bank wants sha1" in ctl("replay", log, "--bank=md5", code=2)[1]


def log_of_banks(path, banks):
    """A log with two events in each PCR, started at locality 3, of banks by their number and name; the values by hashlib."""
    log = bootlogs.header([(number, hashlib.new(name).digest_size) for number, name in banks.items()])
    zeros = {number: bytes(hashlib.new(name).digest_size) for number, name in banks.items()}
    log = eventlog.append(log, 0, eventlog.EV_NO_ACTION, zeros, b"StartupLocality\0\3")
    values = {name: {pcr: bytes(hashlib.new(name).digest_size - 1) + bytes([3 if pcr == 0 else 0]) for pcr in range(24)}
              for name in banks.values()}
    for number in range(48):
        pcr, data = number % 24, b"event %d" % number
        digests = {alg: hashlib.new(name, data).digest() for alg, name in banks.items()}
        log = eventlog.append(log, pcr, 5, digests, data)
        for alg, name in banks.items():
            values[name][pcr] = hashlib.new(name, values[name][pcr] + digests[alg]).digest()
    path.write_bytes(log)
    return {name: {str(pcr): value.hex() for pcr, value in of.items()} for name, of in values.items()}


def test_a_bank_of_sm3_is_replayed(tmp_path):
    log = tmp_path / "log"
    true = log_of_banks(log, {0x12: "sm3", 0x0B: "sha256"})
    true["sm3_256"] = true.pop("sm3")
    assert json.loads(ctl("replay", log, "--json")[0]) == true
    for name in ("sm3_256", "sm3-256", "SM3"):
        assert json.loads(ctl("replay", log, "--json", f"--bank={name}")[0]) == {"sm3_256": true["sm3_256"]}
    assert json.loads(ctl("show", log, "--json")[0])["pcrs"] == true
    assert json.loads(agent(log, "--json")[0])["pcrs"] == true | {"sm3_256": None}
    assert "PCRs of bank sm3_256: this hash is not computed here\n" in agent(log)[0]


def test_banks_of_sha3_are_replayed(tmp_path):
    log = tmp_path / "log"
    true = log_of_banks(log, {0x0B: "sha256", 0x27: "sha3_256", 0x28: "sha3_384", 0x29: "sha3_512"})
    assert json.loads(ctl("replay", log, "--json")[0]) == true
    for words in (["sha3_256"], ["sha3-384"], ["SHA3-512"], ["sha256"]):
        values = true[words[0].lower().replace("-", "_")]
        assert ctl("replay", log, f"--bank={words[0]}")[0] == "".join(f"{pcr}\t{value}\n" for pcr, value in values.items())
    for show in (agent, ctl_show):
        shown = json.loads(show(log, "--json")[0])
        assert shown["pcrs"] == true and shown["banks"] == list(true)
        assert {event["data"] for event in shown["events"][2:]} == {"measured"}
    true = log_of_banks(log, {0x27: "sha3_256"})
    assert dict(line.split("\t") for line in ctl("replay", log)[0].splitlines()) == true["sha3_256"]
    assert "of the sha256 bank, but of: sha3_256" in ctl("replay", log, "--bank=sha256", code=4)[1]


def test_a_userspace_log_of_sha3_goes_on_behind_the_firmwares(tmp_path):
    log, userspace = tmp_path / "log", tmp_path / "tpm2-measure.log"
    true = log_of_banks(log, {0x27: "sha3_256"})["sha3_256"]
    userspace.write_text(bootlogs.record(11, "enter-initrd", banks=("sha256", "sha3_256")).replace("sha3_256", "sha3-256"))
    digest = hashlib.sha3_256(b"enter-initrd").digest()
    true["11"] = hashlib.sha3_256(bytes.fromhex(true["11"]) + digest).hexdigest()
    assert json.loads(ctl("replay", log, f"--userspace={userspace}", "--json")[0]) == {"sha3_256": true}


def test_userspace_goes_on_where_the_firmware_ended(tmp_path):
    log = lab.LOGS / "ovmf4M-uki-full.bin"
    before = json.loads(ctl("replay", log, "--json")[0])["sha256"]
    userspace = tmp_path / "tpm2-measure.log"
    userspace.write_text(bootlogs.record(11, "enter-initrd") + bootlogs.record(15, "machine-id:0b", kind="machine-id"))
    after = json.loads(ctl("replay", log, f"--userspace={userspace}", "--json")[0])["sha256"]
    assert after == before | {"11": extend(before["11"], "enter-initrd"), "15": extend("00" * 32, "machine-id:0b")}
    alone = dict(line.split("\t") for line in ctl("replay", userspace)[0].splitlines())
    assert alone == {"11": extend("00" * 32, "enter-initrd"), "15": after["15"]}
    for show in (agent, ctl_show):
        shown = json.loads(show(log, f"--userspace={userspace}", "--json")[0])
        assert shown["pcrs"]["sha256"] == after
        assert [record["data"] for record in shown["userspace"]] == ["measured", "measured"]
        assert '= "enter-initrd"' in show(log, f"--userspace={userspace}")[0]
        assert json.loads(show(userspace, "--json")[0])["pcrs"] == {"sha256": alone}
    userspace.write_text("")
    assert dict(line.split("\t") for line in ctl("replay", log, f"--userspace={userspace}")[0].splitlines()) == before
    userspace.write_text("{")
    for show in (agent, ctl_show):
        assert "the userspace's log: " in show(log, f"--userspace={userspace}", code=4)[1]
        assert "tpm2-measure.log.none: the file cannot be opened" in show(log, f"--userspace={userspace}.none", code=4)[1]


@SHOW
def test_the_standard_input_links_and_pipes_are_files_too(show, tmp_path):
    log = lab.LOGS / "ovmf4M-uki-full.bin"
    expected = show(log)[0]
    assert show("-", data=log.read_bytes())[0] == expected
    link = tmp_path / "link"
    link.symlink_to(log)
    assert show(link)[0] == expected
    read, write = os.pipe()
    with os.fdopen(write, "wb") as pipe:
        pipe.write(log.read_bytes())
    assert show(f"/dev/fd/{read}", pass_fds=[read])[0] == expected
    os.close(read)


def test_two_logs_are_not_both_on_the_standard_input():
    for verb in ("show", "replay"):
        said = ctl(verb, "-", "--userspace=-", data=(lab.LOGS / "ovmf4M-uki-full.bin").read_bytes(), code=2)[1]
        assert said == "bootsealctl: the two logs cannot both be the standard input\n"


def test_what_is_no_log_ends_with_4_and_one_sentence(tmp_path):
    real = (lab.LOGS / "ovmf4M-uki-full.bin").read_bytes()
    wrong = {
        "empty": (b"", "the log is empty"),
        "script": (b"#!/bin/sh\necho no log at all, but longer than an event\n", "no event log of a TPM"),
        "zeros": (bytes(5000), "the log is empty"),
        "ccel": (b"CCEL8\0\0\0" + bytes(48), "CCEL"),
        "cut": (real[:-1], "event 35 at byte 2886: the log ends within the event's data: it was cut or damaged"),
        "trailing": (real + b"trailing garbage", "event 36 at byte"),
        "large": (real + bytes(1024 * 1024) + b"x", "larger than 1 MiB"),
        "larger": (real + bytes(16 * 1024 * 1024), "larger than any event log that is read here"),
        "form": (bootlogs.header(signature=b"Spec ID Event04\0"), "names another form than Spec ID Event00"),
        "yaml": (b"---\nversion: 1\nevents:\n- EventNum: 0\n  PCRIndex: 0\n", "tpm2_eventlog"),
        "json": (b'{"pcr":11}', "record"),
        "cert": (b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "no event log of a TPM"),
    }
    for name, (data, sentence) in wrong.items():
        path = tmp_path / name
        path.write_bytes(data)
        for words in (("replay", path), ("show", path), ("replay", path, "--json")):
            complaint = ctl(*words, code=4)[1]
            assert sentence in complaint and complaint.count("\n") == 1, (name, complaint)
        assert agent(path, code=4)[1] == complaint.replace("bootsealctl: ", "bootseal: "), name
    for show in (agent, ctl_show):
        assert "the file cannot be read; is it a directory?" in show(tmp_path, code=4)[1]
        assert "the file cannot be opened" in show(tmp_path / "missing", code=4)[1]


@SHOW
@pytest.mark.parametrize("padding", [b"\0", b"\xff"])
def test_the_room_behind_a_log_may_be_large(show, padding, tmp_path):
    log = lab.LOGS / "ovmf4M-uki-full.bin"
    (tmp_path / "padded").write_bytes(log.read_bytes() + padding * (15 * 1024 * 1024))
    assert show(tmp_path / "padded", "--json") == show(log, "--json")


def test_evidence_has_the_logs_in_it(tmp_path):
    for boot, log in zip(BOOTS, logs_of_boots(tmp_path)):
        for words in (["show"], ["show", "--json"], ["replay"], ["replay", "--json"]):
            assert ctl(*words, boot) == ctl(*words, log), boot
        said = json.loads(boot.read_text())
        values = json.loads(ctl("replay", boot, "--json")[0])[said["bank"]]
        assert {pcr: values.get(pcr, "00" * 32) for pcr in said["pcrs"]} == said["pcrs"], boot
    userspace = tmp_path / "tpm2-measure.log"
    userspace.write_text(bootlogs.record(11, "enter-initrd"))
    both = tmp_path / "both.json"
    both.write_text(json.dumps(json.loads(BOOTS[0].read_text()) |
                               {"userspace_log": base64.b64encode(userspace.read_bytes()).decode()}))
    assert ctl("show", both) == ctl("show", next(logs_of_boots(tmp_path)), f"--userspace={userspace}")
    assert "leave out --userspace" in ctl("show", both, f"--userspace={userspace}", code=2)[1]
    both.write_text(BOOTS[0].read_text().replace('"cap_pcr"', '"cap"'))
    assert "both.json: " in ctl("show", both, code=4)[1] and "cap" in ctl("show", both, code=4)[1]


def test_what_was_shown_of_a_log_is_no_log(tmp_path):
    for words in (["show"], ["show", "--json"]):
        (tmp_path / "shown").write_text(ctl(*words, VECTORS[0])[0])
        assert "this is what eventlog show printed of an event log" in ctl("replay", tmp_path / "shown", code=4)[1]


@pytest.mark.parametrize("words", [["show"], ["show", "--json"], ["replay"], ["replay", "--json"]])
def test_output_that_cannot_be_written_is_an_error(words):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([lab.BUILD / "bootsealctl", "eventlog", *words, lab.LOGS / "ovmf4M-uki-full.bin"], stdout=full,
                              stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 40 and done.stderr.startswith("bootsealctl: the output cannot be written: "), done


def test_a_bank_that_events_leave_out_is_replayed_of_the_others(tmp_path):
    log = bootlogs.header(((4, 20), (0x0B, 32)))
    log = eventlog.append(log, 4, 4, {4: b"1" * 20, 0x0B: b"2" * 32}, b"")
    log = eventlog.append(log, 4, 4, {0x0B: b"3" * 32}, b"")
    path = tmp_path / "log"
    path.write_bytes(log)
    first = hashlib.sha1(bytes(20) + b"1" * 20).hexdigest()
    out, complaint = ctl("replay", path, "--bank=sha1")
    assert out == f"4\t{first}\n"
    assert "1 event has no digest of the sha1 bank" in complaint
    assert ctl("replay", path)[1] == ""


def takes_connections(path):
    """A path is there before anybody listens at it."""
    with socket.socket(socket.AF_UNIX) as line:
        return line.connect_ex(str(path)) == 0


def pcr0_after_hcrtm(folder, data):
    """PCR 0 of a TPM whose hardware measured this before it was started, as the TPM itself reads it."""
    path = folder / "tpm.sock"
    with subprocess.Popen(["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={folder}", "--flags", "not-need-init",
                           "--server", f"type=unixio,path={path}", "--ctrl", f"type=unixio,path={path}.ctrl"],
                          stdin=subprocess.DEVNULL) as tpm:
        try:
            wait_until(lambda: takes_connections(path) and takes_connections(f"{path}.ctrl"), 20, "swtpm takes connections")
            lab.run("swtpm_ioctl", "--unix", f"{path}.ctrl", "-h", data)
            lab.run("tpm2_startup", "-c", "-T", f"swtpm:path={path}")
            return re.search(r"0x([0-9A-F]{64})", lab.run("tpm2_pcrread", "-T", f"swtpm:path={path}", "sha256:0"))[1].lower()
        finally:
            tpm.terminate()


def test_what_hardware_measured_before_the_start_is_in_pcr_0(tmp_path):
    true = pcr0_after_hcrtm(tmp_path, "HCRTM")
    told = eventlog.append(bootlogs.header(), 0, eventlog.EV_NO_ACTION, {0x0B: bytes(32)}, b"StartupLocality\0\4")
    for start in (told, bootlogs.header()):
        (tmp_path / "log").write_bytes(bootlogs.measured(start, 0, 0x80000010, b"HCRTM"))
        assert ctl("replay", tmp_path / "log")[0] == f"0\t{true}\n"


@SHOW
def test_a_table_for_a_person(show):
    out, _ = show(lab.LOGS / "ovmf4Msecboot-signed-uki.bin")
    assert "variable SecureBoot = 1" in out and "name of UKI section .cmdline" in out
    assert "        7  02a4f904010ebddfb1ce765622af8d48ac2408422e220ad4eed1e1856407f704" in out
    assert "certificate C=US, ST=Colorado, L=Fort Collins, O=SnakeOil" in out
    assert "Authenticode sha256 7f39005edf61b4f7ac6256325a3b023817d388e9e75d44ee8b39b439ece62e16" in out
    # What a rule of a policy names it by: of what the words do not prove, and of nothing else.
    for event in json.loads(show(lab.LOGS / "ovmf4Msecboot-signed-uki.bin", "--json")[0])["events"]:
        assert (event["digests"].get("sha256", "none") in out) == (event.get("data") == "claim"), event
    assert "= variable SecureBoot" in out and "? boot application \\EFI\\BOOT\\BOOTX64.EFI" in out
