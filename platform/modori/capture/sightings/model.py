"""What was seen of a site and not kept as an event."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger
from sqlmodel import Field

from modori.storage.columns import Instant, TenantRow


class CaptureSighting(TenantRow, table=True):
    """How often something was refused on a day (UTC), or a page asked for the policy; no value of anybody's."""

    __tablename__ = "capture_sighting"
    site_id: UUID = Field(primary_key=True)
    seen_on: date = Field(primary_key=True)
    code: str = Field(primary_key=True)
    """`policy_asked`, or a refusal's code as ingest answers it."""
    subject: str = Field(primary_key=True)
    """What the code speaks of, where one differs from another: a foreign origin. Else empty."""
    count: int = Field(sa_type=BigInteger)
    last_at: datetime = Field(sa_type=Instant)
