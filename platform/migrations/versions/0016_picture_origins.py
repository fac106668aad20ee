"""Where a site's pictures may lie, beside its own origins

Revision ID: 0016
Revises: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.add_column("site", sa.Column("picture_origins", sa.ARRAY(sa.String()), nullable=False, server_default="{}"))


def downgrade() -> None:
    op.drop_column("site", "picture_origins")
