"""What functional tests measured, and its sums by the hour.

Revision 0006, after 0005. A run of an older log measured nothing: there is nothing to fill in.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_measurements()
    _create_hour_measurements()
    for name, query in VIEWS.items():
        op.execute(f"CREATE VIEW {name} AS {query}")


def downgrade() -> None:
    for name in reversed(VIEWS):
        op.execute(f"DROP VIEW {name}")
    op.drop_table("hour_measurements")
    op.drop_table("measurements")


def _create_measurements() -> None:
    op.create_table(
        "measurements",
        sa.Column("attempt_id", sa.Uuid(as_uuid=False).with_variant(sa.String(36), "sqlite"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.JSON(), nullable=True),
        sa.Column("number", sa.Double(), nullable=True),
        sa.Column("unit", sa.String(), nullable=True),
        sa.Column("low", sa.Double(), nullable=True),
        sa.Column("high", sa.Double(), nullable=True),
        sa.Column("passed", sa.Boolean(), nullable=True),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempts.attempt_id"], name="fk_measurements_attempt_id_attempts"),
        sa.PrimaryKeyConstraint("attempt_id", "position", name="pk_measurements"),
    )


def _create_hour_measurements() -> None:
    op.create_table(
        "hour_measurements",
        sa.Column("hour_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("station_id", sa.String(), nullable=False),
        sa.Column("batch", sa.String(), nullable=True),
        sa.Column("bundle", sa.String(), nullable=False),
        sa.Column("slot", sa.String(), nullable=False),
        sa.Column("operator", sa.String(), nullable=True),
        sa.Column("purpose", sa.String(), nullable=False, server_default="production"),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=True),
        sa.Column("measured", sa.Integer(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("numbers", sa.Integer(), nullable=False),
        sa.Column("total", sa.Double(), nullable=False),
        sa.Column("least", sa.Double(), nullable=True),
        sa.Column("most", sa.Double(), nullable=True),
    )
    op.create_index("ix_hour_measurements_hour_at", "hour_measurements", ["hour_at"])
    op.create_index("ix_hour_measurements_batch_hour_at", "hour_measurements", ["batch", "hour_at"])


VIEWS = {
    "report_measurements": """
SELECT batch, name, unit, slot, sum(measured) AS measured, sum(missing) AS missing, sum(failed) AS failed,
    min(least) AS least, sum(total) / nullif(sum(numbers), 0) AS mean, max(most) AS most
FROM hour_measurements WHERE purpose IN ('production', 'rework') GROUP BY batch, name, unit, slot
""",
}
