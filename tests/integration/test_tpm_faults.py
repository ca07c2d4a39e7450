"""TPMs that are not as they were, or never were as they should be; firmware that measures nothing, or too much."""

import hashlib
import os
import struct
import threading

import pytest

import eventlog
import lab
from bootlab.run import run
from conftest import PROFILE

COUNTER = 0x0180B001
SRK = 0x81000001
OWNER, PLATFORM = 0x40000001, 0x4000000C
SHA384 = 0x000C


def command(tpm, code, handles, parameters=b""):
    """A command whose first handle is authorized by its empty auth value."""
    body = b"".join(struct.pack(">I", handle) for handle in handles) + lab.PASSWORD_SESSION + parameters
    answer, rest = tpm.command(code, body)
    assert answer == 0, hex(answer)
    return rest


def fails(device, code, sentence, **settings):
    """The boot ends closed, without credentials, with this code and sentence."""
    found, console = device.run(**{"wait": 0, **settings})
    assert found == code, console
    assert sentence in (device.report["message"] or ""), console
    assert not device.has_credentials() and device.report["capped"], console
    return console


def enrolls(device, **settings):
    """The server helps this boot, and the next one needs no server."""
    code, console = device.run(**settings)
    assert code == 0, console
    assert device.report["source"] == "server" and device.report["capped"], console
    device.power_on()
    code, console = device.run(**{**settings, "url": "https://localhost:1", "wait": 0})
    assert code == 0 and device.report["source"] == "vault", console
    return console


# ---- what somebody did to the TPM

def test_a_cleared_tpm_is_refused_until_an_operator_says_so(enrolled, server):
    enrolled.power_on()
    command(enrolled.tpm, 0x126, [PLATFORM])  # TPM2_Clear
    fails(enrolled, 20, "if it was cleared, say so: bootsealctl device approve --accept-reset")
    assert enrolled.is_capped()
    server.ctl("device", "approve", enrolled.id, "--accept-reset")
    enrolled.power_on()
    enrolls(enrolled)


def test_a_swapped_tpm_is_another_device(enrolled, maker, server):
    enrolled.tpm.stop()
    (enrolled.folder / "swapped").mkdir()
    mine, enrolled.tpm = enrolled.tpm, lab.SocketTpm(enrolled.folder / "swapped", maker("b"))
    enrolled.power_on()
    console = fails(enrolled, 10, "nobody has approved this device yet")
    assert "sealed to another boot" in console and enrolled.is_capped()
    enrolled.tpm.stop()
    server.stop()
    enrolled.tpm = mine
    code, console = enrolled.boot(wait=0)  # nothing of the old vault was touched
    assert code == 0 and enrolled.report["source"] == "vault", console


def test_a_foreign_key_in_the_place_of_the_srk_is_left_there(new_device, server):
    device = new_device()
    device.power_on()
    public = struct.pack(">HHIH", 0x0001, 0x000B, 0x00030072, 0) + struct.pack(">HHH", 6, 128, 0x43)
    public += struct.pack(">HHI", 0x0010, 2048, 0) + struct.pack(">H", 0)
    rest = command(device.tpm, 0x131, [OWNER],
                   struct.pack(">HHH", 4, 0, 0) + struct.pack(">H", len(public)) + public + struct.pack(">HI", 0, 0))
    foreign = struct.unpack_from(">I", rest)[0]
    command(device.tpm, 0x120, [OWNER, foreign], struct.pack(">I", SRK))  # TPM2_EvictControl
    device.tpm.command(0x165, struct.pack(">I", foreign), sessions=False)
    before = read_public(device.tpm, SRK)
    lab.enroll(device, server)
    assert read_public(device.tpm, SRK) == before
    device.power_on()
    code, console = device.run(wait=0, url="https://localhost:1")
    assert code == 0 and device.report["source"] == "vault", console


def read_public(tpm, handle):
    """TPM2_ReadPublic."""
    code, answer = tpm.command(0x173, struct.pack(">I", handle), sessions=False)
    assert code == 0, hex(code)
    return answer


def test_an_nv_index_that_somebody_else_has_is_told(new_device):
    device = new_device()
    device.power_on()
    public = struct.pack(">IHIHH", COUNTER, 0x000B, 0x00040004, 0, 8)  # ordinary, AUTHREAD and AUTHWRITE
    command(device.tpm, 0x12A, [OWNER], struct.pack(">HH", 0, len(public)) + public)  # TPM2_NV_DefineSpace
    console = fails(device, 30, "something else than bootseal's counter lies at tpm.counter_index 0x0180B001")
    assert "choose another index" in console and device.is_capped()


def test_a_counter_that_was_made_anew_opens_nothing_old(enrolled, server):
    """Undefined and defined again it goes on above every counter the TPM ever had, and its Name is the same."""
    enrolled.power_on()
    command(enrolled.tpm, 0x122, [OWNER, COUNTER])  # TPM2_NV_UndefineSpace
    enrolls(enrolled)
    assert len([cert for cert in server.json("device", "show", enrolled.id)["certificates"]
                if cert["status"] == "living"]) == 1


def allocate(device, *banks):
    """TPM2_PCR_Allocate: from the next reset on only these banks are active."""
    device.tpm.start()
    selections = b"".join(struct.pack(">HB", bank, 3) + (b"\xff" * 3 if bank in banks else bytes(3))
                          for bank in (0x0004, lab.SHA256, SHA384, 0x000D))
    command(device.tpm, 0x12B, [PLATFORM], struct.pack(">I", 4) + selections)
    code, _ = device.tpm.command(0x145, struct.pack(">H", 0), sessions=False)  # TPM2_Shutdown(CLEAR)
    assert code == 0
    device.tpm.stop()


def pcr384(tpm, pcr):
    """A value of the SHA-384 bank."""
    select = bytearray(3)
    select[pcr // 8] = 1 << pcr % 8
    code, answer = tpm.command(lab.TPM2_CC_PCR_READ, struct.pack(">IHB", 1, SHA384, 3) + select, sessions=False)
    assert code == 0, hex(code)
    return answer[-48:]


def test_a_tpm_with_sha384_alone_is_told(new_device):
    device = new_device()
    allocate(device, SHA384)
    device.tpm.start()
    (device.root / "eventlog").write_bytes(device.log)
    fails(device, 40, "the TPM has no active sha256 bank; enable it in the firmware setup or set measure.bank")
    assert pcr384(device.tpm, 12) == hashlib.sha384(bytes(48) + hashlib.sha384(b"bootseal cap v1").digest()).digest()


def test_a_second_bank_that_nobody_uses_is_capped_as_well(new_device):
    device = new_device()
    allocate(device, lab.SHA256, SHA384)
    device.power_on()
    fails(device, 10, "nobody has approved this device yet")
    assert device.is_capped()
    assert pcr384(device.tpm, 12) == hashlib.sha384(bytes(48) + hashlib.sha384(b"bootseal cap v1").digest()).digest()


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A TPM without EK certificates."""
    folder = tmp_path_factory.mktemp("bare")
    (folder / "state").mkdir()
    run("swtpm_setup", "--tpm2", "--tpmstate", folder / "state", "--pcr-banks", "sha256",
        "--logfile", folder / "log")

    class Template:
        """As much of a Tpm as a device needs."""
    Template.folder = folder
    return Template


def test_a_tpm_without_ek_certificate_is_told_and_let_in_by_its_hash(bare, enrolled, server, tmp_path):
    folder = tmp_path / "bare"
    folder.mkdir()
    device = lab.Device(folder, bare, server)
    device.power_on()
    try:
        console = fails(device, 20, "EK")
        assert "ek-no-cert" in console and device.is_capped()
        registered = tmp_path / "devices.csv"
        registered.write_text(f"ek_sha256,serial,profile,labels\n{device.id},SN-9,demo,\n")
        server.ctl("device", "import", registered)
        device.power_on()
        enrolls(device)
    finally:
        device.tpm.stop()


@pytest.mark.parametrize("how, words", [("there is none", "enable it in the firmware setup"),
                                        ("it dies", "is another program using it?"),
                                        ("it stops", "switch the machine off and on")])
def test_a_tpm_that_does_not_answer_is_told(new_device, how, words):
    device = new_device()
    device.power_on()
    if how == "there is none":
        device.tpm.stop()
    else:
        device.tpm.suspend()
        if how == "it dies":
            threading.Timer(1, device.tpm.stop).start()
    code, console = device.run(wait=0, timeout=2)
    device.tpm.stop()
    assert code == 40, console
    assert ("TPM swtpm:" in device.report["message"]) and words in device.report["message"]
    assert device.report["capped"] is False and not device.has_credentials()
    assert "the real root must not start" in console


# ---- what the firmware measured

def test_a_log_that_is_missing_is_told_by_the_server(enrolled):
    enrolled.power_on()
    (enrolled.root / "eventlog").unlink()
    for slot in enrolled.slots:
        slot.unlink()
    console = fails(enrolled, 20, "log")
    assert "log-missing" in console and enrolled.is_capped()


def test_a_log_that_is_missing_keeps_no_vault_shut(enrolled):
    enrolled.power_on()
    (enrolled.root / "eventlog").unlink()
    code, console = enrolled.run(wait=0, url="https://localhost:1")
    assert code == 0 and enrolled.report["source"] == "vault", console


def test_a_log_of_600_kib_is_told(enrolled):
    enrolled.power_on()
    (enrolled.root / "eventlog").write_bytes(grown(enrolled.log, 600 * 1024))
    fails(enrolled, 4, "is larger than 204800 bytes")
    assert enrolled.is_capped()


def grown(log, size):
    """The log with events at its end that extend nothing, up to this size."""
    event = eventlog.append(b"", 0, eventlog.EV_NO_ACTION, {lab.SHA256: bytes(32)}, b"x" * 948)
    return log + event * ((size - len(log)) // len(event))


def test_a_log_that_never_ends_is_no_hang(enrolled):
    enrolled.power_on()
    (enrolled.root / "eventlog").unlink()
    os.mknod(enrolled.root / "eventlog", 0o20644, os.makedev(1, 5))
    fails(enrolled, 4, "is larger than 204800 bytes")
    (enrolled.root / "eventlog").unlink()
    assert enrolled.is_capped()


def test_a_log_that_grows_while_it_is_read_is_read_to_its_end(enrolled):
    """As it lies there when it is read, by whole events: what the quote does not vouch for extends nothing."""
    for slot in enrolled.slots:
        slot.unlink()
    enrolled.power_on()
    event = eventlog.append(b"", 0, eventlog.EV_NO_ACTION, {lab.SHA256: bytes(32)}, b"x" * 90)
    with open(enrolled.root / "eventlog", "ab", buffering=0) as log:
        boot = enrolled.start()
        size = 0
        while boot.process.poll() is None and size < 150000:
            size += log.write(event)
        assert boot.end() == 0, boot.console.text
    assert enrolled.report["source"] == "server" and enrolled.is_capped()


@pytest.mark.parametrize("cut", [1, 31, 40, 1000, 4000])
def test_a_log_that_was_cut_is_told(enrolled, cut):
    for slot in enrolled.slots:
        slot.unlink()
    enrolled.power_on()
    (enrolled.root / "eventlog").write_bytes(enrolled.log[:cut])
    console = fails(enrolled, 20, "log")
    assert "log-malformed" in console or "log-mismatch" in console
    assert enrolled.is_capped()


# ---- a board that measures nothing

def unmeasured(device):
    """Power on without firmware that measures: PCRs at their reset values, no log."""
    device.log = device.log[:32 + struct.unpack_from("<I", device.log, 28)[0]]
    device.power_on()
    (device.root / "eventlog").unlink()


def test_a_board_without_measured_boot_is_told(new_device):
    device = new_device()
    unmeasured(device)
    fails(device, 40, "the firmware did not measure this boot; enable measured boot, or set measure.boot = \"optional\"")
    assert device.is_capped()


def test_a_board_without_measured_boot_is_refused_by_a_server_that_wants_it(new_device):
    device = new_device()
    unmeasured(device)
    console = fails(device, 20, "measure", measure='boot = "optional";')
    assert "unmeasured" in console and device.is_capped()


def test_a_board_without_measured_boot_gets_in_where_both_sides_say_so(new_device, server):
    server.stop()
    conf = server.folder / "bootseald.conf"
    conf.write_text(conf.read_text().replace('boot = "required"', 'boot = "optional"'))
    server.start()
    server.profile(PROFILE)
    device = new_device()
    device.settings["measure"] = 'boot = "optional";'
    unmeasured(device)
    boot = device.start()
    name = boot.wait_for("bootsealctl device approve ([0-9a-f]{64})").group(1)
    server.ctl("device", "approve", name, "--learn", "--profile=demo")
    assert boot.end() == 0, boot.console.text
    assert "every boot will ask the server" in boot.console.text and device.is_capped()
    assert device.credential("demo.secret") == b"hunter2" and not any(slot.exists() for slot in device.slots)
    unmeasured(device)
    code, console = device.run(wait=0)
    assert code == 0 and device.report["source"] == "server", console
