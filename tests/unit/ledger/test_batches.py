"""Batches in a log that the migrations made."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from station.ledger import migrate, schema_version
from station.ledger.database import FILE_NAME
from station.ledger.reader import Reader
from station.ledger.recorder import Recorder
from station.model.batches import Batch
from station.model.events import BatchNoted, RunFinished, RunOpened
from station.model.ids import new_id
from station.model.runs import Outcome
from station.model.units import RunFilter
from tests.unit.ledger.builders import OTHER_SERIAL, START, a_run, opened

BATCH = Batch(new_id(), "bench-1", "2026-47", 5, "Ada", START)


def note(recorder: Recorder, *batches: Batch) -> None:
    """Tell the recorder; when a job is done, so is all that was told before."""
    for batch in batches:
        recorder.submit(BatchNoted(batch))
    recorder.close_interrupted()


def test_the_open_batch_of_a_station_is_the_last_begun_and_comes_back_whole(recorder: Recorder, reader: Reader) -> None:
    assert reader.open_batch("bench-1") is None
    later = replace(
        BATCH, batch_id=new_id(), name="2026-48", planned=None, operator=None, begun_at=START + timedelta(1)
    )
    elsewhere = replace(BATCH, batch_id=new_id(), station_id="bench-2", begun_at=START + timedelta(2))
    note(recorder, BATCH, later, elsewhere)
    assert reader.open_batch("bench-1") == later
    note(recorder, replace(later, ended_at=START + timedelta(2)))
    assert reader.open_batch("bench-1") == BATCH
    continued = replace(BATCH, continued_at=START + timedelta(1))
    note(recorder, continued)
    assert reader.open_batch("bench-1") == continued
    note(recorder, replace(BATCH, ended_at=START + timedelta(2)))
    assert reader.open_batch("bench-1") is None


def test_a_batch_that_is_begun_again_is_the_same_batch(recorder: Recorder, reader: Reader) -> None:
    again = replace(BATCH, batch_id=new_id(), planned=8, begun_at=START + timedelta(1))
    note(recorder, BATCH, replace(BATCH, ended_at=START + timedelta(hours=1)), again)
    assert reader.open_batch("bench-1") == replace(BATCH, planned=8)
    assert reader.summary("2026-47").planned == 8


def test_the_plan_is_the_sum_of_what_the_stations_planned(recorder: Recorder, reader: Reader) -> None:
    assert reader.summary("2026-47").planned is None
    note(recorder, BATCH, replace(BATCH, batch_id=new_id(), station_id="bench-2", planned=7))
    assert reader.summary("2026-47").planned == 12
    assert reader.summary("2026-48").planned is None


@pytest.mark.parametrize(
    "selection",
    [
        RunFilter(),
        RunFilter(batch="2026-48"),
        RunFilter(batch="2026-47", slot="A1"),
        RunFilter(batch="2026-47", since=START - timedelta(1)),
    ],
)
def test_only_the_report_of_one_whole_batch_has_its_plan(
    recorder: Recorder, reader: Reader, selection: RunFilter
) -> None:
    note(recorder, BATCH)
    assert reader.report(RunFilter(batch="2026-47")).planned == 5
    assert reader.report(selection).planned is None


def test_no_batch_is_planned_to_be_empty(recorder: Recorder, reader: Reader) -> None:
    note(recorder, replace(BATCH, planned=0))
    assert reader.open_batch("bench-1") is None


@pytest.mark.parametrize(
    ("planned", "balance"),
    [
        (None, (False, 5, 0, 1, 1, 2, 1, 0)),
        (10, (True, 10, 0, 1, 1, 2, 1, 5)),
        (5, (True, 5, 0, 1, 1, 2, 1, 0)),
        (4, (True, 4, 1, 1, 1, 2, 1, 0)),
    ],
)
def test_the_balance_names_every_unit_once(
    recorder: Recorder, reader: Reader, planned: int | None, balance: tuple[object, ...]
) -> None:
    recorder.submit(RunFinished(a_run(Outcome.FAIL, 0)))
    recorder.submit(RunFinished(a_run(Outcome.PASS, 1)))
    recorder.submit(RunFinished(a_run(Outcome.FAIL, 2, serial=OTHER_SERIAL)))
    recorder.submit(RunFinished(a_run(Outcome.ABORTED, 3, serial="A" * 24)))
    recorder.submit(RunFinished(a_run(Outcome.SKIPPED, 4, serial="B" * 24)))
    recorder.submit(RunFinished(a_run(Outcome.PASS, 5, serial="C" * 24, batch="2026-46")))
    recorder.submit(RunFinished(a_run(Outcome.FAIL, 6, serial="0" * 24, identified=False)))
    note(recorder, replace(BATCH, planned=planned))
    found = reader.batch_summary("2026-47")
    assert (
        found.is_planned,
        found.planned,
        found.beyond,
        found.passed,
        found.passed_earlier,
        found.failed,
        found.unfinished,
        found.not_run,
    ) == balance
    assert found.planned + found.beyond == found.passed + found.passed_earlier + found.open + found.failed
    assert (found.first_pass_yield, found.final_yield) == (0.0, pytest.approx(1 / 3))


def test_counted_units_are_those_of_one_station_each_once(recorder: Recorder, reader: Reader) -> None:
    nameless = a_run(Outcome.FAIL, 6, serial="0" * 24, identified=False)
    for run in (
        a_run(Outcome.FAIL, 0),
        a_run(Outcome.PASS, 1),
        a_run(Outcome.ABORTED, 2, serial=OTHER_SERIAL),
        a_run(Outcome.PASS, 3, serial="A" * 24, station_id="bench-2"),
        a_run(Outcome.PASS, 4, serial="C" * 24, batch=None),
        nameless,
    ):
        recorder.submit(RunFinished(run))
    note(recorder)
    assert reader.counted_units("bench-1", "2026-47") == {a_run().serial, nameless.run_id}


def test_a_run_that_waits_moves_to_the_batch_that_is_begun(recorder: Recorder, reader: Reader) -> None:
    waiting = opened(a_run())
    recorder.submit(RunOpened(waiting))
    recorder.submit(RunOpened(replace(waiting, batch="2026-48", operator="Bob")))
    note(recorder)
    assert [(run.batch, run.operator) for run in reader.runs()] == [("2026-48", "Bob")]


def test_the_log_of_an_older_station_gets_the_table_and_keeps_its_runs(
    tmp_path: Path, new_recorder: Callable[..., Recorder]
) -> None:
    migrate.to(tmp_path, "0002")
    run = a_run()
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection, connection:
        connection.execute("INSERT INTO units VALUES ('u', ?, 1)", (run.serial,))
    assert schema_version.state(tmp_path) is schema_version.SchemaState.OUTDATED
    assert schema_version.upgrade(tmp_path).before == "0002"
    with closing(Reader(tmp_path)) as reader:
        assert reader.open_batch("bench-1") is None
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        assert connection.execute("SELECT serial FROM units").fetchall() == [(run.serial,)]
