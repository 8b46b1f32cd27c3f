"""What a yield report counts, counted by the database: the same figures as `station.model.yields` has from runs.

What adds up comes from the sums by the hour, and from the runs only in hours of which a part is selected. What a unit
did first and last does not add up: for that one index is read once, in each unit's order, so nothing is sorted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import chain, groupby
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, func, select

from station.ledger.selection import at_places, broken_hours, conditions_of, counted, touched, whole_hours
from station.ledger.tables import HOUR_IMAGES, HOUR_RUNS, IMAGES, OLDEST_FIRST, RUNS, UNITS
from station.ledger.tallies import image_sums, run_sums
from station.model.runs import Outcome
from station.model.units import RunFilter
from station.model.yields import Counts, OpenUnit, hour_of

_CHUNK = 500
"""So many units are asked for at once."""

_PASS, _FAIL = str(Outcome.PASS), str(Outcome.FAIL)
_COUNTED = (_PASS, _FAIL)
_BROKEN = (_FAIL, str(Outcome.ERROR))
_AFTER_ALL = (None,) * 6


def count(connection: Connection, selection: RunFilter) -> Counts:
    """Count the runs of a selection (without a serial). To be one moment, inside one transaction."""
    counts = count_rates(connection, selection)
    _add_hours(connection, selection, counts)
    open_unit_ids = _add_units(connection, selection, counts)
    for first in range(0, len(open_unit_ids), _CHUNK):
        counts.open_details += _open_units(connection, selection, open_unit_ids[first : first + _CHUNK])
    still_open = select(func.count()).where(RUNS.c.outcome.is_(None), *conditions_of(selection))
    counts.open_runs = connection.execute(still_open).scalar_one()
    return counts


def count_rates(connection: Connection, selection: RunFilter) -> Counts:
    """Count what adds up: runs and images, no units. Quick, however many runs there are."""
    counts = Counts()
    _add_runs(connection, selection, counts)
    _add_images(connection, selection, counts)
    return counts


def _add_runs(connection: Connection, selection: RunFilter, counts: Counts) -> None:
    sums = HOUR_RUNS.c
    keys = (sums.slot, sums.outcome, sums.code)
    summed = (func.sum(sums.runs), func.sum(sums.timed_runs), func.sum(sums.duration_s))
    span = (func.min(sums.first_started_at), func.max(sums.last_ended_at))
    whole = _of_whole_hours(selection, HOUR_RUNS, select(*keys, *summed, *span).group_by(*keys))
    row_keys = (RUNS.c.slot, RUNS.c.outcome, RUNS.c.code)
    rest = [run_sums(row_keys, conditions_of(part)) for part in broken_hours(selection)]
    for slot, outcome, code, runs, timed_runs, duration_s, start, end in _rows(connection, [*whole, *rest]):
        counts.runs[slot, Outcome(outcome), code or ""].add(runs, timed_runs, duration_s)
        if outcome != Outcome.SKIPPED:
            counts.add_span(start, end)


def _add_hours(connection: Connection, selection: RunFilter, counts: Counts) -> None:
    sums = HOUR_RUNS.c
    query = select(sums.hour_at, sums.outcome, func.sum(sums.runs)).where(sums.outcome.in_(_COUNTED))
    for whole in _of_whole_hours(selection, HOUR_RUNS, query.group_by(sums.hour_at, sums.outcome)):
        for hour_at, outcome, runs in connection.execute(whole):
            counts.hours[hour_at, outcome == _PASS] += runs
    for part in broken_hours(selection):
        assert part.since is not None  # a part of one hour begins somewhere in it
        within = select(RUNS.c.outcome, func.count()).where(counted(), *conditions_of(part)).group_by(RUNS.c.outcome)
        for outcome, runs in connection.execute(within):
            counts.hours[hour_of(part.since), outcome == _PASS] += runs


def _add_images(connection: Connection, selection: RunFilter, counts: Counts) -> None:
    sums = HOUR_IMAGES.c
    keys = (sums.partition, sums.slot)
    columns = (sums.images, sums.total_s, sums.write_s, sums.written_bytes, sums.retries)
    summed = [func.sum(column) for column in columns]
    whole = _of_whole_hours(selection, HOUR_IMAGES, select(*keys, *summed).group_by(*keys))
    rest = [image_sums((IMAGES.c.partition, RUNS.c.slot), conditions_of(part)) for part in broken_hours(selection)]
    for partition, slot, *values in _rows(connection, [*whole, *rest]):
        counts.images[partition, slot].add(*values)


def _of_whole_hours(selection: RunFilter, table: Table, query: Select[Any]) -> list[Select[Any]]:
    """The query over the hours that are selected as a whole, if there are any."""
    hours = whole_hours(selection)
    if hours is None:
        return []
    first_hour, end_hour = hours
    conditions: list[ColumnElement[bool]] = at_places(selection, table.c)
    if first_hour is not None:
        conditions.append(table.c.hour_at >= first_hour)
    if end_hour is not None:
        conditions.append(table.c.hour_at < end_hour)
    return [query.where(*conditions)]


def _rows(connection: Connection, queries: list[Select[Any]]) -> Iterator[Any]:
    for query in queries:
        yield from connection.execute(query)


def _add_units(connection: Connection, selection: RunFilter, counts: Counts) -> list[str]:
    """Count what each unit did first and last; returns the keys of those that are still to pass."""
    columns = (RUNS.c.unit_id, RUNS.c.outcome, RUNS.c.passed_at_once, RUNS.c.slot, RUNS.c.duration_s, RUNS.c.code)
    query = select(*columns).where(touched(), *conditions_of(selection))
    result = connection.execute(query.order_by(RUNS.c.unit_id, RUNS.c.started_at, RUNS.c.run_id))
    walk = _Walk()
    # The driver's own rows: wrapping a million of them would take as long again as reading them.
    walk.through(result.cursor)
    counts.durations_s = walk.durations_s
    for (first, last, several), number in walk.units.items():
        passed = number if last == _PASS else 0
        counts.units_started += number
        counts.units_passed += passed
        if first is not None:
            slot, at_once, outcome = first
            counts.firsts[slot, bool(at_once)] += number
            if several and outcome == _FAIL:
                counts.units_retested += number
                counts.units_recovered += passed
    for _, code, outcome in walk.broken:
        counts.code_units[code, Outcome(outcome)] += 1
    return walk.open_unit_ids


class _Walk:
    """A walk through runs in each unit's order.

    `units` counts units by their first counted run (slot, at once, outcome), their last one's outcome and whether these
    are two; `open_unit_ids` are those whose last counted run did not pass; `broken` has unit, code and outcome of runs
    that ended FAIL or ERROR; `durations_s` has the seconds of the runs that passed.
    """

    def __init__(self) -> None:
        self.units: Counter[tuple[tuple[Any, ...] | None, str | None, bool]] = Counter()
        self.open_unit_ids: list[str] = []
        self.broken: set[tuple[str, str, str]] = set()
        self.durations_s: list[float] = []

    def through(self, rows: Any) -> None:
        """Go through all rows: a million in about a second, and so one plain loop over local names."""
        units, durations_s = self.units, self.durations_s
        current = first = last = None
        several = False
        for unit_id, outcome, at_once, slot, duration_s, code in chain(rows, [_AFTER_ALL]):
            if unit_id != current:
                if current is not None:
                    units[first, last, several] += 1
                    if last != _PASS:
                        self.open_unit_ids.append(current)
                current, first, last, several = unit_id, None, None, False
            if outcome == _PASS:
                if duration_s is not None:
                    durations_s.append(duration_s)
            elif outcome in _BROKEN:
                self.broken.add((unit_id, code or "", outcome))
            if outcome in _COUNTED:
                if first is None:
                    first = (slot, at_once, outcome)
                else:
                    several = True
                last = outcome


def _open_units(connection: Connection, selection: RunFilter, unit_ids: list[str]) -> Iterator[OpenUnit]:
    """Where and how these units ended up."""
    query = (
        select(UNITS.c.unit_id, UNITS.c.serial, RUNS.c.started_at, RUNS.c.outcome, RUNS.c.code, RUNS.c.slot)
        .join(UNITS, UNITS.c.unit_id == RUNS.c.unit_id)
        .where(RUNS.c.unit_id.in_(unit_ids), touched(), *conditions_of(selection))
        .order_by(RUNS.c.unit_id, *OLDEST_FIRST)
    )
    for _, group in groupby(connection.execute(query), key=lambda row: row.unit_id):
        runs = list(group)
        telling = [run for run in runs if run.outcome in _COUNTED] or [run for run in runs if run.outcome] or runs
        yield OpenUnit(runs[0].serial, telling[-1].code, telling[-1].slot, len(runs), runs[-1].started_at)
