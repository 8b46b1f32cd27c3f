"""The outbox as who delivers it sees it, from a process of its own; and what an engineer does about it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, select

from station.clock import now
from station.ledger import audit, label_rows, outbox_rows, schema_version
from station.ledger.database import open_reader, open_writer, translated
from station.ledger.run_loading import load_runs
from station.ledger.tables import RUNS
from station.model.sinks import Backlog, DueRun, LostLabel, Sink, Tried, WaitingRun
from station.roles.guarded_acts import Done


class Outbox:
    """Reads what is due, and notes how it ended; beside a line that works. For any number of threads.

    Errors: LedgerError, at the start also for a log that is not there or not current.
    """

    def __init__(self, data_dir: Path) -> None:
        schema_version.require_current(data_dir)
        self._data_dir = data_dir
        self._reader = open_reader(data_dir)
        self._writer = open_writer(data_dir)

    def due(self, sink: Sink, limit: int) -> list[DueRun]:
        """The runs that are to be delivered to a sink now, of each unit the oldest, at most `limit`."""
        if sink.is_printer:
            self._drop_unwanted(sink)
        with translated(self._data_dir), self._reader.connect() as connection:
            found = outbox_rows.due(connection, sink, now(), limit)
            if not found:
                return []
            query = select(RUNS).where(RUNS.c.run_id.in_([row.run_id for row in found]))
            runs = {run.run_id: run for run in load_runs(connection, query)}
        return [DueRun(row.run_id, row.tries, runs[row.run_id].to_json(), row.queued_at) for row in found]

    def _drop_unwanted(self, sink: Sink) -> None:
        """Labels that are too old, or whose camera was run again. Written only where there are any."""
        with translated(self._data_dir):
            with self._reader.connect() as connection:
                found = label_rows.has_unwanted(connection, sink, now())
            if found:
                with self._writer.begin() as connection:
                    label_rows.drop_unwanted(connection, sink, now())

    def claim(self, sink: Sink, run_id: str) -> bool:
        """A label is sent to its printer now, and never again by itself; False where it is not wanted any more."""
        with translated(self._data_dir), self._writer.begin() as connection:
            return label_rows.claim(connection, sink, run_id, now())

    def taken_by_hand(self, sink: str, run_id: str, *, by: str, reason: str) -> None:
        """Somebody prints a label now: the outbox does not."""
        with translated(self._data_dir), self._writer.begin() as connection:
            label_rows.taken_by_hand(connection, sink, run_id, by, reason, now())

    def lost_labels(self, since: datetime | None = None, limit: int = 1000) -> list[LostLabel]:
        """Labels that were not printed, or maybe, the newest first."""
        with translated(self._data_dir), self._reader.connect() as connection:
            return list(label_rows.lost(connection, since, now(), limit))

    def note(self, tried: Sequence[Tried]) -> None:
        """How tries ended."""
        with translated(self._data_dir), self._writer.begin() as connection:
            outbox_rows.note(connection, tried)

    def try_now(self, sink: str | None = None) -> int:
        """Everything that waits for a sink, or for any, is tried at once; how many runs that are."""
        with translated(self._data_dir), self._writer.begin() as connection:
            return outbox_rows.try_now(connection, sink, now())

    def drop(self, station_id: str, done: Done, sink: str, run_id: str | None, *, reason: str) -> int:
        """One run that waits for a sink, or all of them, will not be delivered; how many.

        The audit has it with their number, in the same transaction; where nothing waits there is no row either.
        """
        count = 0

        def deed(connection: Connection) -> dict[str, int] | None:
            nonlocal count
            count = outbox_rows.drop(connection, sink, run_id, reason, done.who.name, now())
            return {"count": count} if count else None

        audit.append(self._data_dir, station_id, done, deed=deed)
        return count

    def waits_for(self, sink: str, run_id: str | None) -> bool:
        """Whether this run, or any, waits for a sink."""
        with translated(self._data_dir), self._reader.connect() as connection:
            return outbox_rows.waits_for(connection, sink, run_id)

    def backlogs(self) -> list[Backlog]:
        """What waits, by sink."""
        with translated(self._data_dir), self._reader.connect() as connection:
            return outbox_rows.backlogs(connection)

    def unbound_labels(self) -> dict[str, int]:
        """How many labels of each printer wait until something of their cameras is known."""
        with translated(self._data_dir), self._reader.connect() as connection:
            return label_rows.unbound(connection)

    def waiting(self, sink: str | None = None, limit: int = 1000) -> list[WaitingRun]:
        """What waits for a sink, or for all, the oldest first."""
        with translated(self._data_dir), self._reader.connect() as connection:
            return list(outbox_rows.waiting(connection, sink, limit))

    def close(self) -> None:
        """Close the connections."""
        for engine in (self._reader, self._writer):
            with suppress(Exception):
                engine.dispose()
