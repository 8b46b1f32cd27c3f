"""A log that can be read where nothing can be written: another user's folder, a backup medium, a read-only disk.

SQLite wants to make a -shm beside a log that has a -wal, or once had one, even to read it. Where it may not, or where
the disk has no room for it:

1. A line that runs has made its -shm, and SQLite reads along: nothing here is used.
2. Without a -wal or -journal, or with an empty one, the file alone is the log. It is read as one that nobody changes.
3. With one, both are copied to the temporary folder and read there; the copy has no name from then on, so that
   nothing of it stays, however this process ends.
4. What was opened so is no longer the log once a line writes again: `is_stale`. Who keeps a connection asks before
   each question, and opens it anew.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

_PRIMARY_CODE = 0xFF
_NOT_WRITABLE = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY})
_NO_SHM = frozenset({sqlite3.SQLITE_IOERR_SHMOPEN, sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_SHMMAP})
_SUFFIXES = ("", "-wal", "-journal")

Look = tuple[tuple[int, int, int] | None, ...]
"""Inode, size and time of change of the log, its -wal and its -journal; None where there is none."""


class StillConnection(sqlite3.Connection):
    """A connection to a log as it was when it was opened."""

    file: Path
    seen: Look = ()

    def is_stale(self) -> bool:
        """Whether the log was written meanwhile."""
        return _look(self.file) != self.seen


def is_unwritable(error: sqlite3.Error) -> bool:
    """Whether SQLite could not make its files beside the log, or could not open the log at all."""
    code = int(getattr(error, "sqlite_errorcode", -1))
    return code in _NO_SHM or code & _PRIMARY_CODE in _NOT_WRITABLE


def connect_still(file: Path, **options: Any) -> StillConnection:
    """Read a log without a file beside it; `options` are those of `sqlite3.connect`. Errors: sqlite3.Error, OSError."""
    seen = _look(file)
    alone = not any(beside and beside[1] for beside in seen[1:])
    connection = _connect(file, "immutable=1", options) if alone else _of_copy(file, options)
    connection.file, connection.seen = file, seen
    return connection


def _of_copy(file: Path, options: dict[str, Any]) -> StillConnection:
    with tempfile.TemporaryDirectory(prefix="station-log-") as folder:
        copy = Path(folder) / file.name
        for suffix in (suffix for suffix in _SUFFIXES if Path(f"{file}{suffix}").exists()):
            shutil.copyfile(f"{file}{suffix}", f"{copy}{suffix}")
        connection = _connect(copy, "mode=rw", options)
        try:
            # SQLite opens all its files at the first question; they need no names any more then.
            with closing(connection.execute("SELECT count(*) FROM sqlite_master")) as cursor:
                cursor.fetchall()
            connection.execute("PRAGMA query_only = ON").close()
        except sqlite3.Error:
            connection.close()
            raise
    return connection


def _connect(file: Path, how: str, options: dict[str, Any]) -> StillConnection:
    uri = f"{file.absolute().as_uri()}?{how}"
    return sqlite3.connect(uri, uri=True, factory=StillConnection, **options)


def _look(file: Path) -> Look:
    return tuple(_stamp(Path(f"{file}{suffix}")) for suffix in _SUFFIXES)


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
