"""A label printer on the network: raw ZPL over TCP, and what it answers to `~HS`.

1. It is asked how it is before anything is printed. Paper out, head open, paused: the label stays here, where it can
   grow too old. A printer that took it would print it hours later.
2. It is asked once more behind the label: its answer says that it has read that far. Without one nobody knows.
3. `~HS` is answered with three lines between STX and ETX (Zebra's "ZPL II Programming Guide", "Host Status Return"):
   the first has paper out at place 1 and pause at 2, the second the open head at 2 and the end of the ribbon at 3.
4. Many printers talk to one host at a time: nobody keeps a connection.
"""

from __future__ import annotations

import fcntl
import re
import socket
import struct
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import NamedTuple
from urllib.parse import urlsplit

from station.factory.delivery_error import DeliveryError
from station.factory.link_reason import link_reason
from station.problem import Sentence, sentence

ASK = b"~HS\r\n"
LONGEST_ANSWER_BYTES = 1024
LOOK_S = 0.02
_LINE = re.compile(rb"\x02([^\x02\x03]{0,200})\x03")
_LINES = 3


class PrinterStatus(NamedTuple):
    """What keeps a printer from printing."""

    paper_out: bool
    paused: bool
    head_open: bool
    ribbon_out: bool

    @property
    def obstacle(self) -> Sentence | None:
        """What is in the way, None where nothing is."""
        obstacles = {
            sentence("the printer has no labels left"): self.paper_out,
            sentence("the printer's head is open"): self.head_open,
            sentence("the printer has no ribbon left"): self.ribbon_out,
            sentence("the printer is paused"): self.paused,
        }
        return next((text for text, is_so in obstacles.items() if is_so), None)


def parsed_status(answer: bytes) -> PrinterStatus:
    """What an answer to `~HS` says; ValueError where it is none."""
    lines = [line.split(b",") for line in _LINE.findall(answer)]
    if len(lines) < _LINES - 1 or len(lines[0]) < 3 or len(lines[1]) < 4:
        raise ValueError("no status")
    return PrinterStatus(_flag(lines[0][1]), _flag(lines[0][2]), _flag(lines[1][2]), _flag(lines[1][3]))


def _flag(field: bytes) -> bool:
    if field.strip() not in (b"0", b"1"):
        raise ValueError("no flag")
    return field.strip() == b"1"


class PrinterLink:
    """An open connection to a printer that is ready. For one label."""

    def __init__(self, connection: socket.socket, host: str, until_s: float, *, answers: bool) -> None:
        self._connection = connection
        self._host = host
        self._until_s = until_s
        self._answers = answers

    def status(self) -> PrinterStatus:
        """What it answers. DeliveryError `outbox.no_answer`, `label.no_status`."""
        try:
            self._wait()
            self._connection.sendall(ASK)
            return parsed_status(self._answer())
        except ValueError as error:
            text = sentence("{host} answers something that is no printer's status", host=self._host)
            raise DeliveryError("label.no_status", text) from error
        except OSError as error:
            text = sentence("{host} did not say how it is", host=self._host)
            raise DeliveryError("outbox.no_answer", text) from error

    def print(self, label: bytes) -> None:
        """Send the label. DeliveryError `label.maybe_printed` where nobody knows what became of it."""
        try:
            self._wait()
            self._connection.sendall(label)
            if self._answers:
                self.status()
            else:
                self._see_it_taken()
        except (OSError, DeliveryError) as error:
            text = sentence("{host} was lost while it was sent the label", host=self._host)
            raise DeliveryError("label.maybe_printed", text) from error

    def _see_it_taken(self) -> None:
        """Wait until the other side has acknowledged every byte: all that a printer that is mute lets anybody know."""
        while struct.unpack("i", fcntl.ioctl(self._connection, termios.TIOCOUTQ, b"\0" * 4))[0]:
            self._wait()
            time.sleep(LOOK_S)

    def _answer(self) -> bytes:
        heard = b""
        while len(_LINE.findall(heard)) < _LINES and len(heard) < LONGEST_ANSWER_BYTES:
            self._wait()
            part = self._connection.recv(LONGEST_ANSWER_BYTES)
            if not part:
                raise ConnectionResetError("it hung up")
            heard += part
        return heard

    def _wait(self) -> None:
        left_s = self._until_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        self._connection.settimeout(left_s)

    def __enter__(self) -> PrinterLink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()


@contextmanager
def ready_printer(url: str, timeout_s: float, *, answers: bool) -> Iterator[PrinterLink]:
    """A printer (`tcp://HOST:PORT`) that can print now; nothing was sent to be printed yet. All within `timeout_s`.

    DeliveryError `outbox.unreachable`, `outbox.no_answer`, `label.no_status`, `label.not_ready`.
    """
    place = urlsplit(url)
    until_s = time.monotonic() + timeout_s
    try:
        connection = socket.create_connection((place.hostname or "", place.port or 0), timeout=timeout_s)
    except TimeoutError as error:
        raise DeliveryError("outbox.no_answer", sentence("{host} did not answer in time", host=place.netloc)) from error
    except (OSError, UnicodeError) as error:
        text = sentence("{host} cannot be reached: {reason}", host=place.netloc, reason=link_reason(error))
        raise DeliveryError("outbox.unreachable", text) from error
    with PrinterLink(connection, place.netloc, until_s, answers=answers) as link:
        if answers and (obstacle := link.status().obstacle) is not None:
            raise DeliveryError("label.not_ready", obstacle)
        yield link
