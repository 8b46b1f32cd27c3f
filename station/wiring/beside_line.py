"""Processes beside the line, which it never waits for: forked from its fork server, started again where they died.

1. A process ends with the line, however that ends: the pipe that it was given is closed then.
2. It may say what it cannot do: a problem that it sends on its second pipe is handed on, in a thread.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from typing import Any

from station.flash import child_processes
from station.model.notices import Notice
from station.problem import Problem
from station.process_facts import name_process, step_back

AGAIN_S = 5.0

_log = logging.getLogger(__name__)


@contextmanager
def beside_line(
    name: str,
    target: Callable[..., None],
    arguments: tuple[Any, ...],
    *,
    last_s: float,
    tell: Callable[[Notice], None] = lambda notice: None,
) -> Iterator[None]:
    """Such a process until the end of the block, and `last_s` seconds more at most. What it says is logged, and handed
    on as a notice.

    `target` is called in it with the pipe whose end ends it, the pipe for what it says (`Problem`s), and the arguments.
    """

    def heard(problem: Problem) -> None:
        _log.warning("%s", problem.message)
        tell(Notice("", "", problem.code, problem.message))

    process = _BesideLine(name, target, arguments, last_s=last_s, heard=heard)
    process.start()
    try:
        yield
    finally:
        process.end()


class _BesideLine:
    """One such process, and the thread that starts it again."""

    def __init__(
        self,
        name: str,
        target: Callable[..., None],
        arguments: tuple[Any, ...],
        *,
        last_s: float,
        heard: Callable[[Problem], None],
    ) -> None:
        self._name = name
        self._target = target
        self._arguments = arguments
        self._last_s = last_s
        self._heard = heard
        self._context = child_processes.fork_context()
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._process: ForkServerProcess | None = None
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._keep, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def end(self) -> None:
        """Let it do its last things, for `last_s` seconds at most, and see it end."""
        with self._lock:
            self._ending.set()
            if self._connection is not None:
                self._connection.close()
        self._thread.join(self._last_s + AGAIN_S)
        if self._process is not None and self._process.is_alive():
            self._process.kill()

    def _keep(self) -> None:
        while True:
            with self._lock:
                # The first is begun however soon the line ends: there may be something to do at its end.
                words = self._begin()
                if words is None:
                    return
                if self._ending.is_set() and self._connection is not None:
                    self._connection.close()
            assert self._process is not None
            self._listen(words)
            self._process.join()
            if self._ending.is_set():
                return
            _log.warning("the process %s ended unexpectedly, and is started again in %.0f s", self._name, AGAIN_S)
            if self._ending.wait(AGAIN_S):
                return

    def _listen(self, words: Connection) -> None:
        """Until the process closes its end, at the latest by ending."""
        with words, suppress(EOFError, OSError):
            while True:
                self._heard(words.recv())

    def _begin(self) -> Connection | None:
        """What the process says; None where none can be made: what it would do is not done this time."""
        try:
            ours, theirs = self._context.Pipe()
            words, their_words = self._context.Pipe(duplex=False)
            arguments = (self._name, self._target, theirs, their_words, *self._arguments)
            self._process = self._context.Process(target=_work, args=arguments, daemon=True)
            self._process.start()
        except OSError as error:
            _log.error("the process %s cannot be started: %s", self._name, error)
            return None
        # Only the child may hold its ends, or its death would not close the pipes.
        theirs.close()
        their_words.close()
        self._connection = ours
        return words


def _work(name: str, target: Callable[..., None], *arguments: Any) -> None:
    """The process."""
    for number in (signal.SIGINT, signal.SIGTERM):
        # They reach every process of a terminal, or of a service, and this one ends behind the line.
        signal.signal(number, signal.SIG_IGN)
    name_process(f"station-{name}")
    step_back()
    target(*arguments)
    os._exit(0)
