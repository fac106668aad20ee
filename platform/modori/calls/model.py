"""The operators' queue, dials and how they ended."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, text
from sqlmodel import Field

from modori.storage.columns import Instant, Json, TenantRow, choice


class CallTaskState(StrEnum):
    """waiting ⇄ claimed → done | cancelled. A claim whose lease ran out counts as waiting."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    DONE = "done"
    CANCELLED = "cancelled"


class Disposition(StrEnum):
    """How a call ended, as the operator says: each has its effect.

    will_buy      the task is done; the lead stays active and waits for the order
    no_answer     the task comes back after the dial gap, until the dials are used up
    refused       a stop without expiry (RULES 11); the lead ends
    call_back     a new task at the time agreed
    wrong_number  the contact point is dead; the task is done
    """

    WILL_BUY = "will_buy"
    NO_ANSWER = "no_answer"
    REFUSED = "refused"
    CALL_BACK = "call_back"
    WRONG_NUMBER = "wrong_number"


class CallTask(TenantRow, table=True):
    """A lead waiting for an operator."""

    __tablename__ = "call_task"
    call_task_id: UUID = Field(primary_key=True)
    touch_id: UUID
    lead_id: UUID
    site_id: UUID
    contact_point_id: UUID
    state: CallTaskState = Field(default=CallTaskState.WAITING, sa_type=choice(CallTaskState))
    due_at: datetime = Field(sa_type=Instant)
    is_callback: bool = False
    value_minor: int | None = Field(default=None, sa_type=BigInteger)
    currency: str | None = Field(default=None, max_length=3)
    claimed_by: UUID | None = None
    claimed_at: datetime | None = Field(default=None, sa_type=Instant)
    claimed_until: datetime | None = Field(default=None, sa_type=Instant)
    """The lease, by the database's clock; the lead page renews it while it is open."""
    disposition: Disposition | None = Field(default=None, sa_type=choice(Disposition))
    made_at: datetime = Field(sa_type=Instant)
    ended_at: datetime | None = Field(default=None, sa_type=Instant)
    ended_because: str | None = None

    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "lead_id"], ["lead.tenant_id", "lead.lead_id"]),
        ForeignKeyConstraint(["tenant_id", "touch_id"], ["touch.tenant_id", "touch.touch_id"]),
        Index(
            "call_task_open_lead",
            "tenant_id",
            "lead_id",
            unique=True,
            postgresql_where=text("state in ('waiting', 'claimed')"),
        ),
        Index("call_task_queue", "tenant_id", "due_at", postgresql_where=text("state in ('waiting', 'claimed')")),
        Index(
            "call_task_order",
            "tenant_id",
            text("is_callback desc"),
            text("value_minor desc nulls last"),
            "made_at",
            "call_task_id",
            postgresql_where=text("state = 'waiting'"),
        ),
        Index("call_task_one_each", "claimed_by", unique=True, postgresql_where=text("state = 'claimed'")),
        Index("call_task_lease", "claimed_until", postgresql_where=text("state = 'claimed'")),
    )


class CallState(StrEnum):
    """preparing → dialling → talking → ended; preparing | dialling → refused (the gate said no).

    ended waits for a disposition.
    """

    PREPARING = "preparing"
    DIALLING = "dialling"
    TALKING = "talking"
    ENDED = "ended"
    REFUSED = "refused"


class Call(TenantRow, table=True):
    """One dial: the operator's phone is rung and bridged to the customer's."""

    __tablename__ = "call"
    call_id: UUID = Field(primary_key=True)
    call_task_id: UUID
    touch_id: UUID
    lead_id: UUID
    contact_point_id: UUID
    user_id: UUID
    state: CallState = Field(default=CallState.PREPARING, sa_type=choice(CallState))
    dialled_at: datetime = Field(sa_type=Instant)
    bridged_at: datetime | None = Field(default=None, sa_type=Instant)
    """When the customer answered."""
    ended_at: datetime | None = Field(default=None, sa_type=Instant)
    talk_s: int | None = None
    openings: dict[str, Any] = Field(sa_type=Json)
    """Opening lines read, each with its instant: {"seller": "…Z", "caller": …, "goods": …, "purpose": …} (RULES 10)."""
    disposition: Disposition | None = Field(default=None, sa_type=choice(Disposition))
    disposed_at: datetime | None = Field(default=None, sa_type=Instant)
    refused_because: str | None = None
    """The gate's reason, where it said no."""
    note: bytes | None = None
    """The operator's words, sealed."""
    callback_at: datetime | None = Field(default=None, sa_type=Instant)

    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "call_task_id"], ["call_task.tenant_id", "call_task.call_task_id"]),
        Index("call_of_lead", "tenant_id", "lead_id", "dialled_at"),
        Index("call_of_task", "tenant_id", "call_task_id", "dialled_at"),
        Index("call_noted", "tenant_id", "dialled_at", postgresql_where=text("note is not null")),
    )
