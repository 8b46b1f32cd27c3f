"""The dashboard's end of the line's socket: pulls snapshots, takes in facts, sends requests."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from station.control.requests import ProveEngineer, Request, Role, TakeSnapshot, to_json
from station.control.socket_path import noted_socket
from station.control.wire import LineAbout, LineStatus, Snapshot
from station.errors import UsageError
from station.json_lines import JsonSocket, line_of, object_of
from station.problem import sentence

READ_LIMIT_BYTES = 1 << 24
CONNECT_LIMIT_S = 5.0


def connected(data_dir: Path, role: Role) -> socket.socket:
    """A connection to the line that works in a data folder; OSError where none does, or none may be opened.

    The line holds it to its role: one that looks can never steer.
    """
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        link.settimeout(CONNECT_LIMIT_S)
        link.connect(str(noted_socket(data_dir)))
        link.sendall(line_of({"role": role}))
    except OSError:
        link.close()
        raise
    return link


def ask(data_dir: Path, request: Request, proof: ProveEngineer | None = None) -> dict[str, Any]:
    """What the line of a data folder answers to one request, after a `proof` where there is one; UsageError
    `usage.no_line` where none runs, or what it refuses with."""
    try:
        with closing(JsonSocket(connected(data_dir, request.role), READ_LIMIT_BYTES)) as link:
            if proof is not None:
                _asked(link, proof)
            if answer := _asked(link, request):
                return answer
    except (OSError, ValueError) as error:
        raise UsageError("usage.no_line", f"no line runs in the data folder {data_dir}") from error
    raise UsageError("usage.no_line", f"the line in the data folder {data_dir} ended")


def _asked(link: JsonSocket, request: Request) -> dict[str, Any] | None:
    """The answer to a request; None where the line ended. UsageError where it refuses."""
    link.send(to_json(request))
    while answer := link.read():
        if "refused" in answer:
            raise UsageError(answer["refused"]["code"], answer["refused"]["text"])
        # A line that ends tells everybody its last snapshot: that is no answer to anything else.
        if "done" in answer or ("snapshot" in answer and isinstance(request, TakeSnapshot)):
            return answer
    return None


def is_served(data_dir: Path) -> bool:
    """Whether a line answers in this data folder."""
    try:
        connected(data_dir, Role.LOOK).close()
    except OSError:
        return False
    return True


class Bridge:
    """One connection. `snapshot` and `about` are the newest known; `on_fact` is called with a fact's name and value.

    One that is `read_only` connects as one that looks: the line refuses what could change anything, whoever asks.
    """

    def __init__(
        self, data_dir: Path, on_fact: Callable[[str, dict[str, Any]], None], *, read_only: bool = False
    ) -> None:
        self._data_dir = data_dir
        self._role = Role.LOOK if read_only else Role.STEER
        self._on_fact = on_fact
        self._writer: asyncio.StreamWriter | None = None
        self._asked = False
        self.about: LineAbout | None = None
        self.snapshot = Snapshot(LineStatus(), ())

    async def follow(self) -> None:
        """Connect, and take in what comes until the line ends or the connection does; then the status is `ended`."""
        try:
            reader, self._writer = await asyncio.open_unix_connection(
                sock=connected(self._data_dir, self._role), limit=READ_LIMIT_BYTES
            )
            while line := await reader.readline():
                self._take_in(object_of(line))
        except (OSError, ValueError):
            pass  # gone, or not a line that anything can be understood from
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
            message = status.message or sentence("the line's process ended")
            status = replace(status, accepting=False, ended=True, code=status.code or "line.gone", message=message)
            self.snapshot = replace(self.snapshot, status=status)
            self._on_fact("status", status.to_json())

    def pull(self) -> None:
        """Ask for the newest snapshot, unless one is on its way."""
        if not self._asked:
            self._asked = self.request("snapshot")

    def request(self, do: str, **given: object) -> bool:
        """Send a request; False where there is no line any more."""
        if self._writer is None or self._writer.is_closing():
            return False
        with suppress(OSError):
            self._writer.write(line_of({"do": do, **given}))
            return True
        return False
