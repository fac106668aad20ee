"""Pure decisions: which instants are possible, how far back an order reaches, and whose result it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

MATCH_BACK = timedelta(days=90)
"""An episode older than this is not the one that an order ends; no contract's window may be longer."""

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far ahead of ours the clock of a client's server may be."""

START_TOLERANCE = timedelta(seconds=60)
"""An episode that began this much after the order's instant still counts as begun before it: two clocks wrote them."""

OLDEST_ORDER = timedelta(days=365)
"""An order or reversal said to be older than a year is a mistake of its sender's."""


LIVE_WITHIN = timedelta(minutes=5)
"""An order reported this soon after it was placed is the shop's live report of it."""


class Clock(StrEnum):
    """What an instant on the wire is."""

    POSSIBLE = "possible"
    FUTURE = "future"
    TOO_OLD = "too_old"


def judge_instant(at: datetime, *, now: datetime) -> Clock:
    """Say whether something can have happened at `at`, as far as `now` knows."""
    if at > now + CLOCK_TOLERANCE:
        return Clock.FUTURE
    if at < now - OLDEST_ORDER:
        return Clock.TOO_OLD
    return Clock.POSSIBLE


def heard_until(placed_at: datetime, *, is_live_source: bool, now: datetime) -> datetime:
    """Say up to when a reported order lets its client's orders count as known.

    is_live_source  it reports orders as they are placed; a file says what had been ordered when it was written
    returns         now for a live report. An order that comes late is word up to itself and no further: whoever
                    sends what an outage has kept back, oldest first, has not said the later ones yet
    """
    if is_live_source and placed_at >= now - LIVE_WITHIN:
        return now
    return min(placed_at, now)


SETTLES_AFTER = timedelta(minutes=10)
"""After a silence the first live order may overtake a backlog that another process is still sending."""
FEED_STEP = timedelta(seconds=10)
"""Orders write their site's feed at most so often."""


@dataclass(frozen=True, slots=True)
class FeedWord:
    """Up to when a site's orders count as known, and, after a silence, from when on that is believed."""

    heard_at: datetime
    settles_at: datetime | None = None


def hear_order(
    before: FeedWord | None, *, heard_at: datetime, max_age: timedelta | None, now: datetime
) -> FeedWord | None:
    """Say what one more order lets its site's feed say; None: nothing that would be worth a write.

    heard_at  up to when this order is word (`heard_until`): `now` for a live one
    max_age   of the newest word, above which sends are held; None: nothing ever is
    """
    was_silent = max_age is not None and (before is None or now - before.heard_at > max_age)
    settles_at = before.settles_at if before is not None else None
    is_settling = settles_at is not None and now < settles_at
    is_live = heard_at == now
    if (is_live and was_silent) or (not is_live and is_settling):
        settles_at = now + SETTLES_AFTER
    if before is None:
        return FeedWord(heard_at, settles_at)
    word = FeedWord(max(before.heard_at, heard_at), settles_at)
    moved = word.heard_at - before.heard_at > FEED_STEP
    settled = settles_at is not None and (before.settles_at is None or settles_at - before.settles_at > FEED_STEP)
    return word if moved or settled else None


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """What attribution must know of an order."""

    placed_at: datetime
    proven: bool
    wholly_reversed: bool
    currency: str


@dataclass(frozen=True, slots=True)
class LeadFacts:
    """A lead whose episode the order matched by keys that a billing source said.

    converted_before   another proven order has ended it, or another result stands on it
    """

    lead_id: UUID
    holdout: bool
    converted_before: bool = False


class ContactKind(StrEnum):
    """What can make an order ours."""

    CLICK = "click"
    CALL = "call"


@dataclass(frozen=True, slots=True)
class ContactFacts:
    """One click or one call of a candidate lead.

    at          when the link was opened, or when the customer was on the line
    accepted    the provider took the delivery; an unknown one never bills (G3)
    confirmed   click: an event of the site carried its token later; call: the two were bridged
    suspect     click: opened by a scanner, or within 2 s of delivery (RULES 30)
    talked      call: bridged for more than 0 s, or still talking
    """

    kind: ContactKind
    contact_id: UUID
    lead_id: UUID
    touch_id: UUID
    at: datetime
    accepted: bool
    confirmed: bool = True
    suspect: bool = False
    talked: bool = False

    def counts(self) -> bool:
        """Say whether it is evidence at all, whatever the window."""
        if not self.accepted:
            return False
        if self.kind is ContactKind.CALL:
            return self.talked
        return self.confirmed and not self.suspect


@dataclass(frozen=True, slots=True)
class AttributionRule:
    """The contract's terms as far as they choose. `currency`: the one that the client is billed in."""

    window: timedelta
    currency: str


class NoResult(StrEnum):
    """Why an order is nobody's result: stored with it, and shown."""

    UNPROVEN = "unproven"
    REVERSED = "reversed"
    NO_CONTRACT = "no_contract"
    OTHER_CURRENCY = "other_currency"
    NO_LEAD = "no_lead"
    HOLDOUT = "holdout"
    CONVERTED_BEFORE = "converted_before"
    NO_CONTACT = "no_contact"
    OUTSIDE_WINDOW = "outside_window"


@dataclass(frozen=True, slots=True)
class Basis:
    """The click or call that makes the order ours.

    solicited_by_call   a call with this person came before the order, so that the longer hold applies (RULES 13)
    """

    contact: ContactFacts
    solicited_by_call: bool


def attribute(
    order: OrderFacts,
    *,
    leads: Sequence[LeadFacts],
    contacts: Sequence[ContactFacts],
    rule: AttributionRule | None,
) -> Basis | NoResult:
    """Give an order to the last click or call within the window before it, or say why to none.

    A browser's word never bills (G11), nor does a lead of the holdout arm, nor one that has converted already. The
    window is open at its far end: a contact exactly `window` before the order is outside.
    source  RULES 13, 30; G3, G11
    """
    if not order.proven:
        return NoResult.UNPROVEN
    if order.wholly_reversed:
        return NoResult.REVERSED
    if rule is None:
        return NoResult.NO_CONTRACT
    if order.currency != rule.currency:
        return NoResult.OTHER_CURRENCY
    if not leads:
        return NoResult.NO_LEAD
    treated = [lead for lead in leads if not lead.holdout]
    if not treated:
        return NoResult.HOLDOUT
    billable = {lead.lead_id for lead in treated if not lead.converted_before}
    if not billable:
        return NoResult.CONVERTED_BEFORE
    evidence = [one for one in contacts if one.lead_id in billable and one.counts() and one.at <= order.placed_at]
    if not evidence:
        return NoResult.NO_CONTACT
    last = max(evidence, key=lambda one: (one.at, one.kind is ContactKind.CALL, one.contact_id))
    if last.at <= order.placed_at - rule.window:
        return NoResult.OUTSIDE_WINDOW
    return Basis(last, solicited_by_call=any(one.kind is ContactKind.CALL for one in evidence))
