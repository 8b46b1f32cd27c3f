"""The interlock's question to the database of all stations. No camera waits for it longer than that may take.

1. A thread of its own has the one connection, asks, and connects again. `begin` only hands a question to it: the camera
   is held meanwhile, and the station's own log asked. Who then wants the answer waits for what is left of the time.
2. The time counts from `begin`, each camera's from its own: many that come at once wait together, not one behind the
   other.
3. Where an answer does not come in time, nothing is asked any more until it has come, or another connection answers: a
   centre that is away costs one camera 50 ms, and the others nothing. After `LATE_S` its connection is shut.
4. Between questions the thread asks for nothing every few seconds, so that a connection that broke is noticed by it.
5. No thread is started for a question: on a busy machine that alone takes longer than the answer.
"""

from __future__ import annotations

import logging
import queue
import random
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, event

from station.clock import monotonic_s
from station.ledger import central
from station.ledger.history import HistoryQuestion
from station.model.events import UnitHistory

ASK_S = 0.05
START_S = 1.0
"""How long the start of a line waits for the first connection: before any camera is there."""
LATE_S = 2.0
_LOOK_S = 5.0
_WATCH_S = 0.25
_STATEMENT_S = 1.0
_CONNECT_S = 2
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 5.0

_log = logging.getLogger(__name__)
_Question = tuple[str, str | None, "Future[UnitHistory]"]


@dataclass(frozen=True, slots=True)
class CentralAnswer:
    """What came of a question."""

    history: UnitHistory | None
    """None where the centre is away or too slow."""
    waited_s: float
    """How long who wanted it had to wait for it, in seconds."""


class CentralQuestion:
    """A question on its way. `answer` is for one thread."""

    def __init__(self, answer: Future[UnitHistory] | None, until_s: float, not_in_time: Callable[[], None]) -> None:
        self._answer = answer
        self._until_s = until_s
        self._not_in_time = not_in_time

    def answer(self) -> CentralAnswer:
        """The answer, or none, within what is left of the time."""
        if self._answer is None:
            return CentralAnswer(None, 0.0)
        began_s = monotonic_s()
        history = None
        try:
            history = self._answer.result(max(0.0, self._until_s - began_s))
        except Exception:  # too late, or whatever the server said
            self._not_in_time()
        return CentralAnswer(history, monotonic_s() - began_s)


class CentralHistory:
    """Asks the centre for units' histories; none where it does not answer in time."""

    def __init__(self, url: str, ask_s: float = ASK_S) -> None:
        """`ask_s`: how long one question may take, in seconds."""
        self._url = url
        self._ask_s = ask_s
        self._driver: Any = None
        self._engine = self._new_engine()
        self._questions: queue.SimpleQueue[_Question | None] = queue.SimpleQueue()
        self._ready = threading.Event()
        self._tried = threading.Event()
        self._ending = threading.Event()
        self._late_at_s: float | None = None
        self._threads = [
            threading.Thread(target=target, name=name, daemon=True)
            for target, name in ((self._work, "central-history"), (self._watch, "central-history-watch"))
        ]

    def start(self) -> None:
        """Connect; returns when that came out well or not, or after `START_S` seconds (more where questions may take
        long)."""
        for thread in self._threads:
            thread.start()
        self._tried.wait(max(START_S, 10 * self._ask_s))

    def close(self) -> None:
        """End; nobody waits for the server."""
        self._ending.set()
        self._questions.put(None)
        central.shut_down(self._driver)

    def begin(self, serial: str, batch: str | None) -> CentralQuestion:
        """Ask for the history of a unit, as the bootloader spells it; returns at once. From any thread."""
        until_s = monotonic_s() + self._ask_s
        if not self._ready.is_set():
            return CentralQuestion(None, until_s, self._ready.clear)
        answer: Future[UnitHistory] = Future()
        self._questions.put((serial, batch, answer))
        return CentralQuestion(answer, until_s, self._ready.clear)

    def ask(self, serial: str, batch: str | None) -> UnitHistory | None:
        """The same, waited for at once."""
        return self.begin(serial, batch).answer().history

    def _new_engine(self) -> Engine:
        engine = central.central_engine(self._url, statement_s=_STATEMENT_S, connect_s=_CONNECT_S, size=1)

        @event.listens_for(engine, "connect")
        def keep(connection: Any, _entry: object) -> None:
            self._driver = connection

        return engine

    def _work(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while not self._ending.is_set():
            question = HistoryQuestion(self._engine)
            try:
                self._connect(question)
                pause_s = _FIRST_PAUSE_S
                self._answer_all(question)
            except Exception as error:  # the thread must live, whatever a server brings
                if not self._ending.is_set():
                    _log.info(
                        "the central database is not asked for now: %s", central.as_central_error(self._url, error)
                    )
            self._ready.clear()
            self._tried.set()
            question.close()
            self._engine.dispose()
            self._ending.wait(pause_s * random.uniform(0.5, 1.0))
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _connect(self, question: HistoryQuestion) -> None:
        with self._engine.connect() as connection, central.limited(connection, LATE_S):
            central.require_current(connection, self._url)
        # Once in vain: what is slow only the first time is not slow for a camera.
        for batch in ("", None):
            self._found(question, "", batch)
        while not self._questions.empty():
            self._questions.get_nowait()  # of those who have gone on
        self._ready.set()
        self._tried.set()

    def _answer_all(self, question: HistoryQuestion) -> None:
        while not self._ending.is_set():
            try:
                asked = self._questions.get(timeout=_LOOK_S if self._ready.is_set() else _FIRST_PAUSE_S)
            except queue.Empty:
                asked = ("", None, Future())
            if asked is not None:
                serial, batch, answer = asked
                self._answer(answer, question, serial, batch)
                self._ready.set()

    def _answer(self, answer: Future[UnitHistory], question: HistoryQuestion, serial: str, batch: str | None) -> None:
        with suppress(InvalidStateError):
            try:
                answer.set_result(self._found(question, serial, batch))
            except Exception as error:  # who asked need not wait to the end of his time
                answer.set_exception(error)
                raise

    def _found(self, question: HistoryQuestion, serial: str, batch: str | None) -> UnitHistory:
        """An answer, at the latest after `LATE_S`; else an error."""
        self._late_at_s = monotonic_s() + LATE_S
        try:
            return question.ask(serial, batch)
        finally:
            self._late_at_s = None

    def _watch(self) -> None:
        """Shut the connection of a question that takes too long."""
        while not self._ending.wait(_WATCH_S):
            late_at_s = self._late_at_s
            if late_at_s is not None and monotonic_s() > late_at_s:
                central.shut_down(self._driver)
