"""The interlock asks all stations' runs, and goes on by itself where nobody answers."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from station.ledger import central_history
from station.ledger.central_history import CentralHistory
from station.ledger.history import HistoryQuestion
from station.ledger.reader import Reader
from station.ledger.unit_release import release_unit
from station.line.interlock import Check, interlock
from station.model.events import UnitHistory
from station.model.runs import Outcome, RunOptions
from station.model.units import Release
from station.wiring.central import NOT_ASKED, asked_elsewhere
from tests.harness import wait_for
from tests.postgres import Postgres
from tests.silent_server import BlackHole
from tests.unit.ledger.builders import SERIAL, START, a_run, sha256
from tests.unit.ledger.sending import another_log, push, put

BATCH = "2026-47"
LONG_S = 20.0
Ask = Callable[[], UnitHistory]


@pytest.fixture(autouse=True)
def slow_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long a question takes is measured elsewhere: here it must not fail because of this machine's load."""
    monkeypatch.setattr(central_history, "START_S", 30.0)


@pytest.fixture
def elsewhere(data_dir: Path, tmp_path: Path) -> Path:
    """The log of another station."""
    return another_log(data_dir, tmp_path / "elsewhere")


@pytest.fixture
def ask(data_dir: Path, centre: str) -> Iterator[Ask]:
    """The history of the unit as a line of this station asks for it."""
    settings: Any = SimpleNamespace(central_url=centre, central=SimpleNamespace(ask_s=LONG_S))
    with ExitStack() as opened:
        reader = opened.enter_context(closing(Reader(data_dir)))
        others = asked_elsewhere(settings, opened)
        yield lambda: others(SERIAL, BATCH)(reader.history(SERIAL, BATCH))


def follows(history: UnitHistory, bundle: str = "bundle") -> Any:
    return interlock(history, RunOptions(), sha256(bundle), "full")


def test_what_passed_on_another_station_is_left_alone(elsewhere: Path, centre: str, ask: Ask) -> None:
    assert follows(ask()) is None
    put(elsewhere, a_run(station_id="bench-3"))
    push(elsewhere, centre, "bench-3")
    found = ask()
    assert follows(found) == Check()
    assert follows(found, "another bundle") is None
    assert found.notes == ("by the central log, station bench-3 had this camera last",)


def test_the_newer_of_both_logs_counts(data_dir: Path, elsewhere: Path, centre: str, ask: Ask) -> None:
    put(elsewhere, a_run(station_id="bench-3", minute=0))
    push(elsewhere, centre, "bench-3")
    put(data_dir, a_run(Outcome.ABORTED, minute=5))
    assert follows(ask()) is None, "this station's own log knows of a run that the centre has not got yet"
    put(elsewhere, a_run(station_id="bench-3", minute=10))
    push(elsewhere, centre, "bench-3")
    assert follows(ask()) == Check()


def test_clocks_of_two_stations_are_not_trusted_to_the_second(
    data_dir: Path, elsewhere: Path, centre: str, ask: Ask
) -> None:
    put(elsewhere, a_run(station_id="bench-3", minute=0.5))
    push(elsewhere, centre, "bench-3")
    put(data_dir, a_run(Outcome.ABORTED, minute=0))
    assert follows(ask()) is None
    put(data_dir, a_run(minute=0.1))
    assert follows(ask()) == Check(), "both say the same"


def test_failures_of_all_stations_set_a_unit_aside_and_a_release_anywhere_frees_it(
    data_dir: Path, elsewhere: Path, centre: str, ask: Ask
) -> None:
    put(elsewhere, *(a_run(Outcome.FAIL, minute, station_id="bench-3") for minute in (0, 5)))
    put(data_dir, a_run(Outcome.FAIL, 10))
    push(elsewhere, centre, "bench-3")
    push(data_dir, centre)
    aside = follows(ask())
    assert aside.problem.code == "unit.set_aside"
    release_unit(elsewhere, Release(SERIAL, BATCH, START.replace(hour=20), "Ada"))
    push(elsewhere, centre, "bench-3")
    assert follows(ask()) is None


def test_a_centre_that_is_away_is_said_and_comes_back(
    data_dir: Path, elsewhere: Path, centre: str, ask: Ask, postgres: Postgres
) -> None:
    put(elsewhere, a_run(station_id="bench-3"))
    push(elsewhere, centre, "bench-3")
    assert follows(ask()) == Check()
    postgres.stop(signal.SIGQUIT)
    try:
        found = ask()
        assert follows(found) is None
        assert found == replace(UnitHistory(), notes=(NOT_ASKED,))
    finally:
        postgres.start()
    wait_for(lambda: not ask().notes.count(NOT_ASKED), "the centre to be asked again")
    assert follows(ask()) == Check()


def test_a_silent_server_is_not_waited_for(
    black_hole: BlackHole, monkeypatch: pytest.MonkeyPatch, data_dir: Path
) -> None:
    """Neither at the start of the line nor for a camera: with the limits that a line has, this test would never end."""
    monkeypatch.setattr(central_history, "START_S", 0.2)
    with closing(CentralHistory(black_hole.url)) as asked:
        asked.start()
        assert [asked.ask(SERIAL, BATCH) for _ in range(100)] == [None] * 100


def test_a_server_that_falls_silent_costs_one_camera_its_limit(centre: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The question that is not answered closes the way for the others, until the server answers again."""
    monkeypatch.setattr(central_history, "_STATEMENT_S", 0.0)
    with closing(CentralHistory(centre, LONG_S)) as asked:
        asked.start()
        assert asked.ask(SERIAL, BATCH) == UnitHistory()
        asked._ask_s = 0.05
        monkeypatch.setattr(central_history, "LATE_S", 1.0)
        asked_for: list[str] = []

        def hang(_question: HistoryQuestion, serial: str, _batch: str | None) -> UnitHistory:
            if serial:
                asked_for.append(serial)
                asked._driver.execute("SELECT pg_sleep(300)")
            return UnitHistory()

        with monkeypatch.context() as stuck:
            stuck.setattr(HistoryQuestion, "ask", hang)
            assert [asked.ask(SERIAL, BATCH) for _ in range(50)] == [None] * 50
        assert asked_for.count(SERIAL) <= 1
        asked._ask_s = LONG_S
        wait_for(lambda: asked.ask(SERIAL, BATCH) == UnitHistory(), "the centre to answer again")


def test_a_late_answer_opens_the_way_again(centre: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is slow once is not taken for one that is away."""
    with closing(CentralHistory(centre, LONG_S)) as asked:
        asked.start()
        answering = threading.Event()
        connections = asked._driver.info.backend_pid

        def wait(_question: HistoryQuestion, serial: str, _batch: str | None) -> UnitHistory:
            if serial:
                answering.wait(120)
            return UnitHistory()

        monkeypatch.setattr(HistoryQuestion, "ask", wait)
        monkeypatch.setattr(central_history, "LATE_S", 60.0)
        asked._ask_s = 0.05
        assert asked.ask(SERIAL, BATCH) is None
        asked._ask_s = LONG_S
        assert asked.ask(SERIAL, BATCH) is None, "the way is closed"
        answering.set()
        wait_for(lambda: asked.ask(SERIAL, BATCH) == UnitHistory(), "the late answer")
        assert asked._driver.info.backend_pid == connections


def test_many_cameras_that_come_at_once_wait_together(centre: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each camera's time counts from its own question: who is answered behind others has waited already."""
    clock_s = 1000.0
    with closing(CentralHistory(centre, LONG_S)) as asked:
        asked.start()
        answering = threading.Event()

        def wait(_question: HistoryQuestion, serial: str, _batch: str | None) -> UnitHistory:
            if serial:
                answering.wait(30)
            return UnitHistory()

        monkeypatch.setattr(HistoryQuestion, "ask", wait)
        monkeypatch.setattr(central_history, "monotonic_s", lambda: clock_s)
        asked._ask_s = 0.05
        questions = [asked.begin(SERIAL, BATCH) for _ in range(8)]
        limits: list[float] = []

        class Waited(Future[UnitHistory]):
            def result(self, timeout: float | None = None) -> UnitHistory:
                nonlocal clock_s
                assert timeout is not None
                limits.append(timeout)
                clock_s += timeout
                raise TimeoutError

        for question in questions:
            question._answer = Waited()
        answers = [question.answer() for question in questions]
        answering.set()
    assert [answer.history for answer in answers] == [None] * 8
    assert limits == pytest.approx([0.05] + [0.0] * 7)
    assert sum(answer.waited_s for answer in answers) == pytest.approx(0.05)


def test_an_answer_that_came_while_the_camera_was_held_costs_nothing(
    centre: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the time is long over: the hold took longer."""
    with closing(CentralHistory(centre, 0.0)) as asked:
        asked.start()
        question = asked.begin(SERIAL, BATCH)
        answer = question._answer
        assert answer is not None
        answer.result(LONG_S)
        assert question.answer().history == UnitHistory()


def test_what_a_camera_waited_is_in_its_history(ask: Ask) -> None:
    waited_s = ask().central_wait_s
    assert waited_s is not None
    assert 0 <= waited_s < LONG_S
