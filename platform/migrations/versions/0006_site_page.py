"""What the page of a site reads

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.add_column("site", sa.Column("sending_stopped_reason", sa.Text(), nullable=True))
    op.create_table(
        "capture_sighting",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("seen_on", sa.Date(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "site_id", "seen_on", "code", "subject"),
    )
    visible = "tenant_id = any ((select nullif(current_setting('app.tenants', true), '')::uuid[])::uuid[])"
    op.execute("alter table capture_sighting enable row level security")
    op.execute("alter table capture_sighting force row level security")
    op.execute(f"create policy of_tenant on capture_sighting to modori_app using ({visible}) with check ({visible})")
    op.execute("grant select, insert, update, delete on capture_sighting to modori_app")


def downgrade() -> None:
    op.drop_table("capture_sighting")
    op.drop_column("site", "sending_stopped_reason")
