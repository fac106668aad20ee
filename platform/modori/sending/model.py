"""Touches, receipts, deliveries and their reports."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from modori.people.model import Channel
from modori.storage.columns import Instant, Json, TenantRow, choice


class TouchState(StrEnum):
    """What has become of a touch.

        planned ⇄ claimed → sending → sent | failed | unknown
        planned | claimed → denied | cancelled          (final, with its reason)
        claimed → queued → sent | cancelled             (a call step that waits for an operator)
        sending → planned                               (not_sent: certain to have failed, due again later)

    claimed returns to planned when its lease runs out, when the gate defers, or when its content is no longer true.
    """

    PLANNED = "planned"
    CLAIMED = "claimed"
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"
    DENIED = "denied"
    CANCELLED = "cancelled"


class Touch(TenantRow, table=True):
    """One step planned for one lead at one time on one channel."""

    __tablename__ = "touch"
    touch_id: UUID = Field(primary_key=True)
    lead_id: UUID
    episode_id: UUID
    site_id: UUID
    scenario_version_id: UUID
    step_id: UUID
    step_number: int
    channel: Channel = Field(sa_type=choice(Channel))
    purpose: str
    """reminder, benefit or last_notice."""
    contact_point_id: UUID
    state: TouchState = Field(default=TouchState.PLANNED, sa_type=choice(TouchState))
    planned_at: datetime = Field(sa_type=Instant)
    first_due_at: datetime = Field(sa_type=Instant)
    due_at: datetime = Field(sa_type=Instant)
    deferred_because: str | None = None
    """Why due_at is later than first_due_at: a gate reason or not_sent."""
    claimed_at: datetime | None = Field(default=None, sa_type=Instant)
    attempts: int = 0
    """Deliveries begun, those certain to have failed included."""
    approved: bool = True
    """Mark of the scenario version's approval; outreach clears it when an approval is withdrawn."""
    reason: str | None = None
    """Why it was denied, cancelled or failed."""
    last_receipt_id: UUID | None = None
    final_at: datetime | None = Field(default=None, sa_type=Instant)

    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "lead_id"], ["lead.tenant_id", "lead.lead_id"]),
        ForeignKeyConstraint(
            ["tenant_id", "contact_point_id"], ["contact_point.tenant_id", "contact_point.contact_point_id"]
        ),
        UniqueConstraint("tenant_id", "lead_id", "step_id"),
        Index("touch_due", "tenant_id", "due_at", postgresql_where=text("state = 'planned'")),
        Index("touch_next_due", "due_at", postgresql_where=text("state = 'planned'")),
        Index("touch_claimed", "claimed_at", postgresql_where=text("state = 'claimed'")),
    )


class Receipt(TenantRow, table=True):
    """The gate's stored answer, with everything it looked at. Append-only.

    Of a step that is held for the same reason and by the same switches, look after look, there is the first
    (`rules.is_told`).
    """

    __tablename__ = "receipt"
    receipt_id: UUID = Field(primary_key=True)
    subject: str
    """touch: before a message or a call task · dial: before an operator's dial · bridge: before <Dial>."""
    touch_id: UUID
    call_id: UUID | None = None
    judged_at: datetime = Field(sa_type=Instant)
    verdict: str
    """allow, deny or defer."""
    reason: str | None = None
    until_at: datetime | None = Field(default=None, sa_type=Instant)
    facts: dict[str, Any] = Field(sa_type=Json)
    policy: dict[str, Any] = Field(sa_type=Json)

    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "touch_id"], ["touch.tenant_id", "touch.touch_id"]),
        Index("receipt_of_touch", "tenant_id", "touch_id", "judged_at"),
    )


class DeliveryState(StrEnum):
    """sending → accepted | rejected | not_sent | unknown; unknown → accepted | rejected by evidence only."""

    SENDING = "sending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"


class ReportStatus(StrEnum):
    """What the provider says of a delivery later, in rank order; a terminal one absorbs (RULES 26).

    none < queued < sent < (delivered | undelivered | failed) for messages;
    none < initiated < ringing < answered < (completed | busy | no_answer | cancelled | failed) for calls.
    """

    NONE = "none"
    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    INITIATED = "initiated"
    RINGING = "ringing"
    ANSWERED = "answered"
    COMPLETED = "completed"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    CANCELLED = "cancelled"


class Delivery(TenantRow, table=True):
    """One call made to a provider: on record before the call, answered after it.

    Per touch (or per call, for a dial) at most one that is not certain to have failed (G3).
    """

    __tablename__ = "delivery"
    delivery_id: UUID = Field(primary_key=True)
    touch_id: UUID
    call_id: UUID | None = None
    lead_id: UUID
    receipt_id: UUID
    channel: Channel = Field(sa_type=choice(Channel))
    contact_point_id: UUID
    state: DeliveryState = Field(default=DeliveryState.SENDING, sa_type=choice(DeliveryState))
    begun_at: datetime = Field(sa_type=Instant)
    deadline_at: datetime = Field(sa_type=Instant)
    """Past this a delivery still `sending` becomes unknown."""
    recorded_at: datetime | None = Field(default=None, sa_type=Instant)
    provider_ref: str | None = None
    """Twilio's SID, or the mail's Message-ID."""
    code: str | None = None
    evidence: str | None = None
    """Why it is unknown, or what proved it later."""
    report: ReportStatus = Field(default=ReportStatus.NONE, sa_type=choice(ReportStatus))
    reported_at: datetime | None = Field(default=None, sa_type=Instant)
    parts: int | None = None
    cost_minor: int = Field(default=0, sa_type=BigInteger)
    subject: bytes | None = None
    content: bytes | None = None
    """What was sent, as text, sealed: shown in the timeline."""
    content_digest: bytes | None = None
    """SHA-256 of the facts that the content shows."""
    checked_at: datetime | None = Field(default=None, sa_type=Instant)
    """When reconciliation last asked the provider about an unknown one."""

    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "touch_id"], ["touch.tenant_id", "touch.touch_id"]),
        ForeignKeyConstraint(["tenant_id", "receipt_id"], ["receipt.tenant_id", "receipt.receipt_id"]),
        ForeignKeyConstraint(
            ["tenant_id", "contact_point_id"], ["contact_point.tenant_id", "contact_point.contact_point_id"]
        ),
        Index(
            "delivery_once_per_touch",
            "tenant_id",
            "touch_id",
            unique=True,
            postgresql_where=text("state <> 'not_sent' and call_id is null"),
        ),
        Index(
            "delivery_once_per_call",
            "tenant_id",
            "call_id",
            unique=True,
            postgresql_where=text("state <> 'not_sent' and call_id is not null"),
        ),
        Index("delivery_open", "deadline_at", postgresql_where=text("state = 'sending'")),
        Index("delivery_unknown", "begun_at", postgresql_where=text("state = 'unknown'")),
        Index("delivery_to_contact_point", "tenant_id", "contact_point_id", "begun_at"),
        Index("delivery_of_lead", "tenant_id", "lead_id", "begun_at"),
        Index(
            "delivery_told",
            "tenant_id",
            "begun_at",
            postgresql_where=text("content is not null or subject is not null"),
        ),
        CheckConstraint("(channel = 'call') = (call_id is not null)", name="dials_have_calls"),
    )


class DeliveryReport(TenantRow, table=True):
    """One word of the provider about a delivery, once per status. Append-only."""

    __tablename__ = "delivery_report"
    report_id: UUID = Field(primary_key=True)
    delivery_id: UUID
    status: ReportStatus = Field(sa_type=choice(ReportStatus))
    code: str | None = None
    received_at: datetime = Field(sa_type=Instant)

    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "delivery_id"], ["delivery.tenant_id", "delivery.delivery_id"]),
        UniqueConstraint("tenant_id", "delivery_id", "status"),
    )


class KillSwitch(TenantRow, table=True):
    """A client's switch for one channel (channel null: all): while engaged, no gate allows it. One at a time."""

    __tablename__ = "kill_switch"
    switch_id: UUID = Field(primary_key=True)
    channel: Channel | None = Field(default=None, sa_type=choice(Channel))
    engaged_at: datetime = Field(sa_type=Instant)
    engaged_by: UUID | None = None
    reason: str
    released_at: datetime | None = Field(default=None, sa_type=Instant)
    released_by: UUID | None = None

    __table_args__ = (
        Index(
            "kill_switch_engaged",
            "tenant_id",
            "channel",
            unique=True,
            postgresql_where=text("released_at is null"),
            postgresql_nulls_not_distinct=True,
        ),
    )


class AgencyKillSwitch(SQLModel, table=True):
    """The agency's switch for one channel of every client. No client's row: each gate reads it."""

    __tablename__ = "agency_kill_switch"
    switch_id: UUID = Field(primary_key=True)
    channel: Channel = Field(sa_type=choice(Channel))
    engaged_at: datetime = Field(sa_type=Instant)
    engaged_by: UUID | None = None
    reason: str
    released_at: datetime | None = Field(default=None, sa_type=Instant)
    released_by: UUID | None = None

    __table_args__ = (
        Index("agency_kill_switch_engaged", "channel", unique=True, postgresql_where=text("released_at is null")),
    )
