"""What a machine sent, from the capture that QEMU writes of its network (filter-dump)."""

import struct
from pathlib import Path


def packets(path):
    """The Ethernet frames of a capture file (libpcap format, either byte order)."""
    data = Path(path).read_bytes()
    if len(data) < 24:
        return []
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    frames, at = [], 24
    while at + 16 <= len(data):
        (length,) = struct.unpack_from(order + "I", data, at + 8)
        frames.append(data[at + 16:at + 16 + length])
        at += 16 + length
    return frames


def sent_by(path, mac):
    """The frames whose source is this hardware address ("52:54:00:…")."""
    source = bytes.fromhex(mac.replace(":", ""))
    return [frame for frame in packets(path) if frame[6:12] == source]
