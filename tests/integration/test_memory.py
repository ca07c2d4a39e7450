"""What is held for those who have proven nothing is bounded: above limits.memory the server says `busy`, and serves on."""

import contextlib
import select

import pytest

import lab
from fleet import Fleet

REQUEST_MAX = 256 * 1024
HEAD = (b"POST /v1/attest HTTP/1.1\r\nHost: x\r\nContent-Type: application/cbor\r\nContent-Length: %d\r\n\r\n"
        % REQUEST_MAX)


@pytest.fixture(name="fleet")
def fixture_fleet(tmp_path):
    """A server with room for four of the largest requests."""
    fleet = Fleet(tmp_path)
    fleet.configure("limits: { memory = 1048576; body_ms = 60000; };\n")
    fleet.server.start()
    yield fleet
    fleet.server.stop()


def wait_held(server, bodies):
    """Until room for exactly so many bodies is taken."""
    held = f"bootseald_memory_held_bytes {bodies * REQUEST_MAX}\n"
    lab.wait_until(lambda: held in server.ctl("metrics"), 20, f"room for {bodies} bodies is taken")


def fill(server):
    """Takes all of it, by bodies that do not come: the lines."""
    lines = [server.connect() for _ in range(4)]
    for line in lines:
        line.sendall(HEAD)
    wait_held(server, 4)
    return lines


def turned_away(server):
    """The answer to one more body, for which there is no room."""
    with server.connect() as line:
        line.sendall(HEAD)
        return line.recv(4096)


@contextlib.contextmanager
def taken_in(server, bodies, source="127.0.0.1"):
    """One more body, the last of so many, that the server waits for while the block lasts: it says nothing."""
    with server.connect(source) as line:
        line.sendall(HEAD)
        wait_held(server, bodies)
        yield
        assert not select.select([line], [], [], 0)[0]


def test_bodies_above_the_limit_are_turned_away_and_room_comes_back(fleet):
    lines = fill(fleet.server)
    answer = turned_away(fleet.server)
    assert answer.startswith(b"HTTP/1.1 503 ") and b"\r\nRetry-After: 5\r\n" in answer, answer
    assert b"\r\nConnection: close\r\n" in answer
    assert fleet.server.health() == 200
    assert 'bootseald_verdicts_total{verdict="busy",reason="overloaded"}' in fleet.server.ctl("metrics")
    lines.pop().close()
    wait_held(fleet.server, 3)
    with taken_in(fleet.server, 4):
        assert turned_away(fleet.server).startswith(b"HTTP/1.1 503 ")
    for line in lines:
        line.close()


def test_one_address_cannot_take_all_of_it(fleet):
    server = fleet.server
    server.stop()
    conf = server.folder / "bootseald.conf"
    conf.write_text(conf.read_text().replace("memory = 1048576;", "memory = 4194304; memory_per_address = 1048576;"))
    server.start()
    lines = fill(server)
    assert turned_away(server).startswith(b"HTTP/1.1 503 ")
    assert fleet.enroll("--patience=0", check=False).busy
    with taken_in(server, 5, source="127.0.0.2"):
        pass
    for line in lines:
        line.close()
    wait_held(server, 0)
    with taken_in(server, 1):
        pass


def test_devices_are_told_to_come_back_while_challenges_have_no_room(fleet):
    lines = fill(fleet.server)
    assert fleet.enroll("--patience=0", check=False).busy
    for line in lines:
        line.close()
    # More than would fit at a time: whatever was taken for a challenge is given back, answered or not.
    assert len(fleet.enroll("--count=40", "--parallel=4", "--patience=60").pending) == 40
