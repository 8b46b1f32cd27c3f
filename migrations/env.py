"""Alembic's environment: the connection comes from the caller, who owns its transaction; there is no alembic.ini."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from station.ledger.tables import METADATA


def migrate(connection: Connection) -> None:
    """Run the migrations that were asked for."""
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        render_as_batch=True,
        # The caller's BEGIN covers schema changes in SQLite too, so all migrations happen or none.
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


migrate(context.config.attributes["connection"])
