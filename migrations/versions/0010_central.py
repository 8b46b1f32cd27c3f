"""What one database of many stations needs: which rows it has not got yet, and how far it has got.

Revision 0010, after 0009. In a station's log, `changes` numbers what was changed; a log that is upgraded has all its
finished runs, releases and batches in it, in the order of their time. `log_identity` has one row there. In the centre
`stations` and `shipments` are filled, and `changes` stays empty.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from station.model.ids import new_id

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TABLES = ("changes", "log_identity", "stations", "shipments")


def upgrade() -> None:
    _create_changes()
    op.create_table(
        "log_identity",
        sa.Column("log_id", _key(), nullable=False),
        sa.PrimaryKeyConstraint("log_id", name="pk_log_identity"),
    )
    op.create_table(
        "stations",
        sa.Column("station_id", sa.String(), nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("virtual", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("station_id", name="pk_stations"),
    )
    op.create_table(
        "shipments",
        sa.Column("station_id", sa.String(), nullable=False),
        sa.Column("log_id", _key(), nullable=False),
        sa.Column("sent_number", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("station_id", "log_id", name="pk_shipments"),
    )
    if op.get_bind().dialect.name == "sqlite":
        op.execute(sa.text("INSERT INTO log_identity (log_id) VALUES (:log_id)").bindparams(log_id=new_id()))
        op.execute(FILL)
    else:
        # A station's runs of one hour are summed up again whenever some of them arrive.
        op.create_index("ix_runs_station_id_started_at", "runs", ["station_id", "started_at"])


def downgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        op.drop_index("ix_runs_station_id_started_at", "runs")
    for table in reversed(TABLES):
        op.drop_table(table)


def _key() -> sa.types.TypeEngine[str]:
    return sa.Uuid(as_uuid=False).with_variant(sa.String(36), "sqlite")


def _create_changes() -> None:
    op.create_table(
        "changes",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("key", _key(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "key", name="pk_changes"),
    )
    op.create_index("ix_changes_number", "changes", ["number"], unique=True)


FILL = """
INSERT INTO changes (kind, key, number)
SELECT kind, key, row_number() OVER (ORDER BY changed_at, kind, key) FROM (
    SELECT 'run' AS kind, run_id AS key, coalesce(finished_at, started_at) AS changed_at FROM runs
    WHERE outcome IS NOT NULL
    UNION ALL SELECT 'release', release_id, released_at FROM releases
    UNION ALL SELECT 'product', binding_id, bound_at FROM product_serials
    UNION ALL SELECT 'batch', batch_id, begun_at FROM batches) AS known
"""
