"""Is the log sound? Reads all of it, so it may take a while; a station may go on writing meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import SQLAlchemyError

from station.ledger import audit, schema_version, sqlite
from station.ledger.database import log_file, open_reader, translated
from station.ledger.journal import journal_files
from station.ledger.tables import RUNS
from station.ledger.unreadable import first_unreadable

_MANY = 20
"""So many problems of one kind are named."""


@dataclass(frozen=True, slots=True)
class LedgerCheck:
    """What was found. `open_runs` are running now, or were cut off and will be closed at the next start.

    `journals` are files of results that could not be written to the log yet; the next start writes them.
    """

    file: Path
    revision: str
    runs: int
    open_runs: int
    journals: int
    problems: tuple[str, ...]
    is_damaged: bool = False
    """Whether the log itself is; False where only the audit was changed."""
    audit: tuple[tuple[str, int, str], ...] = ()
    """Of each station: the number of its last audit row and that row's hash. A copy of it elsewhere proves more."""

    @property
    def ok(self) -> bool:
        """True where nothing is wrong."""
        return not self.problems

    def to_json(self) -> dict[str, Any]:
        """The check as `db check --json` prints it."""
        return {
            "file": str(self.file),
            "revision": self.revision,
            "runs": self.runs,
            "open_runs": self.open_runs,
            "journals": self.journals,
            "audit": [{"station_id": name, "rows": number, "last_hash": last} for name, number, last in self.audit],
            "problems": list(self.problems),
            "ok": self.ok,
        }


def check(data_dir: Path) -> LedgerCheck:
    """Read the whole log and compare its schema with what this version expects.

    Errors: LedgerError where there is no log, where it is no log or lies beside the -wal of another one, or where its
    schema is not this version's.
    """
    schema_version.require_current(data_dir, checked_bytes=0)
    engine = open_reader(data_dir)
    try:
        with translated(data_dir), engine.connect() as connection:
            problems, changed = _damage(connection), []
            if not problems:
                problems = _broken_references(connection) + _schema_differences(connection)
                if unreadable := first_unreadable(connection):
                    problems.append(unreadable)
                else:
                    changed = audit.audit_problems(data_dir, connection)
            return _report(data_dir, connection, problems, changed)
    finally:
        engine.dispose()


def _damage(connection: Connection) -> list[str]:
    try:
        rows = connection.exec_driver_sql(f"PRAGMA integrity_check({_MANY})").scalars().all()
    except SQLAlchemyError as error:
        if not sqlite.is_corrupt(error):
            raise
        return [sqlite.reason_of(error)]
    return [str(row) for row in rows if row != "ok"]


def _broken_references(connection: Connection) -> list[str]:
    rows = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    return [f"{row[0]} row {row[1]} refers to a row of {row[2]} that is not there" for row in rows[:_MANY]]


def _schema_differences(connection: Connection) -> list[str]:
    from station.ledger import migrate

    return [f"schema: {line}" for line in migrate.differences(connection)]


def _report(data_dir: Path, connection: Connection, problems: list[str], changed: list[str]) -> LedgerCheck:
    runs, open_runs = 0, 0
    try:
        runs = connection.scalar(select(func.count()).select_from(RUNS)) or 0
        open_runs = connection.scalar(select(func.count()).where(RUNS.c.outcome.is_(None))) or 0
    except SQLAlchemyError as error:
        problems = [*problems, f"runs cannot be counted: {sqlite.reason_of(error)}"]
    return LedgerCheck(
        file=log_file(data_dir),
        revision=schema_version.HEAD,
        runs=runs,
        open_runs=open_runs,
        journals=len(journal_files(data_dir)),
        problems=(*problems, *changed),
        is_damaged=bool(problems),
        audit=() if problems else audit.chain_ends(connection),
    )
