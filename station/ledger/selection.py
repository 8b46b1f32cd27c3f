"""Which runs: the conditions that a selection means, on the runs themselves and on their sums by the hour."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from station.ledger.hourly_sums import HOUR, PLACE
from station.ledger.tables import RUNS, UNIT_VALUES, UNITS
from station.model.done import ALREADY_PASSED, COUNTED_PURPOSES
from station.model.runs import Outcome
from station.model.serials import canonical_serial
from station.model.units import RunFilter
from station.yields.counting import hour_of

_LAST = "\U0010ffff"


def conditions_of(selection: RunFilter, runs: Any = RUNS.c) -> list[ColumnElement[bool]]:
    """The conditions of a selection, on the columns of runs or of an alias of them."""
    conditions = [*at_places(selection, runs), *for_purposes(selection, runs)]
    if selection.since is not None:
        conditions.append(runs.started_at >= selection.since)
    if selection.until is not None:
        conditions.append(runs.started_at < selection.until)
    if selection.serial is not None:
        unit = select(UNITS.c.unit_id).where(is_identified_unit(selection.serial))
        conditions.append(runs.unit_id == unit.scalar_subquery())
    if selection.product_serial is not None:
        conditions.append(runs.product_serial == selection.product_serial)
    for key, value in selection.where:
        conditions += _has_value(runs, key, value)
    return conditions


def _has_value(runs: Any, key: str, value: str) -> list[ColumnElement[bool]]:
    """The conditions for runs whose record has a value; the units that ever had it are found by an index first."""
    serials = select(UNIT_VALUES.c.serial).where(UNIT_VALUES.c.key == key, UNIT_VALUES.c.value == value)
    units = select(UNITS.c.unit_id).where(UNITS.c.serial.in_(serials), UNITS.c.identified)
    return [runs.unit_id.in_(units), runs.unit_values[key].as_string() == value]


def is_identified_unit(serial: str) -> ColumnElement[bool]:
    """The condition for the one unit of a serial."""
    return and_(UNITS.c.serial == canonical_serial(serial), UNITS.c.identified)


def begins_with(connection: Connection, column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    """The condition for a column that begins with a text. In SQLite, whose LIKE uses no index, a range; elsewhere the
    order of texts is the server's own."""
    if connection.dialect.name != "sqlite":
        return column.startswith(text, autoescape=True)
    return and_(column >= text, column < text + _LAST)


def at_places(selection: RunFilter, columns: Any) -> list[ColumnElement[bool]]:
    """The conditions of a selection but for the time, on whatever has the columns of a place."""
    return [
        getattr(columns, name) == getattr(selection, name) for name in PLACE if getattr(selection, name) is not None
    ]


def for_purposes(selection: RunFilter, columns: Any) -> list[ColumnElement[bool]]:
    """The condition of a selection for the purposes, on whatever has that column."""
    return [columns.purpose.in_([str(purpose) for purpose in selection.purposes])] if selection.purposes else []


def counting(selection: RunFilter) -> RunFilter:
    """The selection for a report: of the purposes that count, where it names none."""
    return selection if selection.purposes else replace(selection, purposes=COUNTED_PURPOSES)


def counted(runs: Any = RUNS.c) -> ColumnElement[bool]:
    """The condition for runs that count in a yield."""
    return runs.outcome.in_((str(Outcome.PASS), str(Outcome.FAIL)))  # type: ignore[no-any-return]


def has_result(runs: Any = RUNS.c) -> ColumnElement[bool]:
    """The condition for runs that give their unit a result, as `station.model.done.has_result`."""
    earlier = and_(runs.outcome == str(Outcome.SKIPPED), runs.code == ALREADY_PASSED)
    return and_(runs.purpose.in_([str(one) for one in COUNTED_PURPOSES]), or_(counted(runs), earlier))


def touched(runs: Any = RUNS.c) -> ColumnElement[bool]:
    """The condition for runs that may have changed their camera."""
    return or_(runs.outcome.is_(None), runs.outcome != str(Outcome.SKIPPED))


def whole_hours(selection: RunFilter) -> tuple[datetime | None, datetime | None] | None:
    """From which hour until before which hour the selection has whole hours that sums are kept for; None for none."""
    if selection.is_of_units:
        return None
    first, end = selection.since, selection.until
    first_hour = None if first is None else _next_hour(first)
    end_hour = None if end is None else hour_of(end)
    if first_hour is not None and end_hour is not None and first_hour > end_hour:
        return None
    return first_hour, end_hour


def broken_hours(selection: RunFilter) -> list[RunFilter]:
    """The rest: selections of the runs that lie in hours of which only a part is selected, two at most; or of all."""
    whole = whole_hours(selection)
    if whole is None:
        return [selection]
    first_hour, end_hour = whole
    rest = []
    if selection.since is not None and selection.since != first_hour:
        rest.append(replace(selection, until=first_hour))
    if selection.until is not None and selection.until != end_hour:
        rest.append(replace(selection, since=end_hour))
    return rest


def _next_hour(moment: datetime) -> datetime:
    """The moment itself where an hour begins there."""
    begun = hour_of(moment)
    return begun if begun == moment else begun + HOUR
