"""The good day: a device gets in by each way there is, and boots again without a server."""

import json

import lab


def test_operator_approves_and_the_waiting_device_goes_on(enrolled, server):
    assert enrolled.credential("demo.secret") == b"hunter2"
    assert len(enrolled.credential("demo.key")) == 32
    assert b"TSS2 PRIVATE KEY" in enrolled.credential("device.key")
    assert b"CERTIFICATE" in enrolled.credential("device.crt")
    assert (enrolled.root / "run/app/app.conf").read_text() == \
        f"device = {enrolled.id}\nserial = SN-{enrolled.folder.name}\n"
    assert (enrolled.root / "run/app/app.conf").stat().st_mode & 0o777 == 0o640
    assert (enrolled.root / "run/credentials/@initrd/demo.secret").read_bytes() == b"hunter2"
    assert enrolled.is_capped()
    report = enrolled.report
    assert report["result"] == "done" and report["source"] == "server" and report["capped"] is True
    shown = server.json("device", "show", enrolled.id)
    assert shown["status"] == "approved" and shown["confirmed_serial"] == report["bundle_serial"]
    assert [cert["status"] for cert in shown["certificates"]] == ["living"]


def test_second_boot_needs_no_server(enrolled, server):
    key = enrolled.credential("demo.key")
    server.stop()
    code, console = enrolled.boot()
    assert code == 0, console
    assert enrolled.credential("demo.key") == key
    assert enrolled.report["source"] == "vault"
    assert enrolled.report["round_trips"] == 0 and enrolled.report["bytes_sent"] == 0
    assert enrolled.is_capped()


def test_console_of_a_good_boot_is_a_dozen_lines(enrolled):
    enrolled.settings["level"] = "notice"
    code, console = enrolled.boot()
    assert code == 0
    assert 1 <= len(console.splitlines()) <= 12, console


def test_registered_device_enrolls_untouched(new_device, enrolled, server):
    device = new_device("b")
    device.power_on()
    device.write_config()
    registered = device.folder / "devices.csv"
    registered.write_text(f"ek_sha256,serial,profile,labels\n{device.id},SN-7,demo,site=north\n")
    server.ctl("device", "import", registered)
    code, console = device.run()
    assert code == 0, console
    assert device.credential("demo.secret") == b"hunter2"
    assert device.credential("demo.key") != enrolled.credential("demo.key")
    assert (device.root / "run/app/app.conf").read_text() == f"device = {device.id}\nserial = SN-7\n"


def test_token_lets_in_and_is_bound_to_the_device(new_device, enrolled, server):
    token = server.json("token", "create", "--profile=demo", "--uses=1", "--expires=1h")["token"]
    device = new_device("b")
    (device.root / "token").write_text(token + "\n")
    code, console = device.boot()
    assert code == 0, console
    # The same device may use it again: its vault is lost, and so are the slots.
    for slot in device.slots:
        slot.unlink()
    code, console = device.boot()
    assert code == 0, console
    other = new_device("c")
    (other.root / "token").write_text(token + "\n")
    code, console = other.boot(wait=3)
    assert code != 0 and not other.has_credentials(), console
    assert server.json("token", "list")["tokens"][0]["used"] == 1


def test_without_a_reference_nobody_gets_in(new_device, server):
    token = server.json("token", "create", "--profile=demo", "--expires=1h")["token"]
    device = new_device("b")
    (device.root / "token").write_text(token + "\n")
    code, console = device.boot(wait=3)
    assert code == 10, console
    assert "no-reference" in console
    assert not device.has_credentials() and device.is_capped()


def test_approval_without_learn_says_that_a_reference_is_missing(new_device, server):
    device = new_device("b")
    device.boot(wait=3)
    answer = server.json("device", "approve", device.id, "--profile=demo")
    assert answer["needs_reference"] is True
    code, console = device.boot(wait=3)
    assert code == 10 and "no-reference" in console and not device.has_credentials()


def test_new_device_key_leaves_one_living_certificate(enrolled, server):
    for slot in enrolled.slots:
        slot.write_bytes(b"rubbish")
    code, console = enrolled.boot()
    assert code == 0, console
    states = sorted(cert["status"] for cert in server.json("device", "show", enrolled.id)["certificates"])
    assert states == ["living", "revoked"]


def test_identity_and_status_and_eventlog_for_programs(enrolled):
    for words in (("identity",), ("status",), ("eventlog", str(enrolled.root / "eventlog"))):
        done = lab.run(*enrolled.command(*words, "--json"))
        assert json.loads(done)
        assert lab.run(*enrolled.command(*words))


def test_every_verdict_and_act_is_in_the_audit(enrolled, server):
    acts = [(row["act"], row["actor"].split(":")[0]) for row in server.audit()]
    assert any("approve" in act and actor == "uid" for act, actor in acts), acts
    assert any(actor == "device" for _, actor in acts), acts
    assert server.json("audit", "verify")["rows"] == len(acts)
