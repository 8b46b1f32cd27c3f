"""What a factory notes of each unit by keys of its own, and product serials found by an index.

Revision 0011, after 0010. Rows of `unit_values` are only added; `runs.unit_values` has what the unit had when its run
ended.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.Uuid(as_uuid=False).with_variant(sa.String(36), "sqlite")
    op.create_table(
        "unit_values",
        sa.Column("value_id", key, nullable=False),
        sa.Column("serial", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("station_id", sa.String(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("set_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("value_id", name="pk_unit_values"),
    )
    op.create_index("ix_unit_values_serial_key", "unit_values", ["serial", "key"])
    op.create_index("ix_unit_values_key_value", "unit_values", ["key", "value"])
    op.add_column("runs", sa.Column("unit_values", sa.JSON(none_as_null=True), nullable=True))
    op.create_index("ix_runs_product_serial", "runs", ["product_serial"])


def downgrade() -> None:
    op.drop_index("ix_runs_product_serial", "runs")
    op.drop_column("runs", "unit_values")
    op.drop_table("unit_values")
