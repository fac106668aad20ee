"""Opening lines, possible outcomes, and reports that come in any order."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from modori.calls.rules import (
    CallFacts,
    Leg,
    Objection,
    OpeningLine,
    Progress,
    advance,
    is_under_way,
    next_opening,
    object_to,
    opening_lines,
)

NOW = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)
ALL = [line.value for line in OpeningLine]


@pytest.mark.parametrize(
    ("locale", "seller", "purpose"),
    [("ja", "acme商店", "契約"), ("ja-JP", "acme商店", "契約"), ("en", "acme商店", "contract")],
)
def test_rules_10_four_lines_name_seller_caller_goods_and_purpose(locale: str, seller: str, purpose: str) -> None:
    lines = opening_lines(seller=seller, caller="佐藤", goods="台所用品", locale=locale)
    assert [line.line for line in lines] == list(OpeningLine)
    for line, word in zip(lines, (seller, "佐藤", "台所用品", purpose), strict=True):
        assert word in line.text


def test_rules_10_the_lines_are_read_in_order() -> None:
    assert next_opening([]) is OpeningLine.SELLER
    assert next_opening(["seller", "caller"]) is OpeningLine.GOODS
    assert next_opening(ALL) is None


@pytest.mark.parametrize(
    ("disposition", "call", "objection"),
    [
        ("no_answer", None, Objection.NO_CALL),
        ("will_buy", CallFacts("talking", ALL, disposed=False), None),
        ("will_buy", CallFacts("ended", ALL[:3], disposed=False), Objection.OPENINGS_MISSING),
        ("refused", CallFacts("talking", [], disposed=False), None),  # people refuse before they are told anything
        ("refused", CallFacts("dialling", [], disposed=False), None),  # the report of the answer may be late
        ("refused", CallFacts("preparing", [], disposed=False), Objection.NO_CALL),
        ("no_answer", CallFacts("preparing", [], disposed=False), None),
        ("no_answer", CallFacts("ended", [], disposed=False), None),
        ("no_answer", CallFacts("refused", [], disposed=False), Objection.NO_CALL),  # the gate said no
        ("will_buy", CallFacts("ended", ALL, disposed=True), Objection.DISPOSED),
        ("no_answer", CallFacts("ended", ALL, disposed=True), Objection.DISPOSED),
    ],
)
def test_rules_11_an_outcome_needs_a_call_and_is_noted_once(
    disposition: str, call: CallFacts | None, objection: Objection | None
) -> None:
    assert object_to(disposition, call) is objection


@pytest.mark.parametrize(
    ("state", "age_s", "under_way"),
    [
        ("preparing", 59, True),
        ("preparing", 60, False),
        ("dialling", 299, True),
        ("dialling", 300, False),
        ("talking", 7199, True),
        ("talking", 7200, False),
        ("ended", 0, False),
        ("refused", 0, False),
    ],
)
def test_a_call_of_which_nothing_is_heard_is_over_some_day(state: str, age_s: int, under_way: bool) -> None:
    assert is_under_way(state, NOW - timedelta(seconds=age_s), now=NOW) is under_way


REPORTS = [
    (Leg.OPERATOR, "ringing", None),
    (Leg.OPERATOR, "answered", None),
    (Leg.CUSTOMER, "answered", None),
    (Leg.CUSTOMER, "completed", 40),
    (Leg.OPERATOR, "completed", None),
]


@pytest.mark.parametrize("reports", list(permutations(REPORTS)))
def test_rules_26_reports_may_come_in_any_order_and_twice(reports: tuple[tuple[Leg, str, int | None], ...]) -> None:
    call = Progress("preparing", None, None, None)
    for leg, status, talk_s in [one for report in reports for one in (report, report)]:
        call = advance(call, leg=leg, status=status, talk_s=talk_s, now=NOW)
    assert (call.state, call.talk_s, call.ended_at) == ("ended", 40, NOW)
    assert call.bridged_at is not None


@pytest.mark.parametrize(
    ("reports", "state", "bridged", "talk_s"),
    [
        ([(Leg.OPERATOR, "answered", None)], "dialling", False, None),  # only the operator's own phone
        ([(Leg.CUSTOMER, "answered", None)], "talking", True, None),
        ([(Leg.CUSTOMER, "no_answer", None)], "ended", False, 0),
        ([(Leg.CUSTOMER, "completed", 0)], "ended", False, 0),  # answered and cut off within the second
        ([(Leg.OPERATOR, "no_answer", None)], "ended", False, 0),
        ([(Leg.OPERATOR, "completed", 90)], "ended", False, None),  # the operator's length proves no talk
        ([(Leg.OPERATOR, "completed", 90), (Leg.CUSTOMER, "completed", 40)], "ended", True, 40),
        ([(Leg.CUSTOMER, "busy", None), (Leg.OPERATOR, "completed", 12)], "ended", False, 0),
    ],
)
def test_only_the_customers_leg_proves_talk(
    reports: list[tuple[Leg, str, int | None]], state: str, bridged: bool, talk_s: int | None
) -> None:
    call = Progress("dialling", None, None, None)
    for leg, status, seconds in reports:
        call = advance(call, leg=leg, status=status, talk_s=seconds, now=NOW)
    assert (call.state, call.bridged_at is not None, call.talk_s) == (state, bridged, talk_s)


def test_a_call_that_the_gate_refused_stays_so() -> None:
    call = Progress("refused", None, NOW, 0)
    assert advance(call, leg=Leg.OPERATOR, status="completed", talk_s=9, now=NOW).state == "refused"
