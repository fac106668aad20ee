"""The agency's limits, which no site may loosen

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

LIMITS = {
    "message_gap_s": 72_000,
    "first_messages_per_contact_day": 1,
    "messages_per_contact_week": 3,
    "dial_gap_s": 3_600,
    "dials_per_day": 2,
    "dials_per_lead": 5,
}
"""RULES 12, 31. A default that is constant rewrites no row."""


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    for name, value in LIMITS.items():
        op.add_column("agency", sa.Column(name, sa.Integer(), nullable=False, server_default=str(value)))


def downgrade() -> None:
    for name in LIMITS:
        op.drop_column("agency", name)
