"""The notices that a site has had, and what it was ever seen to send

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

VISIBLE = "tenant_id = any ((select nullif(current_setting('app.tenants', true), '')::uuid[])::uuid[])"
GRANTS = {"notice_version": "select, insert", "site_sent": "select, insert, update"}


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.create_table(
        "notice_version",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("notice_version_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column(
            "capture_mode",
            sa.Enum(
                "off",
                "notice",
                "after-consent",
                name="capturemode",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("text_hash", sa.LargeBinary(), nullable=True),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id", "site_id"], ["site.tenant_id", "site.site_id"]),
        sa.PrimaryKeyConstraint("tenant_id", "notice_version_id"),
    )
    op.create_index("notice_version_of_site", "notice_version", ["tenant_id", "site_id", "from_at"])
    op.create_table(
        "site_sent",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "field", "event", "identity", name="sentkind", native_enum=False, create_constraint=True, length=40
            ),
            nullable=False,
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "site_id", "kind", "name"),
    )
    _record_what_stands()
    for table, grants in GRANTS.items():
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"alter table {table} force row level security")
        op.execute(f"create policy of_tenant on {table} to modori_app using ({VISIBLE}) with check ({VISIBLE})")
        op.execute(f"grant {grants} on {table} to modori_app")
    op.execute(
        "create trigger never_changes before update or delete or truncate on notice_version"
        " for each statement execute function refuse_change()"
    )


def _record_what_stands() -> None:
    """A site's present notice, taken to stand since the site was made; `recorded_at` says when it was written down."""
    op.execute(
        "insert into notice_version (tenant_id, notice_version_id, site_id, capture_mode, text, text_hash, from_at,"
        " recorded_at) select tenant_id, uuidv7(), site_id, capture_mode, notice_text,"
        " sha256(convert_to(notice_text, 'UTF8')), made_at, now() from site"
    )


def downgrade() -> None:
    op.drop_table("site_sent")
    op.drop_table("notice_version")
