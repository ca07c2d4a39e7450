"""What somebody on the TPM's bus sees and can change, in the boots of the real agent."""

import hashlib
import struct

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import lab
from tpmproxy import COMMANDS, Proxy

NULL, ENDORSEMENT = 0x40000007, 0x4000000B
PASSWORD, SRK = 0x40000009, 0x81000001
EK = 0x81010016  # of P-384, where the maker of the TPM has put it
DECRYPT, ENCRYPT = 0x20, 0x40  # TPMA_SESSION: the first parameter of the command, of the response
HEADER = 10
NOWHERE = {"url": "https://localhost:1", "wait": 0}


def sized(data, width=2):
    """What stands behind its size, and what follows."""
    size = int.from_bytes(data[:width], "big")
    return data[width:width + size], data[width + size:]


class Slot:
    """A slot of the vault, as docs/design.md draws it."""

    def __init__(self, path):
        slot = path.read_bytes()
        self.head = slot[:struct.unpack_from(">I", slot, 12)[0]]
        self.sealed = slot[len(self.head):]
        self.nonce = self.head[-16:-4]
        self.generation, self.bank, self.cap, _, self.mask, self.index = struct.unpack_from(">QHBBII", slot, 16)
        rest = self.head[36:]
        for width in (2, 2, 2, 2, 4):  # counter's Name, SRK, policyRef, policy key, approvals
            _, rest = sized(rest, width)
        self.public, rest = sized(rest)
        self.private, rest = sized(rest)

    def decrypt(self, key):
        """Raises when it is not the key."""
        return AESGCM(key).decrypt(self.nonce, self.sealed, self.head)


def vault_key(device):
    """The key itself, in the clear: anybody who may send commands gets it before the cap."""
    slot, tpm = Slot(device.slots[0]), device.tpm

    def command(code, body, sessions=False):
        answer, rest = tpm.command(COMMANDS[code], body, sessions=sessions)
        assert answer == 0, f"{code}: {answer:#x}"
        return rest

    def twob(data):
        return struct.pack(">H", len(data)) + data

    def pcrs(mask):
        return struct.pack(">HIHB", 0, 1, slot.bank, 3) + mask.to_bytes(3, "little")

    body = struct.pack(">I", SRK) + lab.PASSWORD_SESSION + twob(slot.private) + twob(slot.public)
    key = command("Load", body, sessions=True)[:4]
    body = struct.pack(">II", NULL, NULL) + twob(bytes(32)) + twob(b"") + struct.pack(">BHH", 1, 0x10, 0x0B)
    session = command("StartAuthSession", body)[:4]
    command("PolicyPCR", session + pcrs(slot.mask))
    command("PolicyPCR", session + pcrs(1 << slot.cap))
    body = struct.pack(">II", slot.index, slot.index) + session + lab.PASSWORD_SESSION
    command("PolicyNV", body + twob(struct.pack(">Q", slot.generation)) + bytes(4), sessions=True)
    body = key + struct.pack(">I", 9) + session + bytes(5)
    found = sized(command("Unseal", body, sessions=True)[4:])[0]
    command("FlushContext", key)
    slot.decrypt(found)
    return found


def test_the_vaults_key_is_not_on_the_bus(new_device, server):
    """Of the first boot, which seals it, and of the second, which opens it."""
    device = new_device()
    with Proxy(device) as proxy:
        lab.enroll(device, server)
        device.power_on()
        code, console = device.run(**NOWHERE)
        assert code == 0 and device.report["source"] == "vault", console
        bus = b"".join(command + response for command, response in proxy.bus())
    device.power_on()
    key = vault_key(device)
    assert Slot(device.slots[0]).private in bus
    for at in range(0, len(key) - 8):
        assert key[at:at + 8] not in bus


def handles_of(command):
    """How many handles stand before the authorizations."""
    return {"Create": 1, "Unseal": 1, "ActivateCredential": 2}[command]


def sessions_of(command, count):
    """(handle, attributes) of each authorization of a command with so many handles."""
    area, _ = sized(command[HEADER + 4 * count:], 4)
    while area:
        handle, = struct.unpack_from(">I", area)
        _, rest = sized(area[4:])
        attributes, (_, area) = rest[0], sized(rest[1:])
        yield handle, attributes


def salted_commands(bus):
    """Of commands that carry a secret: (name, encryption of its sessions, the keys that these are salted to)."""
    sessions, found = {}, []
    for command, response in bus:
        code, failed = struct.unpack_from(">I", command, 6)[0], struct.unpack_from(">I", response, 6)[0]
        if failed:
            continue
        if code == COMMANDS["StartAuthSession"]:
            key, = struct.unpack_from(">I", command, HEADER)
            sessions[struct.unpack_from(">I", response, HEADER)[0]] = key
        for name in ("Create", "Unseal", "ActivateCredential"):
            if code == COMMANDS[name]:
                used = list(sessions_of(command, handles_of(name)))
                found.append((name, [attributes & (DECRYPT | ENCRYPT) for _, attributes in used],
                              [sessions[handle] for handle, _ in used if handle != PASSWORD]))
    return found


def is_primary_of(tpm, hierarchy, handle):
    """The qualified Name says so (Part 1 §16.3); the nameAlg is SHA-384."""
    code, answer = tpm.command(COMMANDS["ReadPublic"], struct.pack(">I", handle), sessions=False)
    assert code == 0, hex(code)
    name, rest = sized(sized(answer)[1])
    return sized(rest)[0][2:] == hashlib.sha384(struct.pack(">I", hierarchy) + name).digest()


def test_the_first_boot_salts_to_the_endorsement_key(new_device, server):
    """And a later one to the storage key, which the first boot's bundle has signed."""
    device = new_device()
    with Proxy(device) as proxy:
        lab.enroll(device, server)
        first = salted_commands(proxy.bus())
        device.power_on()
        proxy.record()
        assert device.run(**NOWHERE)[0] == 0
        later = salted_commands(proxy.bus())
    assert [one for one in first if one[0] == "ActivateCredential"]
    for name, encryption, keys in first:
        if name == "ActivateCredential":
            assert ENCRYPT in encryption and keys and set(keys) == {EK}
    seals = [one for one in first if one[0] == "Create" and one[1] == [DECRYPT]]
    assert [keys for _, _, keys in seals] == [[EK]]
    assert later == [("Unseal", [ENCRYPT], [SRK])]
    assert is_primary_of(device.tpm, ENDORSEMENT, EK)


@pytest.mark.parametrize("what", ["changed", "replayed"])
def test_an_answer_that_was_put_on_the_bus_opens_nothing(enrolled, what):
    with Proxy(enrolled) as proxy:
        enrolled.power_on()
        assert enrolled.run(**NOWHERE)[0] == 0
        proxy.tape()
        enrolled.power_on()
        if what == "changed":
            proxy.fault("flip", "Unseal", 70)  # of the parameter: behind it stand HMAC, attributes and nonce, 69 bytes
        else:
            proxy.fault("replay", "Unseal")
        code, console = enrolled.run(**NOWHERE)
        assert code == 10 and not enrolled.has_credentials() and enrolled.is_capped(), console
        assert enrolled.report["notes"] == ["tpm-answer-changed"] and "look for something between" in console
        proxy.heal()
        enrolled.power_on()
        code, console = enrolled.run(**NOWHERE)
        assert code == 0 and enrolled.report["source"] == "vault", console
