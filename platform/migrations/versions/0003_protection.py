"""Signed mode, marks of bots, leaks counted, more velocities

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

from modori.storage import migrating

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NEW_TABLES = {
    "prefix_velocity": "select, insert, update, delete",
    "capture_choice": "select, insert",
    "capture_leak": "select, insert, update, delete",
}


def upgrade() -> None:
    with migrating.apart():
        migrating.build_index("event_of_visitor", "event", ["tenant_id", "visitor"], where="episode_id is null")
    op.execute("set local lock_timeout = '5s'")
    op.add_column(
        "site", sa.Column("contact_points_per_prefix_hour", sa.Integer(), nullable=False, server_default="30")
    )
    op.add_column("site", sa.Column("signed_mode", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("site", sa.Column("signing_secret", sa.LargeBinary(), nullable=True))
    op.add_column("site", sa.Column("signing_secret_before", sa.LargeBinary(), nullable=True))
    op.add_column("visitor", sa.Column("capture_refused_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("visitor", sa.Column("capture_granted_at", sa.DateTime(timezone=True), nullable=True))

    op.add_column("event", sa.Column("mark", sa.String(length=40), nullable=True))
    migrating.check_from_now("mark", "event", "mark in ('bot', 'prefetch')")
    op.add_column("promise", sa.Column("due_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("grant select (due_at) on promise to modori_scan")
    op.execute("grant delete on event to modori_app")  # "no thanks" deletes what was sent

    op.drop_constraint("episodestate", "episode", type_="check")
    migrating.check_from_now(
        "episodestate", "episode", "state in ('open', 'abandoned', 'ordered', 'expired', 'refused')"
    )

    op.create_table(
        "prefix_velocity",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("prefix_index", sa.LargeBinary(), nullable=False),
        sa.Column("hour_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("new_points", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "site_id", "prefix_index", "hour_at"),
    )
    op.create_table(
        "capture_choice",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("choice_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("visitor", sa.Text(), nullable=False),
        sa.Column("granted", sa.Boolean(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("text_hash", sa.LargeBinary(), nullable=False),
        sa.Column("control", sa.Text(), nullable=True),
        sa.Column("page_url", sa.Text(), nullable=True),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "choice_id"),
    )
    op.create_index("capture_choice_of_visitor", "capture_choice", ["tenant_id", "site_id", "visitor", "given_at"])
    op.create_table(
        "capture_leak",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("leaked_on", sa.Date(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "card",
                "password",
                "security_code",
                "one_time_code",
                name="leakkind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "site_id", "leaked_on", "kind", "field"),
    )
    visible = "tenant_id = any ((select nullif(current_setting('app.tenants', true), '')::uuid[])::uuid[])"
    for name, rights in NEW_TABLES.items():
        op.execute(f"alter table {name} enable row level security")
        op.execute(f"alter table {name} force row level security")
        op.execute(f"create policy of_tenant on {name} to modori_app using ({visible}) with check ({visible})")
        op.execute(f"grant {rights} on {name} to modori_app")
    op.execute(
        "create trigger never_changes before update or delete or truncate on capture_choice"
        " for each statement execute function refuse_change()"
    )


def downgrade() -> None:
    raise RuntimeError("what was refused and forgotten cannot come back")
