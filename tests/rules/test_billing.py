"""Fees, reversals, tax, months, the chain and its replay."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modori.billing.rules import (
    GENESIS,
    EntryFacts,
    RateTotal,
    Rounding,
    entry_hash,
    fee_of,
    first_break,
    hold_until,
    is_over,
    may_approve,
    month_of,
    open_month,
    read_month,
    replay,
    reversal_of,
    tax_of,
    total,
)

PLACED_AT = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "fee_bp", "fee"),
    [
        (4980, 1500, 747),
        (4979, 1500, 746),  # 746.85: the fraction is the client's
        (0, 1500, 0),  # an application
        (6, 1500, 0),
        (7, 1500, 1),
        (4980, 10_000, 4980),
        (4980, 0, 0),
    ],
)
def test_g10_a_fee_is_rounded_down(value: int, fee_bp: int, fee: int) -> None:
    assert fee_of(value, fee_bp) == fee


@given(
    billed=st.integers(0, 10**12),
    fee_bp=st.integers(0, 10_000),
    cuts=st.lists(st.integers(0, 10**12), max_size=8),
)
def test_g9_reversals_never_take_more_than_the_fee_and_all_of_them_exactly_it(
    billed: int, fee_bp: int, cuts: list[int]
) -> None:
    edges = sorted({0, billed, *(cut % (billed + 1) for cut in cuts)})
    parts = [later - earlier for earlier, later in pairwise(edges)]
    fee, taken, before = fee_of(billed, fee_bp), 0, 0
    for part in parts:
        amount = reversal_of(billed_minor=billed, fee_bp=fee_bp, reversed_before_minor=before, value_minor=part)
        assert amount <= 0
        taken, before = taken + amount, before + part
        assert fee + taken == fee_of(billed - before, fee_bp)  # what stays is the fee of what stays
        assert fee + taken >= 0
    assert fee + taken == fee_of(billed - before, fee_bp)
    if before == billed:
        assert fee + taken == 0


def test_more_than_was_billed_cannot_be_reversed() -> None:
    with pytest.raises(ValueError, match="more than is left"):
        reversal_of(billed_minor=100, fee_bp=1500, reversed_before_minor=60, value_minor=41)


@pytest.mark.parametrize(
    ("net", "rounding", "tax"),
    [
        (105, Rounding.DOWN, 10),
        (105, Rounding.HALF_UP, 11),  # 10.5
        (104, Rounding.HALF_UP, 10),
        (101, Rounding.UP, 11),
        (100, Rounding.UP, 10),
        (-105, Rounding.DOWN, -10),  # a month with more reversals than fees: its size is rounded
        (-105, Rounding.HALF_UP, -11),
        (-101, Rounding.UP, -11),
        (0, Rounding.UP, 0),
    ],
)
def test_rules_20_tax_is_rounded_as_the_agency_says(net: int, rounding: Rounding, tax: int) -> None:
    assert tax_of(net, 1000, rounding) == tax


def test_g10_tax_is_rounded_once_per_rate_and_not_per_line() -> None:
    lines = [(1000, 105), (1000, 105), (800, 109), (1000, -9)]
    totals = total(lines, Rounding.DOWN)
    assert totals.by_rate == (RateTotal(800, 109, 8), RateTotal(1000, 201, 20))  # by line: 10 + 10 - 0
    assert (totals.net_minor, totals.tax_minor, totals.gross_minor, totals.entries) == (310, 28, 338, 4)


@pytest.mark.parametrize(
    ("instant", "month"),
    [
        (datetime(2026, 11, 30, 14, 59, 59, tzinfo=UTC), date(2026, 11, 1)),  # 23:59:59 in Tokyo
        (datetime(2026, 11, 30, 15, 0, tzinfo=UTC), date(2026, 12, 1)),  # midnight in Tokyo
        (datetime(2026, 12, 31, 15, 0, tzinfo=UTC), date(2027, 1, 1)),
    ],
)
def test_rules_22_months_are_those_of_tokyo(instant: datetime, month: date) -> None:
    assert month_of(instant) == month
    assert not is_over(month, now=instant)
    assert is_over(month, now=instant + timedelta(days=32))


@pytest.mark.parametrize(
    ("text", "month"),
    [
        ("2000-01", date(2000, 1, 1)),  # the first
        ("2026-11", date(2026, 11, 1)),
        ("2100-12", date(2100, 12, 1)),  # the last
        ("1999-12", None),
        ("2101-01", None),
        ("0001-01", None),
        ("9999-12", None),
        ("2026-00", None),
        ("2026-13", None),
        ("2026-1", None),
        ("2026-W01", None),
        ("202611", None),
        ("2026-11-01", None),
        ("２０２６-11", None),
        (" 2026-11", None),
        ("", None),
    ],
)
def test_a_month_is_a_year_and_a_month_within_bounds(text: str, month: date | None) -> None:
    assert read_month(text) == month


def test_the_last_month_that_can_be_written_is_not_over() -> None:
    assert not is_over(date(9999, 12, 1), now=datetime(2026, 12, 1, tzinfo=UTC))


def test_entries_after_closing_go_to_the_next_open_month() -> None:
    november, december, january = date(2026, 11, 1), date(2026, 12, 1), date(2027, 1, 1)
    assert open_month(november, []) == november
    assert open_month(november, [november]) == december
    assert open_month(november, [november, december]) == january
    assert open_month(november, [december]) == november


@pytest.mark.parametrize(
    ("solicited", "hold_s", "call_hold_s", "days"),
    [(False, 14, 22, 14), (True, 14, 22, 22), (True, 30, 22, 30)],
)
def test_rules_13_a_solicited_call_lengthens_the_hold(
    solicited: bool, hold_s: int, call_hold_s: int, days: int
) -> None:
    until = hold_until(PLACED_AT, solicited_by_call=solicited, hold_s=hold_s * 86400, call_hold_s=call_hold_s * 86400)
    assert until == PLACED_AT + timedelta(days=days)


def entry(seq: int, **changes: Any) -> EntryFacts:
    facts: dict[str, Any] = {
        "seq": seq,
        "entry_id": UUID(int=seq),
        "kind": "fee",
        "result_id": UUID(int=100 + seq),
        "reversal_id": None,
        "amount_minor": 747,
        "currency": "JPY",
        "tax_rate_bp": 1000,
        "month_on": date(2026, 11, 1),
        "entered_at": PLACED_AT,
        "proof": {"chain": {"order": {"value_minor": 4980}, "contract": {"fee_bp": 1500}}, "reversals_counted": []},
    }
    return EntryFacts(**(facts | changes))


def chained(*entries: EntryFacts) -> list[tuple[EntryFacts, bytes, bytes]]:
    links, previous = [], GENESIS
    for one in entries:
        links.append((one, previous, entry_hash(previous, one)))
        previous = links[-1][2]
    return links


@pytest.mark.parametrize(
    "change",
    [
        {"amount_minor": 748},
        {"tax_rate_bp": 800},
        {"month_on": date(2026, 12, 1)},
        {"currency": "USD"},
        {"result_id": UUID(int=1)},
        {"entered_at": PLACED_AT + timedelta(microseconds=1)},
        {"proof": {}},
    ],
)
def test_g9_the_chain_breaks_where_a_column_was_changed(change: dict[str, Any]) -> None:
    links = chained(entry(1), entry(2), entry(3))
    assert first_break(links) is None
    forged = [links[0], (entry(2, **change), *links[1][1:]), links[2]]
    assert first_break(forged) == 2


def test_g9_the_chain_breaks_where_an_entry_is_missing_or_its_hash_was_made_again() -> None:
    links = chained(entry(1), entry(2), entry(3))
    assert first_break([links[0], links[2]]) == 3
    assert first_break(links[1:]) == 2
    changed = entry(2, amount_minor=1)
    remade = [links[0], (changed, links[1][1], entry_hash(links[1][1], changed)), links[2]]
    assert first_break(remade) == 3


def test_g9_a_replay_needs_nothing_but_the_entries() -> None:
    whose = UUID(int=7)
    proof = {
        "chain": {"order": {"value_minor": 10_000}, "contract": {"fee_bp": 1500}},
        "reversals_counted": [{"id": "a", "value_minor": 1000}],
    }
    entries = [
        entry(1, result_id=whose, proof=proof, amount_minor=1350),
        entry(2),
        entry(3, kind="reversal", result_id=whose, amount_minor=-150, proof={"reversal": {"value_minor": 999}}),
        entry(4, kind="reversal", result_id=whose, amount_minor=-1200, proof={"reversal": {"value_minor": 8001}}),
    ]
    assert [amount for _, amount in replay(entries)] == [1350, 747, -150, -1200]


@pytest.mark.parametrize(
    ("approver", "vouched_by", "may"),
    [
        ("manager", (), True),  # a server said it
        ("manager", ("manager",), False),
        ("manager", ("admin", "manager"), False),  # uploaded by one, the file approved by the other: neither
        ("reviewer", ("admin", "manager"), True),
        (None, ("manager",), True),  # the client's silence
    ],
)
def test_who_brought_an_order_by_a_file_does_not_approve_its_result(
    approver: str | None, vouched_by: tuple[str, ...], may: bool
) -> None:
    assert may_approve(approver, vouched_by=vouched_by) is may
