"""A call's opening lines and how it ended on real PostgreSQL, and what follows from each outcome (RULES 10, 11, 12)."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from threading import Barrier
from typing import Any

import pytest

from modori.calls import openings, queries
from modori.calls.errors import (
    BadCallback,
    CallDisposed,
    NoCall,
    NotYours,
    OpeningOutOfOrder,
    OpeningsMissing,
)
from modori.calls.model import CallTaskState, Disposition
from modori.calls.rules import OpeningLine
from modori.kernel.ids import UserId
from modori.leads.model import LeadState
from modori.people import actions as people
from modori.people import queries as people_queries
from modori.people.model import Channel, ContactKind, EvidenceSource, StopReason
from modori.people.rules import standing_stop
from modori.people.values import value_index
from modori.sending.model import TouchState
from modori.storage import crypto
from modori.storage.db import read_transaction, tenant_transaction
from tests.callworld import (
    LATER,
    another_operator,
    call_of,
    callable_lead,
    claim,
    dial,
    dispose,
    on_desk,
    operator,
    refused_dial,
    task_of,
    touch_of,
    waiting,
)
from tests.orderworld import lead_of, place, settle, talk
from tests.world import NOW, TenantWorld, World, make_tenant


def test_rules_10_opening_lines_are_ticked_in_order_and_timed(world: World) -> None:
    lead, task_id = on_desk(world)
    tenant_id = world.acme.tenant_id
    with tenant_transaction(tenant_id) as session:
        script = openings.read_script(session, tenant_id=tenant_id, task_id=task_id, caller_name="佐藤", locale="ja")
    said = "".join(opening.text for opening in script)
    assert all(words in said for words in ("acme商店", "佐藤", "台所用品"))
    call_id = dial(lead, task_id, operator(world))

    def tick(line: OpeningLine, *, user_id: UserId | None = None, now: datetime = NOW) -> OpeningLine | None:
        with tenant_transaction(tenant_id) as session:
            return openings.tick_opening(
                session, tenant_id=tenant_id, call_id=call_id, user_id=user_id or operator(world), line=line, now=now
            )

    with pytest.raises(OpeningOutOfOrder):
        tick(OpeningLine.CALLER)
    with pytest.raises(NotYours):
        tick(OpeningLine.SELLER, user_id=another_operator(world))
    assert tick(OpeningLine.SELLER) is OpeningLine.CALLER
    assert tick(OpeningLine.SELLER, now=LATER) is OpeningLine.CALLER  # a second tick changes nothing
    assert tick(OpeningLine.CALLER, now=LATER) is OpeningLine.GOODS
    with pytest.raises(OpeningsMissing):
        dispose(world.acme, task_id, operator(world), Disposition.WILL_BUY)
    tick(OpeningLine.GOODS)
    assert tick(OpeningLine.PURPOSE) is None
    read = call_of(world.acme, call_id).openings
    assert (read["seller"], read["caller"]) == (NOW.isoformat(), LATER.isoformat())
    dispose(world.acme, task_id, operator(world), Disposition.WILL_BUY)


def test_will_buy_ends_the_task_and_waits_for_the_order(world: World) -> None:
    lead = callable_lead(world.acme)
    task_id = talk(lead, operator(world), outcome=Disposition.WILL_BUY)
    settle([world.acme], now=NOW)
    assert task_of(world.acme, task_id).state is CallTaskState.DONE
    assert touch_of(lead) == ("sent", None)
    assert lead_of(lead).state is LeadState.ACTIVE


def test_rules_12_no_answer_brings_the_person_back_until_the_dials_are_used_up(world: World) -> None:
    tenant = make_tenant("gap", dials_per_lead=2, dials_per_day=2, dial_gap_s=3600)
    lead, task_id = waiting(tenant)
    claim(tenant, task_id, operator(world))
    dial(lead, task_id, operator(world))
    first = dispose(tenant, task_id, operator(world), Disposition.NO_ANSWER)
    assert first.due_at == LATER
    task = task_of(tenant, task_id)
    assert (task.state, task.claimed_by, task.due_at) == (CallTaskState.WAITING, None, LATER)
    claim(tenant, task_id, operator(world))
    assert refused_dial(lead, task_id, operator(world), now=NOW + timedelta(minutes=59)).reason == "dial_gap"
    claim(tenant, task_id, operator(world))
    dial(lead, task_id, operator(world), now=LATER)
    last = dispose(tenant, task_id, operator(world), Disposition.NO_ANSWER, now=LATER)
    assert last.due_at is None
    task = task_of(tenant, task_id)
    assert (task.state, task.ended_because) == (CallTaskState.DONE, "dials_used_up")
    settle([tenant], now=LATER)
    assert lead_of(lead).state is LeadState.EXHAUSTED


def test_no_answer_late_in_the_day_comes_back_in_the_morning(world: World) -> None:
    evening = NOW + timedelta(hours=8, minutes=30)  # 19:30 in Tokyo
    lead, task_id = waiting(world.acme, now=evening)
    claim(world.acme, task_id, operator(world))
    dial(lead, task_id, operator(world), now=evening)
    back = dispose(world.acme, task_id, operator(world), Disposition.NO_ANSWER, now=evening)
    assert back.due_at == NOW + timedelta(hours=22)


def standing(tenant: TenantWorld, value: str, channel: Channel) -> Any:
    key = (ContactKind.PHONE, value_index(tenant.tenant_id, ContactKind.PHONE, value))
    with tenant_transaction(tenant.tenant_id) as session:
        return standing_stop(
            people_queries.list_stops(session, tenant_id=tenant.tenant_id, indexes=[key])[key], channel
        )


def test_rules_11_a_refusal_stops_for_good_and_ends_the_lead(world: World) -> None:
    lead, task_id = on_desk(world)
    call_id = dial(lead, task_id, operator(world))
    done = dispose(world.acme, task_id, operator(world), Disposition.REFUSED, note="もうかけないで")
    assert done.lead_ended
    assert (lead_of(lead).state, lead_of(lead).ended_by) == (LeadState.REFUSED, f"call:{call_id}")
    assert touch_of(lead)[0] == TouchState.CANCELLED.value
    for channel in (Channel.CALL, Channel.SMS):
        assert standing(world.acme, lead.value, channel).reason == StopReason.CALL_REFUSED
    assert standing(world.stranger, lead.value, Channel.CALL) is None
    for later in Disposition:  # whatever is said afterwards
        with pytest.raises(CallDisposed):
            dispose(world.acme, task_id, operator(world), later, callback_at=LATER)
    with tenant_transaction(world.acme.tenant_id) as session:
        people.reopen(
            session,
            tenant_id=world.acme.tenant_id,
            kind=ContactKind.PHONE,
            value_index=value_index(world.acme.tenant_id, ContactKind.PHONE, lead.value),
            via=Channel.CALL,
            source=EvidenceSource.OPERATOR,
            now=LATER,
        )
    assert standing(world.acme, lead.value, Channel.CALL) is not None
    call = call_of(world.acme, call_id)
    assert call.note is not None
    with tenant_transaction(world.acme.tenant_id) as session:
        field = crypto.Field("call", "note", str(call_id))
        assert crypto.unseal(session, world.acme.tenant_id, field, call.note) == "もうかけないで"


def test_rules_11_a_refusal_is_not_lost_where_the_task_has_left_the_desk(world: World) -> None:
    lead, task_id = on_desk(world)
    dial(lead, task_id, operator(world))
    place(world.acme, now=NOW, tel=lead.value, settled=False)
    with pytest.raises(NotYours):
        dispose(world.acme, task_id, another_operator(world), Disposition.REFUSED)
    done = dispose(world.acme, task_id, operator(world), Disposition.REFUSED)
    assert not done.lead_ended
    assert lead_of(lead).state is LeadState.CONVERTED
    assert standing(world.acme, lead.value, Channel.CALL) is not None
    assert task_of(world.acme, task_id).state is CallTaskState.CANCELLED


@pytest.mark.parametrize(
    ("callback_at", "reason"),
    [
        (None, "Say when"),
        (NOW, "for later"),
        (NOW + timedelta(days=31), "for later"),
        (NOW + timedelta(hours=9), "outside the hours"),  # 20:00 in Tokyo: the end is closed
        (NOW + timedelta(hours=21, minutes=59), "outside the hours"),  # 08:59
        (NOW + timedelta(days=3, hours=8), "outside the hours"),  # Saturday 19:00
    ],
)
def test_rules_12_a_call_back_is_promised_only_for_allowed_hours(
    world: World, callback_at: datetime | None, reason: str
) -> None:
    lead, task_id = on_desk(world)
    dial(lead, task_id, operator(world))
    with pytest.raises(BadCallback, match=reason):
        dispose(world.acme, task_id, operator(world), Disposition.CALL_BACK, callback_at=callback_at)
    assert task_of(world.acme, task_id).state is CallTaskState.CLAIMED  # nothing was noted


def test_a_call_back_is_a_new_task_at_the_time_agreed_and_can_be_dialled(world: World) -> None:
    lead, task_id = on_desk(world)
    call_id = dial(lead, task_id, operator(world))
    at = NOW + timedelta(hours=22)
    done = dispose(world.acme, task_id, operator(world), Disposition.CALL_BACK, callback_at=at)
    settle([world.acme], now=NOW)
    assert done.due_at == at
    assert call_of(world.acme, call_id).callback_at == at
    assert lead_of(lead).state is LeadState.ACTIVE
    mine = [world.acme.tenant_id]
    with read_transaction(mine) as reading:
        assert queries.list_queue(reading, tenant_ids=mine, now=at - timedelta(seconds=1)) == []
        [back] = queries.list_queue(reading, tenant_ids=mine, now=at)
    assert back.is_callback
    assert back.lead_id == lead.lead_id
    claim(world.acme, back.call_task_id, operator(world))
    dial(lead, back.call_task_id, operator(world), now=at)


def test_a_wrong_number_is_dead(world: World) -> None:
    lead, task_id = on_desk(world)
    dial(lead, task_id, operator(world))
    dispose(world.acme, task_id, operator(world), Disposition.WRONG_NUMBER)
    settle([world.acme], now=NOW)
    with tenant_transaction(world.acme.tenant_id) as session:
        point = people_queries.get_contact_point(
            session, tenant_id=world.acme.tenant_id, contact_point_id=lead.contact_point_id
        )
    assert (point.dead_at, point.dead_reason) == (NOW, "wrong_number")
    assert touch_of(lead) == ("failed", "wrong_number")
    assert lead_of(lead).state is LeadState.EXHAUSTED


def test_an_outcome_without_a_call_is_refused(world: World) -> None:
    _, task_id = on_desk(world)
    for disposition in Disposition:
        with pytest.raises(NoCall):
            dispose(world.acme, task_id, operator(world), disposition, callback_at=LATER)


def test_g2_orders_and_outcomes_at_once_do_not_deadlock(world: World) -> None:
    talking = []
    for _ in range(6):
        lead, task_id = waiting(world.acme)
        user = another_operator(world)
        claim(world.acme, task_id, user)
        dial(lead, task_id, user)
        talking.append((lead, task_id, user))
    ready = Barrier(2 * len(talking))

    def run(work: Callable[[], object]) -> object:
        ready.wait(20)
        return work()

    works: list[Callable[[], object]] = []
    for lead, task_id, user in talking:
        works.append(partial(place, world.acme, now=NOW, tel=lead.value, settled=False))
        works.append(partial(dispose, world.acme, task_id, user, Disposition.REFUSED))
    with ThreadPoolExecutor(len(works)) as pool:
        list(pool.map(run, works))
    for lead, task_id, _ in talking:
        assert lead_of(lead).state in (LeadState.CONVERTED, LeadState.REFUSED)
        assert task_of(world.acme, task_id).state in (CallTaskState.CANCELLED, CallTaskState.DONE)
        assert standing(world.acme, lead.value, Channel.CALL) is not None
