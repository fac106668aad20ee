"""Orders, reversals, and the results that attribution makes of orders."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlmodel import Field

from modori.storage.columns import Instant, Json, TenantRow, choice


class OrderSource(StrEnum):
    """Who reported the order. Only what is not a browser bills (G11)."""

    BROWSER = "browser"
    SERVER = "server"
    WEBHOOK = "webhook"
    CSV = "csv"


class Order(TenantRow, table=True):
    """A purchase or a submitted application. A browser's claim becomes billable when a server says the same id."""

    __tablename__ = "purchase_order"
    order_id: UUID = Field(primary_key=True)
    site_id: UUID
    external_id: str
    source: OrderSource = Field(sa_type=choice(OrderSource))
    currency: str = Field(max_length=3)
    value_minor: int = Field(sa_type=BigInteger)
    reversed_minor: int = Field(default=0, sa_type=BigInteger)
    items: list[dict[str, Any]] = Field(sa_type=Json)
    email_index: bytes | None = None
    phone_index: bytes | None = None
    visitor: str | None = None
    cart_id: str | None = None
    member_index: bytes | None = None
    placed_at: datetime = Field(sa_type=Instant)
    recorded_at: datetime = Field(sa_type=Instant)
    """When we first knew of it, by any source."""
    proven_at: datetime | None = Field(default=None, sa_type=Instant)
    """When a source that bills said it; None: only a browser has."""
    matched: list[dict[str, Any]] = Field(sa_type=Json)
    """What it matched: [{"episode_id", "by": "visitor|cart|email|phone|member", "said_by": "browser|server|…"}],
    newest episode first. A match by a browser's word stops, and never bills (G11)."""
    said_hash: bytes | None = None
    """SHA-256 of what the source that bills said, so that a repeat is told from a contradiction; None: none has."""
    vouched_by: list[str] | None = Field(default=None, sa_type=Json)
    """User ids of whoever uploaded or approved the file that the billing word came by: none of them approves its
    result (decision 0036). None or empty: a server, a shop or a browser said it."""
    attribution: str | None = None
    """What the contract's rule said of it: result, or the name of the reason why there is none. None: not asked."""
    attributed_at: datetime | None = Field(default=None, sa_type=Instant)

    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "site_id"], ["site.tenant_id", "site.site_id"]),
        UniqueConstraint("tenant_id", "site_id", "external_id"),
        Index("order_by_time", "tenant_id", "placed_at"),
        Index("order_by_email", "tenant_id", "email_index", postgresql_where=text("email_index is not null")),
        Index("order_by_phone", "tenant_id", "phone_index", postgresql_where=text("phone_index is not null")),
        Index("order_by_visitor", "tenant_id", "site_id", "visitor", postgresql_where=text("visitor is not null")),
    )


class ReversalReason(StrEnum):
    """Why an order was reversed."""

    CANCEL = "cancel"
    REFUSAL = "refusal"
    RETURN = "return"
    UNPAID = "unpaid"


class Reversal(TenantRow, table=True):
    """A cancellation, refusal, return or non-payment of an order, whole or in part.

    One that arrives before its order is kept with order_id null and applied when the order comes.
    """

    __tablename__ = "reversal"
    reversal_id: UUID = Field(primary_key=True)
    site_id: UUID
    order_external_id: str
    external_id: str
    order_id: UUID | None = None
    value_minor: int | None = Field(default=None, sa_type=BigInteger)
    """None: all that is left of the order."""
    value_major: str | None = None
    """As it was sent, while the order's currency is unknown."""
    items: list[dict[str, Any]] = Field(sa_type=Json)
    reason: ReversalReason = Field(sa_type=choice(ReversalReason))
    reversed_at: datetime = Field(sa_type=Instant)
    recorded_at: datetime = Field(sa_type=Instant)
    applied_at: datetime | None = Field(default=None, sa_type=Instant)

    __table_args__ = (
        UniqueConstraint("tenant_id", "site_id", "order_external_id", "external_id"),
        Index("reversal_of_order", "tenant_id", "order_id"),
    )


class ResultState(StrEnum):
    """What becomes of a result.

        held → pending → approved | refused
        held | pending → reversed      (the whole order was reversed before it was billed)

    held waits out the contract's hold; approved has its ledger entry; a later reversal writes the opposite entry and
    leaves the state.
    """

    HELD = "held"
    PENDING = "pending"
    APPROVED = "approved"
    REFUSED = "refused"
    REVERSED = "reversed"


class Result(TenantRow, table=True):
    """An order that the contract's attribution rule gives to our touches, with a copy of its proof (G9)."""

    __tablename__ = "result"
    result_id: UUID = Field(primary_key=True)
    order_id: UUID
    lead_id: UUID
    episode_id: UUID
    site_id: UUID
    touch_id: UUID
    basis: str
    """click or call."""
    basis_at: datetime = Field(sa_type=Instant)
    contract_version_id: UUID
    currency: str = Field(max_length=3)
    value_minor: int = Field(sa_type=BigInteger)
    """The order's value less what was reversed before billing."""
    fee_minor: int = Field(sa_type=BigInteger)
    state: ResultState = Field(default=ResultState.HELD, sa_type=choice(ResultState))
    hold_until: datetime = Field(sa_type=Instant)
    proof: dict[str, Any] = Field(sa_type=Json)
    """Ids, instants, hashes, amounts and rule version of the whole chain, copied."""
    made_at: datetime = Field(sa_type=Instant)
    decided_at: datetime | None = Field(default=None, sa_type=Instant)
    decided_by: UUID | None = None
    decision_note: str | None = None

    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "order_id"], ["purchase_order.tenant_id", "purchase_order.order_id"]),
        ForeignKeyConstraint(["tenant_id", "lead_id"], ["lead.tenant_id", "lead.lead_id"]),
        UniqueConstraint("tenant_id", "order_id"),
        Index("result_by_state", "tenant_id", "state", "made_at"),
        Index("result_of_lead", "tenant_id", "lead_id", unique=True, postgresql_where=text("state <> 'reversed'")),
        Index("result_hold", "hold_until", postgresql_where=text("state = 'held'")),
    )
