"""The serial port of a virtual camera's application: a pseudo-terminal, named by the process that serves the camera."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing, suppress
from typing import Any

from station.json_lines import JsonSocket

ANSWER_LIMIT_S = 10.0


def find_virtual_tty(control_sockets: Iterable[str], port_path: str) -> str | None:
    """The node of the terminal that the camera in this place has now; None where it has none, or nobody serves it."""
    for control_socket in control_sockets:
        with suppress(OSError, ValueError):
            tty = _asked(control_socket, port_path).get("tty")
            if isinstance(tty, str):
                return tty
    return None


def _asked(control_socket: str, port_path: str) -> dict[str, Any]:
    """The state of a place: an object, of an error where another process serves that place."""
    with closing(JsonSocket.connected(control_socket, ANSWER_LIMIT_S)) as link:
        link.send({"do": "state", "port_path": port_path})
        return link.read() or {}
