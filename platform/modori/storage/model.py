"""Tables of the ground itself: data keys and the outbox."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from modori.storage.columns import Instant, Json, TenantRow, choice


class DataKey(TenantRow, table=True):
    """A tenant's data key, wrapped by the master key; destroyed when the tenant leaves."""

    __tablename__ = "data_key"
    wrapped: bytes | None
    destroyed_at: datetime | None = Field(default=None, sa_type=Instant)


class Promise(TenantRow, table=True):
    """Work that must follow a committed change. Written with the change, relayed afterwards, never lost."""

    __tablename__ = "promise"
    promise_id: UUID = Field(primary_key=True)
    topic: str
    key: str
    payload: dict[str, Any] = Field(sa_type=Json)
    promised_at: datetime = Field(sa_type=Instant)
    relayed_at: datetime | None = Field(default=None, sa_type=Instant)
    due_at: datetime | None = Field(default=None, sa_type=Instant)
    """It is not relayed before; None: at once. For waits of seconds, since what waits stays in the relay's index."""

    __table_args__ = (
        UniqueConstraint("tenant_id", "key"),
        Index("promise_to_relay", "promised_at", postgresql_where=text("relayed_at is null")),
    )


class WorkState(StrEnum):
    """waiting → done | quarantined (claimed three times without a result)."""

    WAITING = "waiting"
    DONE = "done"
    QUARANTINED = "quarantined"


class Work(TenantRow, table=True):
    """One subscriber's share of a promise. `claims` counts how often a worker took it up."""

    __tablename__ = "work"
    work_id: UUID = Field(primary_key=True)
    promise_id: UUID
    subscriber: str
    state: WorkState = Field(default=WorkState.WAITING, sa_type=choice(WorkState))
    claims: int = 0
    made_at: datetime = Field(sa_type=Instant)
    hinted_at: datetime | None = Field(default=None, sa_type=Instant)
    claimed_at: datetime | None = Field(default=None, sa_type=Instant)
    done_at: datetime | None = Field(default=None, sa_type=Instant)
    last_error: str | None = None

    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "promise_id"], ["promise.tenant_id", "promise.promise_id"]),
        UniqueConstraint("tenant_id", "promise_id", "subscriber"),
        Index("work_waiting", "hinted_at", postgresql_where=text("state = 'waiting'")),
    )


class ScheduledRun(SQLModel, table=True):
    """When each scan of the scheduler last ran to its end: what `/metrics` reports as its age. The agency's own."""

    __tablename__ = "scheduled_run"
    name: str = Field(primary_key=True)
    ran_at: datetime = Field(sa_type=Instant)
