from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from station.line.stop_reasons import Stopping
from station.model.runs import Outcome, RunRecord
from tests.unit.line.a_run import RUN
from tests.unit.line.quiet_line import SETUP

LINE = replace(SETUP, errors_in_a_row=3)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def run(outcome: Outcome, code: str | None = None) -> RunRecord:
    return replace(RUN, outcome=outcome, code=code, message="why")


def test_a_log_that_cannot_be_written_stops_the_line_at_once() -> None:
    stopping = Stopping(LINE)
    stopping.count(run(Outcome.ERROR, "ledger.write_failed"))
    assert stopping.reason is not None
    assert stopping.reason.exit_code == 4


def test_enough_runs_are_enough() -> None:
    stopping = Stopping(replace(LINE, stop_after=2))
    stopping.count(run(Outcome.PASS))
    assert stopping.accepting
    stopping.count(run(Outcome.SKIPPED))
    assert not stopping.accepting
    assert stopping.reason is None
