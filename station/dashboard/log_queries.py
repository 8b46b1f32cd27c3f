"""Questions to the log, answered in threads: the screen never waits, and a long log is not read without a pause."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from textual.app import App
from textual.css.query import NoMatches
from textual.timer import Timer

from station.dashboard.language import translated
from station.dashboard.log_port import Answer, Records
from station.errors import LedgerError

RESTS = 20
"""A question that only keeps a screen current rests for so many times as long as its last answer took."""


@dataclass(frozen=True, slots=True)
class _Inquiry:
    question: Callable[[Records], Any]
    show: Callable[[Any], None]
    at_once: bool


class Inquiries:
    """One question of a kind at a time. One that comes meanwhile waits for its end; of several the newest does.

    So a scanner that types thirty digits asks twice and not thirty times. All calls are to be made in the app's thread.
    """

    def __init__(self, app: App[Any], records: Records) -> None:
        self._app = app
        self._records = records
        self._working: set[str] = set()
        self._resting: dict[str, Timer] = {}
        self._waiting: dict[str, _Inquiry] = {}
        self._rests_until_s: dict[str, float] = {}

    @property
    def is_done(self) -> bool:
        """Whether every question has its answer."""
        return not (self._working or self._resting or self._waiting)

    def ask(
        self, question: Callable[[Records], Answer], show: Callable[[Answer], None], *, at_once: bool = True
    ) -> None:
        """Ask, and show the answer. A question for which nobody waits (`at_once` is False) may be put off."""
        kind = getattr(show, "__qualname__", "")
        self._waiting[kind] = _Inquiry(question, show, at_once)
        if kind not in self._working:
            self._begin_or_rest(kind)

    def _begin_or_rest(self, kind: str) -> None:
        rest_s = self._rests_until_s.get(kind, 0.0) - time.monotonic()
        if self._waiting[kind].at_once or rest_s <= 0:
            self._begin(kind)
        elif kind not in self._resting:
            self._resting[kind] = self._app.set_timer(rest_s, partial(self._rested, kind))

    def _rested(self, kind: str) -> None:
        # A timer's call may be under way already when the timer is stopped: the question has been asked then.
        if kind in self._resting:
            self._begin(kind)

    def _begin(self, kind: str) -> None:
        if (timer := self._resting.pop(kind, None)) is not None:
            timer.stop()
        self._working.add(kind)
        work = partial(self._answer, kind, self._waiting.pop(kind))
        self._app.run_worker(work, group=f"log {kind}", thread=True, exit_on_error=False)

    def _answer(self, kind: str, inquiry: _Inquiry) -> None:
        """In a thread."""
        begun_s = time.monotonic()
        try:
            shown = partial(inquiry.show, inquiry.question(self._records))
        except LedgerError as error:
            shown = partial(self._app.notify, translated(error.message), severity="error", markup=False)
        self._app.call_from_thread(self._answered, kind, time.monotonic() - begun_s, shown)

    def _answered(self, kind: str, took_s: float, shown: Callable[[], None]) -> None:
        self._working.discard(kind)
        self._rests_until_s[kind] = time.monotonic() + RESTS * took_s
        if kind in self._waiting:
            self._begin_or_rest(kind)
        with suppress(NoMatches):  # its screen is being taken down
            shown()
