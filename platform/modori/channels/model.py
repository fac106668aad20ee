"""Tracked links in messages, their clicks, and messages that people send back."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlmodel import Field

from modori.people.model import Channel
from modori.storage.columns import Instant, TenantRow, choice


class LinkKind(StrEnum):
    """restore leads back to the cart · unsubscribe stops."""

    RESTORE = "restore"
    UNSUBSCRIBE = "unsubscribe"


class Link(TenantRow, table=True):
    """A tracked link of one delivery. The token stands only in the message; here is its SHA-256.

    Looked up before a tenant is known, by the function `resolve_link`.
    """

    __tablename__ = "link"
    link_id: UUID = Field(primary_key=True)
    token_hash: bytes = Field(unique=True)
    kind: LinkKind = Field(sa_type=choice(LinkKind))
    touch_id: UUID
    delivery_id: UUID
    lead_id: UUID
    contact_point_id: UUID
    channel: Channel = Field(sa_type=choice(Channel))
    target_url: str | None = None
    proof_tries: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    """How often somebody who came back by it claimed to be its receiver, rightly or not."""
    made_at: datetime = Field(sa_type=Instant)

    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "delivery_id"], ["delivery.tenant_id", "delivery.delivery_id"]),
        Index("link_of_lead", "tenant_id", "lead_id"),
    )


class Click(TenantRow, table=True):
    """One opening of a link. It counts only when an event on the site carries the token later (RULES 30)."""

    __tablename__ = "click"
    click_id: UUID = Field(primary_key=True)
    link_id: UUID
    lead_id: UUID
    clicked_at: datetime = Field(sa_type=Instant)
    suspect: str | None = None
    """Why it is left out: scanner, or too_soon (within 2 s of delivery)."""
    confirmed_at: datetime | None = Field(default=None, sa_type=Instant)
    """When an event of the site carried this link's token."""
    confirmed_by: UUID | None = None
    """That event's id."""

    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "link_id"], ["link.tenant_id", "link.link_id"]),
        Index("click_of_lead", "tenant_id", "lead_id", "clicked_at"),
    )


class Reply(TenantRow, table=True):
    """An SMS that somebody sent to us. The text is sealed; a stop word in it has taken effect (RULES 24)."""

    __tablename__ = "reply"
    reply_id: UUID = Field(primary_key=True)
    provider_ref: str
    contact_point_id: UUID | None = None
    content: bytes
    effect: str | None = None
    """stop, reopen or None."""
    received_at: datetime = Field(sa_type=Instant)

    __table_args__ = (
        UniqueConstraint("tenant_id", "provider_ref"),
        Index("reply_told", "tenant_id", "received_at", postgresql_where=text("content <> ''")),
    )
