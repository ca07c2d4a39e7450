"""UEFI variables in a file of OVMF's: written before the machine is switched on, as a board's maker does in his factory.

The layout is EDK II's (MdeModulePkg/Include/Guid/VariableFormat.h): behind the header of the firmware volume lies a store of
variables with authenticated headers, one after the other, each at a multiple of four bytes; a flash's bits only ever fall.
"""

import struct
import uuid
from pathlib import Path

STORE = uuid.UUID("aaf32c78-947b-439a-a180-2e144ec37792").bytes_le
STORE_HEADER = struct.Struct("<16sIBB6x")
HEADER = struct.Struct("<HBBIQ16sIII16s")  # what StartId, State, Attributes, the time, the sizes and the vendor are
START = 0x55AA
ADDED, DELETED = 0x3F, 0xFD
NON_VOLATILE, BOOT_SERVICE, RUNTIME, TIME_BASED = 0x1, 0x2, 0x4, 0x20

GLOBAL = uuid.UUID("8be4df61-93ca-11d2-aa0d-00e098032b8c")
SECURITY = uuid.UUID("d719b2cb-3d3a-4596-a3bc-dad00e67656f")
SECURE_BOOT_ENABLE = uuid.UUID("f0a30bc7-af08-4556-99c4-001009c93a44")

# Of whom a variable is and how it is kept.
KINDS = {
    "PK": (GLOBAL, NON_VOLATILE | BOOT_SERVICE | RUNTIME | TIME_BASED),
    "KEK": (GLOBAL, NON_VOLATILE | BOOT_SERVICE | RUNTIME | TIME_BASED),
    "db": (SECURITY, NON_VOLATILE | BOOT_SERVICE | RUNTIME | TIME_BASED),
    "dbx": (SECURITY, NON_VOLATILE | BOOT_SERVICE | RUNTIME | TIME_BASED),
    "SecureBootEnable": (SECURE_BOOT_ENABLE, NON_VOLATILE | BOOT_SERVICE),
}


def write(path, variables):
    """Sets {name: data} in a variable file; a variable that is there already is replaced."""
    flash = bytearray(Path(path).read_bytes())
    start, end = _store(flash)
    for name, data in variables.items():
        vendor, attributes = KINDS[name]
        words = name.encode("utf-16le") + b"\0\0"
        at = _retire(flash, start, end, words, vendor.bytes_le)
        entry = HEADER.pack(START, ADDED, 0, attributes, 0, _time(), 0, len(words), len(data), vendor.bytes_le)
        entry += words + data
        assert at + len(entry) < end, f"no room for {name} in {path}"
        flash[at:at + len(entry)] = entry
    Path(path).write_bytes(flash)


def _time():
    """EFI_TIME of the day on which the keys are said to be enrolled."""
    return struct.pack("<HBBBBBxIhBx", 2026, 1, 1, 0, 0, 0, 0, 0, 0)


def _store(flash):
    """Where the variables begin and where the store ends."""
    (length,) = struct.unpack_from("<H", flash, 48)
    guid, size, form, state = STORE_HEADER.unpack_from(flash, length)
    assert (guid, form, state) == (STORE, 0x5A, 0xFE), "not a file of OVMF's variables"
    return length + STORE_HEADER.size, length + size


def _retire(flash, start, end, words, vendor):
    """Marks the variable of that name as deleted; returns where the next one may be written."""
    at = start
    while at + HEADER.size < end and struct.unpack_from("<H", flash, at)[0] == START:
        _, state, _, _, _, _, _, name_size, data_size, its_vendor = HEADER.unpack_from(flash, at)
        name = bytes(flash[at + HEADER.size:at + HEADER.size + name_size])
        if (name, its_vendor, state) == (words, vendor, ADDED):
            flash[at + 2] = state & DELETED
        at = (at + HEADER.size + name_size + data_size + 3) & ~3
    return at
