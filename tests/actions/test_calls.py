"""The desk on real PostgreSQL: queue, claims, dials, opening lines, outcomes (RULES 10, 11, 12; two never hold one)."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from threading import Barrier
from typing import Any, Final

import pytest
from sqlalchemy import text

from modori.calls import actions, desk, dispositions, openings, queries, scans
from modori.calls.errors import (
    BadCallback,
    CallDisposed,
    CallInProgress,
    NoCall,
    NotYours,
    OpeningOutOfOrder,
    OpeningsMissing,
    OperatorBusy,
)
from modori.calls.model import Call, CallState, CallTask, CallTaskState, Disposition
from modori.calls.rules import Leg, OpeningLine
from modori.channels.wire import Prices
from modori.kernel import clock
from modori.kernel.errors import NotFound
from modori.kernel.ids import CallId, CallTaskId, UserId, new_id
from modori.leads.model import LeadState
from modori.people import actions as people
from modori.people import queries as people_queries
from modori.people.model import Channel, ContactKind, EvidenceSource, StopReason
from modori.people.rules import standing_stop
from modori.people.values import value_index
from modori.sending import actions as sending
from modori.sending.model import ReportStatus, TouchState
from modori.sending.ports import Accepted, Answer, NotSent, Permit, Rejected, Unknown
from modori.sending.rules import Reason
from modori.storage import crypto
from modori.storage.db import in_transaction, read_transaction, tenant_transaction
from modori.tenants.model import Role
from tests.leadworld import LeadWorld, make_lead
from tests.orderworld import DIAL_MINOR, lead_of, place, queued_task, settle, start, talk
from tests.questions import ask_one, change
from tests.world import NOW, TenantWorld, World, make_tenant, make_user

LATER = NOW + timedelta(hours=1)
COST_MINOR = DIAL_MINOR
TERMS: Final = {"deadline_s": 30, "cost_minor": COST_MINOR}
PRICES: Final = Prices(dial_minor={"JPY": COST_MINOR})


def operator(world: World) -> UserId:
    return world.users[Role.OPERATOR].user_id


def another_operator(world: World) -> UserId:
    return make_user(Role.OPERATOR, world.acme.tenant_id).user_id


def callable_lead(tenant: TenantWorld, *, now: datetime = NOW, value_minor: int | None = None) -> LeadWorld:
    lead = make_lead(tenant, channel=Channel.CALL, now=now)
    if value_minor is not None:
        with tenant_transaction(tenant.tenant_id) as session:
            session.connection().execute(
                text("update lead set value_minor = :value where lead_id = :id"),
                {"value": value_minor, "id": lead.lead_id},
            )
    return lead


def waiting(
    tenant: TenantWorld, *, now: datetime = NOW, value_minor: int | None = None
) -> tuple[LeadWorld, CallTaskId]:
    lead = callable_lead(tenant, now=now, value_minor=value_minor)
    return lead, CallTaskId(queued_task(lead, now=now).call_task_id)


def claim(tenant: TenantWorld, task_id: CallTaskId, user_id: UserId) -> CallTask | None:
    with tenant_transaction(tenant.tenant_id) as session:
        return actions.claim(session, tenant_id=tenant.tenant_id, task_id=task_id, user_id=user_id)


def on_desk(world: World) -> tuple[LeadWorld, CallTaskId]:
    lead, task_id = waiting(world.acme)
    assert claim(world.acme, task_id, operator(world)) is not None
    return lead, task_id


def dispose(
    tenant: TenantWorld,
    task_id: CallTaskId,
    user_id: UserId,
    disposition: Disposition,
    *,
    now: datetime = NOW,
    **how: Any,
) -> dispositions.Disposed:
    with tenant_transaction(tenant.tenant_id) as session:
        return dispositions.dispose(
            session,
            tenant_id=tenant.tenant_id,
            task_id=task_id,
            user_id=user_id,
            disposition=disposition,
            now=now,
            **how,
        )


def task_of(tenant: TenantWorld, task_id: CallTaskId) -> CallTask:
    with tenant_transaction(tenant.tenant_id) as session:
        return queries.get_task(session, tenant_id=tenant.tenant_id, task_id=task_id)


def call_of(tenant: TenantWorld, call_id: CallId) -> Call:
    with tenant_transaction(tenant.tenant_id) as session:
        return queries.get_call(session, tenant_id=tenant.tenant_id, call_id=call_id)


def run_out(tenant: TenantWorld, task_id: CallTaskId) -> None:
    """Let a claim's lease run out."""
    with tenant_transaction(tenant.tenant_id) as session:
        session.connection().execute(
            text("update call_task set claimed_until = now() - interval '1 second' where call_task_id = :id"),
            {"id": task_id},
        )


def touch_of(lead: LeadWorld) -> tuple[str, str | None]:
    with tenant_transaction(lead.tenant.tenant_id) as session:
        row = session.connection().execute(
            text("select state, reason from touch where touch_id = :id"), {"id": lead.touch_id}
        )
        state, reason = row.one()
        return state, reason


def report(lead: LeadWorld, call_id: CallId, status: ReportStatus, leg: Leg, talk_s: int | None = None) -> bool:
    with tenant_transaction(lead.tenant.tenant_id) as session:
        return actions.apply_call_report(
            session,
            tenant_id=lead.tenant.tenant_id,
            call_id=call_id,
            status=status,
            talk_s=talk_s,
            leg=leg,
            now=NOW,
        )


def dial(lead: LeadWorld, task_id: CallTaskId, user_id: UserId, *, now: datetime = NOW) -> CallId:
    started = start(lead, task_id, user_id, now=now)
    with tenant_transaction(lead.tenant.tenant_id) as session:
        actions.record_dial(
            session, tenant_id=lead.tenant.tenant_id, permit=started.permit, answer=Accepted("CA1"), now=now
        )
    return started.call_id


def read_openings(lead: LeadWorld, call_id: CallId, user_id: UserId) -> None:
    for line in OpeningLine:
        with tenant_transaction(lead.tenant.tenant_id) as session:
            openings.tick_opening(
                session, tenant_id=lead.tenant.tenant_id, call_id=call_id, user_id=user_id, line=line, now=NOW
            )


def refused_dial(lead: LeadWorld, task_id: CallTaskId, user_id: UserId, *, now: datetime = NOW) -> actions.DialRefused:
    with tenant_transaction(lead.tenant.tenant_id) as session:
        answer = actions.start_call(
            session, tenant_id=lead.tenant.tenant_id, task_id=task_id, user_id=user_id, **TERMS, now=now
        )
    assert isinstance(answer, actions.DialRefused), answer
    return answer


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
        ready.wait(10)
        return claim(world.acme, task_id, user_id) is not None

    with ThreadPoolExecutor(len(operators)) as pool:
        assert sum(pool.map(grab, operators)) == 1


def test_operators_who_ask_for_the_next_at_once_get_one_each(world: World) -> None:
    tasks = {waiting(world.acme)[1] for _ in range(6)}
    operators = [another_operator(world) for _ in range(8)]
    ready = Barrier(len(operators))

    def ask(user_id: UserId) -> Any:
        ready.wait(10)
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
    with clock.moved_to(datetime.now(NOW.tzinfo)):
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


def test_a_dial_is_on_record_with_its_receipt_before_anyone_rings(world: World) -> None:
    lead, task_id = on_desk(world)
    started = start(lead, task_id, operator(world))
    call = call_of(world.acme, started.call_id)
    assert (call.state, call.user_id, call.dialled_at) == (CallState.PREPARING, operator(world), NOW)
    assert (started.permit.call_id, started.permit.channel) == (started.call_id, Channel.CALL)
    assert started.voice_from == world.acme.sms_from
    with pytest.raises(CallInProgress):
        start(lead, task_id, operator(world))
    with pytest.raises(NotYours):
        start(lead, task_id, another_operator(world))


@pytest.mark.parametrize(
    ("answer", "state", "talk_s"),
    [
        (Accepted("CA1"), CallState.DIALLING, None),
        (Unknown("time-out"), CallState.DIALLING, None),  # it may be ringing
        (Rejected("21211", address_is_dead=False), CallState.ENDED, 0),
        (NotSent(None, "refused"), CallState.ENDED, 0),
    ],
)
def test_what_the_provider_answers_to_a_dial(
    world: World, answer: Answer, state: CallState, talk_s: int | None
) -> None:
    lead, task_id = on_desk(world)
    started = start(lead, task_id, operator(world))
    with tenant_transaction(world.acme.tenant_id) as session:
        actions.record_dial(session, tenant_id=world.acme.tenant_id, permit=started.permit, answer=answer, now=NOW)
    call = call_of(world.acme, started.call_id)
    assert (call.state, call.talk_s) == (state, talk_s)
    dispose(world.acme, task_id, operator(world), Disposition.NO_ANSWER)


def test_rules_12_a_dial_outside_hours_sends_the_person_back_for_later(world: World) -> None:
    lead, task_id = on_desk(world)
    night = NOW + timedelta(hours=10)  # 21:00 in Tokyo
    refused = refused_dial(lead, task_id, operator(world), now=night)
    assert (refused.reason, refused.until_at) == ("hours", NOW + timedelta(hours=22))  # 09:00
    task = task_of(world.acme, task_id)
    assert (task.state, task.claimed_by, task.due_at) == (CallTaskState.WAITING, None, NOW + timedelta(hours=22))
    assert call_of(world.acme, refused.call_id).refused_because == "hours"
    with pytest.raises(NotYours):
        dispose(world.acme, task_id, operator(world), Disposition.NO_ANSWER)


def test_g2_a_dial_after_an_order_finds_the_desk_empty(world: World) -> None:
    lead, task_id = on_desk(world)
    place(world.acme, now=NOW, tel=lead.value, settled=False)
    task = task_of(world.acme, task_id)
    assert (task.state, task.claimed_by) == (CallTaskState.CANCELLED, None)
    with pytest.raises(NotYours):
        start(lead, task_id, operator(world))


def test_g5_a_dial_after_a_stop_is_denied_and_ends_the_task(world: World) -> None:
    lead, task_id = on_desk(world)
    with tenant_transaction(world.acme.tenant_id) as session:
        people.record_stop(
            session,
            tenant_id=world.acme.tenant_id,
            kind=ContactKind.PHONE,
            value_index=value_index(world.acme.tenant_id, ContactKind.PHONE, lead.value),
            via=Channel.SMS,
            reason=StopReason.REPLY,
            source=EvidenceSource.REPLY,
            now=NOW,
        )
    refused = refused_dial(lead, task_id, operator(world))
    assert (refused.reason, refused.until_at) == ("stopped", None)
    assert task_of(world.acme, task_id).ended_because == "gate:stopped"
    assert touch_of(lead) == ("cancelled", "stopped")


def bridge(lead: LeadWorld, call_id: CallId, *, now: datetime = NOW) -> actions.BridgeAnswer:
    with tenant_transaction(lead.tenant.tenant_id) as session:
        return actions.answer_bridge(session, tenant_id=lead.tenant.tenant_id, call_id=call_id, now=now)


def test_the_customer_is_rung_only_after_the_gate_was_asked_again(world: World) -> None:
    lead, task_id = on_desk(world)
    call_id = dial(lead, task_id, operator(world))
    answer = bridge(lead, call_id)
    assert (answer.allowed, answer.customer_e164, answer.caller_id) == (True, lead.value, world.acme.sms_from)
    place(world.acme, now=NOW, tel=lead.value, settled=False)
    again = bridge(lead, call_id)
    assert (again.allowed, again.customer_e164, again.reason) == (False, None, "converted")
    call = call_of(world.acme, call_id)
    assert (call.state, call.refused_because) == (CallState.REFUSED, "converted")
    assert bridge(lead, call_id).reason == "call_over"


def test_rules_26_reports_move_a_call_forward_only(world: World) -> None:
    lead, task_id = on_desk(world)
    call_id = dial(lead, task_id, operator(world))
    assert report(lead, call_id, ReportStatus.COMPLETED, Leg.CUSTOMER, 42)
    assert not report(lead, call_id, ReportStatus.RINGING, Leg.OPERATOR)
    assert not report(lead, call_id, ReportStatus.COMPLETED, Leg.CUSTOMER, 7)
    call = call_of(world.acme, call_id)
    assert (call.state, call.talk_s) == (CallState.ENDED, 42)
    with tenant_transaction(world.acme.tenant_id) as session:
        reported = session.connection().execute(
            text("select report from delivery where call_id = :id"), {"id": call_id}
        )
        assert reported.scalar_one() == "ringing"


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


class Bell:
    """A voice port that rings nobody and remembers."""

    def __init__(self) -> None:
        self.rung: list[tuple[str, str]] = []

    def dial(self, permit: Permit, *, operator_phone: str, voice_from: str) -> Answer:
        permit.assert_real()
        assert not in_transaction()
        self.rung.append((operator_phone, voice_from))
        return Accepted("CA9")


def test_the_dialler_rings_the_operator_with_no_transaction_open(world: World) -> None:
    _, task_id = on_desk(world)
    bell = Bell()
    with clock.moved_to(NOW):
        started = desk.Dialler(bell, deadline_s=30, prices=PRICES).dial(
            tenant_id=world.acme.tenant_id, task_id=task_id, user_id=operator(world)
        )
    assert isinstance(started, actions.StartedCall)
    assert bell.rung == [("+819012345678", world.acme.sms_from)]
    assert call_of(world.acme, started.call_id).state is CallState.DIALLING


def test_the_dialler_rings_nobody_where_the_gate_says_no(world: World) -> None:
    _, task_id = on_desk(world)
    bell = Bell()
    with clock.moved_to(NOW + timedelta(hours=12)):
        refused = desk.Dialler(bell, deadline_s=30, prices=PRICES).dial(
            tenant_id=world.acme.tenant_id, task_id=task_id, user_id=operator(world)
        )
    assert isinstance(refused, actions.DialRefused)
    assert bell.rung == []


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
    bell = Bell()
    with clock.moved_to(NOW):
        refused = desk.Dialler(bell, deadline_s=30, prices=PRICES).dial(
            tenant_id=world.acme.tenant_id, task_id=task_id, user_id=user
        )
    assert isinstance(refused, actions.DialRefused)
    assert (refused.reason, bell.rung, spent(world.acme)) == ("spend", [], COST_MINOR)
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
                session, tenant_id=world.acme.tenant_id, touch_id=lead.touch_id, cost_minor=COST_MINOR, now=NOW
            )

    deferred = admit()
    assert isinstance(deferred, sending.Deferred)
    assert deferred.reason is Reason.SPEND
    limit_spend(world.acme, COST_MINOR)
    change(world.acme.tenant_id, "update touch set state = 'claimed' where touch_id = :id", id=lead.touch_id)
    assert isinstance(admit(), sending.Admitted)
    assert spent(world.acme) == 0


def test_a_dial_without_an_answer_is_unknown_after_the_deadline_that_it_was_given(world: World) -> None:
    _, task_id = on_desk(world)
    with clock.moved_to(NOW):
        desk.Dialler(Bell(), deadline_s=75, prices=PRICES).dial(
            tenant_id=world.acme.tenant_id, task_id=task_id, user_id=operator(world)
        )
    lasts = ask_one(world.acme.tenant_id, "select deadline_at - begun_at from delivery where channel = 'call'")
    assert lasts == timedelta(seconds=75)


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
