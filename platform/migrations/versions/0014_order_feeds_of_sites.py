"""How far each site's orders are known

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

VISIBLE = "tenant_id = any ((select nullif(current_setting('app.tenants', true), '')::uuid[])::uuid[])"


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.add_column("site", sa.Column("has_order_feed", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.create_table(
        "order_feed",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settles_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id", "site_id"], ["site.tenant_id", "site.site_id"]),
        sa.PrimaryKeyConstraint("tenant_id", "site_id"),
    )
    _take_over()
    op.execute("alter table order_feed enable row level security")
    op.execute("alter table order_feed force row level security")
    op.execute(f"create policy of_tenant on order_feed to modori_app using ({VISIBLE}) with check ({VISIBLE})")
    op.execute("grant select, insert, update on order_feed to modori_app")


def _take_over() -> None:
    """A client's only site has heard what the client has; of several, each what its own proven orders say."""
    op.execute(
        "insert into order_feed (tenant_id, site_id, heard_at)"
        " select s.tenant_id, s.site_id, case when n.sites = 1 then t.order_feed_seen_at"
        "   else least(t.order_feed_seen_at, o.placed_at) end"
        " from site s join tenant t on t.tenant_id = s.tenant_id"
        " join (select tenant_id, count(*) as sites from site group by 1) n on n.tenant_id = s.tenant_id"
        " left join lateral (select max(placed_at) as placed_at from purchase_order p where p.tenant_id = s.tenant_id"
        "   and p.site_id = s.site_id and p.proven_at is not null) o on true"
        " where t.order_feed_seen_at is not null and (n.sites = 1 or o.placed_at is not null)"
    )


def downgrade() -> None:
    op.drop_table("order_feed")
    op.drop_column("site", "has_order_feed")
