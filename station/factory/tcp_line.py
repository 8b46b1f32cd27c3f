"""A JSON object as a line over TCP, and the line that answers it. One connection for each."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from station.factory.delivery_error import DeliveryError, words_of
from station.factory.link_reason import link_reason
from station.json_lines import line_of
from station.problem import sentence

LONGEST_BYTES = 4096
"""The longest answer."""


def asked_over_tcp(url: str, record: Mapping[str, Any], timeout_s: float) -> str:
    """Send a record to `tcp://HOST:PORT` and return the line that came back, all within `timeout_s` seconds.

    DeliveryError `outbox.unreachable`, `outbox.no_answer`.
    """
    place = urlsplit(url)
    until_s = time.monotonic() + timeout_s
    name = place.netloc
    try:
        with socket.create_connection((place.hostname or "", place.port or 0), timeout=timeout_s) as connection:
            connection.settimeout(max(0.001, until_s - time.monotonic()))
            connection.sendall(line_of(record))
            return words_of(_line(connection, until_s))
    except TimeoutError as error:
        raise DeliveryError("outbox.no_answer", sentence("{host} did not answer in time", host=name)) from error
    except (OSError, UnicodeError) as error:
        text = sentence("{host} cannot be reached: {reason}", host=name, reason=link_reason(error))
        raise DeliveryError("outbox.unreachable", text) from error


def _line(connection: socket.socket, until_s: float) -> bytes:
    """What came before the first line feed. TimeoutError; ConnectionError where the other side hung up before."""
    received = b""
    while b"\n" not in received and len(received) < LONGEST_BYTES:
        left_s = until_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        connection.settimeout(left_s)
        part = connection.recv(LONGEST_BYTES)
        if not part:
            if received:
                break
            raise ConnectionResetError("it hung up without an answer")
        received += part
    return received.partition(b"\n")[0]


def is_ok(answer: str) -> bool:
    """Whether a line says yes: its first word is OK."""
    return answer.upper().split(" ")[0].rstrip(",.:;!") == "OK"
