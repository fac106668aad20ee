"""The gate as a table: one fact or policy at a time turned, with the answer that follows (DESIGN section 5)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from modori.sending.rules import (
    Allow,
    Defer,
    Deny,
    GateFacts,
    GatePolicy,
    Reason,
    Subject,
    is_told,
    judge,
    report_moves,
    retry_after,
)

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)  # Friday, 12:00 in Tokyo
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

ALL_DAY = {"weekday": [["00:00", "24:00"]], "holiday": [["00:00", "24:00"]]}
POLICY = GatePolicy(
    country="JP",
    hours={
        "email": ALL_DAY,
        "sms": {"weekday": [["09:00", "20:00"]], "holiday": [["09:00", "20:00"]]},
        "call": {"weekday": [["09:00", "20:00"]], "holiday": [["10:00", "18:00"]]},
    },
    abandon_after_s=1800,
    messages_per_lead=3,
    message_gap_s=20 * 3600,
    first_messages_per_contact_day=1,
    messages_per_contact_week=3,
    dial_gap_s=3600,
    dials_per_day=2,
    dials_per_lead=5,
    touch_max_age_s=2 * 86400,
    order_feed_max_age_s=None,
    currency="JPY",
    monthly_spend_limit_minor=None,
    quarantine_until=None,
    quarantine_daily_cap=20,
)
GOOD = GateFacts(
    subject=Subject.TOUCH,
    channel="email",
    touch_state="claimed",
    lead_state="active",
    arm="treated",
    episode_started_at=NOW - 2 * HOUR,
    last_activity_at=NOW - HOUR,
    episode_ordered_at=None,
    contact_ordered_at=None,
    stop_id=None,
    stop_reason=None,
    erased_at=None,
    contact_in_episode=True,
    dead_at=None,
    is_mobile=True,
    consent_id="c",
    consent_granted=True,
    consent_given_at=NOW - 2 * HOUR,
    notice_shown=True,
    approved=True,
    first_due_at=NOW,
    messages_of_lead=0,
    last_message_at=None,
    dials_of_lead=0,
    dials_today=0,
    last_dial_at=None,
    contact_messages_week=0,
    contact_first_messages_day=0,
    timezone="Asia/Tokyo",
    order_feed_seen_at=None,
    order_feed_settles_at=None,
    content_is_true=True,
    spent_minor=0,
    cost_minor=15,
    quarantine_sent_today=0,
    switches=(),
)
DIAL = replace(GOOD, subject=Subject.DIAL, channel="call", touch_state="queued")
BRIDGE = replace(DIAL, subject=Subject.BRIDGE)
TOMORROW = datetime(2026, 11, 21, tzinfo=UTC)


def test_a_good_touch_may_go() -> None:
    assert judge(GOOD, POLICY, now=NOW) == Allow()
    assert judge(DIAL, POLICY, now=NOW) == Allow()
    assert judge(BRIDGE, POLICY, now=NOW) == Allow()


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"episode_ordered_at": NOW - MINUTE}, Reason.CONVERTED),
        ({"contact_ordered_at": NOW - 2 * HOUR}, Reason.CONVERTED),  # at the very start of the episode
        ({"erased_at": NOW}, Reason.ERASED),
        ({"stop_id": "s", "stop_reason": "reply"}, Reason.STOPPED),
        ({"lead_state": "stopped"}, Reason.LEAD_ENDED),
        ({"lead_state": "exhausted"}, Reason.LEAD_ENDED),
        ({"arm": "holdout"}, Reason.HOLDOUT),
        ({"contact_in_episode": False}, Reason.CONTACT_REPLACED),
        ({"dead_at": NOW - DAY}, Reason.DEAD_ADDRESS),
        ({"channel": "sms", "is_mobile": False}, Reason.NOT_MOBILE),
        ({"channel": "sms", "is_mobile": None}, Reason.NOT_MOBILE),  # not known is no (G14)
        ({"consent_granted": False}, Reason.NO_CONSENT),
        ({"consent_granted": None, "consent_id": None}, Reason.NO_CONSENT),
        ({"approved": False}, Reason.NOT_APPROVED),
        ({"first_due_at": NOW - 2 * DAY}, Reason.TOO_OLD),  # the boundary itself is too old
        ({"messages_of_lead": 3}, Reason.LEAD_CAP),
    ],
)
def test_denials_of_a_message(facts: dict[str, Any], reason: Reason) -> None:
    assert judge(replace(GOOD, **facts), POLICY, now=NOW) == Deny(reason)


@pytest.mark.parametrize(
    "facts",
    [
        {"contact_ordered_at": NOW - 2 * HOUR - timedelta(microseconds=1)},  # an order of before this episode
        {"first_due_at": NOW - 2 * DAY + timedelta(microseconds=1)},
        {"messages_of_lead": 2, "contact_first_messages_day": 9},  # not a first message
        {"last_message_at": NOW - 20 * HOUR},  # the gap is over at its end
        {"last_activity_at": NOW - 30 * MINUTE},
        {"contact_messages_week": 2},
    ],
)
def test_just_inside_the_boundary(facts: dict[str, Any]) -> None:
    assert judge(replace(GOOD, **facts), POLICY, now=NOW) == Allow()


@pytest.mark.parametrize(
    ("facts", "policy", "until_at", "reason"),
    [
        ({"switches": ("agency",)}, {}, NOW + 5 * MINUTE, Reason.KILL_SWITCH),
        ({"lead_state": "held"}, {}, NOW + 5 * MINUTE, Reason.LEAD_HELD),
        ({"content_is_true": False}, {}, NOW, Reason.CONTENT_CHANGED),
        ({"last_activity_at": NOW - 29 * MINUTE}, {}, NOW + MINUTE, Reason.STILL_ACTIVE),
        ({"last_message_at": NOW - 19 * HOUR}, {}, NOW + HOUR, Reason.MINIMUM_GAP),
        ({"contact_first_messages_day": 1}, {}, TOMORROW, Reason.CONTACT_CAP_DAY),
        ({"contact_messages_week": 3}, {}, TOMORROW, Reason.CONTACT_CAP_WEEK),
        ({}, {"order_feed_max_age_s": 60}, NOW + 5 * MINUTE, Reason.FEED_STALE),  # never seen (G14)
        (  # heard of again, and not long enough to be believed
            {"order_feed_seen_at": NOW, "order_feed_settles_at": NOW + MINUTE},
            {"order_feed_max_age_s": 60},
            NOW + 5 * MINUTE,
            Reason.FEED_STALE,
        ),
        (
            {"order_feed_seen_at": NOW - 61 * timedelta(seconds=1)},
            {"order_feed_max_age_s": 60},
            NOW + 5 * MINUTE,
            Reason.FEED_STALE,
        ),
        ({"spent_minor": 990}, {"monthly_spend_limit_minor": 1000}, NOW + 5 * MINUTE, Reason.SPEND),
        ({"cost_minor": None}, {"monthly_spend_limit_minor": 1000}, NOW + 5 * MINUTE, Reason.NO_PRICE),
        ({"quarantine_sent_today": 20}, {"quarantine_until": NOW + DAY}, TOMORROW, Reason.QUARANTINE_CAP),
        ({"channel": "sms", "timezone": "America/New_York"}, {}, datetime(2026, 11, 20, 14, tzinfo=UTC), Reason.HOURS),
        # of two deferrals the later one counts
        (
            {"last_activity_at": NOW - 29 * MINUTE, "last_message_at": NOW - 19 * HOUR},
            {},
            NOW + HOUR,
            Reason.MINIMUM_GAP,
        ),
    ],
)
def test_deferrals(facts: dict[str, Any], policy: dict[str, Any], until_at: datetime, reason: Reason) -> None:
    assert judge(replace(GOOD, **facts), replace(POLICY, **policy), now=NOW) == Defer(until_at, reason)


def test_a_denial_comes_before_any_deferral() -> None:
    facts = replace(GOOD, switches=("site",), episode_ordered_at=NOW)
    assert judge(facts, POLICY, now=NOW) == Deny(Reason.CONVERTED)


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        ({"dials_of_lead": 5}, Deny(Reason.DIAL_CAP)),
        ({"dials_of_lead": 4}, Allow()),
        ({"dials_today": 2}, Defer(TOMORROW, Reason.DIALS_TODAY)),
        ({"last_dial_at": NOW - 59 * MINUTE}, Defer(NOW + MINUTE, Reason.DIAL_GAP)),
        ({"last_dial_at": NOW - HOUR}, Allow()),
        ({"touch_state": "cancelled"}, Deny(Reason.TOUCH_ENDED)),
        # a call needs the notice and no refusal (section 5)
        ({"consent_granted": None, "notice_shown": True}, Allow()),
        ({"consent_granted": None, "notice_shown": False}, Deny(Reason.NO_CONSENT)),
        ({"consent_granted": False, "notice_shown": True}, Deny(Reason.NO_CONSENT)),
        ({"messages_of_lead": 3, "last_message_at": NOW - MINUTE}, Allow()),  # messages do not count against dials
        ({"first_due_at": NOW - 9 * DAY}, Allow()),  # a callback may be later than a message would
    ],
)
def test_dials(facts: dict[str, Any], verdict: object) -> None:
    assert judge(replace(DIAL, **facts), POLICY, now=NOW) == verdict


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        ({"episode_ordered_at": NOW}, Deny(Reason.CONVERTED)),
        ({"stop_id": "s"}, Deny(Reason.STOPPED)),
        ({"switches": ("channel",)}, Defer(NOW + 5 * MINUTE, Reason.KILL_SWITCH)),
        # the dial that rang the operator is the one that is being bridged: its own gap does not count
        ({"last_dial_at": NOW, "dials_of_lead": 5, "dials_today": 2}, Allow()),
    ],
)
def test_the_bridge_asks_again(facts: dict[str, Any], verdict: object) -> None:
    assert judge(replace(BRIDGE, **facts), POLICY, now=NOW) == verdict


@pytest.mark.parametrize(
    ("verdict", "deferred_because", "told"),
    [
        (Defer(TOMORROW, Reason.SPEND), "spend", True),
        (Defer(TOMORROW, Reason.SPEND), "no_price", False),
        (Defer(TOMORROW, Reason.SPEND), "not_sent", False),
        (Defer(TOMORROW, Reason.SPEND), None, False),
        (Defer(TOMORROW, Reason.HOURS), "hours", False),  # another instant
        (Deny(Reason.TOO_OLD), "too_old", False),
        (Allow(), None, False),
        (Allow(), "spend", False),
    ],
)
def test_a_hold_is_told_once(verdict: Allow | Deny | Defer, deferred_because: str | None, told: bool) -> None:
    assert is_told(verdict, switches=(), deferred_because=deferred_because, told_switches=()) is told


@pytest.mark.parametrize(
    ("switches", "told_switches", "told"),
    [
        (("tenant",), ("tenant",), True),
        (("site",), ("tenant",), False),  # the one was engaged before the other was released
        (("tenant", "site"), ("tenant",), False),
        (("site",), ("tenant", "site"), False),
    ],
)
def test_a_hold_by_other_switches_is_not_told_yet(
    switches: tuple[str, ...], told_switches: tuple[str, ...], told: bool
) -> None:
    verdict = Defer(NOW, Reason.KILL_SWITCH)
    assert is_told(verdict, switches=switches, deferred_because="kill_switch", told_switches=told_switches) is told


@pytest.mark.parametrize(("attempts", "seconds"), [(0, 5), (1, 5), (2, 10), (3, 20), (8, 640), (9, 900), (99, 900)])
def test_retries_back_off(attempts: int, seconds: int) -> None:
    assert retry_after(attempts) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("current", "new", "moves"),
    [
        ("none", "queued", True),
        ("sent", "queued", False),  # late
        ("sent", "sent", False),  # twice
        ("sent", "delivered", True),
        ("delivered", "failed", False),  # the first terminal one absorbs
        ("undelivered", "delivered", False),
        ("ringing", "answered", True),
        ("completed", "answered", False),
    ],
)
def test_reports_only_move_forward(current: str, new: str, moves: bool) -> None:
    assert report_moves(current, new) is moves
