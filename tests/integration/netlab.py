"""Two network namespaces with a wire between them that can delay, lose and swallow packets, and a name server. Needs root."""

import contextlib
import ctypes
import fcntl
import heapq
import os
import random
import select
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

import lab

CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
DEVICE4, SERVER4, DEVICE6, SERVER6 = "10.77.0.1", "10.77.0.2", "fd77::1", "fd77::2"
OTHER4 = "10.77.0.200"  # the server's as well
NAME = "boot.test"


class Namespace:
    """A network namespace; what is made inside it stays in it."""

    def __init__(self, name):
        self.name = name
        self.prefix = ("ip", "netns", "exec", name)
        lab.run("ip", "netns", "add", name)
        self.ip("link", "set", "lo", "up")

    def ip(self, *words):
        """ip(8) in here."""
        return lab.run("ip", "-n", self.name, *words)

    def inside(self, make):
        """What `make` returns when it runs in here; a thread of its own, so that nobody else moves."""
        result = []

        def enter():
            with open(f"/run/netns/{self.name}", "rb") as door:
                if ctypes.CDLL(None, use_errno=True).setns(door.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            result.append(make())

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        return result[0]

    def resolver(self, *addresses):
        """Whom programs in here ask for names."""
        folder = Path("/etc/netns") / self.name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "resolv.conf").write_text("".join(f"nameserver {address}\n" for address in addresses))

    def remove(self):
        """Takes everything away."""
        subprocess.run(["ip", "netns", "del", self.name], check=False, capture_output=True)
        (Path("/etc/netns") / self.name / "resolv.conf").unlink(missing_ok=True)
        for folder in (Path("/etc/netns") / self.name, Path("/etc/netns")):
            with contextlib.suppress(OSError):
                folder.rmdir()


def _open_tun():
    descriptor = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH", b"wire", IFF_TUN | IFF_NO_PI))
    return descriptor


class Wire(threading.Thread):
    """Carries IP packets from one TUN device to the other: all of them at once, until it is told otherwise."""

    def __init__(self, *ends):
        super().__init__(daemon=True)
        self._ends = [end.inside(_open_tun) for end in ends]
        self._waiting = []
        self._ended = False
        self._random = random.Random(1)
        self.perfect()
        self.start()

    def perfect(self):
        """No delay, no loss."""
        self.delay_s, self.loss, self.is_cut = 0, 0, False

    def run(self):
        number = 0
        while not self._ended:
            wait = max(0, self._waiting[0][0] - time.monotonic()) if self._waiting else 0.1
            for end in select.select(self._ends, [], [], min(wait, 0.1))[0]:
                number += 1
                packet = os.read(end, 65536)
                if not self.is_cut and self._random.random() >= self.loss:
                    heapq.heappush(self._waiting, (time.monotonic() + self.delay_s, number, end, packet))
            while self._waiting and self._waiting[0][0] <= time.monotonic():
                _, _, end, packet = heapq.heappop(self._waiting)
                with contextlib.suppress(OSError):  # the link is down over there
                    os.write(self._ends[1 - self._ends.index(end)], packet)

    def stop(self):
        """Takes the wire away."""
        self._ended = True
        self.join()
        for end in self._ends:
            os.close(end)


class Names(threading.Thread):
    """A name server for NAME. `answer(kind)` gives addresses for "A" or "AAAA", bytes to be sent as they are, or None: silence."""

    def __init__(self, namespace, address):
        super().__init__(daemon=True)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._socket = namespace.inside(lambda: socket.socket(family, socket.SOCK_DGRAM))
        self._socket.bind((address, 53))
        self.answer = lambda kind: []
        self.delay_s = 0
        self.asked = 0
        self.start()

    def run(self):
        while True:
            try:
                query, sender = self._socket.recvfrom(4096)
            except OSError:
                return
            self.asked += 1
            reply = self._reply(query)
            if reply is not None:
                threading.Timer(self.delay_s, self._send, (reply, sender)).start()

    def _send(self, reply, sender):
        with contextlib.suppress(OSError):
            self._socket.sendto(reply, sender)

    def _reply(self, query):
        kind = {1: "A", 28: "AAAA"}.get(struct.unpack_from(">H", query, query.index(0, 12) + 1)[0])
        found = self.answer(kind)
        if found is None or isinstance(found, bytes):
            return found
        question = query[12:query.index(0, 12) + 5]
        reply = query[:2] + struct.pack(">HHHHH", 0x8180, 1, len(found), 0, 0) + question
        for address in found:
            data = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
            reply += b"\xc0\x0c" + question[-4:] + struct.pack(">IH", 1, len(data)) + data
        return reply

    def stop(self):
        """No more names."""
        self._socket.close()


class RemoteServer(lab.Server):
    """bootseald in a namespace, as NAME and by its addresses."""

    def __init__(self, folder, makers, namespace):
        self._namespace = namespace
        self.prefix = namespace.prefix
        super().__init__(folder, makers, names=f"{NAME},{SERVER4},{SERVER6}", listen="[::]:8443")

    def _takes_connections(self):
        def probe():
            with socket.socket() as line:
                return line.connect_ex(("127.0.0.1", self.port)) == 0
        return self._namespace.inside(probe)


class Net:
    """Both ends, the wire between them, names, and a server with a device that it has provisioned."""

    def __init__(self, folder, template):
        tag = os.getpid()
        self.here, self.there = Namespace(f"bs-{tag}-device"), Namespace(f"bs-{tag}-server")
        self.wire = self.names = self.names6 = self.server = self.device = None
        self._folder, self._template = folder, template

    def build(self, profile):
        """Everything up and the device provisioned once."""
        self.wire = Wire(self.here, self.there)
        for space, v4, v6 in ((self.here, DEVICE4, DEVICE6), (self.there, SERVER4, SERVER6)):
            space.ip("addr", "add", f"{v4}/24", "dev", "wire")
            space.ip("addr", "add", f"{v6}/64", "dev", "wire", "nodad")
            space.ip("link", "set", "wire", "up")
        self.there.ip("addr", "add", f"{OTHER4}/32", "dev", "wire")
        self.names = Names(self.there, SERVER4)
        self.names6 = Names(self.there, SERVER6)
        self.server = RemoteServer(self._folder / "server", [self._template], self.there)
        self.server.start()
        self.server.profile(profile)
        self.device = lab.Device(self._folder, self._template, self.server)
        self.device.prefix = self.here.prefix
        self.device.url = f"https://{NAME}:8443"
        self.restore()
        lab.enroll(self.device, self.server)

    def restore(self):
        """A perfect network again, and a device without a vault."""
        self.wire.perfect()
        self.here.ip("link", "set", "wire", "up")
        for space, v6 in ((self.here, DEVICE6), (self.there, SERVER6)):  # a link that was down has lost them
            if v6 not in space.ip("-6", "addr", "show", "dev", "wire"):
                space.ip("addr", "add", f"{v6}/64", "dev", "wire", "nodad")
        self.here.resolver(SERVER4)
        for names in (self.names, self.names6):
            names.delay_s, names.asked = 0, 0
            names.answer = lambda kind: [SERVER4] if kind == "A" else []
        for slot in self.device.slots:
            slot.unlink(missing_ok=True)

    def remove(self):
        """Nothing of it stays."""
        if self.device:
            self.device.tpm.stop()
        if self.server:
            self.server.stop()
        for one in (self.names, self.names6, self.wire):
            if one:
                one.stop()
        self.here.remove()
        self.there.remove()
