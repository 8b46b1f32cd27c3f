"""What a message was made of: its form and the values in it, so that it can be shown in another language.

Revision 0005, after 0004. Rows of an older log have neither, and are shown as they stand.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLES = ("runs", "attempts")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("message_form", sa.String(), nullable=True))
        op.add_column(table, sa.Column("message_values", sa.JSON(), nullable=True))


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "message_values")
        op.drop_column(table, "message_form")
