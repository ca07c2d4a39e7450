"""What has to hold at the end of a boot, at any end."""

import base64
import re
import struct

from cryptography import x509
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from world import SECRET

COUNTER = 0x0180B001
TRANSIENT, LOADED_SESSIONS, SAVED_SESSIONS = 0x80000000, 0x02000000, 0x03000000
PERSISTENT, NV = 0x81000000, 0x01000000
LOCKOUT_COUNTER = 0x20E  # TPM_PT_LOCKOUT_COUNTER
LIVING, REVOKED = 2, 3  # server/store/store.h


class Broken(AssertionError):
    """Something that has to hold does not."""


def need(is_so, otherwise):
    """Or this point has not survived."""
    if not is_so:
        raise Broken(otherwise)


def objects(tpm):
    """What lies in the TPM for good."""
    return {"persistent": tpm.handles(PERSISTENT), "nv": tpm.handles(NV)}


def check_tpm(world, clean):
    """Nothing loaded, nothing more or less persistent than after an uncut run, no failed authorization."""
    tpm = world.device.tpm
    for kind, first in (("object", TRANSIENT), ("session", LOADED_SESSIONS), ("saved session", SAVED_SESSIONS)):
        left = tpm.handles(first)
        need(not left, f"left loaded in the TPM: {kind} {[hex(one) for one in left]}")
    need(objects(tpm) == clean, f"in the TPM {objects(tpm)}, without a cut {clean}")
    need(tpm.property(LOCKOUT_COUNTER) == 0, "the TPM has counted a failed authorization")


def generation(slot):
    """What the header of a slot says; None when it is none."""
    return struct.unpack_from(">Q", slot, 16)[0] if slot.startswith(b"BSVAULT") else None


def check_slots(device):
    """Two equal slots of the generation that the counter is at."""
    value = device.tpm.counter(COUNTER)
    slots = [path.read_bytes() if path.exists() else b"" for path in device.slots]
    generations = [generation(slot) for slot in slots]
    need(generations == [value, value], f"counter {value}, generations of the slots {generations}")
    need(slots[0] == slots[1], "the slots differ")


def check_names(device):
    """Nothing else in the vault's folder."""
    names = {path.name for path in (device.disk / "lib/bootseal").iterdir()}
    need(names == (set() if device.partition else {"slot-a", "slot-b"}), f"in the vault's folder: {sorted(names)}")


def secrets(world):
    """{what: bytes} that must not lie in clear on the disk."""
    found = {"an item": SECRET}
    for number, (value,) in enumerate(world.server.rows("SELECT value FROM secret")):
        found[f"generated secret {number}"] = value
    found.update(device_keys(world))
    key = world.device.root / "run/credstore/device.key"
    if key.exists():
        der = base64.b64decode("".join(key.read_text().splitlines()[1:-1]))
        found["the blob of the device key"] = der[-64:]
    return found


def check_disk(world):
    """No secret in clear: neither as it is, nor in hexadecimal or base64."""
    places = {path: path.read_bytes() for path in world.device.disk.rglob("*") if path.is_file()}
    if world.device.partition:
        places["the partition"] = world.device.partition.content()
    for place, data in places.items():
        for what, value in secrets(world).items():
            forms = (value, value.hex().encode(), base64.b64encode(value)[:-4])
            need(not any(form in data for form in forms), f"{what} lies in clear in {place}")


def check_certificate(world):
    """One living certificate, and it is the one that the device has."""
    chain = (world.device.root / "run/credstore/device.crt").read_bytes()
    leaf = x509.load_pem_x509_certificate(re.search(b"-----BEGIN.*?-----END[^\n]*\n", chain, re.S).group())
    rows = world.server.rows("SELECT hex(serial), status FROM certificate WHERE device = ?", bytes.fromhex(device_id(world)))
    living = [int(serial, 16) for serial, status in rows if status == LIVING]
    need(living == [leaf.serial_number], f"the device has certificate {leaf.serial_number:x}, the server {rows}")
    need(all(status in (LIVING, REVOKED) for _, status in rows), f"certificates that nobody confirmed: {rows}")


def device_id(world):
    """As the report says."""
    return world.device.report["device"]


def device_keys(world):
    """{name: bytes} of the keys that the device made, as they were handed over; empty where its profile has none."""
    names = ("wg0.key", "disk.key")
    return {name: world.device.credential(name) for name in names if (world.device.root / "run/credstore" / name).exists()}


def check_keys(world):
    """The server has enrolled these keys, each once."""
    device = bytes.fromhex(device_id(world))
    enrolled = {name: (half, generation) for name, half, generation in
                world.server.rows("SELECT name, half, generation FROM device_key WHERE device = ?", device)}
    keys = device_keys(world)
    need(keys.keys() == enrolled.keys(), f"the device has keys {sorted(keys)}, the server {sorted(enrolled)}")
    for name, key in keys.items():
        if name == "wg0.key":
            half = X25519PrivateKey.from_private_bytes(key).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        else:
            mac = hmac.HMAC(key, hashes.SHA256())
            mac.update(b"bootseal commitment v1\0" + device + name.encode())
            half = mac.finalize()
        need(enrolled[name] == (half, 1), f"{name} is not the key that the server has enrolled")


def check_boot(world, source):
    """A boot that ended with 0: capped, with the right credentials from there, and nothing is left over."""
    device, report = world.device, world.device.report
    need(device.is_capped(), "the agent ended with 0 and PCR 12 is not capped")
    need(report["result"] == "done" and report["capped"] is True, f"the report says {report}")
    need(report["source"] == source, f"the credentials came from {report['source']}, not from {source}")
    need((device.root / "run/bootseal/ready").exists(), "there is no word that all is there")
    (key,) = world.server.rows("SELECT value FROM secret WHERE item = 'demo.key' AND device = ?",
                               bytes.fromhex(report["device"]))
    expected = {"demo.secret": SECRET, "demo.key": key[0], "app.conf": f"device = {report['device']}\n".encode()}
    for name, value in expected.items():
        need(device.credential(name) == value, f"{name} is not what the server gave")
    check_slots(device)
    check_names(device)
    check_disk(world)
    check_certificate(world)
    check_keys(world)
