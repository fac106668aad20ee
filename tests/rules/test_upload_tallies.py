"""What the rows of a file add up to, beside the approval."""

from datetime import timedelta

import pytest

from modori.connectors.csv.model import RowOutcome
from modori.connectors.csv.tallies import Measure, Sum, Tally, add_up, from_json, to_json
from tests.world import NOW

NEW, KEPT, KNOWN, REFUSED = RowOutcome.NEW, RowOutcome.KEPT, RowOutcome.KNOWN, RowOutcome.REFUSED
EARLY, LATE = NOW - timedelta(days=3), NOW


def yen(minor: int, at: object = NOW) -> Measure:
    assert at in (EARLY, LATE)
    return Measure("JPY", minor, EARLY if at == EARLY else LATE)


@pytest.mark.parametrize(
    ("rows", "sums", "span"),
    [
        ([], (), (None, None)),
        ([(NEW, yen(4980))], (Sum(NEW, "JPY", 1, 4980),), (LATE, LATE)),
        ([(NEW, yen(4980)), (NEW, yen(20, EARLY))], (Sum(NEW, "JPY", 2, 5000),), (EARLY, LATE)),
        # each currency by itself: no sum of both
        (
            [(NEW, Measure("USD", 4980, LATE)), (NEW, yen(4980))],
            (Sum(NEW, "JPY", 1, 4980), Sum(NEW, "USD", 1, 4980)),
            (LATE, LATE),
        ),
        # what bills stands before what does not
        ([(KEPT, yen(1, EARLY)), (NEW, yen(2))], (Sum(NEW, "JPY", 1, 2), Sum(KEPT, "JPY", 1, 1)), (EARLY, LATE)),
        # approving would record none of these
        ([(KNOWN, yen(4980, EARLY)), (REFUSED, None), (REFUSED, yen(1))], (), (None, None)),
        ([(NEW, Measure("email yes", 0, LATE))], (Sum(NEW, "email yes", 1, 0),), (LATE, LATE)),
    ],
)
def test_rows_add_up_by_outcome_and_currency(
    rows: list[tuple[RowOutcome, Measure | None]], sums: tuple[Sum, ...], span: tuple[object, object]
) -> None:
    tally = add_up(Tally(), rows)
    assert tally.sums == sums
    assert (tally.first_at, tally.last_at) == span
    in_parts = Tally()
    for row in rows:  # a file is looked at in parts, and written down between them
        in_parts = add_up(in_parts, [row])
        in_parts = from_json(to_json(in_parts), in_parts.first_at, in_parts.last_at)
    assert in_parts == tally
