"""A backup put in the log's place. The order of the steps is the point:

1. The backup is copied beside the log and the copy is checked, every page of it; nothing was changed until here.
2. The log that is there gets a second name, with its -wal, so that nothing of it is lost.
3. The copy takes the log's name, in one step. Only then the old -wal and -shm go: one that is cut off between the two
   leaves a -wal that does not belong to the log, which every command refuses (`wal_link`) until this is done again.
4. Results that wait in the journal go into the restored log, and what the backup had open is closed.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from station.atomic_write import sync_folder
from station.errors import LedgerError, UsageError
from station.ledger import audit, damage, schema_version, sqlite, wal_link
from station.ledger.database import FILE_NAME, log_file, translated
from station.ledger.reader import Reader
from station.ledger.recorder import Recorder, Recovery
from station.ledger.schema_version import SchemaState

ASIDE_FOLDER = "replaced"
_CLOSE_S = 60.0


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done. `kept_aside` is the log that was there, None where there was none."""

    file: Path
    kept_aside: Path | None
    runs: int | None
    journaled_runs: int
    upgrade_needed: bool

    def to_json(self) -> dict[str, Any]:
        """As `db restore --json` prints it. `runs` is null where the schema has to be upgraded first."""
        return {
            "restored_from": str(self.file),
            "kept_aside": str(self.kept_aside) if self.kept_aside else None,
            "runs": self.runs,
            "journaled_runs": self.journaled_runs,
            "upgrade_needed": self.upgrade_needed,
        }


def restore(data_dir: Path, file: Path) -> Restored:
    """Put a backup in the log's place. To be called by who holds the data folder.

    Errors: UsageError usage.no_backup; LedgerError ledger.bad_backup for one that is damaged or no log,
    ledger.schema_unknown, ledger.not_writable. The log is as it was after each of them.
    """
    if not os.path.isfile(file):  # False too for a name that no file can have
        raise UsageError("usage.no_backup", f"there is no backup {file}")
    with suppress(OSError):
        if file.samefile(log_file(data_dir)):
            raise UsageError("usage.no_backup", f"{file} is the log itself")
    incoming = data_dir / f".{FILE_NAME}.incoming"
    try:
        with translated(data_dir):
            incoming.unlink(missing_ok=True)
        outdated = _checked_copy(file, incoming)
        with translated(data_dir):
            aside = _set_aside(data_dir)
            _take_place(incoming, log_file(data_dir))
        audit.accept_as_it_is(data_dir)
    finally:
        with suppress(OSError):
            incoming.unlink(missing_ok=True)
    recovery = Recovery() if outdated else _recover(data_dir)
    return Restored(file, aside, None if outdated else _runs(data_dir), recovery.journaled_runs, outdated)


def _checked_copy(file: Path, incoming: Path) -> bool:
    """Copy the backup, with what a -wal of its own holds; True where its schema is an older one."""
    try:
        found = _copy(file, incoming)
    except sqlite3.Error as error:
        if not sqlite.is_corrupt(error):
            raise LedgerError("ledger.not_writable", f"{file} cannot be copied to {incoming}: {error}") from error
        raise LedgerError("ledger.bad_backup", f"the backup {file} is damaged or is no log: {error}") from error
    if found is SchemaState.NEWER:
        raise LedgerError("ledger.schema_unknown", f"the backup {file} was written by a newer station")
    if found not in (SchemaState.CURRENT, SchemaState.OUTDATED):
        raise LedgerError("ledger.bad_backup", f"the backup {file} is no log of a station")
    return found is SchemaState.OUTDATED


def _copy(file: Path, incoming: Path) -> SchemaState:
    """What the copy is. Beside a backup that is one file, nothing is made."""
    if not wal_link.belongs(file):
        raise LedgerError("ledger.bad_backup", f"the backup {file} lies beside the -wal of another file")
    alone = not any(_beside(file, suffix).exists() for suffix in ("-wal", "-journal"))
    connect = sqlite.connect_immutable if alone else sqlite.connect_read_only
    with closing(connect(file)) as source, closing(sqlite3.connect(incoming, isolation_level=None)) as target:
        source.backup(target)
        target.execute("PRAGMA journal_mode = DELETE").close()
    if wrong := damage.found_in(incoming, None):
        raise LedgerError("ledger.bad_backup", f"the backup {file} is damaged: {wrong}")
    return schema_version.state_of_file(incoming)


def _set_aside(data_dir: Path) -> Path | None:
    """Give the log that is there, and its -wal, a second name."""
    log = log_file(data_dir)
    if not log.exists():
        return None
    folder = data_dir / ASIDE_FOLDER
    folder.mkdir(exist_ok=True)
    aside = folder / f"station-{datetime.now(UTC):%Y%m%dT%H%M%S%f}Z.sqlite3"
    _second_name(log, aside)
    with suppress(FileNotFoundError):
        _second_name(_beside(log, "-wal"), _beside(aside, "-wal"))
    sync_folder(folder)
    return aside


def _second_name(file: Path, other: Path) -> None:
    try:
        os.link(file, other)
    except PermissionError:  # EPERM: a file system without links
        shutil.copy2(file, other)


def _take_place(incoming: Path, log: Path) -> None:
    with incoming.open("rb") as stream:
        os.fsync(stream.fileno())
    incoming.replace(log)
    sync_folder(log.parent)
    _remove_stale(log)


def _remove_stale(log: Path) -> None:
    for suffix in ("-wal", "-shm", "-journal"):
        _beside(log, suffix).unlink(missing_ok=True)
    sync_folder(log.parent)


def _beside(log: Path, suffix: str) -> Path:
    return log.with_name(f"{log.name}{suffix}")


def _recover(data_dir: Path) -> Recovery:
    recorder = Recorder(data_dir, lambda _reply: None)
    try:
        return recorder.close_interrupted()
    finally:
        recorder.close(_CLOSE_S)


def _runs(data_dir: Path) -> int:
    reader = Reader(data_dir)
    try:
        return reader.run_count()
    finally:
        reader.close()
