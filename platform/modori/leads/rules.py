"""Pure decisions about leads: who may be contacted, in which arm, by which scenario."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final
from uuid import UUID


class NoLead(StrEnum):
    """Why an abandoned episode became no lead, in words that the console explains (STYLE 6). Stored on the episode.

    capture_refused  the visitor has said "no thanks" to capture (RULES 15)
    ordered          it was bought, or one of its contact points has ordered since it began
    nothing_left     the cart is empty and there is no form
    form_submitted   a form without a cart was sent off: it is an application, not an abandoned one
    no_contact       nobody can be reached: no contact point, or every one is dead or erased
    unsigned         the site is in signed mode, and its server has signed for none of the contact points
    stopped          every contact point that could be reached is stopped (RULES 5)
    no_consent       no consent for a channel that reaches anybody, and no notice that would permit a call (RULES 2, 15)
    open_lead        the person, or one of the contact points, has an open lead already (RULES 31)
    no_route         no route of the site matches
    """

    CAPTURE_REFUSED = "capture_refused"
    ORDERED = "ordered"
    NOTHING_LEFT = "nothing_left"
    FORM_SUBMITTED = "form_submitted"
    NO_CONTACT = "no_contact"
    UNSIGNED = "unsigned"
    STOPPED = "stopped"
    NO_CONSENT = "no_consent"
    OPEN_LEAD = "open_lead"
    NO_ROUTE = "no_route"


@dataclass(frozen=True, slots=True)
class ContactFacts:
    """A contact point of the episode.

    consents   the newest word per channel, where there is one: True granted, False withdrawn or refused
    ordered    it has ordered since the episode began
    is_signed  the shop's server vouched for it (docs/signed-mode.md)
    """

    contact_point_id: UUID
    kind: str
    is_mobile: bool
    is_gone: bool
    is_stopped: bool
    ordered: bool
    consents: Mapping[str, bool]
    is_signed: bool = False


@dataclass(frozen=True, slots=True)
class LeadFacts:
    """What eligibility looks at, read under the locks of episode, leads and contact points (G2).

    has_notice       the site shows a notice: calls are permitted unless refused (DESIGN 5, Consent and identity)
    is_refused       the visitor has refused capture, and what is left of the episode is from before
    wants_signature  the site is in signed mode: who was only typed in is nobody's word
    """

    ordered: bool
    has_items: bool
    has_form: bool
    is_submitted: bool
    has_notice: bool
    has_open_lead: bool
    contacts: Sequence[ContactFacts]
    is_refused: bool = False
    wants_signature: bool = False


@dataclass(frozen=True, slots=True)
class Eligible:
    """The contact points that a lead may use, and the channels by which it may be reached."""

    contact_point_ids: tuple[UUID, ...]
    channels: frozenset[str]


def channels_of(contact: ContactFacts, *, has_notice: bool) -> frozenset[str]:
    """Say by which channels a contact point may be reached now.

    source  RULES 2 and 6 (opt-in for messages), 11 (a refused call), 15 (notice), 23 (SMS to mobiles only)
    """
    if contact.is_gone or contact.is_stopped:
        return frozenset()
    match contact.kind:
        case "email":
            able = {"email"}
        case "phone":
            able = {"sms", "call"} if contact.is_mobile else {"call"}
        case _:
            able = {contact.kind}
    return frozenset(
        channel
        for channel in able
        if contact.consents.get(channel) is True
        or (channel == "call" and has_notice and contact.consents.get("call") is not False)
    )


def judge_lead(facts: LeadFacts) -> Eligible | NoLead:
    """Say whether an abandoned episode becomes a lead, and by which contact points."""
    if facts.is_refused:
        return NoLead.CAPTURE_REFUSED
    if facts.ordered or any(one.ordered for one in facts.contacts):
        return NoLead.ORDERED
    if not facts.has_items and not facts.has_form:
        return NoLead.NOTHING_LEFT
    if facts.is_submitted and not facts.has_items:
        return NoLead.FORM_SUBMITTED
    living = [one for one in facts.contacts if not one.is_gone]
    if not living:
        return NoLead.NO_CONTACT
    if facts.wants_signature:
        living = [one for one in living if one.is_signed]
        if not living:
            return NoLead.UNSIGNED
    if all(one.is_stopped for one in living):
        return NoLead.STOPPED
    reach = {one.contact_point_id: channels_of(one, has_notice=facts.has_notice) for one in living}
    usable = tuple(sorted(contact_point_id for contact_point_id, channels in reach.items() if channels))
    if not usable:
        return NoLead.NO_CONSENT
    if facts.has_open_lead:
        return NoLead.OPEN_LEAD
    return Eligible(usable, frozenset().union(*reach.values()))


def is_holdout(draw: float, *, holdout_pct: int) -> bool:
    """Say whether a draw in [0, 1) falls into the holdout arm."""
    return draw < holdout_pct / 100


@dataclass(frozen=True, slots=True)
class RouteFacts:
    """One enabled route of a site, in order."""

    route_id: UUID
    scenario_id: UUID
    conditions: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RouteSubject:
    """What a route's conditions look at. `value` in major units; `at_local` on the site's clock."""

    value: Decimal | None
    kinds: frozenset[str]
    channels: frozenset[str]
    at_local: time


CONDITIONS: Final = frozenset({"min_value", "max_value", "contact", "consent", "hours"})


def first_route(routes: Sequence[RouteFacts], subject: RouteSubject) -> RouteFacts | None:
    """Return the first route whose conditions all hold; one without conditions matches anybody."""
    return next((route for route in routes if route_matches(route.conditions, subject)), None)


def route_matches(conditions: Mapping[str, Any], subject: RouteSubject) -> bool:
    """Say whether every condition of a route holds; one that we do not know never does."""
    if not CONDITIONS.issuperset(conditions):
        return False
    lowest, highest = conditions.get("min_value"), conditions.get("max_value")
    if lowest is not None and (subject.value is None or subject.value < Decimal(str(lowest))):
        return False
    if highest is not None and (subject.value is None or subject.value > Decimal(str(highest))):
        return False
    if not subject.kinds.issuperset(conditions.get("contact") or ()):
        return False
    if not subject.channels.issuperset(conditions.get("consent") or ()):
        return False
    hours = conditions.get("hours")
    return hours is None or _within(subject.at_local, *hours)


def _within(at_local: time, start: str, end: str) -> bool:
    """Say whether a wall time lies in a band that may run past midnight: from `start` on, before `end`."""
    now, first = at_local.strftime("%H:%M"), start
    if first <= end:
        return first <= now < end
    return now >= first or now < end


def held_reason(*, in_quarantine: bool, episode_held: str | None) -> str | None:
    """Say why a new lead waits for somebody at the agency, or None (RULES 36)."""
    return episode_held or ("quarantine" if in_quarantine else None)
