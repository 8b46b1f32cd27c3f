"""One JSON object a line: what the line's socket, the simulation's socket, the journal and the exports speak.

ASCII, so that no program can misread it; ended by a line feed. A line that is longer than its reader allows, or is no
object, is refused by a ValueError: nothing after it on that connection can be trusted.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from typing import Any

LIMIT_BYTES = 1 << 26
"""The longest line where nothing smaller is asked for: an image in base64 goes through."""
_RECEIVE_BYTES = 1 << 16


def text_line(value: Mapping[str, Any]) -> str:
    """An object as a line of text."""
    return json.dumps(value) + "\n"


def line_of(value: Mapping[str, Any]) -> bytes:
    """An object as a line of bytes."""
    return text_line(value).encode("ascii")


def object_of(line: bytes | str) -> dict[str, Any]:
    """The object that a line says. ValueError where it says none, however it is broken."""
    try:
        value = json.loads(line)
    except RecursionError as error:
        raise ValueError("a JSON object nested too deeply") from error
    if not isinstance(value, dict):
        raise ValueError("a line must be a JSON object")
    return value


class LineBuffer:
    """Bytes come in as they are received; whole lines come out."""

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._rest = bytearray()
        self._searched = 0

    def take(self, received: bytes) -> None:
        """What was received. It may end, or have ended before, in the middle of a line or of a character."""
        self._rest += received

    def lines(self) -> Iterator[bytes]:
        """Every whole line, without its line feed. ValueError where one is too long, also before its end has come."""
        while (end := self._rest.find(b"\n", self._searched)) >= 0:
            line = bytes(self._rest[:end])
            del self._rest[: end + 1]
            self._searched = 0
            self._check(len(line))
            yield line
        self._searched = len(self._rest)
        self._check(self._searched)

    def _check(self, size_bytes: int) -> None:
        if size_bytes > self._limit_bytes:
            raise ValueError(f"a line has more than {self._limit_bytes} bytes")


class JsonSocket:
    """One end of a connection that speaks such lines, for one thread. Time limits are the socket's own."""

    def __init__(self, connection: socket.socket, limit_bytes: int = LIMIT_BYTES) -> None:
        self._connection = connection
        self._buffer = LineBuffer(limit_bytes)

    @classmethod
    def connected(cls, path: str, timeout_s: float | None) -> JsonSocket:
        """A connection to the Unix socket at `path`; OSError where nobody is there. The limit stays in force."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(timeout_s)
            connection.connect(path)
        except OSError:
            connection.close()
            raise
        return cls(connection)

    def fileno(self) -> int:
        """Readable when there is something to receive."""
        return self._connection.fileno()

    def wait_without_limit(self) -> None:
        """From now on silence is no fault."""
        self._connection.settimeout(None)

    def send(self, value: Mapping[str, Any]) -> None:
        """Send one object. OSError where the other side is gone or takes nothing in time."""
        self._connection.sendall(line_of(value))

    def send_typed(self, line: str) -> None:
        """Send what a person typed, as one line. It may be no object at all: the other side says so."""
        self._connection.sendall(" ".join(line.split()).encode() + b"\n")

    def receive(self) -> list[dict[str, Any]] | None:
        """Wait for something, and return the objects that are whole, perhaps none; None where the other side has ended.
        TimeoutError where nothing came in time, ValueError for a line that is refused."""
        if not self._take_in():
            return None
        return [object_of(line) for line in self._buffer.lines()]

    def read(self) -> dict[str, Any] | None:
        """The next object; None where the other side has ended before. TimeoutError where nothing came in time,
        ValueError for a line that is refused."""
        while True:
            for line in self._buffer.lines():
                return object_of(line)
            if not self._take_in():
                return None

    def _take_in(self) -> bool:
        try:
            received = self._connection.recv(_RECEIVE_BYTES)
        except ConnectionError:
            return False
        self._buffer.take(received)
        return bool(received)

    def close(self) -> None:
        """Hang up; safe to call twice."""
        self._connection.close()
