"""The audit: who did what only an engineer may do, and with which configuration lines started.

Revision 0008, after 0007. Rows are only added: SQLite refuses to change or delete one. And an index of the runs that
passed without every proof: a report says where the configuration turned one off.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

UNPROVEN = "outcome = 'PASS' AND (verified = 0 OR boot_confirmed = 0)"
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
    where = {"sqlite_where": sa.text(UNPROVEN), "postgresql_where": sa.text(UNPROVEN.replace("= 0", "= false"))}
    op.create_index("ix_runs_unproven", "runs", ["started_at"], **where)


def downgrade() -> None:
    op.drop_index("ix_runs_unproven", "runs")
    op.drop_table("audit")
