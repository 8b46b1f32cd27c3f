from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from station.line.setup import LineSetup
from station.line.stop_reasons import Stopping
from station.model.recipes import Recipe
from station.model.runs import Outcome, RunOptions, RunRecord
from tests.unit.line.a_run import RUN

SETUP = LineSetup("s1", Recipe("full", ()), "b", "b1", (), RunOptions(), errors_in_a_row=3)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def run(outcome: Outcome, code: str | None = None) -> RunRecord:
    return replace(RUN, outcome=outcome, code=code, message="why")


def test_a_log_that_cannot_be_written_stops_the_line_at_once() -> None:
    stopping = Stopping(SETUP)
    stopping.count(run(Outcome.ERROR, "ledger.write_failed"))
    assert stopping.reason is not None
    assert stopping.reason.exit_code == 4


def test_enough_runs_are_enough() -> None:
    stopping = Stopping(replace(SETUP, stop_after=2))
    stopping.count(run(Outcome.PASS))
    assert stopping.accepting
    stopping.count(run(Outcome.SKIPPED))
    assert not stopping.accepting
    assert stopping.reason is None
