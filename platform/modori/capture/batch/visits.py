"""One visitor's part of a batch: which of its events fold into the episode, and what becomes of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from modori.capture import contacts, rules
from modori.capture.actions import LEAD_MADE, full_name
from modori.capture.context import SiteContext
from modori.capture.rules import CartSeen, Draft, EpisodeFacts, FormSeen, PageSeen, ReadEvent
from modori.kernel.ids import TenantId, new_id
from modori.storage import crypto

VisitorKey = tuple[int, int, str]
"""tenant_id and site_id as numbers, since UUIDs are slow to compare, and the visitor."""

SHARED: tuple[type, ...] = (PageSeen, CartSeen, FormSeen)
"""What may wait in a shared batch. Orders, consents and stops never do (DESIGN 2)."""


@dataclass(frozen=True, slots=True)
class Posted:
    """A browser's request, read: its events as they may be stored.

    ip_index  keyed hash of the caller's network address; None where no contact point is named
    """

    site: SiteContext
    events: tuple[ReadEvent, ...]
    received_at: datetime
    ip_index: bytes | None = None


class Arrived(NamedTuple):
    """One event, and the request that brought it."""

    event: ReadEvent
    posted: Posted


class CurrentEpisode(NamedTuple):
    """A visitor's locked current episode, as far as folding must know it."""

    episode_id: UUID
    person_id: UUID | None
    has_items: bool
    form_fields: bytes | None
    settled_reason: str | None
    held_reason: str | None
    started_at: datetime
    last_activity_at: datetime
    cart_id: str | None
    currency: str | None
    cart_minor: int | None
    cart_url: str | None
    cart_at: datetime | None
    form: str | None
    form_progress: float | None
    last_field: str | None
    submitted_at: datetime | None
    form_at: datetime | None
    due_at: datetime | None

    def draft(self) -> Draft:
        """Return what events fold into. Items and typed fields start empty: what a batch adds is merged later."""
        return Draft(
            started_at=self.started_at,
            last_activity_at=self.last_activity_at,
            cart_id=self.cart_id,
            currency=self.currency,
            cart_minor=self.cart_minor,
            cart_url=self.cart_url,
            cart_at=self.cart_at,
            form=self.form,
            form_progress=self.form_progress,
            last_field=self.last_field,
            submitted_at=self.submitted_at,
            form_at=self.form_at,
        )


@dataclass(slots=True)
class Visit:
    """A visitor's new events of a batch, folded.

    draft      the episode afterwards; None where nothing opened one
    is_new     the episode must be inserted
    folded     those of `arrived` that belong to the episode
    """

    key: VisitorKey
    site: SiteContext
    arrived: list[Arrived]
    before: CurrentEpisode | None
    draft: Draft | None = None
    episode_id: UUID | None = None
    person_id: UUID | None = None
    folded: list[Arrived] = field(default_factory=list)
    typed: list[contacts.Typed] = field(default_factory=list)
    name: str | None = None
    is_renewed: bool = False

    @property
    def tenant_id(self) -> TenantId:
        return self.site.tenant_id

    @property
    def is_new(self) -> bool:
        return self.before is None and self.draft is not None

    def has_substance(self) -> bool:
        """Say whether there is a cart, a form or somebody's contact point."""
        draft, before = self.draft, self.before
        assert draft is not None
        is_cart_old = before is not None and draft.cart_at == before.cart_at
        has_items = before.has_items if is_cart_old and before is not None else bool(draft.items)
        return has_items or draft.form is not None or self.person_id is not None

    def due_at(self) -> datetime | None:
        """Return when the idle scan must look."""
        assert self.draft is not None
        facts = EpisodeFacts(
            ordered_at=None,
            last_activity_at=self.draft.last_activity_at,
            is_expired=False,
            is_settled=self.settled_reason is not None,
            has_substance=self.has_substance(),
        )
        wanted_at = rules.next_look(
            facts,
            idle_after=timedelta(seconds=self.site.abandon_after_s),
            expires_after=timedelta(seconds=self.site.episode_expires_after_s),
        )
        return rules.look_at(None if self.before is None else self.before.due_at, wanted_at)

    @property
    def settled_reason(self) -> str | None:
        """The verdict over the last abandonment: activity takes it back, unless a lead was made of it."""
        reason = None if self.before is None else self.before.settled_reason
        return None if self.is_renewed and reason != LEAD_MADE else reason


def may_share(posted: Posted) -> bool:
    """Say whether a request may share its transaction: looks at the page, carts and forms of a browser, and no more.

    A click's token is for the rooms above, and a tenant whose data key is not at hand yet must read it first.
    """
    if posted.site.is_secret:
        return False
    has_fields = False
    for event in posted.events:
        if not isinstance(event.seen, SHARED) or event.link_token is not None:
            return False
        has_fields |= isinstance(event.seen, FormSeen) and bool(event.seen.fields)
    return not has_fields or crypto.has_data_key(posted.site.tenant_id)


def gather(batch: Sequence[Posted]) -> list[Arrived]:
    """Return the events of a batch, each id of a tenant once: of one that comes twice the first counts (G1)."""
    found: dict[tuple[int, int], Arrived] = {}
    for posted in batch:
        tenant = posted.site.tenant_id.int
        for event in posted.events:
            found.setdefault((tenant, event.id.int), Arrived(event, posted))
    return list(found.values())


def visitor_of(arrived: Arrived) -> VisitorKey:
    site = arrived.posted.site
    return site.tenant_id.int, site.site_id.int, arrived.event.visitor


def fold_visits(
    fresh: Sequence[Arrived],
    *,
    episodes: dict[VisitorKey, CurrentEpisode],
    ordered_at: dict[VisitorKey, datetime],
) -> list[Visit]:
    """Fold events that were not known yet into their visitors' episodes, in the order of their instants."""
    of_visitor: dict[VisitorKey, list[Arrived]] = {}
    for one in fresh:
        of_visitor.setdefault(visitor_of(one), []).append(one)
    visits = []
    for key, these in sorted(of_visitor.items()):
        if len(these) > 1:
            these.sort(key=lambda one: (one.event.at, one.event.id.int))
        visit = Visit(key, these[0].posted.site, these, episodes.get(key))
        _fold(visit, last_ordered_at=ordered_at.get(key))
        visits.append(visit)
    return visits


def _fold(visit: Visit, *, last_ordered_at: datetime | None) -> None:
    before = visit.before
    if before is not None:
        visit.draft, visit.episode_id, visit.person_id = before.draft(), before.episode_id, before.person_id
    for one in visit.arrived:
        event, posted = one
        if event.mark is not None or rules.is_settled_by_order(event.at, last_ordered_at=last_ordered_at):
            continue
        if visit.draft is None:
            if not rules.starts_episode(event, last_ordered_at=last_ordered_at):
                continue
            visit.draft, visit.episode_id = Draft(started_at=event.at, last_activity_at=event.at), new_id()
        visit.draft = rules.fold(visit.draft, event)
        visit.folded.append(one)
        visit.is_renewed |= not isinstance(event.seen, PageSeen)
        if isinstance(event.seen, FormSeen):
            visit.typed += contacts.typed_in_form(
                event.seen.fields, at=event.at, is_signed=False, ip_index=posted.ip_index
            )
            visit.name = full_name(event.seen.fields) or visit.name


def episode_row(visit: Visit, *, sealed_fields: bytes | None) -> dict[str, Any]:
    """Write a folded episode for the database; items count where `cart_at` is new, form_fields where there are any."""
    draft, before = visit.draft, visit.before
    assert draft is not None
    is_cart_new = before is None or draft.cart_at != before.cart_at
    return {
        "is_new": before is None,
        "tenant_id": visit.tenant_id,
        "site_id": visit.site.site_id,
        "visitor": visit.key[2],
        "episode_id": visit.episode_id,
        "person_id": visit.person_id,
        "cart_id": draft.cart_id,
        "currency": draft.currency,
        "cart_minor": draft.cart_minor,
        "items": draft.items if is_cart_new else (),
        "cart_url": draft.cart_url,
        "cart_at": draft.cart_at,
        "form": draft.form,
        "form_fields": sealed_fields and sealed_fields.hex(),
        "form_progress": draft.form_progress,
        "last_field": draft.last_field,
        "submitted_at": draft.submitted_at,
        "form_at": draft.form_at,
        "started_at": draft.started_at,
        "last_activity_at": draft.last_activity_at,
        "due_at": visit.due_at(),
        "settled_reason": visit.settled_reason,
    }
