"""The stack light's process beside the line: it looks at the line as a screen does, and drives the light.

1. The line is never asked to wait, and does not know of it. A light that is slow, hung or unplugged costs nobody
   anything; it is said once, and the light is found again when it is back.
2. The line's end, also by kill -9, closes this process's pipe: the light goes dark. So it does where the line answers
   nobody. A command is told "unknown".
3. Lights have no time limit of their own. Where this process and the line are killed at once, lamps stay as they are:
   so a steady green winks every `wink_s` seconds. One that never winks says nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic
from typing import Protocol

from station.app.exchange import Send, Sent
from station.control.line_signal import LineWatch, Signal, signal_of
from station.errors import StationError
from station.factory.delivery_error import DeliveryError
from station.factory.hook import run_hook
from station.factory.light_protocols import PROTOCOLS, RATE
from station.model.stack_lights import DARK, Lamps, StackLight
from station.problem import Problem, sentence
from station.usb.tty import Tty, open_tty

TICK_S = 0.25
"""Half of a blink, and the dark moment of a wink."""
LOOK_S = 0.5
RETRY_S = 2.0
"""How often a light that is gone is looked for, and one that is there is set again: it may have lost its power."""
WRITE_S = 0.5
COMMAND_S = 5.0
AGAIN_S = 30.0
"""A command is called again with the same word so often: what it drives may go dark by itself where it is not."""
BACK = Problem("light.back", sentence("the stack light is back"))


def main(connection: Connection, words: Connection, data_dir: Path, light: StackLight) -> None:
    """The process, until the other end of the pipe is closed."""
    lamp: Lamp = CommandLamp(light.command) if light.kind == "command" else SerialLamp(light.kind, light.port)
    follow(connection, LineWatch(data_dir), Shown(lamp, light.wink_s, words.send))


def follow(connection: Connection, watch: LineWatch, shown: Shown) -> None:
    """Show the line's signal, tick by tick, until the pipe is closed; then that nobody knows."""
    looked_s, stands = -LOOK_S, Signal.UNKNOWN
    while not connection.poll(TICK_S):
        if monotonic() - looked_s >= LOOK_S:
            snapshot = watch.snapshot()
            stands, looked_s = signal_of(snapshot) if snapshot else Signal.UNKNOWN, monotonic()
        shown.tick(stands, monotonic())
    watch.close()
    shown.end()


class Lamp(Protocol):
    """What shows a signal."""

    def show(self, stands: Signal, lamps: Lamps, now_s: float) -> Problem | None:
        """Show it; what is wrong, None where it is shown. Raises nothing, and takes a few seconds at most."""
        ...


class Shown:
    """A light that blinks, and what was said of it."""

    def __init__(self, lamp: Lamp, wink_s: float, tell: Callable[[Problem], None]) -> None:
        self._lamp = lamp
        self._wink_s = wink_s
        self._tell = tell
        self._code: str | None = None
        self._ticks = 0

    def tick(self, stands: Signal, now_s: float) -> None:
        """The next quarter of a second."""
        self._ticks += 1
        problem = self._lamp.show(stands, lamps_of(stands, self._ticks, self._wink_s), now_s)
        code = problem.code if problem else None
        if code != self._code:
            self._tell(problem or BACK)
        self._code = code

    def end(self) -> None:
        """Nobody knows any more how the line stands."""
        self._lamp.show(Signal.UNKNOWN, DARK, monotonic())


def lamps_of(stands: Signal, ticks: int, wink_s: float) -> Lamps:
    """The lamps that burn at this tick. Green is steady while the line is well, and winks; it blinks when everything
    can be taken out. Yellow blinks where somebody has to do something, red is steady where no camera is taken."""
    half = ticks // 2 % 2 == 0
    if stands in (Signal.READY, Signal.RUNNING):
        return Lamps(green=not wink_s or ticks % max(2, round(wink_s / TICK_S)) != 0)
    if stands is Signal.TAKE_OUT:
        return Lamps(green=half)
    if stands is Signal.ATTENTION:
        return Lamps(yellow=half)
    return Lamps(red=True) if stands is Signal.STOPPED else DARK


class SerialLamp:
    """A light on a serial port."""

    def __init__(self, kind: str, port: str) -> None:
        self._bytes_of = PROTOCOLS[kind]
        self._port = port
        self._tty: Tty | None = None
        self._shown: Lamps | None = None
        self._tried_s = -RETRY_S
        self._problem: Problem | None = None

    def show(self, _stands: Signal, lamps: Lamps, now_s: float) -> Problem | None:
        """Send what is to burn, where that is news or a while ago."""
        due = now_s - self._tried_s >= RETRY_S
        if (self._tty is None and not due) or (self._tty is not None and lamps == self._shown and not due):
            return self._problem
        self._tried_s = now_s
        self._problem = self._open() or self._send(lamps)
        return self._problem

    def _open(self) -> Problem | None:
        try:
            self._tty = self._tty or open_tty(self._port, RATE)
        except StationError as error:
            why = sentence("the stack light is not there: {reason}", reason=error.problem.message)
            return Problem("light.gone", why)
        return None

    def _send(self, lamps: Lamps) -> Problem | None:
        assert self._tty is not None
        if isinstance(self._tty.perform(Send(self._bytes_of(lamps), WRITE_S)), Sent):
            self._shown = lamps
            return None
        self._tty.close()
        self._tty, self._shown = None, None
        return Problem("light.gone", sentence("the stack light was unplugged ({port})", port=self._port))


class CommandLamp:
    """A command that is called with the signal's word, and the same as JSON on its standard input."""

    def __init__(self, command: str) -> None:
        self._command = command
        self._called: Signal | None = None
        self._called_s = 0.0
        self._problem: Problem | None = None

    def show(self, stands: Signal, _lamps: Lamps, now_s: float) -> Problem | None:
        """Call it, where that is news or a while ago."""
        if stands is not self._called or now_s - self._called_s >= AGAIN_S:
            self._called, self._called_s = stands, now_s
            self._problem = self._call(stands)
        return self._problem

    def _call(self, stands: Signal) -> Problem | None:
        try:
            end = run_hook(f"{self._command} {stands}", {"signal": str(stands)}, COMMAND_S)
        except DeliveryError as error:
            return Problem("light.command", error.problem.message)
        if end.status == 0:
            return None
        words = end.complained or end.said or "-"
        why = sentence("the stack light's command ended with {status}: {words}", status=end.status, words=words)
        return Problem("light.command", why)
