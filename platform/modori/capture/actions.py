"""What capture does with events: take a batch in, fold it into episodes, attach contact points."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from sqlmodel import Session

from modori.capture import contacts, episodes, queries, rules
from modori.capture.bodies import event_body
from modori.capture.context import SiteContext
from modori.capture.forgetting.actions import Choice
from modori.capture.forgetting.queries import find_permission
from modori.capture.forgetting.rules import Permission
from modori.capture.model import Episode
from modori.capture.reading import CAPTURE_REFUSED, Refusal
from modori.capture.rules import (
    CaptureSeen,
    CartSeen,
    ConsentSeen,
    FormSeen,
    IdentifySeen,
    OrderSeen,
    PageSeen,
    ReadEvent,
)
from modori.kernel.ids import new_id
from modori.people import actions as people
from modori.people.model import Channel, EvidenceSource

NEVER_REFUSED: Final = (OrderSeen, ConsentSeen, CaptureSeen)
"""What is heard even of a visitor who refused capture: it only stops, or is evidence (RULES 15, G11)."""

LEAD_MADE: Final = "lead_made"
"""An episode's settled_reason once it has its lead; any other names why there is none."""


@dataclass(frozen=True, slots=True)
class BrowserOrder:
    """An order that a browser claims: outcomes records it, in the same transaction (G11)."""

    event_id: UUID
    visitor: str
    cart_id: str | None
    at: datetime
    order: OrderSeen


@dataclass(frozen=True, slots=True)
class SeenToken:
    """A tracked link's token that a page of the site carried: it confirms the click (RULES 30)."""

    token: str
    event_id: UUID
    at: datetime


@dataclass
class Taken:
    """What came of a batch. The edge hands `orders`, `choices` and `tokens` to the rooms above."""

    accepted: int = 0
    refused: list[Refusal] = field(default_factory=list)
    orders: list[BrowserOrder] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)
    tokens: list[SeenToken] = field(default_factory=list)
    ordered_episode_ids: list[UUID] = field(default_factory=list)
    """Episodes that turned out to be ordered because a contact point of theirs had: their leads must end."""
    touched_episode_ids: list[UUID] = field(default_factory=list)


def take_events(
    session: Session,
    *,
    site: SiteContext,
    read: Iterable[ReadEvent | Refusal],
    received_at: datetime,
    ip_index: bytes | None,
) -> Taken:
    """Keep a batch of events and fold it into its visitors' episodes, each event once (G1).

    read      events and refusals as `reading.read_event` answered them
    ip_index  keyed hash of the caller's network address; None for a server's own events
    Visitors are taken in the order of their ids and events in the order of their instants, so that two batches lock
    alike.
    """
    taken = Taken()
    by_id: dict[UUID, ReadEvent] = {}
    for one in read:
        if isinstance(one, Refusal):
            taken.refused.append(one)
        else:
            taken.accepted += 1
            by_id.setdefault(one.id, one)
    if not by_id:
        return taken
    seen = queries.insert_seen(
        session,
        tenant_id=site.tenant_id,
        site_id=site.site_id,
        event_ids=list(by_id),
        visitors={event.visitor for event in by_id.values()},
        seen_on=received_at.date(),
    )
    events = sorted((by_id[one] for one in seen.fresh), key=lambda event: (event.visitor, event.at, event.id))
    rows: list[dict[str, Any]] = []
    for visitor, group in groupby(events, key=lambda event: event.visitor):
        batch = list(group)
        permission = _heard(seen.permissions.get(visitor, Permission()), batch)
        folding = _Folding(session, site, visitor, batch, seen.ordered_at.get(visitor), received_at, ip_index, taken)
        for event in batch:
            is_forbidden = permission.forbids(event.at)
            if is_forbidden and not isinstance(event.seen, NEVER_REFUSED):
                taken.accepted -= 1
                taken.refused.append(Refusal(str(event.id), CAPTURE_REFUSED))
            else:
                rows.append(event_row(event, site, received_at, folding.take(event, is_forbidden=is_forbidden)))
        folding.close()
    if rows:
        queries.insert_events(session, tenant_id=site.tenant_id, rows=rows)
    return taken


def _heard(permission: Permission, batch: Iterable[ReadEvent]) -> Permission:
    """Return a visitor's permission with what the batch itself says of it: a refusal counts for its neighbours, too."""
    for event in batch:
        if isinstance(event.seen, CaptureSeen):
            permission = permission.after(granted=event.seen.granted, at=event.at)
    return permission


class _Folding:
    """One visitor's events of one batch on their way into the episode."""

    def __init__(
        self,
        session: Session,
        site: SiteContext,
        visitor: str,
        batch: Sequence[ReadEvent],
        ordered_at: datetime | None,
        received_at: datetime,
        ip_index: bytes | None,
        taken: Taken,
    ) -> None:
        self._session = session
        self._site = site
        self._visitor = visitor
        self._batch = batch
        self._received_at = received_at
        self._ip_index = ip_index
        self._taken = taken
        self._episode = queries.lock_current_episode(
            session, tenant_id=site.tenant_id, site_id=site.site_id, visitor=visitor
        )
        self._ordered_at = ordered_at
        self._draft = episodes.draft_of(self._episode) if self._episode is not None else None
        self._typed: list[contacts.Typed] = []
        self._name: str | None = None
        self._member_id: str | None = None
        self._is_renewed = False

    def take(self, event: ReadEvent, *, is_forbidden: bool) -> UUID | None:
        """Fold one event; return the episode that it belongs to, if any.

        is_forbidden  the visitor refused capture: an order still stops, a consent is evidence, and neither folds
        What nobody's act is behind folds into nothing either, and confirms no click (RULES 30).
        """
        if isinstance(event.seen, CaptureSeen):
            self._taken.choices.append(self._choice(event, event.seen))
            return None
        if isinstance(event.seen, OrderSeen):
            return self._order(event, event.seen)
        if event.mark is not None:
            return None
        if event.link_token is not None:
            self._taken.tokens.append(SeenToken(event.link_token, event.id, event.at))
        if is_forbidden or rules.is_settled_by_order(event.at, last_ordered_at=self._ordered_at):
            if isinstance(event.seen, ConsentSeen):
                self._consent(event, event.seen, None)
            return None
        if self._episode is None and not self._open(event):
            if isinstance(event.seen, ConsentSeen):
                self._consent(event, event.seen, None)
            return None
        assert self._episode is not None
        assert self._draft is not None
        self._draft = rules.fold(self._draft, event)
        self._is_renewed |= not isinstance(event.seen, PageSeen)
        match event.seen:
            case FormSeen():
                self._typed += contacts.typed_in_form(event.seen.fields, at=event.at, is_signed=self._site.is_secret)
                self._name = full_name(event.seen.fields) or self._name
            case IdentifySeen():
                self._typed += contacts.typed_in_identify(event.seen, at=event.at, is_signed=self._site.is_secret)
                self._name = event.seen.name or self._name
                self._member_id = event.seen.member_id or self._member_id
            case ConsentSeen():
                self._consent(event, event.seen, self._episode.episode_id)
            case CartSeen() | PageSeen():
                pass
        return self._episode.episode_id

    def close(self) -> None:
        """Write the episode, attach whom the batch named, and look whether they have ordered meanwhile."""
        episode, draft = self._episode, self._draft
        if episode is None or draft is None:
            return
        episodes.apply_draft(self._session, episode, draft)
        if self._is_renewed and episode.settled_reason != LEAD_MADE:
            episode.settled_reason = None
        result = contacts.attach_typed(
            self._session,
            site=self._site,
            episode=episode,
            typed=self._typed,
            ip_index=self._ip_index,
            now=self._received_at,
        )
        if result.ordered_at is not None:
            episodes.mark_ordered(episode, at=result.ordered_at)
            self._taken.ordered_episode_ids.append(episode.episode_id)
        has_person = episode.person_id is not None
        wanted_at = episodes.next_look(episode, has_contact=has_person, site=self._site)
        episode.due_at = rules.look_at(episode.due_at, wanted_at)
        queries.save(self._session, episode)
        contacts.name_person(
            self._session, site=self._site, episode=episode, name=self._name, member_id=self._member_id
        )
        contacts.hold_beyond_limits(
            self._session,
            site=self._site,
            episode=episode,
            brought=result,
            ip_index=self._ip_index,
            now=self._received_at,
        )
        self._taken.touched_episode_ids.append(episode.episode_id)
        self._episode = self._draft = None
        self._typed, self._name, self._member_id, self._is_renewed = [], None, None, False

    def _open(self, event: ReadEvent) -> bool:
        """Open an episode where the event may; another request of the same visitor may have been faster.

        The visitor's marks are read again: an order, or a "no thanks", may have ended the episode while we waited for
        its lock.
        """
        tenant_id, site_id = self._site.tenant_id, self._site.site_id
        if not rules.starts_episode(event, last_ordered_at=self._ordered_at):
            return False
        self._ordered_at = queries.find_visitor_ordered_at(
            self._session, tenant_id=tenant_id, site_id=site_id, visitor=self._visitor
        )
        known = find_permission(self._session, tenant_id=tenant_id, site_id=site_id, visitor=self._visitor)
        permission = _heard(known, self._batch)
        if permission.forbids(event.at) or not rules.starts_episode(event, last_ordered_at=self._ordered_at):
            return False
        queries.insert_episode(
            self._session,
            Episode(
                tenant_id=tenant_id,
                episode_id=new_id(),
                site_id=site_id,
                visitor=self._visitor,
                items=[],
                started_at=event.at,
                last_activity_at=event.at,
            ),
        )
        self._episode = queries.lock_current_episode(
            self._session, tenant_id=tenant_id, site_id=site_id, visitor=self._visitor
        )
        if self._episode is None:  # another request opened it and an order ended it while we waited for its lock
            return False
        self._draft = episodes.draft_of(self._episode)
        return True

    def _order(self, event: ReadEvent, order: OrderSeen) -> UUID | None:
        """Let a browser's claim end the episode (G11). To record it, and to mark the visitor, is for the rooms above.

        They lock contact points before the visitor's row, so that row must not be taken here.
        """
        episode = self._episode
        if episode is not None and self._draft is not None:
            self._draft = rules.fold(self._draft, event)
        self.close()
        if episode is not None:
            episodes.mark_ordered(episode, at=event.at)
            queries.save(self._session, episode)
        self._ordered_at = max(event.at, self._ordered_at or event.at)
        cart_id = episode.cart_id if episode is not None else None
        self._taken.orders.append(BrowserOrder(event.id, event.visitor, cart_id, event.at, order))
        return None if episode is None else episode.episode_id

    def _choice(self, event: ReadEvent, seen: CaptureSeen) -> Choice:
        return Choice(
            site_id=self._site.site_id,
            visitor=event.visitor,
            granted=seen.granted,
            text=seen.text,
            control=seen.control,
            page_url=event.page_url,
            at=event.at,
        )

    def _consent(self, event: ReadEvent, seen: ConsentSeen, episode_id: UUID | None) -> None:
        people.record_consent(
            self._session,
            tenant_id=self._site.tenant_id,
            channel=Channel(seen.channel),
            granted=seen.granted,
            text=seen.text,
            control=seen.control,
            page_url=event.page_url,
            site_id=self._site.site_id,
            visitor=event.visitor,
            episode_id=episode_id,
            source=EvidenceSource.SERVER if self._site.is_secret else EvidenceSource.BROWSER,
            given_at=event.at,
            now=self._received_at,
        )


def event_row(event: ReadEvent, site: SiteContext, received_at: datetime, episode_id: UUID | None) -> dict[str, Any]:
    """Write an event as the queries that insert them want it: ids and instants as they are, to be written by orjson."""
    return {
        "tenant_id": site.tenant_id,
        "received_at": received_at,
        "event_id": event.id,
        "site_id": site.site_id,
        "visitor": event.visitor,
        "type": event.type,
        "at": event.at,
        "page_url": event.page_url,
        "page_title": event.page_title,
        "body": event_body(event.seen, tenant_id=site.tenant_id, country=site.country),
        "episode_id": episode_id,
        "mark": event.mark,
    }


def full_name(fields: Mapping[str, str]) -> str | None:
    """Return the name of a form: whole, or family and given name in the order of the form's language."""
    if fields.get("name"):
        return fields["name"]
    parts = [fields[part] for part in ("family-name", "given-name") if fields.get(part)]
    return " ".join(parts) or None
