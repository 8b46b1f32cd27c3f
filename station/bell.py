"""A bell: one thread that waits for sockets and pipes is woken by the others."""

from __future__ import annotations

import socket
from contextlib import suppress


class Bell:
    """Give it to `select` or `multiprocessing.connection.wait` among the rest. `ring` may be called from any thread."""

    def __init__(self) -> None:
        self._rung, self._heard = socket.socketpair()
        self._rung.setblocking(False)
        self._heard.setblocking(False)

    def fileno(self) -> int:
        """What is waited for: readable once it was rung."""
        return self._heard.fileno()

    def ring(self) -> None:
        """Wake the waiting thread. Never waits and never fails."""
        # Full: it is going to wake up anyway. Closed: nobody is left to wake.
        with suppress(OSError):
            self._rung.send(b"!")

    def silence(self) -> None:
        """It was heard. To be called before what it was rung for is looked at, or a ring in between is lost."""
        with suppress(BlockingIOError):
            while self._heard.recv(4096):
                pass

    def close(self) -> None:
        """Free both ends."""
        self._rung.close()
        self._heard.close()
