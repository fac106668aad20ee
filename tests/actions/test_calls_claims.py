"""The queue and its claims on real PostgreSQL: who comes first, and two operators never hold one person (RULES 12)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import text

from modori.calls import actions, desk, queries, scans
from modori.calls.errors import (
    OperatorBusy,
)
from modori.calls.model import CallTaskState, Disposition
from modori.calls.rules import Leg
from modori.kernel import clock
from modori.kernel.errors import NotFound
from modori.kernel.ids import CallId, UserId, new_id
from modori.sending.model import ReportStatus
from modori.storage.db import read_transaction, tenant_transaction
from tests.callworld import (
    LATER,
    TERMS,
    another_operator,
    callable_lead,
    claim,
    dial,
    dispose,
    on_desk,
    operator,
    report,
    run_out,
    task_of,
    waiting,
)
from tests.orderworld import queued_task
from tests.world import NOW, World, make_tenant


def test_a_call_step_becomes_one_task_however_often_it_is_queued(world: World) -> None:
    lead = callable_lead(world.acme)
    first = queued_task(lead)
    with tenant_transaction(world.acme.tenant_id) as session:
        again = actions.queue_task(session, tenant_id=world.acme.tenant_id, touch_id=lead.touch_id, now=NOW)
    assert again == first.call_task_id
    assert (first.lead_id, first.value_minor, first.state) == (lead.lead_id, 4980, CallTaskState.WAITING)


def test_two_operators_never_hold_one_lead(world: World) -> None:
    _, task_id = waiting(world.acme)
    operators = [another_operator(world) for _ in range(8)]
    ready = Barrier(len(operators))

    def grab(user_id: UserId) -> bool:
        ready.wait(60)
        return claim(world.acme, task_id, user_id) is not None

    with ThreadPoolExecutor(len(operators)) as pool:
        assert sum(pool.map(grab, operators)) == 1


def test_operators_who_ask_for_the_next_at_once_get_one_each(world: World) -> None:
    tasks = {waiting(world.acme)[1] for _ in range(6)}
    operators = [another_operator(world) for _ in range(8)]
    ready = Barrier(len(operators))

    def ask(user_id: UserId) -> Any:
        ready.wait(60)
        with tenant_transaction(world.acme.tenant_id) as session:
            task = actions.claim_next(session, tenant_id=world.acme.tenant_id, user_id=user_id, now=LATER)
        return None if task is None else task.call_task_id

    with ThreadPoolExecutor(len(operators)) as pool:
        got = [task for task in pool.map(ask, operators) if task is not None]
    assert len(got) == len(set(got)) == len(tasks)
    assert set(got) == tasks


def test_an_operator_holds_one_person_over_all_tenants(world: World) -> None:
    globe = make_tenant("globe")
    _, held = on_desk(world)
    _, other = waiting(world.acme)
    _, foreign = waiting(globe)
    for tenant, task_id in ((world.acme, other), (globe, foreign)):
        with pytest.raises(OperatorBusy):
            claim(tenant, task_id, operator(world))
    assert claim(world.acme, held, operator(world)) is not None  # the same again is no second one
    run_out(world.acme, held)
    assert claim(world.acme, other, operator(world)) is not None
    assert task_of(world.acme, held).state is CallTaskState.WAITING


def test_a_claim_that_nobody_renews_comes_back(world: World) -> None:
    _, task_id = on_desk(world)
    rival = another_operator(world)
    assert claim(world.acme, task_id, rival) is None
    run_out(world.acme, task_id)
    with tenant_transaction(world.acme.tenant_id) as session:
        assert actions.renew(session, tenant_id=world.acme.tenant_id, task_id=task_id, user_id=operator(world))
    scans.release_expired_claims()
    assert task_of(world.acme, task_id).claimed_by == operator(world)
    run_out(world.acme, task_id)
    assert scans.release_expired_claims() >= 1
    assert claim(world.acme, task_id, rival) is not None
    with tenant_transaction(world.acme.tenant_id) as session:
        for action in (actions.renew, actions.release):
            assert not action(session, tenant_id=world.acme.tenant_id, task_id=task_id, user_id=operator(world))


def test_an_expired_claim_can_be_taken_over_at_once_but_not_during_a_call(world: World) -> None:
    lead, task_id = on_desk(world)
    call_id = dial(lead, task_id, operator(world))
    with tenant_transaction(world.acme.tenant_id) as session:
        session.connection().execute(text("update call set dialled_at = now() - interval '1 minute'"))
    run_out(world.acme, task_id)
    rival = another_operator(world)
    assert claim(world.acme, task_id, rival) is None
    scans.release_expired_claims()
    assert task_of(world.acme, task_id).claimed_by == operator(world)
    report(lead, call_id, ReportStatus.COMPLETED, Leg.OPERATOR)
    run_out(world.acme, task_id)
    assert claim(world.acme, task_id, rival) is not None


def test_release_puts_a_person_back(world: World) -> None:
    _, task_id = on_desk(world)
    with tenant_transaction(world.acme.tenant_id) as session:
        assert actions.release(session, tenant_id=world.acme.tenant_id, task_id=task_id, user_id=operator(world))
    assert claim(world.acme, task_id, another_operator(world)) is not None


def test_the_queue_is_callbacks_then_value_then_age_over_the_tenants_one_sees(world: World) -> None:
    globe = make_tenant("globe")
    old = waiting(world.acme, now=NOW - timedelta(minutes=20), value_minor=1000)[1]
    new = waiting(world.acme, now=NOW - timedelta(minutes=10), value_minor=1000)[1]
    dear = waiting(globe, value_minor=9000)[1]
    callback = waiting(globe, value_minor=1)[1]
    not_yet = waiting(globe, value_minor=99_999)[1]
    waiting(world.stranger, value_minor=50_000)
    with tenant_transaction(globe.tenant_id) as session:
        session.connection().execute(
            text("update call_task set is_callback = true where call_task_id = :id"), {"id": callback}
        )
        session.connection().execute(
            text("update call_task set due_at = :later where call_task_id = :id"), {"id": not_yet, "later": LATER}
        )
    mine = [world.acme.tenant_id, globe.tenant_id]
    with read_transaction(mine) as reading:
        listed = queries.list_queue(reading, tenant_ids=mine, now=NOW)
        theirs = queries.list_queue(reading, tenant_ids=[world.stranger.tenant_id], now=NOW)
    assert [row.call_task_id for row in listed] == [callback, dear, old, new]
    assert theirs == []
    user = another_operator(world)
    got = []
    with clock.moved_to(NOW):
        for _ in range(4):
            task = desk.claim_next(mine, user_id=user)
            assert task is not None
            again = desk.claim_next(mine, user_id=user)
            assert again is not None
            assert again.call_task_id == task.call_task_id  # who is on the desk stays there
            got.append(task.call_task_id)
            with tenant_transaction(mine[0] if task.tenant_id == mine[0] else mine[1]) as session:
                session.connection().execute(
                    text("update call_task set state = 'done', claimed_by = null where call_task_id = :id"),
                    {"id": task.call_task_id},
                )
        assert desk.claim_next(mine, user_id=user) is None
    assert got == [callback, dear, old, new]


def test_one_tenants_many_do_not_hide_anothers_few(world: World) -> None:
    globe = make_tenant("globe")
    for _ in range(4):
        waiting(world.acme, value_minor=9000)
    few = waiting(globe, value_minor=1)[1]
    mine = [world.acme.tenant_id, globe.tenant_id]
    with read_transaction(mine) as reading:
        listed = queries.list_queue(reading, tenant_ids=mine, now=NOW, per_tenant=2)
    assert len(listed) == 3
    assert few in [row.call_task_id for row in listed]


def test_g7_a_strangers_task_is_not_found(world: World) -> None:
    lead, task_id = waiting(world.stranger)
    user = operator(world)
    with pytest.raises(NotFound):
        claim(world.acme, task_id, user)
    with pytest.raises(NotFound):
        dispose(world.acme, task_id, user, Disposition.NO_ANSWER)
    with pytest.raises(NotFound), tenant_transaction(world.acme.tenant_id) as session:
        actions.start_call(session, tenant_id=world.stranger.tenant_id, task_id=task_id, user_id=user, **TERMS, now=NOW)
    with pytest.raises(NotFound), tenant_transaction(world.acme.tenant_id) as session:
        actions.answer_bridge(session, tenant_id=world.acme.tenant_id, call_id=CallId(new_id()), now=NOW)
    with tenant_transaction(world.acme.tenant_id) as session:
        tenant_id = world.stranger.tenant_id
        assert actions.cancel_tasks(session, tenant_id=tenant_id, lead_id=lead.lead_id, because="x", now=NOW) == 0
        assert not actions.release(session, tenant_id=tenant_id, task_id=task_id, user_id=user)
        assert actions.claim_next(session, tenant_id=tenant_id, user_id=user, now=LATER) is None
    assert task_of(world.stranger, task_id).state is CallTaskState.WAITING
