"""The proxy in front of a device's TPM (tpm_proxy_main.c)."""

import struct
import subprocess

import lab

COMMANDS = {"StartAuthSession": 0x176, "CreatePrimary": 0x131, "Create": 0x153, "Load": 0x157, "PolicyPCR": 0x17F,
            "PolicyNV": 0x149, "Unseal": 0x15E, "PCR_Read": 0x17E, "PCR_Event": 0x13C, "FlushContext": 0x165,
            "GetCapability": 0x17A, "ReadPublic": 0x173, "NV_DefineSpace": 0x12A, "NV_Increment": 0x134,
            "NV_Read": 0x14E, "NV_ReadPublic": 0x169, "ActivateCredential": 0x147, "Quote": 0x158}


class Proxy:
    """Everything between this device's agent and its TPM goes through it, until the block ends."""

    def __init__(self, device):
        self.device = device
        self.path = device.tpm.folder / "proxy.sock"
        self._process = None
        self._fault = ("none", 0, 0, 0, 0)

    def __enter__(self):
        self.path.unlink(missing_ok=True)
        self._process = subprocess.Popen([lab.BUILD / "tpm_proxy", self.path, self.device.tpm.path], text=True,
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout.readline() == "ready\n"
        self.device.settings["tpm"] = f"swtpm:path={self.path}"
        return self

    def __exit__(self, *_):
        del self.device.settings["tpm"]
        self._process.stdin.close()
        code = self._process.wait(10)
        self._process.stdout.close()
        self.path.unlink()
        assert code == 0

    def _say(self, line):
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().rstrip("\n")

    def _order(self, line):
        answer = self._say(line)
        assert answer == "ok", f"{line}: {answer}"

    def fault(self, kind, command=0, value=0, after=0, times=1):
        """What goes wrong (enum lab_fault), at which commands: a name, or 0 for any; `after` so many of them."""
        self._order(f"fault {kind} {COMMANDS.get(command, command):x} {value:x} {after} {times}")

    def heal(self):
        """Nothing goes wrong any more."""
        self.fault("none", times=0)

    def seed(self, number):
        """Of the noise that follows."""
        self._order(f"seed {number}")

    def record(self):
        """Forgets what was on the bus."""
        self._order("record")

    def tape(self):
        """What was on the bus is what will be replayed."""
        self._order("tape")

    def commands(self):
        """The codes of the commands on the bus, in their order."""
        return [int(word, 16) for word in self._say("commands").split()]

    def bus(self):
        """All that was on the bus: (command, response) of each."""
        path = self.device.tpm.folder / "bus"
        self._order(f"bus {path}")
        left, messages = path.read_bytes(), []
        path.unlink()
        while left:
            size = struct.unpack_from(">I", left, 2)[0]
            messages.append(left[:size])
            left = left[size:]
        return list(zip(messages[::2], messages[1::2]))
