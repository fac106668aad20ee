"""Pure decisions of capture: when something happened, how an event folds into an episode, when one is abandoned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

CLOCK_OFFSET_MIN: Final = timedelta(seconds=5)
"""A browser's clock that is further from ours than this is corrected; less may be the way that the request took."""

OLDEST_EVENT: Final = timedelta(days=30)
"""As long as an event's id is remembered (G1)."""

MOST_AHEAD: Final = timedelta(days=1)
ORDER_SETTLES: Final = timedelta(seconds=30)
"""What happens this long after an order still belongs to it: the thank-you page, the last form event on its way."""


class Clock(StrEnum):
    """What an instant is to us."""

    POSSIBLE = "possible"
    TOO_OLD = "too_old"
    FROM_THE_FUTURE = "from_the_future"


def correct_clock(at: datetime, *, sent_at: datetime | None, received_at: datetime) -> datetime:
    """Move an instant of a wrong clock to ours, by the difference that the sending instant shows."""
    if sent_at is None or abs(received_at - sent_at) <= CLOCK_OFFSET_MIN:
        return at
    return at + (received_at - sent_at)


def judge_clock(at: datetime, *, received_at: datetime) -> Clock:
    """Say whether something can have happened at a corrected instant."""
    if at < received_at - OLDEST_EVENT:
        return Clock.TOO_OLD
    if at > received_at + MOST_AHEAD:
        return Clock.FROM_THE_FUTURE
    return Clock.POSSIBLE


@dataclass(frozen=True, slots=True)
class CartSeen:
    """A cart as it stands. `items` as the episode stores them, amounts in minor units."""

    cart_id: str | None
    currency: str
    value_minor: int
    items: tuple[Mapping[str, Any], ...]
    url: str | None

    @property
    def is_empty(self) -> bool:
        return not self.items


@dataclass(frozen=True, slots=True)
class FormSeen:
    """A form as far as it has come; `fields` are scrubbed, by token.

    survey  {"field", "token", "why"} of every input in reach, taken or not; no value. None: not said with this event
    times   {"ms", "edits"} by token: how long a field had the focus, how often it was changed again
    """

    form: str
    fields: Mapping[str, str]
    last_field: str | None
    progress: float | None
    submitted: bool
    survey: tuple[Mapping[str, str | None], ...] | None = None
    times: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


class ProofVerdict(StrEnum):
    """valid: the shop's server knows this visitor by this contact · wrong: no secret of the site made it · stale: made
    too long before or after the event."""

    VALID = "valid"
    WRONG = "wrong"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of a signed identify's proof. `member` is the one that it speaks of: email, tel, line or member_id."""

    verdict: ProofVerdict
    member: str


@dataclass(frozen=True, slots=True)
class IdentifySeen:
    """Who somebody says to be, as typed; the action normalises.

    proof  what came of the proof that the shop's server signed; None where there is none
    """

    email: str | None
    tel: str | None
    line: str | None
    name: str | None
    member_id: str | None
    proof: Proof | None = None


@dataclass(frozen=True, slots=True)
class ConsentSeen:
    """A consent given or withdrawn, with the words and the control."""

    channel: str
    granted: bool
    text: str
    control: str | None


@dataclass(frozen=True, slots=True)
class CaptureSeen:
    """Permission to capture, given or refused ("no thanks"), with the words and the control (RULES 15)."""

    granted: bool
    text: str
    control: str | None


@dataclass(frozen=True, slots=True)
class OrderSeen:
    """An order as a browser claims it: amounts in the major units of the wire, checked."""

    id: str
    currency: str
    value: int | float
    value_minor: int
    items: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class PageSeen:
    """The page is open. `sdk` is the tag's version, `health` its {"errors", "queued", "dropped"}."""

    kind: str | None = None
    health: Mapping[str, int] | None = None
    sdk: str | None = None


Seen = CartSeen | FormSeen | IdentifySeen | ConsentSeen | CaptureSeen | OrderSeen | PageSeen


class Mark(StrEnum):
    """Why an event is stored and folds into nothing: bot, a declared crawler; prefetch, nobody looks yet."""

    BOT = "bot"
    PREFETCH = "prefetch"


@dataclass(frozen=True, slots=True)
class ReadEvent:
    """One event that may be stored: checked, scrubbed, at a corrected instant never after `received_at`."""

    id: UUID
    type: str
    at: datetime
    visitor: str
    page_url: str | None
    page_title: str | None
    seen: Seen
    mark: Mark | None = None
    """Why nobody's act is behind it; None for a person's."""
    link_token: str | None = None
    """The token of a tracked link that the page's address carried: it confirms the click, and is not stored."""


@dataclass(frozen=True, slots=True)
class Draft:
    """The part of an episode into which events fold."""

    started_at: datetime
    last_activity_at: datetime
    cart_id: str | None = None
    currency: str | None = None
    cart_minor: int | None = None
    items: Sequence[Mapping[str, Any]] = ()
    cart_url: str | None = None
    cart_at: datetime | None = None
    form: str | None = None
    form_fields: Mapping[str, str] = field(default_factory=dict)
    form_progress: float | None = None
    last_field: str | None = None
    submitted_at: datetime | None = None
    form_at: datetime | None = None


def starts_episode(event: ReadEvent, *, last_ordered_at: datetime | None) -> bool:
    """Say whether an event may open an episode: a look at a page or an empty cart does not, nor what an order ended."""
    if event.mark is not None or is_settled_by_order(event.at, last_ordered_at=last_ordered_at):
        return False
    match event.seen:
        case PageSeen() | OrderSeen() | CaptureSeen():
            return False
        case CartSeen():
            return not event.seen.is_empty
        case _:
            return True


def is_settled_by_order(at: datetime, *, last_ordered_at: datetime | None) -> bool:
    """Say whether something at `at` belongs to an order already marked."""
    return last_ordered_at is not None and at <= last_ordered_at + ORDER_SETTLES


def fold(draft: Draft, event: ReadEvent) -> Draft:
    """Fold one event. A cart or form older than the newest one folded only counts as activity."""
    last_activity_at, started_at = max(draft.last_activity_at, event.at), min(draft.started_at, event.at)
    match event.seen:
        case CartSeen() as cart if draft.cart_at is None or event.at >= draft.cart_at:
            return replace(
                draft,
                last_activity_at=last_activity_at,
                started_at=started_at,
                cart_id=cart.cart_id or draft.cart_id,
                currency=cart.currency,
                cart_minor=cart.value_minor,
                items=cart.items,
                cart_url=cart.url or draft.cart_url,
                cart_at=event.at,
            )
        case FormSeen() as form if draft.form_at is None or event.at >= draft.form_at:
            return replace(
                draft,
                last_activity_at=last_activity_at,
                started_at=started_at,
                form=form.form,
                form_fields={**draft.form_fields, **form.fields},
                form_progress=form.progress if form.progress is not None else draft.form_progress,
                last_field=form.last_field or draft.last_field,
                submitted_at=event.at if form.submitted else None,
                form_at=event.at,
            )
        case _:
            return replace(draft, last_activity_at=last_activity_at, started_at=started_at)


class Verdict(StrEnum):
    """What an episode is now."""

    ORDERED = "ordered"
    OPEN = "open"
    ABANDONED = "abandoned"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class EpisodeFacts:
    """What the verdict looks at.

    is_settled     this abandonment has been judged, and no activity followed that could change the answer
    has_substance  there is a cart, a form or a contact point
    """

    ordered_at: datetime | None
    last_activity_at: datetime
    is_expired: bool
    is_settled: bool
    has_substance: bool


def judge_episode(facts: EpisodeFacts, *, idle_after: timedelta, expires_after: timedelta, now: datetime) -> Verdict:
    """Say what has become of an episode by `now`."""
    if facts.ordered_at is not None:
        return Verdict.ORDERED
    if facts.is_expired or now >= facts.last_activity_at + expires_after:
        return Verdict.EXPIRED
    if now < facts.last_activity_at + idle_after or not facts.has_substance:
        return Verdict.OPEN
    return Verdict.ABANDONED


def next_look(facts: EpisodeFacts, *, idle_after: timedelta, expires_after: timedelta) -> datetime | None:
    """Say when the idle scan must look at an episode again; None where nothing can become of it."""
    if facts.ordered_at is not None or facts.is_expired:
        return None
    waits_to_expire = facts.is_settled or not facts.has_substance
    return facts.last_activity_at + (expires_after if waits_to_expire else idle_after)


def look_at(due_at: datetime | None, wanted_at: datetime | None) -> datetime | None:
    """Say when an episode is looked at that has just seen activity: as it was due already, where that is sooner.

    A look that comes too soon finds the person active and puts the next one off. To put it off at each event would cost
    the entries of every index each time; so it is done once for each span of idleness that might have passed.
    """
    if due_at is None or wanted_at is None:
        return wanted_at
    return min(due_at, wanted_at)
