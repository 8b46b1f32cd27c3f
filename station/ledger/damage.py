"""Is the log's file sound? Asked before anything is read from it or written into it.

That the -wal is the log's own is always asked (under a millisecond). The pages of the file are read up to a size that
depends on who asks: SQLite checks some 350 MB in a second.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from station.errors import LedgerError
from station.ledger import sqlite, wal_link
from station.ledger.backup_list import backups, restore_command
from station.ledger.unreadable import is_readable
from station.problem import sentence

READ_BYTES = 32 << 20
"""A command that only reads checks all of a log of this size: a tenth of a second."""
WRITE_BYTES = 256 << 20
"""A line, once a shift, checks all of a log of this size: less than a second."""


def found_in(file: Path, limit_bytes: int | None) -> str:
    """What is wrong with a log, in a few words; empty where nothing was found.

    All pages are read where the file has at most `limit_bytes`, or where that is None. Errors: OSError, and the
    sqlite3.Error that says nothing about damage.
    """
    try:
        if not wal_link.belongs(file):
            return sentence(
                "{file}-wal was written for another file: {file} was put back without removing it", file=file.name
            )
        if limit_bytes is None or file.stat().st_size <= limit_bytes:
            return _broken_page(file)
    except sqlite3.Error as error:
        if not sqlite.is_corrupt(error):
            raise
        return sqlite.reason_of(error)
    return ""


def _broken_page(file: Path) -> str:
    with closing(sqlite.connect_read_only(file)) as connection:
        (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    return "" if said == "ok" else str(said).splitlines()[-1]


def corrupt(data_dir: Path, what: str) -> LedgerError:
    """The refusal of a damaged log: `what` says what is damaged; the command that restores the last good backup."""
    for backup in backups(data_dir):
        if _is_good(backup.file):
            text = sentence(
                "{what}; the last good backup is of {moment} UTC: {command}",
                what=what,
                moment=f"{backup.made_at:%Y-%m-%d %H:%M}",
                command=restore_command(data_dir, backup.file),
            )
            return LedgerError("ledger.corrupt", text)
    command = restore_command(data_dir, "FILE")
    text = sentence("{what}; no good backup is known here: {command}", what=what, command=command)
    return LedgerError("ledger.corrupt", text)


def _is_good(file: Path) -> bool:
    with suppress(sqlite3.Error, SQLAlchemyError, OSError):
        return not found_in(file, None) and is_readable(file)
    return False
