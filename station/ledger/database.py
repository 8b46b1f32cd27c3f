"""Where the log is, and how it is opened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from sqlite3 import Error as SqliteError

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError, StatementError

from station.errors import LedgerError
from station.file_problems import refused_file
from station.ledger import damage, disk_room, sqlite
from station.ledger.unreadable import STUMBLES, first_unreadable
from station.problem import Sentence, sentence

FILE_NAME = "station.sqlite3"
BUSY_TIMEOUT_S = 5.0
"""How long a reader, a migration or a release waits for another process's lock. The recorder has limits of its own."""


def log_file(data_dir: Path) -> Path:
    """The log's file in a data folder."""
    return data_dir / FILE_NAME


def open_writer(data_dir: Path, busy_timeout_s: float = BUSY_TIMEOUT_S, *, foreign_keys: bool = True) -> Engine:
    """An engine that writes, durably. Nothing is opened before its first connection."""
    return sqlite.writer_engine(log_file(data_dir), busy_timeout_s, foreign_keys=foreign_keys)


def open_reader(data_dir: Path, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Engine:
    """An engine that only reads, while others write. Its connections may be used from any thread, one at a time."""
    return sqlite.reader_engine(log_file(data_dir), busy_timeout_s)


def is_refused(error: BaseException) -> bool:
    """True where the values themselves cannot be stored, now or later; False where the database is in trouble."""
    if isinstance(error, DBAPIError):
        return isinstance(error, IntegrityError | DataError)
    return isinstance(error, StatementError | ValueError | TypeError)


@contextmanager
def translated(data_dir: Path) -> Iterator[None]:
    """Database and file errors inside become LedgerError, with the file and one line of reason."""
    try:
        yield
    except (SQLAlchemyError, SqliteError, OSError) as error:
        raise as_ledger_error(data_dir, error) from error


@contextmanager
def reading(data_dir: Path) -> Iterator[None]:
    """The same for what only reads: `ledger.corrupt` too where a value of the log cannot be read."""
    try:
        with translated(data_dir):
            yield
    except STUMBLES as error:
        if (found := _unreadable(data_dir)) is None:
            raise  # a mistake of ours
        what = sentence("the log {file} is damaged: {reason}", file=log_file(data_dir), reason=found)
        raise damage.corrupt(data_dir, what) from error


def _unreadable(data_dir: Path) -> Sentence | None:
    engine = open_reader(data_dir)
    try:
        with translated(data_dir), engine.connect() as connection:
            return first_unreadable(connection)
    finally:
        engine.dispose()


@contextmanager
def written(data_dir: Path) -> Iterator[Connection]:
    """One transaction of its own, which works beside a running station. Errors: LedgerError; others pass unchanged."""
    engine = open_writer(data_dir)
    try:
        with translated(data_dir), engine.begin() as connection:
            yield connection
    finally:
        with suppress(Exception):
            engine.dispose()


def as_ledger_error(data_dir: Path, error: BaseException) -> LedgerError:
    """What a database or file error means for whoever runs the station."""
    file = log_file(data_dir)
    reason = sqlite.reason_of(error)
    if sqlite.is_corrupt(error):
        return damage.corrupt(
            data_dir, sentence("the log {file} is damaged or is no log: {reason}", file=file, reason=reason)
        )
    if sqlite.is_busy(error):
        return LedgerError(
            "ledger.write_failed",
            sentence("the log {file} stays locked by another program: {reason}", file=file, reason=reason),
        )
    if disk_room.is_full(error, data_dir):
        return LedgerError(
            "ledger.disk_full",
            sentence("there is no room for the log {file} on its disk: {reason}", file=file, reason=reason),
        )
    return LedgerError(
        "ledger.not_writable",
        sentence("the log {file} cannot be used: {reason}", file=file, reason=_with_its_file(data_dir, error, reason)),
    )


def _with_its_file(data_dir: Path, error: BaseException, reason: str) -> str:
    """The reason with the file that it is about, where that is another one than the log, or may not be written."""
    file = log_file(data_dir)
    if isinstance(error, OSError):
        other = error.filename is not None and str(error.filename) != str(file)
        return f"{error.filename}: {reason}" if other else reason
    if sqlite.is_readonly(error):
        refused = refused_file([data_dir, file, *(file.with_name(file.name + suffix) for suffix in ("-wal", "-shm"))])
        return reason if refused is None else f"{reason}: {refused} may not be written by this user"
    return reason
