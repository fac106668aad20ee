"""Judge a run from its ledgers alone: our database as it stands afterwards, and what the outer world wrote down.

Pure: facts in, violations out. Nothing that the processes said while they ran is evidence.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Clause(StrEnum):
    """What may not have happened."""

    DOUBLE = "a touch was accepted twice by a provider"
    UNRECORDED = "a provider accepted what is not on our record"
    PHANTOM = "our record and the provider's disagree about what went out"
    AFTER_STOP = "a delivery began after an acknowledged stop or order"
    LOST_EVENT = "an acknowledged event is not in the database"
    UNSETTLED = "something is still in hand, or due without a reason"
    FORGOTTEN = "somebody who left a cart was never planned for"


@dataclass(frozen=True)
class TouchRow:
    """One touch as it stands. `has_task`: a call step that waits in the operators' queue."""

    touch_id: UUID
    state: str
    due_at: datetime
    first_due_at: datetime
    deferred_because: str | None = None
    has_task: bool = False


@dataclass(frozen=True)
class DeliveryRow:
    """One delivery with whom it concerns.

    visitor        who left the cart
    address        kind and blind index of the contact point
    begun_at       as the delivery says
    committed_at   when begin's transaction committed, by the database's own commit timestamps
    """

    delivery_id: UUID
    touch_id: UUID
    visitor: str
    address: str
    state: str
    begun_at: datetime
    committed_at: datetime
    call_id: UUID | None = None


@dataclass(frozen=True)
class Accepted:
    """One line of the outer world's ledger. `delivery_id` as the provider saw it: None where it saw none."""

    channel: str
    delivery_id: UUID | None


@dataclass(frozen=True)
class Acknowledged:
    """An order or a stop whose 2xx had arrived at `at`.

    visitor     whose order it was: it ends everything about that cart; None for a stop
    addresses   the contact points that it closes
    """

    what: str
    at: datetime
    visitor: str | None = None
    addresses: frozenset[str] = frozenset()


@dataclass(frozen=True)
class LeadRow:
    """Whose lead, and how much was planned. `is_quarantined`: its planning was given up after three crashes."""

    visitor: str
    touches: int
    is_quarantined: bool = False


@dataclass(frozen=True)
class Ledgers:
    """Everything that may be evidence, read at `read_at`.

    abandoned    visitors who left an acknowledged cart and neither ordered nor stopped: each must have been planned for
    unfinished   promises without work and work not done, by subscriber or topic
    """

    read_at: datetime
    touches: tuple[TouchRow, ...] = ()
    deliveries: tuple[DeliveryRow, ...] = ()
    accepted: tuple[Accepted, ...] = ()
    acknowledged: tuple[Acknowledged, ...] = ()
    leads: tuple[LeadRow, ...] = ()
    abandoned: frozenset[str] = frozenset()
    events_acknowledged: frozenset[UUID] = frozenset()
    events_stored: frozenset[UUID] = frozenset()
    unfinished: tuple[str, ...] = ()


@dataclass(frozen=True)
class Violation:
    clause: Clause
    what: str = field(compare=False, default="")


IN_HAND = frozenset({"claimed", "sending"})
FINAL = frozenset({"sent", "failed", "unknown", "denied", "cancelled"})


def judge(ledgers: Ledgers) -> list[Violation]:
    """Name everything that may not be. Empty: the run has shown what it had to show."""
    return [
        *_doubles(ledgers),
        *_disagreements(ledgers),
        *_after_stops(ledgers),
        *_lost_events(ledgers),
        *_unsettled(ledgers),
        *_forgotten(ledgers),
    ]


def _doubles(ledgers: Ledgers) -> Iterator[Violation]:
    """G3. A message counts by its touch, a dial by its call: an operator may ring the same person again."""
    subject = {one.delivery_id: one.call_id or one.touch_id for one in ledgers.deliveries}
    taken: Counter[UUID] = Counter()
    for line in ledgers.accepted:
        if line.delivery_id is None or line.delivery_id not in subject:
            yield Violation(Clause.UNRECORDED, f"{line.channel} delivery {line.delivery_id}")
        else:
            taken[subject[line.delivery_id]] += 1
    for touch_id, times in taken.items():
        if times > 1:
            yield Violation(Clause.DOUBLE, f"touch {touch_id}: {times} times")


def _disagreements(ledgers: Ledgers) -> Iterator[Violation]:
    """What we call accepted was accepted; what we call certain to have failed was not."""
    taken = {line.delivery_id for line in ledgers.accepted}
    for one in ledgers.deliveries:
        if one.state == "accepted" and one.delivery_id not in taken:
            yield Violation(Clause.PHANTOM, f"delivery {one.delivery_id} is accepted, and nobody accepted it")
        if one.state in ("not_sent", "rejected") and one.delivery_id in taken:
            yield Violation(Clause.PHANTOM, f"delivery {one.delivery_id} is {one.state}, and it was accepted")


def _after_stops(ledgers: Ledgers) -> Iterator[Violation]:
    """G2. Begin's own commit is the instant that counts; the instant that it wrote down must not be later, either."""
    orders: dict[str, Acknowledged] = {}
    stops: dict[str, Acknowledged] = {}
    for ack in sorted(ledgers.acknowledged, key=lambda one: one.at, reverse=True):
        if ack.visitor is not None:
            orders[ack.visitor] = ack
        stops.update(dict.fromkeys(ack.addresses, ack))
    for one in ledgers.deliveries:
        begun_at = max(one.begun_at, one.committed_at)
        for found in (orders.get(one.visitor), stops.get(one.address)):
            if found is not None and begun_at > found.at:
                late_s = (begun_at - found.at).total_seconds()
                said = f"delivery {one.delivery_id} ({one.state}) began {late_s:.3f} s after {found.what}"
                yield Violation(Clause.AFTER_STOP, said)


def _lost_events(ledgers: Ledgers) -> Iterator[Violation]:
    """G1."""
    for event_id in sorted(ledgers.events_acknowledged - ledgers.events_stored):
        yield Violation(Clause.LOST_EVENT, str(event_id))


def _unsettled(ledgers: Ledgers) -> Iterator[Violation]:
    """Each due touch is final, unknown, waits for an operator, or is due later with its reason."""
    for touch in ledgers.touches:
        if touch.state in FINAL or (touch.state == "queued" and touch.has_task):
            continue
        is_put_off = touch.due_at > touch.first_due_at and touch.deferred_because is not None
        if touch.state == "planned" and touch.due_at > ledgers.read_at:
            if touch.due_at == touch.first_due_at or is_put_off:
                continue
            yield Violation(Clause.UNSETTLED, f"touch {touch.touch_id} is due later without a reason")
            continue
        late_s = (ledgers.read_at - touch.due_at).total_seconds()
        yield Violation(Clause.UNSETTLED, f"touch {touch.touch_id} is {touch.state}, due {late_s:.1f} s ago")
    for one in ledgers.deliveries:
        if one.state in IN_HAND:
            yield Violation(Clause.UNSETTLED, f"delivery {one.delivery_id} is {one.state}")
    for name in ledgers.unfinished:
        yield Violation(Clause.UNSETTLED, f"work is not done: {name}")


def _forgotten(ledgers: Ledgers) -> Iterator[Violation]:
    """G6: whatever was lost on the way to a plan comes back."""
    planned = {lead.visitor for lead in ledgers.leads if lead.touches or lead.is_quarantined}
    for visitor in sorted(ledgers.abandoned - planned):
        yield Violation(Clause.FORGOTTEN, visitor)
