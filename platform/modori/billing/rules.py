"""Pure arithmetic of billing: fees, tax, months, the chain's hashes, and the replay.

Every amount is an integer in the currency's minor unit (G10).
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

AGENCY_ZONE: Final = ZoneInfo("Asia/Tokyo")
"""Months close at 末締め in Japan, wherever the client's customers are (RULES 22)."""

YEARS: Final = range(2000, 2101)
"""Of which there may be statements."""

GENESIS: Final = bytes(32)
"""What the first entry of a chain names as the one before it."""

BASIS_POINTS: Final = 10_000


class Rounding(StrEnum):
    """How tax is rounded, once per rate; of a negative sum its size is rounded so (RULES 20)."""

    DOWN = "down"
    HALF_UP = "half_up"
    UP = "up"


def fee_of(value_minor: int, fee_bp: int) -> int:
    """Return the agency's share of an order, rounded down: a fraction of a yen is the client's."""
    return value_minor * fee_bp // BASIS_POINTS


def may_approve(approver: str | None, *, vouched_by: Collection[str]) -> bool:
    """Say whether a result may be approved by somebody: never by whoever brought its order by hand (decision 0036).

    approver    user id; None: the client's silence, which is nobody's word about themselves
    vouched_by  user ids of whoever uploaded or approved the file that the order came by
    """
    return approver is None or approver not in vouched_by


def reversal_of(*, billed_minor: int, fee_bp: int, reversed_before_minor: int, value_minor: int) -> int:
    """Return the amount, zero or negative, that takes a reversal back from a billed fee.

    What is left of the fee is the fee of what is left of the order, so that the order of partial reversals changes
    nothing, all of them together are exactly the fee, and never more.
    raises  ValueError where more is reversed than was billed
    """
    left_before = billed_minor - reversed_before_minor
    left_after = left_before - value_minor
    if value_minor < 0 or left_after < 0:
        raise ValueError("a reversal cannot take more than is left")
    return fee_of(left_after, fee_bp) - fee_of(left_before, fee_bp)


def hold_until(placed_at: datetime, *, solicited_by_call: bool, hold_s: int, call_hold_s: int) -> datetime:
    """Say until when a result waits. After a solicited call the longer hold applies. source: RULES 13"""
    return placed_at + timedelta(seconds=max(hold_s, call_hold_s) if solicited_by_call else hold_s)


def month_of(at: datetime) -> date:
    """Return the first day of the agency's month in which an instant lies."""
    return at.astimezone(AGENCY_ZONE).date().replace(day=1)


def read_month(text: str) -> date | None:
    """Read a month such as 2026-11; None for what is none, or none that a statement can be of."""
    try:
        month_on = date.fromisoformat(f"{text}-01")
    except ValueError:
        return None
    return month_on if month_on.year in YEARS else None


def next_month(month_on: date) -> date:
    return (month_on.replace(day=28) + timedelta(days=4)).replace(day=1)


def is_over(month_on: date, *, now: datetime) -> bool:
    """Say whether the last day of a month has ended in the agency's zone."""
    return month_of(now) > month_on


def open_month(month_on: date, closed: Collection[date]) -> date:
    """Return the month itself, or the first after it that is not closed."""
    while month_on in closed:
        month_on = next_month(month_on)
    return month_on


def tax_of(net_minor: int, tax_rate_bp: int, rounding: Rounding) -> int:
    """Return the tax on a sum, rounded to a whole minor unit. source: RULES 20, G10"""
    size, rest = divmod(abs(net_minor) * tax_rate_bp, BASIS_POINTS)
    match rounding:
        case Rounding.DOWN:
            pass
        case Rounding.HALF_UP:
            size += rest * 2 >= BASIS_POINTS
        case Rounding.UP:
            size += rest > 0
    return size if net_minor >= 0 else -size


@dataclass(frozen=True, slots=True)
class RateTotal:
    """One tax rate of a statement."""

    tax_rate_bp: int
    net_minor: int
    tax_minor: int


@dataclass(frozen=True, slots=True)
class Totals:
    """The sums of a month. `net_minor` is without tax."""

    entries: int
    net_minor: int
    tax_minor: int
    by_rate: tuple[RateTotal, ...]

    @property
    def gross_minor(self) -> int:
        return self.net_minor + self.tax_minor


def total(amounts: Iterable[tuple[int, int]], rounding: Rounding) -> Totals:
    """Add up (tax_rate_bp, amount_minor) pairs: tax is rounded once per rate, not per line (G10)."""
    nets: dict[int, int] = {}
    entries = 0
    for rate, amount in amounts:
        nets[rate] = nets.get(rate, 0) + amount
        entries += 1
    by_rate = tuple(RateTotal(rate, net, tax_of(net, rate, rounding)) for rate, net in sorted(nets.items()))
    return Totals(entries, sum(one.net_minor for one in by_rate), sum(one.tax_minor for one in by_rate), by_rate)


def canonical(value: Mapping[str, Any]) -> bytes:
    """Write JSON the one way that is hashed: keys sorted, no spaces, UTF-8; integers and text only."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


@dataclass(frozen=True, slots=True)
class EntryFacts:
    """A ledger entry as its hash sees it."""

    seq: int
    entry_id: UUID
    kind: str
    result_id: UUID
    reversal_id: UUID | None
    amount_minor: int
    currency: str
    tax_rate_bp: int
    month_on: date
    entered_at: datetime
    proof: Mapping[str, Any]


def entry_hash(previous_hash: bytes, entry: EntryFacts) -> bytes:
    """Return SHA-256 over the hash before it and the canonical JSON of every column of an entry."""
    body = {
        "seq": entry.seq,
        "entry_id": str(entry.entry_id),
        "kind": entry.kind,
        "result_id": str(entry.result_id),
        "reversal_id": None if entry.reversal_id is None else str(entry.reversal_id),
        "amount_minor": entry.amount_minor,
        "currency": entry.currency,
        "tax_rate_bp": entry.tax_rate_bp,
        "month_on": entry.month_on.isoformat(),
        "entered_at": entry.entered_at.astimezone(UTC).isoformat(timespec="microseconds"),
        "proof": entry.proof,
    }
    return hashlib.sha256(previous_hash + canonical(body)).digest()


def first_break(
    links: Iterable[tuple[EntryFacts, bytes, bytes]], *, previous_seq: int = 0, previous_hash: bytes = GENESIS
) -> int | None:
    """Return the seq of the first entry that does not follow from the one before it, or None.

    links  (entry, its previous_hash, its entry_hash) by seq, following (previous_seq, previous_hash)
    """
    for entry, said_previous, said_hash in links:
        follows = entry.seq == previous_seq + 1 and said_previous == previous_hash
        if not follows or entry_hash(said_previous, entry) != said_hash:
            return entry.seq
        previous_seq, previous_hash = entry.seq, said_hash
    return None


@dataclass(frozen=True, slots=True)
class Difference:
    """An entry whose amount does not follow from its own proof."""

    seq: int
    entered_minor: int
    replayed_minor: int


def replay(entries: Sequence[EntryFacts]) -> Iterator[tuple[EntryFacts, int]]:
    """Work every amount out again from the proof that its entry carries, and from nothing else (G9).

    entries  all entries of the results concerned, by seq
    yields   each entry with its replayed amount
    """
    fees: dict[UUID, tuple[int, int]] = {}
    reversed_minor: dict[UUID, int] = {}
    for entry in entries:
        proof = entry.proof
        if entry.kind == "fee":
            chain = proof["chain"]
            value = chain["order"]["value_minor"] - sum(one["value_minor"] for one in proof["reversals_counted"])
            fees[entry.result_id] = (value, chain["contract"]["fee_bp"])
            yield entry, fee_of(value, chain["contract"]["fee_bp"])
            continue
        billed, fee_bp = fees[entry.result_id]
        before = reversed_minor.get(entry.result_id, 0)
        value = proof["reversal"]["value_minor"]
        reversed_minor[entry.result_id] = before + value
        yield entry, reversal_of(billed_minor=billed, fee_bp=fee_bp, reversed_before_minor=before, value_minor=value)
