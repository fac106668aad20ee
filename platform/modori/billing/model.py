"""Contracts, the hash-chained ledger, and statements."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlmodel import Field

from modori.storage.columns import Instant, Json, TenantRow, choice


class ContractVersion(TenantRow, table=True):
    """The price terms from one day on. Immutable; the newest whose valid_from_at has passed applies."""

    __tablename__ = "contract_version"
    contract_version_id: UUID = Field(primary_key=True)
    number: int
    valid_from_at: datetime = Field(sa_type=Instant)
    window_s: int
    """Last click or call within this long before the order makes it ours."""
    fee_bp: int
    """The agency's share of the order's value, basis points: 1500 is 15 %."""
    hold_s: int
    call_hold_s: int
    """Hold of a result that a solicited call made: receipt of the contract document + 8 days by default (RULES 13)."""
    approve_after_s: int | None = None
    """Approve by silence this long after the hold; None: the client must say it."""
    made_at: datetime = Field(sa_type=Instant)

    __table_args__ = (
        UniqueConstraint("tenant_id", "number"),
        CheckConstraint("fee_bp between 0 and 10000", name="fee_range"),
    )


class EntryKind(StrEnum):
    """fee for an approved result · reversal, the opposite of (a part of) one."""

    FEE = "fee"
    REVERSAL = "reversal"


class LedgerEntry(TenantRow, table=True):
    """One immutable amount with its proof, chained to the one before it by hash (G9). No role may update or delete."""

    __tablename__ = "ledger_entry"
    seq: int = Field(primary_key=True, sa_type=BigInteger)
    entry_id: UUID = Field(unique=True)
    kind: EntryKind = Field(sa_type=choice(EntryKind))
    result_id: UUID
    reversal_id: UUID | None = None
    amount_minor: int = Field(sa_type=BigInteger)
    """Without tax; negative for a reversal."""
    currency: str = Field(max_length=3)
    tax_rate_bp: int
    month_on: date
    """First day of the month (of the agency, Asia/Tokyo) whose statement it stands on."""
    entered_at: datetime = Field(sa_type=Instant)
    proof: dict[str, Any] = Field(sa_type=Json)
    previous_hash: bytes
    entry_hash: bytes

    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "result_id"], ["result.tenant_id", "result.result_id"]),
        UniqueConstraint("tenant_id", "result_id", "kind", "reversal_id", postgresql_nulls_not_distinct=True),
        Index("ledger_of_month", "tenant_id", "month_on", "seq"),
    )


class Statement(TenantRow, table=True):
    """A closed month: the totals that its entries had, and the hash of the last one (RULES 22)."""

    __tablename__ = "statement"
    month_on: date = Field(primary_key=True)
    entries: int
    net_minor: int = Field(sa_type=BigInteger)
    tax_minor: int = Field(sa_type=BigInteger)
    currency: str = Field(max_length=3)
    by_rate: list[dict[str, Any]] = Field(sa_type=Json)
    """[{"tax_rate_bp", "net_minor", "tax_minor"}]: tax is rounded once per rate (G10)."""
    last_hash: bytes
    closed_at: datetime = Field(sa_type=Instant)
    closed_by: UUID | None = None
