"""What must not get through: each of these fails if the check that it is about is taken out."""

import re
import shutil

import pytest

import lab


def refused(device, server, console):
    """Nothing was handed over, and the boot is over all the same."""
    assert not device.has_credentials(), console
    assert device.is_capped(), console
    assert device.report["result"] == "failed"


def test_changed_boot_is_refused_with_pcr_and_event(enrolled, server):
    enrolled.power_on(lab.changed_boot(enrolled.log, pcr=11))
    boot = enrolled.start()
    boot.wait_for("boot-not-approved")
    boot.wait_for("PCR 11")
    server_side = server.json("device", "show", enrolled.id)
    assert server_side["findings"][0]["pcr"] == 11
    assert server_side["findings"][0]["event"] is not None
    assert not enrolled.has_credentials()
    server.ctl("device", "approve", enrolled.id, "--learn")
    assert boot.end() == 0, boot.console.text
    assert enrolled.credential("demo.secret") == b"hunter2"
    states = sorted(cert["status"] for cert in server.json("device", "show", enrolled.id)["certificates"])
    assert states == ["living", "revoked"]


def test_quote_that_the_log_does_not_explain_is_refused(enrolled, server):
    enrolled.power_on()
    enrolled.tpm.extend(11, bytes(32))
    code, console = enrolled.run()
    assert code == 20 and "log-mismatch" in console
    refused(enrolled, server, console)


def test_capped_boot_is_told_so_by_the_agent(enrolled, server):
    code, console = enrolled.boot()
    assert code == 0
    shutil.rmtree(enrolled.root / "run/credstore")
    code, console = enrolled.run()
    assert code == 20 and "this boot is over: reboot to provision" in console, console
    assert not enrolled.has_credentials()


def test_capped_boot_gets_nothing_from_the_server_whatever_the_agent_says(enrolled, server):
    """Root in the running system has its own configuration: with another cap PCR the agent itself sees nothing wrong."""
    assert enrolled.boot()[0] == 0
    shutil.rmtree(enrolled.root / "run/credstore")
    code, console = enrolled.run(cap=9, pcrs="0, 2, 4, 7, 9, 11, 12")
    assert code == 20 and "this boot is over: reboot to provision" in console, console
    assert not enrolled.has_credentials()
    assert server.audit()[-1]["reason"] == "capped"


def test_wrong_ca_is_untrusted(enrolled, tmp_path):
    other = lab.Server(tmp_path / "other")
    shutil.copyfile(other.folder / "image/server-ca.pem", enrolled.root / "etc/bootseal/server-ca.pem")
    for slot in enrolled.slots:
        slot.unlink()
    code, console = enrolled.boot(wait=3)
    assert code == 30, console
    refused(enrolled, None, console)


def test_wrong_name_is_untrusted(enrolled, server, tmp_path):
    for slot in enrolled.slots:
        slot.unlink()
    server.stop()
    conf = server.folder / "bootseald.conf"
    conf.write_text(conf.read_text().replace('"localhost"', '"elsewhere.example"'))
    server.start()
    code, console = enrolled.boot(wait=3)
    assert code == 30, console
    refused(enrolled, server, console)


def test_unknown_device_waits_and_then_gives_up(new_device, enrolled, server):
    device = new_device("b")
    code, console = device.boot(wait=3)
    assert code == 10 and "unknown-device" in console, console
    refused(device, server, console)
    assert server.json("device", "show", device.id)["status"] == "pending"


def test_foreign_tpm_maker_is_not_trusted(new_device, enrolled, server, maker):
    maker("foreign", ca="foreign-ca")
    device = new_device("foreign")
    code, console = device.boot(wait=3)
    assert code == 20 and "ek-untrusted" in console, console
    refused(device, server, console)
    assert device.id not in [row["id"] for row in server.json("device", "list")["devices"]]


def test_revoked_device_gets_nothing(enrolled, server):
    server.ctl("device", "revoke", enrolled.id, "--because=stolen")
    for slot in enrolled.slots:
        slot.unlink()
    code, console = enrolled.boot(wait=3)
    assert code == 20 and "blocked" in console, console
    refused(enrolled, server, console)


def test_revocation_does_not_reach_into_a_vault_and_the_operator_is_told(enrolled, server):
    said = server.ctl("device", "revoke", enrolled.id, "--because=stolen")
    assert "What its vault already holds opens until the device has to ask" in said
    code, console = enrolled.boot()
    assert code == 0 and enrolled.credential("demo.secret") == b"hunter2", console


def test_unreachable_server_is_no_hang(new_device, server):
    device = new_device("b")
    server.stop()
    code, console = device.boot(wait=2)
    assert code == 10, console
    refused(device, server, console)


def test_revoked_device_that_is_due_for_renewal_hands_nothing_over(enrolled, server):
    server.stop()
    conf = server.folder / "bootseald.conf"
    conf.write_text(re.sub(r"device_days = \d+", "device_days = 30", conf.read_text()))
    server.start()
    for slot in enrolled.slots:
        slot.unlink()
    assert enrolled.boot()[0] == 0
    enrolled.environment = lab.at_time("+21d")
    assert enrolled.boot()[0] == 0
    assert enrolled.report["source"] == "server"
    server.ctl("device", "revoke", enrolled.id, "--because=stolen")
    enrolled.environment = lab.at_time("+42d")
    code, console = enrolled.boot(wait=3)
    assert code == 20 and "blocked" in console, console
    refused(enrolled, server, console)


def test_clock_at_1970_with_a_younger_server_certificate(enrolled):
    for slot in enrolled.slots:
        slot.unlink()
    enrolled.environment = lab.at_time("@1970-01-02 00:00:00")
    code, console = enrolled.boot()
    assert code == 0, console
    assert "clock-unknown" in enrolled.report["notes"]
