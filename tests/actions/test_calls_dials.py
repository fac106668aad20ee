"""A dial on real PostgreSQL: on record before anybody rings, the gate asked twice, what providers answer and report."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from modori.calls import actions, desk
from modori.calls.errors import (
    CallInProgress,
    NotYours,
)
from modori.calls.model import CallState, CallTaskState, Disposition
from modori.calls.rules import Leg
from modori.kernel import clock
from modori.kernel.ids import CallId
from modori.people import actions as people
from modori.people.model import Channel, ContactKind, EvidenceSource, StopReason
from modori.people.values import value_index
from modori.sending.model import ReportStatus
from modori.sending.ports import Accepted, Answer, NotSent, Rejected, Unknown
from modori.storage.db import tenant_transaction
from tests.callworld import (
    PRICES,
    another_operator,
    call_of,
    dial,
    dispose,
    on_desk,
    operator,
    refused_dial,
    report,
    task_of,
    touch_of,
)
from tests.consoleworld import Voice
from tests.leadworld import LeadWorld
from tests.orderworld import place, start
from tests.questions import ask_one
from tests.world import NOW, World


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


def test_the_dialler_rings_the_operator_with_no_transaction_open(world: World) -> None:
    _, task_id = on_desk(world)
    voice = Voice()
    with clock.moved_to(NOW):
        started = desk.Dialler(voice, deadline_s=30, prices=PRICES).dial(
            tenant_id=world.acme.tenant_id, task_id=task_id, user_id=operator(world)
        )
    assert isinstance(started, actions.StartedCall)
    assert (voice.rang, voice.showed) == (["+819012345678"], [world.acme.sms_from])
    assert call_of(world.acme, started.call_id).state is CallState.DIALLING


def test_the_dialler_rings_nobody_where_the_gate_says_no(world: World) -> None:
    _, task_id = on_desk(world)
    voice = Voice()
    with clock.moved_to(NOW + timedelta(hours=12)):
        refused = desk.Dialler(voice, deadline_s=30, prices=PRICES).dial(
            tenant_id=world.acme.tenant_id, task_id=task_id, user_id=operator(world)
        )
    assert isinstance(refused, actions.DialRefused)
    assert voice.rang == []


def test_a_dial_without_an_answer_is_unknown_after_the_deadline_that_it_was_given(world: World) -> None:
    _, task_id = on_desk(world)
    with clock.moved_to(NOW):
        desk.Dialler(Voice(), deadline_s=75, prices=PRICES).dial(
            tenant_id=world.acme.tenant_id, task_id=task_id, user_id=operator(world)
        )
    lasts = ask_one(world.acme.tenant_id, "select deadline_at - begun_at from delivery where channel = 'call'")
    assert lasts == timedelta(seconds=75)
