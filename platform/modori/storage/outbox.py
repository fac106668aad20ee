"""Promises: work that must follow a committed change, written in the same transaction (G6)."""

from datetime import datetime

from sqlmodel import Session

from modori.kernel.ids import TenantId, new_id
from modori.storage import queries


def promise(
    session: Session,
    topic: str,
    *,
    key: str,
    at: datetime,
    tenant_id: TenantId,
    due_at: datetime | None = None,
    **payload: str | int | None,
) -> None:
    """Promise that `topic` happened. A second promise with the same key changes nothing.

    due_at   what follows does not begin before; None: at once
    payload  ids and plain words only: never a personal value
    """
    queries.insert_promise(
        session,
        tenant_id=tenant_id,
        promise_id=new_id(),
        topic=topic,
        key=key,
        payload=payload,
        promised_at=at,
        due_at=due_at,
    )
