"""The policies of the worked examples, made of the approved boot as an operator makes them of a device that he trusts."""

import hashlib
import sys

from . import examples
from .programs import REPOSITORY

sys.path.append(str(REPOSITORY / "tests/integration"))
import eventlog  # noqa: E402 (the line above is what makes it found)

SHA256 = 0xB
APPLICATION, IPL, TAG, GPT, VARIABLE = 0x80000003, 0xD, 0x6, 0x80000006, 0x80000001
INITRD_TAG = 0x8F3B22EC  # of Linux's EFI stub (drivers/firmware/efi/libstub)

# Believes what the maker's key has signed, as long as command line, kernel and initramfs are known.
SIGNED = """\
name = "gateway-signed";
description = "Images of ours, whichever; but only with these parts.";

pcrs: {{ events = [7, 9, 11, 12]; whole = [2, 3]; ignore = [0, 4, 5]; }};
secure_boot = "on";
signers = (
  {{ variable = "PK"; fingerprint = "{PK}"; }},
  {{ variable = "KEK"; fingerprint = "{KEK}"; }},
  {{ variable = "db"; fingerprint = "{db}"; }}
);
variables = ( {{ name = "dbx"; digests = ["{dbx}"]; }} );
sections = (
  {{ name = ".linux"; digests = ["{section_linux}"]; }},
  {{ name = ".osrel"; digests = ["{section_osrel}"]; }},
  {{ name = ".initrd"; digests = ["{section_initrd}"]; }}
);
command_line: {{ required = ["root=LABEL=root", "ro"]; forbidden = ["init=", "rdinit="]; }};
initrd = ["{initrd}"];
values = ( {{ pcr = 2; digests = ["{pcr2}"]; }}, {{ pcr = 3; digests = ["{pcr3}"]; }} );
"""

# This image, this firmware or a later one, this disk.
EXACT = """\
name = "gateway";
description = "The gateway's image 1.4 on firmware 2.2 or later.";

pcrs: {{ events = [4, 5, 7, 9, 11, 12]; whole = [0, 2, 3]; }};
secure_boot = "on";
signers = (
  {{ variable = "PK"; fingerprint = "{PK}"; }},
  {{ variable = "KEK"; fingerprint = "{KEK}"; }},
  {{ variable = "db"; fingerprint = "{db}"; }}
);
variables = ( {{ name = "dbx"; digests = ["{dbx}"]; }} );
applications = ( {{ name = "gateway 1.4"; digests = ["{application}"]; }} );
sections = (
  {{ name = ".linux"; digests = ["{section_linux}"]; }},
  {{ name = ".osrel"; digests = ["{section_osrel}"]; }},
  {{ name = ".initrd"; digests = ["{section_initrd}"]; }}
);
command_line: {{ exact = ["{command_line}"]; }};
initrd = ["{initrd}"];
measured = ( {{ pcr = 5; digests = ["{gpt}"]; note = "partition table of the gateway's disk"; }} );
firmware:
{{
  known = (
    {{ vendor = "EDK II"; version = "2.1"; values = ["{older}"]; }},
    {{ vendor = "EDK II"; version = "2.2"; values = ["{pcr0}"]; }}
  );
  allow = ( {{ vendor = "EDK II"; minimum = "2.2"; }} );
}};
values = ( {{ pcr = 2; digests = ["{pcr2}"]; }}, {{ pcr = 3; digests = ["{pcr3}"]; }} );
"""

POLICIES = {"gateway": EXACT, "gateway-signed": SIGNED}

# The policy that each example is judged by.
JUDGED_BY = {name: "gateway-signed" if name in ("command-line", "initrd", "kernel") else "gateway"
             for name in examples.EXAMPLES}


def texts(approved, older):
    """{name: text} of the policies, made of the evidence of the approved boot and of the older firmware."""
    known = {**_of_log(examples.firmware_log(approved)), "command_line": approved["command_line"],
             "older": "sha256:" + older["pcrs"]["0"]}
    known.update({f"pcr{pcr}": "sha256:" + value for pcr, value in approved["pcrs"].items()})
    return {name: text.format_map(known) for name, text in POLICIES.items()}


def _of_log(log):
    """The digests that the rules name."""
    found, section = {}, None
    for pcr, kind, digests, data in eventlog.events(log):
        digest = "sha256:" + digests[SHA256].hex() if SHA256 in digests else None
        if pcr == 4 and kind == APPLICATION:
            found["application"] = digest
        elif pcr == 5 and kind == GPT:
            found["gpt"] = digest
        elif pcr == 7 and kind == VARIABLE:
            name, value = _variable(data)
            # Of PK, KEK and db the one certificate: behind the headers of list and entry (UEFI 2.10 §32.4.1).
            found[name] = digest if name == "dbx" else hashlib.sha256(value[28 + 16:]).hexdigest()
        elif pcr == 9 and kind == TAG and int.from_bytes(data[:4], "little") == INITRD_TAG:
            found["initrd"] = digest
        elif pcr == 11 and kind == IPL:
            # The stub measures a section's name and then its contents, and calls both by the name.
            name = data.decode("utf-16le").rstrip("\0")
            is_name = digests[SHA256] == hashlib.sha256(name.encode() + b"\0").digest()
            section = name if is_name else section
            if not is_name:
                found["section_" + section.lstrip(".")] = digest
    return found


def _variable(data):
    """Name and value in UEFI_VARIABLE_DATA."""
    length = int.from_bytes(data[16:24], "little")
    return data[32:32 + 2 * length].decode("utf-16le"), data[32 + 2 * length:]
