"""Files of orders, returns and consents

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

from modori.storage import migrating
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

NEW_TABLES = {
    "upload": "select, insert, update",
    "upload_part": "select, insert, delete",
    "upload_row": "select, insert, update",
}


def one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


def upgrade() -> None:
    with migrating.apart():  # the conditions that 0003 has set
        migrating.check_rows("mark", "event")
        migrating.check_rows("episodestate", "episode")
    op.execute("set local lock_timeout = '5s'")
    op.create_table(
        "upload",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("upload_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("kind", one_of("uploadkind", "orders", "returns", "consents"), nullable=False),
        sa.Column(
            "state", one_of("uploadstate", "checking", "checked", "applying", "applied", "dropped"), nullable=False
        ),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("file_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("bytes_count", sa.Integer(), nullable=False),
        sa.Column("encoding", sa.Text(), nullable=False),
        sa.Column("delimiter", sa.Text(), nullable=False),
        sa.Column("headers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("rows_count", sa.Integer(), nullable=False),
        sa.Column("parts_count", sa.Integer(), nullable=False),
        sa.Column("checked_parts", sa.Integer(), nullable=False),
        sa.Column("applied_parts", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("approved_by", sa.Uuid(), nullable=True),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rows_removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id", "site_id"], ["site.tenant_id", "site.site_id"]),
        sa.PrimaryKeyConstraint("tenant_id", "upload_id"),
    )
    op.create_index("upload_by_time", "upload", ["tenant_id", "made_at"])
    op.create_index(
        "upload_to_remove", "upload", ["made_at"], postgresql_where=sa.text("rows_removed_at is null")
    )
    op.create_table(
        "upload_part",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("upload_id", sa.Uuid(), nullable=False),
        sa.Column("part_number", sa.Integer(), nullable=False),
        sa.Column("rows", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id", "upload_id"], ["upload.tenant_id", "upload.upload_id"]),
        sa.PrimaryKeyConstraint("tenant_id", "upload_id", "part_number"),
    )
    op.create_table(
        "upload_row",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("upload_id", sa.Uuid(), nullable=False),
        sa.Column("row_number", sa.Integer(), nullable=False),
        sa.Column("outcome", one_of("rowoutcome", "new", "known", "kept", "refused"), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("field", sa.Text(), nullable=True),
        sa.Column("identity", sa.LargeBinary(), nullable=True),
        sa.Column("contents", sa.LargeBinary(), nullable=True),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id", "upload_id"], ["upload.tenant_id", "upload.upload_id"]),
        sa.PrimaryKeyConstraint("tenant_id", "upload_id", "row_number"),
    )
    op.create_index("upload_row_by_identity", "upload_row", ["tenant_id", "upload_id", "identity"])
    op.create_index(
        "upload_row_of_subject",
        "upload_row",
        ["tenant_id", "subject_id"],
        postgresql_where=sa.text("subject_id is not null"),
    )

    visible = "tenant_id = any ((select nullif(current_setting('app.tenants', true), '')::uuid[])::uuid[])"
    for name, rights in NEW_TABLES.items():
        op.execute(f"alter table {name} enable row level security")
        op.execute(f"alter table {name} force row level security")
        op.execute(f"create policy of_tenant on {name} to modori_app using ({visible}) with check ({visible})")
        op.execute(f"grant {rights} on {name} to modori_app")
    op.execute("create policy of_scan on upload to modori_scan using (true) with check (true)")
    op.execute("grant select (tenant_id, upload_id, made_at, rows_removed_at) on upload to modori_scan")


def downgrade() -> None:
    for name in ("upload_row", "upload_part", "upload"):
        op.drop_table(name)
