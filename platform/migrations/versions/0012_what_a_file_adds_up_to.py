"""What the rows of an uploaded file add up to

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.add_column("upload", sa.Column("sums", postgresql.JSONB(), nullable=True))
    op.add_column("upload", sa.Column("first_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("upload", sa.Column("last_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    for column in ("last_at", "first_at", "sums"):
        op.drop_column("upload", column)
