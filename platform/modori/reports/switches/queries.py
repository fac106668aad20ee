"""Questions about the switches of channels: for the queue, the client's page and the agency's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlmodel import Session

from modori.kernel.ids import TenantId
from modori.people.model import Channel
from modori.storage.db import ReadSession

COUNTED_UP_TO = 10_000


@dataclass(frozen=True, slots=True)
class Engaged:
    """A switch that is engaged.

    tenant_id, client  whose; None: the agency's, of every client
    channel            None: all channels of the client
    user               who has thrown it; None: nobody of the console
    """

    tenant_id: TenantId | None
    client: str | None
    channel: Channel | None
    engaged_at: datetime
    user: str | None
    reason: str


def list_engaged(session: ReadSession, *, tenant_ids: Sequence[TenantId], limit: int = 50) -> list[Engaged]:
    """List the clients' engaged switches: those that stop calls first, then by the client's name and the channel."""
    rows = session.connection().execute(
        text(
            "select w.tenant_id, t.name, w.channel, w.engaged_at, u.name, w.reason"
            " from kill_switch w join tenant t on t.tenant_id = w.tenant_id"
            " left join user_account u on u.user_id = w.engaged_by"
            " where w.tenant_id = any(cast(:tenants as uuid[])) and w.released_at is null"
            " order by coalesce(w.channel, 'call') <> 'call', t.name, w.tenant_id, w.channel limit :limit"
        ),
        {"tenants": list(tenant_ids), "limit": limit},
    )
    return [Engaged(TenantId(row[0]), row[1], None if row[2] is None else Channel(row[2]), *row[3:]) for row in rows]


def list_engaged_by_agency(session: Session) -> list[Engaged]:
    """List the agency's engaged switches, by channel: no client's rows."""
    rows = session.connection().execute(
        text(
            "select w.channel, w.engaged_at, u.name, w.reason from agency_kill_switch w"
            " left join user_account u on u.user_id = w.engaged_by where w.released_at is null order by w.channel"
        )
    )
    return [Engaged(None, None, Channel(row[0]), *row[1:]) for row in rows]


def count_due(session: ReadSession, *, tenant_id: TenantId, until: datetime) -> dict[Channel, int]:
    """Count a client's steps by channel that are planned up to an instant; of more than COUNTED_UP_TO the first."""
    rows = session.connection().execute(
        text(
            "select channel, count(*) from (select channel from touch where tenant_id = :tenant_id"
            " and state = 'planned' and due_at <= :until order by due_at limit :most) due group by channel"
        ),
        {"tenant_id": tenant_id, "until": until, "most": COUNTED_UP_TO},
    )
    return {Channel(channel): int(count) for channel, count in rows}
