"""The hands at a bench of virtual cameras: they plug in and pull out what a screen asks for.

Moving a camera takes a while, so it is done in a thread of its own, one move after the other. A move that the
simulation refuses is none: the next look at the line shows what is so.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from station.errors import StationError
from station.model.slots import SlotState, SlotView
from station.sim.demo_cameras import next_demo_spec

if TYPE_CHECKING:
    from station.sim.virtual_line import VirtualLine

OFF_S = 0.5
"""Between pulling a camera out and plugging one in."""
OFF_AT_WORK_S = 6.0
"""The same where it is at work: the line takes one that is back sooner for a bad contact, not for pulled out."""
BUSY = frozenset({SlotState.HOLDING, SlotState.WAITING, SlotState.RUNNING, SlotState.RECORDING})


class VirtualHands:
    """Moves the cameras of a virtual line."""

    def __init__(self, line: VirtualLine) -> None:
        self._line = line
        self._next = len(line.specs)
        self._moves: queue.SimpleQueue[tuple[str, tuple[str, ...], float]] = queue.SimpleQueue()
        threading.Thread(target=self._work, name="hands", daemon=True).start()

    def move(self, move: str, port_path: str, views: Sequence[SlotView]) -> None:
        """Queue a move: "unplug" or "replug" the camera at a port, or "new" ones where none is at work."""
        busy = {view.port_path for view in views if view.state in BUSY}
        if move == "new":
            idle = tuple(spec.port_path for spec in self._line.specs if spec.port_path not in busy)
            self._moves.put((move, idle, OFF_S))
        else:
            self._moves.put((move, (port_path,), OFF_AT_WORK_S if port_path in busy else OFF_S))

    def _work(self) -> None:
        while True:
            move, port_paths, off_s = self._moves.get()
            with suppress(StationError, OSError):
                self._carry_out(move, port_paths, off_s)

    def _carry_out(self, move: str, port_paths: Sequence[str], off_s: float) -> None:
        for port_path in port_paths:
            self._line.unplug(port_path)
        if move == "unplug":
            return
        time.sleep(off_s)
        for port_path in port_paths:
            if move == "replug":
                self._line.plug(port_path)
            else:
                self._line.exchange(next_demo_spec(self._next, port_path))
                self._next += 1
