"""Keys that a device makes itself: what the server knows of them, and what they outlive."""

import base64
import shutil
import struct
import subprocess

import lab
from bootlab.run import run

COUNTER = 0x0180B001
PLATFORM = 0x4000000C
KEYS = ("disk", "wg0.key", "host", "wallet")
PROFILE = """
name = "demo";
{recovery}
items = (
    {{ name = "app.conf"; kind = "file"; text = "device = ${{device.id}}\\n"; }},
    {{ name = "disk"; kind = "generate"; type = "random"; size = 64; }},
    {{ name = "wg0.key"; kind = "generate"; type = "x25519"; format = "wireguard"; }},
    {{ name = "host"; kind = "generate"; type = "ed25519"; format = "openssh"; }},
    {{ name = "wallet"; kind = "generate"; type = "secp256k1"; format = "pem"; }}
);
"""
OFFLINE = {"wait": 0, "url": "https://localhost:1"}


def keys_of(device):
    """What was handed over."""
    return {name: device.credential(name) for name in KEYS}


def shown(server, device):
    """What the server knows of the keys, by name."""
    return {key["name"]: key for key in server.json("device", "show", device.id)["keys"]}


def approved_boot(device, server, log=None):
    """A boot that is another one than before, which an operator approves while the device waits."""
    device.power_on(log)
    boot = device.start()
    boot.wait_for("pending .boot-not-approved.")
    server.ctl("device", "approve", device.id, "--learn")
    assert boot.end() == 0, boot.console.text
    return boot.console.text


def fails(device, code, said, **changes):
    """A boot that ends so, and hands nothing over."""
    found, console = device.boot(**changes)
    assert found == code and said in console, f"{found}\n{console}"
    assert not device.has_credentials() and device.is_capped()
    return console


def public_of(folder, name, key):
    """The public half as OpenSSL and OpenSSH compute it."""
    path = folder / f"{name}.private"
    path.touch(0o600)
    if name == "host":
        path.write_bytes(key)
        return run("ssh-keygen", "-y", "-f", path).split()[1]
    if name == "wg0.key":  # PKCS#8 around the scalar, RFC 8410
        key = (b"-----BEGIN PRIVATE KEY-----\n" + base64.b64encode(
            bytes.fromhex("302e020100300506032b656e04220420") + base64.b64decode(key)) + b"\n-----END PRIVATE KEY-----\n")
    path.write_bytes(key)
    der = subprocess.run(["openssl", "pkey", "-in", path, "-pubout", "-outform", "DER"], capture_output=True, check=True).stdout
    return base64.b64encode(der[-32:]).decode() if name == "wg0.key" else der[-65:].hex()


def test_keys_of_a_device_outlive_what_shuts_its_vault(new_device, server, tmp_path):
    """An approved change of the boot, a foreign increment, a counter that is gone, a cleared TPM: each costs a contact and no key."""
    server.profile(PROFILE.format(recovery=""))
    device = new_device()
    lab.enroll(device, server)
    keys, known = keys_of(device), shown(server, device)
    assert len(keys["disk"]) == 64 and len(set(keys.values())) == 4
    assert known["host"]["text"].split()[1] == public_of(tmp_path, "host", keys["host"])
    assert known["wg0.key"]["text"] == public_of(tmp_path, "wg0.key", keys["wg0.key"])
    assert known["wallet"]["public"] == public_of(tmp_path, "wallet", keys["wallet"])
    assert {key["generation"] for key in known.values()} == {1} and known["disk"]["type"] == "random"
    assert [row["detail"].split(",")[0] for row in server.audit("key.enroll")] == list(KEYS)

    approved_boot(device, server, lab.changed_boot(device.log))
    assert keys_of(device) == keys

    device.power_on()
    device.tpm.increment(COUNTER)
    assert device.run()[0] == 0 and keys_of(device) == keys

    device.power_on()
    device.tpm.undefine(COUNTER)
    assert device.run()[0] == 0 and keys_of(device) == keys

    device.power_on()
    code, _ = device.tpm.command(0x126, struct.pack(">I", PLATFORM) + lab.PASSWORD_SESSION)  # TPM2_Clear
    assert code == 0
    assert device.run()[0] == 20  # fewer resets than before
    server.ctl("device", "approve", device.id, "--accept-reset")
    assert device.boot()[0] == 0 and keys_of(device) == keys

    assert shown(server, device) == known
    code, console = device.boot(**OFFLINE)
    assert code == 0 and device.report["source"] == "vault" and keys_of(device) == keys, console
    assert len(server.audit("key.enroll")) == 4  # nothing was enrolled anew
    held = b"".join(path.read_bytes() for path in server.folder.rglob("*") if path.is_file())
    assert bytes.fromhex(known["disk"]["public"]) in held
    assert not [name for name in KEYS if keys[name] in held or base64.b64decode(keys["wg0.key"]) in held]


def test_a_share_opens_the_vault_of_its_device_alone(new_device, server):
    """Slots of another device, and an unapproved boot: the server's share is of no use, or is not given."""
    server.profile(PROFILE.format(recovery=""))
    mine, theirs = new_device(), new_device("b")
    lab.enroll(mine, server)
    lab.enroll(theirs, server)
    keys, own = keys_of(mine), [slot.read_bytes() for slot in mine.slots]
    for slot, stolen in zip(mine.slots, theirs.slots):
        shutil.copyfile(stolen, slot)
    console = fails(mine, 41, "no recovery share opens an older one")
    assert mine.report["reason"] == "keys-lost", console

    for slot, content in zip(mine.slots, own):
        slot.write_bytes(content)
    answers = len(server.audit("verdict.approved"))
    fails(mine, 10, "boot-not-approved", log=lab.changed_boot(mine.log), wait=0)
    assert len(server.audit("verdict.approved")) == answers
    approved_boot(mine, server)
    assert keys_of(mine) == keys


def test_without_a_share_keys_are_lost_until_an_operator_orders_new_ones(new_device, server):
    """recovery = "none": what only the TPM could open is gone with its state, and nothing is made in its place unasked."""
    server.profile(PROFILE.format(recovery='recovery = "none";'))
    device = new_device()
    lab.enroll(device, server)
    keys = keys_of(device)
    device.power_on()
    device.tpm.increment(COUNTER)
    code, console = device.run()
    assert code == 41 and device.report["reason"] == "keys-lost" and "device rekey" in console, console
    assert shown(server, device)["disk"]["generation"] == 1
    said = server.json("device", "rekey", device.id, "--key=disk")
    assert said["keys"] == [{"name": "disk", "generation": 2}]
    fails(device, 41, "device rekey")  # the others are lost as they were
    server.ctl("device", "rekey", device.id)
    assert device.boot()[0] == 0
    assert all(keys[name] != new for name, new in keys_of(device).items())
    assert {key["generation"] for key in shown(server, device).values()} == {2, 3}


def test_an_operator_opens_the_share_offline(new_device, server, tmp_path):
    """recovery = "operator": the server waits for a person with the key, and another key does not help."""
    for name in ("offline", "other"):
        run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", tmp_path / name)
    public = run("openssl", "pkey", "-in", tmp_path / "offline", "-pubout").strip().replace("\n", "\\n")
    server.profile(PROFILE.format(recovery=f'recovery = "operator"; recovery_key = "{public}\\n";'))
    device = new_device()
    lab.enroll(device, server)
    keys = keys_of(device)
    device.power_on()
    device.tpm.increment(COUNTER)
    boot = device.start()
    boot.wait_for("pending .share-locked.")
    (tmp_path / "locked").write_text(server.ctl("device", "share", device.id))
    assert server.ctl("share", "open", tmp_path / "locked", f"--key={tmp_path / 'other'}", check=False).returncode == 30
    (tmp_path / "open").write_text(server.ctl("share", "open", tmp_path / "locked", f"--key={tmp_path / 'offline'}"))
    server.ctl("device", "recover", tmp_path / "open")
    assert boot.end() == 0, boot.console.text
    assert keys_of(device) == keys
    assert server.audit("device.recover")[0]["actor"].startswith("uid:")
