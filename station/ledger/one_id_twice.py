"""Whether two machines gave their runs the same station's id: then one slot had two cameras at one time.

The id is the host's name where nobody sets another, and many a PC is named as the one before it. Merged, their slots
would be one row in every report, and no later look could tell the runs apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import select

from station.errors import UsageError
from station.ledger.database import open_reader, translated
from station.ledger.tables import RUNS
from station.model.runs import Outcome, RunRecord
from station.terminal_text import printable

_LONGEST_RUN = timedelta(days=1)
"""Runs in the log that began so long before the first of the file may still have gone on then."""


class _Stay(NamedTuple):
    """A camera's time in a slot of a station."""

    station_id: str
    slot: str
    started_at: datetime
    finished_at: datetime
    run_id: str


def refuse_one_id_twice(data_dir: Path, runs: Iterable[RunRecord]) -> None:
    """UsageError usage.one_id_twice where a file's runs, or they and the log's, cannot be of one station.

    Errors: also LedgerError.
    """
    stays = {run.run_id: _stay(run) for run in runs if run.outcome not in (None, Outcome.SKIPPED)}
    if not stays:
        return
    stays |= _in_log(data_dir, list(stays.values()))
    before: _Stay | None = None
    for stay in sorted(stays.values()):
        same_slot = before is not None and before[:2] == stay[:2]
        if same_slot and before is not None and stay.started_at < before.finished_at:
            raise _refusal(before, stay)
        if not same_slot or before is None or stay.finished_at > before.finished_at:
            before = stay


def _stay(run: RunRecord) -> _Stay:
    return _Stay(run.station_id, run.slot, run.started_at, run.finished_at or run.started_at, run.run_id)


def _in_log(data_dir: Path, stays: list[_Stay]) -> dict[str, _Stay]:
    """Those of the same stations and time."""
    columns = (RUNS.c.station_id, RUNS.c.slot, RUNS.c.started_at, RUNS.c.finished_at, RUNS.c.run_id)
    query = select(*columns).where(
        RUNS.c.station_id.in_({stay.station_id for stay in stays}),
        RUNS.c.started_at >= min(stay.started_at for stay in stays) - _LONGEST_RUN,
        RUNS.c.started_at <= max(stay.finished_at for stay in stays),
        RUNS.c.finished_at.is_not(None),
        RUNS.c.outcome != str(Outcome.SKIPPED),
    )
    engine = open_reader(data_dir)
    try:
        with translated(data_dir), engine.connect() as connection:
            return {row.run_id: _Stay(*row) for row in connection.execute(query)}
    finally:
        engine.dispose()


def _refusal(one: _Stay, other: _Stay) -> UsageError:
    return UsageError(
        "usage.one_id_twice",
        f"station {printable(one.station_id)} would have had two cameras in slot {printable(one.slot)} at"
        f" {other.started_at.isoformat(timespec='seconds')} (runs {one.run_id} and {other.run_id}):"
        " two machines have one station id. Nothing was taken",
    )
