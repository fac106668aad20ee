"""Every query and lock of capture. Lock order (G2): episode, contact points by id, then the visitor's row."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import orjson
from psycopg.types.json import Jsonb
from sqlalchemy import text
from sqlmodel import Session, col, select

from modori.capture.forgetting.rules import Permission
from modori.capture.model import Episode, EpisodeState
from modori.kernel.errors import NotFound
from modori.kernel.ids import SiteId, TenantId
from modori.people.model import ContactKind

CURRENT_STATES = (EpisodeState.OPEN, EpisodeState.ABANDONED)


@dataclass(frozen=True, slots=True)
class Seen:
    """Which events of a batch are new, when their visitors last ordered, and what they said about capture."""

    fresh: set[UUID]
    ordered_at: dict[str, datetime]
    permissions: dict[str, Permission]


@dataclass(frozen=True, slots=True)
class Attached:
    """A contact point of an episode, as far as attaching and eligibility must know it."""

    contact_point_id: UUID
    kind: ContactKind
    value_index: bytes
    source: str
    captured_at: datetime


def insert_seen(
    session: Session,
    *,
    tenant_id: TenantId,
    site_id: SiteId,
    event_ids: Sequence[UUID],
    visitors: Collection[str],
    seen_on: date,
) -> Seen:
    """Remember event ids, and say which were not known (G1). One that another transaction inserts now waits.

    In the order of the ids, so that two that share some cannot deadlock. The marks of the visitors come along, since
    each statement of ingest costs a way to the database and back.
    """
    rows = session.connection().execute(
        text(
            "with seen as (insert into event_seen (tenant_id, event_id, seen_on)"
            " select :tenant_id, cast(one as uuid), :seen_on from jsonb_array_elements_text(:ids) as one order by one"
            " on conflict do nothing returning event_id)"
            " select event_id, null, null, null, null from seen union all"
            " select null, v.visitor, v.last_ordered_at, v.capture_refused_at, v.capture_granted_at from visitor v"
            " where v.tenant_id = :tenant_id and v.site_id = :site_id"
            " and (v.last_ordered_at is not null or v.capture_refused_at is not null)"
            " and v.visitor in (select jsonb_array_elements_text(:visitors))"
        ),
        {
            "tenant_id": tenant_id,
            "site_id": site_id,
            "seen_on": seen_on,
            "ids": Jsonb(sorted(str(one) for one in event_ids)),
            "visitors": Jsonb(sorted(visitors)),
        },
    )
    found = rows.all()
    return Seen(
        fresh={row[0] for row in found if row[0] is not None},
        ordered_at={row[1]: row[2] for row in found if row[1] is not None and row[2] is not None},
        permissions={row[1]: Permission(row[3], row[4]) for row in found if row[1] is not None},
    )


def insert_events(session: Session, *, tenant_id: TenantId, rows: Sequence[dict[str, Any]]) -> None:
    """Insert events from one jsonb parameter: what a list of parameters costs is Python's time."""
    session.connection().execute(
        text(
            "insert into event (tenant_id, received_at, event_id, site_id, visitor, type, at, page_url, page_title,"
            " body, episode_id, mark) select :tenant_id, e.received_at, e.event_id, e.site_id, e.visitor, e.type, e.at,"
            " e.page_url, e.page_title, e.body, e.episode_id, e.mark from jsonb_to_recordset(:rows) as e(received_at"
            " timestamptz, event_id uuid, site_id uuid, visitor text, type text, at timestamptz, page_url text,"
            " page_title text, body jsonb, episode_id uuid, mark text)"
        ),
        {"tenant_id": tenant_id, "rows": Jsonb(list(rows), dumps=orjson.dumps)},
    )


def lock_current_episode(session: Session, *, tenant_id: TenantId, site_id: SiteId, visitor: str) -> Episode | None:
    """Lock the visitor's episode that is open or abandoned, if there is one; it may have waited for its end."""
    return session.exec(
        select(Episode)
        .where(
            Episode.tenant_id == tenant_id,
            Episode.site_id == site_id,
            Episode.visitor == visitor,
            col(Episode.state).in_(CURRENT_STATES),
        )
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()


def find_current_episode(session: Session, *, tenant_id: TenantId, site_id: SiteId, visitor: str) -> Episode | None:
    """Read the visitor's current episode without a lock."""
    return session.exec(
        select(Episode).where(
            Episode.tenant_id == tenant_id,
            Episode.site_id == site_id,
            Episode.visitor == visitor,
            col(Episode.state).in_(CURRENT_STATES),
        )
    ).one_or_none()


def lock_episode(session: Session, *, tenant_id: TenantId, episode_id: UUID) -> Episode:
    """Lock one episode and read it as it is under the lock. raises NotFound"""
    found = session.exec(
        select(Episode)
        .where(Episode.tenant_id == tenant_id, Episode.episode_id == episode_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise NotFound()
    return found


def get_episode(session: Session, *, tenant_id: TenantId, episode_id: UUID) -> Episode:
    """Read one episode without a lock. raises NotFound"""
    found = session.get(Episode, (tenant_id, episode_id))
    if found is None:
        raise NotFound()
    return found


def insert_episode(session: Session, episode: Episode) -> bool:
    """Insert an open episode; False where the visitor has got a current one meanwhile."""
    made = session.connection().execute(
        text(
            "insert into episode (tenant_id, episode_id, site_id, visitor, state, items, started_at, last_activity_at)"
            " values (:tenant_id, :episode_id, :site_id, :visitor, :state, '[]', :started_at, :last_activity_at)"
            " on conflict (site_id, visitor) where state in ('open', 'abandoned') do nothing"
        ),
        {
            "tenant_id": episode.tenant_id,
            "episode_id": episode.episode_id,
            "site_id": episode.site_id,
            "visitor": episode.visitor,
            "state": EpisodeState.OPEN.value,
            "started_at": episode.started_at,
            "last_activity_at": episode.last_activity_at,
        },
    )
    return bool(made.rowcount)


def save(session: Session, episode: Episode) -> None:
    session.add(episode)
    session.flush()


def find_visitor_ordered_at(session: Session, *, tenant_id: TenantId, site_id: SiteId, visitor: str) -> datetime | None:
    """Return when the visitor last ordered, as far as is committed now; None too for an unknown one."""
    row = session.connection().execute(
        text(
            "select last_ordered_at from visitor"
            " where tenant_id = :tenant_id and site_id = :site_id and visitor = :visitor"
        ),
        {"tenant_id": tenant_id, "site_id": site_id, "visitor": visitor},
    )
    found: datetime | None = row.scalar_one_or_none()
    return found


def mark_visitor_ordered(
    session: Session, *, tenant_id: TenantId, site_id: UUID, visitor: str, at: datetime, now: datetime
) -> None:
    session.connection().execute(
        text(
            "insert into visitor (tenant_id, site_id, visitor, last_ordered_at, contact_points_count, made_at)"
            " values (:tenant_id, :site_id, :visitor, :at, 0, :now) on conflict (tenant_id, site_id, visitor)"
            " do update set last_ordered_at = greatest(coalesce(visitor.last_ordered_at, :at), :at)"
        ),
        {"tenant_id": tenant_id, "site_id": site_id, "visitor": visitor, "at": at, "now": now},
    )


def count_visitor_contact_points(
    session: Session, *, tenant_id: TenantId, site_id: SiteId, visitor: str, new: int, now: datetime
) -> int:
    """Add to what a visitor has brought today (UTC), and return the day's count."""
    counted = session.connection().execute(
        text(
            "insert into visitor (tenant_id, site_id, visitor, contact_points_on, contact_points_count, made_at)"
            " values (:tenant_id, :site_id, :visitor, :today, :new, :now) on conflict (tenant_id, site_id, visitor)"
            " do update set contact_points_on = :today, contact_points_count = :new +"
            " case when visitor.contact_points_on = :today then visitor.contact_points_count else 0 end"
            " returning contact_points_count"
        ),
        {
            "tenant_id": tenant_id,
            "site_id": site_id,
            "visitor": visitor,
            "today": now.date(),
            "new": new,
            "now": now,
        },
    )
    return int(counted.scalar_one())


def count_address_contact_points(
    session: Session, *, tenant_id: TenantId, site_id: SiteId, ip_index: bytes, new: int, now: datetime
) -> int:
    """Add to what one network address has brought within the hour, and return the hour's count."""
    counted = session.connection().execute(
        text(
            "insert into contact_velocity (tenant_id, site_id, ip_index, hour_at, new_points)"
            " values (:tenant_id, :site_id, :ip_index, date_trunc('hour', cast(:now as timestamptz)), :new)"
            " on conflict (tenant_id, site_id, ip_index, hour_at)"
            " do update set new_points = contact_velocity.new_points + :new returning new_points"
        ),
        {"tenant_id": tenant_id, "site_id": site_id, "ip_index": ip_index, "new": new, "now": now},
    )
    return int(counted.scalar_one())


def list_attached(session: Session, *, tenant_id: TenantId, episode_id: UUID) -> list[Attached]:
    """Return the contact points of an episode, in the order of their ids."""
    rows = session.connection().execute(
        text(
            "select c.contact_point_id, c.kind, c.value_index, e.source, e.captured_at from episode_contact e"
            " join contact_point c on c.tenant_id = e.tenant_id and c.contact_point_id = e.contact_point_id"
            " where e.tenant_id = :tenant_id and e.episode_id = :episode_id order by c.contact_point_id limit 100"
        ),
        {"tenant_id": tenant_id, "episode_id": episode_id},
    )
    return [Attached(row[0], ContactKind(row[1]), bytes(row[2]), row[3], row[4]) for row in rows]


def list_new_to_visitor(
    session: Session,
    *,
    tenant_id: TenantId,
    site_id: SiteId,
    visitor: str,
    contact_point_ids: Sequence[UUID],
) -> list[UUID]:
    """Return those of some contact points that no episode of the visitor has held yet."""
    rows = session.connection().execute(
        text(
            "select one from unnest(cast(:ids as uuid[])) as one where not exists (select 1 from episode_contact c"
            " join episode e on e.tenant_id = c.tenant_id and e.episode_id = c.episode_id"
            " where c.tenant_id = :tenant_id and c.contact_point_id = one and e.site_id = :site_id"
            " and e.visitor = :visitor) order by one"
        ),
        {"tenant_id": tenant_id, "site_id": site_id, "visitor": visitor, "ids": list(contact_point_ids)},
    )
    return list(rows.scalars())


def attach(
    session: Session, *, tenant_id: TenantId, episode_id: UUID, contact_point_id: UUID, source: str, at: datetime
) -> None:
    """Attach a contact point to an episode; known there already, it keeps its first source."""
    session.connection().execute(
        text(
            "insert into episode_contact (tenant_id, episode_id, contact_point_id, source, captured_at)"
            " values (:tenant_id, :episode_id, :contact_point_id, :source, :at) on conflict do nothing"
        ),
        {
            "tenant_id": tenant_id,
            "episode_id": episode_id,
            "contact_point_id": contact_point_id,
            "source": source,
            "at": at,
        },
    )


def mark_signed(session: Session, *, tenant_id: TenantId, episode_id: UUID, contact_point_ids: Sequence[UUID]) -> None:
    """Say of contact points that an episode holds already that the shop's server has vouched for them since."""
    session.connection().execute(
        text(
            "update episode_contact set source = 'signed' where tenant_id = :tenant_id and episode_id = :episode_id"
            " and contact_point_id = any(:ids) and source <> 'signed'"
        ),
        {"tenant_id": tenant_id, "episode_id": episode_id, "ids": list(contact_point_ids)},
    )


def detach(session: Session, *, tenant_id: TenantId, episode_id: UUID, contact_point_ids: Sequence[UUID]) -> None:
    """Take contact points off an episode that a correction of the same field has replaced."""
    session.connection().execute(
        text(
            "delete from episode_contact where tenant_id = :tenant_id and episode_id = :episode_id"
            " and contact_point_id = any(:ids)"
        ),
        {"tenant_id": tenant_id, "episode_id": episode_id, "ids": list(contact_point_ids)},
    )


def list_episodes_of_contacts(
    session: Session,
    *,
    tenant_id: TenantId,
    contact_point_ids: Sequence[UUID],
    after: UUID | None = None,
    limit: int = 500,
) -> list[UUID]:
    """Return the episodes that hold one of these contact points, in the order of their ids, those after `after`."""
    rows = session.connection().execute(
        text(
            "select distinct episode_id from episode_contact where tenant_id = :tenant_id"
            " and contact_point_id = any(:ids) and (cast(:after as uuid) is null or episode_id > :after)"
            " order by episode_id limit :limit"
        ),
        {"tenant_id": tenant_id, "ids": list(contact_point_ids), "after": after, "limit": limit},
    )
    return list(rows.scalars())


def delete_old_velocity(session: Session, *, tenant_id: TenantId, before: datetime) -> int:
    gone = session.connection().execute(
        text("delete from contact_velocity where tenant_id = :tenant_id and hour_at < :before"),
        {"tenant_id": tenant_id, "before": before},
    )
    return int(gone.rowcount)


def delete_old_seen(session: Session, *, before: date, limit: int = 20_000) -> int:
    """Forget event ids of all tenants that are older than any event we take. Scan role."""
    gone = session.connection().execute(
        text(
            "delete from event_seen where (tenant_id, event_id) in"
            " (select tenant_id, event_id from event_seen where seen_on < :before limit :limit)"
        ),
        {"before": before, "limit": limit},
    )
    return int(gone.rowcount)


def make_event_partitions(session: Session, *, days_ahead: int) -> int:
    """Make the next days' partitions of the event table; returns how many. Scan role, all tenants."""
    made = session.connection().execute(text("select ensure_event_partitions(:days)"), {"days": days_ahead})
    return int(made.scalar_one())


def drop_event_partitions(session: Session, *, keep_days: int) -> int:
    """Drop the days' partitions that are past retention; returns how many. Scan role, all tenants."""
    dropped = session.connection().execute(text("select drop_event_partitions(:days)"), {"days": keep_days})
    return int(dropped.scalar_one())


def delete_past_events(session: Session, *, keep_days: int, most: int) -> int:
    """Remove events past retention from the partition of no day: all at once where nothing else is in it, else `most`.

    Scan role, all tenants, by the owner's function. returns  at most `most`; 0: none is left
    """
    gone = session.connection().execute(
        text("select forget_past_events(:days, :most)"), {"days": keep_days, "most": most}
    )
    return int(gone.scalar_one())
