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

from sqlalchemy import ColumnElement, Select, case, delete, func, insert, literal, select
from sqlalchemy.orm import Session

from station.ledger.columns import UtcTime
from station.ledger.rows import HOUR_IMAGES, HOUR_RUNS, AttemptRow, ImageRow, RunRow
from station.model.runs import Outcome
from station.model.yields import hour_of

HOUR = timedelta(hours=1)
PLACE = ("station_id", "batch", "bundle", "slot", "operator")
"""What a selection may name besides the time."""

_PASSED = AttemptRow.outcome == str(Outcome.PASS)
_BLOCKS = case((ImageRow.blocks_total > 1, ImageRow.blocks_total), else_=1)
RUN_SUMS: tuple[ColumnElement[Any], ...] = (
    func.count().label("runs"),
    func.count(case((RunRow.outcome == str(Outcome.PASS), RunRow.duration_s))).label("timed_runs"),
    func.coalesce(func.sum(case((RunRow.outcome == str(Outcome.PASS), RunRow.duration_s))), 0.0).label("duration_s"),
    func.min(RunRow.started_at).label("first_started_at"),
    func.max(func.coalesce(RunRow.finished_at, RunRow.started_at)).label("last_ended_at"),
)
IMAGE_SUMS: tuple[ColumnElement[Any], ...] = (
    func.count(case((_PASSED, 1))).label("images"),
    func.coalesce(func.sum(case((_PASSED, ImageRow.write_s + ImageRow.verify_s))), 0.0).label("total_s"),
    func.coalesce(func.sum(case((_PASSED, ImageRow.write_s))), 0.0).label("write_s"),
    func.coalesce(func.sum(case((_PASSED, ImageRow.size_bytes * 1.0 * ImageRow.blocks_written / _BLOCKS))), 0.0).label(
        "written_bytes"
    ),
    func.count(case((AttemptRow.number > 1, 1))).label("retries"),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One hour at one place. `hour_at` is the hour's first moment."""

    hour_at: datetime
    station_id: str
    batch: str | None
    bundle: str
    slot: str
    operator: str | None


def cell_of(row: RunRow) -> Cell:
    """The cell of a run."""
    return Cell(hour_of(row.started_at), *(getattr(row, name) for name in PLACE))


def refresh(session: Session, cells: Iterable[Cell]) -> None:
    """Sum these cells again from what was flushed."""
    for cell in cells:
        for table in (HOUR_RUNS, HOUR_IMAGES):
            session.execute(delete(table).where(table.c.hour_at == cell.hour_at, *_at_place(table.c, cell)))
        place = [*within(cell.hour_at, cell.hour_at + HOUR), *_at_place(RunRow, cell)]
        _sum_up(session, cell.hour_at, place)


def rebuild(session: Session) -> None:
    """Sum everything again, hour by hour."""
    for table in (HOUR_RUNS, HOUR_IMAGES):
        session.execute(delete(table))
    moment = session.scalar(select(func.min(RunRow.started_at)))
    while moment is not None:
        hour_at = hour_of(moment)
        _sum_up(session, hour_at, within(hour_at, hour_at + HOUR))
        # On to the next hour that has runs.
        moment = session.scalar(select(func.min(RunRow.started_at)).where(RunRow.started_at >= hour_at + HOUR))


def run_sums(keys: Sequence[Any], conditions: Iterable[ColumnElement[bool]]) -> Select[Any]:
    """The sums over finished runs, by these keys."""
    return select(*keys, *RUN_SUMS).where(RunRow.outcome.is_not(None), *conditions).group_by(*keys)


def image_sums(keys: Sequence[Any], conditions: Iterable[ColumnElement[bool]]) -> Select[Any]:
    """The sums over the written images of finished runs, by these keys."""
    return (
        select(*keys, *IMAGE_SUMS)
        .select_from(RunRow)
        .join(AttemptRow, AttemptRow.run_id == RunRow.run_id)
        .join(ImageRow, ImageRow.attempt_id == AttemptRow.attempt_id)
        .where(RunRow.outcome.is_not(None), RunRow.outcome != str(Outcome.SKIPPED), ImageRow.blocks_written > 0)
        .where(*conditions)
        .group_by(*keys)
    )


def within(first: datetime | None, end: datetime | None) -> list[ColumnElement[bool]]:
    """The conditions for runs that started from `first` until before `end`; None is no limit."""
    conditions: list[ColumnElement[bool]] = []
    if first is not None:
        conditions.append(RunRow.started_at >= first)
    if end is not None:
        conditions.append(RunRow.started_at < end)
    return conditions


def _sum_up(session: Session, hour_at: datetime, conditions: Sequence[ColumnElement[bool]]) -> None:
    place: list[ColumnElement[Any]] = [getattr(RunRow, name) for name in PLACE]
    run_keys, image_keys = [*place, RunRow.outcome, RunRow.code], [*place, ImageRow.partition]
    for table, sums in ((HOUR_RUNS, run_sums(run_keys, conditions)), (HOUR_IMAGES, image_sums(image_keys, conditions))):
        rows = sums.subquery()
        query = select(literal(hour_at, UtcTime()), *rows.c)
        session.execute(insert(table).from_select([column.name for column in table.c], query))


def _at_place(columns: Any, cell: Cell) -> list[ColumnElement[bool]]:
    return [getattr(columns, name).is_not_distinct_from(getattr(cell, name)) for name in PLACE]
