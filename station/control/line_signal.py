"""What a stack light says of a line: one word for everything, the most pressing one.

| signal | when |
|---|---|
| stopped | the line takes no cameras: paused, stopped by itself, at its end, or every planned unit has its result |
| attention | a camera in a slot ended FAIL or ERROR: somebody has to do something |
| running | at least one camera is being held, written, tested or recorded |
| take_out | nothing runs, and what is in the slots is done: take it out |
| ready | no camera is in any slot |
| unknown | nobody knows: no line answers |
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from station.control.client import READ_LIMIT_BYTES, connected
from station.control.requests import Request, Role, TakeLogWrites, TakeSnapshot, to_json
from station.control.wire import LineAbout, LineStatus, Snapshot
from station.json_lines import JsonSocket
from station.model.slots import SlotState
from station.model.write_times import Spread

_Answer = TypeVar("_Answer")
ANSWER_S = 2.0
"""A line that does not answer for so long is not known to be well."""


class Signal(StrEnum):
    """What a light shows. The words are what a command is given."""

    READY = "ready"
    RUNNING = "running"
    TAKE_OUT = "take_out"
    ATTENTION = "attention"
    STOPPED = "stopped"
    UNKNOWN = "unknown"


BUSY = frozenset(
    {SlotState.ENTERING, SlotState.HOLDING, SlotState.WAITING, SlotState.RUNNING, SlotState.RECORDING},
)
BAD = frozenset({SlotState.FAILED, SlotState.ERROR})
DONE = frozenset({SlotState.PASSED, SlotState.SKIPPED, SlotState.ABORTED})


def takes_cameras(status: LineStatus) -> bool:
    """Whether a camera that is plugged in now is run."""
    stands = status.ended or status.paused or status.plan_reached or status.code or status.paused_code
    return status.accepting and not stands


def signal_of(snapshot: Snapshot) -> Signal:
    """The word for a line as it stands."""
    states = {view.state for view in snapshot.slots}
    if not takes_cameras(snapshot.status):
        return Signal.STOPPED
    if states & BAD:
        return Signal.ATTENTION
    if states & BUSY:
        return Signal.RUNNING
    return Signal.TAKE_OUT if states & DONE else Signal.READY


class LineWatch:
    """Looks at the line of a data folder, again and again; for one thread. It connects anew where it must."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._link: JsonSocket | None = None
        self.about: LineAbout | None = None

    def snapshot(self) -> Snapshot | None:
        """The line as it stands; None where none answers within `ANSWER_S` seconds."""
        return self._asked(TakeSnapshot(), "snapshot", lambda given: Snapshot.from_json(given, monotonic()))

    def log_writes(self) -> Spread | None:
        """How long transactions of its log took; None where no line answers, or an older one that does not know."""
        return self._asked(TakeLogWrites(), "log_writes", Spread.from_json)

    def _asked(self, request: Request, name: str, read: Callable[[dict[str, Any]], _Answer]) -> _Answer | None:
        try:
            if self._link is None:
                connection = connected(self._data_dir, Role.LOOK)
                connection.settimeout(ANSWER_S)
                self._link = JsonSocket(connection, READ_LIMIT_BYTES)
            self._link.send(to_json(request))
            return read(self._answer(self._link, name))
        except (OSError, ValueError, KeyError, TypeError):
            self.close()
            return None

    def _answer(self, link: JsonSocket, name: str) -> dict[str, Any]:
        until_s = monotonic() + ANSWER_S
        while (fact := link.read()) is not None and monotonic() < until_s:
            if "about" in fact:
                self.about = LineAbout.from_json(fact["about"])
            if "refused" in fact:
                raise ValueError("the line refused it")
            if name in fact:
                found: dict[str, Any] = fact[name]
                return found
        raise ConnectionResetError("the line ended")

    def close(self) -> None:
        """Hang up."""
        link, self._link = self._link, None
        if link is not None:
            with suppress(OSError):
                link.close()
