"""All that is particular to SQLite: how a connection is set up, and what its errors mean."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, FromClause, Integer, create_engine, event, literal_column
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection, QueuePool

from station.file_problems import reason
from station.ledger.still_log import StillConnection, connect_still, is_unwritable
from station.ledger.wal_link import mark_after

_BUSY_CODES = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_OPTIONS: dict[str, Any] = {"isolation_level": None, "check_same_thread": False}
"""isolation_level None: the driver begins nothing by itself; the engine's "begin" event below does. The driver's own
way would leave SELECT and schema changes outside transactions."""
_PRIMARY_CODE = 0xFF
"""The low byte of an extended SQLite result code."""


def writer_engine(file: Path, busy_timeout_s: float, *, foreign_keys: bool = True) -> Engine:
    """An engine whose every commit is on the disk when it returns: write-ahead log, synchronous FULL.

    Each transaction begins IMMEDIATE: it takes the write lock first, so it can wait for it, and no reader that wants to
    become a writer can be refused half-way. It is marked (`wal_link`). Without `foreign_keys` a migration may rebuild
    tables.
    """
    pragmas = (
        f"PRAGMA busy_timeout = {round(busy_timeout_s * 1000)}",
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",
        f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}",
    )
    engine = _engine(lambda: _connect(file, "rwc"), pragmas, "BEGIN IMMEDIATE")

    @event.listens_for(engine, "begin")
    def mark(connection: Connection) -> None:
        before = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        for statement in mark_after(before):
            connection.exec_driver_sql(statement)

    return engine


def reader_engine(file: Path, busy_timeout_s: float) -> Engine:
    """An engine that cannot write. It never waits for the writer, nor the writer for it: it reads the last commit.

    Where nothing can be written beside the log, it reads it as `still_log` says.
    """
    pragmas = (f"PRAGMA busy_timeout = {round(busy_timeout_s * 1000)}",)
    engine = _engine(lambda: connect_read_only(file), pragmas, "BEGIN")

    @event.listens_for(engine, "checkout")
    def renew(connection: sqlite3.Connection, _entry: ConnectionPoolEntry, _proxy: PoolProxiedConnection) -> None:
        if isinstance(connection, StillConnection) and connection.is_stale():
            raise DisconnectionError

    return engine


def connect_read_only(file: Path) -> sqlite3.Connection:
    """A plain connection that only reads, also where nothing can be written beside the log."""
    connection = _connect(file, "ro")
    try:
        connection.execute("PRAGMA schema_version").close()
    except sqlite3.Error as error:
        connection.close()
        if not is_unwritable(error):
            raise
        return connect_still(file, **_OPTIONS)
    return connection


def connect_immutable(file: Path) -> sqlite3.Connection:
    """The same for a file that nobody writes and that has no -wal: no lock is taken and no file is made beside it."""
    return sqlite3.connect(f"{file.absolute().as_uri()}?immutable=1", uri=True, isolation_level=None)


def _connect(file: Path, mode: str) -> sqlite3.Connection:
    connection: sqlite3.Connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode={mode}", uri=True, **_OPTIONS)
    return connection


def _engine(creator: Callable[[], sqlite3.Connection], pragmas: tuple[str, ...], begin: str) -> Engine:
    engine = create_engine("sqlite+pysqlite://", creator=creator, poolclass=QueuePool)

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
        for pragma in pragmas:
            connection.execute(pragma).close()

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def is_busy(error: BaseException) -> bool:
    """True where another connection holds the lock and waiting may help."""
    return _primary_code(error) in _BUSY_CODES


def is_corrupt(error: BaseException) -> bool:
    """True where the file is damaged, or is no SQLite file at all.

    A text that is none, and a table or column that is gone, have no code of their own: our statements name only what
    every log has.
    """
    known = _primary_code(error) in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
    return known or lacks_structure(error) or _says(error, "Could not decode to UTF-8")


def lacks_structure(error: BaseException) -> bool:
    """True where a table or column is not there."""
    return _says(error, "no such table", "no such column")


def _says(error: BaseException, *beginnings: str) -> bool:
    original = error.orig if isinstance(error, DBAPIError) else error
    return isinstance(original, sqlite3.OperationalError) and str(original).startswith(beginnings)


def is_full(error: BaseException) -> bool:
    """True where SQLite itself says that the disk is full."""
    return _primary_code(error) == sqlite3.SQLITE_FULL


def is_readonly(error: BaseException) -> bool:
    """True where something of the log may not be written."""
    return _primary_code(error) == sqlite3.SQLITE_READONLY


def is_io_error(error: BaseException) -> bool:
    """True where SQLite could not read, write or make one of its files, for whatever reason."""
    return _primary_code(error) in {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}


def _primary_code(error: BaseException) -> int:
    original = error.orig if isinstance(error, DBAPIError) else error
    return int(getattr(original, "sqlite_errorcode", -1)) & _PRIMARY_CODE


def reason_of(error: BaseException) -> str:
    """One line about a database error, without the statement and its values."""
    original = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    if isinstance(original, OSError):
        return reason(original)
    lines = str(original).splitlines()
    return lines[0] if lines else type(original).__name__


def recorded_at(table: FromClause) -> ColumnElement[int]:
    """A number that grows with each row that is inserted, whatever the clock says; for a table or an alias of one."""
    return literal_column(f"{table.name}.rowid", Integer)  # type: ignore[attr-defined]
