"""The one query that every request of the console begins with."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session

from modori.tenants.logins.rules import token_hash


class SessionRow(NamedTuple):
    """A log-in with its user, what they may see, and whether the agency has stopped sending.

    stopped_channels  those that the agency has stopped for every client
    memberships  [{"tenant_id", "name", "role"}]: one for each client and role, agency-wide roles spread out
    """

    session_id: UUID
    user_id: UUID
    csrf_token: str
    tenant_in_view: UUID | None
    seen_at: datetime
    expires_at: datetime
    name: str
    locale: str
    timezone: str
    agency_role: str | None
    memberships: list[dict[str, Any]]
    stopped_reason: str | None
    is_stopped: bool
    stopped_channels: list[str]


def find_session_row(session: Session, *, token: str) -> SessionRow | None:
    """Find the log-in of a cookie's token with everything that a page's frame shows; None for a disabled user, too.

    Crosses tenants: through the function `tenants_of_user`, which answers from the user's memberships.
    """
    row = (
        session.connection()
        .execute(
            text(
                "select s.session_id, s.user_id, s.csrf_token, s.tenant_in_view, s.seen_at, s.expires_at,"
                " u.name, u.locale, u.timezone,"
                " (select m.role from membership m where m.user_id = u.user_id and m.client_tenant_id is null),"
                " coalesce((select jsonb_agg(to_jsonb(t) order by t.name, t.tenant_id)"
                "   from tenants_of_user(u.user_id) t), '[]'::jsonb),"
                " a.sending_stopped_reason, a.sending_stopped_at is not null,"
                " array(select w.channel from agency_kill_switch w where w.released_at is null order by w.channel)"
                " from console_session s join user_account u on u.user_id = s.user_id and u.disabled_at is null"
                " left join agency a on a.agency_id = 1"
                " where s.token_hash = :token_hash"
            ),
            {"token_hash": token_hash(token)},
        )
        .one_or_none()
    )
    return None if row is None else SessionRow(*row)


def note_session_seen(session: Session, *, session_id: UUID, now: datetime, at_most_every: timedelta) -> None:
    session.connection().execute(
        text("update console_session set seen_at = :now where session_id = :session_id and seen_at <= :before"),
        {"now": now, "session_id": session_id, "before": now - at_most_every},
    )
