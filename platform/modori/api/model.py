"""What the JSON edge itself remembers: answers by idempotency key."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Field

from modori.storage.columns import Instant, Json, TenantRow


class IdempotentAnswer(TenantRow, table=True):
    """The answer that was given to an Idempotency-Key; the same key with another body is refused."""

    __tablename__ = "idempotent_answer"
    key: str = Field(primary_key=True)
    site_id: UUID
    request_hash: bytes
    status: int
    answer: dict[str, Any] = Field(sa_type=Json)
    made_at: datetime = Field(sa_type=Instant)
