"""What a visitor said about capture, and what is held of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session, col, select

from modori.capture.forgetting.rules import Permission
from modori.capture.model import CaptureChoice, Episode
from modori.kernel.ids import TenantId

PERSONAL_MEMBERS: Final = ("fields", "email", "tel", "line", "name", "member_index", "proof")
"""Of an event's body (`capture.bodies`): masks, and indexes by which somebody could be found again."""


def insert_choice(session: Session, choice: CaptureChoice) -> None:
    session.add(choice)
    session.flush()


def find_permission(session: Session, *, tenant_id: TenantId, site_id: UUID, visitor: str) -> Permission:
    """Read a visitor's newest words about capture, as far as they are committed."""
    row = (
        session.connection()
        .execute(
            text(
                "select capture_refused_at, capture_granted_at from visitor"
                " where tenant_id = :tenant_id and site_id = :site_id and visitor = :visitor"
            ),
            {"tenant_id": tenant_id, "site_id": site_id, "visitor": visitor},
        )
        .one_or_none()
    )
    return Permission() if row is None else Permission(*row)


def mark_choice(
    session: Session, *, tenant_id: TenantId, site_id: UUID, visitor: str, granted: bool, at: datetime, now: datetime
) -> None:
    """Write a word about capture on the visitor's row; an older word than the newest changes nothing."""
    column = "capture_granted_at" if granted else "capture_refused_at"
    session.connection().execute(
        text(
            f"insert into visitor (tenant_id, site_id, visitor, {column}, contact_points_count, made_at)"  # noqa: S608  # one of two names
            " values (:tenant_id, :site_id, :visitor, :at, 0, :now) on conflict (tenant_id, site_id, visitor)"
            f" do update set {column} = greatest(visitor.{column}, excluded.{column})"
        ),
        {"tenant_id": tenant_id, "site_id": site_id, "visitor": visitor, "at": at, "now": now},
    )


def lock_episodes_of_visitor(
    session: Session, *, tenant_id: TenantId, site_id: UUID, visitor: str, started_by: datetime, limit: int = 1000
) -> list[Episode]:
    """Lock a visitor's episodes that had begun by an instant, in the order of their ids (G2)."""
    return list(
        session.exec(
            select(Episode)
            .where(
                Episode.tenant_id == tenant_id,
                Episode.site_id == site_id,
                Episode.visitor == visitor,
                Episode.started_at <= started_by,
            )
            .order_by(col(Episode.episode_id))
            .limit(limit)
            .with_for_update(key_share=True)
            .execution_options(populate_existing=True)
        )
    )


def save(session: Session, episodes: Sequence[Episode]) -> None:
    session.add_all(episodes)
    session.flush()


def detach_all(session: Session, *, tenant_id: TenantId, episode_ids: Sequence[UUID]) -> list[UUID]:
    """Take every contact point off some locked episodes. Returns their ids, in order."""
    gone = session.connection().execute(
        text(
            "delete from episode_contact where tenant_id = :tenant_id and episode_id = any(:ids)"
            " returning contact_point_id"
        ),
        {"tenant_id": tenant_id, "ids": list(episode_ids)},
    )
    return sorted(set(gone.scalars()))


def list_in_use(session: Session, *, tenant_id: TenantId, contact_point_ids: Sequence[UUID]) -> list[UUID]:
    """Return those of some contact points that something else holds on to: an episode, an order, or a consent.

    Read it under the contact points' locks.
    """
    rows = session.connection().execute(
        text(
            "select c.contact_point_id from contact_point c where c.tenant_id = :tenant_id"
            " and c.contact_point_id = any(:ids) and (c.last_ordered_at is not null"
            "  or exists (select 1 from episode_contact e"
            "   where e.tenant_id = c.tenant_id and e.contact_point_id = c.contact_point_id)"
            "  or exists (select 1 from consent s"
            "   where s.tenant_id = c.tenant_id and s.contact_point_id = c.contact_point_id))"
            " order by c.contact_point_id"
        ),
        {"tenant_id": tenant_id, "ids": list(contact_point_ids)},
    )
    return list(rows.scalars())


def delete_events(
    session: Session, *, tenant_id: TenantId, site_id: UUID, visitor: str, until: datetime, limit: int
) -> int:
    """Delete events that a visitor caused by an instant, but for the words about capture. Returns how many.

    By two indexes: a partial one has the events that belong to no episode, the other the events of each episode. Lists,
    and not joins: those of a large table would read every partition from end to end.
    """
    gone = session.connection().execute(
        text(
            "with found as ("
            " select received_at, event_id, type, body from event where tenant_id = :tenant_id and visitor = :visitor"
            "  and site_id = :site_id and episode_id is null and at <= :until"
            " union all"
            " select v.received_at, v.event_id, v.type, v.body from event v where v.tenant_id = :tenant_id"
            "  and v.at <= :until and v.episode_id = any(array(select e.episode_id from episode e"
            "   where e.tenant_id = :tenant_id and e.site_id = :site_id and e.visitor = :visitor))"
            "), chosen as materialized (select received_at, event_id from found"
            "  where type <> 'consent' or body ->> 'channel' is distinct from 'capture' limit :limit)"
            " delete from event v where v.tenant_id = :tenant_id"
            "  and v.received_at = any(array(select received_at from chosen))"
            "  and v.event_id = any(array(select event_id from chosen))"
        ),
        {"tenant_id": tenant_id, "site_id": site_id, "visitor": visitor, "until": until, "limit": limit},
    )
    return int(gone.rowcount)


def blot_out_events(session: Session, *, tenant_id: TenantId, contact_point_id: UUID, limit: int) -> int:
    """Blot out, in events of episodes that hold a contact point or are its person's, what might say who it is.

    What was done, and when, stays. Partition by partition, along the index of an episode's events, as `delete_events`.
    Returns how many.
    """
    blotted = session.connection().execute(
        text(
            "with chosen as materialized (select v.received_at, v.event_id from event v where v.tenant_id = :tenant_id"
            "  and v.episode_id = any(array(select a.episode_id from episode_contact a where a.tenant_id = :tenant_id"
            "    and a.contact_point_id = :contact_point_id union select e.episode_id from contact_point c"
            "    join episode e on e.tenant_id = c.tenant_id and e.person_id = c.person_id"
            "    where c.tenant_id = :tenant_id and c.contact_point_id = :contact_point_id))"
            "  and (v.page_url is not null or v.page_title is not null or v.body ?| :personal) limit :limit)"
            " update event v set page_url = null, page_title = null, body = v.body - :personal"
            " where v.tenant_id = :tenant_id and v.received_at = any(array(select received_at from chosen))"
            "  and v.event_id = any(array(select event_id from chosen))"
        ),
        {
            "tenant_id": tenant_id,
            "contact_point_id": contact_point_id,
            "personal": list(PERSONAL_MEMBERS),
            "limit": limit,
        },
    )
    return int(blotted.rowcount)
