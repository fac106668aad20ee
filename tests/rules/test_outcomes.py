"""Whose result an order is, and which instants are possible."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from modori.outcomes.rules import (
    SETTLES_AFTER,
    AttributionRule,
    Basis,
    Clock,
    ContactFacts,
    ContactKind,
    FeedWord,
    LeadFacts,
    NoResult,
    OrderFacts,
    attribute,
    hear_order,
    heard_until,
    judge_instant,
)

PLACED_AT = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)
WINDOW = timedelta(days=7)
SECOND = timedelta(seconds=1)
RULE = AttributionRule(WINDOW, "JPY")
ORDER = OrderFacts(placed_at=PLACED_AT, proven=True, wholly_reversed=False, currency="JPY")
LEAD, OTHER = UUID(int=1), UUID(int=2)


def click(before: timedelta, *, number: int = 10, lead: UUID = LEAD, **changes: Any) -> ContactFacts:
    facts = ContactFacts(ContactKind.CLICK, UUID(int=number), lead, UUID(int=99), PLACED_AT - before, accepted=True)
    return replace(facts, **changes)


def call(before: timedelta, *, number: int = 20, **changes: Any) -> ContactFacts:
    facts = ContactFacts(
        ContactKind.CALL, UUID(int=number), LEAD, UUID(int=98), PLACED_AT - before, accepted=True, talked=True
    )
    return replace(facts, **changes)


def ask(
    *contacts: ContactFacts, order: OrderFacts = ORDER, leads: list[LeadFacts] | None = None
) -> ContactFacts | NoResult:
    leads = [LeadFacts(LEAD, holdout=False)] if leads is None else leads
    answer = attribute(order, leads=leads, contacts=contacts, rule=RULE)
    return answer.contact if isinstance(answer, Basis) else answer


@pytest.mark.parametrize(
    ("before", "is_ours"),
    [
        (timedelta(0), True),  # the same instant
        (-SECOND, False),  # after the order
        (WINDOW - SECOND, True),
        (WINDOW, False),  # the far end is open
        (WINDOW + SECOND, False),
    ],
)
def test_the_window_has_edges(before: timedelta, is_ours: bool) -> None:
    assert (ask(click(before)) == click(before)) is is_ours


@pytest.mark.parametrize(
    ("contacts", "number"),
    [
        ((click(2 * SECOND, number=1), click(SECOND, number=2)), 2),
        ((click(SECOND, number=2), call(2 * SECOND, number=1)), 2),
        ((click(2 * SECOND, number=2), call(SECOND, number=1)), 1),
        ((click(SECOND, number=9), call(SECOND, number=1)), 1),  # at one instant the conversation counts
    ],
)
def test_the_last_contact_before_the_order_counts(contacts: tuple[ContactFacts, ...], number: int) -> None:
    for order in (contacts, contacts[::-1]):
        found = ask(*order)
        assert isinstance(found, ContactFacts)
        assert found.contact_id == UUID(int=number)


@pytest.mark.parametrize(
    "contact",
    [
        click(SECOND, confirmed=False),  # no event of the site carried its token
        click(SECOND, suspect=True),  # a scanner, or within 2 s
        click(SECOND, accepted=False),  # the delivery is unknown (G3)
        call(SECOND, talked=False),
        call(SECOND, accepted=False),
        click(SECOND, lead=OTHER),  # of a lead that the order did not match
    ],
)
def test_rules_30_what_is_no_evidence_does_not_count_and_hides_nothing_older(contact: ContactFacts) -> None:
    assert ask(contact) is NoResult.NO_CONTACT
    older = click(timedelta(days=1))
    assert ask(contact, older) == older


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (replace(ORDER, proven=False), NoResult.UNPROVEN),
        (replace(ORDER, wholly_reversed=True), NoResult.REVERSED),
        (replace(ORDER, currency="USD"), NoResult.OTHER_CURRENCY),
    ],
)
def test_g11_some_orders_never_bill(order: OrderFacts, reason: NoResult) -> None:
    assert ask(click(SECOND), order=order) is reason


@pytest.mark.parametrize(
    ("leads", "reason"),
    [
        ([], NoResult.NO_LEAD),
        ([LeadFacts(LEAD, holdout=True)], NoResult.HOLDOUT),
        ([LeadFacts(LEAD, holdout=False, converted_before=True)], NoResult.CONVERTED_BEFORE),
        ([LeadFacts(LEAD, holdout=True), LeadFacts(OTHER, holdout=False)], NoResult.NO_CONTACT),
    ],
)
def test_some_leads_never_bill(leads: list[LeadFacts], reason: NoResult) -> None:
    assert ask(click(SECOND), leads=leads) is reason


def test_without_a_contract_there_is_no_result() -> None:
    leads = [LeadFacts(LEAD, holdout=False)]
    assert attribute(ORDER, leads=leads, contacts=[click(SECOND)], rule=None) is NoResult.NO_CONTRACT


@pytest.mark.parametrize(
    ("contacts", "solicited"),
    [
        ((click(SECOND),), False),
        ((call(SECOND),), True),
        ((click(SECOND), call(timedelta(days=1))), True),  # an order that follows a call
        ((click(SECOND), call(timedelta(days=30))), True),  # however long ago: the careful reading
        ((click(SECOND), call(SECOND, talked=False)), False),
    ],
)
def test_rules_13_an_order_after_a_call_was_solicited_by_it(
    contacts: tuple[ContactFacts, ...], solicited: bool
) -> None:
    answer = attribute(ORDER, leads=[LeadFacts(LEAD, holdout=False)], contacts=contacts, rule=RULE)
    assert isinstance(answer, Basis)
    assert answer.solicited_by_call is solicited


@pytest.mark.parametrize(
    ("ahead", "verdict"),
    [
        (timedelta(0), Clock.POSSIBLE),
        (timedelta(minutes=5), Clock.POSSIBLE),
        (timedelta(minutes=5, seconds=1), Clock.FUTURE),
        (timedelta(days=-365), Clock.POSSIBLE),
        (timedelta(days=-365, seconds=-1), Clock.TOO_OLD),
    ],
)
def test_clocks_far_off_are_noticed(ahead: timedelta, verdict: Clock) -> None:
    assert judge_instant(PLACED_AT + ahead, now=PLACED_AT) is verdict


@pytest.mark.parametrize(
    ("placed_ago", "is_live_source", "heard_ago"),
    [
        (timedelta(0), True, timedelta(0)),
        (timedelta(minutes=5), True, timedelta(0)),  # the last instant of a live report
        (timedelta(minutes=5, seconds=1), True, timedelta(minutes=5, seconds=1)),
        (timedelta(hours=9), True, timedelta(hours=9)),
        (timedelta(minutes=1), False, timedelta(minutes=1)),  # a file says nothing of what came after it
        (timedelta(minutes=-1), True, timedelta(0)),  # a fast clock vouches for nothing that is to come
        (timedelta(minutes=-1), False, timedelta(0)),
    ],
)
def test_an_order_that_comes_late_is_word_up_to_itself(
    placed_ago: timedelta, is_live_source: bool, heard_ago: timedelta
) -> None:
    now = PLACED_AT
    assert heard_until(now - placed_ago, is_live_source=is_live_source, now=now) == now - heard_ago


HOUR, SETTLED_AT = timedelta(hours=1), PLACED_AT + SETTLES_AFTER
AGO = PLACED_AT - 9 * HOUR


@pytest.mark.parametrize(
    ("before", "heard_at", "max_age", "after"),
    [
        (None, PLACED_AT, None, FeedWord(PLACED_AT)),  # no limit: nothing is ever held, and nothing settles
        (FeedWord(AGO), PLACED_AT, None, FeedWord(PLACED_AT)),
        (None, PLACED_AT, HOUR, FeedWord(PLACED_AT, SETTLED_AT)),  # what was before the first word nobody knows
        (None, AGO, HOUR, FeedWord(AGO)),  # stale by itself
        (FeedWord(AGO), PLACED_AT, HOUR, FeedWord(PLACED_AT, SETTLED_AT)),  # live, while a backlog may be on its way
        (FeedWord(PLACED_AT - HOUR), PLACED_AT, HOUR, FeedWord(PLACED_AT)),  # exactly at the limit: no silence
        # an older order of the backlog: more may come
        (FeedWord(PLACED_AT, SETTLED_AT - 60 * SECOND), AGO, HOUR, FeedWord(PLACED_AT, SETTLED_AT)),
        (FeedWord(PLACED_AT, PLACED_AT), AGO, HOUR, None),  # settled: a late order says nothing new
        (FeedWord(PLACED_AT), AGO, HOUR, None),
        (FeedWord(PLACED_AT - 10 * SECOND), PLACED_AT, HOUR, None),  # written at most every ten seconds
        (FeedWord(PLACED_AT - 11 * SECOND), PLACED_AT, HOUR, FeedWord(PLACED_AT)),
        # another live one ends no settling
        (
            FeedWord(PLACED_AT - 11 * SECOND, SETTLED_AT - SECOND),
            PLACED_AT,
            HOUR,
            FeedWord(PLACED_AT, SETTLED_AT - SECOND),
        ),
    ],
)
def test_the_first_live_order_after_a_silence_is_not_believed_at_once(
    before: FeedWord | None, heard_at: datetime, max_age: timedelta | None, after: FeedWord | None
) -> None:
    assert hear_order(before, heard_at=heard_at, max_age=max_age, now=PLACED_AT) == after
