"""Plan, begin, deny, defer: what happens to a touch up to its delivery. One function is one transaction's work.

Between `begin_…` and `deliveries.actions.record` the caller has committed, and no transaction is open while the adapter
is at work.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from modori.kernel.errors import Conflict
from modori.kernel.failpoints import hit
from modori.kernel.ids import (
    CallId,
    ContactPointId,
    DeliveryId,
    LeadId,
    ReceiptId,
    TenantId,
    TouchId,
    new_id,
)
from modori.people.model import Channel
from modori.sending import gate, queries
from modori.sending.budgets import queries as budgets
from modori.sending.deliveries import queries as deliveries
from modori.sending.model import Delivery, Touch, TouchState
from modori.sending.ports import Permit, grant
from modori.sending.rules import Allow, Defer, Deny, Reason, Subject, retry_after
from modori.storage import crypto
from modori.tenants.rules import spend_month

MOST_FAILURES = 8
"""A touch that could not even be prepared this often is given up: after about ten minutes."""


@dataclass(frozen=True, slots=True)
class Denied:
    """The gate said never; the touch is final, its receipt says why."""

    reason: Reason
    receipt_id: ReceiptId


@dataclass(frozen=True, slots=True)
class Deferred:
    """The gate said not yet; the touch is planned again for `until_at`."""

    until_at: datetime
    reason: Reason
    receipt_id: ReceiptId


@dataclass(frozen=True, slots=True)
class Admitted:
    """The gate lets a call step into the operators' queue."""

    receipt_id: ReceiptId


@dataclass(frozen=True, slots=True)
class NotClaimed:
    """The touch is no longer the caller's: another worker, an order or a stop came first."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a message will say, as begin stores it: text for the timeline, the digest of the facts that it shows.

    costs  as in `gate.open_gate`: the client's currency is known only under the lock of its month
    """

    subject: str | None
    text: str
    digest: bytes
    parts: int | None
    costs: Mapping[str, int] | None


def plan_touch(session: Session, touch: Touch) -> None:
    """Put one touch on the plan; a second plan of the same step for the same lead changes nothing."""
    queries.insert_touch(session, touch)


def begin_touch(
    session: Session, *, tenant_id: TenantId, touch_id: TouchId, content: Content, deadline_s: int, now: datetime
) -> Permit | Denied | Deferred | NotClaimed:
    """Ask the gate for a message, and where it allows, put the delivery on record before anyone calls (G2, G3, G4)."""
    judged = gate.open_gate(
        session,
        tenant_id=tenant_id,
        touch_id=touch_id,
        subject=Subject.TOUCH,
        digest=content.digest,
        costs=content.costs,
        now=now,
    )
    if judged is None:
        return NotClaimed()
    hit("begin.judged")
    if not isinstance(judged.verdict, Allow):
        return _turn_back(session, tenant_id=tenant_id, touch_id=touch_id, judged=judged, now=now)
    permit = _put_on_record(
        session,
        tenant_id=tenant_id,
        touch_id=touch_id,
        call_id=None,
        judged=judged,
        content=content,
        deadline_at=now + timedelta(seconds=deadline_s),
        now=now,
    )
    budgets.spend_platform_budget(
        session,
        platform_index=bytes(judged.row.platform_index),
        today_on=gate.platform_day(now),
        is_first=judged.is_first_message,
    )
    queries.set_touch(
        session,
        tenant_id=tenant_id,
        touch_id=touch_id,
        state=TouchState.SENDING.value,
        attempts=judged.row.attempts + 1,
        last_receipt_id=judged.receipt_id,
        deferred_because=None,
    )
    hit("begin.before_commit")
    return permit


def admit_call_step(
    session: Session, *, tenant_id: TenantId, touch_id: TouchId, costs: Mapping[str, int] | None, now: datetime
) -> Admitted | Denied | Deferred | NotClaimed:
    """Ask the gate whether a due call step may wait for an operator; each dial asks again.

    costs  of one dial: nobody waits for a dial that the month's budget would refuse. Nothing is spent yet
    """
    judged = gate.open_gate(
        session, tenant_id=tenant_id, touch_id=touch_id, subject=Subject.TOUCH, costs=costs, now=now
    )
    if judged is None:
        return NotClaimed()
    if not isinstance(judged.verdict, Allow):
        return _turn_back(session, tenant_id=tenant_id, touch_id=touch_id, judged=judged, now=now)
    queries.set_touch(
        session,
        tenant_id=tenant_id,
        touch_id=touch_id,
        state=TouchState.QUEUED.value,
        last_receipt_id=judged.receipt_id,
        deferred_because=None,
    )
    return Admitted(judged.receipt_id)


def begin_dial(
    session: Session,
    *,
    tenant_id: TenantId,
    touch_id: TouchId,
    call_id: CallId,
    deadline_s: int,
    costs: Mapping[str, int] | None,
    now: datetime,
) -> Permit | Denied | Deferred:
    """Ask the gate for one dial of a queued call step. The touch stays queued: the operator decides what follows.

    deadline_s  after which a dial that nobody has answered for is unknown
    costs       what it counts against the month's budget: spent here, given back where it was certainly not made
    """
    judged = gate.open_gate(
        session,
        tenant_id=tenant_id,
        touch_id=touch_id,
        subject=Subject.DIAL,
        call_id=call_id,
        costs=costs,
        now=now,
    )
    assert judged is not None
    match judged.verdict:
        case Deny(reason):
            return Denied(reason, judged.receipt_id)
        case Defer(until_at, reason):
            return Deferred(until_at, reason, judged.receipt_id)
        case Allow():
            return _put_on_record(
                session,
                tenant_id=tenant_id,
                touch_id=touch_id,
                call_id=call_id,
                judged=judged,
                content=None,
                deadline_at=now + timedelta(seconds=deadline_s),
                now=now,
            )


def judge_bridge(
    session: Session, *, tenant_id: TenantId, touch_id: TouchId, call_id: CallId, now: datetime
) -> Admitted | Denied | Deferred:
    """Ask the gate once more, when the operator has answered and the customer is about to be rung."""
    judged = gate.open_gate(
        session, tenant_id=tenant_id, touch_id=touch_id, subject=Subject.BRIDGE, call_id=call_id, now=now
    )
    assert judged is not None
    match judged.verdict:
        case Deny(reason):
            return Denied(reason, judged.receipt_id)
        case Defer(until_at, reason):
            return Deferred(until_at, reason, judged.receipt_id)
        case Allow():
            return Admitted(judged.receipt_id)


def cancel_touches(session: Session, *, tenant_id: TenantId, lead_id: LeadId, because: str, now: datetime) -> int:
    """Cancel what has not begun, under the caller's lock of the lead. Returns how many."""
    return queries.cancel_touches(session, tenant_id=tenant_id, lead_id=lead_id, because=because, now=now)


def fail_touch(session: Session, *, tenant_id: TenantId, touch_id: TouchId, reason: str, now: datetime) -> bool:
    """End a claimed touch that cannot be prepared: its wording does not render, it is too long. Says whether it did."""
    state = queries.lock_touch_state(session, tenant_id=tenant_id, touch_id=touch_id)
    if state != TouchState.CLAIMED:
        return False
    queries.set_touch(
        session, tenant_id=tenant_id, touch_id=touch_id, state=TouchState.FAILED.value, reason=reason, final_at=now
    )
    return True


def set_back(session: Session, *, tenant_id: TenantId, touch_id: TouchId, now: datetime) -> None:
    """Set a claimed touch back that could not be dispatched, each time for longer, until it is given up.

    Nothing went out: where a delivery had begun, the touch is no longer claimed and stays as it is.
    """
    state, attempts = queries.lock_touch_attempts(session, tenant_id=tenant_id, touch_id=touch_id)
    if state != TouchState.CLAIMED:
        return
    if attempts + 1 >= MOST_FAILURES:
        fail_touch(session, tenant_id=tenant_id, touch_id=touch_id, reason="not_sent", now=now)
        return
    queries.set_touch(
        session,
        tenant_id=tenant_id,
        touch_id=touch_id,
        state=TouchState.PLANNED.value,
        due_at=now + retry_after(attempts + 1),
        claimed_at=None,
        attempts=attempts + 1,
        deferred_because="not_sent",
    )


def finish_call_step(
    session: Session, *, tenant_id: TenantId, touch_id: TouchId, state: TouchState, reason: str | None, now: datetime
) -> None:
    """End a queued call step with its task. raises Conflict unless `state` is sent, failed or cancelled"""
    if state not in (TouchState.SENT, TouchState.FAILED, TouchState.CANCELLED):
        raise Conflict(f"a call step cannot end as {state.value}")
    if queries.lock_touch_state(session, tenant_id=tenant_id, touch_id=touch_id) == TouchState.QUEUED:
        queries.set_touch(
            session, tenant_id=tenant_id, touch_id=touch_id, state=state.value, reason=reason, final_at=now
        )


def _turn_back(
    session: Session, *, tenant_id: TenantId, touch_id: TouchId, judged: gate.Judged, now: datetime
) -> Denied | Deferred:
    """Write a denial or a deferral onto the touch."""
    if isinstance(judged.verdict, Deny):
        reason = judged.verdict.reason
        queries.set_touch(
            session,
            tenant_id=tenant_id,
            touch_id=touch_id,
            state=TouchState.DENIED.value,
            reason=reason.value,
            last_receipt_id=judged.receipt_id,
            final_at=now,
        )
        return Denied(reason, judged.receipt_id)
    assert isinstance(judged.verdict, Defer)
    until_at, reason = judged.verdict.until_at, judged.verdict.reason
    queries.set_touch(
        session,
        tenant_id=tenant_id,
        touch_id=touch_id,
        state=TouchState.PLANNED.value,
        due_at=until_at,
        claimed_at=None,
        deferred_because=reason.value,
        last_receipt_id=judged.receipt_id,
    )
    return Deferred(until_at, reason, judged.receipt_id)


def _put_on_record(
    session: Session,
    *,
    tenant_id: TenantId,
    touch_id: TouchId,
    call_id: CallId | None,
    judged: gate.Judged,
    content: Content | None,
    deadline_at: datetime,
    now: datetime,
) -> Permit:
    """Insert the delivery as `sending`, spend what it will cost, and make the permit for it."""
    row = judged.row
    delivery_id = DeliveryId(new_id())

    def sealed(column: str, value: str | None) -> bytes | None:
        field = crypto.Field("delivery", column, str(delivery_id))
        return None if value is None else crypto.seal(session, tenant_id, field, value)

    deliveries.insert_delivery(
        session,
        Delivery(
            tenant_id=tenant_id,
            delivery_id=delivery_id,
            touch_id=touch_id,
            call_id=call_id,
            lead_id=row.lead_id,
            receipt_id=judged.receipt_id,
            channel=Channel(row.channel),
            contact_point_id=row.contact_point_id,
            begun_at=now,
            deadline_at=deadline_at,
            parts=content.parts if content else None,
            cost_minor=judged.cost_minor,
            subject=sealed("subject", content.subject) if content else None,
            content=sealed("content", content.text) if content else None,
            content_digest=content.digest if content else None,
        ),
    )
    if judged.cost_minor:
        budgets.add_spend(session, tenant_id=tenant_id, month_on=spend_month(now), minor=judged.cost_minor)
    return grant(
        tenant_id=tenant_id,
        touch_id=touch_id,
        lead_id=LeadId(row.lead_id),
        delivery_id=delivery_id,
        call_id=call_id,
        channel=Channel(row.channel),
        contact_point_id=ContactPointId(row.contact_point_id),
        receipt_id=judged.receipt_id,
        begun_at=now,
        deadline_at=deadline_at,
    )
