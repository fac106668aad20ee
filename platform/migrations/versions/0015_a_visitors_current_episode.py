"""A visitor's current episode is found by the site alone; rows that change often find room beside themselves

Revision ID: 0015
Revises: 0014

The index is built inside the transaction: episodes are not written for some seconds a million.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

CURRENT = sa.text("state in ('open', 'abandoned')")
ROOMY = {"episode": 50, "visitor": 80, "contact_velocity": 70, "prefix_velocity": 70}
"""Tables whose rows are updated soon and often, and how full their pages are made: a new version on the same page needs
no entry in any index. Pages that exist fill up as they are."""


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.drop_index("episode_current", table_name="episode")
    op.create_index("episode_current", "episode", ["site_id", "visitor"], unique=True, postgresql_where=CURRENT)
    for table, filled in ROOMY.items():
        op.execute(f"alter table {table} set (fillfactor = {filled})")


def downgrade() -> None:
    for table in ROOMY:
        op.execute(f"alter table {table} reset (fillfactor)")
    op.drop_index("episode_current", table_name="episode")
    op.create_index(
        "episode_current", "episode", ["tenant_id", "site_id", "visitor"], unique=True, postgresql_where=CURRENT
    )
