"""What is done for a slot that has no run: ask its camera's application into the bootloader, cycle its port's power.

Holding goes first: an errand waits while a hold is under way, and is started one after the other. Runs start when those
under way had their time. Whatever becomes of the process that does them, each is answered once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import NamedTuple

from station.clock import monotonic_s
from station.flash.messages import Errand, ErrandAnswer, PowerCycled, PowerNotCycled, not_done
from station.line.pool import Child, Pool
from station.problem import Problem, sentence

DIED = sentence("the worker process that was to do it ended unexpectedly")
FIRST_S = 3.0
"""For how long one under way keeps runs from starting: a camera that speaks the protocol has answered by then, also on
a busy machine; a mute one costs its neighbours no more."""


class _Started(NamedTuple):
    errand: Errand
    at_s: float


class Errands:
    """Those that wait and those that are under way; `on_answer` is called with the port path. For one thread."""

    def __init__(self, pool: Pool, on_answer: Callable[[str, ErrandAnswer], None]) -> None:
        self._pool = pool
        self._on_answer = on_answer
        self._waiting: deque[tuple[str, Errand]] = deque()
        self._running: dict[str, _Started] = {}
        self._child: Child | None = None

    @property
    def waiting(self) -> bool:
        """Whether one is to be started."""
        return bool(self._waiting)

    @property
    def come_first(self) -> bool:
        """Whether one waits, or is under way, that runs which begin now would make slower."""
        since_s = monotonic_s() - FIRST_S
        return self.waiting or any(started.at_s > since_s for started in self._running.values())

    @property
    def connections(self) -> list[Connection]:
        """The pipe of the process that does them: `read` it when it is ready."""
        return [self._child.connection] if self._child else []

    def ask(self, path: str, errand: Errand) -> None:
        """Have it done soon."""
        self._waiting.append((path, errand))

    def start_next(self) -> None:
        """Have the oldest done. The process is made for the first one, and where it died."""
        path, errand = self._waiting.popleft()
        self._child = self._child or self._pool.errand_process()
        self._running[path] = _Started(errand, monotonic_s())
        self._child.send(errand)

    def read(self, connection: Connection) -> None:
        """The process answers, or has died: then none of those under way was done."""
        if connection not in self.connections:
            return
        try:
            answer: ErrandAnswer = connection.recv()
        except (EOFError, OSError):
            self._died()
            return
        path = answer.port_path if isinstance(answer, PowerCycled | PowerNotCycled) else answer.device.port_path
        self._running.pop(path, None)
        self._on_answer(path, answer)

    def _died(self) -> None:
        assert self._child is not None
        self._child.close()
        self._child, running, self._running = None, self._running, {}
        for path, started in running.items():
            self._on_answer(path, not_done(started.errand, Problem("worker.died", DIED)))

    def close(self) -> None:
        """End the process: nobody waits for it any more."""
        self._waiting.clear()
        self._running.clear()
        if self._child is not None:
            self._child.kill()
            self._child.close()
            self._child = None
