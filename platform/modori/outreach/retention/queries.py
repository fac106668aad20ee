"""Queries and locks of retention. Each takes a bounded number of one client's rows; what somebody holds is skipped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session

from modori.kernel.ids import TenantId
from modori.outreach.retention.rules import Holding


@dataclass(frozen=True, slots=True)
class HeldPoint:
    """A locked contact point, and what holds on to it."""

    contact_point_id: UUID
    holding: Holding


def database_now(session: Session) -> datetime:
    found: datetime = session.connection().execute(text("select now()")).scalar_one()
    return found


def empty_past_episodes(
    session: Session, *, tenant_id: TenantId, captured_since: datetime, now: datetime, limit: int
) -> int:
    """Empty ended episodes without activity or order since, whose lead (if any) has ended, and detach whom they named.

    Amounts, instants and how they ended stay: statistics, which name nobody. Locks episodes, skipping locked ones; an
    ended one makes no lead any more. Returns how many.
    """
    emptied = session.connection().execute(
        text(
            "with past as materialized (select e.tenant_id, e.episode_id from episode e where e.tenant_id = :tenant_id"
            "  and e.state in ('ordered', 'expired', 'refused') and e.forgotten_at is null"
            "  and e.last_activity_at < :since and (e.ordered_at is null or e.ordered_at < :since)"
            "  and (select l.state in ('held', 'active') from lead l where l.tenant_id = e.tenant_id"
            "   and l.episode_id = e.episode_id) is not true"
            "  order by e.last_activity_at limit :limit for no key update of e skip locked"
            "), detached as (delete from episode_contact c using past p"
            "  where c.tenant_id = p.tenant_id and c.episode_id = p.episode_id"
            ") update episode e set forgotten_at = :now, visitor = null, person_id = null, items = '[]',"
            " cart_id = null, cart_url = null, form = null, form_fields = null, last_field = null from past p"
            " where e.tenant_id = p.tenant_id and e.episode_id = p.episode_id"
        ),
        {"tenant_id": tenant_id, "since": captured_since, "now": now, "limit": limit},
    )
    return int(emptied.rowcount)


def lock_points_to_look_at(
    session: Session, *, tenant_id: TenantId, met_before: datetime, now: datetime, limit: int
) -> list[UUID]:
    """Lock readable contact points that nobody has looked at yet, or whose time has come; locked ones wait.

    met_before  those met since are left alone: whoever is typing one now shall not wait for us
    """
    rows = session.connection().execute(
        text(
            "with fresh as materialized (select contact_point_id from contact_point where tenant_id = :tenant_id"
            "  and value is not null and kept_until is null and made_at < :met_before limit :limit"
            "  for no key update skip locked"
            "), due as materialized (select contact_point_id from contact_point where tenant_id = :tenant_id"
            "  and value is not null and kept_until <= :now order by kept_until limit :limit"
            "  for no key update skip locked"
            ") select contact_point_id from fresh union all select contact_point_id from due"
        ),
        {"tenant_id": tenant_id, "met_before": met_before, "now": now, "limit": limit},
    )
    return list(rows.scalars())


def list_held(session: Session, *, tenant_id: TenantId, contact_point_ids: Sequence[UUID]) -> list[HeldPoint]:
    """Read what holds on to some contact points. Read it under their locks: leads and episodes take them, too (G2).

    Each is reached by its whole keys (`limit 1`), whatever the planner knows of a table that has just grown.
    """
    rows = session.connection().execute(
        text(
            "select c.contact_point_id, c.made_at, greatest(c.last_ordered_at, runs.last_at),"
            " greatest((select max(s.recorded_at) from consent s"
            "   where s.tenant_id = c.tenant_id and s.contact_point_id = c.contact_point_id),"
            "  (select max(d.begun_at) from delivery d where d.tenant_id = c.tenant_id"
            "   and d.contact_point_id = c.contact_point_id and d.state <> 'not_sent')),"
            " runs.some or exists (select from lead_contact x cross join lateral (select l.state from lead l"
            "   where l.tenant_id = x.tenant_id and l.lead_id = x.lead_id limit 1) l"
            "  where x.tenant_id = c.tenant_id and x.contact_point_id = c.contact_point_id"
            "   and l.state in ('held', 'active'))"
            " from unnest(cast(:ids as uuid[])) as n(id) cross join lateral (select * from contact_point p"
            "  where p.tenant_id = :tenant_id and p.contact_point_id = n.id limit 1) c"
            " cross join lateral (select count(*) > 0 as some, max(e.last_at) as last_at from episode_contact a"
            "  cross join lateral (select greatest(e.last_activity_at, e.ordered_at) as last_at from episode e"
            "   where e.tenant_id = a.tenant_id and e.episode_id = a.episode_id limit 1) e"
            "  where a.tenant_id = c.tenant_id and a.contact_point_id = c.contact_point_id) runs"
            " order by c.contact_point_id"
        ),
        {"tenant_id": tenant_id, "ids": list(contact_point_ids)},
    )
    return [HeldPoint(row[0], Holding(*row[1:])) for row in rows]


def note_kept(session: Session, *, tenant_id: TenantId, until: Mapping[UUID, datetime]) -> None:
    """Note until when locked contact points are kept at least."""
    if until:
        session.connection().execute(
            text(
                "update contact_point set kept_until = :until"
                " where tenant_id = :tenant_id and contact_point_id = :contact_point_id"
            ),
            [{"tenant_id": tenant_id, "contact_point_id": one, "until": end} for one, end in until.items()],
        )


def forget_texts(session: Session, *, tenant_id: TenantId, evidence_since: datetime, limit: int) -> int:
    """Drop the words of old deliveries; that they were made, when, and how they went stays. Returns how many."""
    forgotten = session.connection().execute(
        text(
            "update delivery set subject = null, content = null where tenant_id = :tenant_id and ctid = any(array("
            " select ctid from delivery where tenant_id = :tenant_id and begun_at < :since"
            "  and (content is not null or subject is not null) order by begun_at limit :limit"
            "  for no key update skip locked))"
        ),
        {"tenant_id": tenant_id, "since": evidence_since, "limit": limit},
    )
    return int(forgotten.rowcount)


def forget_replies(session: Session, *, tenant_id: TenantId, captured_since: datetime, limit: int) -> int:
    """Drop what people wrote to us; that they did, and what it set off, stays. Returns how many."""
    forgotten = session.connection().execute(
        text(
            "update reply set content = '' where tenant_id = :tenant_id and ctid = any(array("
            " select ctid from reply where tenant_id = :tenant_id and received_at < :since and content <> ''"
            "  order by received_at limit :limit for no key update skip locked))"
        ),
        {"tenant_id": tenant_id, "since": captured_since, "limit": limit},
    )
    return int(forgotten.rowcount)


def forget_notes(session: Session, *, tenant_id: TenantId, captured_since: datetime, limit: int) -> int:
    """Drop what operators noted; the calls stay. Returns how many."""
    forgotten = session.connection().execute(
        text(
            "update call set note = null where tenant_id = :tenant_id and ctid = any(array("
            " select ctid from call where tenant_id = :tenant_id and dialled_at < :since and note is not null"
            "  order by dialled_at limit :limit for no key update skip locked))"
        ),
        {"tenant_id": tenant_id, "since": captured_since, "limit": limit},
    )
    return int(forgotten.rowcount)


def delete_old_visitors(session: Session, *, tenant_id: TenantId, captured_since: datetime, limit: int) -> int:
    """Delete the rows of browsers of which nothing has been heard since. Returns how many.

    One whose refusal stands stays for good: nothing of it may be taken. What comes late is too old to be taken at all.
    """
    gone = session.connection().execute(
        text(
            "delete from visitor where tenant_id = :tenant_id and ctid = any(array("
            " select o.ctid from visitor o where o.tenant_id = :tenant_id"
            "  and o.made_at < :since and (o.capture_refused_at is null or o.capture_granted_at > o.capture_refused_at)"
            "  and coalesce(o.last_ordered_at, '-infinity') < :since"
            "  and coalesce(o.capture_granted_at, '-infinity') < :since"
            "  and coalesce(o.contact_points_on, '-infinity') < cast(:since as date)"
            "  and not exists (select from episode e where e.tenant_id = o.tenant_id and e.site_id = o.site_id"
            "   and e.visitor = o.visitor and e.state in ('open', 'abandoned'))"
            "  order by o.made_at limit :limit for update skip locked))"
        ),
        {"tenant_id": tenant_id, "since": captured_since, "limit": limit},
    )
    return int(gone.rowcount)


def delete_old_choices(session: Session, *, tenant_id: TenantId, evidence_since: datetime, limit: int) -> int:
    """Delete old evidence of words about capture; a refusal's mark stays with its visitor. Returns how many."""
    gone = session.connection().execute(
        text(
            "delete from capture_choice where tenant_id = :tenant_id and ctid = any(array(select ctid"
            " from capture_choice where tenant_id = :tenant_id and recorded_at < :since order by recorded_at"
            " limit :limit))"
        ),
        {"tenant_id": tenant_id, "since": evidence_since, "limit": limit},
    )
    return int(gone.rowcount)


def delete_old_consents(session: Session, *, tenant_id: TenantId, evidence_since: datetime, limit: int) -> int:
    """Delete old grants under which nothing has been sent since. Withdrawals stay for good. Returns how many."""
    gone = session.connection().execute(
        text(
            "delete from consent where tenant_id = :tenant_id and ctid = any(array(select s.ctid from consent s"
            "  where s.tenant_id = :tenant_id and s.granted and s.recorded_at < :since"
            "  and not exists (select from delivery d where d.tenant_id = s.tenant_id"
            "   and d.contact_point_id = s.contact_point_id and d.begun_at >= :since and d.state <> 'not_sent')"
            "  and not exists (select from lead l join delivery d on d.tenant_id = l.tenant_id"
            "   and d.lead_id = l.lead_id and d.begun_at >= :since and d.state <> 'not_sent'"
            "   where l.tenant_id = s.tenant_id and l.episode_id = s.episode_id)"
            "  order by s.recorded_at limit :limit))"
        ),
        {"tenant_id": tenant_id, "since": evidence_since, "limit": limit},
    )
    return int(gone.rowcount)
