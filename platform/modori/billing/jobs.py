"""Billing's answers to promises. Wiring makes actors of them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session

from modori.background import work
from modori.billing import actions
from modori.kernel.ids import LeadId, OrderId, TenantId


def attribute_order_now(tenant_id: str, work_id: str) -> None:
    """Ask whose an order is; of order.recorded and order.proven."""

    def do(session: Session, payload: dict[str, Any], now: datetime) -> None:
        actions.attribute_order(
            session, tenant_id=TenantId(UUID(tenant_id)), order_id=OrderId(UUID(payload["order_id"])), now=now
        )

    work.run(tenant_id, work_id, do)


def attribute_lead_now(tenant_id: str, work_id: str) -> None:
    """Ask again about the order that ended a lead, now that a click or a call of it is proven; of contact.proven."""

    def do(session: Session, payload: dict[str, Any], now: datetime) -> None:
        actions.attribute_lead(
            session, tenant_id=TenantId(UUID(tenant_id)), lead_id=LeadId(UUID(payload["lead_id"])), now=now
        )

    work.run(tenant_id, work_id, do)


def reverse_result_now(tenant_id: str, work_id: str) -> None:
    """Let a reversal reach its result; of reversal.applied."""

    def do(session: Session, payload: dict[str, Any], now: datetime) -> None:
        actions.reverse_result(
            session, tenant_id=TenantId(UUID(tenant_id)), reversal_id=UUID(payload["reversal_id"]), now=now
        )

    work.run(tenant_id, work_id, do)
