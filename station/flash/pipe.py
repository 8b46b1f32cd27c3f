"""A worker's line to the dispatcher: facts go out, changes at the port and cancellations come in."""

from __future__ import annotations

from multiprocessing.connection import Connection

from station.clock import monotonic_s
from station.flash.messages import CancelRun, HoldWanted, PortChanged, Progressed
from station.model.slots import Progress

TICK_S = 0.2
"""How often a running worker tells its progress and looks for a cancellation."""


class Cancelled(Exception):
    """The dispatcher wants the run to end; carries the verdict to record."""

    def __init__(self, request: CancelRun) -> None:
        super().__init__(request.verdict.message)
        self.request = request


class Orphaned(Exception):
    """The station is gone: nobody is left to tell anything."""


class Link:
    """The worker's end of its pipe."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._next_tick_s = 0.0
        self._changes: list[PortChanged] = []
        self.camera_left = False
        """Whether the newest of all changes said that the camera is off the bus; it may have been forgotten since."""

    def tell(self, fact: object) -> None:
        """Send one fact; Orphaned where nobody listens any more."""
        try:
            self._connection.send(fact)
        except OSError as error:
            raise Orphaned from error

    def want_hold(self, *, wanted: bool) -> None:
        """Say whether a camera that comes back on this port in DFU mode is to be held."""
        self.tell(HoldWanted(wanted))

    def progress(self, progress: Progress) -> None:
        """Tell the newest progress now, and take in what has come."""
        self.tell(Progressed(progress))
        self._next_tick_s = monotonic_s() + TICK_S
        self._take_in(0)

    def tick_due(self) -> bool:
        """Whether it is time to tell progress again; cheap, asked at every block."""
        return monotonic_s() >= self._next_tick_s

    def wait_change(self, timeout_s: float) -> PortChanged | None:
        """The next change at the port, oldest first; None at the time limit. Raises Cancelled.

        What is there already is seen whatever the limit: a busy machine may wake this process only behind it.
        """
        until_s = monotonic_s() + timeout_s
        while not self._changes:
            left_s = max(0.0, until_s - monotonic_s())
            self._take_in(left_s)
            if not left_s and not self._changes:
                return None
        return self._changes.pop(0)

    def begin(self) -> None:
        """Forget whatever was left over from the run before; also a cancellation that came too late for it."""
        self._changes.clear()
        self.camera_left = False

    def forget_changes(self) -> None:
        """Drop changes that belong to an earlier time."""
        self._take_in(0)
        self._changes.clear()

    def _take_in(self, timeout_s: float) -> None:
        try:
            while self._connection.poll(timeout_s):
                message = self._connection.recv()
                if isinstance(message, CancelRun):
                    raise Cancelled(message)
                if isinstance(message, PortChanged):
                    self._changes.append(message)
                    self.camera_left = message.device is None
                timeout_s = 0
        except (EOFError, OSError) as error:
            raise Orphaned from error
