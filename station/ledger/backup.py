"""A copy of the log while it is being written."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from station.atomic_write import sync_folder
from station.errors import LedgerError, UsageError
from station.ledger import damage, sqlite, wal_link
from station.ledger.backup_list import note_backup
from station.ledger.database import as_ledger_error, log_file
from station.ledger.disk_room import is_full
from station.problem import sentence


def backup(data_dir: Path, file: Path, *, overwrite: bool = False) -> None:
    """Copy the log to `file`, complete and of one moment, while a station goes on writing it.

    The copy is one file without a write-ahead log beside it; it appears under its name only when it is on the disk,
    and is then noted as the log's last backup.
    Errors: LedgerError ledger.missing, ledger.corrupt, ledger.not_writable; UsageError usage.file_exists.
    """
    source = log_file(data_dir)
    if not os.path.exists(source):  # False too for a name that no file can have
        raise LedgerError("ledger.missing", sentence("there is no log in {folder}", folder=data_dir))
    if os.path.isdir(file):
        raise UsageError("usage.file_exists", f"{file} is a folder; name a file in it")
    if os.path.exists(file) and not os.path.isfile(file):
        raise UsageError("usage.file_exists", f"{file} is no file")
    if os.path.exists(file) and not overwrite:
        raise UsageError("usage.file_exists", f"{file} is there already and was not overwritten")
    if os.path.exists(file) and file.samefile(source):
        raise UsageError("usage.file_exists", f"{file} is the log itself")
    partial = file.with_name(f".{file.name}.{os.getpid()}.partial")
    try:
        _copy(data_dir, partial, file)
        if wrong := damage.found_in(partial, None):
            text = sentence("the log {file} is damaged: {reason}", file=source, reason=wrong)
            raise damage.corrupt(data_dir, text)
        _put_in_place(partial, file)
        note_backup(data_dir, file)
    except OSError as error:
        raise _unwritten(file, error, str(error.strerror)) from error
    finally:
        for leftover in (partial, partial.with_name(f"{partial.name}-journal")):
            leftover.unlink(missing_ok=True)


def _copy(data_dir: Path, partial: Path, file: Path) -> None:
    """All pages in one step: one read transaction, which no writer waits for and no writer can restart.

    The copy is checked, every page: a backup that is no good would be noticed when it is needed.
    """
    partial.touch(mode=0o600, exist_ok=False)
    try:
        source = sqlite.connect_read_only(log_file(data_dir))
    except sqlite3.Error as error:
        raise as_ledger_error(data_dir, error) from error
    if not wal_link.belongs(log_file(data_dir)):
        text = sentence("the log {file} lies beside the -wal of another one", file=log_file(data_dir))
        raise damage.corrupt(data_dir, text)
    with closing(source), closing(sqlite3.connect(partial, isolation_level=None)) as target:
        try:
            source.backup(target, pages=-1)
            target.execute("PRAGMA journal_mode = DELETE").close()
        except sqlite3.Error as error:
            if sqlite.is_corrupt(error):
                raise as_ledger_error(data_dir, error) from error
            raise _unwritten(file, error, str(error)) from error


def _unwritten(file: Path, error: Exception, reason: str) -> LedgerError:
    code = "ledger.disk_full" if is_full(error, file.parent) else "ledger.not_writable"
    return LedgerError(code, f"the copy {file} could not be written: {reason}")


def _put_in_place(partial: Path, file: Path) -> None:
    with partial.open("rb") as stream:
        os.fsync(stream.fileno())
    partial.replace(file)
    sync_folder(file.parent)
