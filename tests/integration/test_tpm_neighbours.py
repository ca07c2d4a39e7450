"""Others who use the TPM while the agent does, power that goes at the wrong moment, and TPMs that lack something."""

import contextlib
import hashlib
import socket
import struct
import threading

import lab
from ends import enrolls, fails
from test_strange_tpms import COUNTER, OWNER, foreign_key, persist
from tpmproxy import COMMANDS, Proxy

NOWHERE = {"url": "https://localhost:1", "wait": 0}
FOR_EVER = 0xFFFFFFFF
NV_SPACE = 0x14B
WRITTEN = 1 << 29  # TPMA_NV
ECC_PRIMARY = struct.pack(">HHIHHHHHHHHH", 0x0023, 0x000B, 0x00030072, 0, 6, 128, 0x43, 0x10, 3, 0x10, 0, 0)


def opens(device, **settings):
    """From the vault, without a server."""
    device.power_on()
    code, console = device.run(**NOWHERE, **settings)
    assert code == 0 and device.report["source"] == "vault", console
    return console


# ---- somebody else at the same time

class Neighbour(threading.Thread):
    """Another program at the resource manager: never idle, keeps a key and a session loaded, extends PCR 10 as IMA does."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path = str(path)
        self.done, self.failed = 0, []
        self._leave = threading.Event()

    def run(self):
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(30)
            line.connect(self.path)
            try:
                self._live(line)
            except OSError as error:
                self.failed.append(repr(error))

    def _command(self, line, code, body, sessions=False):
        line.sendall(struct.pack(">HII", 0x8002 if sessions else 0x8001, 10 + len(body), code) + body)
        answer = line.recv(4096)
        if struct.unpack_from(">I", answer, 6)[0] != 0:
            self.failed.append(f"{code:#x}: {answer[6:10].hex()}")
        self.done += 1
        return answer[10:]

    def _live(self, line):
        body = struct.pack(">I", OWNER) + lab.PASSWORD_SESSION + struct.pack(">HHH", 4, 0, 0)
        body += struct.pack(">H", len(ECC_PRIMARY)) + ECC_PRIMARY + struct.pack(">HI", 0, 0)
        key = self._command(line, COMMANDS["CreatePrimary"], body, sessions=True)[:4]
        extend = struct.pack(">I", 10) + lab.PASSWORD_SESSION + struct.pack(">IH", 1, lab.SHA256) + bytes(32)
        while not self._leave.is_set():
            for _ in range(10):
                self._command(line, 0x17B, struct.pack(">H", 32))  # TPM2_GetRandom
                self._command(line, COMMANDS["ReadPublic"], key)
            self._command(line, lab.TPM2_CC_PCR_EXTEND, extend, sessions=True)
        self._command(line, COMMANDS["FlushContext"], key)

    def leave(self):
        """Stops it: nothing that it did may have failed."""
        self._leave.set()
        self.join(30)
        assert not self.is_alive() and not self.failed, self.failed


@contextlib.contextmanager
def neighbour(proxy):
    """While the block lasts."""
    one = Neighbour(proxy.path)
    one.start()
    lab.wait_until(lambda: one.done > 20 or one.failed, 30, "the neighbour lives")
    before = one.done
    yield
    lab.wait_until(lambda: one.done > before + 20 or one.failed, 30, "the neighbour goes on")
    one.leave()


def test_another_user_of_the_tpm_costs_neither_side_anything(new_device, server):
    device = new_device()
    with Proxy(device) as proxy:
        device.power_on()
        with neighbour(proxy):
            boot = device.start()
            name = boot.wait_for("bootsealctl device approve ([0-9a-f]{64})").group(1)
            server.ctl("device", "approve", name, "--learn", "--profile=demo")
            assert boot.end() == 0, boot.console.text
        for _ in range(3):
            device.power_on()
            with neighbour(proxy):
                code, console = device.run(**NOWHERE)
            assert code == 0 and device.report["source"] == "vault", console


def test_a_pcr_that_is_extended_while_the_vault_opens_costs_another_session(enrolled):
    with Proxy(enrolled) as proxy:
        proxy.fault("extend", "Unseal", times=3)
        opens(enrolled)
        assert proxy.commands().count(COMMANDS["StartAuthSession"]) == 4
        proxy.fault("extend", "Unseal", times=FOR_EVER)
        enrolled.power_on()
        fails(enrolled, 10, "", **NOWHERE)
        proxy.heal()
        opens(enrolled)


def test_a_cap_pcr_that_somebody_extended_meanwhile_is_capped_from_what_it_is(enrolled):
    """Its value is known from the beginning of the boot, where there is one bank; here it is another one by then."""
    with Proxy(enrolled) as proxy:
        enrolled.power_on()
        value = enrolled.tpm.read_pcr(12)
        proxy.fault("extend", "PCR_Event", 12)
        code, console = enrolled.run(**NOWHERE)
        assert code == 0 and enrolled.report["capped"], console
        assert proxy.commands().count(COMMANDS["PCR_Event"]) == 2
    for digest in (b"\xaa" + bytes(31), lab.CAP_DIGEST, lab.CAP_DIGEST):
        value = hashlib.sha256(value + digest).digest()
    assert enrolled.tpm.read_pcr(12) == value


# ---- the power goes

def attributes(tpm, index):
    """TPM2_NV_ReadPublic: TPMA_NV."""
    code, answer = tpm.command(COMMANDS["NV_ReadPublic"], struct.pack(">I", index), sessions=False)
    assert code == 0, hex(code)
    return struct.unpack_from(">I", answer, 2 + 4 + 2)[0]


def test_power_that_goes_before_the_counters_first_increment_costs_nothing(new_device, server):
    """Until then the counter has no value: to read it, or to compare it, is TPM_RC_NV_UNINITIALIZED."""
    device = new_device()
    with Proxy(device) as proxy:
        device.power_on()
        proxy.fault("hangup", "NV_DefineSpace")
        code, console = device.run(wait=0)
        assert code == 40 and "the TPM made no counter" in console
        assert not attributes(device.tpm, COUNTER) & WRITTEN
    lab.enroll(device, server)
    assert attributes(device.tpm, COUNTER) & WRITTEN
    opens(device)


# ---- what a TPM may lack

def test_a_tpm_without_ecc_is_told(new_device, server):
    """Storage key, attestation key and device key are on P-256."""
    device = new_device()
    with Proxy(device) as proxy:
        device.power_on()
        proxy.fault("no-ecc", times=FOR_EVER)
        fails(device, 40, "has this TPM ECC keys on P-256?")
        proxy.heal()
    lab.enroll(device, server)


def test_no_room_for_persistent_keys_costs_only_time(new_device, server):
    """What cannot be made persistent is made anew for each use."""
    device = new_device()
    device.power_on()
    handle = 0x81000100
    with foreign_key(device.tpm) as key:
        while persist(device.tpm, key, handle, wanted=(0, NV_SPACE)) == 0:
            handle += 1
    lab.enroll(device, server)
    opens(device)
    code, _ = device.tpm.command(COMMANDS["ReadPublic"], struct.pack(">I", 0x81000001), sessions=False)
    assert code == 0x18B, hex(code)  # TPM_RC_HANDLE: nothing is there
    for taken in range(0x81000100, handle):
        device.tpm.evict(taken)
    device.power_on()
    for slot in device.slots:
        slot.unlink()
    enrolls(device)
    code, _ = device.tpm.command(COMMANDS["ReadPublic"], struct.pack(">I", 0x81000001), sessions=False)
    assert code == 0
