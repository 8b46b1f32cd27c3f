"""A server that takes every connection and never says a word, as one behind a broken firewall does."""

from __future__ import annotations

import socket
import threading


class BlackHole:
    """It listens as soon as it is made; `taken` are its connections."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.taken: list[socket.socket] = []
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        while True:
            try:
                self.taken.append(self._listening.accept()[0])
            except OSError:
                return

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://station:secret@127.0.0.1:{self._listening.getsockname()[1]}/central"

    def close(self) -> None:
        for connection in self.taken:
            connection.close()
        self._listening.close()
