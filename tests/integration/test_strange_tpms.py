"""TPMs that are not as they were, or never were as they should be: told in a sentence, and good again after it is followed."""

import contextlib
import hashlib
import struct

import pytest

import lab
from bootlab.run import run
from ends import enrolls, fails

COUNTER = 0x0180B001
SRK, AK = 0x81000001, 0x8101B001
EK_CERT_P384 = 0x01C00016
NV_SPACE = 0x14B
ORDINARY, COUNTING = 0x02040004, 0x02040014  # AUTHREAD, AUTHWRITE, NO_DA
OWNER, PLATFORM = 0x40000001, 0x4000000C
SHA384 = 0x000C


def command(tpm, code, handles, parameters=b"", password=b""):
    """A command whose first handle is authorized by this auth value."""
    session = struct.pack(">IIHBH", 9 + len(password), 0x40000009, 0, 0, len(password)) + password
    answer, rest = tpm.command(code, b"".join(struct.pack(">I", handle) for handle in handles) + session + parameters)
    assert answer == 0, hex(answer)
    return rest


def define(tpm, index, size, attributes, wanted=(0,)):
    """TPM2_NV_DefineSpace: the response code, one of those that are wanted."""
    public = struct.pack(">IHIHH", index, 0x000B, attributes, 0, size)
    code, _ = tpm.command(0x12A, struct.pack(">I", OWNER) + lab.PASSWORD_SESSION +
                          struct.pack(">HH", 0, len(public)) + public)
    assert code in wanted, hex(code)
    return code


def undefine(tpm, index, authority=OWNER):
    """TPM2_NV_UndefineSpace."""
    command(tpm, 0x122, [authority, index])


def set_owner_password(tpm, password, old=b""):
    """TPM2_HierarchyChangeAuth."""
    command(tpm, 0x129, [OWNER], struct.pack(">H", len(password)) + password, password=old)


@contextlib.contextmanager
def foreign_key(tpm):
    """An RSA key of the owner's hierarchy, loaded while the block lasts."""
    public = struct.pack(">HHIH", 0x0001, 0x000B, 0x00030072, 0) + struct.pack(">HHH", 6, 128, 0x43)
    public += struct.pack(">HHI", 0x0010, 2048, 0) + struct.pack(">H", 0)
    rest = command(tpm, 0x131, [OWNER],
                   struct.pack(">HHH", 4, 0, 0) + struct.pack(">H", len(public)) + public + struct.pack(">HI", 0, 0))
    yield struct.unpack_from(">I", rest)[0]
    tpm.command(0x165, rest[:4], sessions=False)


def persist(tpm, key, handle, wanted=(0,)):
    """TPM2_EvictControl: the response code, one of those that are wanted."""
    code, _ = tpm.command(0x120, struct.pack(">II", OWNER, key) + lab.PASSWORD_SESSION + struct.pack(">I", handle))
    assert code in wanted, hex(code)
    return code


def leave_foreign_key(tpm, handle):
    """What another tool may have left there."""
    with foreign_key(tpm) as key:
        persist(tpm, key, handle)


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
    theirs, enrolled.tpm = enrolled.tpm, mine
    code, console = enrolled.boot(wait=0, url="https://localhost:1")  # nothing of the old vault was touched
    assert code == 0 and enrolled.report["source"] == "vault", console
    mine.stop()
    enrolled.tpm = theirs
    lab.enroll(enrolled, server)  # the other one is let in as any device is
    enrolled.power_on()
    code, console = enrolled.run(wait=0, url="https://localhost:1")
    assert code == 0 and enrolled.report["source"] == "vault", console


def test_foreign_keys_in_the_place_of_ours_are_left_there(new_device, server):
    """SRK and AK: then ours are made anew for each use, and device and vault are none the worse."""
    device = new_device()
    device.power_on()
    taken = (SRK, AK)
    for handle in taken:
        leave_foreign_key(device.tpm, handle)
    before = [read_public(device.tpm, handle) for handle in taken]
    lab.enroll(device, server)
    assert [read_public(device.tpm, handle) for handle in taken] == before
    device.power_on()
    code, console = device.run(wait=0, url="https://localhost:1")
    assert code == 0 and device.report["source"] == "vault", console


def read_public(tpm, handle):
    """TPM2_ReadPublic."""
    code, answer = tpm.command(0x173, struct.pack(">I", handle), sessions=False)
    assert code == 0, hex(code)
    return answer


def test_an_nv_index_that_somebody_else_has_is_told(new_device, server):
    device = new_device()
    device.power_on()
    define(device.tpm, COUNTER, 8, ORDINARY)
    console = fails(device, 30, "something else than bootseal's counter lies at tpm.counter_index 0x0180B001")
    assert "choose another index" in console and device.is_capped()
    device.settings["chip"] = 'counter_index = "0x0180B002";'
    lab.enroll(device, server)
    device.power_on()
    code, console = device.run(wait=0, url="https://localhost:1")
    assert code == 0 and device.report["source"] == "vault", console


def test_a_full_tpm_is_told_and_is_good_again_with_room_in_it(new_device, server):
    device = new_device()
    device.power_on()
    taken = []
    # A TPM keeps a little room back for counters: so these too.
    for size, attributes in ((2048, ORDINARY), (512, ORDINARY), (64, ORDINARY), (8, COUNTING)):
        while define(device.tpm, 0x01500000 + len(taken), size, attributes, wanted=(0, NV_SPACE)) == 0:
            taken.append(0x01500000 + len(taken))
    fails(device, 40, "is its NV memory full? tpm2_nvreadpublic lists what is there")
    assert device.is_capped()
    device.power_on()
    for index in taken:
        undefine(device.tpm, index)
    lab.enroll(device, server)


def test_an_owner_password_before_the_first_boot_is_told(new_device, server):
    device = new_device()
    device.power_on()
    set_owner_password(device.tpm, b"secret")
    console = fails(device, 40, "the TPM's owner hierarchy has a password and no storage root key lies at tpm.srk_handle")
    assert "before the password is set, or take it off" in console and device.is_capped()
    set_owner_password(device.tpm, b"", old=b"secret")
    lab.enroll(device, server)


def test_an_owner_password_after_the_first_boot_takes_only_the_counter_away(enrolled, server):
    """Nothing of ours needs the owner any more: neither opening, nor asking the server, nor sealing anew."""
    enrolled.power_on()
    set_owner_password(enrolled.tpm, b"secret")
    code, console = enrolled.run(wait=0, url="https://localhost:1")
    assert code == 0 and enrolled.report["source"] == "vault", console
    for slot in enrolled.slots:
        slot.unlink()
    enrolled.power_on()
    enrolls(enrolled)
    enrolled.power_on()
    command(enrolled.tpm, 0x122, [OWNER, COUNTER], password=b"secret")
    fails(enrolled, 40, "the TPM's owner hierarchy has a password and no counter lies at tpm.counter_index 0x0180B001")
    set_owner_password(enrolled.tpm, b"", old=b"secret")
    enrolled.power_on()
    enrolls(enrolled)


def test_a_tpm_with_a_certificate_for_its_rsa_key_alone_enrolls(new_device, server):
    device = new_device()
    device.power_on()
    undefine(device.tpm, EK_CERT_P384, PLATFORM)
    lab.enroll(device, server)
    assert "EK rsa2048 with certificate" in (device.folder / f"console-{device.boots}.log").read_text()
    device.power_on()
    code, console = device.run(wait=0, url="https://localhost:1")
    assert code == 0 and device.report["source"] == "vault", console


def test_a_counter_that_was_made_anew_opens_nothing_old(enrolled, server):
    """Undefined and defined again it goes on above every counter the TPM ever had, and its Name is the same."""
    enrolled.power_on()
    undefine(enrolled.tpm, COUNTER)
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


def test_a_tpm_with_sha384_alone_is_told_and_enrolls_with_that(new_device, server):
    device = new_device(log="ovmf-uki-cloud.bin")
    allocate(device, SHA384)
    device.tpm.start()
    (device.root / "eventlog").write_bytes(device.log)
    fails(device, 40, "the TPM has no active sha256 bank; enable it in the firmware setup or set measure.bank")
    assert pcr384(device.tpm, 12) == hashlib.sha384(bytes(48) + hashlib.sha384(b"bootseal cap v1").digest()).digest()

    server.stop()
    conf = server.folder / "bootseald.conf"
    conf.write_text(conf.read_text().replace('bank = "sha256"', 'bank = "sha384"'))
    server.start()
    device.settings["measure"] = 'bank = "sha384";'
    device.tpm.bank = SHA384
    lab.enroll(device, server)
    device.power_on()
    code, console = device.run(wait=0, url="https://localhost:1")
    assert code == 0 and device.report["source"] == "vault", console


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


