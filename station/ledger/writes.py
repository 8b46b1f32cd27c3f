"""What one transaction does. Every function may be repeated without harm; none commits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, select
from sqlalchemy.orm import Session, selectinload

from station.ledger import tallies
from station.ledger.records import attempt_row, fill_batch, fill_run
from station.ledger.rows import AttemptRow, BatchRow, ReleaseRow, RunRow, UnitRow
from station.ledger.tallies import Cell
from station.model.batches import Batch
from station.model.ids import new_id
from station.model.runs import AttemptRecord, Outcome, RunRecord
from station.model.units import Release, canonical_serial


def is_identified_unit(serial: str) -> ColumnElement[bool]:
    """The condition for the one unit of a serial."""
    return and_(UnitRow.serial == canonical_serial(serial), UnitRow.identified)


def put_run(session: Session, run: RunRecord) -> None:
    """The run, its unit and all its attempts are in the log, as `run` tells them; attempts already there stay."""
    put_runs(session, (run,))


def put_runs(session: Session, runs: Iterable[RunRecord]) -> None:
    """The same for several runs, whose hours are summed up once."""
    cells: set[Cell] = set()
    for run in runs:
        cells |= _store_run(session, run)
    tallies.refresh(session, cells)


def _store_run(session: Session, run: RunRecord) -> set[Cell]:
    """Store the run; returns the hours whose sums it changes. A run still open changes none."""
    row = session.get(RunRow, run.run_id)
    changed: set[Cell] = set()
    if row is None:
        row = RunRow(run_id=run.run_id, unit_id=_unit_id(session, run))
        fill_run(row, run)
        session.add(row)
    else:
        changed = _finished_cell(row)
        _correct_unit(session, row, run)
        fill_run(row, run)
    session.flush()
    stored = set(session.scalars(select(AttemptRow.attempt_id).where(AttemptRow.run_id == run.run_id)))
    session.add_all(attempt_row(run.run_id, attempt) for attempt in run.attempts if attempt.attempt_id not in stored)
    _note_first_attempt(session, row)
    return changed | _finished_cell(row)


def put_attempt(session: Session, run_id: str, attempt: AttemptRecord) -> None:
    """The attempt is in the log, if its run is. Where it is not, the finished run brings its attempts along."""
    row = session.get(RunRow, run_id)
    if row is not None and session.get(AttemptRow, attempt.attempt_id) is None:
        session.add(attempt_row(run_id, attempt))
        _note_first_attempt(session, row)
        tallies.refresh(session, _finished_cell(row))


def close_open_runs(session: Session, station_id: str, now: datetime) -> int:
    """Close what an earlier station left open as ERROR station.interrupted; returns how many runs that were."""
    rows = session.scalars(
        select(RunRow)
        .where(RunRow.station_id == station_id, RunRow.outcome.is_(None))
        .options(selectinload(RunRow.attempts))
    ).all()
    for row in rows:
        row.outcome = str(Outcome.ERROR)
        row.code = "station.interrupted"
        row.message = f"the station stopped during this run, after {len(row.attempts)} finished attempts"
        row.finished_at = now
        row.duration_s = _known_duration_s(row)
    session.flush()
    tallies.refresh(session, {tallies.cell_of(row) for row in rows})
    return len(rows)


def put_release(session: Session, release: Release) -> None:
    """The unit is released from being set aside in the batch."""
    session.add(
        ReleaseRow(
            release_id=new_id(),
            serial=canonical_serial(release.serial),
            batch=release.batch,
            released_at=release.released_at,
            released_by=release.released_by,
        )
    )


def put_batch(session: Session, batch: Batch) -> None:
    """The batch is in the log as `batch` tells it. One of that name that is there keeps its beginning."""
    named = select(BatchRow).where(BatchRow.station_id == batch.station_id, BatchRow.name == batch.name)
    row = session.scalar(named)
    if row is None:
        row = BatchRow(batch_id=batch.batch_id)
        session.add(row)
    else:
        batch = replace(batch, begun_at=row.begun_at)
    fill_batch(row, batch)


def _note_first_attempt(session: Session, row: RunRow) -> None:
    """Keep whether the run passed at its first attempt, as the attempts in the log tell."""
    session.flush()
    first = select(AttemptRow.outcome).where(AttemptRow.run_id == row.run_id).order_by(AttemptRow.number).limit(1)
    passed = str(Outcome.PASS)
    row.passed_at_once = row.outcome == passed and (session.scalar(first) or passed) == passed
    session.flush()


def _finished_cell(row: RunRow) -> set[Cell]:
    """The hour in which a finished run is counted; none for a run still open."""
    return {tallies.cell_of(row)} if row.outcome is not None else set()


def _known_duration_s(row: RunRow) -> float | None:
    """From the start to the end of the last attempt that is known; when the run itself stopped, nobody saw."""
    ends = [attempt.started_at + timedelta(seconds=attempt.duration_s) for attempt in row.attempts]
    return max((max(ends) - row.started_at).total_seconds(), 0.0) if ends else None


def _unit_id(session: Session, run: RunRecord) -> str:
    """The unit of a run; a new one for a serial not seen before, and always for a serial that names no unit."""
    if run.identified:
        found = session.scalar(select(UnitRow.unit_id).where(is_identified_unit(run.serial)))
        if found is not None:
            return found
    unit = UnitRow(unit_id=new_id(), serial=canonical_serial(run.serial), identified=run.identified)
    session.add(unit)
    session.flush()
    return unit.unit_id


def _correct_unit(session: Session, row: RunRow, run: RunRecord) -> None:
    """Another unit where the run turned out to be of another, or of none (its serial appeared a second time)."""
    unit = session.get_one(UnitRow, row.unit_id)
    if (unit.serial, unit.identified) == (canonical_serial(run.serial), run.identified):
        return
    row.unit_id = _unit_id(session, run)
    session.flush()
    if not session.scalar(select(exists().where(RunRow.unit_id == unit.unit_id))):
        session.delete(unit)
