"""A server that has all the keys of the real one and answers what it is told to: what an agent must refuse even so."""

import hashlib
import os
import struct
import sys
import time
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from OpenSSL import SSL

import relay

sys.path.append(str(Path(__file__).resolve().parents[1] / "vectors"))

from plain_crypto import hkdf  # noqa: E402  the path comes first
from strict_cbor import Tag, decode, encode  # noqa: E402

DER = serialization.Encoding.DER
PROVE, APPROVED, CONFIRMED = 1, 2, 5
LABEL = b"bootseal bundle v1"


class Keys:
    """The keys in a server's folder."""

    def __init__(self, folder):
        self.folder = Path(folder) / "keys"
        self.bundle_key, self.bundle_cert = self.load("bundle")
        self._device_key, self._device_cert = self.load("device-ca")

    def load(self, name):
        """Key and certificate of this name."""
        pem = (self.folder / f"{name}.pem").read_bytes()
        return serialization.load_pem_private_key(pem, None), x509.load_pem_x509_certificate(pem)

    def device_certificate(self, request):
        """For the key of a PKCS#10 request."""
        csr, now = x509.load_der_x509_csr(request), self.bundle_cert.not_valid_before
        cert = x509.CertificateBuilder().subject_name(csr.subject).issuer_name(self._device_cert.subject)
        cert = cert.public_key(csr.public_key()).serial_number(x509.random_serial_number()).not_valid_before(now)
        return cert.not_valid_after(self.bundle_cert.not_valid_after).sign(self._device_key, hashes.SHA256())

    def sign(self, payload, label=LABEL):
        """COSE_Sign1 with the bundle key."""
        cert = self.bundle_cert.public_bytes(DER)
        protected = encode({1: -7, 33: cert})
        message = encode(["Signature1", protected, label + b"\0", payload])
        r, s = decode_dss_signature(self.bundle_key.sign(message, ec.ECDSA(hashes.SHA256())))
        return encode(Tag(18, [protected, {}, payload, r.to_bytes(32, "big") + s.to_bytes(32, "big")]))


class Mint:
    """Makes credentials on a TPM of its own."""

    def __init__(self, tpm):
        self._tpm = tpm

    def credential(self, ek, ak_name, secret):
        """TPM2_LoadExternal and TPM2_MakeCredential: id_object and encrypted_secret."""
        body = struct.pack(">HH", 0, len(ek)) + ek + struct.pack(">I", 0x40000007)
        code, answer = self._tpm.command(0x167, body, sessions=False)
        assert code == 0, hex(code)
        handle = answer[:4]
        body = handle + struct.pack(">H", len(secret)) + secret + struct.pack(">H", len(ak_name)) + ak_name
        code, answer = self._tpm.command(0x168, body, sessions=False)
        assert code == 0, hex(code)
        self._tpm.command(0x165, handle, sessions=False)
        size, = struct.unpack_from(">H", answer)
        return answer[:2 + size], answer[2 + size:]


def name_of(public):
    """Of a TPMT_PUBLIC with nameAlg SHA-256."""
    return b"\0\x0b" + hashlib.sha256(public).digest()


class Insider(relay.Listener):
    """`change` is given each answer (a map) and the statement that it is for, and returns what is sent instead."""

    def __init__(self, keys, mint, change=lambda answer, statement: answer):
        self._context = SSL.Context(SSL.TLS_SERVER_METHOD)
        self._context.use_certificate_file(str(keys.folder / "server.pem"))
        self._context.use_privatekey_file(str(keys.folder / "server.pem"))
        self._keys, self._mint = keys, mint
        self.change = change
        self.serial = 0
        self.secret = None  # of the next credentials; None: random
        self.sent = []
        super().__init__(self._speak)

    def _speak(self, line):
        tls = SSL.Connection(self._context, line)
        tls.set_accept_state()
        try:
            tls.do_handshake()
            channel = tls.export_keying_material(b"EXPORTER-Channel-Binding", 32, b"")
            while True:
                head, body = relay.read_request(tls)
                message = decode(body)
                answer = {1: CONFIRMED, 2: int(time.time())}
                if b"/v1/attest" in head:
                    answer = self.change(self._approve(message[1], channel), decode(message[1]))
                reply = encode(answer)
                self.sent.append(answer)
                tls.sendall(relay.HEAD + b"Content-Length: %d\r\n\r\n" % len(reply) + reply)
        except SSL.Error as error:
            raise OSError("the device hung up") from error

    def _approve(self, statement, channel):
        s, secret = decode(statement), self.secret or os.urandom(32)
        self.serial += 1
        id_object, encrypted = self._mint.credential(s[6], name_of(s[8]), secret)
        sign1 = self._keys.sign(encode(self.bundle(s)))
        nonce = os.urandom(12)
        aad = encode(["Encrypt0", bytes.fromhex("a10103"), hashlib.sha256(statement).digest()])
        sealed = AESGCM(hkdf(secret, channel, LABEL)).encrypt(nonce, sign1, aad)
        bundle = encode(Tag(16, [bytes.fromhex("a10103"), {5: nonce}, sealed]))
        return {1: APPROVED, 2: int(time.time()), 3: id_object, 4: encrypted, 5: bundle}

    def bundle(self, s):
        """What the device of this statement should get."""
        cert = self._keys.device_certificate(s[10]).public_bytes(DER)
        items = [{1: "app.conf", 2: 2, 3: b"x\n"}, {1: "demo.secret", 2: 1, 3: b"hunter2"}]
        return {1: device_of(s), 2: name_of(s[8]), 3: name_of(s[11][1]), 4: self.serial, 5: int(time.time()),
                7: "demo", 8: [cert], 9: items}


def device_of(s):
    """SHA-256 of the EK certificate's SubjectPublicKeyInfo."""
    key = x509.load_der_x509_certificate(s[7][0]).public_key()
    spki = key.public_bytes(DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(spki).digest()
