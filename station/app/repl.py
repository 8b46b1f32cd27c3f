"""MicroPython's raw REPL: one short script, for a camera that does not speak the OpenMV protocol.

It is there at any line coding but the protocol's, and answers whoever types Ctrl-C, Ctrl-A (MicroPython
`shared/runtime/pyexec.c`): "raw REPL; CTRL-B to exit\\r\\n>", then a script and Ctrl-D: "OK", what it printed, \\x04,
what it raised, \\x04, ">". No soft reset is asked for: it would run the user's main.py first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from station.app.conversation import BoundedPort, Conversation, Turns
from station.errors import ApplicationError
from station.problem import sentence
from station.terminal_text import printable

REPL_RATE: Final = 115_200
"""Any rate does, but the protocol's."""
BOOTLOADER_SCRIPT: Final = "import machine; machine.bootloader()"

ENTER_LIMIT_S: Final = 2.0
ENTER_TRIES: Final = 3
INTERRUPT_S: Final = 0.3
"""How long whatever ran has to end, and to say so."""
ACCEPT_LIMIT_S: Final = 2.0
PIECE_BYTES: Final = 256
PIECE_PAUSE_S: Final = 0.01
"""A script is typed in pieces: the camera's buffer is small, and it reads while it does other things."""
MAX_HEARD_BYTES: Final = 1 << 18

_INTERRUPT = b"\r\x03\x03"
_ENTER_RAW = b"\r\x01"
_LEAVE_RAW = b"\r\x02"
_RUN = b"\x04"
_END = b"\x04"
_BANNER = b"raw REPL; CTRL-B to exit\r\n>"


@dataclass(frozen=True, slots=True)
class ReplOutput:
    """What a script printed, lines ended by "\\n". `has_left`: the port vanished before the script's end."""

    text: str
    has_left: bool = False


def run_in_repl(source: str, limit_s: float, *, may_leave: bool = False) -> Conversation[ReplOutput]:
    """Run a script over a port that was opened at `REPL_RATE`.

    With `may_leave` a port that vanishes once the script was started is its success. ApplicationError `test.no_repl`
    (no answer to any of the keys), `test.script_timeout`, `test.script_failed`, `test.port_vanished`, `test.port_io`.
    """
    return Conversation(_Typist(source, limit_s, may_leave).turns())


class _Typist:
    """One script, typed once."""

    def __init__(self, source: str, limit_s: float, may_leave: bool) -> None:
        self._source = source.encode()
        self._limit_s = limit_s
        self._may_leave = may_leave
        self._port = BoundedPort()
        self._heard = b""

    def turns(self) -> Turns[ReplOutput]:
        """The whole conversation. Its limit is that of its parts; the script's own is the last of them."""
        self._port.begin(ENTER_TRIES * (ENTER_LIMIT_S + INTERRUPT_S + 1.0))
        yield from self._enter()
        typing_s = len(self._source) / PIECE_BYTES * PIECE_PAUSE_S
        self._port.begin(self._limit_s + ACCEPT_LIMIT_S + typing_s + 1.0)
        yield from self._type()
        try:
            return (yield from self._result())
        except ApplicationError as error:
            if self._may_leave and error.code == "test.port_vanished":
                return ReplOutput("", has_left=True)
            raise

    def _enter(self) -> Turns[None]:
        for _ in range(ENTER_TRIES):
            yield from self._port.send(_INTERRUPT)
            yield from self._wait(INTERRUPT_S)
            self._heard = b""
            yield from self._port.send(_ENTER_RAW)
            if (yield from self._until(_BANNER, ENTER_LIMIT_S)) is not None:
                return
        raise ApplicationError("test.no_repl", sentence("the camera's REPL does not answer"))

    def _type(self) -> Turns[None]:
        for start in range(0, len(self._source), PIECE_BYTES):
            if not (yield from self._port.send(self._source[start : start + PIECE_BYTES])):
                raise ApplicationError("test.no_repl", sentence("the camera's REPL takes no more bytes"))
            yield from self._wait(PIECE_PAUSE_S)

    def _result(self) -> Turns[ReplOutput]:
        yield from self._port.send(_RUN)
        if (yield from self._until(b"OK", ACCEPT_LIMIT_S)) is None:
            raise ApplicationError("test.no_repl", sentence("the camera's REPL did not take the script"))
        started_s = self._port.now_s
        printed = yield from self._until(_END, self._limit_s)
        left_s = max(0.0, started_s + self._limit_s - self._port.now_s)
        raised = None if printed is None else (yield from self._until(_END, left_s))
        if printed is None or raised is None:
            yield from self._port.send(_INTERRUPT + _LEAVE_RAW)
            late = sentence("the script did not end within {seconds} s", seconds=f"{self._limit_s:g}")
            raise ApplicationError("test.script_timeout", late)
        yield from self._port.send(_LEAVE_RAW)
        if raised.strip():
            last_line = _text(raised).strip().splitlines()[-1]
            raise ApplicationError(
                "test.script_failed", sentence("the script ended early: {error}", error=printable(last_line[:200]))
            )
        return ReplOutput(_text(printed))

    def _wait(self, duration_s: float) -> Turns[None]:
        until_s = self._port.now_s + duration_s
        while self._port.now_s < until_s and not self._port.is_over:
            yield from self._listen(until_s)

    def _until(self, end: bytes, limit_s: float) -> Turns[bytes | None]:
        """What comes before `end`, which is taken away with it; None where it does not come in time."""
        until_s = self._port.now_s + limit_s
        while True:
            before, found, behind = self._heard.partition(end)
            if found:
                self._heard = behind
                return before
            if self._port.now_s >= until_s or self._port.is_over:
                return None
            yield from self._listen(until_s)

    def _listen(self, until_s: float) -> Turns[None]:
        self._heard += yield from self._port.listen(until_s)
        if len(self._heard) > MAX_HEARD_BYTES:
            raise ApplicationError("test.protocol", sentence("the camera's REPL prints without end"))


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace").replace("\r\n", "\n")
