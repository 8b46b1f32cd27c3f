"""The outbox in the log: what is queued with its run, what is due, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event

from station.ledger import audit, outbox_rows
from station.ledger.database import open_writer
from station.ledger.outbox import Outbox
from station.ledger.reader import Reader
from station.ledger.recorder import Recorder
from station.ledger.run_import import import_runs
from station.model.events import RunCommitted, RunFinished, RunNotCommitted, RunOpened
from station.model.runs import Outcome, RunRecord
from station.model.sinks import Failure, Sink, Tried
from station.roles.guarded_acts import ANYBODY, Act, Done, Who
from tests.unit.ledger.builders import OTHER_SERIAL, a_run, opened
from tests.unit.ledger.conftest import LIMIT_S, Replies

MES = Sink("mes", "folder", "/mes", retry_limit_s=300.0)
FAILURES = Sink("failures", "hook", "tell", outcomes=(Outcome.FAIL,))
REFUSED = Failure("outbox.refused", "no such unit", refused=True)
DROPPED = Done(Act.DELIVERY_DROPPED, Who("Ada", ANYBODY), "mes")


@pytest.fixture
def outbox(data_dir: Path) -> Iterator[Outbox]:
    made = Outbox(data_dir)
    yield made
    made.close()


@pytest.fixture
def record(data_dir: Path, replies: Replies) -> Iterator[Callable[..., None]]:
    """Finishes runs, and waits until they are in the log."""
    recorder = Recorder(data_dir, replies, sinks=(MES, FAILURES))

    def finish(*runs: RunRecord) -> None:
        for run in runs:
            recorder.submit(RunFinished(run))
            assert isinstance(replies.next(), RunCommitted)

    yield finish
    assert recorder.close(LIMIT_S)


def due(outbox: Outbox, sink: Sink = MES) -> list[str]:
    return [run.run_id for run in outbox.due(sink, 100)]


def tried(run: RunRecord, failure: Failure | None = None, again_in_s: float = 60.0) -> Tried:
    at = datetime.now(UTC)
    return Tried("mes", run.run_id, at, failure, at + timedelta(seconds=again_in_s) if failure else None)


def test_a_finished_run_waits_for_every_sink_that_is_to_hear_of_it(outbox: Outbox, record: Callable[..., None]) -> None:
    passed, failed = a_run(), a_run(Outcome.FAIL, minute=1, serial=OTHER_SERIAL)
    record(passed, failed)
    assert due(outbox) == [passed.run_id, failed.run_id]
    assert due(outbox, FAILURES) == [failed.run_id]
    (first, _) = outbox.due(MES, 100)
    assert (first.tries, first.record) == (0, passed.to_json())


def test_an_open_run_waits_for_nobody_and_one_that_was_cut_off_does(
    data_dir: Path, outbox: Outbox, replies: Replies
) -> None:
    run = a_run()
    recorder = Recorder(data_dir, replies, sinks=(MES,))
    recorder.submit(RunOpened(opened(run)))
    replies.next_opening()
    assert due(outbox) == []
    recorder.close_interrupted()
    (waits,) = outbox.due(MES, 100)
    assert (waits.run_id, waits.record["code"]) == (run.run_id, "station.interrupted")
    assert recorder.close(LIMIT_S)


def test_a_run_that_cannot_be_queued_is_not_in_the_log_either(
    data_dir: Path, replies: Replies, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_connection: Connection, _run_ids: Sequence[str], _sinks: Sequence[Sink], _at: datetime) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(outbox_rows, "queue", broken)
    recorder = Recorder(data_dir, replies, sinks=(MES,))
    recorder.submit(RunFinished(a_run()))
    assert isinstance(replies.next(), RunNotCommitted)
    assert recorder.close(LIMIT_S)
    reader = Reader(data_dir)
    assert reader.run_count() == 0
    reader.close()


def test_finished_twice_waits_once(outbox: Outbox, record: Callable[..., None]) -> None:
    run = a_run()
    record(run, run)
    assert due(outbox) == [run.run_id]


def test_imported_runs_are_another_stations_to_deliver(data_dir: Path, outbox: Outbox) -> None:
    import_runs(data_dir, [a_run()])
    assert due(outbox) == []


def test_of_one_unit_only_the_oldest_is_due(outbox: Outbox, record: Callable[..., None]) -> None:
    first, second, other = a_run(), a_run(minute=1), a_run(minute=2, serial=OTHER_SERIAL)
    record(first, second, other)
    assert due(outbox) == [first.run_id, other.run_id]
    outbox.note([tried(first, REFUSED)])
    assert due(outbox) == [other.run_id]
    outbox.note([tried(other)])
    assert due(outbox) == []
    outbox.note([tried(first)])
    assert due(outbox) == [second.run_id]


def test_a_run_that_seems_older_because_the_clock_was_set_back_comes_behind(
    outbox: Outbox, record: Callable[..., None]
) -> None:
    first, later = a_run(minute=60), a_run(minute=0)
    record(first, later)
    assert due(outbox) == [first.run_id]
    outbox.note([tried(first)])
    assert due(outbox) == [later.run_id]


def test_cameras_without_an_identity_do_not_wait_for_each_other(outbox: Outbox, record: Callable[..., None]) -> None:
    runs = [a_run(Outcome.ERROR, minute=minute, serial="", identified=False) for minute in range(3)]
    record(*runs)
    assert due(outbox) == [run.run_id for run in runs]


def test_a_failure_is_kept_and_puts_off(outbox: Outbox, record: Callable[..., None]) -> None:
    run = a_run()
    record(run)
    outbox.note([tried(run, REFUSED, again_in_s=0.0)])
    assert due(outbox) == [run.run_id]
    outbox.note([tried(run, REFUSED, again_in_s=200.0)])
    assert due(outbox) == []
    (waits,) = outbox.waiting("mes")
    assert (waits.tries, waits.code, waits.message, waits.serial) == (2, "outbox.refused", "no such unit", run.serial)
    backlog = {found.sink: found for found in outbox.backlogs()}["mes"]
    assert (backlog.waiting, backlog.failing, backlog.tries, backlog.code) == (1, 1, 2, "outbox.refused")


def test_a_clock_that_was_set_back_puts_nothing_off_for_ever(outbox: Outbox, record: Callable[..., None]) -> None:
    run = a_run()
    record(run)
    outbox.note([tried(run, REFUSED, again_in_s=MES.retry_limit_s + 3600)])
    assert due(outbox) == [run.run_id]


def test_tried_at_once_on_request(outbox: Outbox, record: Callable[..., None]) -> None:
    run = a_run(Outcome.FAIL)
    record(run)
    outbox.note([tried(run, REFUSED)])
    assert outbox.try_now("failures") == 1
    assert due(outbox) == []
    assert outbox.try_now("mes") == 1
    assert due(outbox) == [run.run_id]


def test_what_is_dropped_is_not_due_and_blocks_nobody(
    data_dir: Path, outbox: Outbox, record: Callable[..., None]
) -> None:
    first, second = a_run(), a_run(minute=1)
    record(first, second)
    assert [outbox.waits_for("mes", run_id) for run_id in (first.run_id, None, "nosuch")] == [True, True, False]
    assert outbox.drop("bench-1", DROPPED, "mes", first.run_id, reason="gone") == 1
    assert due(outbox) == [second.run_id]
    assert outbox.drop("bench-1", DROPPED, "mes", None, reason="gone") == 1
    assert outbox.drop("bench-1", DROPPED, "mes", None, reason="gone") == 0
    assert [row.to_json()["details"]["count"] for row in audit.rows(data_dir)] == [1, 1]
    assert outbox.backlogs() == []
    engine = open_writer(data_dir)
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT run_id, dropped_by, dropped_reason FROM outbox").all()
    engine.dispose()
    assert sorted(rows) == sorted([(run.run_id, "Ada", "gone") for run in (first, second)])


def test_each_sink_has_its_own_rows(outbox: Outbox, record: Callable[..., None]) -> None:
    run = a_run(Outcome.FAIL)
    record(run)
    outbox.note([tried(run)])
    assert (due(outbox), due(outbox, FAILURES)) == ([], [run.run_id])


def test_what_is_due_is_found_by_indexes_however_much_waits(data_dir: Path) -> None:
    plan: list[str] = []

    def explain(_connection: Any, cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        cursor.execute("EXPLAIN QUERY PLAN " + statement, parameters)
        plan.extend(detail for *_, detail in cursor.fetchall())

    engine = open_writer(data_dir)
    with engine.connect() as connection:
        event.listen(connection, "before_cursor_execute", explain)
        outbox_rows.due(connection, MES, datetime.now(UTC), 10)
    engine.dispose()
    assert [step for step in plan if step.startswith("SCAN")] == []
    assert sum("USING INDEX ix_outbox_sink_next_at" in step for step in plan) == 1
    assert sum("USING INDEX ix_outbox_sink_unit_id_ordered_at_run_id" in step for step in plan) == 2
