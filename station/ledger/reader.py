"""Questions to the log, from any process or thread, while the station writes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, select
from sqlalchemy.orm import Session, selectinload

from station.ledger import schema, writes
from station.ledger.database import open_reader, translated
from station.ledger.history import TOUCHED, HistoryQuestion
from station.ledger.records import release_record, run_record
from station.ledger.rows import NEWEST_FIRST, OLDEST_FIRST, AttemptRow, ReleaseRow, RunRow, UnitRow
from station.model.events import UnitHistory
from station.model.runs import Outcome, RunRecord
from station.model.units import FailedUnit, Release, RunFilter, UnitStory, canonical_serial, reversed_serial
from station.model.yields import YieldReport, summarize

_CHUNK = 500
"""So many runs are in memory at once while all are read."""

_EVERYTHING = RunFilter()
_COUNTED = RunRow.outcome.in_((str(Outcome.PASS), str(Outcome.FAIL)))


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
        query = select(RunRow).where(*_conditions(selection)).order_by(*OLDEST_FIRST)
        with translated(self._data_dir), Session(self._engine) as session:
            loaded = query.options(selectinload(RunRow.attempts).selectinload(AttemptRow.images))
            for row in session.scalars(loaded.execution_options(yield_per=_CHUNK)):
                yield run_record(row)

    def unit(self, serial: str) -> UnitStory:
        """One camera's whole history, oldest run first, also runs in which its serial named no single unit.

        The serial may be in either case and either byte order; the bootloader's order is tried first. A serial that the
        log does not know gives a story without runs.
        """
        with translated(self._data_dir), Session(self._engine) as session:
            known = self._known_spelling(session, serial)
            rows = session.scalars(
                select(RunRow)
                .join(UnitRow)
                .where(UnitRow.serial == known)
                .order_by(*OLDEST_FIRST)
                .options(selectinload(RunRow.attempts).selectinload(AttemptRow.images))
            )
            runs = tuple(run_record(row) for row in rows)
            return UnitStory(known, runs, self._releases(session, known))

    def history(self, serial: str, batch: str | None) -> UnitHistory:
        """What the interlock must know before it touches the unit of a serial, as the bootloader spells it. Fast."""
        with translated(self._data_dir):
            return self._history.ask(serial, batch)

    def failed(self, batch: str | None = None) -> list[FailedUnit]:
        """The units whose latest counted run failed, the longest waiting first; of all batches where none is named."""
        query = _failed_query(RunFilter(batch=batch))
        with translated(self._data_dir), self._engine.connect() as connection:
            return [_failed_unit(row) for row in connection.execute(query)]

    def summary(
        self, batch: str | None = None, since: datetime | None = None, until: datetime | None = None
    ) -> YieldReport:
        """The yield report of the runs of a batch that started from `since` until before `until`."""
        runs = self.runs(RunFilter(batch=batch, since=since, until=until))
        return summarize(runs, batch=batch, since=since, until=until)

    def open_runs(self, station_id: str | None = None) -> int:
        """How many runs are open, of one station or of all."""
        query = select(func.count()).select_from(RunRow).where(RunRow.outcome.is_(None))
        if station_id is not None:
            query = query.where(RunRow.station_id == station_id)
        with translated(self._data_dir), self._engine.connect() as connection:
            return connection.execute(query).scalar_one()

    @staticmethod
    def _known_spelling(session: Session, serial: str) -> str:
        """The serial's spelling in the log; the canonical form of what was asked where the log knows neither."""
        asked = canonical_serial(serial)
        for spelling in (asked, reversed_serial(serial)):
            if spelling and session.scalar(select(UnitRow.unit_id).where(UnitRow.serial == spelling).limit(1)):
                return spelling
        return asked

    @staticmethod
    def _releases(session: Session, serial: str) -> tuple[Release, ...]:
        rows = session.scalars(select(ReleaseRow).where(ReleaseRow.serial == serial).order_by(ReleaseRow.released_at))
        return tuple(release_record(row) for row in rows)


def _conditions(selection: RunFilter) -> list[ColumnElement[bool]]:
    """The conditions of a selection, on runs."""
    conditions: list[ColumnElement[bool]] = []
    for name in ("batch", "station_id", "slot", "operator", "bundle"):
        value = getattr(selection, name)
        if value is not None:
            conditions.append(getattr(RunRow, name) == value)
    if selection.since is not None:
        conditions.append(RunRow.started_at >= selection.since)
    if selection.until is not None:
        conditions.append(RunRow.started_at < selection.until)
    if selection.serial is not None:
        unit = select(UnitRow.unit_id).where(writes.is_identified_unit(selection.serial))
        conditions.append(RunRow.unit_id == unit.scalar_subquery())
    return conditions


def _failed_query(selection: RunFilter) -> Select[Any]:
    """One row per unit: its latest counted run where that failed, and how many of its runs touched it."""
    conditions = _conditions(selection)
    newest = func.row_number().over(partition_by=RunRow.unit_id, order_by=list(NEWEST_FIRST))
    latest = select(RunRow.run_id, newest.label("age")).where(_COUNTED, *conditions).subquery()
    counts = (
        select(RunRow.unit_id, func.sum(case((TOUCHED, 1), else_=0)).label("runs"))
        .where(*conditions)
        .group_by(RunRow.unit_id)
        .subquery()
    )
    return (
        select(*RunRow.__table__.columns, counts.c.runs)
        .join(latest, and_(latest.c.run_id == RunRow.run_id, latest.c.age == 1))
        .join(counts, counts.c.unit_id == RunRow.unit_id)
        .where(RunRow.outcome == str(Outcome.FAIL))
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
