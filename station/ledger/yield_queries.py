"""What a yield report counts, counted by the database: the same figures as `station.yields.counting` has from runs.

What adds up comes from the sums by the hour, and from the runs only in hours of which a part is selected. What a unit
did first and last does not add up: for that one index is read once, in each unit's order, so nothing is sorted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Select, Table, and_, case, func, select

from station.ledger.hourly_sums import image_sums, measurement_sums, run_sums
from station.ledger.row_records import message_of
from station.ledger.selection import (
    at_places,
    broken_hours,
    conditions_of,
    counted,
    counting,
    for_purposes,
    touched,
    whole_hours,
)
from station.ledger.tables import HOUR_IMAGES, HOUR_MEASUREMENTS, HOUR_RUNS, IMAGES, MEASUREMENTS, RUNS
from station.model.done import ALREADY_PASSED
from station.model.runs import Outcome
from station.model.scrapping import SCRAPPED
from station.model.serials import canonical_serial
from station.model.unit_values import UnitValues
from station.model.units import FailedUnit, RunFilter
from station.yields.counting import BundleCount, Counts, OpenUnit, hour_of

_CHUNK = 500
"""So many units are asked for at once."""
_STREAMED = 20_000
"""So many rows come at once from a server."""

_PASS, _FAIL = str(Outcome.PASS), str(Outcome.FAIL)
_SKIPPED = str(Outcome.SKIPPED)
_COUNTED = (_PASS, _FAIL)
_BROKEN = (_FAIL, str(Outcome.ERROR))
_SELECTED, _ELSEWHERE = 2, 1
"""Marks of runs that are selected, and of others for the same purposes; those for other purposes have 0."""
_AFTER_ALL = (None,) * 10


def count(connection: Connection, selection: RunFilter) -> Counts:
    """Count the runs of a selection (without a serial). To be one moment, inside one transaction."""
    selection = counting(selection)
    counts = count_rates(connection, selection)
    _add_hours(connection, selection, counts)
    _add_measurements(connection, selection, counts)
    walk = _walk(connection, selection)
    _add_units(walk, counts)
    counts.open_details += [_open_unit(one, rows) for one, rows in _with_runs(connection, walk.waiting)]
    if selection.names_firmware:
        counts.bundles += _bundles(connection, selection)
    still_open = select(func.count()).where(RUNS.c.outcome.is_(None), *conditions_of(selection))
    counts.open_runs = connection.execute(still_open).scalar_one()
    counts.unproven_runs = connection.execute(_unproven(selection)).scalar_one()
    return counts


def failed(connection: Connection, selection: RunFilter) -> list[FailedUnit]:
    """The units of a selection that are not done, the longest waiting first."""
    failing = list(_with_runs(connection, _walk(connection, counting(selection)).waiting))
    failing.sort(key=lambda pair: (pair[1][0].started_at, pair[1][0].run_id))
    return [_failed_unit(one, rows[0]) for one, rows in failing]


def count_rates(connection: Connection, selection: RunFilter) -> Counts:
    """Count what adds up: runs and images, no units. Quick, however many runs there are."""
    counts = Counts()
    _add_runs(connection, selection, counts)
    _add_images(connection, selection, counts)
    return counts


def _add_runs(connection: Connection, selection: RunFilter, counts: Counts) -> None:
    sums = HOUR_RUNS.c
    keys = (sums.station_id, sums.slot, sums.outcome, sums.code)
    summed = (func.sum(sums.runs), func.sum(sums.timed_runs), func.sum(sums.duration_s))
    span = (func.min(sums.first_started_at), func.max(sums.last_ended_at))
    whole = _of_whole_hours(selection, HOUR_RUNS, select(*keys, *summed, *span).group_by(*keys))
    row_keys = (RUNS.c.station_id, RUNS.c.slot, RUNS.c.outcome, RUNS.c.code)
    rest = [run_sums(row_keys, conditions_of(part)) for part in broken_hours(selection)]
    for station_id, slot, outcome, code, runs, timed_runs, duration_s, start, end in _rows(connection, [*whole, *rest]):
        counts.runs[(station_id, slot), Outcome(outcome), code or ""].add(runs, timed_runs, duration_s)
        if outcome != Outcome.SKIPPED and code != SCRAPPED:
            counts.add_span(start, end)


def _add_hours(connection: Connection, selection: RunFilter, counts: Counts) -> None:
    sums = HOUR_RUNS.c
    query = select(sums.hour_at, sums.outcome, func.sum(sums.runs)).where(sums.outcome.in_(_COUNTED))
    for whole in _of_whole_hours(selection, HOUR_RUNS, query.group_by(sums.hour_at, sums.outcome)):
        for hour_at, outcome, runs in connection.execute(whole):
            counts.hours[hour_at, outcome == _PASS] += runs
    for part in broken_hours(selection):
        if part.is_of_units:
            _add_hours_of_units(connection, part, counts)
            continue
        assert part.since is not None  # a part of one hour begins somewhere in it
        within = select(RUNS.c.outcome, func.count()).where(counted(), *conditions_of(part)).group_by(RUNS.c.outcome)
        for outcome, runs in connection.execute(within):
            counts.hours[hour_of(part.since), outcome == _PASS] += runs


def _add_hours_of_units(connection: Connection, selection: RunFilter, counts: Counts) -> None:
    """Of few units, and so few runs."""
    query = select(RUNS.c.started_at, RUNS.c.outcome).where(counted(), *conditions_of(selection))
    for started_at, outcome in connection.execute(query):
        counts.hours[hour_of(started_at), outcome == _PASS] += 1


def _add_images(connection: Connection, selection: RunFilter, counts: Counts) -> None:
    sums = HOUR_IMAGES.c
    keys = (sums.partition, sums.station_id, sums.slot)
    columns = (sums.images, sums.total_s, sums.write_s, sums.written_bytes, sums.retries)
    summed = [func.sum(column) for column in columns]
    whole = _of_whole_hours(selection, HOUR_IMAGES, select(*keys, *summed).group_by(*keys))
    row_keys = (IMAGES.c.partition, RUNS.c.station_id, RUNS.c.slot)
    rest = [image_sums(row_keys, conditions_of(part)) for part in broken_hours(selection)]
    for partition, station_id, slot, *values in _rows(connection, [*whole, *rest]):
        counts.images[partition, (station_id, slot)].add(*values)


def _add_measurements(connection: Connection, selection: RunFilter, counts: Counts) -> None:
    sums = HOUR_MEASUREMENTS.c
    keys = (sums.name, sums.unit, sums.station_id, sums.slot)
    added = [func.sum(each) for each in (sums.measured, sums.missing, sums.failed, sums.numbers, sums.total)]
    query = select(*keys, *added, func.min(sums.least), func.max(sums.most)).group_by(*keys)
    whole = _of_whole_hours(selection, HOUR_MEASUREMENTS, query)
    row_keys = (MEASUREMENTS.c.name, MEASUREMENTS.c.unit, RUNS.c.station_id, RUNS.c.slot)
    rest = [measurement_sums(row_keys, conditions_of(part)) for part in broken_hours(selection)]
    for name, unit, station_id, slot, *values in _rows(connection, [*whole, *rest]):
        counts.measurements[name, unit or "", (station_id, slot)].add(*values)


def _of_whole_hours(selection: RunFilter, table: Table, query: Select[Any]) -> list[Select[Any]]:
    """The query over the hours that are selected as a whole, if there are any."""
    hours = whole_hours(selection)
    if hours is None:
        return []
    first_hour, end_hour = hours
    conditions = [*at_places(selection, table.c), *for_purposes(selection, table.c)]
    if first_hour is not None:
        conditions.append(table.c.hour_at >= first_hour)
    if end_hour is not None:
        conditions.append(table.c.hour_at < end_hour)
    return [query.where(*conditions)]


def _rows(connection: Connection, queries: list[Select[Any]]) -> Iterator[Any]:
    for query in queries:
        yield from connection.execute(query)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A unit that is not done: the run that tells why, the newest that touched it, and how many did."""

    run_id: str
    newest_run_id: str
    runs: int
    passed_before: bool


def _walk(connection: Connection, selection: RunFilter) -> _Walk:
    """Walk through all runs of the units of a selection; they are marked as below."""
    of_purpose = and_(*for_purposes(selection, RUNS.c))
    everywhere = selection == RunFilter(until=selection.until, purposes=selection.purposes)
    mark = case((of_purpose, _SELECTED), else_=0)
    if not everywhere:
        mark = case((and_(*conditions_of(selection)), _SELECTED), (of_purpose, _ELSEWHERE), else_=0)
    columns = (
        RUNS.c.unit_id, RUNS.c.outcome, RUNS.c.passed_at_once, RUNS.c.slot, RUNS.c.duration_s, RUNS.c.code,
        RUNS.c.may_have_written, RUNS.c.run_id, RUNS.c.station_id, mark,
    )  # fmt: skip
    query = select(*columns)
    if selection.until is not None:
        # What came later does not change what was so then.
        query = query.where(RUNS.c.started_at < selection.until)
    if not everywhere:
        query = query.where(RUNS.c.unit_id.in_(select(RUNS.c.unit_id).where(*conditions_of(selection))))
    walk = _Walk()
    walk.through(_driver_rows(connection, query.order_by(RUNS.c.unit_id, RUNS.c.ordered_at, RUNS.c.run_id)))
    return walk


def _driver_rows(connection: Connection, query: Select[Any]) -> Any:
    """The rows of a query. A file's are the driver's own: wrapping a million would take as long again as reading them.
    A server sends all of them at once, unless they are asked for in parts."""
    if connection.dialect.name == "sqlite":
        return connection.execute(query).cursor
    result = connection.execute(query, execution_options={"yield_per": _STREAMED})
    return chain.from_iterable(result.partitions())


def _add_units(walk: _Walk, counts: Counts) -> None:
    """Count what each unit did first and last, and whether it is done."""
    counts.durations_s = walk.durations_s
    for (first, last, several, done, has_touched), number in walk.units.items():
        counts.units_started += number * has_touched
        first_outcome = None
        if first is not None:
            station_id, slot, at_once, outcome = first
            counts.firsts[(station_id, slot), bool(at_once)] += number
            first_outcome = Outcome(outcome)
        last_outcome = None if last is None else Outcome(last)
        counts.add_units(number, first_outcome, last_outcome, several=several, done=done)
    for _, code, outcome in walk.broken:
        counts.code_units[code, Outcome(outcome)] += 1


class _Walk:
    """A walk through runs in each unit's order; what it says of a unit is `station.model.done`.

    `units` counts units by their first counted run (station, slot, at once, outcome), their last one's outcome, whether
    these are two, whether the unit is done and whether any run touched it; `waiting` are those not done; `broken` has
    unit, code and outcome of runs that ended FAIL or ERROR; `durations_s` has the seconds of the runs that passed.
    """

    def __init__(self) -> None:
        self.units: Counter[tuple[tuple[Any, ...] | None, str | None, bool, bool, bool]] = Counter()
        self.waiting: list[_Waiting] = []
        self.broken: set[tuple[str, str, str]] = set()
        self.durations_s: list[float] = []

    def through(self, rows: Any) -> None:
        """Go through all rows: a million in about a second, and so one plain loop over local names."""
        units, durations_s = self.units, self.durations_s
        current = first = last = newest = own = own_bad = any_bad = None  # type: Any
        several = passed = mine = False
        runs = 0
        for unit_id, outcome, at_once, slot, duration_s, code, wrote, run_id, station, mark in chain(
            rows, [_AFTER_ALL]
        ):
            if unit_id != current:
                if mine:
                    done = own is not None and own_bad is None and any_bad is None
                    units[first, last, several, done, runs > 0] += 1
                    if not done:
                        telling: Any = own_bad or any_bad or newest
                        self.waiting.append(_Waiting(telling, newest or telling, runs, passed))
                current, first, last, newest, own, own_bad, any_bad = unit_id, None, None, None, None, None, None
                several = passed = mine = False
                runs = 0
            selected = mark == _SELECTED
            earlier = outcome == _SKIPPED and code == ALREADY_PASSED
            if mark and (outcome == _PASS or earlier):
                any_bad = None
                if selected:
                    own, own_bad, mine = run_id, None, True
            elif outcome is None or outcome == _FAIL or wrote:
                any_bad = run_id
                if selected:
                    own = own_bad = run_id
            if not selected:
                continue
            if outcome == _PASS:
                passed = True
                if duration_s is not None:
                    durations_s.append(duration_s)
            elif outcome in _BROKEN:
                self.broken.add((unit_id, code or "", outcome))
            if outcome != _SKIPPED:
                mine = True
                runs += 1
                newest = run_id
            if outcome in _COUNTED:
                if first is None:
                    first = (station, slot, at_once, outcome)
                else:
                    several = True
                last = outcome


def _with_runs(connection: Connection, waiting: Sequence[_Waiting]) -> Iterator[tuple[_Waiting, tuple[Any, Any]]]:
    """Each with the rows of the run that tells why it waits and of the newest that touched it."""
    for first in range(0, len(waiting), _CHUNK):
        chunk = waiting[first : first + _CHUNK]
        keys = {key for one in chunk for key in (one.run_id, one.newest_run_id)}
        found = connection.execute(select(RUNS).where(RUNS.c.run_id.in_(keys)))
        rows = {row.run_id: row for row in found}
        yield from ((one, (rows[one.run_id], rows[one.newest_run_id])) for one in chunk)


def _outcome_of(row: Any) -> Outcome | None:
    return None if row.outcome is None else Outcome(row.outcome)


def _open_unit(one: _Waiting, rows: tuple[Any, Any]) -> OpenUnit:
    telling, newest = rows
    return OpenUnit(
        serial=canonical_serial(telling.serial),
        code=telling.code,
        slot=telling.slot,
        station_id=telling.station_id,
        runs=one.runs,
        last_at=newest.started_at,
        outcome=_outcome_of(telling),
        passed_before=one.passed_before,
    )


def _failed_unit(one: _Waiting, row: Any) -> FailedUnit:
    return FailedUnit(
        serial=row.serial,
        identified=row.identified,
        batch=row.batch,
        code=row.code,
        message=message_of(row),
        slot=row.slot,
        station_id=row.station_id,
        port_path=row.port_path,
        failed_at=row.finished_at,
        runs=one.runs,
        bundle=row.bundle,
        recipe=row.recipe,
        run_id=row.run_id,
        outcome=_outcome_of(row),
        passed_before=one.passed_before,
        product_serial=row.product_serial,
        unit_values=UnitValues.of(row.unit_values),
    )


def _unproven(selection: RunFilter) -> Select[int]:
    """Runs that passed while the configuration turned a proof off."""
    passed = (RUNS.c.proofs_off.is_not(None), RUNS.c.outcome == str(Outcome.PASS))
    return select(func.count()).where(*passed, *conditions_of(selection))


def _bundles(connection: Connection, selection: RunFilter) -> Iterator[BundleCount]:
    """Which firmware and recipe the runs were made with that touched a camera."""
    keys = (RUNS.c.bundle, RUNS.c.bundle_sha256, RUNS.c.recipe)
    figures = (func.max(RUNS.c.bundle_version), func.count(RUNS.c.unit_id.distinct()), func.count())
    query = (
        select(*keys, *figures)
        .where(touched(), RUNS.c.code.is_distinct_from(SCRAPPED), *conditions_of(selection))
        .group_by(*keys)
    )
    for bundle, sha256, recipe, version, units, runs in connection.execute(query):
        yield BundleCount(bundle, sha256, version, recipe, units, runs)
