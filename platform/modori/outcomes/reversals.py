"""Record a reversal, once, and take it off its order as soon as a source that bills has said that one.

Locks: the order, then the reversal.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlmodel import Session

from modori.kernel.errors import BadAmount
from modori.kernel.ids import SiteId, TenantId, new_id
from modori.kernel.money import Money, from_major, minor_digits
from modori.outcomes import queries
from modori.outcomes.errors import ReversalDiffers, ReversalExceedsOrder
from modori.outcomes.model import Order, Reversal
from modori.outcomes.reading import possible_instant
from modori.outcomes.wire import ReversalIn
from modori.storage import outbox


@dataclass(frozen=True, slots=True)
class RecordedReversal:
    """What recording a reversal came to. `applied` False: its order is not proven yet; it waits for it.

    currency  of its order; None while there is none
    """

    reversal: Reversal
    is_new: bool
    currency: str | None = None

    @property
    def applied(self) -> bool:
        return self.reversal.applied_at is not None


def record_reversal(
    session: Session,
    *,
    tenant_id: TenantId,
    site_id: SiteId,
    order_external_id: str,
    reversal: ReversalIn,
    now: datetime,
) -> RecordedReversal:
    """Record that an order was reversed, in part or as a whole. Whole is what `value` None says: all that is left.

    One that comes before a source that bills has said its order is kept, and applied when it does.
    raises  ReversalExceedsOrder, ReversalDiffers; AtInFuture, AtTooOld, BadAmount
    """
    if reversal.value is not None and reversal.value == 0:
        raise BadAmount("A reversal is of more than zero.", field="value")
    reversed_at = possible_instant(reversal.at or now, now=now)
    row = Reversal(
        tenant_id=tenant_id,
        reversal_id=new_id(),
        site_id=site_id,
        order_external_id=order_external_id,
        external_id=reversal.id,
        value_major=None if reversal.value is None else str(reversal.value.normalize()),
        items=[item.model_dump() for item in reversal.items],
        reason=reversal.reason,
        reversed_at=reversed_at,
        recorded_at=now,
    )
    order = queries.lock_order_by_external_id(
        session, tenant_id=tenant_id, site_id=site_id, external_id=order_external_id
    )
    is_new = queries.insert_reversal(session, row)
    known = queries.lock_reversal_by_external_id(
        session,
        tenant_id=tenant_id,
        site_id=site_id,
        order_external_id=order_external_id,
        external_id=reversal.id,
    )
    assert known is not None
    if not is_new and _differs(known, row, at_was_said=reversal.at is not None):
        raise ReversalDiffers(reversal=reversal.id)
    if known.applied_at is None and order is not None and order.proven_at is not None:
        _apply(session, order=order, reversal=known, cap=False, now=now)
    return RecordedReversal(known, is_new, None if order is None else order.currency)


def apply_waiting(session: Session, *, order: Order, now: datetime) -> None:
    """Take off a locked order what came before it was proven."""
    if order.proven_at is None:
        return
    for reversal in queries.lock_waiting_reversals(
        session,
        tenant_id=TenantId(order.tenant_id),
        site_id=order.site_id,
        order_external_id=order.external_id,
    ):
        _apply(session, order=order, reversal=reversal, cap=True, now=now)


def _apply(session: Session, *, order: Order, reversal: Reversal, cap: bool, now: datetime) -> None:
    """Take a reversal off its order, both locked.

    cap     take at most what is left, as of one that came before its order and cannot be answered any more
    raises  ReversalExceedsOrder, BadAmount unless `cap`
    """
    left = order.value_minor - order.reversed_minor
    value = _taken(reversal, currency=order.currency, left=left, cap=cap)
    if not cap and (value > left or (value == 0 and order.value_minor > 0)):
        raise ReversalExceedsOrder(left=str(Money(left, order.currency).major()), currency=order.currency)
    reversal.order_id, reversal.value_minor, reversal.applied_at = order.order_id, min(value, left), now
    order.reversed_minor += min(value, left)
    session.add_all([reversal, order])
    session.flush()
    outbox.promise(
        session,
        "reversal.applied",
        key=f"reversed:{reversal.reversal_id}",
        at=now,
        tenant_id=TenantId(order.tenant_id),
        reversal_id=str(reversal.reversal_id),
    )


def _taken(reversal: Reversal, *, currency: str, left: int, cap: bool) -> int:
    """Say how much a reversal takes, minor units, rounded down where nobody can be told. raises BadAmount"""
    if reversal.value_major is None:
        return left
    if cap:
        return int(min(Decimal(reversal.value_major).scaleb(minor_digits(currency)), Decimal(left)))
    return from_major(reversal.value_major, currency).minor


def _differs(known: Reversal, said: Reversal, *, at_was_said: bool) -> bool:
    if known.value_major != said.value_major or known.reason != said.reason or known.items != said.items:
        return True
    return at_was_said and known.reversed_at != said.reversed_at
