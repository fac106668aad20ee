"""Pure decisions of the call centre: opening lines, which outcome is possible, which way a report moves a call."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

LEASE_S: Final = 300
"""A claim holds this long; the lead page renews it while it is open."""

FARTHEST_CALLBACK: Final = timedelta(days=30)

STALE_AFTER: Final = {
    "preparing": timedelta(seconds=60),
    "dialling": timedelta(minutes=5),
    "talking": timedelta(hours=2),
}
"""A call that was heard of no more counts as over after this: a report may be lost, an operator must not wait."""


class OpeningLine(StrEnum):
    """What is said before anything else, in this order. source: RULES 10 (特定商取引法 16条)"""

    SELLER = "seller"
    CALLER = "caller"
    GOODS = "goods"
    PURPOSE = "purpose"


@dataclass(frozen=True, slots=True)
class Opening:
    """One opening line as the operator reads it."""

    line: OpeningLine
    text: str


def opening_lines(*, seller: str, caller: str, goods: str, locale: str) -> tuple[Opening, ...]:
    """Write the four opening lines. `caller` is the operator's own name. source: RULES 10"""
    if locale.startswith("ja"):
        texts = (
            f"お忙しいところ恐れ入ります。{seller}でございます。",
            f"わたくし、担当の{caller}と申します。",
            f"{goods}の販売のことでお電話いたしました。",
            "本日は、ご購入のご契約をお勧めするためのお電話です。このままお話ししてもよろしいでしょうか。",
        )
    else:
        texts = (
            f"Hello, this is {seller}.",
            f"My own name is {caller}.",
            f"I am calling about {goods} that we sell.",
            "The purpose of this call is to invite you to make a purchase contract. May I go on?",
        )
    return tuple(Opening(line, text) for line, text in zip(OpeningLine, texts, strict=True))


def next_opening(read: Collection[str]) -> OpeningLine | None:
    """Return the first opening line that has not been read, or None: then the script may advance."""
    return next((line for line in OpeningLine if line not in read), None)


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What a disposition must know of the newest call of its task."""

    state: str
    openings: Collection[str]
    disposed: bool


class Objection(StrEnum):
    """Why an outcome cannot be noted."""

    NO_CALL = "no_call"
    DISPOSED = "disposed"
    OPENINGS_MISSING = "openings_missing"


def object_to(disposition: str, call: CallFacts | None) -> Objection | None:
    """Say why an outcome is impossible, or None.

    It needs a dial; one that never got on its way can only be no_answer. A sale needs every opening line; a refusal
    needs none: people refuse before they are told anything.
    """
    if call is None or call.state == "refused":
        return Objection.NO_CALL
    if call.disposed:
        return Objection.DISPOSED
    if call.state == "preparing" and disposition != "no_answer":
        return Objection.NO_CALL
    if disposition == "will_buy" and next_opening(call.openings) is not None:
        return Objection.OPENINGS_MISSING
    return None


def is_under_way(state: str, dialled_at: datetime, *, now: datetime) -> bool:
    """Say whether a call still occupies its task."""
    stale_after = STALE_AFTER.get(state)
    return stale_after is not None and now < dialled_at + stale_after


class Leg(StrEnum):
    """operator: the phone that is rung first · customer: the one that is bridged to it."""

    OPERATOR = "operator"
    CUSTOMER = "customer"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a call has come. `talk_s` None: not known (yet)."""

    state: str
    bridged_at: datetime | None
    ended_at: datetime | None
    talk_s: int | None


_RANK: Final = {"preparing": 0, "dialling": 1, "talking": 2, "ended": 3, "refused": 3}
_OVER: Final = frozenset({"completed", "busy", "no_answer", "cancelled", "failed"})


def advance(call: Progress, *, leg: Leg, status: str, talk_s: int | None, now: datetime) -> Progress:
    """Let one report move a call forward, never back; reports come in any order and may repeat (RULES 26).

    status  none, initiated, ringing, answered, or one of the final ones
    talk_s  of the customer's leg: how long the two were connected. The operator's own length proves nothing
    Once known, bridged_at, ended_at and talk_s stay: only what is missing is filled in.
    """
    is_over = status in _OVER
    bridged_at, known_talk_s = call.bridged_at, call.talk_s
    reached = "dialling"
    if leg is Leg.CUSTOMER:
        if status == "answered" or (status == "completed" and (talk_s or 0) > 0):
            bridged_at = bridged_at or now - timedelta(seconds=talk_s or 0)
            reached = "talking"
        if is_over and known_talk_s is None:
            known_talk_s = (talk_s or 0) if status == "completed" else 0
    elif is_over and bridged_at is None and known_talk_s is None and status != "completed":
        known_talk_s = 0
    if is_over:
        reached = "ended"
    state = reached if _RANK[reached] > _RANK[call.state] else call.state
    ended_at = call.ended_at or (now if is_over else None)
    return Progress(state, bridged_at, ended_at, known_talk_s)
