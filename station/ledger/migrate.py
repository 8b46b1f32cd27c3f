"""Alembic, driven from code, without an alembic.ini. It is slow to import (0.6 s): only where a schema is to change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from station.ledger.database import open_writer
from station.ledger.tables import METADATA


def folder() -> Path:
    """Where the migrations are: inside an installed package, or at the top of a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "_migrations"
    return installed if installed.is_dir() else package.parent / "migrations"


def script_head() -> str | None:
    """The newest revision among the migration scripts."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def to(data_dir: Path, revision: str) -> None:
    """Bring the log to a revision ("head", "base" or a number), up or down, in one transaction."""
    # Rebuilding a table, as SQLite needs it, drops the old one: with foreign keys on that would be refused. They are
    # checked once at the end instead.
    engine = open_writer(data_dir, foreign_keys=False)
    try:
        with engine.begin() as connection:
            run(connection, revision)
            _refuse_broken_keys(connection)
    finally:
        engine.dispose()


def run(connection: Connection, revision: str) -> None:
    """The same on an open connection, inside its transaction."""
    config = _config()
    config.attributes["connection"] = connection
    if revision == "base" or revision < _revision_of(connection):
        command.downgrade(config, revision)
    else:
        command.upgrade(config, revision)


def differences(connection: Connection) -> list[str]:
    """What the database and the rows disagree on, one line each; empty where they are the same."""
    context = MigrationContext.configure(connection, opts={"compare_type": True, "render_as_batch": True})
    return [_line(difference) for difference in compare_metadata(context, METADATA)]


def _config() -> Config:
    config = Config()
    # ConfigParser takes a lone % for the start of a reference.
    config.set_main_option("script_location", str(folder()).replace("%", "%%"))
    return config


def _revision_of(connection: Connection) -> str:
    return MigrationContext.configure(connection).get_current_revision() or ""


def _refuse_broken_keys(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        if broken:
            raise RuntimeError(f"the migration broke {len(broken)} references, first in table {broken[0][0]}")


def _line(difference: Any) -> str:
    return " ".join(str(part) for part in difference) if isinstance(difference, tuple) else str(difference)
