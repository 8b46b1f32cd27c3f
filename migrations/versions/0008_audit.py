"""The audit: who did what only an engineer may do, and with which configuration lines started.

Revision 0008, after 0007. Rows are only added: SQLite refuses to change or delete one. And an index of the runs that
were made while the configuration turned a proof off: a report counts those that passed.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

UNPROVEN = sa.text("proofs_off IS NOT NULL")
TRIGGER = """
CREATE TRIGGER audit_no_{what} BEFORE {what} ON audit
BEGIN SELECT RAISE(ABORT, 'rows of the audit are only added'); END
"""


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("station_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("act", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("details", sa.String(), nullable=False),
        sa.Column("previous_hash", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("station_id", "number", name="pk_audit"),
    )
    if op.get_bind().dialect.name == "sqlite":
        for what in ("update", "delete"):
            op.execute(TRIGGER.format(what=what))
    op.add_column("runs", sa.Column("proofs_off", sa.String(), nullable=True))
    op.create_index("ix_runs_unproven", "runs", ["started_at"], sqlite_where=UNPROVEN, postgresql_where=UNPROVEN)


def downgrade() -> None:
    op.drop_index("ix_runs_unproven", "runs")
    op.drop_column("runs", "proofs_off")
    op.drop_table("audit")
