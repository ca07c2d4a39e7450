"""Who signs images: `systemd-measure sign` of the distribution under a key of one's own."""

import subprocess
import tempfile
from pathlib import Path

from .run import run
from .vm import wait_until

SYSTEMD_MEASURE = "/lib/systemd/systemd-measure"


class Signer:
    """A key in a folder, with which unified kernel images get the sections .pcrpkey and .pcrsig."""

    def __init__(self, folder):
        folder = Path(folder)
        folder.mkdir()
        self._key, self._public = folder / "key.pem", folder / "public.pem"
        run("openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", self._key)
        run("openssl", "pkey", "-in", self._key, "-pubout", "-out", self._public)

    def sections(self, sections, signature):
        """The image's sections {name: file} and those two; signature becomes the file of .pcrsig."""
        measured = {**sections, ".pcrpkey": self._public}
        words = [f"--{name.removeprefix('.')}={path}" for name, path in measured.items()]
        signature.write_text(_with_tpm(
            lambda device: run(SYSTEMD_MEASURE, "sign", "--bank=sha256", f"--tpm2-device={device}",
                               f"--private-key={self._key}", f"--public-key={self._public}", *words)))
        return {**measured, ".pcrsig": signature}


def _with_tpm(work):
    """systemd-measure has a TPM compute the policy: one that is made for it and forgotten."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "sock")
        with subprocess.Popen(["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={folder}", "--flags",
                               "not-need-init,startup-clear", "--server", f"type=unixio,path={path}", "--ctrl",
                               f"type=unixio,path={path}.ctrl"], stdin=subprocess.DEVNULL) as tpm:
            try:
                wait_until(lambda: path.exists() and Path(f"{path}.ctrl").exists(), 20, "swtpm takes connections")
                return work(f"swtpm:path={path}")
            finally:
                tpm.terminate()
