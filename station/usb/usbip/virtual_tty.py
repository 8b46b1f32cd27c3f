"""The serial port of a virtual camera's application: a pseudo-terminal, named by the process that serves the camera."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from typing import Any

from station.usb.access import UsbAccess

ANSWER_LIMIT_S = 10.0
_RECEIVE_BYTES = 65536


def find_virtual_tty(access: UsbAccess, port_path: str) -> str | None:
    """The node of the terminal that the camera in this place has now; None where it has none, or nobody serves it."""
    question = json.dumps({"do": "state", "port_path": port_path}).encode() + b"\n"
    for control_socket in access.control_sockets:
        with suppress(OSError, ValueError):
            tty = _asked(control_socket, question).get("tty")
            if isinstance(tty, str):
                return tty
    return None


def _asked(control_socket: str, question: bytes) -> dict[str, Any]:
    """The answer to one line: an object, of an error where another process serves that place."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(ANSWER_LIMIT_S)
        connection.connect(control_socket)
        connection.sendall(question)
        answer = b""
        while not answer.endswith(b"\n") and (received := connection.recv(_RECEIVE_BYTES)):
            answer += received
    found: dict[str, Any] = json.loads(answer)
    return found
