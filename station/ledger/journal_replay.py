"""What a journal kept goes into the log, at the next start."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy import Connection

from station.ledger import sqlite, transactions
from station.ledger.database import is_refused
from station.ledger.journal import read, settle
from station.model.runs import RunRecord
from station.model.sinks import Sink

Transact = Callable[[Callable[[Connection], None]], None]

_log = logging.getLogger(__name__)


def replay(file: Path, transact: Transact, sinks: Sequence[Sink]) -> tuple[int, int]:
    """A journal into the log; how many runs were written, and how many of its lines were not usable.

    The file goes only after the last commit, and again is the same as once. Errors: the database's own.
    """
    content = read(file)

    def waiting(connection: Connection, run: RunRecord) -> None:
        transactions.put_unfinished(connection, run, sinks)

    def failed(connection: Connection, run: RunRecord) -> None:
        transactions.put_run(connection, run, sinks)

    refused = sum(not _is_taken(run, transact, waiting) for run in content.waiting)
    refused += sum(not _is_taken(run, transact, failed) for run in content.runs)
    unusable = content.unreadable_lines + refused
    settle(file, all_usable=not unusable)
    return len({run.run_id for run in (*content.waiting, *content.runs)}) - refused, unusable


def _is_taken(run: RunRecord, transact: Transact, put: Callable[[Connection, RunRecord], None]) -> bool:
    """False for a run that no log will ever take: it must not keep the station from starting."""
    try:
        transact(lambda connection: put(connection, run))
    except Exception as error:
        if not is_refused(error):
            raise
        _log.error("the log refuses the journaled run %s: %s", run.run_id, sqlite.reason_of(error))
        return False
    return True
