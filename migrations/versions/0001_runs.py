"""Units, runs, attempts, images and releases.

Revision 0001, after nothing. Types are spelt out here and not taken from the rows: a migration stays what it was.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

OUTCOMES = "outcome IN ('PASS', 'FAIL', 'ERROR', 'ABORTED', 'SKIPPED')"


def _key() -> sa.types.TypeEngine[str]:
    return sa.Uuid(as_uuid=False).with_variant(sa.String(36), "sqlite")


def _time() -> sa.DateTime:
    return sa.DateTime(timezone=True)


def upgrade() -> None:
    _create_units()
    _create_runs()
    _create_attempts()
    _create_images()
    _create_releases()


def downgrade() -> None:
    for table in ("releases", "images", "attempts", "runs", "units"):
        op.drop_table(table)


def _create_units() -> None:
    op.create_table(
        "units",
        sa.Column("unit_id", _key(), nullable=False),
        sa.Column("serial", sa.String(), nullable=False),
        sa.Column("identified", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("unit_id", name="pk_units"),
    )
    op.create_index(
        "uq_units_serial",
        "units",
        ["serial"],
        unique=True,
        sqlite_where=sa.text("identified = 1"),
        postgresql_where=sa.text("identified"),
    )
    op.create_index("ix_units_serial", "units", ["serial"])


def _create_runs() -> None:
    op.create_table(
        "runs",
        sa.Column("run_id", _key(), nullable=False),
        sa.Column("unit_id", _key(), nullable=False),
        sa.Column("station_id", sa.String(), nullable=False),
        sa.Column("serial", sa.String(), nullable=False),
        sa.Column("identified", sa.Boolean(), nullable=False),
        sa.Column("slot", sa.String(), nullable=False),
        sa.Column("port_path", sa.String(), nullable=False),
        sa.Column("batch", sa.String(), nullable=True),
        sa.Column("operator", sa.String(), nullable=True),
        sa.Column("recipe", sa.String(), nullable=False),
        sa.Column("bundle", sa.String(), nullable=False),
        sa.Column("bundle_sha256", sa.String(), nullable=False),
        sa.Column("bootloader", sa.String(), nullable=True),
        sa.Column("started_at", _time(), nullable=False),
        sa.Column("finished_at", _time(), nullable=True),
        sa.Column("duration_s", sa.Double(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("verified", sa.Boolean(), nullable=False),
        sa.Column("boot_confirmed", sa.Boolean(), nullable=False),
        sa.CheckConstraint(OUTCOMES, name=op.f("ck_runs_outcome")),
        sa.ForeignKeyConstraint(["unit_id"], ["units.unit_id"], name="fk_runs_unit_id_units"),
        sa.PrimaryKeyConstraint("run_id", name="pk_runs"),
    )
    op.create_index("ix_runs_history", "runs", ["unit_id", "started_at", "run_id", "outcome", "batch"])
    op.create_index("ix_runs_batch_started_at_run_id", "runs", ["batch", "started_at", "run_id"])
    op.create_index("ix_runs_started_at_run_id", "runs", ["started_at", "run_id"])
    only_open = sa.text("outcome IS NULL")
    op.create_index("ix_runs_open", "runs", ["station_id"], sqlite_where=only_open, postgresql_where=only_open)


def _create_attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("attempt_id", _key(), nullable=False),
        sa.Column("run_id", _key(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("started_at", _time(), nullable=False),
        sa.Column("duration_s", sa.Double(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("mram_initialized", sa.Boolean(), nullable=False),
        sa.Column("notes", sa.JSON(), nullable=False),
        sa.CheckConstraint(OUTCOMES, name=op.f("ck_attempts_outcome")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name="fk_attempts_run_id_runs"),
        sa.PrimaryKeyConstraint("attempt_id", name="pk_attempts"),
        sa.UniqueConstraint("run_id", "number", name="uq_attempts_run_id_number"),
    )


def _create_images() -> None:
    op.create_table(
        "images",
        sa.Column("attempt_id", _key(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("partition", sa.String(), nullable=False),
        sa.Column("alt", sa.Integer(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("readback_sha256", sa.String(), nullable=True),
        sa.Column("blocks_total", sa.Integer(), nullable=False),
        sa.Column("blocks_written", sa.Integer(), nullable=False),
        sa.Column("write_s", sa.Double(), nullable=False),
        sa.Column("verify_s", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempts.attempt_id"], name="fk_images_attempt_id_attempts"),
        sa.PrimaryKeyConstraint("attempt_id", "position", name="pk_images"),
    )


def _create_releases() -> None:
    op.create_table(
        "releases",
        sa.Column("release_id", _key(), nullable=False),
        sa.Column("serial", sa.String(), nullable=False),
        sa.Column("batch", sa.String(), nullable=True),
        sa.Column("released_at", _time(), nullable=False),
        sa.Column("released_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("release_id", name="pk_releases"),
    )
    op.create_index("ix_releases_serial_released_at", "releases", ["serial", "released_at"])
