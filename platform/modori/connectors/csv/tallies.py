"""What the rows of a file add up to, so that whoever approves it sees the money and the span of time. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from modori.connectors.csv.model import RowOutcome, Upload


class Measure(NamedTuple):
    """What one row adds to its file's sums. Nothing in it says who the row is about.

    what   the currency of an order, or of a return whose order is known; of a consent channel and answer: `email yes`
    minor  the amount, in that currency's minor unit; 0 for a consent
    at     when it was ordered, returned or consented to
    """

    what: str
    minor: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Sum:
    """What rows of one outcome and one currency, or one channel and answer, come to together."""

    outcome: RowOutcome
    what: str
    rows: int
    minor: int


@dataclass(frozen=True, slots=True)
class Tally:
    """The sums of a file as far as it has been looked at, by outcome and by `Measure.what`, and its span of time."""

    sums: tuple[Sum, ...] = ()
    first_at: datetime | None = None
    last_at: datetime | None = None


COUNTED = (RowOutcome.NEW, RowOutcome.KEPT)
"""What approving a file would record."""


def add_up(before: Tally, rows: Iterable[tuple[RowOutcome, Measure | None]]) -> Tally:
    """Add rows to a tally. Those that would record nothing are left out."""
    added = {(one.outcome, one.what): (one.rows, one.minor) for one in before.sums}
    instants = [at for at in (before.first_at, before.last_at) if at is not None]
    for outcome, measure in rows:
        if outcome not in COUNTED or measure is None:
            continue
        count, minor = added.get((outcome, measure.what), (0, 0))
        added[outcome, measure.what] = (count + 1, minor + measure.minor)
        instants.append(measure.at)
    sums = [Sum(outcome, what, *added[outcome, what]) for outcome, what in sorted(added, key=_place)]
    return Tally(tuple(sums), min(instants, default=None), max(instants, default=None))


def _place(key: tuple[RowOutcome, str]) -> tuple[int, str]:
    return COUNTED.index(key[0]), key[1]


def to_json(tally: Tally) -> list[dict[str, Any]]:
    """Write the sums as they are stored with the file and in the audit."""
    return [
        {"outcome": one.outcome.value, "what": one.what, "rows": one.rows, "minor": one.minor} for one in tally.sums
    ]


def from_json(sums: Iterable[Mapping[str, Any]] | None, first_at: datetime | None, last_at: datetime | None) -> Tally:
    """Read a tally as it was stored; an empty one where none was."""
    read = [Sum(RowOutcome(one["outcome"]), one["what"], one["rows"], one["minor"]) for one in sums or ()]
    return Tally(tuple(read), first_at, last_at)


def tally_of(upload: Upload) -> Tally:
    """Read what the rows that have been looked at add up to."""
    return from_json(upload.sums, upload.first_at, upload.last_at)
