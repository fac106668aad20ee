"""By what somebody finds a row of an uploaded file

Revision ID: 0017
Revises: 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.add_column("upload_row", sa.Column("name", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    op.drop_column("upload_row", "name")
