"""Power cuts and full disks of the server: what was answered is kept, what cannot be written is refused plainly."""

import os
import random
import signal
import sqlite3
import subprocess
import threading
import time

import pytest

import lab
from fleet import Fleet, Server, Told

DEVICES = 2000
KILLS = 20


def living_certificates(server):
    """{device: how many certificates of it are living}, straight from the database."""
    with sqlite3.connect(f"file:{server.folder / 'bootseal.db'}?mode=ro", uri=True) as db:
        rows = db.execute("SELECT hex(device), count(*) FROM certificate WHERE status = 2 GROUP BY device").fetchall()
    return {device.lower(): count for device, count in rows}


def bundles(server):
    """{device: (serial of its last bundle, certificate)} and {certificate: device}."""
    with sqlite3.connect(f"file:{server.folder / 'bootseal.db'}?mode=ro", uri=True) as db:
        last = db.execute("SELECT hex(device), serial, hex(cert_serial) FROM bundle").fetchall()
        certs = db.execute("SELECT hex(serial), hex(device) FROM certificate").fetchall()
        confirmed = db.execute("SELECT hex(id), confirmed_serial FROM device").fetchall()
    return ({device.lower(): (serial, cert.lower()) for device, serial, cert in last},
            {cert.lower(): device.lower() for cert, device in certs},
            {device.lower(): serial for device, serial in confirmed})


def test_kill_loses_no_verdict_that_was_answered(tmp_path):
    fleet = Fleet(tmp_path)
    fleet.configure("limits: { connections_per_address = 4096; threads = 3; };\n")
    server = fleet.server
    server.start()
    # It answers before the last loop runs; a sanitizer has a thread of its own.
    lab.wait_until(lambda: len(os.listdir(f"/proc/{server.pid}/task")) >= 3, 10, "three threads of the server")
    token = fleet.token()
    with subprocess.Popen(fleet.command("enroll", f"--count={DEVICES}", "--parallel=24", f"--token={token}",
                                        "--patience=120"), stdout=subprocess.PIPE, text=True) as load:
        pieces = []
        reader = threading.Thread(target=lambda: pieces.extend(load.stdout))
        reader.start()
        kills = 0
        while kills < KILLS and load.poll() is None:
            # By progress and not by time: the twenty are spread over the whole of it.
            wanted = (kills + 1) * DEVICES // (KILLS + 2)
            lab.wait_until(lambda n=wanted: sum(p.startswith("confirmed") for p in pieces) >= n or
                           load.poll() is not None, 120, "devices get on")
            time.sleep(random.random() * 0.02)
            server.kill()
            server.start()
            kills += 1
        assert load.wait(170) == 0
        reader.join()
    told = Told("".join(pieces))
    assert kills == KILLS
    assert not told.lost and not told.refused
    last, certificates, confirmed = bundles(server)
    for device, serial, certificate in told.approved:
        assert certificates.get(certificate) == device, "a certificate that was sent is not in the store"
        assert last[device][0] >= serial, "a bundle that was sent is not in the store"
    for device, serial in told.confirmed:
        assert confirmed[device] >= serial, "a confirmation that was answered is not in the store"
    living = living_certificates(server)
    assert len(living) == DEVICES and set(living.values()) == {1}
    assert {device for device, _ in told.confirmed} <= set(living)
    # Repeated answers went out because of the kills: else this has tested nothing.
    assert len(told.approved) > DEVICES or told.total["retries"] > 0
    assert server.json("audit", "verify")["rows"] > 2 * DEVICES
    print(told.text.splitlines()[-1])
    server.stop()


def test_sigterm_finishes_what_was_begun(tmp_path):
    fleet = Fleet(tmp_path)
    server = fleet.server
    server.start()
    token = fleet.token()
    with subprocess.Popen(fleet.command("enroll", "--count=300", "--parallel=8", f"--token={token}", "--patience=60"),
                          stdout=subprocess.PIPE, text=True) as load:
        lines = []
        reader = threading.Thread(target=lambda: lines.extend(load.stdout))
        reader.start()
        lab.wait_until(lambda: len(lines) > 40, 60, "devices get on")
        server.stop()
        server.start()
        assert load.wait(100) == 0
        reader.join()
    told = Told("".join(lines))
    last, _, confirmed = bundles(server)
    assert all(last[device][0] >= serial for device, serial, _ in told.approved)
    assert all(confirmed[device] >= serial for device, serial in told.confirmed)
    server.stop()


@pytest.fixture(name="small_disk")
def fixture_small_disk(tmp_path):
    """A folder on a file system of a few megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder],
                                           capture_output=True, check=False).returncode != 0:
        pytest.skip("no tmpfs can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_full_disk_refuses_plainly_and_recovers_by_itself(small_disk, tmp_path):
    fleet = Fleet(small_disk)
    server = fleet.server
    (server.folder / "bootseald.log").symlink_to(tmp_path / "bootseald.log")  # what the test itself writes
    server.start()
    token = fleet.token()
    assert fleet.enroll("--count=5", f"--token={token}").confirmed
    filler = small_disk / "filler"
    with open(filler, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    told = fleet.enroll("--count=8", "--parallel=8", f"--token={token}", "--patience=1", check=False)
    assert told.busy and told.lost, told.text[-500:]
    # What needs no write goes on.
    assert server.json("device", "list")["devices"]
    assert server.health() == 200
    metrics = server.ctl("metrics")
    assert 'verdict="busy"' in metrics
    failed = server.ctl("profile", "apply", server.folder / "demo.profile", check=False)
    assert failed.returncode == 10 and "disk full" in failed.stderr, failed.stderr
    server.log.wait_for("look at disk", 10)
    filler.unlink()
    told = fleet.enroll("--count=20", "--parallel=4", f"--token={token}")
    assert len(told.confirmed) == 20
    assert server.json("audit", "verify")["rows"]
    assert set(living_certificates(server).values()) == {1}
    server.stop()


def test_backup_under_load_is_whole_and_restores(tmp_path):
    fleet = Fleet(tmp_path)
    server = fleet.server
    server.start()
    token = fleet.token()
    fleet.enroll("--count=50", "--parallel=4", f"--token={token}")
    backups = []
    with subprocess.Popen(fleet.command("enroll", "--count=400", "--parallel=8", f"--token={token}"),
                          stdout=subprocess.PIPE, text=True) as load:
        reader = threading.Thread(target=load.stdout.read)
        reader.start()
        for number in range(3):
            path = tmp_path / f"backup-{number}"
            said = server.ctl("backup", path)
            assert "keys are not in it" in said
            backups.append(path)
        assert load.wait(120) == 0
        reader.join()
    assert not (server.folder / "bootseal.db.backup").exists()
    for path in backups:
        assert path.stat().st_mode & 0o777 == 0o600
        with sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        assert b"PRIVATE KEY" not in path.read_bytes()
    again = server.ctl("backup", backups[0], check=False)
    assert again.returncode == 4 and "new file" in again.stderr
    # Restore, as bootsealctl(8) says.
    with sqlite3.connect(f"file:{backups[-1]}?mode=ro&immutable=1", uri=True) as db:
        count = db.execute("SELECT count(*) FROM device").fetchone()[0]
    assert count >= 51
    server.stop()
    for name in ("bootseal.db-wal", "bootseal.db-shm"):
        (server.folder / name).unlink(missing_ok=True)
    subprocess.run(["install", "-m", "0600", backups[-1], server.folder / "bootseal.db"], check=True)
    server.start()
    assert server.json("audit", "verify")["rows"]
    assert len(server.json("device", "list")["devices"]) == count
    assert fleet.enroll("--count=5", f"--token={token}").confirmed
    server.stop()


def test_backup_given_up_half_way_leaves_nothing(tmp_path):
    fleet = Fleet(tmp_path)
    server = fleet.server
    (server.folder / "bootseal.db.backup").write_bytes(b"of a bootseald that was killed")
    server.start()
    assert not (server.folder / "bootseal.db.backup").exists()
    fleet.token()
    missing = server.ctl("backup", tmp_path / "no/such/folder", check=False)
    assert missing.returncode == 40
    assert not (server.folder / "bootseal.db.backup").exists()
    server.stop()
    assert sorted(path.name for path in server.folder.iterdir() if "backup" in path.name) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_server_ends_at_once(tmp_path, number):
    server = Server(tmp_path / "server")
    server.start()
    assert server.end(number, 5) == 0
