"""How events fold, whose clock counts, and when an episode is abandoned."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from modori.capture.rules import (
    CartSeen,
    Clock,
    ConsentSeen,
    Draft,
    EpisodeFacts,
    FormSeen,
    PageSeen,
    ReadEvent,
    Seen,
    Verdict,
    correct_clock,
    fold,
    is_settled_by_order,
    judge_clock,
    judge_episode,
    next_look,
    starts_episode,
)
from modori.kernel.ids import new_id
from tests.world import NOW

S = timedelta(seconds=1)
IDLE, EXPIRES = timedelta(minutes=30), timedelta(days=30)


def event(seen: Seen, at: datetime = NOW) -> ReadEvent:
    return ReadEvent(new_id(), "any", at, "visitor1", "https://s.example/", "", seen)


def cart(value: int, *items: str) -> CartSeen:
    return CartSeen("c1", "JPY", value, tuple({"id": item} for item in items), None)


def form(**fields: str) -> FormSeen:
    return FormSeen("checkout", fields, "email", 0.5, submitted=False)


DRAFT = Draft(started_at=NOW, last_activity_at=NOW)


@pytest.mark.parametrize(
    ("sent_after", "moved"),
    [
        (timedelta(0), timedelta(0)),
        (-5 * S, timedelta(0)),  # may be the way of the request
        (-6 * S, 6 * S),  # its clock is slow
        (timedelta(hours=9), -timedelta(hours=9)),  # its clock is in another zone
    ],
)
def test_a_wrong_clock_is_corrected_by_what_it_said_when_it_sent(sent_after: timedelta, moved: timedelta) -> None:
    assert correct_clock(NOW, sent_at=NOW + sent_after, received_at=NOW) == NOW + moved
    assert correct_clock(NOW, sent_at=None, received_at=NOW) == NOW


@pytest.mark.parametrize(
    ("ago", "clock"),
    [
        (timedelta(0), Clock.POSSIBLE),
        (timedelta(days=30), Clock.POSSIBLE),
        (timedelta(days=30, seconds=1), Clock.TOO_OLD),  # its id may have been forgotten (G1)
        (-timedelta(days=1), Clock.POSSIBLE),
        (-timedelta(days=1, seconds=1), Clock.FROM_THE_FUTURE),
    ],
)
def test_clocks_far_off(ago: timedelta, clock: Clock) -> None:
    assert judge_clock(NOW - ago, received_at=NOW) is clock


def test_the_newest_cart_stays_and_a_late_one_only_counts_as_activity() -> None:
    newest = fold(DRAFT, event(cart(4980, "a", "b"), NOW + 60 * S))
    late = fold(newest, event(cart(100, "z"), NOW + 30 * S))
    assert [item["id"] for item in late.items] == ["a", "b"]
    assert late.cart_minor == 4980
    assert late.last_activity_at == NOW + 60 * S
    assert fold(late, event(cart(0), NOW + 90 * S)).items == ()


def test_forms_merge_and_a_late_one_changes_nothing() -> None:
    first = fold(DRAFT, event(form(email="a@b.jp"), NOW + 10 * S))
    second = fold(first, event(form(tel="090"), NOW + 20 * S))
    assert second.form_fields == {"email": "a@b.jp", "tel": "090"}
    assert fold(second, event(form(email="old@b.jp"), NOW)).form_fields == second.form_fields


def test_submitting_is_the_newest_form_s_word() -> None:
    sent = fold(DRAFT, event(replace(form(), submitted=True), NOW + S))
    assert sent.submitted_at == NOW + S
    assert fold(sent, event(form(), NOW + 2 * S)).submitted_at is None


def test_a_page_that_stays_open_is_activity() -> None:
    assert fold(DRAFT, event(PageSeen(), NOW + 90 * S)).last_activity_at == NOW + 90 * S


@pytest.mark.parametrize(
    ("seen", "starts"),
    [
        (PageSeen(), False),
        (cart(0), False),
        (cart(1, "a"), True),
        (form(email="a@b.jp"), True),
        (ConsentSeen("email", True, "はい", None), True),  # it binds to what is captured after it, too
    ],
)
def test_what_opens_an_episode(seen: Seen, starts: bool) -> None:
    assert starts_episode(event(seen), last_ordered_at=None) is starts


@pytest.mark.parametrize(("after_order", "belongs"), [(-60, True), (0, True), (30, True), (31, False)])
def test_late_events_of_a_bought_cart_open_nothing(after_order: int, belongs: bool) -> None:
    at = NOW + after_order * S
    assert is_settled_by_order(at, last_ordered_at=NOW) is belongs
    assert starts_episode(event(cart(1, "a"), at), last_ordered_at=NOW) is not belongs


FACTS = EpisodeFacts(ordered_at=None, last_activity_at=NOW, is_expired=False, is_settled=False, has_substance=True)


@pytest.mark.parametrize(
    ("facts", "after", "verdict"),
    [
        (FACTS, IDLE - S, Verdict.OPEN),
        (FACTS, IDLE, Verdict.ABANDONED),  # to the second
        (FACTS, EXPIRES - S, Verdict.ABANDONED),
        (FACTS, EXPIRES, Verdict.EXPIRED),
        (replace(FACTS, ordered_at=NOW), IDLE, Verdict.ORDERED),
        (replace(FACTS, has_substance=False), IDLE, Verdict.OPEN),
        (replace(FACTS, is_expired=True), S, Verdict.EXPIRED),
    ],
)
def test_verdicts(facts: EpisodeFacts, after: timedelta, verdict: Verdict) -> None:
    assert judge_episode(facts, idle_after=IDLE, expires_after=EXPIRES, now=NOW + after) is verdict


@pytest.mark.parametrize(
    ("facts", "look_after"),
    [
        (FACTS, IDLE),
        (replace(FACTS, is_settled=True), EXPIRES),
        (replace(FACTS, has_substance=False), EXPIRES),
        (replace(FACTS, ordered_at=NOW), None),
        (replace(FACTS, is_expired=True), None),
    ],
)
def test_when_the_idle_scan_looks_next(facts: EpisodeFacts, look_after: timedelta | None) -> None:
    expected = None if look_after is None else NOW + look_after
    assert next_look(facts, idle_after=IDLE, expires_after=EXPIRES) == expected
