"""What the log knows of units, asked in a thread of its own: the dispatcher never waits for SQLite."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from station.errors import StationError
from station.line.decisions import Decision, Go
from station.line.interlock import Skip, interlock
from station.line.terms import Terms
from station.model.devices import Device
from station.model.events import UnitHistory

History = Callable[[str, str | None], UnitHistory]
OnAnswer = Callable[[Device, Decision, StationError | None], None]


class LogQuestions:
    """Asks one question after the other; each is answered once, also where the log cannot be read."""

    def __init__(self, history: History, on_answer: OnAnswer) -> None:
        """`on_answer` is called in this thread: the device, what follows, and what is wrong with the log."""
        self._history = history
        self._on_answer = on_answer
        self._questions: queue.SimpleQueue[tuple[Device, Terms] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._answer_all, name="log-questions", daemon=True)
        self._thread.start()

    def ask(self, device: Device, terms: Terms) -> None:
        """Ask what follows for a camera; returns at once."""
        self._questions.put((device, terms))

    def close(self) -> None:
        """Answer what was asked, and end."""
        self._questions.put(None)

    def _answer_all(self) -> None:
        while (question := self._questions.get()) is not None:
            device, terms = question
            try:
                self._on_answer(device, self._decision(device, terms), None)
            except StationError as error:
                self._on_answer(device, Skip(error.code, str(error)), error)

    def _decision(self, device: Device, terms: Terms) -> Decision:
        setup = terms.setup
        history = self._history(device.serial, setup.batch)
        return interlock(history, setup.options, setup.bundle_sha256, setup.recipe.name) or Go()
