"""Queries and locks of the budgets: the last that begin takes, the platform's before the client's month (G2), which
`tenants.queries.lock_month` locks."""

from datetime import date
from typing import NamedTuple

from sqlalchemy import text
from sqlmodel import Session

from modori.kernel.ids import TenantId


class PlatformCounts(NamedTuple):
    messages_week: int
    first_messages_day: int


def lock_platform_budget(session: Session, *, platform_index: bytes, today_on: date) -> PlatformCounts:
    """Lock a contact point's budget over all tenants and read it. Cross-tenant, by keyed hash only."""
    row = (
        session.connection()
        .execute(
            text("select messages_week, first_messages_day from lock_platform_budget(:index, :today)"),
            {"index": platform_index, "today": today_on},
        )
        .one()
    )
    return PlatformCounts(int(row.messages_week), int(row.first_messages_day))


def spend_platform_budget(session: Session, *, platform_index: bytes, today_on: date, is_first: bool) -> None:
    session.connection().execute(
        text("select spend_platform_budget(:index, :today, :first)"),
        {"index": platform_index, "today": today_on, "first": is_first},
    )


def refund_platform_budget(session: Session, *, platform_index: bytes, day_on: date, is_first: bool) -> None:
    session.connection().execute(
        text("select refund_platform_budget(:index, :day, :first)"),
        {"index": platform_index, "day": day_on, "first": is_first},
    )


def add_spend(session: Session, *, tenant_id: TenantId, month_on: date, minor: int) -> None:
    """Add to (or, negative, give back to) the client's month."""
    session.connection().execute(
        text("update spend set spent_minor = spent_minor + :minor where tenant_id = :t and month_on = :m"),
        {"t": tenant_id, "m": month_on, "minor": minor},
    )


def purge_platform_budget(session: Session, *, keep_days: int) -> None:
    """Delete old rows of the caps over all tenants, by the owner's function. Cross-tenant."""
    session.connection().execute(text("select purge_platform_budget(:days)"), {"days": keep_days})
