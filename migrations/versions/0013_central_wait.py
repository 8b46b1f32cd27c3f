"""How long each camera waited for the database of all stations.

Revision 0013. Nobody measured it before: there is nothing to fill in.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("runs", sa.Column("central_wait_s", sa.Double(), nullable=True))


def downgrade() -> None:
    op.drop_column("runs", "central_wait_s")
