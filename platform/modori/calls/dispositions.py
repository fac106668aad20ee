"""How a call ended, and what follows from it, in one transaction."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, assert_never

from sqlalchemy import Row
from sqlmodel import Session

from modori.background import live
from modori.calls import queries, rules
from modori.calls.errors import BadCallback, CallDisposed, NoCall, NotYours, OpeningsMissing
from modori.calls.model import Call, CallTask, CallTaskState, Disposition
from modori.kernel.hours import next_allowed
from modori.kernel.ids import CallTaskId, LeadId, TenantId, TouchId, UserId, new_id
from modori.leads import actions as leads
from modori.leads.model import LeadState
from modori.people import actions as people
from modori.people.model import Channel, ContactKind, EvidenceSource, StopReason
from modori.people.points import mark_dead
from modori.sending import actions as sending
from modori.sending import queries as touches
from modori.sending.model import TouchState
from modori.storage import crypto, outbox

MAX_NOTE = 2000


@dataclass(frozen=True, slots=True)
class Disposed:
    """What followed. `due_at`: when the person comes back to the queue, where they do."""

    disposition: Disposition
    lead_ended: bool
    due_at: datetime | None


def dispose(
    session: Session,
    *,
    tenant_id: TenantId,
    task_id: CallTaskId,
    user_id: UserId,
    disposition: Disposition,
    note: str | None = None,
    callback_at: datetime | None = None,
    now: datetime,
) -> Disposed:
    """Note how the newest call of a task ended, with everything that follows from it.

    Whoever made the call may say how it ended even where the task has left the desk in the meantime (an order came, the
    lease ran out): a refusal must never be lost. The task then stays as it is.
    callback_at  for call_back: within the hours in which this person may be called, at most 30 days ahead
    raises  NotFound, NotYours, NoCall, CallDisposed, OpeningsMissing, BadCallback
    source  RULES 10, 11, 12
    """
    seen = queries.get_task(session, tenant_id=tenant_id, task_id=task_id)
    terms = queries.get_desk_terms(session, tenant_id=tenant_id, task_id=task_id)
    ref = touches.get_touch_ref(session, tenant_id=tenant_id, touch_id=seen.touch_id)
    touches.lock_for_begin(session, tenant_id=tenant_id, ref=ref, touch_id=seen.touch_id)
    task = queries.lock_task(session, tenant_id=tenant_id, task_id=task_id)
    call = queries.lock_last_call(session, tenant_id=tenant_id, task_id=task_id)
    is_held = task.state is CallTaskState.CLAIMED and task.claimed_by == user_id
    if not is_held and (call is None or call.user_id != user_id):
        raise NotYours(state=task.state.value)
    _check(disposition, call)
    assert call is not None
    if disposition is Disposition.CALL_BACK:
        _check_callback(terms, callback_at, now=now)
    _note_on_call(session, call, disposition, note=note, callback_at=callback_at, now=now)
    lead_ended = _reach_person(session, task=task, call=call, terms=terms, disposition=disposition, now=now)
    due_at = _end_task(session, task, disposition, terms=terms, callback_at=callback_at, now=now) if is_held else None
    outbox.promise(
        session,
        "call.disposed",
        key=f"disposed:{call.call_id}",
        at=now,
        tenant_id=tenant_id,
        call_id=str(call.call_id),
        lead_id=str(call.lead_id),
        disposition=disposition.value,
    )
    live.announce(session, tenant_id=tenant_id, topic="queue", subject=str(task_id))
    live.announce(session, tenant_id=tenant_id, topic="lead", subject=str(call.lead_id))
    return Disposed(disposition, lead_ended, due_at)


def _reach_person(
    session: Session, *, task: CallTask, call: Call, terms: Row[Any], disposition: Disposition, now: datetime
) -> bool:
    """Do what an outcome does to the person and the lead, all locked. Says whether the lead ended by it.

    A refusal is a stop without expiry, and ends the lead (RULES 11).
    """
    tenant_id, because = TenantId(task.tenant_id), f"call:{call.call_id}"
    match disposition:
        case Disposition.REFUSED:
            lead_id = LeadId(task.lead_id)
            ended = leads.end_lead(
                session, tenant_id=tenant_id, lead_id=lead_id, state=LeadState.REFUSED, ended_by=because, now=now
            )
            people.record_stop(
                session,
                tenant_id=tenant_id,
                kind=ContactKind(terms.kind),
                value_index=bytes(terms.value_index),
                via=Channel.CALL,
                reason=StopReason.CALL_REFUSED,
                source=EvidenceSource.OPERATOR,
                source_ref=because,
                now=now,
            )
            sending.cancel_touches(session, tenant_id=tenant_id, lead_id=lead_id, because=because, now=now)
            return ended
        case Disposition.WRONG_NUMBER:
            mark_dead(
                session, tenant_id=tenant_id, contact_point_id=task.contact_point_id, reason="wrong_number", now=now
            )
        case Disposition.WILL_BUY | Disposition.NO_ANSWER | Disposition.CALL_BACK:
            pass
        case _:
            assert_never(disposition)
    return False


def _check(disposition: Disposition, call: Call | None) -> None:
    facts = None if call is None else rules.CallFacts(call.state.value, call.openings, call.disposed_at is not None)
    match rules.object_to(disposition.value, facts):
        case None:
            return
        case rules.Objection.NO_CALL:
            raise NoCall()
        case rules.Objection.DISPOSED:
            raise CallDisposed()
        case rules.Objection.OPENINGS_MISSING:
            raise OpeningsMissing()


def _check_callback(terms: Row[Any], callback_at: datetime | None, *, now: datetime) -> None:
    """Refuse a promise that we could not keep: the hours of RULES 12 hold for the person's zone."""
    if callback_at is None:
        raise BadCallback("Say when.", field="callback_at")
    if callback_at <= now or callback_at > now + rules.FARTHEST_CALLBACK:
        raise BadCallback("A call back is promised for later, and for at most 30 days.", field="callback_at")
    opens_at = next_allowed(
        callback_at,
        zone=terms.timezone,
        country=terms.country,
        bands_by_day=terms.hours.get("call", {}),
        night_is_closed=True,
    )
    if opens_at > callback_at:
        raise BadCallback(
            "That is outside the hours in which this person may be called.",
            field="callback_at",
            opens_at=opens_at.isoformat(),
        )


def _note_on_call(
    session: Session,
    call: Call,
    disposition: Disposition,
    *,
    note: str | None,
    callback_at: datetime | None,
    now: datetime,
) -> None:
    call.disposition, call.disposed_at = disposition, now
    call.callback_at = callback_at if disposition is Disposition.CALL_BACK else None
    if note and note.strip():
        field = crypto.Field("call", "note", str(call.call_id))
        call.note = crypto.seal(session, TenantId(call.tenant_id), field, note.strip()[:MAX_NOTE])
    session.add(call)
    session.flush()


def _end_task(
    session: Session,
    task: CallTask,
    disposition: Disposition,
    *,
    terms: Row[Any],
    callback_at: datetime | None,
    now: datetime,
) -> datetime | None:
    """End the task, its call step with it, or send the person back to the queue. Returns when they come back."""
    tenant_id = TenantId(task.tenant_id)
    match disposition:
        case Disposition.WILL_BUY:
            _finish(session, task, disposition, state=TouchState.SENT, reason=None, now=now)
        case Disposition.REFUSED:
            _finish(session, task, disposition, state=TouchState.CANCELLED, reason="refused", now=now)
        case Disposition.WRONG_NUMBER:
            _finish(session, task, disposition, state=TouchState.FAILED, reason="wrong_number", now=now)
        case Disposition.CALL_BACK:
            assert callback_at is not None
            _close(session, task, disposition, because="call_back", now=now)
            queries.insert_task(session, _callback_of(task, callback_at, now=now))
            return callback_at
        case Disposition.NO_ANSWER:
            used = touches.count_contacts(session, tenant_id=tenant_id, lead_id=task.lead_id, now=now).dials_of_lead
            if used >= terms.dials_per_lead:
                _finish(session, task, disposition, state=TouchState.SENT, reason="dials_used_up", now=now)
                return None
            due_at = next_allowed(
                now + timedelta(seconds=terms.dial_gap_s),
                zone=terms.timezone,
                country=terms.country,
                bands_by_day=terms.hours.get("call", {}),
                night_is_closed=True,
            )
            task.state, task.due_at = CallTaskState.WAITING, due_at
            task.claimed_by = task.claimed_at = task.claimed_until = None
            session.add(task)
            session.flush()
            return due_at
        case _:
            assert_never(disposition)
    return None


def _callback_of(task: CallTask, callback_at: datetime, *, now: datetime) -> CallTask:
    return CallTask(
        tenant_id=task.tenant_id,
        call_task_id=new_id(),
        touch_id=task.touch_id,
        lead_id=task.lead_id,
        site_id=task.site_id,
        contact_point_id=task.contact_point_id,
        due_at=callback_at,
        is_callback=True,
        value_minor=task.value_minor,
        currency=task.currency,
        made_at=now,
    )


def _finish(
    session: Session, task: CallTask, disposition: Disposition, *, state: TouchState, reason: str | None, now: datetime
) -> None:
    _close(session, task, disposition, because=reason or disposition.value, now=now)
    sending.finish_call_step(
        session,
        tenant_id=TenantId(task.tenant_id),
        touch_id=TouchId(task.touch_id),
        state=state,
        reason=reason,
        now=now,
    )


def _close(session: Session, task: CallTask, disposition: Disposition, *, because: str, now: datetime) -> None:
    task.state, task.disposition, task.ended_at, task.ended_because = CallTaskState.DONE, disposition, now, because
    task.claimed_until = None
    session.add(task)
    session.flush()
