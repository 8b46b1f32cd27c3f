"""The workers that have a run each: one starts, tells its facts, is cancelled, dies or goes back to the pool."""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing.connection import Connection

from station.flash.messages import (
    AttemptEnded,
    CancelRun,
    HoldWanted,
    PortChanged,
    Progressed,
    RunCamera,
    RunEnded,
)
from station.line.pool import Child, Pool
from station.line.slot_events import WorkerDied, WorkerFact


class RunWorkers:
    """For the dispatcher's thread. `on_fact` is called with the port path and what its worker tells, its death too."""

    def __init__(self, pool: Pool, on_fact: Callable[[str, WorkerFact | WorkerDied], None]) -> None:
        self._pool = pool
        self._on_fact = on_fact
        self._workers: dict[str, Child] = {}

    @property
    def connections(self) -> list[Connection]:
        """The pipes of all workers, also of those that wait for a run: `read` what is ready."""
        return [child.connection for child in (*self._workers.values(), *self._pool.idle)]

    def start(self, path: str, message: RunCamera) -> None:
        """Give a slot's run to a worker."""
        child = self._workers[path] = self._pool.take()
        child.send(message)

    def send(self, path: str, message: PortChanged | CancelRun) -> None:
        """Tell the worker of a slot something."""
        self._workers[path].send(message)

    def free(self, path: str, *, dead: bool) -> None:
        """The slot's run has ended; `dead`: so has its worker."""
        child = self._workers.pop(path)
        if dead:
            child.close()
        else:
            self._pool.give_back(child)

    def kill_all(self) -> None:
        """End every worker that has a run, whatever it is doing."""
        for child in self._workers.values():
            child.kill()

    def read(self, connection: Connection) -> None:
        """A worker tells something, or has died. What it tells without a run is left unheard."""
        for path, child in self._workers.items():
            if child.connection is connection:
                self._read_working(path, connection)
                return
        for child in self._pool.idle:
            if child.connection is connection:
                self._read_idle(child)

    def hear(self, path: str) -> None:
        """Take in all that the worker of a slot has said by now. What it says, it says before it does it: so whoever
        hears of its camera's leaving hears first that it was asked to leave."""
        while (child := self._workers.get(path)) and child.connection.poll():
            self._read_working(path, child.connection)

    def _read_working(self, path: str, connection: Connection) -> None:
        try:
            fact = connection.recv()
        except (EOFError, OSError):
            self._on_fact(path, WorkerDied())
            return
        if isinstance(fact, Progressed | HoldWanted | AttemptEnded | RunEnded):
            self._on_fact(path, fact)

    def _read_idle(self, child: Child) -> None:
        try:
            child.connection.recv()
        except (EOFError, OSError):
            self._pool.drop_idle(child)
