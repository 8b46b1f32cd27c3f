"""The log's schema: what state it is in, and making and upgrading it.

The question is asked on every start, so it is answered with one plain SELECT; Alembic is loaded only to change things.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from station.errors import LedgerError
from station.ledger import backup, damage, revisions, sqlite
from station.ledger.backup_list import BACKUP_FOLDER
from station.ledger.database import as_ledger_error, log_file, open_writer, translated
from station.problem import sentence

REVISIONS, HEAD = revisions.REVISIONS, revisions.HEAD
AUDIT_SINCE, AUDIT_HEAD = "0008", "audit.head"
"""The first revision with an audit, and the file beside the log that has the end of its chain."""
_EMPTIED = sentence("it is empty, and was not")


class SchemaState(StrEnum):
    """What is in the data folder."""

    MISSING = "missing"
    CURRENT = "current"
    OUTDATED = "outdated"
    NEWER = "newer"
    FOREIGN = "foreign"
    """A database, but not a log."""
    CORRUPT = "corrupt"


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What `upgrade` did. `before` is None where the log was made; `backup_file` is None where nothing was changed."""

    before: str | None
    after: str
    backup_file: Path | None


def state(data_dir: Path) -> SchemaState:
    """What is in the data folder.

    Errors: LedgerError ledger.not_writable where the file is there and cannot be read.
    """
    return _look(data_dir)[0]


def state_of_file(file: Path) -> SchemaState:
    """What a sound database is. Errors: sqlite3.Error."""
    return _judge(file)[0]


def require_current(data_dir: Path, checked_bytes: int | None = damage.READ_BYTES) -> None:
    """Raise the LedgerError that fits, unless the log is there, sound and its schema is this version's.

    Every page is read of a log of at most `checked_bytes`, of any where that is None.
    """
    found, revision = _look(data_dir, checked_bytes)
    if found is SchemaState.MISSING:
        raise _missing(data_dir)
    _refuse(data_dir, found, revision)


def _missing(data_dir: Path) -> LedgerError:
    """There is no log; where there is one in a folder inside, as that of virtual cameras, it is named."""
    with suppress(OSError):
        if inside := sorted(file.parent for file in data_dir.glob(f"*/{log_file(data_dir).name}")):
            return LedgerError(
                "ledger.missing",
                sentence("there is no log in {folder}, but in {inside}", folder=data_dir, inside=inside[0]),
            )
    return LedgerError("ledger.missing", sentence("there is no log in {folder}", folder=data_dir))


def create_or_check(data_dir: Path, checked_bytes: int | None = damage.WRITE_BYTES) -> None:
    """Make the log where there is none, and be sure that it is sound and can be written.

    Every page is read of a log of at most `checked_bytes`, of any where that is None.
    Errors: LedgerError ledger.schema_outdated, ledger.schema_unknown, ledger.corrupt, ledger.not_writable.
    """
    found, revision = _look(data_dir, checked_bytes)
    if found is SchemaState.MISSING:
        _migrate(data_dir)
        return
    _refuse(data_dir, found, revision)
    _try_writing(data_dir)


def upgrade(data_dir: Path) -> Upgrade:
    """Bring the log to this version's schema; a copy of it is kept in the folder `backups` first.

    A log that is not there is made. All of it happens or nothing. Errors: as `create_or_check` but for outdated.
    """
    found, before = _look(data_dir)
    if found is SchemaState.CURRENT:
        return Upgrade(before, HEAD, None)
    if found is SchemaState.MISSING:
        _migrate(data_dir)
        return Upgrade(None, HEAD, None)
    if found is not SchemaState.OUTDATED:
        _refuse(data_dir, found, before)
    copy = _copy_before_upgrade(data_dir, before)
    if before is not None and before < AUDIT_SINCE:
        # An upgrade that was taken back has left the end of an audit which that log does not have.
        with translated(data_dir):
            (data_dir / AUDIT_HEAD).unlink(missing_ok=True)
    _migrate(data_dir)
    return Upgrade(before, HEAD, copy)


def _look(data_dir: Path, checked_bytes: int | None = damage.READ_BYTES) -> tuple[SchemaState, str | None]:
    """The state, and the revision that the file says it has; of a damaged one what is wrong with it."""
    file = log_file(data_dir)
    try:
        # A file of no bytes is what a first start leaves that was cut short before it wrote anything.
        if file.is_dir():
            raise IsADirectoryError
        if file.stat().st_size == 0:
            return (SchemaState.CORRUPT, _EMPTIED) if _was_there(data_dir) else (SchemaState.MISSING, None)
    except FileNotFoundError:
        return SchemaState.MISSING, None
    except OSError as error:
        raise as_ledger_error(data_dir, error) from error
    try:
        if wrong := damage.found_in(file, checked_bytes):
            return SchemaState.CORRUPT, wrong
        return _judge(file)
    except (sqlite3.Error, OSError) as error:
        if sqlite.is_corrupt(error):
            return SchemaState.CORRUPT, sqlite.reason_of(error)
        raise as_ledger_error(data_dir, error) from error


def _was_there(data_dir: Path) -> bool:
    """Whether a log that is empty now held something: the end of its audit is kept beside it, or a -wal is."""
    wal = log_file(data_dir).with_name(f"{log_file(data_dir).name}-wal")
    return (data_dir / AUDIT_HEAD).exists() or (wal.exists() and wal.stat().st_size > 0)


def _judge(file: Path) -> tuple[SchemaState, str | None]:
    with closing(sqlite.connect_read_only(file)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not tables:
            return SchemaState.MISSING, None
        if "alembic_version" not in tables:
            return SchemaState.FOREIGN, None
        versions = [str(version) for (version,) in connection.execute("SELECT version_num FROM alembic_version")]
    if not versions:
        return (SchemaState.FOREIGN if "runs" in tables else SchemaState.MISSING), None
    if versions == [HEAD]:
        return SchemaState.CURRENT, HEAD
    known = len(versions) == 1 and versions[0] in REVISIONS
    return (SchemaState.OUTDATED if known else SchemaState.NEWER), versions[0]


def _refuse(data_dir: Path, found: SchemaState, revision: str | None) -> None:
    """Raise for every state that is not usable as it is."""
    file = log_file(data_dir)
    if found is SchemaState.OUTDATED:
        raise LedgerError(
            "ledger.schema_outdated",
            sentence(
                "the log {file} has schema {found}; this version needs {wanted}", file=file, found=revision, wanted=HEAD
            ),
        )
    if found is SchemaState.NEWER:
        raise LedgerError(
            "ledger.schema_unknown",
            sentence(
                "the log {file} has schema {found}, unknown here (newest: {wanted})",
                file=file,
                found=revision,
                wanted=HEAD,
            ),
        )
    if found is SchemaState.FOREIGN:
        raise damage.corrupt(data_dir, sentence("{file} is a database, but not a station's log", file=file))
    if found is SchemaState.CORRUPT:
        raise damage.corrupt(
            data_dir, sentence("the log {file} is damaged or is no database: {reason}", file=file, reason=revision)
        )


def _migrate(data_dir: Path) -> None:
    from station.ledger import migrate

    with translated(data_dir):
        data_dir.mkdir(parents=True, exist_ok=True)
        migrate.to(data_dir, "head")


def _copy_before_upgrade(data_dir: Path, revision: str | None) -> Path:
    with translated(data_dir):
        folder = data_dir / BACKUP_FOLDER
        folder.mkdir(exist_ok=True)
    copy = folder / f"station-{revision}-{datetime.now(UTC):%Y%m%dT%H%M%S%f}Z.sqlite3"
    backup.backup(data_dir, copy)
    return copy


def _try_writing(data_dir: Path) -> None:
    """Begin to write and take it back: proves owner, permissions and a sound file, and changes nothing."""
    engine = open_writer(data_dir, busy_timeout_s=0.1)
    try:
        with engine.begin() as connection:
            # To a file that may only be read, SQLite lets a transaction begin; it is the first change that it refuses.
            connection.execute(text("UPDATE alembic_version SET version_num = version_num WHERE 1 = 0"))
            connection.rollback()
    except SQLAlchemyError as error:
        # Who holds the lock now is writing, so the log can be written; the recorder waits for its turn.
        if not sqlite.is_busy(error):
            raise as_ledger_error(data_dir, error) from error
    finally:
        engine.dispose()
