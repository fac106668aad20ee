"""What an uploaded file was read as

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.add_column("upload", sa.Column("layout", sa.Text(), nullable=True))
    op.add_column("upload", sa.Column("passed_over", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("upload", "passed_over")
    op.drop_column("upload", "layout")
