"""Reads a crypto-agile event log far enough to extend a TPM with it: an own reader, independent of the code under test."""

import struct

EV_NO_ACTION = 3


def _spec_id_sizes(data):
    """Digest sizes by algorithm (TCG PC Client PFP §10.4.5.1, TCG_EfiSpecIdEvent)."""
    assert data[:15] == b"Spec ID Event03", "not a crypto-agile log"
    count, = struct.unpack_from("<I", data, 24)
    return dict(struct.unpack_from("<HH", data, 28 + 4 * number) for number in range(count))


def events(log):
    """Yields (pcr, type, {algorithm: digest}, data) of all events but the header."""
    size, = struct.unpack_from("<I", log, 28)
    sizes = _spec_id_sizes(log[32:32 + size])
    at = 32 + size
    while at + 12 <= len(log):
        pcr, kind, count = struct.unpack_from("<III", log, at)
        if pcr == kind == count == 0 or pcr == 0xFFFFFFFF:
            return
        at += 12
        digests = {}
        for _ in range(count):
            algorithm, = struct.unpack_from("<H", log, at)
            digests[algorithm] = log[at + 2:at + 2 + sizes[algorithm]]
            at += 2 + sizes[algorithm]
        size, = struct.unpack_from("<I", log, at)
        yield pcr, kind, digests, log[at + 4:at + 4 + size]
        at += 4 + size


def append(log, pcr, kind, digests, data):
    """The log with one more event."""
    event = struct.pack("<III", pcr, kind, len(digests))
    for algorithm, digest in digests.items():
        event += struct.pack("<H", algorithm) + digest
    return log + event + struct.pack("<I", len(data)) + data
