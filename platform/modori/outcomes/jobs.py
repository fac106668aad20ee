"""What follows a recorded order in this room. Wiring makes actors of these."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session

from modori.background import work
from modori.kernel.ids import OrderId, TenantId
from modori.outcomes import actions


def settle_order_now(tenant_id: str, work_id: str) -> None:
    """End the leads of episodes that came into an order's reach while it was being recorded."""

    def do(session: Session, payload: dict[str, Any], now: datetime) -> None:
        actions.settle_order(
            session, tenant_id=TenantId(UUID(tenant_id)), order_id=OrderId(UUID(payload["order_id"])), now=now
        )

    work.run(tenant_id, work_id, do)
