"""An episode's row: what events fold into, what was typed in it, that it was bought, that it is forgotten."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import Session

from modori.capture import queries, rules
from modori.capture.context import SiteContext
from modori.capture.model import Episode, EpisodeState
from modori.capture.rules import Draft
from modori.kernel.ids import TenantId
from modori.storage import crypto


def mark_episode_ordered(session: Session, *, tenant_id: TenantId, episode_id: UUID, at: datetime) -> None:
    """Mark an episode as bought, by whatever source (G11): nothing is abandoned or sent for it any more."""
    episode = queries.lock_episode(session, tenant_id=tenant_id, episode_id=episode_id)
    mark_ordered(episode, at=at)
    queries.save(session, episode)


def mark_visitor_ordered(
    session: Session, *, tenant_id: TenantId, site_id: UUID, visitor: str, at: datetime, now: datetime
) -> None:
    """Mark a browser as having ordered, known or not: its late events open no new episode."""
    queries.mark_visitor_ordered(session, tenant_id=tenant_id, site_id=site_id, visitor=visitor, at=at, now=now)


def forget_contacts(session: Session, *, tenant_id: TenantId, contact_point_ids: Sequence[UUID]) -> int:
    """Erase what was typed in every episode that holds one of these contact points (RULES 18). Returns how many.

    Call it before anything locks the contact points: episodes come first, by id (G2).
    """
    count, last = 0, None
    while episode_ids := queries.list_episodes_of_contacts(
        session, tenant_id=tenant_id, contact_point_ids=contact_point_ids, after=last
    ):
        for episode_id in episode_ids:
            episode = queries.lock_episode(session, tenant_id=tenant_id, episode_id=episode_id)
            episode.form_fields = None
            queries.save(session, episode)
        count, last = count + len(episode_ids), episode_ids[-1]
    return count


def form_fields(session: Session, *, tenant_id: TenantId, episode: Episode) -> dict[str, str]:
    """Decrypt what was typed in an episode's form, by autocomplete token."""
    if episode.form_fields is None:
        return {}
    opened: dict[str, str] = json.loads(
        crypto.unseal(session, tenant_id, form_field(episode.episode_id), episode.form_fields)
    )
    return opened


def form_field(episode_id: UUID) -> crypto.Field:
    return crypto.Field("episode", "form_fields", str(episode_id))


def episode_facts(episode: Episode, *, has_contact: bool) -> rules.EpisodeFacts:
    """Collect what the verdict over an episode looks at."""
    return rules.EpisodeFacts(
        ordered_at=episode.ordered_at,
        last_activity_at=episode.last_activity_at,
        is_expired=episode.state in (EpisodeState.EXPIRED, EpisodeState.REFUSED),
        is_settled=episode.settled_reason is not None,
        has_substance=bool(episode.items) or episode.form is not None or has_contact,
    )


def draft_of(episode: Episode) -> Draft:
    """Read what events fold into. Typed fields start empty: what a batch adds is merged when it is written."""
    return Draft(
        started_at=episode.started_at,
        last_activity_at=episode.last_activity_at,
        cart_id=episode.cart_id,
        currency=episode.currency,
        cart_minor=episode.cart_minor,
        items=episode.items,
        cart_url=episode.cart_url,
        cart_at=episode.cart_at,
        form=episode.form,
        form_progress=episode.form_progress,
        last_field=episode.last_field,
        submitted_at=episode.submitted_at,
        form_at=episode.form_at,
    )


def apply_draft(session: Session, episode: Episode, draft: Draft) -> None:
    if draft.cart_at != episode.cart_at:
        episode.items = [dict(item) for item in draft.items]
    episode.cart_id, episode.currency, episode.cart_minor = draft.cart_id, draft.currency, draft.cart_minor
    episode.cart_url, episode.cart_at = draft.cart_url, draft.cart_at
    episode.form, episode.form_progress, episode.form_at = draft.form, draft.form_progress, draft.form_at
    episode.last_field, episode.submitted_at = draft.last_field, draft.submitted_at
    episode.started_at, episode.last_activity_at = draft.started_at, draft.last_activity_at
    if draft.form_fields:
        tenant_id = TenantId(episode.tenant_id)
        merged = {**form_fields(session, tenant_id=tenant_id, episode=episode), **draft.form_fields}
        written = json.dumps(merged, ensure_ascii=False, sort_keys=True)
        episode.form_fields = crypto.seal(session, tenant_id, form_field(episode.episode_id), written)


def mark_ordered(episode: Episode, *, at: datetime) -> None:
    episode.state = EpisodeState.ORDERED
    episode.ordered_at = at if episode.ordered_at is None else min(at, episode.ordered_at)
    episode.due_at = None


def next_look(episode: Episode, *, has_contact: bool, site: SiteContext) -> datetime | None:
    return rules.next_look(
        episode_facts(episode, has_contact=has_contact),
        idle_after=timedelta(seconds=site.abandon_after_s),
        expires_after=timedelta(seconds=site.episode_expires_after_s),
    )
