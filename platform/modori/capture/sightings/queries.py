"""Queries of what was seen and not kept."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import text
from sqlmodel import Session

from modori.kernel.ids import TenantId


class Counted(NamedTuple):
    """How often a thing was seen on a day (UTC), and when last."""

    site_id: UUID
    seen_on: date
    code: str
    subject: str
    times: int
    last_at: datetime


def add_sightings(session: Session, *, tenant_id: TenantId, rows: Sequence[Counted]) -> None:
    """Add to a site's counts, in the order of the key: two processes that write the same rows cannot deadlock.

    A day's rows of a site are bounded, whatever origins are made up: beyond 200 a new one is dropped.
    """
    session.connection().execute(
        text(
            "insert into capture_sighting as s (tenant_id, site_id, seen_on, code, subject, count, last_at)"
            " select :tenant_id, n.site_id, n.seen_on, n.code, n.subject, n.times, n.last_at"
            " from jsonb_to_recordset(:rows) as n(site_id uuid, seen_on date, code text, subject text, times int,"
            "   last_at timestamptz)"
            " where (select count(*) from capture_sighting old where old.tenant_id = :tenant_id"
            "   and old.site_id = n.site_id and old.seen_on = n.seen_on) < 200 or n.subject = ''"
            " order by n.site_id, n.seen_on, n.code, n.subject"
            " on conflict (tenant_id, site_id, seen_on, code, subject)"
            " do update set count = s.count + excluded.count, last_at = greatest(s.last_at, excluded.last_at)"
        ),
        {
            "tenant_id": tenant_id,
            "rows": Jsonb(
                [
                    row._asdict()
                    | {
                        "site_id": str(row.site_id),
                        "seen_on": row.seen_on.isoformat(),
                        "last_at": row.last_at.isoformat(),
                    }
                    for row in rows
                ]
            ),
        },
    )


_NOTE_SENT = text(
    """
    with newest as materialized (
      select w.site_id, w.type, w.received_at, case when w.type in ('form', 'identify') then w.body end as body from (
        select * from event e where e.tenant_id = :tenant_id and e.received_at >= :since and e.received_at <= :until
        order by e.received_at desc, e.event_id desc limit :walked) w
      where w.mark is null
    ), sent as (
      select site_id, 'event' as kind, type as name, received_at from newest
      union all
      select n.site_id, 'field', f.name, n.received_at
      from newest n cross join lateral jsonb_object_keys(n.body -> 'fields') as f(name) where n.type = 'form'
      union all
      select n.site_id, 'field', s.one ->> 'token', n.received_at
      from newest n cross join lateral jsonb_array_elements(n.body -> 'survey') as s(one)
      where n.type = 'form' and n.body ? 'survey' and s.one ->> 'why' = 'taken' and s.one ->> 'token' is not null
      union all
      select n.site_id, 'identity', k.name, n.received_at
      from newest n cross join lateral jsonb_object_keys(n.body) as k(name)
      where n.type = 'identify' and k.name = any(:identities)
    )
    insert into site_sent as s (tenant_id, site_id, kind, name, first_at, last_at)
    select :tenant_id, site_id, kind, name, min(received_at), max(received_at) from sent
    group by site_id, kind, name order by site_id, kind, name
    on conflict (tenant_id, site_id, kind, name) do update set last_at = excluded.last_at
      where s.last_at < excluded.last_at - interval '1 day'
    """
)


def note_sent(
    session: Session, *, tenant_id: TenantId, since: datetime, until: datetime, walked: int, identities: Sequence[str]
) -> int:
    """Note what a client's sites sent in a span of time, by their newest events, at most `walked`. Returns how many
    kinds are new, or were last noted more than a day before.
    """
    noted = session.connection().execute(
        _NOTE_SENT,
        {
            "tenant_id": tenant_id,
            "since": since,
            "until": until,
            "walked": walked,
            "identities": list(identities),
        },
    )
    return int(noted.rowcount)


def delete_old_sightings(session: Session, *, tenant_id: TenantId, before: date) -> int:
    """Forget what was seen before a day. Returns how many rows."""
    gone = session.connection().execute(
        text("delete from capture_sighting where tenant_id = :tenant_id and seen_on < :before"),
        {"tenant_id": tenant_id, "before": before},
    )
    return int(gone.rowcount)
