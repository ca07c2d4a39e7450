"""`bootsealctl eventlog` and `bootseal eventlog` as somebody uses them who has a log in a file, and nothing else."""

import hashlib
import json
import os
import re
import subprocess

import pytest

import bootlogs
import eventlog
import lab
from bootlab.vm import wait_until

CTL = lab.BUILD / "bootsealctl"
VECTORS = sorted(lab.LOGS.glob("*.bin"))


def ctl(*words, code=0, data=b""):
    """bootsealctl eventlog, without a server: (output, complaint)."""
    done = subprocess.run([CTL, "--dir=/nonexistent", "eventlog", *map(str, words)], input=data, capture_output=True,
                          check=False)
    assert done.returncode == code, done.stderr
    assert code == 0 or done.stdout == b""
    return done.stdout.decode(), done.stderr.decode()


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


def test_userspace_goes_on_where_the_firmware_ended(tmp_path):
    log = lab.LOGS / "ovmf4M-uki-full.bin"
    before = json.loads(ctl("replay", log, "--json")[0])["sha256"]
    userspace = tmp_path / "tpm2-measure.log"
    userspace.write_text(bootlogs.record(11, "enter-initrd") + bootlogs.record(15, "machine-id:0b", kind="machine-id"))
    after = json.loads(ctl("replay", log, f"--userspace={userspace}", "--json")[0])["sha256"]
    assert after == before | {"11": extend(before["11"], "enter-initrd"), "15": extend("00" * 32, "machine-id:0b")}
    alone = dict(line.split("\t") for line in ctl("replay", userspace)[0].splitlines())
    assert alone == {"11": extend("00" * 32, "enter-initrd"), "15": after["15"]}
    shown = json.loads(ctl("show", log, f"--userspace={userspace}", "--json")[0])
    assert shown["pcrs"]["sha256"] == after
    assert [record["data"] for record in shown["userspace"]] == ["measured", "measured"]
    assert '= "enter-initrd"' in ctl("show", log, f"--userspace={userspace}")[0]
    userspace.write_text("{")
    assert "the userspace's log: " in ctl("replay", log, f"--userspace={userspace}", code=4)[1]


def test_the_standard_input_links_and_pipes_are_files_too(tmp_path):
    log = lab.LOGS / "ovmf4M-uki-full.bin"
    expected = ctl("replay", log)[0]
    assert ctl("replay", "-", data=log.read_bytes())[0] == expected
    link = tmp_path / "link"
    link.symlink_to(log)
    assert ctl("replay", link)[0] == expected
    read, write = os.pipe()
    with os.fdopen(write, "wb") as pipe:
        pipe.write(log.read_bytes())
    done = subprocess.run([CTL, "eventlog", "replay", f"/dev/fd/{read}"], pass_fds=[read], capture_output=True, check=True)
    os.close(read)
    assert done.stdout.decode() == expected


def test_what_is_no_log_ends_with_4_and_one_sentence(tmp_path):
    real = (lab.LOGS / "ovmf4M-uki-full.bin").read_bytes()
    wrong = {
        "empty": (b"", "the log is empty"),
        "script": (b"#!/bin/sh\necho no log at all, but longer than an event\n", "no event log of a TPM"),
        "zeros": (bytes(5000), "the log is empty"),
        "ccel": (b"CCEL8\0\0\0" + bytes(48), "CCEL"),
        "cut": (real[:-1], "event 35 at byte"),
        "trailing": (real + b"trailing garbage", "event 36 at byte"),
        "large": (real + bytes(1024 * 1024), "larger than"),
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
        done = subprocess.run([lab.BUILD / "bootseal", "eventlog", path], capture_output=True, text=True, check=False)
        assert done.returncode == 4 and done.stdout == "" and done.stderr.count("\n") == 1, (name, done)
    for path in (tmp_path, tmp_path / "missing"):
        assert "the file cannot be" in ctl("show", path, code=4)[1]


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


def pcr0_after_hcrtm(folder, data):
    """PCR 0 of a TPM whose hardware measured this before it was started, as the TPM itself reads it."""
    path = folder / "tpm.sock"
    with subprocess.Popen(["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={folder}", "--flags", "not-need-init",
                           "--server", f"type=unixio,path={path}", "--ctrl", f"type=unixio,path={path}.ctrl"],
                          stdin=subprocess.DEVNULL) as tpm:
        try:
            wait_until(lambda: path.exists() and (folder / "tpm.sock.ctrl").exists(), 20, "swtpm takes connections")
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


@pytest.mark.parametrize("program", ["bootseal", "bootsealctl"])
def test_a_table_for_a_person(program):
    log = lab.LOGS / "ovmf4Msecboot-signed-uki.bin"
    words = [lab.BUILD / "bootseal", "eventlog", log] if program == "bootseal" else [CTL, "eventlog", "show", log]
    out = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert "variable SecureBoot = 1" in out and "name of UKI section .cmdline" in out
    assert "        7  02a4f904010ebddfb1ce765622af8d48ac2408422e220ad4eed1e1856407f704" in out
    if program == "bootsealctl":
        assert "certificate C=US, ST=Colorado, L=Fort Collins, O=SnakeOil" in out
        assert "Authenticode sha256 7f39005edf61b4f7ac6256325a3b023817d388e9e75d44ee8b39b439ece62e16" in out
        assert "= variable SecureBoot" in out and "? boot application \\EFI\\BOOT\\BOOTX64.EFI" in out
