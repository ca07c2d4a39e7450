"""The listener against those who do not speak as they should: framing, slowness, floods. Real sockets, bounded memory."""

import os
import resource
import select
import socket
import ssl
import subprocess
import time

import pytest

import lab
from bootlab.port import Port
from fleet import Fleet, Server

LIMITS = """
limits: { handshake_ms = %d; header_ms = %d; body_ms = %d; idle_ms = %d;
          connections = %d; connections_per_address = %d; };
metrics: { listen = "127.0.0.1:%d"; };
"""
POST = b"POST /v1/attest HTTP/1.1\r\nHost: x\r\nContent-Type: application/cbor\r\n"
GET = b"GET /v1/health HTTP/1.1\r\nHost: x\r\n"


PATIENT_MS, HASTY_MS = 120000, 1500  # for who is not about time, however busy this machine is; and for who is


def make_server(folder, connections=4096, per_address=256, phase_ms=PATIENT_MS):
    """A server with these limits; each phase of a connection may last so long."""
    server = Server(folder / "server")
    server.kept = Port()
    server.metrics_port = server.kept.number
    with open(server.folder / "bootseald.conf", "a", encoding="utf-8") as conf:
        conf.write(LIMITS % (*[phase_ms] * 4, connections, per_address, server.metrics_port))
    server.start()
    lab.wait_until(lambda: value(server.ctl("metrics"), "bootseald_connections ") == 0, 10, "nobody is there")
    return server


def value(text, name):
    """A number out of the metrics."""
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))


@pytest.fixture(name="server", scope="module")
def fixture_server(tmp_path_factory):
    """One for all tests that do not end it."""
    one = make_server(tmp_path_factory.mktemp("framing"))
    yield one
    assert one.health() == 200
    one.stop()


def bound(kib):
    """A sanitizer keeps what was freed, and fences what was not."""
    linked = subprocess.run(["ldd", lab.BUILD / "bootseald"], capture_output=True, text=True, check=False).stdout
    return kib + 400 * 1024 if "libasan" in linked else kib


def receive(line, seconds=10):
    """All until the server closes."""
    line.settimeout(seconds)
    got = b""
    try:
        while True:
            piece = line.recv(65536)
            if not piece:
                return got
            got += piece
    except (ConnectionResetError, ssl.SSLEOFError):
        return got


def statuses(answer):
    """Status codes of all answers in these bytes; none of our answers has a body that looks like a head."""
    return [int(part.split()[0]) for part in answer.split(b"HTTP/1.1 ")[1:]]


def ask(server, *pieces, pause=0.0):
    """Sends the pieces on one line and returns the statuses of what came back until the server closed."""
    with server.connect() as line:
        for piece in pieces:
            try:
                line.sendall(piece)
            except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
                break
            time.sleep(pause)
        return statuses(receive(line))


# One answer, and the line is closed: whatever stands behind a request that is not understood is not a request.
BROKEN = {
    "two Content-Lengths": (POST + b"Content-Length: 7\r\nContent-Length: 8\r\n\r\ngarbage" + GET + b"\r\n", 400),
    "two equal Content-Lengths": (POST + b"Content-Length: 7\r\nContent-Length: 7\r\n\r\ngarbage" + GET + b"\r\n", 400),
    "a list as Content-Length": (POST + b"Content-Length: 7, 7\r\n\r\ngarbage", 400),
    "CL.TE": (POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + GET + b"\r\n", 411),
    "TE.CL": (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n1\r\nx\r\n0\r\n\r\n", 411),
    "TE.TE": (POST + b"Transfer-Encoding: chunked\r\nTransfer-encoding: x\r\n\r\n0\r\n\r\n" + GET + b"\r\n", 411),
    "chunked": (POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
    "a blank before the colon": (POST + b"Content-Length : 7\r\n\r\ngarbage" + GET + b"\r\n", 400),
    "a negative length": (POST + b"Content-Length: -1\r\n\r\n" + GET + b"\r\n", 400),
    "a length in hex": (POST + b"Content-Length: 0x7\r\n\r\ngarbage", 400),
    "a length with a plus": (POST + b"Content-Length: +7\r\n\r\ngarbage", 400),
    "a length that overflows": (POST + b"Content-Length: 18446744073709551617\r\n\r\nx", 400),
    "a body that is too large": (POST + b"Content-Length: 262145\r\n\r\n" + bytes(1000), 413),
    "a folded header": (GET + b"X: a\r\n b\r\n\r\n", 400),
    "a line feed alone": (b"GET /v1/health HTTP/1.1\nHost: x\n\n", 400),
    "a zero byte in a header": (GET + b"X: a\x00b\r\n\r\n", 400),
    "no method": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "HTTP/1.0": (b"GET /v1/health HTTP/1.0\r\n\r\n", 505),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "HTTP/0.9": (b"GET /v1/health\r\n\r\n", 505),
    "an upgrade": (GET + b"Connection: upgrade\r\nUpgrade: h2c\r\n\r\n", 400),
    "CONNECT": (b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "Expect": (POST + b"Content-Length: 7\r\nExpect: 100-continue\r\n\r\n", 417),
    "a long path": (b"GET /" + b"x" * 300 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    "a long header": (GET + b"X: " + b"x" * 9000 + b"\r\n\r\n", 431),
    "many headers": (GET + b"".join(b"X%d: y\r\n" % n for n in range(3000)) + b"\r\n", 431),
    "headers without an end": (GET + b"".join(b"X%d: y\r\n" % n for n in range(20000)), 431),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_request_is_answered_once_and_the_line_closed(server, name):
    request, status = BROKEN[name]
    assert ask(server, request) == [status]
    # Byte by byte it is the same: framing does not hang on how it arrives.
    if len(request) < 300:
        assert ask(server, *[request[i:i + 1] for i in range(len(request))]) == [status]


REFUSED = {
    "an unknown path": (b"GET /v2/health HTTP/1.1\r\nHost: x\r\n\r\n", 404),
    "a path with a query": (b"GET /v1/health?x HTTP/1.1\r\nHost: x\r\n\r\n", 404),
    "a path with dots": (b"GET /v1/../v1/health HTTP/1.1\r\nHost: x\r\n\r\n", 404),
    "another method": (b"PUT /v1/attest HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 405),
    "no admin on this port": (b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 404),
    "another type": (b"POST /v1/attest HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\nx", 415),
    "whoami without a certificate": (b"GET /v1/whoami HTTP/1.1\r\nHost: x\r\n\r\n", 401),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_served_is_said_and_the_line_goes_on(server, name):
    request, status = REFUSED[name]
    assert ask(server, request + GET + b"Connection: close\r\n\r\n") == [status, 200]


def test_pipelined_requests_are_answered_in_order_and_garbage_after_the_last_is_nothing(server):
    assert ask(server, (GET + b"\r\n") * 20 + GET + b"Connection: close\r\n\r\n" + b"garbage" * 1000) == [200] * 21
    assert ask(server, (GET + b"\r\n") * 3 + b"garbage\r\n\r\n" + GET + b"\r\n") == [200, 200, 200, 400]


@pytest.fixture(name="hasty", scope="module")
def fixture_hasty(tmp_path_factory):
    """A server that waits for nobody for long."""
    one = make_server(tmp_path_factory.mktemp("hasty"), phase_ms=HASTY_MS)
    yield one
    assert one.health() == 200
    one.stop()


DEFAULT_S = 10.0  # the shortest of these limits, where nothing is configured


def closed_after(server, first, drip, every=0.05, most=DEFAULT_S):
    """Seconds from before it was there until the server has closed a line on which bytes drip."""
    begin = time.monotonic()
    with server.connect() as line:
        line.sendall(first)
        while time.monotonic() - begin < most:
            if select.select([line], [], [], every)[0]:
                if not line.recv(4096):
                    break
            try:
                if drip:
                    line.sendall(drip)
            except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
                break
        return time.monotonic() - begin


@pytest.mark.parametrize("first,drip", [(b"", b""), (GET, b"X: y\r\n"), (b"G", b""),
                                        (POST + b"Content-Length: 200000\r\n\r\n", b"x"),
                                        (POST + b"Content-Length: 10\r\n\r\nxxx", b"")],
                         ids=["silent", "slow headers", "half a word", "slow body", "half a body"])
def test_slow_senders_are_cut_off_however_they_drip(hasty, first, drip):
    assert 1.0 < closed_after(hasty, first, drip) < DEFAULT_S


def test_a_handshake_that_does_not_end_is_cut_off(hasty):
    begin = time.monotonic()
    with socket.create_connection(("127.0.0.1", hasty.port), timeout=10) as line:
        line.sendall(b"\x16\x03\x01\x02\x00\x01")
        receive(line)
        assert time.monotonic() - begin < DEFAULT_S


def test_what_is_no_tls_1_3_gets_nowhere_and_is_counted(server):
    before = value(server.ctl("metrics"), "bootseald_handshakes_failed_total")
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as line:
        line.sendall(GET + b"\r\n")
        assert not receive(line).startswith(b"HTTP")
    old = ssl.create_default_context(cafile=server.folder / "image/server-ca.pem")
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as line, pytest.raises(ssl.SSLError):
        old.wrap_socket(line, server_hostname="localhost")
    lab.wait_until(lambda: value(server.ctl("metrics"), "bootseald_handshakes_failed_total") == before + 2, 10, "both count")


def test_a_client_that_never_reads_cannot_make_the_server_work_or_grow(server):
    server.health()
    before = server.memory()
    lines = []
    for _ in range(20):
        line = server.connect()
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.setblocking(False)
        lines.append(line)
    sent = 0
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        for line in lines:
            try:
                sent += line.send((GET + b"\r\n") * 100)
            except (ssl.SSLWantWriteError, ssl.SSLWantReadError, OSError):
                pass
    grown = server.memory() - before
    # Per line: a record of TLS, one answer, and what came meanwhile; not the megabytes that were sent.
    assert grown < bound(20 * 256), (grown, sent)
    assert server.health() == 200
    for line in lines:
        line.close()


def test_idle_connections_are_bounded_in_memory(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, hard), hard))
    server = make_server(tmp_path, connections=2100, per_address=2100)
    server.health()
    before = server.memory()
    context = ssl.create_default_context(cafile=server.folder / "image/server-ca.pem")
    lines = []
    for _ in range(2000):
        lines.append(context.wrap_socket(socket.create_connection(("127.0.0.1", server.port), timeout=20),
                                         server_hostname="localhost"))
    for line in lines[:1000]:
        line.sendall(GET + b"\r\n")
        assert line.recv(4096).startswith(b"HTTP/1.1 200")
    grown = server.memory() - before
    print(f"2000 idle connections: {grown} KiB, {grown / 2000:.1f} KiB each; all {server.memory()} KiB")
    assert grown < bound(2000 * 20), grown
    assert server.health() == 200
    for line in lines:
        line.close()
    lab.wait_until(lambda: "bootseald_connections 1\n" in server.ctl("metrics") or
                   "bootseald_connections 0\n" in server.ctl("metrics"), 20, "the server lets go of them")
    server.stop()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_one_address_cannot_take_all_places(tmp_path):
    server = make_server(tmp_path, connections=100, per_address=10)
    lines = [socket.create_connection(("127.0.0.1", server.port), timeout=10) for _ in range(30)]
    lab.wait_until(lambda: value(server.ctl("metrics"), "bootseald_connections_refused_by_address_total") == 20, 10,
                   "twenty of thirty are refused")
    lab.wait_until(lambda: len(select.select(lines, [], [], 0)[0]) >= 20, 10, "twenty of thirty are closed")
    assert len(select.select(lines, [], [], 0.1)[0]) == 20
    # Another address is served as if nothing was.
    context = ssl.create_default_context(cafile=server.folder / "image/server-ca.pem")
    with socket.create_connection(("127.0.0.1", server.port), timeout=10, source_address=("127.0.0.2", 0)) as plain, \
            context.wrap_socket(plain, server_hostname="localhost") as line:
        line.sendall(GET + b"Connection: close\r\n\r\n")
        assert statuses(receive(line)) == [200]
    for line in lines:
        line.close()
    lab.wait_until(lambda: value(server.ctl("metrics"), "bootseald_connections ") == 0, 10, "places are free again")
    assert server.health() == 200
    server.stop()


def test_all_addresses_together_are_limited_and_the_rest_wait(tmp_path):
    server = make_server(tmp_path, connections=20, per_address=8, phase_ms=HASTY_MS)
    lines = []
    for number in range(2, 6):
        for _ in range(8):
            lines.append(socket.create_connection(("127.0.0.1", server.port), timeout=10,
                                                  source_address=(f"127.0.0.{number}", 0)))
    lab.wait_until(lambda: value(server.ctl("metrics"), "bootseald_connections_limit_reached_total") >= 1, 10,
                   "the limit is reached")
    assert value(server.ctl("metrics"), "bootseald_connections ") <= 20
    # They are cut off by their time, and those that waited in the queue are served.
    lab.wait_until(lambda: server.health() == 200, 15, "the server serves again")
    for line in lines:
        line.close()
    server.stop()


def test_a_flood_of_connections_from_one_address_leaves_others_served(tmp_path):
    server = make_server(tmp_path, connections=200, per_address=16)
    context = ssl.create_default_context(cafile=server.folder / "image/server-ca.pem")
    server.health()
    before = server.memory()
    held, served = [], 0
    for number in range(4000):
        line = socket.socket()
        line.setblocking(False)
        line.connect_ex(("127.0.0.1", server.port))
        held.append(line)
        if len(held) > 300:
            held.pop(0).close()
        if number % 400 == 399:
            with socket.create_connection(("127.0.0.1", server.port), 10, ("127.0.0.9", 0)) as plain, \
                    context.wrap_socket(plain, server_hostname="localhost") as other:
                other.sendall(GET + b"Connection: close\r\n\r\n")
                served += statuses(receive(other)) == [200]
    for line in held:
        line.close()
    assert served == 10
    grown = server.memory() - before
    print(f"flood: {grown} KiB more")
    assert grown < bound(16 * 64 + 4096)
    assert value(server.ctl("metrics"), "bootseald_connections_refused_by_address_total") > 3000
    server.stop()


def cpu_seconds(pid):
    """What a process has used."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return sum(map(int, file.read().rsplit(")", 1)[1].split()[11:13])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("which", ["admin socket", "metrics port"])
def test_ports_of_operators_rest_too_without_file_descriptors(server, which):
    limits = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    begin = server.log.text.count("cannot accept")
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (3, limits[1]))
    try:
        family = socket.AF_UNIX if which == "admin socket" else socket.AF_INET
        address = str(server.folder / "admin.sock") if family == socket.AF_UNIX else ("127.0.0.1", server.metrics_port)
        with socket.socket(family) as line:
            line.connect(address)
            lab.wait_until(lambda: server.log.text.count("cannot accept") > begin, 10, "it cannot accept")
            seen, before, when = server.log.text.count("cannot accept"), cpu_seconds(server.pid), time.monotonic()
            lab.wait_until(lambda: server.log.text.count("cannot accept") > seen, 10, "it tries again")
            assert cpu_seconds(server.pid) - before < (time.monotonic() - when) / 4
    finally:
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, limits)
    lab.wait_until(lambda: server.ctl("metrics", check=False).returncode == 0, 10, "operators are served again")
    with socket.create_connection(("127.0.0.1", server.metrics_port), timeout=10) as line:
        line.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        assert statuses(receive(line)) == [200]


def test_metrics_are_on_a_loopback_port_and_nowhere_else(tmp_path):
    fleet = Fleet(tmp_path)
    kept = Port()
    port = kept.number
    fleet.configure(f'metrics: {{ listen = "127.0.0.1:{port}"; }};\n')
    server = fleet.server
    server.start()
    token = fleet.token()
    fleet.enroll("--count=3", f"--token={token}")
    ask(server, GET + b"Connection: close\r\n\r\n")

    def plain(request):
        with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
            line.sendall(request)
            return receive(line)

    page = plain(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    head, _, text = page.partition(b"\r\n\r\n")
    assert b"200 OK" in head and b"text/plain; version=0.0.4" in head
    text = text.decode()
    assert value(text, 'bootseald_requests_total{path="/v1/health",status="200"}') >= 1
    assert value(text, 'bootseald_requests_total{path="/v1/confirm",status="200"}') == 3
    assert value(text, 'bootseald_verdicts_total{verdict="approved",reason=""}') == 3
    assert value(text, 'bootseald_verdicts_total{verdict="pending",reason="unknown-device"}') == 1
    assert value(text, 'bootseald_devices{status="approved"}') == 4
    assert value(text, 'bootseald_certificate_days_left{name="server"}') in (89, 90)
    commits = value(text, "bootseald_store_commit_seconds_count")
    assert commits > 6 and value(text, 'bootseald_store_commit_seconds_bucket{le="+Inf"}') == commits
    # The exposition format: every sample has its HELP and TYPE before it.
    known = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    for line in text.splitlines():
        name = line.split("{")[0].split()[0]
        assert line.startswith("#") or any(name in (k, k + "_bucket", k + "_sum", k + "_count") for k in known), line
    assert plain(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").startswith(b"HTTP/1.1 404")
    assert plain(b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").startswith(b"HTTP/1.1 405")
    assert plain(b"garbage\r\n\r\n").startswith(b"HTTP/1.1 400")
    assert server.ctl("metrics").startswith("# HELP")
    server.stop()
    for address in ("0.0.0.0", "[::]", "192.0.2.1", "localhost", "127.0.0.1.example"):
        conf = server.folder / "bootseald.conf"
        old = conf.read_text()
        conf.write_text(old.replace(f"127.0.0.1:{port}", f"{address}:{port}"))
        with pytest.raises(RuntimeError, match="metrics.listen.*loopback"):
            server.start()
        server.forget()
        conf.write_text(old)
