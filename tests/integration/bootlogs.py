"""Makes event logs of the userspace, and firmware's with what no machine here measures."""

import hashlib
import json
import struct

import eventlog

SHA256 = 0x0B


def record(pcr, text, banks=("sha256",), kind="phase"):
    """A record as systemd writes it (JSON-SEQ), with the digest of its text."""
    digests = [{"hashAlg": bank, "digest": hashlib.new(bank, text.encode()).hexdigest()} for bank in banks]
    content = {"string": text, "bootId": "0b" * 16, "timestamp": 17, "eventType": kind}
    return "\x1e" + json.dumps({"pcr": pcr, "digests": digests, "content_type": "systemd", "content": content}) + "\n"


def header(banks=((SHA256, 32),), signature=b"Spec ID Event03\0"):
    """TCG_EfiSpecIdEvent in an event of the old form."""
    data = signature + struct.pack("<IBBBBI", 0, 0, 2, 0, 2, len(banks))
    data += b"".join(struct.pack("<HH", *bank) for bank in banks) + b"\0"
    return struct.pack("<II20sI", 0, eventlog.EV_NO_ACTION, b"", len(data)) + data


def measured(log, pcr, kind, data):
    """The log with one more event, whose digest is that of its data."""
    return eventlog.append(log, pcr, kind, {SHA256: hashlib.sha256(data).digest()}, data)


def signature_list(kind, entries):
    """EFI_SIGNATURE_LIST of entries of one size."""
    body = b"".join(b"O" * 16 + entry for entry in entries)
    return kind + struct.pack("<III", 28 + len(body), 0, 16 + len(entries[0])) + body


def strange_signatures():
    """dbx with a hash and an entry that is neither that nor a certificate."""
    hashes = signature_list(bytes.fromhex("2616c4c14c509240aca941f936934328"), [b"h" * 32])
    lists = hashes + signature_list(b"T" * 16, [b"other"])
    name = "dbx".encode("utf-16-le")
    data = bytes.fromhex("cbb219d73a3d9645a3bcdad00e67656f") + struct.pack("<QQ", 3, len(lists)) + name + lists
    return measured(header(), 7, 0x80000001, data)
