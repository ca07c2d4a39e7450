"""Clients that mean no good, or do not listen: bootseald goes on serving the others."""

import resource
import socket
import ssl
import struct
import time

import lab

REQUEST = b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n"


def connect(server, receive_buffer=None):
    """A TLS connection without a client certificate."""
    context = ssl.create_default_context(cafile=server.folder / "image/server-ca.pem")
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    line = socket.socket()
    if receive_buffer:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    line.settimeout(60)
    line.connect(("127.0.0.1", server.port))
    return context.wrap_socket(line, server_hostname="localhost")


def is_well(server):
    """The server answers a stranger."""
    with connect(server) as line:
        line.sendall(REQUEST)
        return line.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_client_that_asks_without_end_and_resets(server):
    """Answers pile up until the server waits to write; then the connection is gone. A sanitizer looks on."""
    line = connect(server, receive_buffer=2048)
    line.settimeout(2)
    try:
        while True:
            line.sendall(REQUEST * 500)
    except (TimeoutError, ssl.SSLWantWriteError):
        pass
    with socket.socket(fileno=line.detach()) as plain:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    lab.wait_until(lambda: is_well(server), 20, "the server answers others")


def test_server_without_file_descriptors_rests_and_comes_back(server):
    soft, hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    begin = time.monotonic()
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (32, hard))
    lines = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(60)]
    lab.wait_until(lambda: server.log.text.count("cannot accept") >= 3, 20, "it has tried three times")
    assert server.log.text.count("cannot accept") <= time.monotonic() - begin + 2  # once a second
    for line in lines:
        line.close()
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (soft, hard))
    lab.wait_until(lambda: is_well(server), 20, "the server answers again")


def test_what_an_operator_is_told_to_type_names_the_boot_he_was_shown(new_device, server):
    device = new_device()
    device.power_on()
    boot = device.start()
    boot.wait_for("bootsealctl device approve")
    shown = server.ctl("device", "show", device.id)
    question = server.json("device", "show", device.id)["question"]
    assert f"--learn --question={question[:16]}" in shown
    server.ctl("device", "approve", device.id, "--learn", "--profile=demo", f"--question={question[:16]}")
    assert boot.end() == 0, boot.console.text
