"""What one transaction does. Every function may be repeated without harm; none commits.

`ordered_at` says where a run stands among its unit's runs. It is when the run started; but where a station records a
run of a unit that seems older than another one that it recorded before, its clock was set back meanwhile, and the run
is put after that one. An import, which may come in any order, keeps the times that it brings. A release stands among
the runs of its unit in the same way: it forgives all that were recorded before it and none that come after, whatever
the clock said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, case, delete, exists, func, insert, or_, select, update

from station.clock import now
from station.ledger import changes, hourly_sums, outbox_rows, unit_value_rows
from station.ledger.hourly_sums import Cell
from station.ledger.product_serial_rows import product_serial_of
from station.ledger.row_records import (
    Values,
    attempt_values,
    batch_values,
    image_values,
    measurement_values,
    message_values,
    run_values,
)
from station.ledger.run_loading import attempts_of
from station.ledger.selection import is_identified_unit
from station.ledger.tables import ATTEMPTS, BATCHES, HOUR_RUNS, IMAGES, MEASUREMENTS, RELEASES, RUNS, UNITS
from station.model.batches import Batch
from station.model.done import NOT_WRITING, UNWITNESSED
from station.model.ids import new_id
from station.model.runs import AttemptRecord, Outcome, RunRecord
from station.model.serials import canonical_serial
from station.model.sinks import Sink
from station.model.unit_values import UnitValues
from station.model.units import Release
from station.problem import sentence
from station.yields.counting import hour_of

_PASS = str(Outcome.PASS)
_NEXT = timedelta(microseconds=1)


def put_run(connection: Connection, run: RunRecord, sinks: Sequence[Sink] = ()) -> RunRecord:
    """The run, its unit and all its attempts are in the log, as `run` has them; attempts already there stay. Where it
    is finished, it waits for these sinks.

    For a run that a station reports as it happens: it comes after all that the station has reported before. Where the
    finished run was in the log before, its label may be printed already, and is not printed again. Returns it with what
    the log knows of its unit.
    """
    before = _find(connection, RUNS, RUNS.c.run_id == run.run_id)
    run = _of_known_unit(connection, run, live=True)
    hourly_sums.refresh(connection, _store_run(connection, run, live=True))
    if run.outcome is not None:
        again = before is not None and before.outcome is not None
        queue = outbox_rows.queue_again if again else outbox_rows.queue
        queue(connection, [run.run_id], sinks, now())
    return run


def put_unfinished(connection: Connection, run: RunRecord, sinks: Sequence[Sink] = ()) -> None:
    """The same, where the log has not got the finished run yet."""
    row = _find(connection, RUNS, RUNS.c.run_id == run.run_id)
    if row is None or row.outcome is None:
        put_run(connection, run, sinks)


def put_runs(connection: Connection, runs: Iterable[RunRecord]) -> None:
    """The same for several runs of any time, whose hours are summed up once."""
    cells: set[Cell] = set()
    for run in runs:
        unit_value_rows.put_of_import(connection, run)
        cells |= _store_run(connection, _of_known_unit(connection, run, live=False), live=False)
    hourly_sums.refresh(connection, cells)


def _of_known_unit(connection: Connection, run: RunRecord, *, live: bool) -> RunRecord:
    """The run with the product serial and the values of its unit: they may have come while it was under way, or from
    somebody whom the line has not heard of."""
    if not run.identified:
        return run
    known, own = unit_value_rows.values_of(connection, run.serial), run.unit_values.to_json()
    row = _find(connection, RUNS, RUNS.c.run_id == run.run_id)
    if row is not None and row.outcome is not None:
        known, own = {}, {**own, **(row.unit_values or {})}
    values = {**own, **known} if live else {**known, **own}
    product_serial = run.product_serial or product_serial_of(connection, run.serial)
    return replace(run, product_serial=product_serial, unit_values=UnitValues.of(values))


def _store_run(connection: Connection, run: RunRecord, *, live: bool) -> set[Cell]:
    """Store the run; returns the hours whose sums it changes. A run still open changes none."""
    changed: set[Cell] = set()
    row = _find(connection, RUNS, RUNS.c.run_id == run.run_id)
    if row is None:
        unit_id = _unit_id(connection, run)
        values = {"run_id": run.run_id, "unit_id": unit_id, **run_values(run)}
        ordered_at = _ordered_at(connection, unit_id, run) if live else run.started_at
        connection.execute(insert(RUNS), {**values, "ordered_at": ordered_at})
    else:
        changed = _finished_cell(row)
        moved = {} if run.started_at == row.started_at else {"ordered_at": run.started_at}
        _update_run(connection, run.run_id, {**run_values(run), **moved})
        _correct_unit(connection, row.unit_id, run)
    query = select(ATTEMPTS.c.attempt_id).where(ATTEMPTS.c.run_id == run.run_id)
    stored = set(connection.scalars(query))
    _add_attempts(connection, run.run_id, [attempt for attempt in run.attempts if attempt.attempt_id not in stored])
    if run.outcome is not None or changed:
        changes.note(connection, changes.Kind.RUN, [run.run_id])
    return changed | _finished_cell(run)


def _ordered_at(connection: Connection, unit_id: str, run: RunRecord) -> datetime:
    """After every run of the unit that this station has recorded, and after every release of the unit."""
    mine = (RUNS.c.unit_id == unit_id, RUNS.c.station_id == run.station_id)
    newest: datetime | None = connection.scalar(select(func.max(RUNS.c.ordered_at)).where(*mine))
    released: datetime | None = None
    of_unit = RELEASES.c.serial == canonical_serial(run.serial)
    if run.identified:
        released = connection.scalar(select(func.max(RELEASES.c.released_at)).where(of_unit))
    return max([run.started_at, *(moment + _NEXT for moment in (newest, released) if moment is not None)])


def put_attempt(connection: Connection, run_id: str, attempt: AttemptRecord) -> None:
    """The attempt is in the log, if its run is. Where it is not, the finished run brings its attempts along."""
    row = _find(connection, RUNS, RUNS.c.run_id == run_id)
    if row is not None and _find(connection, ATTEMPTS, ATTEMPTS.c.attempt_id == attempt.attempt_id) is None:
        _add_attempts(connection, run_id, [attempt])
        hourly_sums.refresh(connection, _finished_cell(row))
        if row.outcome is not None:
            changes.note(connection, changes.Kind.RUN, [run_id])


def close_open_runs(connection: Connection, sinks: Sequence[Sink] = ()) -> int:
    """Close every run that is open as ERROR station.interrupted; returns how many that were. They wait for these sinks.

    To be called by who holds the data folder: nobody else works in it, so what is open was left over, also by a station
    that had another name. Nobody saw when such a run ended. It is known to have gone on until the log last heard of its
    station; where that was its own start, it has no duration.
    """
    rows = connection.execute(select(RUNS).where(RUNS.c.outcome.is_(None))).all()
    if not rows:
        return 0
    attempts = attempts_of(connection, [row.run_id for row in rows])
    heard_at = _last_heard(connection, rows, attempts)
    for row in rows:
        finished_at = heard_at[row.station_id]
        values = {
            "outcome": str(Outcome.ERROR),
            "code": "station.interrupted",
            **message_values(
                sentence(
                    "the station stopped during this run, after {count} finished attempts",
                    count=len(attempts[row.run_id]),
                )
            ),
            "finished_at": finished_at,
            "duration_s": (finished_at - row.started_at).total_seconds() or None,
            "may_have_written": True,
        }
        _update_run(connection, row.run_id, values)
    hourly_sums.refresh(connection, {hourly_sums.cell_of(row) for row in rows})
    outbox_rows.queue(connection, [row.run_id for row in rows], sinks, now())
    changes.note(connection, changes.Kind.RUN, [row.run_id for row in rows])
    return len(rows)


def _last_heard(
    connection: Connection, open_rows: Sequence[Any], attempts: Mapping[str, list[AttemptRecord]]
) -> dict[str, datetime]:
    """When the log last heard of the stations of these runs: the last start or end of a run, or end of an attempt."""
    heard_at: dict[str, datetime] = {}
    for row in open_rows:
        ends = [attempt.started_at + timedelta(seconds=attempt.duration_s) for attempt in attempts[row.run_id]]
        heard_at[row.station_id] = max(heard_at.get(row.station_id, row.started_at), row.started_at, *ends)
    first_hour = hour_of(min(row.started_at for row in open_rows))
    finished = select(HOUR_RUNS.c.station_id, func.max(HOUR_RUNS.c.last_ended_at)).group_by(HOUR_RUNS.c.station_id)
    for station_id, ended_at in connection.execute(finished.where(HOUR_RUNS.c.hour_at >= first_hour)):
        if station_id in heard_at:
            heard_at[station_id] = max(heard_at[station_id], ended_at)
    return heard_at


def put_release(connection: Connection, release: Release) -> None:
    """The unit is released from being set aside in the batch, whatever was recorded of it so far."""
    unit = select(UNITS.c.unit_id).where(is_identified_unit(release.serial)).scalar_subquery()
    newest = connection.scalar(select(func.max(RUNS.c.ordered_at)).where(RUNS.c.unit_id == unit))
    values: Values = {
        "release_id": new_id(),
        "serial": canonical_serial(release.serial),
        "batch": release.batch,
        "released_at": release.released_at if newest is None else max(release.released_at, newest),
        "released_by": release.released_by,
    }
    connection.execute(insert(RELEASES), values)
    changes.note(connection, changes.Kind.RELEASE, [values["release_id"]])


def put_batch(connection: Connection, batch: Batch) -> None:
    """The batch is in the log as `batch` has it. One of that name that is there keeps its beginning."""
    row = _find(connection, BATCHES, and_(BATCHES.c.station_id == batch.station_id, BATCHES.c.name == batch.name))
    values = batch_values(batch)
    if row is None:
        connection.execute(insert(BATCHES), {"batch_id": batch.batch_id, **values})
    else:
        values["begun_at"] = row.begun_at
        connection.execute(update(BATCHES).where(BATCHES.c.batch_id == row.batch_id).values(values))
    changes.note(connection, changes.Kind.BATCH, [batch.batch_id if row is None else row.batch_id])


def _find(connection: Connection, table: Table, condition: ColumnElement[bool]) -> Any:
    """The one row of a condition; None where there is none."""
    return connection.execute(select(table).where(condition)).one_or_none()


def _update_run(connection: Connection, run_id: str, values: Values) -> None:
    connection.execute(update(RUNS).where(RUNS.c.run_id == run_id).values(values))


def _add_attempts(connection: Connection, run_id: str, attempts: list[AttemptRecord]) -> None:
    """Add attempts with their images and measurements, and keep what follows from them beside the run."""
    if attempts:
        connection.execute(insert(ATTEMPTS), [attempt_values(run_id, attempt) for attempt in attempts])
    if images := [image for attempt in attempts for image in image_values(attempt)]:
        connection.execute(insert(IMAGES), images)
    if measured := [values for attempt in attempts for values in measurement_values(attempt)]:
        connection.execute(insert(MEASUREMENTS), measured)
    _update_run(connection, run_id, {"passed_at_once": _passed_at_once(run_id), "may_have_written": _wrote(run_id)})


def _passed_at_once(run_id: str) -> ColumnElement[bool]:
    first = select(ATTEMPTS.c.outcome).where(ATTEMPTS.c.run_id == run_id).order_by(ATTEMPTS.c.number).limit(1)
    at_once = and_(RUNS.c.outcome == _PASS, func.coalesce(first.scalar_subquery(), _PASS) == _PASS)
    return case((at_once, True), else_=False)


def _wrote(run_id: str) -> ColumnElement[bool]:
    """`station.model.done.may_have_written` of a run whose attempts are in the log."""
    mine = ATTEMPTS.c.run_id == run_id
    written = exists().where(IMAGES.c.attempt_id == ATTEMPTS.c.attempt_id, IMAGES.c.blocks_written > 0)
    on_its_way = and_(ATTEMPTS.c.outcome != _PASS, ATTEMPTS.c.phase.not_in(NOT_WRITING))
    writing = exists().where(mine, or_(ATTEMPTS.c.mram_initialized, on_its_way, written.correlate(ATTEMPTS)))
    return case(
        (RUNS.c.outcome == str(Outcome.SKIPPED), False),
        (or_(RUNS.c.outcome.is_(None), RUNS.c.code.in_(UNWITNESSED)), True),
        (~exists().where(mine), True),
        (writing, True),
        else_=False,
    )


def _finished_cell(run: Any) -> set[Cell]:
    """The hour in which a finished run is counted; none for a run still open."""
    return {hourly_sums.cell_of(run)} if run.outcome is not None else set()


def _unit_id(connection: Connection, run: RunRecord) -> str:
    """The unit of a run; a new one for a serial not seen before, and always for a serial that names no unit."""
    if run.identified:
        found = _find(connection, UNITS, is_identified_unit(run.serial))
        if found is not None:
            return str(found.unit_id)
    unit_id = new_id()
    values = {"unit_id": unit_id, "serial": canonical_serial(run.serial), "identified": run.identified}
    connection.execute(insert(UNITS), values)
    return unit_id


def _correct_unit(connection: Connection, unit_id: str, run: RunRecord) -> None:
    """Another unit where the run turned out to be of another, or of none (its serial appeared a second time)."""
    unit = connection.execute(select(UNITS).where(UNITS.c.unit_id == unit_id)).one()
    if (unit.serial, unit.identified) == (canonical_serial(run.serial), run.identified):
        return
    _update_run(connection, run.run_id, {"unit_id": _unit_id(connection, run)})
    if not connection.scalar(select(exists().where(RUNS.c.unit_id == unit_id))):
        connection.execute(delete(UNITS).where(UNITS.c.unit_id == unit_id))
