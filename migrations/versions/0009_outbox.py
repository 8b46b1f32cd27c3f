"""Finished runs that wait for the factory's systems; what cameras are and where the station stands.

Revision 0009. Runs of an older log wait for nobody, and nobody wrote down where they were made: there is nothing to
fill in.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

KEY = sa.Uuid(as_uuid=False).with_variant(sa.String(36), "sqlite")


RUN_COLUMNS = ("hardware_revision", "location", "time_zone")


def upgrade() -> None:
    for name in RUN_COLUMNS:
        op.add_column("runs", sa.Column(name, sa.String(), nullable=True))
    op.create_table(
        "product_serials",
        sa.Column("binding_id", KEY, nullable=False),
        sa.Column("product_serial", sa.String(), nullable=False),
        sa.Column("serial", sa.String(), nullable=False),
        sa.Column("station_id", sa.String(), nullable=False),
        sa.Column("bound_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("bound_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("binding_id", name="pk_product_serials"),
        sa.UniqueConstraint("product_serial", name="uq_product_serials_product_serial"),
        sa.UniqueConstraint("serial", name="uq_product_serials_serial"),
    )
    op.create_table(
        "outbox",
        sa.Column("sink", sa.String(), nullable=False),
        sa.Column("run_id", KEY, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("ordered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("message", sa.String(), nullable=False, server_default=""),
        sa.Column("dropped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dropped_by", sa.String(), nullable=True),
        sa.Column("dropped_reason", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name="fk_outbox_run_id_runs"),
        sa.PrimaryKeyConstraint("sink", "run_id", name="pk_outbox"),
    )
    op.create_index("ix_outbox_sink_next_at", "outbox", ["sink", "next_at"])
    op.create_index("ix_outbox_sink_unit_id_ordered_at_run_id", "outbox", ["sink", "unit_id", "ordered_at", "run_id"])


def downgrade() -> None:
    op.drop_table("outbox")
    op.drop_table("product_serials")
    for name in reversed(RUN_COLUMNS):
        op.drop_column("runs", name)
