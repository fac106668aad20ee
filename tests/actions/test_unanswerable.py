"""G14: what cannot be answered sends nothing; neither an unknown fact nor a broken policy fails open."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from modori.kernel.hours import BadHours
from modori.sending import actions
from modori.sending.rules import Allow, GateFacts, GatePolicy, Subject, judge
from modori.storage.db import tenant_transaction
from tests.leadworld import LeadWorld, make_lead
from tests.world import World

NOW = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)  # a Wednesday, 11:00 in Tokyo
OPEN = {"weekday": [["09:00", "20:00"]], "holiday": [["09:00", "20:00"]]}
POLICY = GatePolicy(
    country="JP",
    hours={"email": OPEN, "sms": OPEN, "call": OPEN},
    abandon_after_s=60,
    messages_per_lead=3,
    message_gap_s=60,
    first_messages_per_contact_day=1,
    messages_per_contact_week=3,
    dial_gap_s=60,
    dials_per_day=2,
    dials_per_lead=5,
    touch_max_age_s=86400,
    order_feed_max_age_s=3600,
    currency="JPY",
    monthly_spend_limit_minor=1000,
    quarantine_until=None,
    quarantine_daily_cap=1,
)
KNOWN = GateFacts(
    subject=Subject.TOUCH,
    channel="sms",
    touch_state="claimed",
    lead_state="active",
    arm="treated",
    episode_started_at=NOW - timedelta(hours=2),
    last_activity_at=NOW - timedelta(hours=1),
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
    consent_given_at=NOW - timedelta(hours=2),
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
    order_feed_seen_at=NOW - timedelta(minutes=1),
    order_feed_settles_at=None,
    content_is_true=True,
    spent_minor=0,
    cost_minor=10,
    quarantine_sent_today=0,
    switches=(),
)
CALL: dict[str, Any] = {"channel": "call", "consent_granted": None, "consent_id": None}


def test_with_everything_known_it_may_go() -> None:
    assert judge(KNOWN, POLICY, now=NOW) == Allow()
    assert judge(replace(KNOWN, **CALL), POLICY, now=NOW) == Allow()


@pytest.mark.parametrize(
    ("facts", "policy"),
    [
        ({"consent_granted": None, "consent_id": None}, {}),
        ({**CALL, "notice_shown": False}, {}),
        ({"is_mobile": None}, {}),
        ({"order_feed_seen_at": None}, {}),
        ({"cost_minor": None}, {}),
        ({**CALL, "cost_minor": None}, {}),
        ({"arm": "unheard-of"}, {}),
        ({"lead_state": "unheard-of"}, {}),
        ({}, {"hours": {}}),
        ({}, {"hours": {"sms": {}}}),
        ({}, {"hours": {"email": OPEN}}),
    ],
)
def test_g14_what_is_not_known_sends_nothing(facts: dict[str, Any], policy: dict[str, Any]) -> None:
    assert judge(replace(KNOWN, **facts), replace(POLICY, **policy), now=NOW) != Allow()


@pytest.mark.parametrize(
    ("facts", "hours", "failure"),
    [
        ({}, {"sms": {"weekday": [["9 am", "8 pm"]]}}, BadHours),
        ({}, {"sms": {"weekday": [["20:00", "09:00"]]}}, BadHours),
        ({"timezone": "Nowhere/Land"}, {"sms": OPEN}, KeyError),
    ],
)
def test_g14_a_policy_that_cannot_be_read_raises(
    facts: dict[str, Any], hours: dict[str, Any], failure: type[Exception]
) -> None:
    with pytest.raises(failure):
        judge(replace(KNOWN, **facts), replace(POLICY, hours=hours), now=NOW)


def test_g14_a_gate_that_fails_leaves_no_delivery_and_no_receipt(world: World) -> None:
    lead = make_lead(world.acme)
    tenant_id = lead.tenant.tenant_id
    with tenant_transaction(tenant_id) as session:
        session.connection().execute(
            text('update site set hours = \'{"email": {"weekday": [["soon", "later"]]}}\' where site_id = :id'),
            {"id": lead.tenant.site_id},
        )
    content = actions.Content(subject="s", text="t", digest=b"", parts=None, costs=None)
    with pytest.raises(BadHours), tenant_transaction(tenant_id) as session:
        actions.begin_touch(
            session, tenant_id=tenant_id, touch_id=lead.touch_id, content=content, deadline_s=30, now=world.now
        )
    assert _count(lead, "delivery") == _count(lead, "receipt") == 0
    assert _count(lead, "touch", "state = 'claimed'") == 1, "the claim's lease gives it back to the plan"


def _count(lead: LeadWorld, table: str, where: str = "true") -> int:
    with tenant_transaction(lead.tenant.tenant_id) as session:
        query = text(f"select count(*) from {table} where touch_id = :touch and {where}")  # constant names of this file
        found: int = session.connection().execute(query, {"touch": lead.touch_id}).scalar_one()
        return found
