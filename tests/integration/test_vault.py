"""The vault: what is damaged costs nothing while a whole slot is left, and what somebody else made is not used."""

import pytest

import lab


def test_one_damaged_slot_costs_nothing(enrolled, server):
    server.stop()
    for number in (0, 1):
        saved = enrolled.slots[number].read_bytes()
        enrolled.slots[number].write_bytes(saved[:40] + bytes([saved[40] ^ 1]) + saved[41:])
        code, console = enrolled.boot(wait=2)
        assert code == 0, console
        assert enrolled.report["source"] == "vault"
        enrolled.slots[number].write_bytes(saved)


def parts(slot):
    """{name: offset} of what a slot consists of, docs/design.md; of what has a size, the first byte, or its size if there is none."""
    at = {"magic": 7, "version": 11, "header size": 15, "generation": 23, "bank": 25, "cap PCR": 26, "kind": 27,
          "boot PCRs": 31, "index": 35}
    offset = 36
    for name, width in (("counter Name", 2), ("SRK", 2), ("policyRef", 2), ("policy key", 2), ("approvals", 4),
                        ("sealed public", 2), ("sealed private", 2)):
        size = int.from_bytes(slot[offset:offset + width], "big")
        at[name] = offset + width + (size - 1 if size else -1)
        offset += width + size
    for name, size in (("share serial", 8), ("share nonce", 12), ("wrapped key", 48), ("nonce", 12),
                       ("ciphertext size", 4)):
        at[name] = offset + size - 1
        offset += size
    return at | {"first of the ciphertext": offset, "middle": (offset + len(slot)) // 2, "tag": len(slot) - 1}


def test_every_part_of_a_slot_is_authenticated(enrolled, server):
    server.stop()
    saved = enrolled.slots[0].read_bytes()
    enrolled.slots[1].unlink()
    for name, at in parts(saved).items():
        enrolled.slots[0].write_bytes(saved[:at] + bytes([saved[at] ^ 0x40]) + saved[at + 1:])
        code, console = enrolled.boot(wait=0)
        assert code == 10, f"{name}, byte {at}: {console}"
        assert not enrolled.has_credentials()


def test_two_damaged_slots_go_to_the_server(enrolled):
    for slot in enrolled.slots:
        slot.write_bytes(slot.read_bytes()[:-1])
    code, console = enrolled.boot()
    assert code == 0, console
    assert enrolled.report["source"] == "server"
    assert "vault-corrupt" in enrolled.report["notes"]


def test_a_foreign_increment_closes_the_vault_and_the_server_helps(enrolled):
    enrolled.power_on()
    enrolled.tpm.increment(0x0180B001)
    code, console = enrolled.run()
    assert code == 0, console
    assert enrolled.report["source"] == "server"


def test_old_slots_put_back_do_not_open(enrolled, server):
    old = [slot.read_bytes() for slot in enrolled.slots]
    for slot in enrolled.slots:
        slot.unlink()
    assert enrolled.boot()[0] == 0
    for slot, content in zip(enrolled.slots, old):
        slot.write_bytes(content)
    server.stop()
    code, _ = enrolled.boot(wait=0)
    assert code == 10 and not enrolled.has_credentials()


def test_power_cut_before_the_end_leaves_no_way_past_the_cap(enrolled):
    assert enrolled.boot()[0] == 0
    assert enrolled.is_capped()


@pytest.mark.parametrize("which", ["current", "next"])
def test_slot_that_root_forged_is_not_used_and_is_told(enrolled, server, which):
    """Everything fits: the approved boot, the counter, this TPM's SRK, a certificate for the key. Only the signature does not."""
    mask = sum(1 << pcr for pcr in lab.QUOTED)
    enrolled.power_on()
    lab.run(lab.BUILD / "forge_slot", enrolled.tpm.device, enrolled.root / "var/lib/bootseal", str(mask), which)
    code, console = enrolled.boot()
    assert code == 0, console
    assert enrolled.credential("demo.secret") == b"hunter2"
    assert "vault-tampered" in enrolled.report["notes"]
    assert enrolled.report["source"] == "server"
    assert any("vault-tampered" in (row["detail"] or "") for row in server.audit()), server.audit()


def test_forged_slot_opens_nothing_without_a_server(enrolled, server):
    mask = sum(1 << pcr for pcr in lab.QUOTED)
    enrolled.power_on()
    lab.run(lab.BUILD / "forge_slot", enrolled.tpm.device, enrolled.root / "var/lib/bootseal", str(mask), "next")
    server.stop()
    code, _ = enrolled.boot(wait=0)
    assert code != 0 and not enrolled.has_credentials()


def test_a_tpm_in_lockout_is_told_and_stops_nothing(enrolled):
    enrolled.power_on()
    enrolled.tpm.lock_out()
    code, console = enrolled.run()
    assert code == 0, console
    assert "tpm-lockout" in enrolled.report["notes"]
    for slot in enrolled.slots:
        slot.unlink()
    enrolled.power_on()
    code, console = enrolled.run()
    assert code == 0, console
    assert "tpm-lockout" in enrolled.report["notes"]
