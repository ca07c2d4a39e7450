"""Bad requests over real lines, one of each family: refused with its own reason, a row of the audit log, and without harm."""

import subprocess

import pytest

from fleet import PROFILE, Fleet


@pytest.fixture(name="fleet")
def fixture_fleet(tmp_path):
    """A server and its maker."""
    one = Fleet(tmp_path)
    one.server.start()
    one.server.profile(PROFILE)
    yield one
    one.server.stop()


def test_each_bad_request_has_its_reason_and_its_row(fleet):
    server = fleet.server
    with subprocess.Popen(fleet.command("bad"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as load:
        known = load.stdout.readline().split()[1]
        server.ctl("device", "approve", known, "--profile=demo", "--learn")
        before = server.json("device", "show", known)
        load.stdin.write("\n")
        load.stdin.flush()
        rows = [line.split() for line in load.stdout]
        assert load.wait(60) == 0
    assert len(rows) == 10
    wrong = [row for row in rows if len(row) != 4 or row[1] != row[2]]
    assert not wrong, wrong
    bad = {"malformed", "version", "out-of-order"}
    assert all(status == ("400" if reason in bad else "403") for _, _, reason, status in rows), rows
    assert bad < {reason for _, _, reason, _ in rows}
    audit = server.audit()
    refused = {row["reason"] for row in audit if row["act"] == "verdict.refused"}
    assert {row[1] for row in rows} <= refused
    # Nobody who has proven nothing is named.
    assert all(row["device"] is None for row in audit if row["actor"] == "stranger")
    devices = server.json("device", "list")["devices"]
    # The one with the bad token has proven itself: it is the only newcomer.
    assert [row["reason"] for row in devices if row["id"] != known] == ["token-invalid"] and len(devices) == 2
    assert {row["device"] for row in audit if row["actor"] == "device"} <= {row["id"] for row in devices}
    after = server.json("device", "show", known)
    assert (after["status"], after["ak_name"]) == ("approved", before["ak_name"])
    # All of them are counted, too.
    metrics = server.ctl("metrics")
    for reason in {row[1] for row in rows}:
        assert f'verdict="refused",reason="{reason}"' in metrics, reason


def test_waiting_devices_are_bounded_and_strangers_do_not_wait(tmp_path):
    one = Fleet(tmp_path)
    conf = one.server.folder / "bootseald.conf"
    conf.write_text(conf.read_text().replace("pending_max = 1000", "pending_max = 5"))
    one.server.start()
    one.server.profile(PROFILE)
    told = one.enroll("--count=9", "--patience=1", check=False)
    assert len(told.pending) == 5 and len(told.lost) == 4 and told.busy
    # A maker that nobody trusts: not one of its devices takes a place.
    (tmp_path / "other").mkdir()
    other = Fleet(tmp_path / "other")
    other.server.port = one.server.port
    other.server.folder = one.server.folder
    told = other.enroll("--count=4")
    assert [reason for _, reason in told.refused] == ["ek-untrusted"] * 4
    assert len(one.server.json("device", "list")["devices"]) == 5
    one.server.stop()
