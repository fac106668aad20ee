"""What follows a visitor's word about capture, as far as capture goes; `outreach.forgetting` composes it with leads."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlmodel import Session

from modori.capture.forgetting import queries
from modori.capture.model import CaptureChoice, Episode, EpisodeState
from modori.capture.queries import CURRENT_STATES
from modori.kernel.ids import TenantId, new_id
from modori.people import forgetting as people
from modori.storage import outbox
from modori.storage.db import TRANSACTION_MS

EVENTS_A_ROUND: Final = 2000
"""Events that one piece of background work deletes."""

LOOK_AGAIN_AFTER: Final = timedelta(milliseconds=TRANSACTION_MS) + timedelta(seconds=5)
"""Whatever was being written when the refusal came has ended by then: no transaction of ingest's lasts longer."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A visitor's word about capture on one site."""

    site_id: UUID
    visitor: str
    granted: bool
    text: str
    control: str | None
    page_url: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Emptied:
    """What is left to be done about episodes whose content is gone: whose leads end, which contact points they had."""

    episode_ids: Sequence[UUID]
    contact_point_ids: Sequence[UUID]


def record_choice(session: Session, *, tenant_id: TenantId, choice: Choice, now: datetime) -> None:
    """Keep the evidence of a word about capture, and mark the visitor. A refusal's forgetting is promised, too.

    The visitor's row is locked: after episodes and contact points (G2).
    """
    queries.insert_choice(
        session,
        CaptureChoice(
            tenant_id=tenant_id,
            choice_id=new_id(),
            site_id=choice.site_id,
            visitor=choice.visitor,
            granted=choice.granted,
            text=choice.text,
            text_hash=hashlib.sha256(choice.text.encode()).digest(),
            control=choice.control,
            page_url=choice.page_url,
            given_at=choice.at,
            recorded_at=now,
        ),
    )
    queries.mark_choice(
        session,
        tenant_id=tenant_id,
        site_id=choice.site_id,
        visitor=choice.visitor,
        granted=choice.granted,
        at=choice.at,
        now=now,
    )
    if not choice.granted:
        promise_forgetting(
            session,
            tenant_id=tenant_id,
            site_id=choice.site_id,
            visitor=choice.visitor,
            said_at=choice.at,
            look_again_at=now + LOOK_AGAIN_AFTER,
            round_number=1,
            now=now,
        )


def reach_of(
    session: Session, *, tenant_id: TenantId, site_id: UUID, visitor: str, said_at: datetime, heard_at: datetime
) -> datetime:
    """Say up to when a refusal forgets, as far as words about capture are committed."""
    known = queries.find_permission(session, tenant_id=tenant_id, site_id=site_id, visitor=visitor)
    return known.reach(said_at=said_at, heard_at=heard_at)


def empty_episodes(session: Session, *, tenant_id: TenantId, site_id: UUID, visitor: str, until: datetime) -> Emptied:
    """End a visitor's episodes that had begun by `until`, and empty them. A second call changes nothing.

    One that was bought keeps its items and whom it belongs to, as the order has them; what was typed goes. Addresses
    that were typed and then corrected hang on no episode any more: they are found by the person.
    """
    locked = queries.lock_episodes_of_visitor(
        session, tenant_id=tenant_id, site_id=site_id, visitor=visitor, started_by=until
    )
    emptied = [one for one in locked if one.state is not EpisodeState.ORDERED]
    person_ids = sorted({one.person_id for one in emptied if one.person_id is not None})
    for episode in locked:
        episode.form_fields = None
    for episode in emptied:
        _empty(episode)
    queries.save(session, locked)
    episode_ids = [one.episode_id for one in emptied]
    detached = queries.detach_all(session, tenant_id=tenant_id, episode_ids=episode_ids)
    theirs = people.list_points_of(session, tenant_id=tenant_id, person_ids=person_ids)
    return Emptied(episode_ids, sorted({*detached, *theirs}))


def release_contacts(
    session: Session, *, tenant_id: TenantId, contact_point_ids: Sequence[UUID], kept: Collection[UUID]
) -> int:
    """Forget the values of contact points that nothing else holds on to. Returns how many.

    kept  those that a message has reached or may have: evidence of it must say to whom (RULES 3, 7)
    """
    people.lock(session, tenant_id=tenant_id, ids=contact_point_ids)
    in_use = queries.list_in_use(session, tenant_id=tenant_id, contact_point_ids=contact_point_ids)
    unused = [one for one in contact_point_ids if one not in kept and one not in in_use]
    return people.forget_values(session, tenant_id=tenant_id, ids=unused)


def forget_events(
    session: Session,
    *,
    tenant_id: TenantId,
    site_id: UUID,
    visitor: str,
    until: datetime,
    said_at: datetime,
    look_again_at: datetime,
    round_number: int,
    now: datetime,
) -> int:
    """Delete one round of what a visitor's browser sent, and promise the next where more is left. Returns how many.

    until                   up to when the refusal reaches
    said_at, look_again_at  of the promise that this round is of
    """
    deleted = queries.delete_events(
        session, tenant_id=tenant_id, site_id=site_id, visitor=visitor, until=until, limit=EVENTS_A_ROUND
    )
    if deleted == EVENTS_A_ROUND:
        promise_forgetting(
            session,
            tenant_id=tenant_id,
            site_id=site_id,
            visitor=visitor,
            said_at=said_at,
            look_again_at=look_again_at,
            round_number=round_number + 1,
            now=now,
        )
    return deleted


def erase_events(
    session: Session, *, tenant_id: TenantId, contact_point_id: UUID, erasure: str, round_number: int, now: datetime
) -> int:
    """Blot out one round of an erased contact's events, and promise the next where more is left. Returns how many.

    Once more in any case, for what was just being written when the contact was erased: the second round comes when
    that has ended.
    erasure  tells one erasure's rounds from another's: a value that was typed again may be erased again
    """
    blotted = queries.blot_out_events(
        session, tenant_id=tenant_id, contact_point_id=contact_point_id, limit=EVENTS_A_ROUND
    )
    if round_number == 1 or blotted == EVENTS_A_ROUND:
        outbox.promise(
            session,
            "contact.erased",
            key=f"erased:{erasure}:{round_number + 1}",
            at=now,
            due_at=now + LOOK_AGAIN_AFTER if round_number == 1 else None,
            tenant_id=tenant_id,
            contact_point_id=str(contact_point_id),
            erasure=erasure,
            round=round_number + 1,
        )
    return blotted


def promise_forgetting(
    session: Session,
    *,
    tenant_id: TenantId,
    site_id: UUID,
    visitor: str,
    said_at: datetime,
    look_again_at: datetime,
    round_number: int,
    now: datetime,
) -> None:
    """Promise a round of deleting, which looks once more for what was just being written when the refusal came.

    said_at        when the refusal was said
    look_again_at  when it may begin; what came up to then goes, unless a grant came after the refusal
    """
    outbox.promise(
        session,
        "visitor.refused",
        key=f"refused:{site_id}:{visitor}:{said_at.isoformat()}:{round_number}",
        at=now,
        due_at=look_again_at,
        tenant_id=tenant_id,
        site_id=str(site_id),
        visitor=visitor,
        said_at=said_at.isoformat(),
        look_again_at=look_again_at.isoformat(),
        round=round_number,
    )


def _empty(episode: Episode) -> None:
    if episode.state in CURRENT_STATES:
        episode.state = EpisodeState.REFUSED
    episode.person_id = None
    episode.items = []
    episode.cart_id = episode.currency = episode.cart_minor = episode.cart_url = episode.cart_at = None
    episode.form = episode.form_progress = episode.last_field = episode.form_at = episode.submitted_at = None
    episode.held_reason = episode.due_at = None
