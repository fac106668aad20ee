"""Record what a provider answered, apply what it says later, prove or expire what is in doubt (DESIGN section 5).

One function is one transaction's work; no transaction is open while an adapter is at work.
"""

from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from modori.kernel.failpoints import hit
from modori.kernel.ids import DeliveryId, TenantId
from modori.people import actions as people
from modori.people.model import Channel, ContactKind, EvidenceSource, StopReason
from modori.sending import gate
from modori.sending import queries as touches
from modori.sending.budgets import queries as budgets
from modori.sending.deliveries import queries
from modori.sending.model import DeliveryState, ReportStatus, TouchState
from modori.sending.ports import Accepted, Answer, NotSent, Rejected, Unknown
from modori.sending.rules import report_moves, retry_after
from modori.storage import outbox
from modori.tenants.rules import spend_month


def record(session: Session, *, tenant_id: TenantId, delivery_id: DeliveryId, answer: Answer, now: datetime) -> None:
    """Write down what the provider answered. Only a delivery still `sending` takes it: earlier evidence stays."""
    if isinstance(answer, Rejected):
        queries.lock_around_delivery(session, tenant_id=tenant_id, delivery_id=delivery_id)
    row = queries.lock_delivery_with_touch(session, tenant_id=tenant_id, delivery_id=delivery_id)
    if row.state != DeliveryState.SENDING:
        return
    state, columns = _recorded(answer)
    queries.set_delivery(
        session, tenant_id=tenant_id, delivery_id=delivery_id, state=state.value, recorded_at=now, **columns
    )
    match answer:
        case Rejected():
            _heed_refusal(session, tenant_id=tenant_id, row=row, refused=answer, now=now)
        case NotSent():
            _give_back(session, tenant_id=tenant_id, row=row)
        case Accepted() | Unknown():
            pass
    if row.call_id is None:
        _move_touch(session, tenant_id=tenant_id, row=row, answer=answer, now=now)
    hit("record.before_commit")


def apply_report(
    session: Session,
    *,
    tenant_id: TenantId,
    delivery_id: DeliveryId,
    status: ReportStatus,
    code: str | None = None,
    refused: Rejected | None = None,
    provider_ref: str | None = None,
    now: datetime,
) -> bool:
    """Apply a provider's later word: forward only, repeats harmless (RULES 26). It proves that the provider took it.

    refused  what the code says of the address; heeded only where the report moves
    returns  whether the delivery's report moved. raises NotFound
    """
    if refused is not None:
        queries.lock_around_delivery(session, tenant_id=tenant_id, delivery_id=delivery_id)
    row = queries.lock_delivery_with_touch(session, tenant_id=tenant_id, delivery_id=delivery_id)
    queries.insert_report(
        session, tenant_id=tenant_id, delivery_id=delivery_id, status=status.value, code=code, now=now
    )
    if row.state in (DeliveryState.SENDING, DeliveryState.UNKNOWN):
        prove_accepted(
            session, tenant_id=tenant_id, delivery_id=delivery_id, ref=provider_ref, evidence="status callback", now=now
        )
    if not report_moves(row.report, status.value):
        return False
    queries.set_delivery(
        session,
        tenant_id=tenant_id,
        delivery_id=delivery_id,
        report=status.value,
        reported_at=now,
        code=code or None,
    )
    if refused is not None:
        _heed_refusal(session, tenant_id=tenant_id, row=row, refused=refused, now=now)
    hit("report.before_commit")
    return True


def prove_accepted(
    session: Session, *, tenant_id: TenantId, delivery_id: DeliveryId, ref: str | None, evidence: str, now: datetime
) -> None:
    """Turn a delivery that is sending or unknown into an accepted one: evidence says that the provider took it."""
    row = queries.lock_delivery_with_touch(session, tenant_id=tenant_id, delivery_id=delivery_id)
    if row.state not in (DeliveryState.SENDING, DeliveryState.UNKNOWN):
        return
    queries.set_delivery(
        session,
        tenant_id=tenant_id,
        delivery_id=delivery_id,
        state=DeliveryState.ACCEPTED.value,
        provider_ref=ref or row.provider_ref,
        evidence=evidence,
        recorded_at=now,
    )
    if row.call_id is None and row.touch_state in (TouchState.SENDING, TouchState.UNKNOWN):
        touches.set_touch(
            session, tenant_id=tenant_id, touch_id=row.touch_id, state=TouchState.SENT.value, reason=None, final_at=now
        )
        _settle_lead_later(session, tenant_id=tenant_id, row=row, now=now)


def expire_delivery(session: Session, *, tenant_id: TenantId, delivery_id: DeliveryId, now: datetime) -> None:
    """A delivery whose answer never came by its deadline is unknown: it may have gone out, so it is never due again."""
    row = queries.lock_delivery_with_touch(session, tenant_id=tenant_id, delivery_id=delivery_id)
    if row.state != DeliveryState.SENDING:
        return
    record(
        session,
        tenant_id=tenant_id,
        delivery_id=delivery_id,
        answer=Unknown("no answer was recorded by the deadline"),
        now=now,
    )
    _settle_lead_later(session, tenant_id=tenant_id, row=row, now=now)


def note_checked(session: Session, *, tenant_id: TenantId, delivery_id: DeliveryId, now: datetime) -> None:
    """Note that the provider was asked about an unknown delivery and had no proof."""
    queries.set_delivery(session, tenant_id=tenant_id, delivery_id=delivery_id, checked_at=now)


def _settle_lead_later(session: Session, *, tenant_id: TenantId, row: queries.LockedDelivery, now: datetime) -> None:
    """Promise a look at the lead: whoever began the delivery may be dead, and it may have been the plan's last."""
    if row.call_id is None:
        outbox.promise(
            session,
            "delivery.resolved",
            key=f"resolved:{row.delivery_id}",
            at=now,
            tenant_id=tenant_id,
            lead_id=str(row.lead_id),
        )


def _heed_refusal(
    session: Session, *, tenant_id: TenantId, row: queries.LockedDelivery, refused: Rejected, now: datetime
) -> None:
    """Keep what a refusal says of the address itself, at once or later, under the locks around the delivery."""
    if refused.address_is_dead:
        queries.mark_contact_dead(
            session, tenant_id=tenant_id, contact_point_id=row.contact_point_id, reason=refused.code, now=now
        )
    if refused.takes_no_sms:
        queries.mark_takes_no_sms(session, tenant_id=tenant_id, contact_point_id=row.contact_point_id)
    if refused.opted_out:
        people.record_stop(
            session,
            tenant_id=tenant_id,
            kind=ContactKind(row.kind),
            value_index=bytes(row.value_index),
            via=Channel(row.channel),
            reason=StopReason.PROVIDER_OPT_OUT,
            source=EvidenceSource.REPORT,
            source_ref=str(row.delivery_id),
            now=now,
        )


def _recorded(answer: Answer) -> tuple[DeliveryState, dict[str, str | None]]:
    match answer:
        case Accepted(ref):
            return DeliveryState.ACCEPTED, {"provider_ref": ref}
        case Rejected(code):
            return DeliveryState.REJECTED, {"code": code}
        case NotSent(_, evidence):
            return DeliveryState.NOT_SENT, {"evidence": evidence}
        case Unknown(evidence):
            return DeliveryState.UNKNOWN, {"evidence": evidence}


def _move_touch(
    session: Session, *, tenant_id: TenantId, row: queries.LockedDelivery, answer: Answer, now: datetime
) -> None:
    """Carry the answer over to the touch of a message."""
    touch_id: UUID = row.touch_id
    if row.touch_state != TouchState.SENDING:
        return
    match answer:
        case Accepted():
            touches.set_touch(
                session, tenant_id=tenant_id, touch_id=touch_id, state=TouchState.SENT.value, final_at=now
            )
        case Rejected(code):
            touches.set_touch(
                session,
                tenant_id=tenant_id,
                touch_id=touch_id,
                state=TouchState.FAILED.value,
                reason=code,
                final_at=now,
            )
        case Unknown():
            touches.set_touch(
                session, tenant_id=tenant_id, touch_id=touch_id, state=TouchState.UNKNOWN.value, final_at=now
            )
        case NotSent(retry_at):
            due_at = max(retry_at or now, now + retry_after(row.attempts))
            touches.set_touch(
                session,
                tenant_id=tenant_id,
                touch_id=touch_id,
                state=TouchState.PLANNED.value,
                due_at=due_at,
                claimed_at=None,
                deferred_because="not_sent",
            )


def _give_back(session: Session, *, tenant_id: TenantId, row: queries.LockedDelivery) -> None:
    """What certainly did not go out counts against no cap and no budget."""
    if row.channel != Channel.CALL:
        budgets.refund_platform_budget(
            session,
            platform_index=bytes(row.platform_index),
            day_on=gate.platform_day(row.begun_at),
            is_first=row.is_first,
        )
    if row.cost_minor:
        budgets.add_spend(session, tenant_id=tenant_id, month_on=spend_month(row.begun_at), minor=-row.cost_minor)
