"""Who brought an order by a file

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.add_column("purchase_order", sa.Column("vouched_by", postgresql.JSONB(), nullable=True))
    op.execute(
        "update purchase_order o set vouched_by = brought.users from ("
        "  select r.tenant_id, r.subject_id, jsonb_agg(distinct who.id order by who.id) as users from upload_row r"
        "  join upload u on u.tenant_id = r.tenant_id and u.upload_id = r.upload_id and u.kind = 'orders'"
        "  cross join lateral (values (u.made_by::text), (u.approved_by::text)) who(id)"
        "  where r.subject_id is not null and who.id is not null group by 1, 2) brought"
        " where o.tenant_id = brought.tenant_id and o.order_id = brought.subject_id and o.source = 'csv'"
    )


def downgrade() -> None:
    op.drop_column("purchase_order", "vouched_by")
