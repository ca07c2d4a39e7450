"""The cryptography of the vectors in plain Python: slow, not constant in time, for tests only.

ECDSA P-256 with the nonces of RFC 6979, so that vectors come out the same every time; AES-256-GCM (SP 800-38D);
HKDF (RFC 5869); as much DER as two certificates need.
"""
import hashlib
import hmac

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
G = (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
     0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)


def sha256(*pieces):
    return hashlib.sha256(b"".join(pieces)).digest()


def mac(key, *pieces):
    return hmac.new(key, b"".join(pieces), hashlib.sha256).digest()


def hkdf(secret, salt, info, size=32):
    key, out, block = mac(salt or bytes(32), secret), b"", b""
    while len(out) < size:
        block = mac(key, block, info, bytes([len(out) // 32 + 1]))
        out += block
    return out[:size]


def add(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return None
        m = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, P) % P
    else:
        m = (b[1] - a[1]) * pow(b[0] - a[0], -1, P) % P
    x = (m * m - a[0] - b[0]) % P
    return x, (m * (a[0] - x) - a[1]) % P


def multiply(k, point=G):
    result = None
    while k:
        if k & 1:
            result = add(result, point)
        point, k = add(point, point), k >> 1
    return result


def private_key(name):
    return int.from_bytes(sha256(name.encode()), "big") % (N - 1) + 1


def point_bytes(d):
    x, y = multiply(d)
    return b"\4" + x.to_bytes(32, "big") + y.to_bytes(32, "big")


def nonce(d, digest):
    """RFC 6979 §3.2; a first candidate outside 1..N-1 does not happen in practice."""
    x, h = d.to_bytes(32, "big"), (int.from_bytes(digest, "big") % N).to_bytes(32, "big")
    k, v = bytes(32), b"\1" * 32
    for step in (b"\0", b"\1"):
        k = mac(k, v, step, x, h)
        v = mac(k, v)
    v = mac(k, v)
    candidate = int.from_bytes(v, "big")
    assert 0 < candidate < N
    return candidate


def ecdsa(d, digest):
    k = nonce(d, digest)
    r = multiply(k)[0] % N
    return r, pow(k, -1, N) * (int.from_bytes(digest, "big") + r * d) % N


def es256(d, message):
    return b"".join(n.to_bytes(32, "big") for n in ecdsa(d, sha256(message)))


def _aes_tables():
    sbox, p, q = [0x63] * 256, 1, 1
    while True:
        p ^= (p << 1) & 255 ^ (0x1B if p & 128 else 0)
        for shift in (1, 2, 4):
            q ^= (q << shift) & 255
        q ^= 9 if q & 128 else 0
        sbox[p] = 0x63
        for turn in range(5):
            sbox[p] ^= (q << turn | q >> (8 - turn)) & 255
        if p == 1:
            return sbox


SBOX = _aes_tables()


def aes256(key, block):
    w, rcon = [list(key[i:i + 4]) for i in range(0, 32, 4)], 1
    for i in range(8, 60):
        t = list(w[-1])
        if i % 8 == 0:
            t = [SBOX[b] for b in t[1:] + t[:1]]
            t[0] ^= rcon
            rcon <<= 1
        elif i % 8 == 4:
            t = [SBOX[b] for b in t]
        w.append([a ^ b for a, b in zip(w[i - 8], t)])
    s = [a ^ b for a, b in zip(block, sum(w[:4], []))]
    for turn in range(1, 15):
        s = [SBOX[s[(i + 4 * (i % 4)) % 16]] for i in range(16)]
        if turn < 14:
            s = sum((_mix(s[i:i + 4]) for i in range(0, 16, 4)), [])
        s = [a ^ b for a, b in zip(s, sum(w[4 * turn:4 * turn + 4], []))]
    return bytes(s)


def _mix(c):
    def double(b):
        return (b << 1) & 255 ^ (0x1B if b & 128 else 0)
    whole = c[0] ^ c[1] ^ c[2] ^ c[3]
    return [c[i] ^ whole ^ double(c[i] ^ c[(i + 1) % 4]) for i in range(4)]


def _ghash(h, data):
    y = 0
    for i in range(0, len(data), 16):
        x, y, v = y ^ int.from_bytes(data[i:i + 16], "big"), 0, h
        for bit in range(127, -1, -1):
            y ^= v if x >> bit & 1 else 0
            v = v >> 1 ^ (0xE1 << 120 if v & 1 else 0)
    return y


def gcm_seal(key, iv, aad, plain):
    def pad(b):
        return b + bytes(-len(b) % 16)
    stream = b"".join(aes256(key, iv + (i + 2).to_bytes(4, "big")) for i in range((len(plain) + 15) // 16))
    cipher = bytes(a ^ b for a, b in zip(plain, stream))
    sizes = (8 * len(aad)).to_bytes(8, "big") + (8 * len(cipher)).to_bytes(8, "big")
    tag = _ghash(int.from_bytes(aes256(key, bytes(16)), "big"), pad(aad) + pad(cipher) + sizes)
    mask = int.from_bytes(aes256(key, iv + b"\0\0\0\1"), "big")
    return cipher + (tag ^ mask).to_bytes(16, "big")


def der(tag, *content):
    b = b"".join(content)
    size = bytes([len(b)]) if len(b) < 128 else bytes([0x81, len(b)]) if len(b) < 256 else b"\x82" + len(b).to_bytes(2, "big")
    return bytes([tag]) + size + b


def der_uint(n):
    return der(2, n.to_bytes(n.bit_length() // 8 + 1, "big"))


def oid(dotted):
    parts = [int(p) for p in dotted.split(".")]
    out = b""
    for n in [40 * parts[0] + parts[1]] + parts[2:]:
        groups = [n & 127]
        while n := n >> 7:
            groups.insert(0, n & 127 | 128)
        out += bytes(groups)
    return der(6, out)


def name(common_name):
    return der(0x30, der(0x31, der(0x30, oid("2.5.4.3"), der(12, common_name.encode()))))


def spki(d):
    return der(0x30, der(0x30, oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7")), der(3, b"\0", point_bytes(d)))


def extension(dotted, value, is_critical=True):
    return der(0x30, oid(dotted), der(1, b"\xff") if is_critical else b"", der(4, value))


def certificate(serial, subject, d, issuer, issuer_d, eku=None, not_before="20250101000000Z", not_after="99991231235959Z"):
    """A version 3 certificate; without `eku` a CA. Dates before 2050 are UTCTime (RFC 5280 §4.1.2.5)."""
    def time(t):
        return der(24, t.encode()) if t >= "2050" else der(23, t[2:].encode())
    algorithm = der(0x30, oid("1.2.840.10045.4.3.2"))
    key_id = hashlib.sha1(point_bytes(d)).digest()
    issuer_id = hashlib.sha1(point_bytes(issuer_d)).digest()
    extensions = [extension("2.5.29.19", der(0x30, b"" if eku else der(1, b"\xff"))),
                  extension("2.5.29.15", der(3, b"\7\x80" if eku else b"\1\6")),
                  extension("2.5.29.14", der(4, key_id), False),
                  extension("2.5.29.35", der(0x30, der(0x80, issuer_id)), False)]
    if eku:
        extensions.append(extension("2.5.29.37", der(0x30, oid(eku)), False))
    tbs = der(0x30, der(0xA0, der_uint(2)), der_uint(serial), algorithm, name(issuer),
              der(0x30, time(not_before), time(not_after)), name(subject), spki(d), der(0xA3, der(0x30, *extensions)))
    r, s = ecdsa(issuer_d, sha256(tbs))
    return der(0x30, tbs, algorithm, der(3, b"\0", der(0x30, der_uint(r), der_uint(s))))


def private_pem(d):
    """SEC 1 (RFC 5915) inside PKCS#8 (RFC 5958)."""
    key = der(0x30, der_uint(1), der(4, d.to_bytes(32, "big")), der(0xA1, der(3, b"\0", point_bytes(d))))
    algorithm = der(0x30, oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7"))
    return pem("PRIVATE KEY", der(0x30, der_uint(0), algorithm, der(4, key)))


def pem(kind, data):
    import base64
    text = base64.b64encode(data).decode()
    lines = [text[i:i + 64] for i in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {kind}-----", *lines, f"-----END {kind}-----", ""])
