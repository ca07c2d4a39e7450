#!/usr/bin/env python3
"""Makes tests/vectors/messages/: every message of the protocol, from values that tests/unit/test_message.c repeats.

Plain Python, no randomness, nothing taken from the C code: run it again and the files must come out the same.
NAME.cbor is the message, NAME.hex the same for people, NAME.json the values: bytes in hex, keys by name.
`make_messages.py --check` only compares.
"""
import json
import pathlib
import sys

from plain_crypto import certificate, es256, gcm_seal, hkdf, mac, pem, private_key, private_pem, sha256
from strict_cbor import Tag, encode

HERE = pathlib.Path(__file__).resolve().parent / "messages"
files = {}


def fill(seed, size):
    """Bytes seed, seed + 1, ...: easy to make again in any language."""
    return bytes((seed + i) & 255 for i in range(size))


def add(name, rule, message, values):
    def readable(v):
        if isinstance(v, bytes):
            return v.hex()
        if isinstance(v, list):
            return [readable(x) for x in v]
        if isinstance(v, dict):
            return {str(k): readable(x) for k, x in v.items()}
        return v

    text = message.hex()
    files[name + ".cbor"] = message
    files[name + ".hex"] = "".join(text[i:i + 96] + "\n" for i in range(0, len(text), 96)).encode()
    files[name + ".json"] = (json.dumps({"rule": rule, "values": readable(values)}, indent=2) + "\n").encode()
    return message


def message(name, rule, keys, values):
    """`keys`: the names of the CDDL in the order of their numbers."""
    def numbered(names, v):
        return {names.index(k) + 1: (numbered(NESTED[k], x) if k in NESTED and isinstance(x, dict) else
                                     [numbered(NESTED[k], y) for y in x] if k in NESTED else x) for k, x in v.items()}
    return add(name, rule, encode(numbered(keys, values)), values)


CERTIFIED = ["public_area", "attest", "signature"]
FINDING = ["pcr", "event", "text", "found", "expected"]
NESTED = {
    "device_key": CERTIFIED, "srk": CERTIFIED, "pcrs": ["bank", "values"], "findings": FINDING,
    "facts": ["serial", "product", "firmware", "kernel", "agent"], "items": ["name", "kind", "data"],
    "keys": ["name", "kind", "generation", "public_half", "size", "form"], "shares": ["serial", "value"],
    "policy": ["cert", "epoch", "approvals"], "approvals": ["release", "pcrs", "policy_ref", "signature"],
}
STATEMENT = ["version", "role", "channel_kind", "channel", "server_cert_sha256", "ek_public", "ek_certs", "ak_public",
             "device_key", "device_csr", "srk", "pcrs", "firmware_log_sha256", "facts", "counter_public", "counter_value",
             "token", "held_serial", "device_time", "notes", "userspace_log_sha256", "keys", "wanted_shares",
             "command_line"]
ATTEST = ["statement", "quote", "signature", "firmware_log", "userspace_log"]
CONFIRM = ["device", "serial", "mac", "keys"]
ANSWER = ["kind", "time", "id_object", "encrypted_secret", "bundle", "retry_after", "reason", "text", "device", "findings",
          "order"]
WIPE = ["device", "ak_name", "statement_sha256", "serial"]
BUNDLE = ["device", "ak_name", "srk_name", "serial", "issued", "renew_after", "profile", "chain", "items", "policy", "keys", "share", "shares"]

CHANNEL, SECRET, DEVICE = fill(0x10, 32), fill(0xA0, 32), fill(0xD0, 32)
TIME = 1790000000


def certified(seed):
    return {"public_area": fill(seed, 90), "attest": fill(seed + 1, 160), "signature": fill(seed + 2, 72)}


MINIMAL = {
    "version": 1, "role": "attester", "channel_kind": "none", "server_cert_sha256": fill(0x20, 32),
    "ek_public": fill(0x30, 122), "ak_public": fill(0x31, 90), "device_key": certified(0x40), "device_csr": fill(0x50, 250),
    "srk": certified(0x60), "pcrs": {"bank": 0x0B, "values": {7: fill(0x77, 32)}}, "facts": {},
    "counter_public": fill(0x70, 46), "counter_value": 0, "device_time": 0,
}
FIRMWARE_LOG = fill(0x90, 300)
FULL = {
    **MINIMAL, "channel_kind": "tls-exporter", "channel": CHANNEL, "ek_certs": [fill(0x80, 300), fill(0x81, 260)],
    "pcrs": {"bank": 0x0B, "values": {n: fill(n, 32) for n in (0, 1, 2, 3, 4, 5, 6, 7, 9, 11, 12, 23)}},
    "firmware_log_sha256": sha256(FIRMWARE_LOG),
    "facts": {"serial": "BS-0001", "product": "Gerät 7", "firmware": "1.2.3", "kernel": "6.12.0-test", "agent": "0.1.0"},
    "counter_value": 4294967296, "token": "token-0123456789abcdef", "held_serial": 41, "device_time": TIME,
    "notes": ["clock-unknown", "vault-boot-changed"],
}
USERSPACE_LOG = b'\x1e{"pcr":11,"digests":[{"hashAlg":"sha256","digest":"00"}],"content_type":"systemd","content":{"string":"enter-initrd"}}\n'
COMMAND_LINE = b"root=/dev/vda2 ro quiet"
USERSPACE = {**MINIMAL, "userspace_log_sha256": sha256(USERSPACE_LOG), "command_line": COMMAND_LINE}
CREDENTIAL = {"id_object": fill(0xB0, 70), "encrypted_secret": fill(0xB8, 70)}
KEYS = [
    {"name": "wg0.key", "kind": 2, "generation": 1, "public_half": fill(0xA1, 32)},
    {"name": "disk", "kind": 1, "generation": 3, "public_half": fill(0xA2, 32)},
    {"name": "wallet", "kind": 4, "generation": 1, "public_half": fill(0x04, 65)},
]
FINDINGS = [
    {"pcr": 4, "event": 17, "text": "PCR 4: event 17 is not the one of the reference",
     "found": "boot application a1b2", "expected": "boot application c3d4"},
    {"pcr": 0, "text": "PCR 0 differs"},
    {"text": "two PCRs differ"},
]


def keys_hash(keys):
    """What the MAC of a confirmation has of the keys: each piece with its length before it."""
    return sha256(*(bytes([len(k["name"])]) + k["name"].encode() + bytes([k["kind"]]) + k["generation"].to_bytes(8, "big") +
                    bytes([len(k["public_half"])]) + k["public_half"] for k in keys))


def policy_after_pcr(bank, values):
    """policyDigest after TPM2_PolicyPCR (Library Part 3, 23.7): H(0... | code | TPML_PCR_SELECTION | H(values))."""
    mask = sum(1 << n for n in values)
    selection = (1).to_bytes(4, "big") + bank.to_bytes(2, "big") + b"\3" + mask.to_bytes(3, "little")
    return sha256(bytes(32), (0x17F).to_bytes(4, "big"), selection, sha256(*(values[n] for n in sorted(values))))


def approval(key, release, values, epoch):
    ref = sha256(b"bootseal policy v1\0", DEVICE, epoch.to_bytes(8, "big"))
    return {"release": release, "pcrs": {"bank": 0x0B, "values": values}, "policy_ref": ref,
            "signature": es256(key, policy_after_pcr(0x0B, values) + ref)}


def policy(ca):
    """What a bundle brings for vaults under a signed policy, and the same approvals as a file."""
    key = private_key("bootseal test policy key")
    firmware = {n: fill(n, 32) for n in (0, 2, 7)}
    approvals = [approval(key, release, {**firmware, **{n: fill(seed + n, 32) for n in (4, 9, 11)}}, 3)
                 for release, seed in (("v1.0", 0x10), ("v1.1", 0x20))]
    message("approvals", "approvals", ["approvals"], {"approvals": approvals})
    cert = certificate(5, "bootseal test policy key", key, "bootseal test server CA", ca, "2.25.1948329173.2")
    return {"cert": cert, "epoch": 3, "approvals": approvals}


def bundle():
    ca, signer = private_key("bootseal test server CA"), private_key("bootseal test bundle key")
    ca_cert = certificate(1, "bootseal test server CA", ca, "bootseal test server CA", ca)
    cert = certificate(2, "bootseal test bundle signer", signer, "bootseal test server CA", ca, "2.25.1948329173.1")
    values = {
        "device": DEVICE, "ak_name": b"\0\x0b" + fill(1, 32), "srk_name": b"\0\x0b" + fill(2, 32), "serial": 42,
        "issued": TIME, "renew_after": TIME + 86400, "profile": "gateway", "chain": [fill(0xC0, 300), fill(0xC1, 260)],
        "items": [{"name": "app.key", "kind": 1, "data": fill(0xE0, 48)},
                  {"name": "10-wired.network", "kind": 2, "data": b"[Match]\nName=eth0\n\n[Network]\nDHCP=yes\n"},
                  {"name": "empty", "kind": 2, "data": b""},
                  {"name": "ca.pem", "kind": 3, "data": b"-----BEGIN CERTIFICATE-----\n"}],
    }
    payload = message("bundle-payload", "bundle", BUNDLE, values)
    least = {k: v for k, v in values.items() if k not in ("renew_after", "items")}
    least = {**least, "serial": 1, "issued": 0, "chain": [fill(0xC0, 20)]}
    message("bundle-payload-minimal", "bundle", BUNDLE, least)
    ordered = [{**KEYS[0], "form": 3}, {**KEYS[1], "size": 64, "form": 1}, {**KEYS[2], "form": 2},
               {"name": "host", "kind": 3, "generation": 2, "form": 4}]
    message("bundle-payload-keys", "bundle", BUNDLE,
            {**least, "keys": ordered, "share": fill(0x55, 32), "shares": [{"serial": 41, "value": fill(0x56, 32)}]})
    message("bundle-payload-policy", "bundle", BUNDLE, {**least, "policy": policy(ca)})

    protected = encode({1: -7, 33: cert})
    to_sign = encode(["Signature1", protected, b"bootseal bundle v1\0", payload])
    signature = es256(signer, to_sign)
    sign1 = add("bundle-sign1", "bundle-sign1", encode(Tag(18, [protected, {}, payload, signature])),
                {"protected": protected, "payload": payload, "signature": signature, "to_sign_sha256": sha256(to_sign)})

    statement, nonce = files["statement-full.cbor"], fill(0xF0, 12)
    key = hkdf(SECRET, CHANNEL, b"bootseal bundle v1")
    protected = encode({1: 3})
    aad = encode(["Encrypt0", protected, sha256(statement)])
    encrypt0 = encode(Tag(16, [protected, {5: nonce}, gcm_seal(key, nonce, aad, sign1)]))
    add("bundle-encrypt0", "bundle-encrypt0", encrypt0, {"secret": SECRET, "channel": CHANNEL, "key": key, "aad": aad})

    other = private_key("bootseal test other CA")
    other_cert = certificate(1, "bootseal test server CA", other, "bootseal test server CA", other)
    wrong_eku = certificate(3, "bootseal test policy signer", signer, "bootseal test server CA", ca, "2.25.1948329173.2")
    expired = certificate(4, "bootseal test old signer", signer, "bootseal test server CA", ca, "2.25.1948329173.1",
                          not_after="20250102000000Z")
    files["bundle-ca.pem"] = pem("CERTIFICATE", ca_cert).encode()
    files["other-ca.pem"] = pem("CERTIFICATE", other_cert).encode()
    files["bundle-cert-wrong-eku.der"] = wrong_eku
    files["bundle-cert-expired.der"] = expired
    files["bundle-cert.der"] = cert
    files["bundle-key.pem"] = private_pem(signer).encode()
    return encrypt0


def wipe(statement):
    """An order to forget, signed by the key that signs bundles."""
    signer, cert = private_key("bootseal test bundle key"), files["bundle-cert.der"]
    payload = message("wipe-payload", "wipe", WIPE, {"device": DEVICE, "ak_name": b"\0\x0b" + fill(1, 32),
                                                     "statement_sha256": sha256(statement), "serial": 43})
    protected = encode({1: -7, 33: cert})
    to_sign = encode(["Signature1", protected, b"bootseal wipe v1\0", payload])
    signature = es256(signer, to_sign)
    return add("wipe-sign1", "wipe-sign1", encode(Tag(18, [protected, {}, payload, signature])),
               {"protected": protected, "payload": payload, "signature": signature, "to_sign_sha256": sha256(to_sign)})


def main():
    statement = message("statement-full", "statement", STATEMENT, FULL)
    message("statement-minimal", "statement", STATEMENT, MINIMAL)
    message("statement-challenge", "statement", STATEMENT,
            {**MINIMAL, "channel_kind": "challenge", "channel": CHANNEL,
             "pcrs": {"bank": 0x0C, "values": {n: fill(n, 48) for n in range(24)}}})
    message("statement-keys", "statement", STATEMENT, {**MINIMAL, "keys": KEYS, "wanted_shares": [40, 41]})
    userspace = message("statement-userspace", "statement", STATEMENT, USERSPACE)
    attest = {"quote": fill(0x91, 140), "signature": fill(0x92, 72)}
    message("attest", "attest", ATTEST, {"statement": statement, **attest, "firmware_log": FIRMWARE_LOG})
    message("attest-userspace", "attest", ATTEST, {"statement": userspace, **attest, "userspace_log": USERSPACE_LOG})

    prove = mac(SECRET, b"bootseal prove v1\0", CHANNEL, sha256(statement))
    message("prove", "prove", ["mac"], {"mac": prove})
    confirm_key = hkdf(SECRET, CHANNEL, b"bootseal confirm v1")
    confirm = mac(confirm_key, CHANNEL, DEVICE, (42).to_bytes(8, "big"))
    message("confirm", "confirm", CONFIRM, {"device": DEVICE, "serial": 42, "mac": confirm})
    confirm = mac(confirm_key, CHANNEL, DEVICE, (42).to_bytes(8, "big"), keys_hash(KEYS))
    message("confirm-keys", "confirm", CONFIRM, {"device": DEVICE, "serial": 42, "mac": confirm, "keys": KEYS})

    def answer(name, kind, **values):
        message("answer-" + name, "answer", ANSWER, {"kind": kind, "time": TIME, **values})

    answer("prove", 1, **CREDENTIAL)
    answer("approved", 2, **CREDENTIAL, bundle=bundle())
    answer("pending", 3, retry_after=30, reason="unknown-device", text="nobody has registered this device")
    answer("refused", 4, reason="boot-not-approved", text="this boot equals no reference\nask an operator",
           device=DEVICE, findings=FINDINGS)
    answer("confirmed", 5)
    answer("busy", 6, retry_after=86400)
    answer("wipe", 7, **CREDENTIAL, reason="wiped", text="an operator ordered this device to forget", device=DEVICE,
           order=wipe(statement))

    values = {"secret": SECRET, "channel": CHANNEL, "statement_sha256": sha256(statement), "prove_mac": prove,
              "quote_data": sha256(b"bootseal quote v1 tls\0", sha256(statement)), "confirm_key": confirm_key,
              "wiped_key": hkdf(SECRET, CHANNEL, b"bootseal wiped v1"),
              "certify_device": sha256(b"bootseal device v1\0", CHANNEL), "certify_srk": sha256(b"bootseal srk v1\0", CHANNEL)}
    files["bindings.json"] = (json.dumps({k: v.hex() for k, v in values.items()}, indent=2) + "\n").encode()

    if "--check" in sys.argv:
        wrong = [n for n, b in files.items() if not (HERE / n).exists() or (HERE / n).read_bytes() != b]
        wrong += [p.name for p in HERE.iterdir() if p.name not in files]
        sys.exit(f"not as made by make_messages.py: {', '.join(sorted(wrong))}" if wrong else 0)
    HERE.mkdir(exist_ok=True)
    for n, b in files.items():
        (HERE / n).write_bytes(b)


if __name__ == "__main__":
    main()
