"""Through a proxy (net.proxy): it opens a way and is trusted with nothing."""

import socket
import threading
import time
import types

import pytest

import lab
import relay
from bootlab.port import Port


class Proxy(relay.Listener):
    """Answers CONNECT; with `to`, the way leads there, wherever it was asked to lead."""

    def __init__(self, reply=b"HTTP/1.1 200 Connection established\r\nVia: a proxy\r\n\r\n", to=None):
        super().__init__(self._connect)
        self._reply = reply
        self._to = to
        self.heads = []

    def _connect(self, device):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += device.recv(1)  # what follows is not the proxy's
        self.heads.append(head)
        device.sendall(self._reply)
        if not self._to:
            time.sleep(0.1)
            return
        with socket.create_connection(("127.0.0.1", self._to)) as server:
            threading.Thread(target=self._pump, args=(device, server), daemon=True).start()
            self._pump(server, device)

    @staticmethod
    def _pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def boot(device, proxy, **settings):
    """One boot through this proxy."""
    return device.boot(**{"wait": 0, "proxy": f"http://127.0.0.1:{proxy.port}", **settings})


def fails(device, proxy, code, sentence, **settings):
    """Ends closed, with this code and sentence."""
    found, console = boot(device, proxy, **settings)
    assert found == code, console
    assert sentence in device.report["message"], console
    assert device.is_capped() and not device.has_credentials()
    return console


@pytest.fixture(name="device")
def device_without_vault(site):
    """A device that has to ask the server."""
    for slot in site[1].slots:
        slot.unlink(missing_ok=True)
    return site[1]


def test_a_proxy_that_works_leads_to_the_server(device, site):
    with Proxy(to=site[0].port) as proxy:
        code, console = boot(device, proxy)
    assert code == 0, console
    assert device.credential("demo.secret") == b"hunter2"
    request = f"CONNECT localhost:{site[0].port} HTTP/1.1\r\nHost: localhost:{site[0].port}\r\n\r\n"
    assert proxy.heads == [request.encode()]


def test_the_proxy_finds_the_name_and_not_the_device(device, site):
    """The certificate is for localhost alone, so a name that nobody here knows ends at the certificate, not at the name."""
    url = f"https://only-the-proxy-knows.invalid:{site[0].port}"
    with Proxy(to=site[0].port) as proxy:
        fails(device, proxy, 30, "does the name match?", url=url)
    assert proxy.heads[0].startswith(b"CONNECT only-the-proxy-knows.invalid:")


NO = {
    "refuses": b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
    "wants a password": b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n",
    "cannot reach the server": b"HTTP/1.0 502 Bad Gateway\r\n\r\n<html>",
    "answers with garbage": b"\0\1\2\3garbage\r\n\r\n",
    "answers with 300 KiB": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 307200,
    "is no proxy": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
}


@pytest.mark.parametrize("what", NO)
def test_a_proxy_that_says_no_is_told(device, what):
    with Proxy(reply=NO[what]) as proxy:
        fails(device, proxy, 10, "does net.proxy allow CONNECT")


def test_a_proxy_that_says_no_is_asked_again(device):
    with Proxy(reply=NO["refuses"]) as proxy:
        fails(device, proxy, 10, "does net.proxy allow CONNECT", wait=3)
    assert len(proxy.heads) > 1


def test_a_proxy_that_hangs_up_is_told(device):
    with Proxy(reply=b"HTTP/1.1 200") as proxy:
        fails(device, proxy, 10, "does not answer (unreachable)")


def test_nobody_at_the_proxys_place_is_told(device):
    nobody = Port()
    fails(device, types.SimpleNamespace(port=nobody.number), 10, "does not answer (unreachable)")


def test_a_proxy_that_leads_to_another_server_gets_nothing(device, tmp_path):
    other = lab.Server(tmp_path / "other", names="localhost")
    with relay.TlsServer(other.folder / "keys/server.pem") as liar, Proxy(to=liar.port) as proxy:
        fails(device, proxy, 30, "does not lead to server.ca")
    assert liar.handshakes <= 1


def test_a_proxy_that_says_yes_and_speaks_itself_gets_nothing(device):
    with Proxy(reply=b"HTTP/1.1 200 OK\r\n\r\n" + NO["is no proxy"]) as proxy:
        fails(device, proxy, 4, "does not speak TLS 1.3")


@pytest.mark.parametrize("setting", ["https://gateway:3128", "gateway:3128", "http://gateway",
                                     "http://user:password@gateway:3128"])
def test_a_proxy_that_is_not_one_is_told(device, setting):
    code, console = device.boot(wait=0, proxy=setting)
    assert code == 3 and f'net.proxy "{setting}" is not http://HOST:PORT' in console, console
    assert device.is_capped() and not device.has_credentials()
