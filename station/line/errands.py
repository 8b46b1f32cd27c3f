"""What workers do for a slot that has no run: ask its camera's application into the bootloader, cycle its port's power.

Holding goes first: an errand waits while a hold is under way, and is started one after the other. Whatever becomes of
its worker, each is answered once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import NamedTuple

from station.flash.messages import (
    BootloaderEntered,
    BootloaderNotEntered,
    CyclePortPower,
    EnterBootloader,
    PowerCycled,
    PowerNotCycled,
)
from station.line.pool import Child, Pool
from station.problem import Problem, sentence

Request = EnterBootloader | CyclePortPower
Answer = BootloaderEntered | BootloaderNotEntered | PowerCycled | PowerNotCycled
DIED = sentence("the worker process that was to do it ended unexpectedly")


class _Errand(NamedTuple):
    path: str
    request: Request
    child: Child


class Errands:
    """Those that wait and those that are under way; `on_answer` is called with the port path. For one thread."""

    def __init__(self, pool: Pool, on_answer: Callable[[str, Answer], None]) -> None:
        self._pool = pool
        self._on_answer = on_answer
        self._waiting: deque[tuple[str, Request]] = deque()
        self._running: dict[Connection, _Errand] = {}

    @property
    def waiting(self) -> bool:
        """Whether one is to be started."""
        return bool(self._waiting)

    @property
    def connections(self) -> list[Connection]:
        """The pipes of the workers that are on one: `read` what is ready."""
        return list(self._running)

    def ask(self, path: str, request: Request) -> None:
        """Have it done soon."""
        self._waiting.append((path, request))

    def start_next(self) -> None:
        """Give the oldest to a worker."""
        path, request = self._waiting.popleft()
        child = self._pool.take()
        self._running[child.connection] = _Errand(path, request, child)
        child.send(request)

    def read(self, connection: Connection) -> None:
        """A worker tells something, or has died."""
        errand = self._running.get(connection)
        if errand is None:
            return
        try:
            answer = connection.recv()
        except (EOFError, OSError):
            answer = _not_done(errand.request)
            del self._running[connection]
            errand.child.close()
            self._on_answer(errand.path, answer)
            return
        if isinstance(answer, BootloaderEntered | BootloaderNotEntered | PowerCycled | PowerNotCycled):
            del self._running[connection]
            self._pool.give_back(errand.child)
            self._on_answer(errand.path, answer)

    def close(self) -> None:
        """End the workers that are on one: nobody waits for them any more."""
        self._waiting.clear()
        for errand in self._running.values():
            errand.child.kill()
            errand.child.close()
        self._running.clear()


def _not_done(request: Request) -> Answer:
    if isinstance(request, EnterBootloader):
        return BootloaderNotEntered(request.device, Problem("worker.died", DIED))
    return PowerNotCycled(request.port_path, DIED)
