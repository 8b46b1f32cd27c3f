"""History from elsewhere: runs that a station exported, put into this log. Doing it again changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from station.errors import UsageError
from station.ledger import schema_version, sqlite, transactions
from station.ledger.database import is_refused, open_writer, translated
from station.ledger.tables import RUNS
from station.model.runs import RunRecord

_CHUNK = 100
"""So many runs are one transaction: a station that is at work waits no longer than for these."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of the runs: new here, known already (left as they are), or still open there (not taken)."""

    new: int = 0
    known: int = 0
    still_open: int = 0

    def to_json(self) -> dict[str, Any]:
        """The counts as `import --json` prints them."""
        return {"new": self.new, "known": self.known, "still_open": self.still_open}


def import_runs(data_dir: Path, runs: Iterable[RunRecord]) -> Imported:
    """Put runs into the log, beside a running station if need be.

    A run that is finished here stays as it is; one that was open here and is finished there is completed. Errors:
    LedgerError; UsageError usage.import for values that no log can hold, where earlier runs may be in the log already.
    """
    schema_version.require_current(data_dir)
    engine = open_writer(data_dir)
    total = Imported()
    source = iter(runs)
    try:
        while chunk := list(islice(source, _CHUNK)):
            with _refusals_named(chunk), translated(data_dir), engine.begin() as connection:
                done = _put(connection, chunk)
            total = Imported(total.new + done.new, total.known + done.known, total.still_open + done.still_open)
    finally:
        engine.dispose()
    return total


def _put(connection: Connection, runs: list[RunRecord]) -> Imported:
    keys = {run.run_id for run in runs}
    query = select(RUNS.c.run_id).where(RUNS.c.run_id.in_(keys), RUNS.c.outcome.is_not(None))
    known = set(connection.scalars(query))
    still_open = sum(run.outcome is None for run in runs)
    # A file may have a run twice, as two exports put together have.
    new = {run.run_id: run for run in runs if run.outcome is not None and run.run_id not in known}
    transactions.put_runs(connection, new.values())
    return Imported(len(new), len(runs) - still_open - len(new), still_open)


@contextmanager
def _refusals_named(runs: list[RunRecord]) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        cause = error.__cause__ or error
        if not is_refused(cause):
            raise
        which = f"run {runs[0].run_id} or one of the {len(runs) - 1} after it"
        raise UsageError("usage.import", f"the log refuses {which}: {sqlite.reason_of(cause)}") from error
