"""Short lists out of a long log: the newest runs, and those of the units that a text names. All have a limit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, or_, select

from station.ledger.row_records import message_of
from station.ledger.selection import begins_with, conditions_of
from station.ledger.tables import NEWEST_FIRST, PRODUCT_SERIALS, RUNS, UNITS
from station.model.runs import Outcome
from station.model.serials import canonical_serial, reversed_serial
from station.model.units import FinishedRun, RunFilter, RunLine

PREFIX_LENGTH = 8
"""A text at least so long that serials begin with is not looked for inside of others: that is no chance."""

_COLUMNS = (
    RUNS.c.run_id,
    RUNS.c.serial,
    RUNS.c.outcome,
    RUNS.c.code,
    RUNS.c.slot,
    RUNS.c.started_at,
    RUNS.c.station_id,
)

_ENDING = (RUNS.c.message, RUNS.c.message_form, RUNS.c.message_values, RUNS.c.finished_at, RUNS.c.duration_s)


def newest_runs(connection: Connection, selection: RunFilter, limit: int) -> list[RunLine]:
    """The newest runs of a selection, newest first."""
    return _lines(connection, conditions_of(selection), limit)


def finished_runs(connection: Connection, station_id: str, since: datetime, limit: int) -> list[FinishedRun]:
    """The newest finished runs of a station that started since, newest first."""
    conditions = [RUNS.c.started_at >= since, RUNS.c.station_id == station_id, RUNS.c.outcome.is_not(None)]
    query = select(*_COLUMNS, *_ENDING).where(*conditions).order_by(*NEWEST_FIRST).limit(limit)
    return [
        FinishedRun(
            row.run_id, row.serial, row.slot, Outcome(row.outcome), row.code, message_of(row),
            row.finished_at or row.started_at, row.duration_s,
        )
        for row in connection.execute(query)
    ]  # fmt: skip


def runs_of_units(connection: Connection, text: str, limit: int) -> list[RunLine]:
    """The runs of units whose serial, or their application's or product's, is, begins with or contains a text, newest
    first."""
    unit_ids = {*_units(connection, canonical_serial(text), reversed_serial(text), limit)}
    unit_ids |= {*_units_of_products(connection, text.strip(), limit)}
    return _lines(connection, [RUNS.c.unit_id.in_(unit_ids)], limit) if unit_ids else []


def _units(connection: Connection, asked: str, reversed_: str | None, limit: int) -> Sequence[str]:
    """The keys of the units that a text means: the first reading of it that means any, by an index where there is."""
    if not asked:
        return ()
    query = select(UNITS.c.unit_id).limit(limit)
    shown = select(RUNS.c.unit_id).where(RUNS.c.application_key == asked)
    whole = query.where(or_(UNITS.c.serial == asked, UNITS.c.serial == reversed_, UNITS.c.unit_id.in_(shown)))
    if found := connection.execute(whole).scalars().all():
        return found
    if len(asked) >= PREFIX_LENGTH:
        begins = query.where(begins_with(connection, UNITS.c.serial, asked))
        found = connection.execute(begins).scalars().all()
        if 0 < len(found) < limit:
            return found
    # Read from the newest unit back: a text that many serials contain has its limit soon.
    contains = query.where(UNITS.c.serial.contains(asked, autoescape=True)).order_by(UNITS.c.unit_id.desc())
    if found := connection.execute(contains).scalars().all():
        return found
    shown_in_part = RUNS.c.application_key.contains(asked, autoescape=True)
    return connection.execute(select(RUNS.c.unit_id).where(shown_in_part).distinct().limit(limit)).scalars().all()


def _units_of_products(connection: Connection, text: str, limit: int) -> Sequence[str]:
    """The keys of the units whose product serial is a text or, where none is, contains it."""
    bound, query = PRODUCT_SERIALS.c, select(UNITS.c.unit_id).where(UNITS.c.identified).limit(limit)
    query = query.join(PRODUCT_SERIALS, PRODUCT_SERIALS.c.serial == UNITS.c.serial)
    if not text:
        return ()
    if found := connection.execute(query.where(bound.product_serial == text)).scalars().all():
        return found
    return connection.execute(query.where(bound.product_serial.contains(text, autoescape=True))).scalars().all()


def _lines(connection: Connection, conditions: Sequence[ColumnElement[bool]], limit: int) -> list[RunLine]:
    rows = connection.execute(select(*_COLUMNS).where(*conditions).order_by(*NEWEST_FIRST).limit(limit))
    return [_line(row) for row in rows]


def _line(row: Any) -> RunLine:
    outcome = None if row.outcome is None else Outcome(row.outcome)
    return RunLine(row.run_id, row.serial, outcome, row.code, row.slot, row.started_at, row.station_id)
