"""What was seen of a site and not kept as an event; and the kinds of things that it sends."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger
from sqlmodel import Field

from modori.storage.columns import Instant, TenantRow, choice


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


class SentKind(StrEnum):
    """field: a form gave it, by token · event: its type · identity: a key of what the site tells of members."""

    FIELD = "field"
    EVENT = "event"
    IDENTITY = "identity"


class SiteSent(TenantRow, table=True):
    """What a site was ever seen to send: its notice has to list it from then on (RULES 15, 19). Never a value."""

    __tablename__ = "site_sent"
    site_id: UUID = Field(primary_key=True)
    kind: SentKind = Field(primary_key=True, sa_type=choice(SentKind))
    name: str = Field(primary_key=True)
    first_at: datetime = Field(sa_type=Instant)
    last_at: datetime = Field(sa_type=Instant)
