"""The database counts what the pure functions count, on any history, in any order of arrival, for any selection."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from station.ledger import hourly_sums, migrate, schema_version, transactions
from station.ledger.database import FILE_NAME, open_writer
from station.ledger.integrity import check
from station.ledger.reader import Reader
from station.ledger.recorder import Recorder
from station.model.done import COUNTED_PURPOSES, may_have_written
from station.model.events import AttemptFinished, RunCommitted, RunFinished, RunOpened
from station.model.measurements import Measurement
from station.model.runs import ImageRecord, Outcome, Purpose, RunRecord
from station.model.serials import canonical_serial
from station.model.units import RunFilter
from station.yields.balance import summary_of
from station.yields.counting import YieldReport, summarize
from tests.unit.ledger.builders import START, a_run, an_attempt, an_image, opened, rounded
from tests.unit.ledger.conftest import LIMIT_S, Replies

TABLES = (
    "hour_runs",
    "hour_images",
    "hour_measurements",
    "releases",
    "images",
    "measurements",
    "attempts",
    "runs",
    "units",
)
TOUCHING = [Outcome.PASS, Outcome.FAIL, Outcome.ERROR, Outcome.ABORTED]


@st.composite
def any_image(draw: st.DrawFn) -> ImageRecord:
    image = an_image(
        draw(st.sampled_from(["HP", "ROMFS0"])),
        written=draw(st.sampled_from([0, 1, 3, 63, 64, 159, 160, 640])),
        seconds=draw(st.floats(0, 9)),
    )
    return replace(image, blocks_total=draw(st.sampled_from([0, 1, 12, 255, 640])))


@st.composite
def any_measurement(draw: st.DrawFn) -> Measurement:
    value = draw(st.none() | st.sampled_from(["a", "b"]) | st.integers(-9, 9) | st.floats(0, 9))
    name, unit = draw(st.sampled_from(["one", "two"])), draw(st.sampled_from([None, "s"]))
    return Measurement(name, value, unit, passed=draw(st.sampled_from([None, True, False])))


@st.composite
def any_run(draw: st.DrawFn) -> RunRecord:
    attempts = tuple(
        an_attempt(
            number,
            draw(st.sampled_from(TOUCHING)),
            images=tuple(draw(st.lists(any_image(), max_size=2))),
            measurements=tuple(draw(st.lists(any_measurement(), max_size=3))),
            phase=draw(st.sampled_from(["hold", "identify", "write", "boot"])),
            mram_initialized=draw(st.sampled_from([False, False, True])),
        )
        for number in range(1, draw(st.integers(1, 3)))
    )
    outcome = draw(st.sampled_from([*Outcome, Outcome.PASS, Outcome.FAIL, None]))
    run = a_run(
        outcome,
        draw(st.sampled_from([0, 0.5, 20, 51.997943, 60, 119, 120, 600])),
        serial=draw(st.sampled_from(["A", "b", "B "])),
        identified=draw(st.sampled_from([True, True, False])),
        batch=draw(st.sampled_from(["x", "y", None])),
        slot=draw(st.sampled_from(["A1", "B2", "C3"])),
        operator=draw(st.sampled_from(["Ada", None])),
        bundle=draw(st.sampled_from(["old", "new"])),
        recipe=draw(st.sampled_from(["full", "hp"])),
        bundle_version=draw(st.sampled_from(["", "4.8.1"])),
        proofs_off=draw(st.sampled_from([None, None, "verify", "verify,confirm_boot"])),
        purpose=draw(st.sampled_from([*Purpose, Purpose.PRODUCTION, Purpose.PRODUCTION])),
        attempts=attempts,
    )
    if outcome is None:
        return run
    return replace(
        run,
        code=draw(st.sampled_from([None, "usb.io", "boot.timeout", "unit.already_passed", "worker.died"])),
        duration_s=draw(st.none() | st.floats(0, 100)),
        finished_at=draw(st.sampled_from([None, run.finished_at])),
    )


times = st.none() | st.sampled_from([0, 20.0, 51.997943, 60, 110, 111.997943, 120]).map(
    lambda minute: START + timedelta(minutes=minute)
)
selections = st.builds(
    RunFilter,
    batch=st.sampled_from([None, None, "x", "y", "z"]),
    slot=st.sampled_from([None, None, "A1"]),
    operator=st.sampled_from([None, None, "Ada"]),
    bundle=st.sampled_from([None, None, "new"]),
    since=times,
    until=times,
    purposes=st.sampled_from([(), (), (Purpose.PRODUCTION,), (Purpose.ENGINEERING,)]),
)


def put(data_dir: Path, *steps: tuple[RunRecord, ...]) -> None:
    """Each step in a transaction, as the recorder and an import make them."""
    engine = open_writer(data_dir)
    for runs in steps:
        with engine.begin() as connection:
            transactions.put_runs(connection, runs)
    engine.dispose()


def empty(data_dir: Path) -> None:
    with closing(sqlite3.connect(data_dir / FILE_NAME)) as connection, connection:
        for table in TABLES:
            connection.execute(f"DELETE FROM {table}")


def sums_in(data_dir: Path) -> list[Any]:
    with closing(sqlite3.connect(data_dir / FILE_NAME)) as connection:
        rows = [row for table in TABLES[:2] for row in connection.execute(f"SELECT * FROM {table}")]
    return sorted([tuple(f"{cell:.9g}" if isinstance(cell, float) else repr(cell) for cell in row) for row in rows])


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(runs=st.lists(any_run(), max_size=14), asked=st.lists(selections, min_size=1, max_size=4), data=st.data())
def test_the_database_counts_as_the_pure_functions_do(
    data_dir: Path, reader: Reader, runs: list[RunRecord], asked: list[RunFilter], data: st.DataObject
) -> None:
    empty(data_dir)
    put(data_dir, *[(run,) for run in data.draw(st.permutations(runs))])
    for selection in [RunFilter(), *asked]:
        expected = by_the_pure_functions(reader, selection)
        found = reader.report(selection)
        assert rounded(found) == rounded(expected)
        assert found.units_with_result == expected.units_with_result
        balance = summary_of("x", found)
        assert balance.planned == balance.passed + balance.passed_earlier + balance.open + balance.failed
    for batch in ("x", None):
        listed = [canonical_serial(unit.serial) for unit in reader.failed(batch)]
        assert sorted(listed) == sorted(reader.report(RunFilter(batch=batch)).open_units)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(runs=st.lists(any_run(), min_size=1, max_size=8))
def test_the_database_knows_what_may_have_been_written(data_dir: Path, runs: list[RunRecord]) -> None:
    """Where the log was written by this version, and where it was upgraded from the first one."""
    empty(data_dir)
    put(data_dir, tuple(runs))
    expected = {run.run_id: may_have_written(run) for run in runs}
    assert written_in(data_dir) == expected
    migrate.to(data_dir, "0001")
    migrate.to(data_dir, "head")
    assert written_in(data_dir) == expected


@pytest.mark.parametrize("outcome", [Outcome.ERROR, Outcome.ABORTED])
@pytest.mark.parametrize("written", [0, 1])
def test_a_test_writes_nothing_itself(data_dir: Path, outcome: Outcome, written: int) -> None:
    attempt = an_attempt(1, outcome, phase="test", images=(an_image(written=written),))
    run = a_run(outcome, code="usb.busy", attempts=(attempt,))
    put(data_dir, (run,))
    assert written_in(data_dir) == {run.run_id: may_have_written(run)} == {run.run_id: bool(written)}


def written_in(data_dir: Path) -> dict[str, bool]:
    with closing(sqlite3.connect(data_dir / FILE_NAME)) as connection:
        rows = connection.execute("SELECT run_id, may_have_written OR outcome IS NULL FROM runs").fetchall()
    return {run_id: bool(wrote) for run_id, wrote in rows}


def by_the_pure_functions(reader: Reader, selection: RunFilter) -> YieldReport:
    """The report from runs: those selected, and all others until the end of the selection."""
    chosen = replace(selection, purposes=selection.purposes or COUNTED_PURPOSES)
    selected = list(reader.runs(chosen))
    keys = {run.run_id for run in selected}
    others = [run for run in reader.runs(RunFilter(until=selection.until)) if run.run_id not in keys]
    return summarize(selected, selection=selection, others=others)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(runs=st.lists(any_run(), max_size=8), changed=st.lists(any_run(), min_size=8, max_size=8))
def test_sums_stay_in_step_with_runs_that_are_corrected(
    data_dir: Path, runs: list[RunRecord], changed: list[RunRecord]
) -> None:
    """A run that arrives again, elsewhere, otherwise or at another time, leaves nothing behind in the sums."""
    empty(data_dir)
    again = [replace(new, run_id=old.run_id, attempts=old.attempts) for old, new in zip(runs, changed, strict=False)]
    put(data_dir, tuple(runs), tuple(again), tuple(again))
    kept = sums_in(data_dir)
    engine = open_writer(data_dir)
    with engine.begin() as connection:
        hourly_sums.rebuild(connection)
    engine.dispose()
    assert sums_in(data_dir) == kept


def test_the_recorder_keeps_the_sums(data_dir: Path, reader: Reader, recorder: Recorder, replies: Replies) -> None:
    runs = [a_run(), a_run(Outcome.FAIL, 70, slot="B2", attempts=(an_attempt(1, Outcome.FAIL), an_attempt(2)))]
    for run in runs:
        recorder.submit(RunOpened(opened(run)))
        for attempt in run.attempts:
            recorder.submit(AttemptFinished(run.run_id, attempt))
        recorder.submit(RunFinished(run))
        assert replies.next() == RunCommitted(run)
    recorder.submit(RunOpened(opened(a_run(minute=90, attempts=()))))
    assert recorder.close_interrupted().interrupted_runs == 1
    assert rounded(reader.report()) == rounded(summarize(reader.runs()))
    assert dict(reader.report().outcomes)[Outcome.ERROR] == 1


def test_a_late_attempt_is_summed_too(data_dir: Path, reader: Reader, recorder: Recorder) -> None:
    run = a_run(attempts=(an_attempt(2),))
    recorder.submit(RunFinished(run))
    recorder.submit(AttemptFinished(run.run_id, an_attempt(1, Outcome.FAIL)))
    assert recorder.close(LIMIT_S)
    report = reader.report()
    assert (report.units_passed, report.units_passed_first) == (1, 0)
    assert rounded(report) == rounded(summarize(reader.runs()))


@pytest.mark.parametrize("older", ["0001", "0002", "0003", "0004", "0005"])
def test_an_older_log_is_summed_up_when_it_is_upgraded(data_dir: Path, older: str) -> None:
    runs = [a_run(Outcome.FAIL, minute=minute, serial=str(minute)) for minute in (0, 30, 61)]
    runs += [a_run(minute=62, attempts=(an_attempt(1, Outcome.FAIL), an_attempt(2))), a_run(minute=63), a_run(None, 64)]
    runs += [a_run(minute=65, attempts=(an_attempt(images=(an_image("HP", written=3),)),))]
    runs = [replace(run, attempts=tuple(replace(each, measurements=()) for each in run.attempts)) for run in runs]
    put(data_dir, tuple(runs))
    kept = sums_in(data_dir)
    migrate.to(data_dir, older)
    assert schema_version.state(data_dir) is schema_version.SchemaState.OUTDATED
    assert schema_version.upgrade(data_dir).before == older
    assert sums_in(data_dir) == kept
    assert check(data_dir).ok
    reader = Reader(data_dir)
    assert rounded(reader.report()) == rounded(summarize(runs))
    assert sorted(reader.runs(), key=lambda run: run.run_id) == sorted(runs, key=lambda run: run.run_id)
    reader.close()


@pytest.mark.parametrize(
    ("since", "until"), [(None, None), (START, None), (None, START + timedelta(hours=2, minutes=1)), (START, START)]
)
def test_every_moment_of_a_range_is_counted_once(
    data_dir: Path, reader: Reader, since: datetime | None, until: datetime | None
) -> None:
    put(data_dir, tuple(a_run(minute=minute, serial=str(minute)) for minute in range(-10, 180)))
    selection = RunFilter(since=since, until=until)
    expected = [m for m in range(-10, 180) if (not since or m >= 0) and (not until or m < (until - START).seconds / 60)]
    assert dict(reader.report(selection).outcomes)[Outcome.PASS] == len(expected)
    assert rounded(reader.report(selection)) == rounded(summarize(reader.runs(selection), selection=selection))


def test_a_report_of_a_batch_does_not_read_the_others(data_dir: Path, reader: Reader) -> None:
    """Neither does the list to re-run: what they cost must not grow with the log."""
    plans = plans_of(data_dir, lambda: (reader.report(RunFilter(batch="x")), reader.failed("x")))
    assert len(plans) >= 5
    for statement, steps in plans:
        # There is one row for a whole batch in this table.
        steps = [step for step in steps if step != "SCAN batches"]
        assert not [step for step in steps if step.startswith("SCAN")], (statement, steps)


def test_a_report_of_everything_sorts_no_runs(data_dir: Path, reader: Reader) -> None:
    plans = plans_of(data_dir, reader.report)
    walks = [steps for statement, steps in plans if "ORDER BY runs.unit_id" in statement]
    assert walks == [["SCAN runs USING COVERING INDEX ix_runs_history"]]


def plans_of(data_dir: Path, ask: Callable[[], object]) -> list[tuple[str, list[str]]]:
    """The plan of every SELECT that `ask` makes."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    asked: list[tuple[str, Any]] = []

    def note(_c: object, _cursor: object, statement: str, parameters: object, *_rest: object) -> None:
        if statement.startswith("SELECT"):
            asked.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        ask()
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    with closing(sqlite3.connect(data_dir / FILE_NAME)) as connection:
        return [
            (statement, [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)])
            for statement, parameters in asked
        ]
