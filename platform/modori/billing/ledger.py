"""The hash-chained ledger: append one entry, prove the chain whole, and replay it from its own proofs (G9)."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session

from modori.billing import queries, rules
from modori.billing.model import EntryKind, LedgerEntry
from modori.kernel.ids import TenantId, new_id
from modori.outcomes.model import Result


def append(
    session: Session,
    *,
    tenant_id: TenantId,
    kind: EntryKind,
    result: Result,
    reversal_id: UUID | None,
    amount_minor: int,
    tax_rate_bp: int,
    proof: dict[str, Any],
    now: datetime,
) -> LedgerEntry:
    """Chain one entry to a client's ledger, in the month of `now` or, where that is closed, the next open one.

    Takes the chain's lock, the last of all locks.
    """
    queries.lock_chain(session, tenant_id=tenant_id)
    last = queries.find_last_entry(session, tenant_id=tenant_id)
    month_on = rules.month_of(now)
    closed = queries.list_closed_months(session, tenant_id=tenant_id, from_on=month_on)
    facts = rules.EntryFacts(
        seq=1 if last is None else last.seq + 1,
        entry_id=new_id(),
        kind=kind.value,
        result_id=result.result_id,
        reversal_id=reversal_id,
        amount_minor=amount_minor,
        currency=result.currency,
        tax_rate_bp=tax_rate_bp,
        month_on=rules.open_month(month_on, closed),
        entered_at=now,
        proof=proof,
    )
    previous_hash = rules.GENESIS if last is None else bytes(last.entry_hash)
    entry = LedgerEntry(
        tenant_id=tenant_id,
        seq=facts.seq,
        entry_id=facts.entry_id,
        kind=kind,
        result_id=facts.result_id,
        reversal_id=reversal_id,
        amount_minor=amount_minor,
        currency=facts.currency,
        tax_rate_bp=tax_rate_bp,
        month_on=facts.month_on,
        entered_at=now,
        proof=proof,
        previous_hash=previous_hash,
        entry_hash=rules.entry_hash(previous_hash, facts),
    )
    queries.insert_entry(session, entry)
    return entry


def verify_chain(session: Session, *, tenant_id: TenantId) -> int | None:
    """Return the seq of the first entry that does not follow from the one before it, or None where all do.

    An entry that was cut off the end is missed by the closed month that names its hash: then the seq after the last.
    """
    last_seq = 0
    hashes = {rules.GENESIS}

    def links() -> Any:
        nonlocal last_seq
        for entry in queries.iter_entries(session, tenant_id=tenant_id):
            last_seq = entry.seq
            hashes.add(bytes(entry.entry_hash))
            yield facts_of(entry), bytes(entry.previous_hash), bytes(entry.entry_hash)

    broken = rules.first_break(links())
    if broken is not None:
        return broken
    closed = queries.list_statements(session, tenant_id=tenant_id)
    return last_seq + 1 if any(bytes(one.last_hash) not in hashes for one in closed) else None


@dataclass(frozen=True, slots=True)
class Replayed:
    """A month worked out again from the proofs that its entries carry."""

    net_minor: int
    entered_net_minor: int
    differences: tuple[rules.Difference, ...]

    @property
    def agrees(self) -> bool:
        return not self.differences


def replay_month(session: Session, *, tenant_id: TenantId, month_on: date) -> Replayed:
    """Work a month's entries out again from their proofs alone, and compare them with the ledger (G9)."""
    of_month = queries.list_month_entries(session, tenant_id=tenant_id, month_on=month_on)
    concerned = queries.list_entries_of_results(
        session, tenant_id=tenant_id, result_ids=sorted({entry.result_id for entry in of_month})
    )
    again = [
        (entry, amount)
        for entry, amount in rules.replay([facts_of(entry) for entry in concerned])
        if entry.month_on == month_on
    ]
    return Replayed(
        net_minor=sum(amount for _, amount in again),
        entered_net_minor=sum(entry.amount_minor for entry in of_month),
        differences=tuple(
            rules.Difference(entry.seq, entry.amount_minor, amount)
            for entry, amount in again
            if entry.amount_minor != amount
        ),
    )


def facts_of(entry: LedgerEntry) -> rules.EntryFacts:
    """Read an entry as its hash and its replay see it."""
    return rules.EntryFacts(
        seq=entry.seq,
        entry_id=entry.entry_id,
        kind=entry.kind.value,
        result_id=entry.result_id,
        reversal_id=entry.reversal_id,
        amount_minor=entry.amount_minor,
        currency=entry.currency,
        tax_rate_bp=entry.tax_rate_bp,
        month_on=entry.month_on,
        entered_at=entry.entered_at,
        proof=entry.proof,
    )
