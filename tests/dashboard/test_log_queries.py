"""When the log is asked for what only keeps a screen current, and when for what a person waits for."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual.app import App
from textual.timer import Timer

from station.dashboard import log_queries
from station.dashboard.log_port import Records
from station.dashboard.log_queries import Inquiries
from tests.dashboard.scripted import RECORDS
from tests.dashboard.settling import until


async def test_a_slow_log_rests_unless_somebody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_queries, "RESTS", 1e12)  # whatever the first answer took, the rest outlasts the test
    shown: list[int] = []
    asked: list[int] = []

    def question(number: int) -> None:
        def answer(_records: Records) -> int:
            asked.append(number)
            return number

        inquiries.ask(answer, shown.append, at_once=number != 1)

    async with App[None]().run_test() as pilot:
        inquiries = Inquiries(pilot.app, RECORDS)
        question(0)
        await until(pilot, lambda: shown == [0], "the first answer")
        question(1)
        assert not inquiries.is_done
        question(2)  # the newest of a kind is the one that is asked
        await until(pilot, lambda: inquiries.is_done, "an answer for the one who waits")
    assert (shown, asked) == ([0, 2], [0, 2])


async def test_a_rest_that_ends_while_somebody_asks_is_no_second_question(monkeypatch: pytest.MonkeyPatch) -> None:
    """A timer that is stopped may have been called already: seen on a busy machine, where it ended the screen."""
    monkeypatch.setattr(log_queries, "RESTS", 1e12)
    shown: list[int] = []
    rested: list[Callable[[], object]] = []
    async with App[None]().run_test() as pilot:
        set_timer = pilot.app.set_timer

        def kept(delay_s: float, callback: Callable[[], object]) -> Timer:
            rested.append(callback)
            return set_timer(delay_s, callback)

        monkeypatch.setattr(pilot.app, "set_timer", kept)
        inquiries = Inquiries(pilot.app, RECORDS)
        inquiries.ask(lambda _records: 0, shown.append)
        await until(pilot, lambda: shown == [0], "the first answer")
        inquiries.ask(lambda _records: 1, shown.append, at_once=False)
        inquiries.ask(lambda _records: 2, shown.append)
        (late,) = rested
        late()
        await until(pilot, lambda: inquiries.is_done, "an answer for the one who waits")
    assert shown == [0, 2]
