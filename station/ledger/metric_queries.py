"""What a monitoring system is told of the log: counts that only rise, by slot, outcome and code.

Runs and images are read from the sums by the hour. How long runs took is in no such sum: it is counted run by run, but
only in hours that changed since it was counted last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import ColumnElement, Connection, case, func, select

from station.ledger import schema_version
from station.ledger.database import open_reader, translated
from station.ledger.hourly_sums import HOUR
from station.ledger.tables import HOUR_IMAGES, HOUR_RUNS, RUNS
from station.model.write_times import Spread

DURATION_BOUNDS_S = (5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0)


@dataclass(frozen=True, slots=True)
class RunCount:
    """So many finished runs ended so in a slot."""

    slot: str
    outcome: str
    code: str
    runs: int


@dataclass(frozen=True, slots=True)
class Written:
    """What was written in a slot, and how long that took: images of which enough was written to tell a rate."""

    slot: str
    partition: str
    bytes: float
    seconds: float


class MetricQueries:
    """Asks the log of one station; for one thread at a time. Errors: LedgerError."""

    def __init__(self, data_dir: Path, station_id: str) -> None:
        schema_version.require_current(data_dir)
        self._data_dir = data_dir
        self._station_id = station_id
        self._engine = open_reader(data_dir)
        self._hours: dict[datetime, tuple[tuple[object, ...], dict[str, Spread]]] = {}
        """Of each hour what it was like when it was counted, and how long its runs took, by outcome."""

    def close(self) -> None:
        """Close the connection."""
        self._engine.dispose()

    def take(self) -> tuple[list[RunCount], list[Written], dict[str, Spread]]:
        """Runs, bytes, and how long runs took by outcome: of one moment."""
        with translated(self._data_dir), self._engine.connect() as connection:
            return self._runs(connection), self._written(connection), self._durations(connection)

    def _runs(self, connection: Connection) -> list[RunCount]:
        sums = HOUR_RUNS.c
        keys = (sums.slot, sums.outcome, sums.code)
        query = select(*keys, func.sum(sums.runs).label("runs")).where(sums.station_id == self._station_id)
        return [
            RunCount(row.slot, row.outcome, row.code or "", int(row.runs))
            for row in connection.execute(query.group_by(*keys))
        ]

    def _written(self, connection: Connection) -> list[Written]:
        sums = HOUR_IMAGES.c
        keys = (sums.slot, sums.partition)
        totals = (func.sum(sums.written_bytes).label("bytes"), func.sum(sums.write_s).label("seconds"))
        query = select(*keys, *totals).where(sums.station_id == self._station_id).group_by(*keys)
        return [
            Written(row.slot, row.partition, float(row.bytes), float(row.seconds)) for row in connection.execute(query)
        ]

    def _durations(self, connection: Connection) -> dict[str, Spread]:
        sums = HOUR_RUNS.c
        query = (
            select(sums.hour_at, func.sum(sums.runs), func.sum(sums.duration_s), func.max(sums.last_ended_at))
            .where(sums.station_id == self._station_id)
            .group_by(sums.hour_at)
        )
        hours: dict[datetime, tuple[tuple[object, ...], dict[str, Spread]]] = {}
        for hour_at, *like in connection.execute(query):
            known = self._hours.get(hour_at)
            kept = known is not None and known[0] == tuple(like)
            hours[hour_at] = known if known and kept else (tuple(like), self._count(connection, hour_at, HOUR))
        self._hours = hours
        totals: dict[str, Spread] = {}
        for _, spreads in hours.values():
            for outcome, spread in spreads.items():
                totals[outcome] = totals[outcome].plus(spread) if outcome in totals else spread
        return totals

    def _count(self, connection: Connection, since: datetime, span: timedelta) -> dict[str, Spread]:
        within = (RUNS.c.started_at >= since, RUNS.c.started_at < since + span, RUNS.c.station_id == self._station_id)
        query = select(RUNS.c.outcome, _bucket(DURATION_BOUNDS_S), func.count(), func.sum(RUNS.c.duration_s))
        query = query.where(*within, RUNS.c.outcome.is_not(None), RUNS.c.duration_s.is_not(None))
        found: dict[str, Spread] = {}
        for outcome, place, count, total_s in connection.execute(query.group_by(RUNS.c.outcome, "bucket")):
            counts = [0] * (len(DURATION_BOUNDS_S) + 1)
            counts[place] = int(count)
            one = Spread(DURATION_BOUNDS_S, tuple(counts), float(total_s))
            found[outcome] = found[outcome].plus(one) if outcome in found else one
        return found


def _bucket(bounds_s: Sequence[float]) -> ColumnElement[int]:
    """The place of the first bound that a run's duration does not exceed."""
    places = [(RUNS.c.duration_s <= bound_s, place) for place, bound_s in enumerate(bounds_s)]
    return case(*places, else_=len(bounds_s)).label("bucket")
