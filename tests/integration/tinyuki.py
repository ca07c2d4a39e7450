"""A unified kernel image without code: all that is measured of one, in 10 KiB. Written after the PE format, independent of core/pe.c."""

import hashlib
import struct

STUB = "252.39-1~deb12u2"


def _align(value, to):
    return (value + to - 1) // to * to


def pe(sections):
    """A PE32+ image for x86-64 of these sections: [(name, bytes)]."""
    headers, address, body = 0x400, 0x1000, b""
    table = b""
    for name, data in sections:
        raw = data + bytes(_align(len(data), 512) - len(data))
        table += struct.pack("<8sIIII12xI", name.encode(), len(data), address, len(raw), headers + len(body), 0x40000020)
        address += _align(len(data) + 1, 0x1000)
        body += raw
    optional = struct.pack("<HBBIIIII", 0x20b, 0, 0, 0, 0, 0, 0x1000, 0x1000)
    optional += struct.pack("<QIIHHHHHHIIIIHH", 0, 0x1000, 512, 0, 0, 1, 0, 0, 0, 0, address, headers, 0, 10, 0)
    optional += struct.pack("<QQQQII", 0, 0, 0, 0, 0, 16) + bytes(16 * 8)
    file_header = struct.pack("<HHIIIHH", 0x8664, len(sections), 0, 0, 0, len(optional), 0x22e)
    head = b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0" + file_header + optional + table
    return head + bytes(headers - len(head)) + body


def uki(cmdline="quiet", initrd=b"an initrd", stub=STUB):
    """A whole image."""
    return pe([(".text", b"stub"), (".sdmagic", f"#### LoaderInfo: systemd-stub {stub} ####".encode()), (".osrel", b"ID=test\n"),
               (".cmdline", cmdline.encode()), (".initrd", initrd), (".linux", pe([(".text", b"kernel")]))])


def pieces11(cmdline="quiet", initrd=b"an initrd"):
    """What the stub measures into PCR 11."""
    for name, data in ((".linux", pe([(".text", b"kernel")])), (".osrel", b"ID=test\n"), (".cmdline", cmdline.encode()),
                       (".initrd", initrd)):
        yield name.encode() + b"\0"
        yield data


def pieces9(cmdline="quiet", initrd=b"an initrd"):
    """What the kernel measures into PCR 9."""
    return cmdline.encode("utf-16-le") + b"\0\0", initrd


def _lead_to(pieces):
    value = bytes(32)
    for piece in pieces:
        value = hashlib.sha256(value + hashlib.sha256(piece).digest()).digest()
    return value.hex()


def pcr11(cmdline="quiet", initrd=b"an initrd"):
    """What the stub leads PCR 11 to."""
    return _lead_to(pieces11(cmdline, initrd))


def pcr9(cmdline="quiet", initrd=b"an initrd"):
    """What the kernel leads PCR 9 to."""
    return _lead_to(pieces9(cmdline, initrd))
