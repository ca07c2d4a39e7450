"""A TCP port that is kept for somebody."""

import socket


class Port:
    """
    Nobody else gets its number from the kernel while this lives, whether a server listens there or is down: a socket of ours is bound to it
    and does not listen. With SO_REUSEADDR on both a server can.
    """

    def __init__(self):
        self._held = socket.socket()
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._held.bind(("127.0.0.1", 0))
        self.number = self._held.getsockname()[1]
