"""The desk: queue a person, claim, dial. One function, one transaction's work.

Locks in G2's order, then touch, task, call: an order or a stop that comes at the same moment ends the task, and the
operator is told so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from modori.background import live
from modori.calls import queries, rules
from modori.calls.errors import (
    CallInProgress,
    NotYours,
    OperatorBusy,
)
from modori.calls.model import Call, CallState, CallTask, CallTaskState
from modori.kernel.ids import CallId, CallTaskId, DeliveryId, LeadId, TenantId, TouchId, UserId, new_id
from modori.people import queries as people
from modori.sending import actions as sending
from modori.sending.deliveries import actions as deliveries
from modori.sending.deliveries import queries as delivery_queries
from modori.sending.model import ReportStatus, TouchState
from modori.sending.ports import Accepted, Answer, NotSent, Permit, Rejected, Unknown
from modori.storage import outbox


@dataclass(frozen=True, slots=True)
class StartedCall:
    """A dial that the gate allowed and that is on record; the caller commits, then dials with the permit."""

    call_id: CallId
    permit: Permit
    voice_from: str


@dataclass(frozen=True, slots=True)
class DialRefused:
    """The gate said no. `until_at` None: for good, and the task has ended; else the person comes back then."""

    call_id: CallId
    reason: str
    until_at: datetime | None


@dataclass(frozen=True, slots=True)
class BridgeAnswer:
    """Whether the customer may be rung now, and how. `customer_e164` is plain: it goes to the provider only."""

    allowed: bool
    customer_e164: str | None
    caller_id: str | None
    reason: str | None


def queue_task(session: Session, *, tenant_id: TenantId, touch_id: TouchId, now: datetime) -> CallTaskId | None:
    """Put the lead of an admitted call step into the operators' queue. A second call changes nothing.

    returns  None where the lead waits there already for an earlier step: this step is then cancelled
    """
    known = queries.find_open_task_of_touch(session, tenant_id=tenant_id, touch_id=touch_id)
    if known is not None:
        return CallTaskId(known.call_task_id)
    touch = queries.get_touch_for_task(session, tenant_id=tenant_id, touch_id=touch_id)
    task = CallTask(
        tenant_id=tenant_id,
        call_task_id=new_id(),
        touch_id=touch_id,
        lead_id=touch.lead_id,
        site_id=touch.site_id,
        contact_point_id=touch.contact_point_id,
        due_at=now,
        value_minor=touch.value_minor,
        currency=touch.currency,
        made_at=now,
    )
    if not queries.insert_task(session, task):
        sending.finish_call_step(
            session,
            tenant_id=tenant_id,
            touch_id=touch_id,
            state=TouchState.CANCELLED,
            reason="already_in_queue",
            now=now,
        )
        return None
    live.announce(session, tenant_id=tenant_id, topic="queue", subject=str(task.call_task_id))
    return CallTaskId(task.call_task_id)


def claim(session: Session, *, tenant_id: TenantId, task_id: CallTaskId, user_id: UserId) -> CallTask | None:
    """Take one person from the queue to an operator's desk. None: somebody else was quicker, or the task has ended.

    An operator has at most one. raises NotFound, OperatorBusy
    """
    queries.get_task(session, tenant_id=tenant_id, task_id=task_id)
    _make_room(session, tenant_id=tenant_id, user_id=user_id, wanted=task_id)
    try:
        with session.begin_nested():
            is_mine = queries.claim_task(
                session, tenant_id=tenant_id, task_id=task_id, user_id=user_id, lease_s=rules.LEASE_S
            )
    except IntegrityError as error:
        raise OperatorBusy() from error
    if not is_mine:
        return None
    live.announce(session, tenant_id=tenant_id, topic="queue", subject=str(task_id))
    return queries.get_task(session, tenant_id=tenant_id, task_id=task_id)


def claim_next(session: Session, *, tenant_id: TenantId, user_id: UserId, now: datetime) -> CallTask | None:
    """Take the first person of a tenant's queue; the one already on the desk, where there is one. None: nobody waits.

    raises  OperatorBusy where the operator holds a person of another tenant
    """
    queries.release_expired_claims(session, tenant_id=tenant_id, user_id=user_id)
    held = queries.find_task_of_user(session, tenant_id=tenant_id, user_id=user_id)
    if held is not None:
        return held
    try:
        with session.begin_nested():
            task_id = queries.claim_next_task(
                session, tenant_id=tenant_id, user_id=user_id, lease_s=rules.LEASE_S, now=now
            )
    except IntegrityError as error:
        raise OperatorBusy() from error
    if task_id is None:
        return None
    live.announce(session, tenant_id=tenant_id, topic="queue", subject=str(task_id))
    return queries.get_task(session, tenant_id=tenant_id, task_id=task_id)


def renew(session: Session, *, tenant_id: TenantId, task_id: CallTaskId, user_id: UserId) -> bool:
    """Keep a claim while its page is open. False: it is no longer this operator's."""
    return queries.renew_lease(session, tenant_id=tenant_id, task_id=task_id, user_id=user_id, lease_s=rules.LEASE_S)


def release(session: Session, *, tenant_id: TenantId, task_id: CallTaskId, user_id: UserId) -> bool:
    """Put a claimed person back into the queue. False: it was no longer this operator's."""
    returned = queries.give_back(session, tenant_id=tenant_id, task_id=task_id, user_id=user_id)
    if returned:
        live.announce(session, tenant_id=tenant_id, topic="queue", subject=str(task_id))
    return returned


def release_expired_claims(session: Session, *, tenant_id: TenantId) -> int:
    """Put claims whose lease ran out back into the queue. Returns how many."""
    returned = queries.release_expired_claims(session, tenant_id=tenant_id)
    for task_id in returned:
        live.announce(session, tenant_id=tenant_id, topic="queue", subject=str(task_id))
    return len(returned)


def cancel_tasks(session: Session, *, tenant_id: TenantId, lead_id: LeadId, because: str, now: datetime) -> int:
    """Cancel a lead's open tasks, on whoever's desk, under the caller's lock of the lead. Returns how many."""
    cancelled = queries.cancel_tasks(session, tenant_id=tenant_id, lead_id=lead_id, because=because, now=now)
    for task_id in cancelled:
        live.announce(session, tenant_id=tenant_id, topic="queue", subject=str(task_id))
    return len(cancelled)


def start_call(
    session: Session,
    *,
    tenant_id: TenantId,
    task_id: CallTaskId,
    user_id: UserId,
    deadline_s: int,
    costs: Mapping[str, int] | None,
    now: datetime,
) -> StartedCall | DialRefused:
    """Ask the gate for one dial, and put the call on record with its delivery.

    deadline_s, costs  as in `sending.begin_dial`
    The task is locked after the gate's own locks (G2), so whether it is still this operator's is asked under them.
    raises  NotFound, NotYours, CallInProgress
    """
    seen = queries.get_task(session, tenant_id=tenant_id, task_id=task_id)
    _assert_held(seen, user_id)
    call_id = CallId(new_id())
    outcome = sending.begin_dial(
        session,
        tenant_id=tenant_id,
        touch_id=TouchId(seen.touch_id),
        call_id=call_id,
        deadline_s=deadline_s,
        costs=costs,
        now=now,
    )
    task = queries.lock_task(session, tenant_id=tenant_id, task_id=task_id)
    _assert_held(task, user_id)
    last = queries.lock_last_call(session, tenant_id=tenant_id, task_id=task_id)
    if last is not None and last.disposed_at is None and rules.is_under_way(last.state, last.dialled_at, now=now):
        raise CallInProgress(call=str(last.call_id))
    call = Call(
        tenant_id=tenant_id,
        call_id=call_id,
        call_task_id=task_id,
        touch_id=task.touch_id,
        lead_id=task.lead_id,
        contact_point_id=task.contact_point_id,
        user_id=user_id,
        dialled_at=now,
        openings={},
    )
    match outcome:
        case Permit():
            queries.insert_call(session, call)
            queries.renew_lease(session, tenant_id=tenant_id, task_id=task_id, user_id=user_id, lease_s=rules.LEASE_S)
            terms = queries.get_desk_terms(session, tenant_id=tenant_id, task_id=task_id)
            answer: StartedCall | DialRefused = StartedCall(call_id, outcome, terms.voice_from)
        case sending.Deferred(until_at, reason):
            _record_refusal(session, call, reason.value, now=now)
            _put_back(session, task, due_at=until_at)
            answer = DialRefused(call_id, reason.value, until_at)
        case sending.Denied(reason):
            _record_refusal(session, call, reason.value, now=now)
            _end_denied(session, task, reason.value, now=now)
            answer = DialRefused(call_id, reason.value, None)
        case _:
            assert_never(outcome)
    live.announce(session, tenant_id=tenant_id, topic="lead", subject=str(task.lead_id))
    return answer


def record_dial(session: Session, *, tenant_id: TenantId, permit: Permit, answer: Answer, now: datetime) -> Call:
    """Write down what the provider answered to a dial: on its delivery, and on the call. raises NotFound"""
    assert permit.call_id is not None
    deliveries.record(session, tenant_id=tenant_id, delivery_id=permit.delivery_id, answer=answer, now=now)
    call = queries.lock_call(session, tenant_id=tenant_id, call_id=permit.call_id)
    if call.state is CallState.PREPARING:
        match answer:
            case Accepted() | Unknown():
                call.state = CallState.DIALLING
            case Rejected() | NotSent():
                call.state, call.ended_at, call.talk_s = CallState.ENDED, now, 0
        session.add(call)
        session.flush()
    live.announce(session, tenant_id=tenant_id, topic="lead", subject=str(call.lead_id))
    return call


def answer_bridge(session: Session, *, tenant_id: TenantId, call_id: CallId, now: datetime) -> BridgeAnswer:
    """Say whether the customer may be rung, now that the operator is on the line. Asks the gate again (DESIGN 5.4).

    raises  NotFound
    """
    seen = queries.get_call(session, tenant_id=tenant_id, call_id=call_id)
    verdict = sending.judge_bridge(
        session, tenant_id=tenant_id, touch_id=TouchId(seen.touch_id), call_id=call_id, now=now
    )
    call = queries.lock_call(session, tenant_id=tenant_id, call_id=call_id)
    if call.state not in (CallState.PREPARING, CallState.DIALLING) or call.disposed_at is not None:
        return BridgeAnswer(allowed=False, customer_e164=None, caller_id=None, reason="call_over")
    match verdict:
        case sending.Admitted():
            call.state = CallState.DIALLING
            session.add(call)
            session.flush()
            terms = queries.get_desk_terms(session, tenant_id=tenant_id, task_id=call.call_task_id)
            number = people.reveal(session, tenant_id=tenant_id, contact_point_id=call.contact_point_id)
            return BridgeAnswer(allowed=True, customer_e164=number, caller_id=terms.voice_from, reason=None)
        case sending.Denied(reason) | sending.Deferred(_, reason):
            call.state, call.ended_at, call.talk_s, call.refused_because = CallState.REFUSED, now, 0, reason.value
            session.add(call)
            session.flush()
            live.announce(session, tenant_id=tenant_id, topic="lead", subject=str(call.lead_id))
            return BridgeAnswer(allowed=False, customer_e164=None, caller_id=None, reason=reason.value)
        case _:
            assert_never(verdict)


def apply_call_report(
    session: Session,
    *,
    tenant_id: TenantId,
    call_id: CallId,
    status: ReportStatus,
    talk_s: int | None = None,
    leg: rules.Leg = rules.Leg.OPERATOR,
    provider_ref: str | None = None,
    now: datetime,
) -> bool:
    """Let the provider's word about one leg move a call forward, never back (RULES 26). Says whether it moved.

    leg     the operator's leg is the dial itself: its word proves the delivery, too. Only the customer's proves talk
    talk_s  of the customer's leg, when it is over
    raises  NotFound
    """
    if leg is rules.Leg.OPERATOR:
        delivery_id = delivery_queries.find_delivery_of_call(session, tenant_id=tenant_id, call_id=call_id)
        if delivery_id is not None:
            deliveries.apply_report(
                session,
                tenant_id=tenant_id,
                delivery_id=DeliveryId(delivery_id),
                status=status,
                provider_ref=provider_ref,
                now=now,
            )
    seen = queries.get_call(session, tenant_id=tenant_id, call_id=call_id)
    queries.renew_lease(
        session, tenant_id=tenant_id, task_id=seen.call_task_id, user_id=seen.user_id, lease_s=rules.LEASE_S
    )
    call = queries.lock_call(session, tenant_id=tenant_id, call_id=call_id)
    before = rules.Progress(call.state.value, call.bridged_at, call.ended_at, call.talk_s)
    after = rules.advance(before, leg=leg, status=status.value, talk_s=talk_s, now=now)
    if after == before:
        return False
    call.state, call.bridged_at = CallState(after.state), after.bridged_at
    call.ended_at, call.talk_s = after.ended_at, after.talk_s
    session.add(call)
    session.flush()
    if after.talk_s and not before.talk_s:
        outbox.promise(
            session,
            "contact.proven",
            key=f"proven:call:{call_id}",
            at=now,
            tenant_id=tenant_id,
            lead_id=str(call.lead_id),
        )
    live.announce(session, tenant_id=tenant_id, topic="lead", subject=str(call.lead_id))
    return True


def _make_room(session: Session, *, tenant_id: TenantId, user_id: UserId, wanted: UUID) -> None:
    """Free the operator's desk of a claim that ran out. raises OperatorBusy where one has not"""
    queries.release_expired_claims(session, tenant_id=tenant_id, user_id=user_id)
    held = queries.find_task_of_user(session, tenant_id=tenant_id, user_id=user_id)
    if held is not None and held.call_task_id != wanted:
        raise OperatorBusy(task=str(held.call_task_id))


def _assert_held(task: CallTask, user_id: UserId) -> None:
    if task.state is not CallTaskState.CLAIMED or task.claimed_by != user_id:
        raise NotYours(state=task.state.value)


def _record_refusal(session: Session, call: Call, reason: str, *, now: datetime) -> None:
    call.state, call.ended_at, call.refused_because = CallState.REFUSED, now, reason
    queries.insert_call(session, call)


def _put_back(session: Session, task: CallTask, *, due_at: datetime) -> None:
    """Return a task to the queue for a later instant, off the operator's desk."""
    task.state, task.due_at = CallTaskState.WAITING, due_at
    task.claimed_by = task.claimed_at = task.claimed_until = None
    session.add(task)
    session.flush()
    live.announce(session, tenant_id=TenantId(task.tenant_id), topic="queue", subject=str(task.call_task_id))


def _end_denied(session: Session, task: CallTask, reason: str, *, now: datetime) -> None:
    """End a task that the gate will never allow, and its call step with it."""
    task.state, task.ended_at, task.ended_because = CallTaskState.CANCELLED, now, f"gate:{reason}"
    session.add(task)
    session.flush()
    sending.finish_call_step(
        session,
        tenant_id=TenantId(task.tenant_id),
        touch_id=TouchId(task.touch_id),
        state=TouchState.CANCELLED,
        reason=reason,
        now=now,
    )
    live.announce(session, tenant_id=TenantId(task.tenant_id), topic="queue", subject=str(task.call_task_id))
