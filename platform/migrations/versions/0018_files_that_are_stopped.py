"""An uploaded file may be stopped while it is recorded

Revision ID: 0018
Revises: 0017
"""

import sqlalchemy as sa
from alembic import op

from modori.storage import migrating

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

WIDER = (
    ("uploadstate", "upload", "state in ('checking', 'checked', 'applying', 'applied', 'stopped', 'dropped')"),
    ("rowoutcome", "upload_row", "outcome in ('new', 'known', 'kept', 'refused', 'unapplied')"),
)
"""Conditions that a new word joins."""


def upgrade() -> None:
    with migrating.apart():
        for name, table, condition in WIDER:
            op.execute(f"alter table {table} drop constraint if exists {name}_wider")
            migrating.check_from_now(f"{name}_wider", table, condition)
            migrating.check_rows(f"{name}_wider", table)
    op.execute("set local lock_timeout = '5s'")
    for name, table, _ in WIDER:
        op.drop_constraint(name, table, type_="check")
        op.execute(f"alter table {table} rename constraint {name}_wider to {name}")
    op.add_column("upload", sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("upload", sa.Column("stopped_by", sa.Uuid(), nullable=True))


def downgrade() -> None:
    raise RuntimeError("what was stopped has no other state")
