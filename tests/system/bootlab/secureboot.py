"""Secure Boot with keys of one's own: certificates, the variables that hold them, signed images."""

import struct
import uuid
from pathlib import Path

from . import varstore
from .run import run

X509_LIST = uuid.UUID("a5c059a1-94e4-4aa7-87b5-ab155c2bf072").bytes_le  # EFI_CERT_X509_GUID (UEFI 2.10 §32.4.1)
OWNER = uuid.UUID("4d1c9d5e-6f5a-4a39-9d55-0c7e3f5ab001").bytes_le


class Key:
    """An RSA key and its certificate, in a folder."""

    def __init__(self, folder, name):
        stem = Path(folder, name.lower().replace(" ", "-"))
        self.key, self.certificate, self._der = (stem.with_suffix(end) for end in (".key", ".pem", ".der"))
        run("openssl", "req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes", "-sha256", "-days", "3650", "-subj",
            f"/O=Example/CN={name}", "-keyout", self.key, "-out", self.certificate)
        run("openssl", "x509", "-in", self.certificate, "-outform", "DER", "-out", self._der)

    def signature_list(self):
        """An EFI_SIGNATURE_LIST with the certificate alone."""
        body = OWNER + self._der.read_bytes()
        return X509_LIST + struct.pack("<III", 28 + len(body), 0, len(body)) + body

    def sign(self, image, output):
        """A UEFI program with this key's signature."""
        run("sbsign", "--key", self.key, "--cert", self.certificate, "--output", output, image)
        return Path(output)


def enroll(variables, platform, exchange, signers, is_on=True):
    """Writes PK, KEK and db (a certificate for each signer) into a file of variables, and whether Secure Boot is on."""
    varstore.write(variables, {
        "PK": platform.signature_list(),
        "KEK": exchange.signature_list(),
        "db": b"".join(signer.signature_list() for signer in signers),
        "SecureBootEnable": bytes([is_on]),
    })
