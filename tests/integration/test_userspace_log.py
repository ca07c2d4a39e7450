"""What is measured after the firmware: systemd's log of it has to explain the PCRs, and nothing else may."""

import hashlib
import json
import shutil
import struct

import lab

RECORD_SEPARATOR = "\x1e"
boots = iter(range(1, 1000))


def record(pcr, text, string=None):
    """A record as systemd writes it; `text` is what was measured, `string` what it says of that."""
    return RECORD_SEPARATOR + json.dumps({
        "pcr": pcr,
        "digests": [{"hashAlg": name, "digest": hashlib.new(name, text.encode()).hexdigest()} for name in ("sha1", "sha256")],
        "content_type": "systemd",
        "content": {"eventType": "phase", "string": text if string is None else string, "bootId": f"{next(boots):032x}",
                    "timestamp": 1000000 * next(boots)},
    }) + "\n"


def power_on(device, extended, log):
    """A fresh boot in which userspace extended (PCR, text), with this log of it."""
    device.power_on()
    for pcr, text in extended:
        device.tpm.extend(pcr, hashlib.sha256(text.encode()).digest())
    path = device.root / "run/log/systemd/tpm2-measure.log"
    path.parent.mkdir(parents=True)
    path.write_text(log)


def drop_vault(device):
    for slot in device.slots:
        slot.unlink(missing_ok=True)


def approve(device, server):
    boot = device.start()
    name = boot.wait_for("bootsealctl device approve ([0-9a-f]{64})").group(1)
    server.ctl("device", "approve", name, "--learn", "--profile=demo")
    assert boot.end() == 0, boot.console.text


def test_what_userspace_measured_is_explained_by_its_log(new_device, server):
    """In PCRs of the boot, in the cap's, and in one that is not quoted."""
    device = new_device()
    extended = [(11, "enter-initrd"), (12, "a credential"), (15, "machine-id:0123")]
    power_on(device, extended, "".join(record(*one) for one in extended))
    (device.root / "proc").mkdir()
    (device.root / "proc/cmdline").write_text("root=/dev/vda2 quiet\n")
    approve(device, server)
    assert device.credential("demo.secret") == b"hunter2" and device.report["capped"]

    power_on(device, extended, "".join(record(*one) for one in extended))
    code, console = device.run(wait=0, url="https://localhost:1")
    assert code == 0 and device.report["source"] == "vault", console

    # What a record says of itself decides nothing.
    drop_vault(device)
    power_on(device, extended, "".join(record(*one, string="all is well") for one in extended))
    code, console = device.run(wait=0)
    assert code == 0 and device.report["source"] == "server", console

    # The cap, over what userspace measured: another configuration of the agent does not see it.
    shutil.rmtree(device.root / "run/credstore")
    drop_vault(device)
    code, console = device.run(wait=0, cap=9, pcrs="0, 2, 4, 7, 9, 11, 12")
    assert code == 20 and "this boot is over" in console, console
    assert server.audit()[-1]["reason"] == "capped"


PHASES = [(11, "enter-initrd"), (11, "a second phase")]
WRONG = {
    "a record is dropped": (record(*PHASES[0]), "(log-mismatch)", "PCR 11"),
    "another digest": (record(*PHASES[0]) + record(11, "another"), "(log-mismatch)", "PCR 11"),
    "a PCR of the firmware's": (record(*PHASES[0]) + record(4, PHASES[1][1]), "(log-mismatch)", "PCR 4"),
    "cut short": ("".join(record(*one) for one in PHASES)[:-9], "(log-malformed)", "userspace"),
    "too large": ("".join(record(*one) for one in PHASES) + " " * 65536, "(log-too-large)", "too large to be sent"),
}


def test_a_wrong_log_of_userspace_is_refused(enrolled):
    for name, (log, reason, words) in WRONG.items():
        drop_vault(enrolled)
        power_on(enrolled, PHASES, log)
        code, console = enrolled.run(wait=0)
        assert code == 20 and reason in console and words in console, (name, console)
        assert not enrolled.has_credentials() and enrolled.is_capped(), name
        assert ("userspace-log-too-large" in enrolled.report["notes"]) == (name == "too large"), name


def sha1_log():
    """The format of TPM 1.2: PCR, type, SHA-1, size, data."""
    return b"".join(struct.pack("<II", pcr, 4) + hashlib.sha1(bytes(4)).digest() + struct.pack("<I", 4) + bytes(4)
                    for pcr in range(8))


def test_logs_of_another_kind_are_told_as_what_they_are(enrolled):
    ccel = b"CCEL" + struct.pack("<IBB", 56, 1, 0) + bytes(46)
    for log, words in ((sha1_log(), "in the format of TPM 1.2"), (ccel, "confidential virtual machine (CCEL)")):
        drop_vault(enrolled)
        enrolled.power_on()
        (enrolled.root / "eventlog").write_bytes(log)
        code, console = enrolled.run(wait=0)
        assert code == 20 and "(log-kind)" in console and words in console, console
        assert not enrolled.has_credentials()


def test_a_second_separator_is_refused_though_the_log_has_it(enrolled):
    """Whoever extends a PCR of the firmware's with it, and adds the event, could say later what was before the first."""
    drop_vault(enrolled)
    separator = lab.eventlog.append(enrolled.log, 4, 13, {lab.SHA256: hashlib.sha256(bytes(4)).digest(),
                                                          0x000C: hashlib.sha384(bytes(4)).digest()}, b"data")
    enrolled.power_on(separator)
    code, console = enrolled.run(wait=0)
    assert code == 20 and "(log-separator)" in console and "PCR 4" in console, console
