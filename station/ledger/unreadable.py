"""Values of the log that cannot be read: a bit that turned inside a row leaves every page well-formed.

SQLite finds nothing wrong with such a log. Where a reading stumbles over a value, all are read, to tell a damaged log
from a mistake of ours.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Table, select
from sqlalchemy.exc import SQLAlchemyError

from station.ledger import sqlite
from station.ledger.revisions import HEAD
from station.ledger.row_records import batch_record, release_record
from station.ledger.run_loading import load_runs
from station.ledger.tables import (
    AUDIT,
    BATCHES,
    HOUR_IMAGES,
    HOUR_MEASUREMENTS,
    HOUR_RUNS,
    OUTBOX,
    PRODUCT_SERIALS,
    RELEASES,
    RUNS,
    UNIT_VALUES,
    UNITS,
)
from station.problem import Sentence, sentence

STUMBLES: Final = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)
"""What a value of another kind makes of whoever reads it."""
_RECORDS: Final[dict[Table, Callable[[Any], object]]] = {BATCHES: batch_record, RELEASES: release_record}
_TABLES: Final = (
    *(UNITS, BATCHES, RELEASES, AUDIT, OUTBOX, PRODUCT_SERIALS, UNIT_VALUES),
    *(HOUR_RUNS, HOUR_IMAGES, HOUR_MEASUREMENTS),
)
_CHUNK = 500


def first_unreadable(connection: Connection) -> Sentence | None:
    """What is wrong with the first value of an open log that cannot be read; None where all can. Reads all of it.

    What a log of an older schema does not have at all is not looked at.
    """
    is_older = _is_older(connection)
    for table in (RUNS, *_TABLES):
        try:
            _read_all(connection, table)
        except STUMBLES as error:
            return sentence("a value in {table} cannot be read: {reason}", table=table.name, reason=error)
        except SQLAlchemyError as error:
            if is_older and sqlite.lacks_structure(error):
                continue
            if not sqlite.is_corrupt(error):
                raise
            reason = sqlite.reason_of(error)
            return sentence("a value in {table} cannot be read: {reason}", table=table.name, reason=reason)
    return None


def _is_older(connection: Connection) -> bool:
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return found != HEAD


def is_readable(file: Path) -> bool:
    """Whether every value of a sound database can be read that this version would look for. Errors: SQLAlchemyError."""
    engine = sqlite.reader_engine(file, 0.0)
    try:
        with engine.connect() as connection:
            return first_unreadable(connection) is None
    finally:
        engine.dispose()


def _read_all(connection: Connection, table: Table) -> None:
    if table is RUNS:  # with their attempts, images and measurements
        for _ in load_runs(connection, select(RUNS)):
            pass
        return
    record = _RECORDS.get(table, tuple)
    for chunk in connection.execute(select(table), execution_options={"yield_per": _CHUNK}).partitions():
        for row in chunk:
            record(row)
