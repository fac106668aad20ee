"""Explain a receipt of the gate in words: what was asked, what was looked at, and what decided."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from modori.console.speaker import Speaker
from modori.console.words import say
from modori.people.model import Channel, StopReason
from modori.sending.rules import HOLDS, LATER, Reason, Subject

REASONS: Final[Mapping[str, str]] = {
    Reason.KILL_SWITCH: say("sending is switched off"),
    Reason.CONVERTED: say("the person has ordered"),
    Reason.STOPPED: say("the person asked us to stop"),
    Reason.ERASED: say("the person asked to be forgotten"),
    Reason.CONTACT_REPLACED: say("the person has corrected the address since"),
    Reason.DEAD_ADDRESS: say("the address is dead"),
    Reason.NOT_MOBILE: say("the number takes no SMS"),
    Reason.LEAD_ENDED: say("the lead has ended"),
    Reason.TOUCH_ENDED: say("the step is no longer open"),
    Reason.LEAD_HELD: say("the lead is held until somebody releases it"),
    Reason.HOLDOUT: say("the lead is in the holdout, which is only watched"),
    Reason.NO_CONSENT: say("there is no consent"),
    Reason.NOT_APPROVED: say("the scenario's version is not approved"),
    Reason.TOO_OLD: say("it is too late for this step"),
    Reason.LEAD_CAP: say("the lead has had all its messages"),
    Reason.DIAL_CAP: say("the lead has had all its dials"),
    Reason.STILL_ACTIVE: say("the person is still active on the site"),
    Reason.FEED_STALE: say("the order feed has gone silent"),
    Reason.MINIMUM_GAP: say("the last message was too recent"),
    Reason.DIAL_GAP: say("the last dial was too recent"),
    Reason.DIALS_TODAY: say("today's dials are used up"),
    Reason.CONTACT_CAP_DAY: say("today's first message to this contact has gone out, over all clients"),
    Reason.CONTACT_CAP_WEEK: say("this week's messages to this contact are used up, over all clients"),
    Reason.HOURS: say("it is outside the permitted hours"),
    Reason.QUARANTINE_CAP: say("the new site's daily allowance is used up"),
    Reason.SPEND: say("the month's budget is used up"),
    Reason.NO_PRICE: say("no price is known in the client's currency, so that the month's budget cannot be counted"),
    Reason.CONTENT_CHANGED: say("what the message shows has changed"),
}
OTHER_REASONS: Final[Mapping[str, str]] = {
    "not_sent": say("the provider could not be reached"),
    "wording_broken": say("the wording cannot be rendered"),
    "too_long": say("the message is too long"),
    "address_gone": say("the address is gone"),
    "nowhere_to_lead": say("the site has no address to lead to"),
}
ENDED_BY: Final[Mapping[str, str]] = {
    "order": say("an order arrived"),
    "stop": say("the person asked us to stop"),
    "erasure": say("the person asked to be forgotten"),
    "call": say("a call ended it"),
    "plan": say("nothing is left to do"),
    "user": say("somebody at the agency ended it"),
    "episode": say("it grew too old"),
    "capture": say("the person refused capture"),
}

SUBJECTS: Final[Mapping[str, str]] = {
    "touch": say("Before sending"),
    "dial": say("Before dialling"),
    "bridge": say("Before ringing the customer"),
}
SWITCHES: Final[Mapping[str, str]] = {
    "agency": say("all sending of the agency"),
    "agency_channel": say("this channel, for every client"),
    "tenant": say("all sending of this client"),
    "site": say("all sending of this site"),
    "channel": say("this channel, for this client"),
}
VERDICTS: Final[Mapping[str, str]] = {
    "allow": say("%(subject)s: allowed (%(channel)s)"),
    "deny": say("%(subject)s: not allowed, because %(reason)s (%(channel)s)"),
    "defer": say("%(subject)s: not before %(until)s, because %(reason)s (%(channel)s)"),
}
HELD: Final = say("%(subject)s: held, because %(reason)s; looked at again every %(every)s (%(channel)s)")
VERDICT_TONES: Final[Mapping[str, str]] = {"allow": "good", "deny": "bad", "defer": "warn"}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that the gate looked at. is_ok False: this is what decided."""

    is_ok: bool
    text: str


def why(reason: str | None, speaker: Speaker) -> str:
    """Name a reason in words; a chain such as `order:…` by what comes before the colon."""
    if not reason:
        return "—"
    head = reason.split(":", 1)[0]
    message = REASONS.get(reason) or OTHER_REASONS.get(reason) or ENDED_BY.get(head) or REASONS.get(head)
    return speaker.word(message) if message else reason


def verdict_line(receipt: Mapping[str, Any], speaker: Speaker) -> str:
    """Say the gate's answer in one line. Of a step that is held, no instant: the line stands for every look of it.

    A dial that is refused has a line of its own each time, and nobody but the operator asks again.
    """
    subject = speaker.word(SUBJECTS[receipt["subject"]])
    channel = speaker.label_of(Channel, receipt["channel"])
    reason = why(receipt["reason"], speaker)
    if receipt["verdict"] == "defer" and receipt["subject"] == Subject.TOUCH and receipt["reason"] in HOLDS:
        every = speaker.lasting(LATER.total_seconds())
        return speaker.word(HELD, subject=subject, channel=channel, reason=reason, every=every)
    return speaker.word(
        VERDICTS[receipt["verdict"]],
        subject=subject,
        channel=channel,
        reason=reason,
        until=speaker.moment(receipt["until_at"]),
    )


def checks(receipt: Mapping[str, Any], speaker: Speaker) -> list[Check]:
    """List what the gate looked at, in the order of its questions, the deciding one marked."""
    facts, policy, reason = receipt["facts"], receipt["policy"], receipt["reason"]
    found = []
    for reasons, text in _lines(facts, policy, str(receipt["channel"]), speaker):
        found.append(Check(reason not in reasons, text))
    return found


def _lines(
    facts: Mapping[str, Any], policy: Mapping[str, Any], channel: str, speaker: Speaker
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield (reasons that this line would give, the line)."""
    word, moment = speaker.word, speaker.moment
    ordered_at = facts["episode_ordered_at"] or (
        facts["contact_ordered_at"] if (facts["contact_ordered_at"] or "") >= facts["episode_started_at"] else None
    )
    yield (
        (Reason.CONVERTED,),
        word(say("Ordered: %(at)s"), at=moment(ordered_at))
        if ordered_at
        else word(say("No order since this try began")),
    )
    yield (
        (Reason.STOPPED, Reason.ERASED),
        word(say("Stop on record: %(reason)s"), reason=speaker.label_of(StopReason, facts["stop_reason"]))
        if facts["stop_id"]
        else word(say("No stop on record")),
    )
    yield (Reason.NO_CONSENT,), _consent(facts, channel, speaker)
    yield (
        (Reason.HOLDOUT,),
        word(say("In the group that is contacted")) if facts["arm"] == "treated" else word(say("In the holdout group")),
    )
    yield (
        (Reason.LEAD_ENDED, Reason.LEAD_HELD, Reason.TOUCH_ENDED),
        word(say("Lead open")) if facts["lead_state"] == "active" else word(say("Lead held or ended")),
    )
    yield (
        (Reason.DEAD_ADDRESS, Reason.NOT_MOBILE, Reason.CONTACT_REPLACED),
        word(say("Address known to be dead")) if facts["dead_at"] else word(say("Address can be reached")),
    )
    yield (
        (Reason.NOT_APPROVED,),
        word(say("Scenario version approved")) if facts["approved"] else word(say("Scenario version not approved")),
    )
    yield (
        (Reason.KILL_SWITCH,),
        word(say("Switched off: %(switches)s"), switches=_switches(facts["switches"], speaker))
        if facts["switches"]
        else word(say("No switch is off")),
    )
    yield (Reason.HOURS,), word(say("Permitted hours in the zone %(zone)s"), zone=facts["timezone"])
    yield (Reason.STILL_ACTIVE,), word(say("Last active on the site: %(at)s"), at=moment(facts["last_activity_at"]))
    yield from _counts(facts, policy, channel, speaker)
    yield from _rest(facts, policy, speaker)


def _switches(names: Sequence[str], speaker: Speaker) -> str:
    """Name what is switched off, in words."""
    return " · ".join(speaker.word(SWITCHES[name]) for name in names)


def _consent(facts: Mapping[str, Any], channel: str, speaker: Speaker) -> str:
    name = speaker.label_of(Channel, channel)
    at = speaker.moment(facts["consent_given_at"])
    if facts["consent_granted"]:
        return speaker.word(say("Consent for %(channel)s: given %(at)s"), channel=name, at=at)
    if facts["consent_granted"] is False:
        return speaker.word(say("Consent for %(channel)s: withdrawn %(at)s"), channel=name, at=at)
    if channel == Channel.CALL and facts["notice_shown"]:
        return speaker.word(say("Call permitted by the notice on the site; nobody refused"))
    return speaker.word(say("No consent for %(channel)s on record"), channel=name)


def _counts(
    facts: Mapping[str, Any], policy: Mapping[str, Any], channel: str, speaker: Speaker
) -> Iterator[tuple[tuple[str, ...], str]]:
    word = speaker.word
    if channel == Channel.CALL:
        yield (
            (Reason.DIAL_CAP, Reason.DIALS_TODAY),
            word(
                say("Dials: %(today)s of %(most_today)s today, %(all)s of %(most)s in all"),
                today=facts["dials_today"],
                most_today=policy["dials_per_day"],
                all=facts["dials_of_lead"],
                most=policy["dials_per_lead"],
            ),
        )
        yield (
            (Reason.DIAL_GAP,),
            word(
                say("Last dial: %(at)s (gap of %(gap)s)"),
                at=speaker.moment(facts["last_dial_at"]),
                gap=speaker.lasting(policy["dial_gap_s"]),
            ),
        )
        return
    yield (
        (Reason.LEAD_CAP,),
        word(
            say("Messages to this lead: %(count)s of %(most)s"),
            count=facts["messages_of_lead"],
            most=policy["messages_per_lead"],
        ),
    )
    yield (
        (Reason.MINIMUM_GAP,),
        word(
            say("Last message: %(at)s (gap of %(gap)s)"),
            at=speaker.moment(facts["last_message_at"]),
            gap=speaker.lasting(policy["message_gap_s"]),
        ),
    )
    yield (
        (Reason.CONTACT_CAP_DAY, Reason.CONTACT_CAP_WEEK),
        word(
            say("Messages to this contact over all clients: %(count)s of %(most)s in 7 days"),
            count=facts["contact_messages_week"],
            most=policy["messages_per_contact_week"],
        ),
    )


def _spend(facts: Mapping[str, Any], policy: Mapping[str, Any], speaker: Speaker) -> str:
    """Say the month in the client's currency. Receipts from before 0047 name none: bare numbers, as they were told."""
    currency = policy.get("currency")

    def money(minor: int) -> str:
        return str(minor) if currency is None else speaker.money(minor, currency)

    spent, limit = money(facts["spent_minor"]), money(policy["monthly_spend_limit_minor"])
    if facts["cost_minor"] is None:
        return speaker.word(
            say("Spent this month: %(spent)s of %(limit)s; in %(currency)s nobody has said what this counts"),
            spent=spent,
            limit=limit,
            currency=currency,
        )
    return speaker.word(
        say("Spent this month: %(spent)s of %(limit)s; this counts %(cost)s"),
        spent=spent,
        limit=limit,
        cost=money(facts["cost_minor"]),
    )


def _rest(
    facts: Mapping[str, Any], policy: Mapping[str, Any], speaker: Speaker
) -> Iterator[tuple[tuple[str, ...], str]]:
    word = speaker.word
    yield (
        (Reason.TOO_OLD,),
        word(
            say("First due %(at)s, good for %(age)s"),
            at=speaker.moment(facts["first_due_at"]),
            age=speaker.lasting(policy["touch_max_age_s"]),
        ),
    )
    if policy["order_feed_max_age_s"] is not None:
        yield (
            (Reason.FEED_STALE,),
            word(say("Order feed last heard: %(at)s"), at=speaker.moment(facts["order_feed_seen_at"])),
        )
    yield (
        (Reason.CONTENT_CHANGED,),
        word(say("Content still true")) if facts["content_is_true"] else word(say("Content no longer true")),
    )
    if policy["monthly_spend_limit_minor"] is not None:
        yield (Reason.SPEND, Reason.NO_PRICE), _spend(facts, policy, speaker)
    if policy["quarantine_until"] is not None:
        yield (
            (Reason.QUARANTINE_CAP,),
            word(
                say("New site: %(count)s of %(most)s messages today"),
                count=facts["quarantine_sent_today"],
                most=policy["quarantine_daily_cap"],
            ),
        )
