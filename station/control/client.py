"""The dashboard's end of the line's socket: pulls snapshots, takes in facts, sends requests."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from station.control.wire import LineAbout, LineStatus, Snapshot, socket_path

READ_LIMIT_BYTES = 1 << 24
CONNECT_LIMIT_S = 5.0
LOOKING = frozenset({"snapshot"})
"""The requests that change nothing."""


def connected(data_dir: Path) -> socket.socket:
    """A connection to the line that works in a data folder; OSError where none does, or none may be opened."""
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        link.settimeout(CONNECT_LIMIT_S)
        link.connect(str(socket_path(data_dir)))
    except OSError:
        link.close()
        raise
    return link


def is_served(data_dir: Path) -> bool:
    """Whether a line answers in this data folder."""
    try:
        connected(data_dir).close()
    except OSError:
        return False
    return True


class Bridge:
    """One connection. `snapshot` and `about` are the newest known; `on_fact` is called with a fact's name and value.

    One that is `read_only` sends no request that could change anything, whoever asks it to.
    """

    def __init__(
        self, data_dir: Path, on_fact: Callable[[str, dict[str, Any]], None], *, read_only: bool = False
    ) -> None:
        self._data_dir = data_dir
        self._may_send = LOOKING if read_only else None
        self._on_fact = on_fact
        self._writer: asyncio.StreamWriter | None = None
        self._asked = False
        self.about: LineAbout | None = None
        self.snapshot = Snapshot(LineStatus(), ())

    async def follow(self) -> None:
        """Connect, and take in what comes until the line ends or the connection does; then the status is `ended`."""
        try:
            reader, self._writer = await asyncio.open_unix_connection(
                sock=connected(self._data_dir), limit=READ_LIMIT_BYTES
            )
            while line := await reader.readline():
                self._take_in(json.loads(line))
        except OSError:
            pass
        except asyncio.CancelledError:
            # The dashboard goes; nothing is to be shown any more.
            self._hang_up()
            raise
        self._hang_up()
        self._tell_the_end()

    def _take_in(self, line: dict[str, Any]) -> None:
        for name, value in line.items():
            if name == "snapshot":
                self._asked = False
                self.snapshot = Snapshot.from_json(value, time.monotonic())
                continue
            if name == "about":
                self.about = LineAbout.from_json(value)
            elif name == "status":
                self.snapshot = replace(self.snapshot, status=LineStatus.from_json(value))
            self._on_fact(name, value if isinstance(value, dict) else {"text": value})

    def _hang_up(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _tell_the_end(self) -> None:
        status = self.snapshot.status
        if not status.ended:
            message = status.message or "the line's process ended"
            status = replace(status, accepting=False, ended=True, code=status.code or "line.gone", message=message)
            self.snapshot = replace(self.snapshot, status=status)
            self._on_fact("status", status.to_json())

    def pull(self) -> None:
        """Ask for the newest snapshot, unless one is on its way."""
        if not self._asked:
            self._asked = self.request("snapshot")

    def request(self, do: str, **given: object) -> bool:
        """Send a request; False where there is no line any more, or where this one may not be sent."""
        if self._may_send is not None and do not in self._may_send:
            return False
        if self._writer is None or self._writer.is_closing():
            return False
        with suppress(OSError):
            self._writer.write(json.dumps({"do": do, **given}).encode() + b"\n")
            return True
        return False
