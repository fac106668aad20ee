"""The gate: a pure answer to "may this touch go out now?" (DESIGN section 5).

Denials are looked for before deferrals, so that what can never go out does not wait; of several deferrals the latest
counts. Whatever cannot be answered is no (G14): a fact that is None where the policy needs it denies or defers.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from modori.kernel.hours import next_allowed

LATER = timedelta(minutes=5)
"""When to look again at what only a person can change: a switch, a feed, a budget."""


class Subject(StrEnum):
    """touch: a message, or queueing a call step · dial: ringing the operator · bridge: just before the customer."""

    TOUCH = "touch"
    DIAL = "dial"
    BRIDGE = "bridge"


class Reason(StrEnum):
    """Why not. Each is a sentence in the console."""

    KILL_SWITCH = "kill_switch"
    CONVERTED = "converted"
    STOPPED = "stopped"
    ERASED = "erased"
    CONTACT_REPLACED = "contact_replaced"
    DEAD_ADDRESS = "dead_address"
    NOT_MOBILE = "not_mobile"
    LEAD_ENDED = "lead_ended"
    TOUCH_ENDED = "touch_ended"
    LEAD_HELD = "lead_held"
    HOLDOUT = "holdout"
    NO_CONSENT = "no_consent"
    NOT_APPROVED = "not_approved"
    TOO_OLD = "too_old"
    LEAD_CAP = "lead_cap"
    DIAL_CAP = "dial_cap"
    STILL_ACTIVE = "still_active"
    FEED_STALE = "feed_stale"
    MINIMUM_GAP = "minimum_gap"
    DIAL_GAP = "dial_gap"
    DIALS_TODAY = "dials_today"
    CONTACT_CAP_DAY = "contact_cap_day"
    CONTACT_CAP_WEEK = "contact_cap_week"
    HOURS = "hours"
    QUARANTINE_CAP = "quarantine_cap"
    SPEND = "spend"
    NO_PRICE = "no_price"
    CONTENT_CHANGED = "content_changed"


HOLDS = frozenset({Reason.KILL_SWITCH, Reason.LEAD_HELD, Reason.FEED_STALE, Reason.SPEND, Reason.NO_PRICE})
"""What is looked at again every LATER, until a person changes it: the other deferrals name their instant."""


@dataclass(frozen=True, slots=True)
class GateFacts:
    """Everything the gate looks at, read under the locks of G2. Times are aware UTC instants."""

    subject: Subject
    channel: str
    touch_state: str
    lead_state: str
    arm: str
    episode_started_at: datetime
    last_activity_at: datetime
    episode_ordered_at: datetime | None
    contact_ordered_at: datetime | None
    """The newest order that named any contact point of the lead."""
    stop_id: str | None
    stop_reason: str | None
    erased_at: datetime | None
    contact_in_episode: bool
    """The person has not corrected this address since: another's inbox must not get their cart."""
    dead_at: datetime | None
    is_mobile: bool | None
    consent_id: str | None
    consent_granted: bool | None
    consent_given_at: datetime | None
    notice_shown: bool
    """The site's capture notice was in force: what a call needs where nobody asked (section 5)."""
    approved: bool
    first_due_at: datetime
    messages_of_lead: int
    last_message_at: datetime | None
    """The newest message to any contact point of the lead, for any lead of the tenant."""
    dials_of_lead: int
    dials_today: int
    last_dial_at: datetime | None
    contact_messages_week: int
    contact_first_messages_day: int
    """Over all tenants, by keyed hash."""
    timezone: str
    order_feed_seen_at: datetime | None
    """Up to when the orders of the touch's site are known."""
    content_is_true: bool
    spent_minor: int
    cost_minor: int | None
    """None: it has no price in the client's currency."""
    quarantine_sent_today: int
    order_feed_settles_at: datetime | None
    """After a silence of that feed: until then its newest word may have overtaken older orders."""
    switches: tuple[str, ...]
    """Kill switches in force: agency, agency_channel (one channel of every client), tenant, site, channel."""


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """What the site, its client and the agency decided: all of it data."""

    country: str
    hours: Mapping[str, Any]
    abandon_after_s: int
    messages_per_lead: int
    message_gap_s: int
    first_messages_per_contact_day: int
    messages_per_contact_week: int
    dial_gap_s: int
    dials_per_day: int
    dials_per_lead: int
    touch_max_age_s: int
    order_feed_max_age_s: int | None
    """None: no feed is expected of the client, or of the site."""
    currency: str
    """The client's: of the limit, of what is spent and of what this costs."""
    monthly_spend_limit_minor: int | None
    quarantine_until: datetime | None
    quarantine_daily_cap: int


@dataclass(frozen=True, slots=True)
class Allow:
    """It may go out now."""


@dataclass(frozen=True, slots=True)
class Deny:
    """It may never go out."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Defer:
    """Not before `until_at`."""

    until_at: datetime
    reason: Reason


Verdict = Allow | Deny | Defer


def judge(facts: GateFacts, policy: GatePolicy, *, now: datetime) -> Verdict:
    """Answer whether the touch may go out at `now`. source: DESIGN section 5; RULES 5, 11, 12, 14, 31, 36."""
    for reason in _denials(facts, policy, now):
        return Deny(reason)
    deferrals = list(_deferrals(facts, policy, now))
    if not deferrals:
        return Allow()
    return max(deferrals, key=lambda deferral: deferral.until_at)


def _denials(facts: GateFacts, policy: GatePolicy, now: datetime) -> Iterator[Reason]:
    """Name what can never change back, gravest first."""
    if has_converted(facts):
        yield Reason.CONVERTED
    if facts.erased_at is not None:
        yield Reason.ERASED
    if facts.stop_id is not None:
        yield Reason.STOPPED
    if facts.lead_state not in ("active", "held"):
        yield Reason.LEAD_ENDED
    if facts.subject is not Subject.TOUCH and facts.touch_state != "queued":
        yield Reason.TOUCH_ENDED
    if facts.arm != "treated":
        yield Reason.HOLDOUT
    if not facts.contact_in_episode:
        yield Reason.CONTACT_REPLACED
    if facts.dead_at is not None:
        yield Reason.DEAD_ADDRESS
    if facts.channel == "sms" and facts.is_mobile is not True:
        yield Reason.NOT_MOBILE
    if not _may_contact(facts):
        yield Reason.NO_CONSENT
    if not facts.approved:
        yield Reason.NOT_APPROVED
    if facts.subject is Subject.TOUCH:
        if now >= facts.first_due_at + timedelta(seconds=policy.touch_max_age_s):
            yield Reason.TOO_OLD
        if facts.channel != "call" and facts.messages_of_lead >= policy.messages_per_lead:
            yield Reason.LEAD_CAP
    if facts.subject is Subject.DIAL and facts.dials_of_lead >= policy.dials_per_lead:
        yield Reason.DIAL_CAP


def is_told(
    verdict: Verdict, *, switches: Sequence[str], deferred_because: str | None, told_switches: Sequence[str]
) -> bool:
    """Say whether a step's receipt tells of this answer already: it is still held for the reason that it was held for.

    switches          in force now (GateFacts.switches)
    deferred_because  the reason of the step's last receipt, where it was put off and nothing happened to it since
    told_switches     in force by that receipt
    """
    if not isinstance(verdict, Defer) or verdict.reason not in HOLDS:
        return False
    return verdict.reason == deferred_because and tuple(switches) == tuple(told_switches)


def has_converted(facts: GateFacts) -> bool:
    """Any order at or after the start of the episode ends it, whoever reported it."""
    if facts.episode_ordered_at is not None:
        return True
    return facts.contact_ordered_at is not None and facts.contact_ordered_at >= facts.episode_started_at


def _may_contact(facts: GateFacts) -> bool:
    """Mail, SMS and LINE need a consent whose newest word is yes (RULES 2); a call needs the notice and no refusal."""
    if facts.consent_granted is not None:
        return facts.consent_granted
    return facts.channel == "call" and facts.notice_shown


def _deferrals(facts: GateFacts, policy: GatePolicy, now: datetime) -> Iterator[Defer]:
    """Name what may be different later, each with the instant to look again."""
    if facts.switches:
        yield Defer(now + LATER, Reason.KILL_SWITCH)
    if facts.lead_state == "held":
        yield Defer(now + LATER, Reason.LEAD_HELD)
    if not facts.content_is_true:
        yield Defer(now, Reason.CONTENT_CHANGED)
    opens_at = _opens_at(facts, policy, now)
    if opens_at > now:
        yield Defer(opens_at, Reason.HOURS)
    if facts.subject is Subject.BRIDGE:
        return
    idle_at = facts.last_activity_at + timedelta(seconds=policy.abandon_after_s)
    if now < idle_at:
        yield Defer(idle_at, Reason.STILL_ACTIVE)
    if _feed_is_stale(facts, policy, now):
        yield Defer(now + LATER, Reason.FEED_STALE)
    if facts.channel == "call":
        yield from _dial_deferrals(facts, policy, now)
    else:
        yield from _message_deferrals(facts, policy, now)
    limit = policy.monthly_spend_limit_minor
    if limit is None:
        return
    if facts.cost_minor is None:
        yield Defer(now + LATER, Reason.NO_PRICE)
    elif facts.spent_minor + facts.cost_minor > limit:
        yield Defer(now + LATER, Reason.SPEND)


def _opens_at(facts: GateFacts, policy: GatePolicy, now: datetime) -> datetime:
    return next_allowed(
        now,
        zone=facts.timezone,
        country=policy.country,
        bands_by_day=policy.hours.get(facts.channel, {}),
        night_is_closed=facts.channel != "email",
    )


def _feed_is_stale(facts: GateFacts, policy: GatePolicy, now: datetime) -> bool:
    if policy.order_feed_max_age_s is None:
        return False
    if facts.order_feed_seen_at is None:
        return True
    if facts.order_feed_settles_at is not None and now < facts.order_feed_settles_at:
        return True
    return now > facts.order_feed_seen_at + timedelta(seconds=policy.order_feed_max_age_s)


def _message_deferrals(facts: GateFacts, policy: GatePolicy, now: datetime) -> Iterator[Defer]:
    """Gaps and caps of messages (RULES 31, 36)."""
    if facts.last_message_at is not None:
        free_at = facts.last_message_at + timedelta(seconds=policy.message_gap_s)
        if now < free_at:
            yield Defer(free_at, Reason.MINIMUM_GAP)
    is_first = facts.messages_of_lead == 0
    if is_first and facts.contact_first_messages_day >= policy.first_messages_per_contact_day:
        yield Defer(_next_day(now), Reason.CONTACT_CAP_DAY)
    if facts.contact_messages_week >= policy.messages_per_contact_week:
        yield Defer(_next_day(now), Reason.CONTACT_CAP_WEEK)
    in_quarantine = policy.quarantine_until is not None and now < policy.quarantine_until
    if in_quarantine and facts.quarantine_sent_today >= policy.quarantine_daily_cap:
        yield Defer(_next_day(now), Reason.QUARANTINE_CAP)


def _dial_deferrals(facts: GateFacts, policy: GatePolicy, now: datetime) -> Iterator[Defer]:
    """Gaps and caps of dials (RULES 12)."""
    if facts.subject is not Subject.DIAL:
        return
    if facts.last_dial_at is not None:
        free_at = facts.last_dial_at + timedelta(seconds=policy.dial_gap_s)
        if now < free_at:
            yield Defer(free_at, Reason.DIAL_GAP)
    if facts.dials_today >= policy.dials_per_day:
        yield Defer(_next_day(now), Reason.DIALS_TODAY)


def _next_day(now: datetime) -> datetime:
    """The platform counts days in UTC: 09:00 in Tokyo, when messages begin anyway."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def retry_after(attempts: int) -> timedelta:
    """How long to wait after a delivery that is certain to have failed: 5 s, 10 s, 20 s … at most 15 minutes."""
    return min(timedelta(seconds=5 * 2 ** min(max(attempts - 1, 0), 10)), timedelta(minutes=15))


REPORT_RANK = {
    "none": 0,
    "queued": 1,
    "initiated": 1,
    "sent": 2,
    "ringing": 2,
    "answered": 3,
    "delivered": 9,
    "undelivered": 9,
    "failed": 9,
    "completed": 9,
    "busy": 9,
    "no_answer": 9,
    "cancelled": 9,
}
"""A higher rank replaces a lower one, an equal or lower one changes nothing: callbacks come in any order (RULES 26)."""


def report_moves(current: str, new: str) -> bool:
    """Say whether a provider's word moves the delivery's report forward."""
    return REPORT_RANK[new] > REPORT_RANK[current]
