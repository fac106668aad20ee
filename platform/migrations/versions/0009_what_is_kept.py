"""What was captured is forgotten in time; tokens of links that older versions stored

Revision ID: 0009
Revises: 0008
"""

from alembic import op

from modori.storage import migrating

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

EVIDENCE = {
    "consent": "old.recorded_at > now() - interval '3 years' or not old.granted",
    "capture_choice": "old.recorded_at > now() - interval '3 years'",
}
"""What may not be deleted yet (RULES 7, 9); the withdrawal of a consent, never."""

INDEXES = (
    (
        "episode_past",
        "episode",
        ["last_activity_at"],
        "state in ('ordered', 'expired', 'refused') and forgotten_at is null",
    ),
    ("contact_point_kept", "contact_point", ["kept_until"], "value is not null"),
    ("consent_by_age", "consent", ["recorded_at"], "granted"),
    ("capture_choice_by_age", "capture_choice", ["recorded_at"], None),
    (
        "visitor_by_age",
        "visitor",
        ["made_at"],
        "capture_refused_at is null or capture_granted_at > capture_refused_at",
    ),
    ("delivery_told", "delivery", ["begun_at"], "content is not null or subject is not null"),
    ("reply_told", "reply", ["received_at"], "content <> ''"),
    ("call_noted", "call", ["dialled_at"], "note is not null"),
)


NEW_COLUMNS = (("episode", "forgotten_at"), ("contact_point", "kept_until"))


def upgrade() -> None:
    with migrating.apart():
        for table, column in NEW_COLUMNS:
            op.execute(f"alter table {table} add column if not exists {column} timestamptz")
        for name, table, columns, where in INDEXES:
            migrating.build_index(name, table, ["tenant_id", *columns], where=where)
        _strip_tokens_of_events()
    op.execute("set local lock_timeout = '5s'")
    _strip_tokens_of_evidence()
    for table, is_kept in EVIDENCE.items():
        op.execute(f"drop trigger never_changes on {table}")
        op.execute(
            f"create trigger never_changes before update or truncate on {table}"
            " for each statement execute function refuse_change()"
        )
        op.execute(
            f"create trigger goes_in_time before delete on {table} for each row when ({is_kept})"
            " execute function refuse_change()"
        )
        op.execute(f"grant delete on {table} to modori_app")
    op.execute("grant delete on visitor to modori_app")


def _strip_tokens_of_events() -> None:
    """A link's token in a page's or a cart's address was kept as it came: whoever read the table could follow it."""
    for table, column in (("event", "page_url"), ("episode", "cart_url")):
        op.execute(
            f"update {table} set {column} = {_stripped(column)} where {column} like '%modori_t=%'"  # noqa: S608  # our names
        )
    led_to = _stripped("body ->> 'url'")
    op.execute(
        f"update event set body = jsonb_set(body, '{{url}}', to_jsonb({led_to}))"  # noqa: S608  # our names
        " where type = 'cart' and body ->> 'url' like '%modori_t=%'"
    )


def _strip_tokens_of_evidence() -> None:
    """Likewise of consents, whose trigger forbids it: nobody writes them while it is off."""
    for table in ("consent", "capture_choice"):
        op.execute(f"alter table {table} disable trigger never_changes")
        op.execute(
            f"update {table} set page_url = {_stripped('page_url')} where page_url like '%modori_t=%'"  # noqa: S608  # our names
        )
        op.execute(f"alter table {table} enable trigger never_changes")


def _stripped(address: str) -> str:
    return rf"regexp_replace(regexp_replace({address}, '([?&])modori_t=[^&#]*&?', '\1', 'g'), '[?&]+$', '')"


def downgrade() -> None:
    raise RuntimeError("what was forgotten cannot come back")
