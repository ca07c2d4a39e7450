"""Servers that are not what they should be, or do not do what they should: a plain no, in time, and the cap all the same."""

import concurrent.futures
import ssl
import time

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

import lab
import relay

SLACK = 15  # seconds that a last try may run past boot.wait, and a loaded machine


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    """The folder of a server that is not running: its CA and certificates."""
    return lab.Server(tmp_path_factory.mktemp("pki") / "server")


@pytest.fixture(scope="module")
def victim(tmp_path_factory, maker, pki):
    """A device that has never been provisioned."""
    folder = tmp_path_factory.mktemp("victim")
    device = lab.Device(folder, maker("a"), pki)
    yield device
    device.tpm.stop()


def ends(device, code, sentence, **settings):
    """The boot ends in time with this code and these words, closed and with nothing handed over: its console and seconds."""
    device.power_on()
    start = time.monotonic()
    found, console = device.run(**{"wait": 0, **settings})
    seconds = time.monotonic() - start
    assert found == code, console
    assert seconds < device_wait(settings) + SLACK
    assert sentence in console, console
    assert sentence in device.report["message"]
    assert device.is_capped() and device.report["capped"], console
    assert device.report["result"] == "failed" and not device.has_credentials()
    return console, seconds


def device_wait(settings):
    """boot.wait of these settings."""
    return settings.get("wait", 0)


# ---- who it is

def test_a_server_of_another_ca_is_untrusted(victim, tmp_path):
    other = lab.Server(tmp_path / "other")
    with relay.TlsServer(other.folder / "keys/server.pem") as server:
        ends(victim, 30, "does not lead to server.ca", url=server.url)


@pytest.mark.parametrize("flaw", [{"names": ["elsewhere.example"]}, {"names": ["*.localhost"]}, {"ended": True},
                                  {"usage": None}, {"usage": ExtendedKeyUsageOID.CLIENT_AUTH}], ids=str)
def test_a_certificate_of_the_right_ca_that_is_not_right_is_untrusted(victim, pki, tmp_path, flaw):
    certificate = relay.Authority(pki.folder).issue(tmp_path / "server.pem", **flaw)
    with relay.TlsServer(certificate) as server:
        ends(victim, 30, "out of date", url=server.url)


def test_the_bundle_key_is_no_server(victim, pki):
    with relay.TlsServer(pki.folder / "keys/bundle.pem") as server:
        ends(victim, 30, "does not lead to server.ca", url=server.url)


def test_a_certificate_without_its_key_is_untrusted(victim, pki):
    """Whoever replays the certificate message of the right server has no key for CertificateVerify."""
    def wrong_signature(context):
        context.load_cert_chain(pki.folder / "keys/bundle.pem")
    with relay.TlsServer(pki.folder / "keys/server.pem", configure=wrong_signature) as server:
        ends(victim, 30, "is this the right server-ca.pem", url=server.url)


# ---- how it speaks

def test_a_server_with_tls_1_2_only_is_told(victim, pki):
    def old(context):
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    with relay.TlsServer(pki.folder / "keys/server.pem", configure=old) as server:
        ends(victim, 4, "does not speak TLS 1.3", url=server.url)


def test_a_server_without_a_common_group_is_told(victim, pki):
    with relay.TlsServer(pki.folder / "keys/server.pem", configure=lambda c: c.set_ecdh_curve("secp521r1")) as server:
        ends(victim, 4, "see tls.pq", url=server.url)


def test_a_server_without_ml_kem_is_told_where_it_is_required(victim, pki):
    with relay.TlsServer(pki.folder / "keys/server.pem") as server:
        ends(victim, 4, "see tls.pq", url=server.url, extra='tls = { pq = "require"; };\n')


GARBAGE = {
    "noise": bytes(range(256)) * 16,
    "http": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    "ssh": b"SSH-2.0-OpenSSH_9.2\r\n",
    "300 KiB": b"\x16\x03\x03\x40\x00" * 61440,
    "a huge record": b"\x16\x03\x03\xff\xff" + bytes(70000),
}


@pytest.mark.parametrize("what", GARBAGE)
def test_garbage_instead_of_tls_is_told(victim, what):
    def garbage(line):
        line.recv(4096)
        line.sendall(GARBAGE[what])
        time.sleep(0.2)
    with relay.Listener(garbage) as server:
        ends(victim, 4, "does not speak TLS 1.3", url=server.url)


HEAD = relay.HEAD
BAD_ANSWERS = {
    "garbage": bytes(range(256)) * 16,
    "garbage in a good frame": HEAD + b"Content-Length: 4\r\n\r\n\xff\xff\xff\xff",
    "nothing in a good frame": HEAD + b"Content-Length: 0\r\n\r\n",
    "300 KiB": HEAD + b"Content-Length: 307200\r\n\r\n" + bytes(307200),
    "a head of 300 KiB": HEAD + b"X: " + b"x" * 307200,
    "a negative length": HEAD + b"Content-Length: -1\r\n\r\n",
    "a length of 2^64": HEAD + b"Content-Length: 18446744073709551620\r\n\r\nxxxx",
    "chunked": HEAD + b"Transfer-Encoding: chunked\r\n\r\n4\r\n\xff\xff\xff\xff\r\n0\r\n\r\n",
    "chunked and a length": HEAD + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n\xff\xff\xff\xff",
    "two lengths": HEAD + b"Content-Length: 4\r\nContent-Length: 4\r\n\r\n\xff\xff\xff\xff",
    "two lengths in one": HEAD + b"Content-Length: 4, 4\r\n\r\n\xff\xff\xff\xff",
    "no length": HEAD + b"\r\n\xff\xff\xff\xff",
    "more than the length": HEAD + b"Content-Length: 1\r\n\r\n\xff\xff\xff\xff",
    "a folded header": HEAD + b"X: a\r\n b\r\nContent-Length: 4\r\n\r\n\xff\xff\xff\xff",
    "an interim answer": b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + b"Content-Length: 4\r\n\r\n\xff\xff\xff\xff",
    "HTTP 1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\n\xff\xff\xff\xff",
    "a zero byte": HEAD + b"X: \0\r\nContent-Length: 4\r\n\r\n\xff\xff\xff\xff",
    "a page": b"HTTP/1.1 500 Oops\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>",
}


@pytest.mark.parametrize("what", BAD_ANSWERS)
def test_an_answer_that_is_none_is_told(victim, pki, what):
    with relay.TlsServer(pki.folder / "keys/server.pem", answer=relay.answering(BAD_ANSWERS[what])) as server:
        ends(victim, 4, "the server's answer", url=server.url)


def test_a_server_that_is_busy_is_asked_again_when_it_says(victim, pki):
    answered = []

    def busy(tls):
        relay.read_request(tls)
        answered.append(time.monotonic())
        tls.sendall(b"HTTP/1.1 503 Busy\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n")

    with relay.TlsServer(pki.folder / "keys/server.pem", answer=busy) as server:
        console, _ = ends(victim, 10, "busy", url=server.url, wait=5)
    times = list(zip(server.times, answered, server.times[1:]))
    assert len(times) in (1, 2), console
    assert all(came - before >= 2 and came - told < 4 for before, told, came in times), times


# ---- it hangs up, or takes its time

def test_nobody_listens(victim, pki):
    ends(victim, 10, "is the network up", url=pki_url(pki))


def pki_url(pki):
    """Where nobody listens."""
    return f"https://localhost:{pki.port}"


@pytest.mark.parametrize("how", ["a FIN", "a reset"])
def test_a_server_that_hangs_up_at_once(victim, how):
    def hang_up(line):
        if how == "a reset":
            relay.reset(line)
    with relay.Listener(hang_up) as server:  # the first pause is of any length up to two seconds
        console, _ = ends(victim, 10, "does not answer (unreachable)", url=server.url, wait=4)
    assert 2 <= len(server.times) <= 8, console


# ---- it takes its time: each of these needs the ten seconds of a try, so they all run at once, beside the tests above

def silent(line):
    """Takes everything, says nothing."""
    while line.recv(65536):
        pass


def drip(tls):
    """A good answer, one byte a second."""
    relay.read_request(tls)
    for byte in HEAD:
        tls.sendall(bytes([byte]))
        time.sleep(1)


def half(tls):
    """The first half of an answer."""
    relay.read_request(tls)
    tls.sendall(HEAD + b"Content-Length: 1000\r\n\r\n" + bytes(500))
    silent(tls)


SLOW = {
    "that is silent": (lambda pem: relay.Listener(silent), "is the network up"),
    "that is silent in TLS": (lambda pem: relay.TlsServer(pem, answer=silent), "hung up or was silent (timeout)"),
    "that stops in mid-answer": (lambda pem: relay.TlsServer(pem, answer=half), "hung up or was silent (timeout)"),
    "whose answer drips": (lambda pem: relay.TlsServer(pem, answer=drip), "hung up or was silent (timeout)"),
    "whose line drips": (lambda pem: relay.Relay(relay.TlsServer(pem, answer=silent).port, drip_down=1),
                         "does not answer (timeout)"),
}


@pytest.fixture(scope="module", autouse=True)
def slow(tmp_path_factory, maker, pki):
    """Starts all of SLOW; each test waits for its own."""
    def one(name):
        make, sentence = SLOW[name]
        device = lab.Device(tmp_path_factory.mktemp("slow"), maker("a"), pki)
        try:
            with make(pki.folder / "keys/server.pem") as server:
                ends(device, 10, sentence, url=server.url)
                return len(server.times)
        finally:
            device.tpm.stop()

    maker("a")
    with concurrent.futures.ThreadPoolExecutor(len(SLOW)) as pool:
        yield {name: pool.submit(one, name) for name in SLOW}


@pytest.mark.parametrize("what", SLOW)
def test_a_server_with_all_the_time_in_the_world_does_not_get_it(slow, what):
    assert slow[what].result(60) == 1


def test_boot_wait_bounds_all_tries_together(victim, pki):
    console, seconds = ends(victim, 10, "is the network up", url=f"https://localhost:{pki.port}", wait=4)
    assert 4 <= seconds < 7
    assert "gave up after 4 s (boot.wait)" in console
    tries = next(step["tries"] for step in victim.report["steps"] if step["state"] == "connect")
    assert 2 < tries < 40
