"""A unified kernel image that its maker signed for seal.policy = "signed-uki", with the systemd-measure of the distribution."""

import hashlib
import struct
import subprocess

import eventlog
import lab
import tinyuki

SYSTEMD_MEASURE = "/lib/systemd/systemd-measure"
SECTIONS = ("linux", "osrel", "cmdline", "initrd", "pcrpkey")


class Image:
    """What an image's maker has: sections in files, signed with the systemd-measure of the distribution."""

    def __init__(self, folder, content, key):
        self.folder, self.key = folder, key
        folder.mkdir()
        if not key.exists():
            subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", key],
                           capture_output=True, check=True)
        self.public = subprocess.run(["openssl", "pkey", "-in", key, "-pubout"], capture_output=True, check=True).stdout
        for name in SECTIONS:
            (folder / name).write_bytes(self.public if name == "pcrpkey" else f"{name} of {content}".encode())
        (folder / "linux").write_bytes(tinyuki.pe([(".text", b"kernel")]))

    def uki(self, signature):
        """All of it in one file."""
        sections = [(f".{name}", (self.folder / name).read_bytes()) for name in SECTIONS]
        stub = [(".text", b"stub"), (".sdmagic", f"#### LoaderInfo: systemd-stub {tinyuki.STUB} ####".encode())]
        path = self.folder / "image.efi"
        path.write_bytes(tinyuki.pe(stub + sections + [(".pcrsig", signature)]))
        return path

    def log(self, log):
        """The boot of this image, in place of the one in the log, as systemd-stub measures it."""
        size, = struct.unpack_from("<I", log, 28)
        out = log[:32 + size]
        for pcr, kind, digests, data in eventlog.events(log):
            if pcr != 11 or kind == eventlog.EV_NO_ACTION:
                out = eventlog.append(out, pcr, kind, digests, data)
        for name in SECTIONS:
            for measured in (f".{name}\0".encode(), (self.folder / name).read_bytes()):
                digests = {lab.SHA256: hashlib.sha256(measured).digest()}
                out = eventlog.append(out, 11, 13, digests, f".{name}\0".encode())
        return out

    def sign(self, device, *phases):
        """systemd-measure asks a TPM for the policy, so the device has to be on."""
        words = [f"--{name}={self.folder / name}" for name in SECTIONS] + [f"--phase={phase}" for phase in phases]
        done = subprocess.run([SYSTEMD_MEASURE, "sign", "--bank=sha256", f"--tpm2-device={device.tpm.device}",
                               f"--private-key={self.key}", f"--public-key={self.folder / 'pcrpkey'}", *words],
                              capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, device, signature, phase=None):
        """On a device that is on, with this image's log: what .pcrsig and .pcrpkey hold lies in the initrd, and systemd was there."""
        extra = device.root / ".extra"
        extra.mkdir(exist_ok=True)
        (extra / "tpm2-pcr-public-key.pem").write_bytes(self.public)
        (extra / "tpm2-pcr-signature.json").write_bytes(signature)
        if phase:
            device.tpm.extend(11, hashlib.sha256(phase.encode()).digest())
