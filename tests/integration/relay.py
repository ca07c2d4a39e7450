"""Servers that behave badly, and a line that fails: real sockets on loopback, one thread a connection."""

import datetime
import socket
import ssl
import struct
import threading
import time
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


class Listener:
    """Accepts on 127.0.0.1; every connection is handled in a thread of its own. Remembers when each one came."""

    def __init__(self, handle, address=("127.0.0.1", 0), family=socket.AF_INET):
        self._handle = handle
        self._socket = socket.socket(family)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(address)
        self._socket.listen(1024)
        self.port = self._socket.getsockname()[1]
        self.url = f"https://localhost:{self.port}"
        self.times = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                line, _ = self._socket.accept()
            except OSError:
                return
            self.times.append(time.monotonic())
            threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line):
        try:
            self._handle(line)
        except (OSError, ValueError):  # the other side may hang up whenever it likes
            pass
        finally:
            line.close()

    def stop(self):
        """No connection after this."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def reset(line):
    """Hangs up with a TCP reset instead of a FIN."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.close()


class Relay(Listener):
    """A line to the real server that breaks after so many bytes of one direction, or passes them drop by drop."""

    def __init__(self, port, cut_up=None, cut_down=None, resets=False, drip_down=None, record=None):
        """cut_up, cut_down: bytes that still pass to the server, to the device; drip_down: seconds for one byte.

        record: a list that gets what came for the device.
        """
        super().__init__(self._connect)
        self._to = port
        self.cut = [cut_up, cut_down]
        self._resets = resets
        self._drip, self._record = drip_down, record
        self.passed = [0, 0]

    def _connect(self, device):
        with socket.create_connection(("127.0.0.1", self._to)) as server:
            ends = (device, server)
            up = threading.Thread(target=self._pump, args=(0, device, server, ends), daemon=True)
            up.start()
            self._pump(1, server, device, ends)
            up.join()

    def _pump(self, way, source, sink, ends):
        left = self.cut[way]
        try:
            while left is None or left > 0:
                data = source.recv(65536 if left is None else min(left, 65536))
                if not data:
                    sink.shutdown(socket.SHUT_WR)
                    return
                self._pass(way, data, sink)
                left = None if left is None else left - len(data)
        except OSError:
            return
        if self._resets:
            for end in ends:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        for end in ends:
            try:
                end.shutdown(socket.SHUT_RD if self._resets else socket.SHUT_RDWR)
            except OSError:
                pass
        ends[0].close()

    def _pass(self, way, data, sink):
        self.passed[way] += len(data)
        if way == 1 and self._record is not None:
            self._record.append(data)
        if way == 1 and self._drip:
            for byte in data:
                sink.sendall(bytes([byte]))
                time.sleep(self._drip)
        else:
            sink.sendall(data)


def read_request(line):
    """Head and body of one request."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = line.recv(65536)
        if not piece:
            raise OSError("the device hung up")
        data += piece
    head, body = data.split(b"\r\n\r\n", 1)
    size = int(dict(row.split(b": ", 1) for row in head.split(b"\r\n")[1:])[b"Content-Length"])
    while len(body) < size:
        body += line.recv(65536)
    return head, body


class TlsServer(Listener):
    """TLS with this certificate; `answer` gets the connection after the handshake."""

    def __init__(self, certificate, answer=None, configure=None, address=("127.0.0.1", 0)):
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        if configure:
            configure(self._context)
        self._answer = answer
        self.handshakes = 0
        super().__init__(self._shake, address)

    def _shake(self, line):
        line.settimeout(30)
        with self._context.wrap_socket(line, server_side=True) as tls:
            self.handshakes += 1
            if self._answer:
                self._answer(tls)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/cbor\r\n"


def answering(reply):
    """Reads one request and sends these bytes."""
    def answer(tls):
        read_request(tls)
        tls.sendall(reply)
        time.sleep(0.2)
    return answer


class Authority:
    """Certificates of the server's CA that bootsealctl would never make."""

    def __init__(self, folder):
        pem = (Path(folder) / "keys/server-ca.pem").read_bytes()
        self._key = serialization.load_pem_private_key(pem, None)
        self._cert = x509.load_pem_x509_certificate(pem)

    def issue(self, path, names=("localhost",), usage=ExtendedKeyUsageOID.SERVER_AUTH, ended=False):
        """Writes certificate and key to `path`."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.utcnow()
        day = datetime.timedelta(days=1)
        builder = x509.CertificateBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")]))
        builder = builder.issuer_name(self._cert.subject).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - 30 * day).not_valid_after(now - day if ended else now + 30 * day)
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), False)
        builder = builder.add_extension(x509.BasicConstraints(False, None), True)
        if usage:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), False)
        cert = builder.sign(self._key, hashes.SHA256())
        path.write_bytes(cert.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        return path
