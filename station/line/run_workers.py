"""The workers that have a run each: one starts, tells its facts, is cancelled, dies or goes back to the pool."""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing.connection import Connection, wait

from station.clock import monotonic_s
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

CANCELLED_S = 60.0
"""How long a worker that was cancelled may take to hear of it, whatever its camera does."""


MOST_FACTS = 3000
"""Of one worker at a time: what it tells in ten minutes. The line must turn, whatever its children do."""


class RunWorkers:
    """For the dispatcher's thread. `on_fact` is called with the port path and what its worker tells, its death too."""

    def __init__(
        self, pool: Pool, on_fact: Callable[[str, WorkerFact | WorkerDied], None], silence_limit_s: float
    ) -> None:
        self._pool = pool
        self._on_fact = on_fact
        self._silence_limit_s = silence_limit_s
        self._workers: dict[str, Child] = {}
        self._until_s: dict[str, float] = {}
        """By when each must have told something."""

    @property
    def connections(self) -> list[Connection]:
        """The pipes of all workers, also of those that wait for a run: `read` what is ready."""
        return [child.connection for child in (*self._workers.values(), *self._pool.idle)]

    def start(self, path: str, message: RunCamera) -> None:
        """Give a slot's run to a worker."""
        child = self._workers[path] = self._pool.take()
        self._until_s[path] = monotonic_s() + self._silence_limit_s
        child.send(message)

    def send(self, path: str, message: PortChanged | CancelRun) -> None:
        """Tell the worker of a slot something."""
        self._workers[path].send(message)
        if isinstance(message, CancelRun):
            self._until_s[path] = min(self._until_s[path], monotonic_s() + CANCELLED_S)

    def free(self, path: str, *, dead: bool) -> None:
        """The slot's run has ended; `dead`: so has its worker."""
        child = self._workers.pop(path)
        del self._until_s[path]
        if dead:
            child.close()
        else:
            self._pool.give_back(child)

    def kill_all(self) -> None:
        """End every worker that has a run, whatever it is doing."""
        for child in self._workers.values():
            child.kill()

    def kill_silent(self, forgiven_s: float) -> None:
        """End those that have told nothing for longer than any camera explains: their runs have ended with them.
        `forgiven_s`: so long nobody listened."""
        for path in self._until_s:
            self._until_s[path] += forgiven_s
        for path in [path for path, until_s in self._until_s.items() if until_s < monotonic_s()]:
            self._workers[path].kill()
            self._on_fact(path, WorkerDied())

    def catch_up(self) -> None:
        """Hear all that workers with a run have told until now."""
        for _ in range(MOST_FACTS):
            ready = wait([child.connection for child in self._workers.values()], 0)
            if not ready:
                return
            for connection in ready:
                if isinstance(connection, Connection):
                    self.read(connection)

    def read(self, connection: Connection) -> None:
        """A worker tells something, or has died. What it tells without a run is left unheard."""
        for path, child in self._workers.items():
            if child.connection is connection:
                self._read_working(path, connection)
                return
        for child in self._pool.idle:
            if child.connection is connection:
                self._read_idle(child)

    def _read_working(self, path: str, connection: Connection) -> None:
        try:
            fact = connection.recv()
        except (EOFError, OSError):
            self._on_fact(path, WorkerDied())
            return
        self._until_s[path] = max(self._until_s[path], monotonic_s() + self._silence_limit_s)
        if isinstance(fact, Progressed | HoldWanted | AttemptEnded | RunEnded):
            self._on_fact(path, fact)

    def _read_idle(self, child: Child) -> None:
        try:
            child.connection.recv()
        except (EOFError, OSError):
            self._pool.drop_idle(child)
