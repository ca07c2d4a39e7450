"""A software TPM in a folder: made once with EK certificates of a CA of its own, started for each boot."""

import hashlib
import subprocess
from pathlib import Path

from .run import run


class Tpm:
    """One TPM; its folder is everything that survives a power cut.

    ca is the folder of its maker's certificate authority, made when it is not there; TPMs of one maker
    share it.
    """

    def __init__(self, folder, ca=None):
        self.folder = Path(folder).resolve()
        self.ca = Path(ca).resolve() if ca else self.folder / "ca"
        self._process = None
        if not self.folder.exists():
            self._manufacture()

    @property
    def ca_certificates(self):
        """The certificates (PEM) that vouch for this TPM's EK certificates, root last."""
        return [self.ca / "issuercert.pem", self.ca / "swtpm-localca-rootca-cert.pem"]

    @property
    def ek_certificates(self):
        """The EK certificates (DER) by name of their key's kind: rsa2048, secp384r1."""
        return {path.stem.removeprefix("ek-"): path for path in sorted(self.folder.glob("ek-*.crt"))}

    def ek_sha256(self):
        """SHA-256 of each EK's SubjectPublicKeyInfo, hexadecimal, by the kind of the key."""
        result = {}
        for kind, path in self.ek_certificates.items():
            pem = run("openssl", "x509", "-inform", "DER", "-in", path, "-pubkey", "-noout")
            der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=pem.encode(),
                                 capture_output=True, check=True).stdout
            result[kind] = hashlib.sha256(der).hexdigest()
        return result

    def _manufacture(self):
        ca, state = self.ca, self.folder / "state"
        ca.mkdir(parents=True, exist_ok=True)
        state.mkdir(parents=True)
        (self.folder / "localca.conf").write_text(
            f"statedir = {ca}\nsigningkey = {ca}/signkey.pem\nissuercert = {ca}/issuercert.pem\n"
            f"certserial = {ca}/certserial\n")
        (self.folder / "localca.options").write_text(
            "--platform-manufacturer bootseal\n--platform-version 1\n--platform-model test\n")
        (self.folder / "setup.conf").write_text(
            "create_certs_tool = /usr/bin/swtpm_localca\n"
            f"create_certs_tool_config = {self.folder}/localca.conf\n"
            f"create_certs_tool_options = {self.folder}/localca.options\n")
        run("swtpm_setup", "--config", self.folder / "setup.conf", "--tpm2", "--tpmstate", state,
            "--create-ek-cert", "--create-platform-cert", "--lock-nvram", "--vmid", self.folder.name,
            "--pcr-banks", "sha256", "--write-ek-cert-files", self.folder,
            "--logfile", self.folder / "setup.log")

    def start(self, control):
        """Starts it; control is the connected socket over which QEMU will speak to it."""
        self._process = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.folder / 'state'}",
             "--ctrl", f"type=unixio,clientfd={control.fileno()}", "--terminate",
             "--log", f"file={self.folder / 'swtpm.log'},level=1"],
            pass_fds=[control.fileno()], stdin=subprocess.DEVNULL)

    def cut(self):
        """Takes the power away."""
        if self._process:
            self._process.kill()
            self.wait()

    def wait(self, timeout=10):
        """Waits for the end that follows QEMU's."""
        if self._process:
            try:
                self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
