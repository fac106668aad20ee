"""A touch that waits for a person is looked at every five minutes, and one receipt tells of all looks that found the
same."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from modori.kernel.digest import content_digest
from modori.people.model import Channel
from modori.sending import actions
from modori.sending.ports import Permit
from modori.sending.rules import LATER, Reason
from modori.storage.db import tenant_transaction
from tests.callworld import claim, on_desk, operator, refused_dial
from tests.leadworld import ITEMS, LeadWorld, make_lead
from tests.questions import ask_one, change
from tests.world import NOW, World

CONTENT = actions.Content("件名", "本文", content_digest(ITEMS, 4980, "JPY"), parts=2, costs={"JPY": 30})


def look(lead: LeadWorld, now: datetime = NOW, content: actions.Content = CONTENT) -> Any:
    """Take the touch up as dispatch does, and ask the gate."""
    tenant_id = lead.tenant.tenant_id
    change(tenant_id, "update touch set state = 'claimed' where touch_id = :id", id=lead.touch_id)
    with tenant_transaction(tenant_id) as session:
        return actions.begin_touch(
            session, tenant_id=tenant_id, touch_id=lead.touch_id, content=content, deadline_s=30, now=now
        )


def receipts(lead: LeadWorld) -> list[str]:
    """The reasons of a touch's receipts in their order; of an allowing one the verdict."""
    told: list[str] = ask_one(
        lead.tenant.tenant_id,
        "select array_agg(coalesce(reason, verdict) order by judged_at, receipt_id) from receipt where touch_id = :id",
        id=lead.touch_id,
    )
    return told


def hold(lead: LeadWorld, reason: Reason) -> actions.Content:
    """Bring a client into a state for whose end its touches wait."""
    statement, content = {
        Reason.SPEND: ("update tenant set monthly_spend_limit_minor = 29", CONTENT),
        Reason.NO_PRICE: ("update tenant set monthly_spend_limit_minor = 29", replace(CONTENT, costs={"USD": 2})),
        Reason.FEED_STALE: ("update tenant set order_feed_max_age_s = 1", CONTENT),
        Reason.KILL_SWITCH: ("update tenant set sending_stopped_at = now()", CONTENT),
        Reason.LEAD_HELD: ("update lead set state = 'held'", CONTENT),
    }[reason]
    change(lead.tenant.tenant_id, statement)
    return content


@pytest.mark.parametrize(
    "reason", [Reason.SPEND, Reason.NO_PRICE, Reason.FEED_STALE, Reason.KILL_SWITCH, Reason.LEAD_HELD]
)
def test_a_touch_that_is_held_for_the_same_reason_has_one_receipt(world: World, reason: Reason) -> None:
    lead = make_lead(world.acme, channel=Channel.SMS)
    content = hold(lead, reason)
    first = look(lead, content=content)
    assert (first.reason, first.until_at) == (reason, NOW + LATER)
    for number in (1, 2):
        now = NOW + number * LATER
        assert look(lead, now, content) == replace(first, until_at=now + LATER), "it is looked at again"
    assert receipts(lead) == [reason]
    row = "select array[due_at::text, deferred_because, last_receipt_id::text] from touch where touch_id = :id"
    due_at, because, receipt_id = ask_one(lead.tenant.tenant_id, row, id=lead.touch_id)
    assert (datetime.fromisoformat(due_at), because) == (NOW + 3 * LATER, reason)
    assert receipt_id == str(first.receipt_id)


def test_each_change_of_the_reason_has_a_receipt_and_so_has_what_goes_out(world: World) -> None:
    lead = make_lead(world.acme, channel=Channel.SMS)
    hold(lead, Reason.SPEND)
    look(lead)
    change(lead.tenant.tenant_id, "update tenant set sending_stopped_at = now()")
    for number in (1, 2):
        assert look(lead, NOW + number * LATER).reason is Reason.KILL_SWITCH
    change(lead.tenant.tenant_id, "update tenant set sending_stopped_at = null")
    for number in (3, 4):
        assert look(lead, NOW + number * LATER).reason is Reason.SPEND
    change(lead.tenant.tenant_id, "update tenant set monthly_spend_limit_minor = 30")
    permit = look(lead, NOW + 5 * LATER)
    assert isinstance(permit, Permit)
    assert receipts(lead) == ["spend", "kill_switch", "spend", "allow"]
    told = ask_one(lead.tenant.tenant_id, "select receipt_id from delivery where touch_id = :id", id=lead.touch_id)
    assert told == permit.receipt_id


def test_each_change_of_the_switches_that_hold_it_has_a_receipt(world: World) -> None:
    lead = make_lead(world.acme, channel=Channel.SMS)
    tenant_id = lead.tenant.tenant_id
    for number, statement in enumerate(
        (
            "update tenant set sending_stopped_at = now()",
            "update tenant set name = name",
            "update site set sending_stopped_at = now()",
            "update tenant set sending_stopped_at = null",
            "update site set name = name",
        )
    ):
        change(tenant_id, statement)
        assert look(lead, NOW + number * LATER).reason is Reason.KILL_SWITCH
    told = ask_one(
        tenant_id,
        "select jsonb_agg(facts -> 'switches' order by judged_at) from receipt where touch_id = :id",
        id=lead.touch_id,
    )
    assert told == [["tenant"], ["tenant", "site"], ["site"]]


def test_what_was_to_be_different_at_an_instant_and_is_not_has_a_receipt_of_the_next(world: World) -> None:
    lead = make_lead(world.acme, channel=Channel.SMS)
    change(lead.tenant.tenant_id, "update episode set last_activity_at = :at", at=NOW - timedelta(minutes=1))
    assert look(lead).reason is Reason.STILL_ACTIVE
    change(lead.tenant.tenant_id, "update episode set last_activity_at = :at", at=NOW + timedelta(minutes=1))
    assert look(lead, NOW + LATER).reason is Reason.STILL_ACTIVE
    assert receipts(lead) == ["still_active", "still_active"]


def test_each_dial_that_is_refused_has_a_receipt_for_the_operator_who_asked(world: World) -> None:
    lead, task_id = on_desk(world)
    hold(lead, Reason.SPEND)
    for number in (0, 1):
        assert refused_dial(lead, task_id, operator(world), now=NOW + number * LATER).reason == "spend"
        change(lead.tenant.tenant_id, "update call_task set due_at = :at", at=NOW)
        assert claim(world.acme, task_id, operator(world)) is not None
    assert receipts(lead) == ["allow", "spend", "spend"]
