from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from station.line.setup import LineSetup
from station.line.stopping import Stopping
from station.model.recipes import Recipe
from station.model.runs import Outcome, RunOptions, RunRecord

SETUP = LineSetup("s1", Recipe("full", ()), "b", "b1", (), RunOptions(), errors_in_a_row=3)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
RUN = RunRecord(
    "r", "s1", "S", True, "A1", "1-1", None, None, "full", "b", "b1", None, datetime(2026, 1, 1, tzinfo=UTC)
)


def run(outcome: Outcome, code: str | None = None) -> RunRecord:
    return replace(RUN, outcome=outcome, code=code, message="why")


def test_station_errors_in_a_row_stop_the_line_with_a_reason() -> None:
    stopping = Stopping(SETUP)
    for _ in range(2):
        stopping.count(run(Outcome.ERROR, "worker.died"))
    assert stopping.accepting
    stopping.count(run(Outcome.ERROR, "worker.died"))
    assert not stopping.accepting
    assert stopping.reason is not None
    assert stopping.reason.code == "line.stopped"
    assert "worker.died" in str(stopping.reason)


def test_a_camera_between_them_begins_the_count_anew() -> None:
    stopping = Stopping(SETUP)
    for outcome in (Outcome.ERROR, Outcome.ERROR, Outcome.FAIL, Outcome.ERROR, Outcome.ERROR, Outcome.PASS):
        stopping.count(run(outcome, "x"))
    assert stopping.accepting


def test_what_the_operator_did_neither_counts_nor_clears() -> None:
    stopping = Stopping(SETUP)
    for outcome in (Outcome.ERROR, Outcome.ABORTED, Outcome.ERROR, Outcome.SKIPPED, Outcome.ERROR):
        stopping.count(run(outcome, "x"))
    assert not stopping.accepting


def test_no_limit_means_never() -> None:
    stopping = Stopping(replace(SETUP, errors_in_a_row=0))
    for _ in range(20):
        stopping.count(run(Outcome.ERROR, "x"))
    assert stopping.accepting


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
