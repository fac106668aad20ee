"""The judge can find against a run: each clause, and the edge on either side of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.chaos.judge import Accepted, Acknowledged, Clause, DeliveryRow, LeadRow, Ledgers, TouchRow, judge

NOW = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)
TOUCH = TouchRow(uuid4(), "sent", due_at=NOW - timedelta(seconds=60), first_due_at=NOW - timedelta(seconds=60))
DELIVERY = DeliveryRow(
    uuid4(),
    TOUCH.touch_id,
    visitor="visitor-1",
    address="email:1",
    state="accepted",
    begun_at=NOW - timedelta(seconds=50),
    committed_at=NOW - timedelta(seconds=49),
)
LINE = Accepted("email", DELIVERY.delivery_id)
EVENT = uuid4()
GOOD = Ledgers(
    read_at=NOW,
    touches=(TOUCH,),
    deliveries=(DELIVERY,),
    accepted=(LINE,),
    acknowledged=(Acknowledged("order A-1", NOW - timedelta(seconds=40), visitor="visitor-1"),),
    leads=(LeadRow("visitor-1", touches=1),),
    abandoned=frozenset({"visitor-1"}),
    events_acknowledged=frozenset({EVENT}),
    events_stored=frozenset({EVENT}),
)


def clauses(**changed: Any) -> list[Clause]:
    return [violation.clause for violation in judge(replace(GOOD, **changed))]


def test_a_good_run_is_let_go() -> None:
    assert judge(GOOD) == []
    assert judge(Ledgers(NOW)) == []


def test_one_touch_accepted_twice() -> None:
    assert clauses(accepted=(LINE, LINE)) == [Clause.DOUBLE]
    retried = replace(DELIVERY, delivery_id=uuid4())  # two deliveries of one touch are as bad as one sent twice
    assert clauses(deliveries=(DELIVERY, retried), accepted=(LINE, Accepted("email", retried.delivery_id))) == [
        Clause.DOUBLE
    ]


def test_two_dials_of_one_call_step_are_two_calls() -> None:
    dials = [replace(DELIVERY, delivery_id=uuid4(), call_id=uuid4()) for _ in range(2)]
    lines = tuple(Accepted("call", one.delivery_id) for one in dials)
    assert clauses(deliveries=tuple(dials), accepted=lines) == []
    assert clauses(deliveries=tuple(dials), accepted=(*lines, lines[0])) == [Clause.DOUBLE]


@pytest.mark.parametrize("stranger", [None, uuid4()])
def test_something_went_out_that_nobody_wrote_down(stranger: UUID | None) -> None:
    assert clauses(accepted=(LINE, Accepted("sms", stranger))) == [Clause.UNRECORDED]


@pytest.mark.parametrize(
    ("state", "was_accepted", "found"),
    [
        ("accepted", True, []),
        ("accepted", False, [Clause.PHANTOM]),
        ("unknown", True, []),  # doubt may go either way
        ("unknown", False, []),
        ("not_sent", False, []),
        ("not_sent", True, [Clause.PHANTOM]),
        ("rejected", False, []),
        ("rejected", True, [Clause.PHANTOM]),
    ],
)
def test_our_record_and_the_worlds(state: str, was_accepted: bool, found: list[Clause]) -> None:
    assert clauses(deliveries=(replace(DELIVERY, state=state),), accepted=(LINE,) if was_accepted else ()) == found


@pytest.mark.parametrize(
    ("begun_s", "committed_s", "found"),
    [
        (-2, -1, []),
        (-1, 0, []),  # committed in the very instant of the acknowledgement: it had begun
        (-1, 0.001, [Clause.AFTER_STOP]),  # begun before, committed after: the order was not waited for
        (1, -1, [Clause.AFTER_STOP]),
    ],
)
@pytest.mark.parametrize("by", ["order", "stop"])
def test_the_instant_of_a_stop(begun_s: float, committed_s: float, found: list[Clause], by: str) -> None:
    at = NOW - timedelta(seconds=30)
    ack = (
        Acknowledged("order A-2", at, visitor="visitor-1")
        if by == "order"
        else Acknowledged("stop", at, addresses=frozenset({"email:1"}))
    )
    delivery = replace(
        DELIVERY, begun_at=at + timedelta(seconds=begun_s), committed_at=at + timedelta(seconds=committed_s)
    )
    assert clauses(deliveries=(delivery,), acknowledged=(ack,)) == found


def test_the_first_acknowledgement_counts_and_only_whom_it_concerns() -> None:
    early, late = (Acknowledged(f"order {s}", NOW - timedelta(seconds=s), visitor="visitor-1") for s in (100, 1))
    assert clauses(acknowledged=(early, late)) == clauses(acknowledged=(late, early)) == [Clause.AFTER_STOP]
    other = Acknowledged("order", NOW - timedelta(seconds=100), visitor="visitor-2", addresses=frozenset({"phone:1"}))
    assert clauses(acknowledged=(other,)) == []


def test_a_lost_event() -> None:
    assert clauses(events_stored=frozenset()) == [Clause.LOST_EVENT]
    assert clauses(events_stored=frozenset({EVENT, uuid4()})) == []  # an answer that got lost is no loss


@pytest.mark.parametrize(
    ("touch", "found"),
    [
        (replace(TOUCH, state="claimed"), [Clause.UNSETTLED]),
        (replace(TOUCH, state="sending"), [Clause.UNSETTLED]),
        (replace(TOUCH, state="planned"), [Clause.UNSETTLED]),
        (replace(TOUCH, state="queued"), [Clause.UNSETTLED]),
        (replace(TOUCH, state="queued", has_task=True), []),
        (replace(TOUCH, state="unknown"), []),
        (replace(TOUCH, state="planned", due_at=NOW + timedelta(seconds=9), deferred_because="not_sent"), []),
        (replace(TOUCH, state="planned", due_at=NOW + timedelta(seconds=9)), [Clause.UNSETTLED]),
        (replace(TOUCH, state="planned", due_at=NOW, deferred_because="not_sent"), [Clause.UNSETTLED]),
        (
            replace(TOUCH, state="planned", due_at=NOW + timedelta(seconds=9), first_due_at=NOW + timedelta(seconds=9)),
            [],
        ),
    ],
)
def test_what_may_be_left(touch: TouchRow, found: list[Clause]) -> None:
    assert clauses(touches=(touch,)) == found


def test_deliveries_and_work_in_hand() -> None:
    assert clauses(deliveries=(replace(DELIVERY, state="sending"),)) == [Clause.UNSETTLED]
    assert clauses(unfinished=("outreach.plan_lead_now",)) == [Clause.UNSETTLED]


def test_somebody_is_forgotten() -> None:
    assert clauses(leads=()) == [Clause.FORGOTTEN]
    assert clauses(leads=(LeadRow("visitor-1", touches=0),)) == [Clause.FORGOTTEN]
    assert clauses(leads=(LeadRow("visitor-1", touches=0, is_quarantined=True),)) == []
