"""What dials cost counts against the month's budget: before an operator waits, and before a phone rings."""

from typing import Any

from modori.calls import actions, desk
from modori.calls.model import CallTaskState
from modori.kernel import clock
from modori.sending import actions as sending
from modori.sending.ports import NotSent
from modori.sending.rules import Reason
from modori.storage.db import tenant_transaction
from tests.callworld import (
    COST_MINOR,
    PRICES,
    another_operator,
    callable_lead,
    claim,
    dial,
    on_desk,
    operator,
    task_of,
    waiting,
)
from tests.consoleworld import Voice
from tests.leadworld import LeadWorld
from tests.orderworld import start
from tests.questions import ask_one, change
from tests.world import NOW, TenantWorld, World


def limit_spend(tenant: TenantWorld, minor: int) -> None:
    change(tenant.tenant_id, "update tenant set monthly_spend_limit_minor = :minor", minor=minor)


def spent(tenant: TenantWorld) -> int:
    return int(ask_one(tenant.tenant_id, "select coalesce(sum(spent_minor), 0) from spend"))


def last_receipt(lead: LeadWorld, subject: str) -> Any:
    """The newest receipt of a subject: verdict, reason, what was spent before, what this counts."""
    return ask_one(
        lead.tenant.tenant_id,
        "select array[verdict, coalesce(reason, ''), facts ->> 'spent_minor', facts ->> 'cost_minor'] from receipt"
        " where touch_id = :id and subject = :subject order by judged_at desc, receipt_id desc limit 1",
        id=lead.touch_id,
        subject=subject,
    )


def test_g4_a_dial_counts_against_the_months_budget_and_its_receipt_says_so(world: World) -> None:
    limit_spend(world.acme, 2 * COST_MINOR - 1)
    lead, task_id = on_desk(world)
    assert spent(world.acme) == 0  # waiting for an operator costs nothing
    dial(lead, task_id, operator(world))
    assert spent(world.acme) == COST_MINOR
    assert last_receipt(lead, "dial") == ["allow", "", "0", str(COST_MINOR)]
    assert spent(world.stranger) == 0


def test_a_dial_that_the_months_budget_does_not_allow_waits_and_rings_nobody(world: World) -> None:
    limit_spend(world.acme, 2 * COST_MINOR - 1)
    first, first_task = on_desk(world)
    dial(first, first_task, operator(world))
    user = another_operator(world)
    lead, task_id = waiting(world.acme)
    assert claim(world.acme, task_id, user) is not None
    voice = Voice()
    with clock.moved_to(NOW):
        refused = desk.Dialler(voice, deadline_s=30, prices=PRICES).dial(
            tenant_id=world.acme.tenant_id, task_id=task_id, user_id=user
        )
    assert isinstance(refused, actions.DialRefused)
    assert (refused.reason, voice.rang, spent(world.acme)) == ("spend", [], COST_MINOR)
    assert last_receipt(lead, "dial") == ["defer", "spend", str(COST_MINOR), str(COST_MINOR)]
    task = task_of(world.acme, task_id)
    assert (task.state, task.due_at) == (CallTaskState.WAITING, refused.until_at)
    limit_spend(world.acme, 2 * COST_MINOR)
    assert claim(world.acme, task_id, user) is not None
    dial(lead, task_id, user)
    assert spent(world.acme) == 2 * COST_MINOR


def test_a_dial_that_certainly_was_not_made_costs_nothing(world: World) -> None:
    lead, task_id = on_desk(world)
    started = start(lead, task_id, operator(world))
    assert spent(world.acme) == COST_MINOR
    with tenant_transaction(world.acme.tenant_id) as session:
        actions.record_dial(
            session,
            tenant_id=world.acme.tenant_id,
            permit=started.permit,
            answer=NotSent(None, "connection refused"),
            now=NOW,
        )
    assert spent(world.acme) == 0


def test_nobody_is_queued_for_a_dial_that_the_months_budget_would_refuse(world: World) -> None:
    limit_spend(world.acme, COST_MINOR - 1)
    lead = callable_lead(world.acme)
    change(world.acme.tenant_id, "update touch set state = 'claimed' where touch_id = :id", id=lead.touch_id)

    def admit() -> object:
        with tenant_transaction(world.acme.tenant_id) as session:
            return sending.admit_call_step(
                session, tenant_id=world.acme.tenant_id, touch_id=lead.touch_id, costs=PRICES.dial_minor, now=NOW
            )

    deferred = admit()
    assert isinstance(deferred, sending.Deferred)
    assert deferred.reason is Reason.SPEND
    limit_spend(world.acme, COST_MINOR)
    change(world.acme.tenant_id, "update touch set state = 'claimed' where touch_id = :id", id=lead.touch_id)
    assert isinstance(admit(), sending.Admitted)
    assert spent(world.acme) == 0
