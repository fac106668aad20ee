"""A visitor's current episode is found by the site alone; rows that change often find room beside themselves

Revision ID: 0015
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op

from modori.storage.migrating import apart, build_index

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

CURRENT = "state in ('open', 'abandoned')"
ROOMY = {"episode": 50, "visitor": 80, "contact_velocity": 70, "prefix_velocity": 70}
"""Tables whose rows are updated soon and often, and how full their pages are made: a new version on the same page needs
no entry in any index. Pages that exist fill up as they are."""


def upgrade() -> None:
    with apart():
        build_index("episode_current_of_site", "episode", ["site_id", "visitor"], where=CURRENT, unique=True)
    op.execute("set local lock_timeout = '5s'")
    op.drop_index("episode_current", table_name="episode")
    op.execute("alter index episode_current_of_site rename to episode_current")
    for table, filled in ROOMY.items():
        op.execute(f"alter table {table} set (fillfactor = {filled})")


def downgrade() -> None:
    for table in ROOMY:
        op.execute(f"alter table {table} reset (fillfactor)")
    op.drop_index("episode_current", table_name="episode")
    op.create_index(
        "episode_current",
        "episode",
        ["tenant_id", "site_id", "visitor"],
        unique=True,
        postgresql_where=sa.text(CURRENT),
    )
