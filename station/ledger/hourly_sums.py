"""Sums by the hour, kept in step with the runs in the same transaction.

What adds up (counts, seconds, bytes) is summed once per hour and place, so that a report over a million runs adds up
some thousand rows. A cell is never changed by a difference: it is thrown away and summed again from its runs, so
repeating, correcting and importing runs cannot make it drift.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, delete, func, insert, literal, or_, select

from station.ledger.columns import UtcTime
from station.ledger.tables import ATTEMPTS, HOUR_IMAGES, HOUR_MEASUREMENTS, HOUR_RUNS, IMAGES, MEASUREMENTS, RUNS
from station.model.runs import Outcome
from station.yields.counting import hour_of
from station.yields.write_rate import ENOUGH_BLOCKS, ENOUGH_PARTS

HOUR = timedelta(hours=1)
PLACE = ("station_id", "batch", "bundle", "slot", "operator")
"""What a selection may name besides the time."""
KEYS = (*PLACE, "purpose")
"""What distinguishes a cell, besides the hour."""

_PASSED = ATTEMPTS.c.outcome == str(Outcome.PASS)
_TELLS_RATE = and_(
    _PASSED,
    or_(IMAGES.c.blocks_written >= ENOUGH_BLOCKS, IMAGES.c.blocks_written * ENOUGH_PARTS >= IMAGES.c.blocks_total),
)
"""As `tells_write_rate`."""
_BLOCKS = case((IMAGES.c.blocks_total > 1, IMAGES.c.blocks_total), else_=1)
_WRITTEN_BYTES = IMAGES.c.size_bytes * 1.0 * IMAGES.c.blocks_written / _BLOCKS
RUN_SUMS: tuple[ColumnElement[Any], ...] = (
    func.count().label("runs"),
    func.count(case((RUNS.c.outcome == str(Outcome.PASS), RUNS.c.duration_s))).label("timed_runs"),
    func.coalesce(func.sum(case((RUNS.c.outcome == str(Outcome.PASS), RUNS.c.duration_s))), 0.0).label("duration_s"),
    func.min(RUNS.c.started_at).label("first_started_at"),
    func.max(func.coalesce(RUNS.c.finished_at, RUNS.c.started_at)).label("last_ended_at"),
)
IMAGE_SUMS: tuple[ColumnElement[Any], ...] = (
    func.count(case((_PASSED, 1))).label("images"),
    func.coalesce(func.sum(case((_PASSED, IMAGES.c.write_s + IMAGES.c.verify_s))), 0.0).label("total_s"),
    func.coalesce(func.sum(case((_TELLS_RATE, IMAGES.c.write_s))), 0.0).label("write_s"),
    func.coalesce(func.sum(case((_TELLS_RATE, _WRITTEN_BYTES))), 0.0).label("written_bytes"),
    func.count(case((ATTEMPTS.c.number > 1, 1))).label("retries"),
)

MEASUREMENT_SUMS: tuple[ColumnElement[Any], ...] = (
    func.count(MEASUREMENTS.c.value).label("measured"),
    (func.count() - func.count(MEASUREMENTS.c.value)).label("missing"),
    func.count(case((MEASUREMENTS.c.passed.is_(False), 1))).label("failed"),
    func.count(MEASUREMENTS.c.number).label("numbers"),
    func.coalesce(func.sum(MEASUREMENTS.c.number), 0.0).label("total"),
    func.min(MEASUREMENTS.c.number).label("least"),
    func.max(MEASUREMENTS.c.number).label("most"),
)
_TABLES = (HOUR_RUNS, HOUR_IMAGES, HOUR_MEASUREMENTS)


@dataclass(frozen=True, slots=True)
class Cell:
    """One hour at one place, for one purpose. `hour_at` is the hour's first moment."""

    hour_at: datetime
    station_id: str
    batch: str | None
    bundle: str
    slot: str
    operator: str | None
    purpose: str


def cell_of(run: Any) -> Cell:
    """The cell of a run: its row or its record."""
    place = {name: getattr(run, name) for name in PLACE}
    return Cell(hour_of(run.started_at), **place, purpose=str(run.purpose))


def refresh(connection: Connection, cells: Iterable[Cell]) -> None:
    """Sum these cells again from the runs."""
    for cell in cells:
        for table in _TABLES:
            connection.execute(delete(table).where(table.c.hour_at == cell.hour_at, *_at_place(table.c, cell)))
        place = [*within(cell.hour_at, cell.hour_at + HOUR), *_at_place(RUNS.c, cell)]
        _sum_up(connection, cell.hour_at, place)


def refresh_stations(connection: Connection, hours: Iterable[tuple[str, datetime]]) -> None:
    """Sum all cells of these stations in these hours again: one look at an hour's runs, however many cells it has."""
    for station_id, hour_at in sorted(hours):
        for table in _TABLES:
            connection.execute(delete(table).where(table.c.hour_at == hour_at, table.c.station_id == station_id))
        _sum_up(connection, hour_at, [*within(hour_at, hour_at + HOUR), RUNS.c.station_id == station_id])


def rebuild(connection: Connection) -> None:
    """Sum everything again, hour by hour."""
    for table in _TABLES:
        connection.execute(delete(table))
    moment = connection.scalar(select(func.min(RUNS.c.started_at)))
    while moment is not None:
        hour_at = hour_of(moment)
        _sum_up(connection, hour_at, within(hour_at, hour_at + HOUR))
        # On to the next hour that has runs.
        moment = connection.scalar(select(func.min(RUNS.c.started_at)).where(RUNS.c.started_at >= hour_at + HOUR))


def run_sums(keys: Sequence[Any], conditions: Iterable[ColumnElement[bool]]) -> Select[Any]:
    """The sums over finished runs, by these keys."""
    return select(*keys, *RUN_SUMS).where(RUNS.c.outcome.is_not(None), *conditions).group_by(*keys)


def image_sums(keys: Sequence[Any], conditions: Iterable[ColumnElement[bool]]) -> Select[Any]:
    """The sums over the written images of finished runs, by these keys."""
    return (
        select(*keys, *IMAGE_SUMS)
        .select_from(RUNS)
        .join(ATTEMPTS, ATTEMPTS.c.run_id == RUNS.c.run_id)
        .join(IMAGES, IMAGES.c.attempt_id == ATTEMPTS.c.attempt_id)
        .where(RUNS.c.outcome.is_not(None), RUNS.c.outcome != str(Outcome.SKIPPED), IMAGES.c.blocks_written > 0)
        .where(*conditions)
        .group_by(*keys)
    )


def measurement_sums(keys: Sequence[Any], conditions: Iterable[ColumnElement[bool]]) -> Select[Any]:
    """The sums over the measurements of finished runs, by these keys."""
    return (
        select(*keys, *MEASUREMENT_SUMS)
        .select_from(RUNS)
        .join(ATTEMPTS, ATTEMPTS.c.run_id == RUNS.c.run_id)
        .join(MEASUREMENTS, MEASUREMENTS.c.attempt_id == ATTEMPTS.c.attempt_id)
        .where(RUNS.c.outcome.is_not(None), RUNS.c.outcome != str(Outcome.SKIPPED))
        .where(*conditions)
        .group_by(*keys)
    )


def within(first: datetime | None, end: datetime | None) -> list[ColumnElement[bool]]:
    """The conditions for runs that started from `first` until before `end`; None is no limit."""
    conditions: list[ColumnElement[bool]] = []
    if first is not None:
        conditions.append(RUNS.c.started_at >= first)
    if end is not None:
        conditions.append(RUNS.c.started_at < end)
    return conditions


def _sum_up(connection: Connection, hour_at: datetime, conditions: Sequence[ColumnElement[bool]]) -> None:
    place: list[ColumnElement[Any]] = [RUNS.c[name] for name in KEYS]
    all_sums = (
        run_sums([*place, RUNS.c.outcome, RUNS.c.code], conditions),
        image_sums([*place, IMAGES.c.partition], conditions),
        measurement_sums([*place, MEASUREMENTS.c.name, MEASUREMENTS.c.unit], conditions),
    )
    for table, sums in zip(_TABLES, all_sums, strict=True):
        rows = sums.subquery()
        query = select(literal(hour_at, UtcTime), *rows.c)
        connection.execute(insert(table).from_select([column.name for column in table.c], query))


def _at_place(columns: Any, cell: Cell) -> list[ColumnElement[bool]]:
    return [getattr(columns, name).is_not_distinct_from(getattr(cell, name)) for name in KEYS]
