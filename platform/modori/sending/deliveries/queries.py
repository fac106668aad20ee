"""Queries and locks of deliveries and their reports. Locks go in the order of G2: the touch before its delivery."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from modori.kernel.errors import NotFound
from modori.kernel.ids import TenantId, new_id
from modori.sending import queries as touches
from modori.sending.model import Delivery


class OpenDelivery(NamedTuple):
    """A delivery that the scan role found past its deadline, or unknown."""

    tenant_id: UUID
    delivery_id: UUID


LockedDelivery = Row[Any]
"""A delivery with its touch's state and its contact point's indexes, both rows locked."""


def insert_delivery(session: Session, delivery: Delivery) -> None:
    """Insert one delivery as `sending`. A second one for the same touch breaks the unique index."""
    session.connection().execute(insert(Delivery).values(delivery.model_dump()))


def set_delivery(session: Session, *, tenant_id: TenantId, delivery_id: UUID, **columns: Any) -> None:
    """Write some columns of one locked delivery. `columns` are names of the table's own, never a caller's words."""
    assignments = ", ".join(f"{name} = :{name}" for name in columns)
    session.connection().execute(
        text(
            f"update delivery set {assignments} where tenant_id = :tenant_id and delivery_id = :delivery_id"  # noqa: S608
        ),
        {"tenant_id": tenant_id, "delivery_id": delivery_id, **columns},
    )


def lock_delivery_with_touch(session: Session, *, tenant_id: TenantId, delivery_id: UUID) -> LockedDelivery:
    """Lock the touch of a delivery, then the delivery, and return both. raises NotFound

    The contact point is not locked: the caller locks it before this where it means to write to it.
    """
    key = {"tenant_id": tenant_id, "delivery_id": delivery_id}
    run = session.connection().execute
    run(
        text(
            "select 1 from touch t where t.tenant_id = :tenant_id and t.touch_id = (select touch_id from delivery"
            " where tenant_id = :tenant_id and delivery_id = :delivery_id) for no key update"
        ),
        key,
    )
    row = run(
        text(
            "select d.delivery_id, d.touch_id, d.call_id, d.lead_id, d.channel, d.contact_point_id, d.state, d.report,"
            " d.begun_at, d.cost_minor, d.provider_ref, t.state as touch_state, t.attempts, t.site_id,"
            " c.kind, c.value_index, c.platform_index,"
            " (select (r.facts ->> 'messages_of_lead')::int = 0 from receipt r"
            "  where r.tenant_id = d.tenant_id and r.receipt_id = d.receipt_id) as is_first"
            " from delivery d join touch t on t.tenant_id = d.tenant_id and t.touch_id = d.touch_id"
            " join contact_point c on c.tenant_id = d.tenant_id and c.contact_point_id = d.contact_point_id"
            " where d.tenant_id = :tenant_id and d.delivery_id = :delivery_id for no key update of d"
        ),
        key,
    ).one_or_none()
    if row is None:
        raise NotFound("there is no such delivery")
    return row


def lock_around_delivery(session: Session, *, tenant_id: TenantId, delivery_id: UUID) -> None:
    """Lock everything that begin locks, for an answer that marks the contact point and may end the lead (G2).

    raises  NotFound
    """
    row = session.connection().execute(
        text("select touch_id from delivery where tenant_id = :t and delivery_id = :id"),
        {"t": tenant_id, "id": delivery_id},
    )
    touch_id: UUID | None = row.scalar_one_or_none()
    if touch_id is None:
        raise NotFound("there is no such delivery")
    ref = touches.get_touch_ref(session, tenant_id=tenant_id, touch_id=touch_id)
    touches.lock_for_begin(session, tenant_id=tenant_id, ref=ref, touch_id=touch_id)


def find_delivery_of_call(session: Session, *, tenant_id: TenantId, call_id: UUID) -> UUID | None:
    """Find the dial's delivery that is not certain to have failed."""
    row = session.connection().execute(
        text(
            "select delivery_id from delivery where tenant_id = :tenant_id and call_id = :call_id"
            " and state <> 'not_sent'"
        ),
        {"tenant_id": tenant_id, "call_id": call_id},
    )
    found: UUID | None = row.scalar_one_or_none()
    return found


def find_delivery_of_touch(session: Session, *, tenant_id: TenantId, touch_id: UUID) -> UUID | None:
    """Find a message's delivery that is not certain to have failed."""
    row = session.connection().execute(
        text(
            "select delivery_id from delivery where tenant_id = :tenant_id and touch_id = :touch_id"
            " and call_id is null and state <> 'not_sent'"
        ),
        {"tenant_id": tenant_id, "touch_id": touch_id},
    )
    found: UUID | None = row.scalar_one_or_none()
    return found


def list_delivered_to(session: Session, *, tenant_id: TenantId, contact_point_ids: Sequence[UUID]) -> list[UUID]:
    """Return those of some contact points that something has reached, or may have (G3)."""
    rows = session.connection().execute(
        text(
            "select distinct contact_point_id from delivery where tenant_id = :tenant_id"
            " and contact_point_id = any(:ids) and state <> 'not_sent' order by contact_point_id"
        ),
        {"tenant_id": tenant_id, "ids": list(contact_point_ids)},
    )
    return list(rows.scalars())


def insert_report(
    session: Session, *, tenant_id: TenantId, delivery_id: UUID, status: str, code: str | None, now: datetime
) -> bool:
    """Store one word of the provider; False where this status was already known."""
    inserted = session.connection().execute(
        text(
            "insert into delivery_report (tenant_id, report_id, delivery_id, status, code, received_at)"
            " values (:tenant_id, :report_id, :delivery_id, :status, :code, :now)"
            " on conflict (tenant_id, delivery_id, status) do nothing"
        ),
        {
            "tenant_id": tenant_id,
            "report_id": new_id(),
            "delivery_id": delivery_id,
            "status": status,
            "code": code,
            "now": now,
        },
    )
    return bool(inserted.rowcount)


def mark_contact_dead(
    session: Session, *, tenant_id: TenantId, contact_point_id: UUID, reason: str, now: datetime
) -> None:
    session.connection().execute(
        text(
            "update contact_point set dead_at = :now, dead_reason = :reason"
            " where tenant_id = :t and contact_point_id = :id and dead_at is null"
        ),
        {"t": tenant_id, "id": contact_point_id, "reason": reason, "now": now},
    )


def mark_takes_no_sms(session: Session, *, tenant_id: TenantId, contact_point_id: UUID) -> None:
    """Note that a number is no mobile, whatever its digits look like: calls still reach it."""
    session.connection().execute(
        text(
            "update contact_point set is_mobile = false"
            " where tenant_id = :t and contact_point_id = :id and kind = 'phone'"
        ),
        {"t": tenant_id, "id": contact_point_id},
    )


def forget_content(session: Session, *, tenant_id: TenantId, contact_point_id: UUID) -> int:
    """Drop what was written to a contact point; that something was, when and how it went stays on record."""
    forgotten = session.connection().execute(
        text(
            "update delivery set subject = null, content = null where tenant_id = :t and contact_point_id = :id"
            " and (subject is not null or content is not null)"
        ),
        {"t": tenant_id, "id": contact_point_id},
    )
    return int(forgotten.rowcount)


def list_overdue_deliveries(session: Session, *, limit: int = 500) -> list[OpenDelivery]:
    """List deliveries still `sending` past their deadline. Cross-tenant."""
    rows = session.connection().execute(
        text(
            "select tenant_id, delivery_id from delivery where state = 'sending' and deadline_at < now()"
            " order by deadline_at limit :limit"
        ),
        {"limit": limit},
    )
    return [OpenDelivery(*row) for row in rows]


def list_unknown_deliveries(
    session: Session, *, recheck_s: int, give_up_s: int, limit: int = 200
) -> list[OpenDelivery]:
    """List unknown deliveries that the provider was not asked about lately. Cross-tenant."""
    rows = session.connection().execute(
        text(
            "select tenant_id, delivery_id from delivery where state = 'unknown'"
            " and begun_at > now() - make_interval(secs => :give_up_s)"
            " and (checked_at is null or checked_at < now() - make_interval(secs => :recheck_s))"
            " order by begun_at limit :limit"
        ),
        {"recheck_s": recheck_s, "give_up_s": give_up_s, "limit": limit},
    )
    return [OpenDelivery(*row) for row in rows]
