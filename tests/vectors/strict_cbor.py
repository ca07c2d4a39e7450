"""Deterministic CBOR (RFC 8949 §4.2.1), written apart from core/cbor.c so that each checks the other.

Maps are dicts with unsigned keys, tags are Tag(number, value); no floats, no indefinite lengths.
"""
from collections import namedtuple

Tag = namedtuple("Tag", "number value")


class Refused(ValueError):
    pass


def head(major, n):
    if n < 24:
        return bytes([major << 5 | n])
    for info, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if n < 1 << (8 * size):
            return bytes([major << 5 | info]) + n.to_bytes(size, "big")
    raise Refused("number too large")


def encode(v):
    if isinstance(v, bool):
        return b"\xf5" if v else b"\xf4"
    if isinstance(v, int):
        return head(0, v) if v >= 0 else head(1, -1 - v)
    if isinstance(v, bytes):
        return head(2, len(v)) + v
    if isinstance(v, str):
        b = v.encode()
        return head(3, len(b)) + b
    if isinstance(v, list):
        return head(4, len(v)) + b"".join(map(encode, v))
    if isinstance(v, dict):
        pairs = sorted((encode(k), encode(x)) for k, x in v.items())
        return head(5, len(pairs)) + b"".join(k + x for k, x in pairs)
    if isinstance(v, Tag):
        return head(6, v.number) + encode(v.value)
    raise TypeError(type(v))


class _Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        if n > len(self.data) - self.at:
            raise Refused("too short")
        self.at += n
        return self.data[self.at - n:self.at]

    def argument(self, info):
        if info < 24:
            return info
        if info > 27:
            raise Refused("reserved or indefinite length")
        size = 1 << (info - 24)
        n = int.from_bytes(self.take(size), "big")
        if n < 24 or (size > 1 and n < 1 << (4 * size)):
            raise Refused("not the shortest form")
        return n

    def item(self, depth=8):
        if depth == 0:
            raise Refused("too deep")
        first = self.take(1)[0]
        major, n = first >> 5, self.argument(first & 31)
        if major == 0:
            return n
        if major == 1:
            return -1 - n
        if major == 2:
            return self.take(n)
        if major == 3:
            return self.take(n).decode("utf-8", "strict")
        if major == 4:
            return [self.item(depth - 1) for _ in range(n)]
        if major == 5:
            return self.map(n, depth)
        if major == 6:
            return Tag(n, self.item(depth - 1))
        if n in (20, 21):
            return n == 21
        raise Refused("floats and other simple values have no place here")

    def map(self, n, depth):
        result, last = {}, b""
        for _ in range(n):
            start = self.at
            key = self.item(depth - 1)
            raw = self.data[start:self.at]
            if raw <= last:
                raise Refused("keys not in ascending order")
            last = raw
            result[key] = self.item(depth - 1)
        return result


def decode(data):
    r = _Reader(data)
    try:
        value = r.item()
    except UnicodeDecodeError as e:
        raise Refused("not UTF-8") from e
    if r.at != len(data):
        raise Refused("bytes after the end")
    return value
