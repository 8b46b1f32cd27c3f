"""Questions to the log, from any process or thread, while the station writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, and_, func, or_, select

from station.ledger import lists, schema, yields
from station.ledger.database import open_reader, translated
from station.ledger.history import HistoryQuestion
from station.ledger.loading import load_runs
from station.ledger.records import batch_record, release_record
from station.ledger.selection import conditions_of, counted, touched
from station.ledger.tables import BATCHES, OLDEST_FIRST, RELEASES, RUNS, UNITS
from station.model.balance import BatchSummary, summary_of
from station.model.batches import Batch
from station.model.events import UnitHistory
from station.model.runs import Outcome, RunRecord
from station.model.serials import canonical_serial, reversed_serial
from station.model.units import FailedUnit, RunFilter, RunLine, UnitStory, unit_key
from station.model.yields import Rates, YieldReport, rates_of, report_of

_EVERYTHING = RunFilter()


class Reader:
    """Reads the log. Every answer is of one moment: the last commit when its question began.

    May be shared by threads. Errors: LedgerError, at the start also for a log that is not there or not current.
    """

    def __init__(self, data_dir: Path) -> None:
        schema.require_current(data_dir)
        self._data_dir = data_dir
        self._engine = open_reader(data_dir)
        self._history = HistoryQuestion(self._engine)

    def close(self) -> None:
        """Close the connections."""
        self._history.close()
        self._engine.dispose()

    def runs(self, selection: RunFilter = _EVERYTHING) -> Iterator[RunRecord]:
        """The runs of a selection with their attempts and images, open ones too, in the order they started.

        Read in chunks, all of one moment: a million runs need no more memory than a few hundred.
        """
        query = select(RUNS).where(*conditions_of(selection)).order_by(*OLDEST_FIRST)
        with translated(self._data_dir), self._engine.connect() as connection:
            yield from load_runs(connection, query)

    def newest(self, selection: RunFilter, limit: int) -> list[RunLine]:
        """The newest runs of a selection, newest first, at most `limit`."""
        with translated(self._data_dir), self._engine.connect() as connection:
            return lists.newest_runs(connection, selection, limit)

    def found(self, text: str, limit: int) -> list[RunLine]:
        """The runs of the units that a serial or a part of one names, newest first, at most `limit` of at most so many.

        A whole serial may be in either byte order. It, and a beginning of eight digits or more, is found by an index.
        """
        with translated(self._data_dir), self._engine.connect() as connection:
            return lists.runs_of_units(connection, text, limit)

    def unit(self, serial: str) -> UnitStory:
        """One camera's whole history, oldest run first, also runs in which its serial named no single unit.

        The serial may be in either case and either byte order; the bootloader's order is tried first. A serial that the
        log does not know gives a story without runs.
        """
        with translated(self._data_dir), self._engine.connect() as connection:
            known = _known_spelling(connection, serial)
            runs = select(RUNS).join(UNITS).where(UNITS.c.serial == known).order_by(*OLDEST_FIRST)
            released = select(RELEASES).where(RELEASES.c.serial == known).order_by(RELEASES.c.released_at)
            releases = tuple(release_record(row) for row in connection.execute(released))
            return UnitStory(known, tuple(load_runs(connection, runs)), releases)

    def history(self, serial: str, batch: str | None) -> UnitHistory:
        """What the interlock must know before it touches the unit of a serial, as the bootloader spells it. Fast."""
        with translated(self._data_dir):
            return self._history.ask(serial, batch)

    def failed(self, batch: str | None = None, *, since: datetime | None = None, max_runs: int = 0) -> list[FailedUnit]:
        """The units whose latest counted run failed, the longest waiting first; of all batches where none is named.

        With `since`, only runs that started then or later are looked at.

        With `max_runs`, those that failed so often in the batch of that run are marked as set aside.
        """
        query = _failed_query(RunFilter(batch=batch, since=since))
        with translated(self._data_dir), self._engine.connect() as connection:
            units = [_failed_unit(row) for row in connection.execute(query)]
        return [replace(unit, set_aside=self._is_set_aside(unit, max_runs)) for unit in units] if max_runs else units

    def _is_set_aside(self, unit: FailedUnit, max_runs: int) -> bool:
        """As the interlock sees it; a serial that names no unit has no history."""
        return unit.identified and self.history(unit.serial, unit.batch).failed_runs >= max_runs

    def summary(
        self, batch: str | None = None, since: datetime | None = None, until: datetime | None = None
    ) -> YieldReport:
        """The yield report of the runs of a batch that started from `since` until before `until`."""
        return self.report(RunFilter(batch=batch, since=since, until=until))

    def report(self, selection: RunFilter = _EVERYTHING) -> YieldReport:
        """The yield report of a selection of runs (`serial` is not asked: for one camera there is `unit`)."""
        with translated(self._data_dir), self._engine.connect() as connection:
            counts = yields.count(connection, replace(selection, serial=None))
            return report_of(counts, selection, _planned(connection, selection.whole_batch))

    def open_batch(self, station_id: str) -> Batch | None:
        """The batch that was begun last at a station's bench and is not ended; None where there is none."""
        query = select(BATCHES).where(BATCHES.c.station_id == station_id, BATCHES.c.ended_at.is_(None))
        with translated(self._data_dir), self._engine.connect() as connection:
            row = connection.execute(query.order_by(BATCHES.c.begun_at.desc()).limit(1)).one_or_none()
            return batch_record(row) if row else None

    def batch_summary(self, batch: str) -> BatchSummary:
        """The balance of a batch: where its units are."""
        return summary_of(batch, self.summary(batch))

    def counted_units(self, station_id: str, batch: str) -> set[str]:
        """The units with a counted run in a batch at a station, by `unit_key`."""
        chosen = (RUNS.c.batch == batch, RUNS.c.station_id == station_id, counted())
        query = select(RUNS.c.serial, RUNS.c.identified, RUNS.c.run_id).where(*chosen)
        with translated(self._data_dir), self._engine.connect() as connection:
            return {unit_key(serial, identified, run_id) for serial, identified, run_id in connection.execute(query)}

    def unit_of_application(self, serial: str) -> str | None:
        """The unit, by its bootloader's serial, whose application showed `serial`; None where not exactly one did."""
        # The log's column for it comes with its next schema.
        return None

    def rates(self, selection: RunFilter = _EVERYTHING) -> Rates:
        """How fast the runs of a selection were (`serial` is not asked)."""
        with translated(self._data_dir), self._engine.connect() as connection:
            return rates_of(yields.count_rates(connection, replace(selection, serial=None)))

    def open_runs(self, station_id: str | None = None) -> int:
        """How many runs are open, of one station or of all."""
        query = select(func.count()).select_from(RUNS).where(RUNS.c.outcome.is_(None))
        if station_id is not None:
            query = query.where(RUNS.c.station_id == station_id)
        with translated(self._data_dir), self._engine.connect() as connection:
            return connection.execute(query).scalar_one()


def _known_spelling(connection: Connection, serial: str) -> str:
    """The serial's spelling in the log; the canonical form of what was asked where the log knows neither."""
    asked = canonical_serial(serial)
    for spelling in (asked, reversed_serial(serial)):
        if spelling and connection.scalar(select(UNITS.c.unit_id).where(UNITS.c.serial == spelling).limit(1)):
            return spelling
    return asked


def _planned(connection: Connection, batch: str | None) -> int | None:
    """How many units are planned for a batch, at all stations; None where nobody said, and for no batch."""
    planned: int | None = connection.scalar(select(func.sum(BATCHES.c.planned)).where(BATCHES.c.name == batch))
    return planned


def _failed_query(selection: RunFilter) -> Select[Any]:
    """One row per unit: its latest counted run where that failed, and how many of its runs touched it.

    A failed run is the latest where no later one is counted: asked of the few that failed, not of all that ran.
    """
    later, other = RUNS.alias().c, RUNS.alias().c
    after = or_(
        later.started_at > RUNS.c.started_at,
        and_(later.started_at == RUNS.c.started_at, later.run_id > RUNS.c.run_id),
    )
    newer = select(1).where(later.unit_id == RUNS.c.unit_id, counted(later), after, *conditions_of(selection, later))
    runs = select(func.count()).where(other.unit_id == RUNS.c.unit_id, touched(other), *conditions_of(selection, other))
    return (
        select(RUNS, runs.correlate(RUNS).scalar_subquery().label("runs"))
        .where(RUNS.c.outcome == str(Outcome.FAIL), *conditions_of(selection), ~newer.correlate(RUNS).exists())
        .order_by(*OLDEST_FIRST)
    )


def _failed_unit(row: Any) -> FailedUnit:
    return FailedUnit(
        serial=row.serial,
        identified=row.identified,
        batch=row.batch,
        code=row.code,
        message=row.message,
        slot=row.slot,
        port_path=row.port_path,
        failed_at=row.finished_at,
        runs=row.runs,
        bundle=row.bundle,
        recipe=row.recipe,
        run_id=row.run_id,
    )
