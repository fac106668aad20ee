"""What rows would come to, compared with what is on record: the dry run. It reads and writes nothing.

A forecast: what happens between it and the approval may change an answer, and returns of one order are counted against
each other only within a part of the file. Applying asks the same actions as the API, and theirs is the last word.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlmodel import Session

from modori.connectors.csv import queries
from modori.connectors.csv.model import RowOutcome, UploadKind
from modori.connectors.csv.naming import name_row
from modori.connectors.csv.parts import Cells
from modori.connectors.csv.reading import (
    ConsentRow,
    FurtherLine,
    OrderRow,
    ReadRow,
    ReturnRow,
    RowContext,
    read_row,
    wrong_of,
)
from modori.connectors.csv.tables import CellFault, Wrong, read_amount
from modori.connectors.csv.tallies import Measure
from modori.kernel.errors import BadAmount, ModoriError
from modori.kernel.money import from_major
from modori.outcomes.errors import OrderDiffers, ReversalBeforeOrder, ReversalDiffers, ReversalExceedsOrder
from modori.outcomes.reading import possible_instant, read_order
from modori.people.values import value_index

SAME_BY: Final = "modori upload row"


@dataclass(frozen=True, slots=True)
class Judged:
    """What one row comes to.

    wrong    why it is refused or only kept
    measure  what it adds to the file's sums
    name     what it is called in the report
    """

    row_number: int
    outcome: RowOutcome
    wrong: Wrong | None = None
    identity: bytes | None = None
    contents: bytes | None = None
    measure: Measure | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Looked:
    """A row that has been understood: what makes it one thing, what it says, and what the record has to say of it."""

    identity: bytes
    contents: bytes
    outcome: RowOutcome
    wrong: Wrong | None = None
    measure: Measure | None = None


def judge_rows(
    session: Session,
    *,
    upload_id: UUID,
    kind: UploadKind,
    rows: Sequence[Cells],
    context: RowContext,
) -> list[Judged]:
    """Say what each of some rows would come to, in the file's order."""
    read = {number: read_row(kind, cells, context) for number, cells in rows}
    understood = {number: row for number, row in read.items() if not isinstance(row, Wrong)}
    look = _looker(session, kind=kind, rows=list(understood.values()), context=context)
    looked = {number: look(row) for number, row in understood.items()}
    identities = [one.identity for one in looked.values() if not isinstance(one, Wrong)]
    further_up = {
        row.identity: row.contents
        for row in queries.list_rows_by_identity(
            session, tenant_id=context.tenant_id, upload_id=upload_id, identities=identities
        )
    }
    return [
        replace(
            _judge(number, read[number], looked.get(number), kind, further_up),
            name=name_row(kind, cells, read[number], country=context.country),
        )
        for number, cells in rows
    ]


def _judge(
    number: int, row: ReadRow | Wrong, looked: Looked | Wrong | None, kind: UploadKind, further_up: dict[bytes, bytes]
) -> Judged:
    if isinstance(row, Wrong):
        return Judged(number, RowOutcome.REFUSED, row)
    assert looked is not None
    if isinstance(looked, Wrong):
        return Judged(number, RowOutcome.REFUSED, looked)
    before = further_up.get(looked.identity)
    if looked.outcome is RowOutcome.REFUSED:
        return Judged(number, RowOutcome.REFUSED, looked.wrong, looked.identity, looked.contents)
    if isinstance(row, FurtherLine):
        code = CellFault.MISSING_VALUE if before is None else CellFault.FURTHER_LINE
        outcome = RowOutcome.REFUSED if before is None else RowOutcome.KNOWN
        return Judged(number, outcome, Wrong(code, "value"))
    if before is None:
        further_up[looked.identity] = looked.contents
        return Judged(number, looked.outcome, looked.wrong, looked.identity, looked.contents, looked.measure)
    if before == looked.contents:
        wrong = Wrong(CellFault.REPEATED, None if kind is UploadKind.CONSENTS else "id")
        return Judged(number, RowOutcome.KNOWN, wrong, looked.identity, looked.contents)
    twice = CellFault.ORDER_TWICE if kind is UploadKind.ORDERS else CellFault.RETURN_TWICE
    return Judged(number, RowOutcome.REFUSED, Wrong(twice, "id"), looked.identity, looked.contents)


def _looker(
    session: Session, *, kind: UploadKind, rows: Sequence[ReadRow], context: RowContext
) -> Callable[[ReadRow], Looked | Wrong]:
    """Ask the record once about all rows of a part; return what judges one of them by the answers."""
    tenant_id, site_id = context.tenant_id, context.site_id
    match kind:
        case UploadKind.ORDERS:
            order_ids = [row.order.id for row in rows if isinstance(row, OrderRow)]
        case UploadKind.RETURNS:
            order_ids = [row.order_external_id for row in rows if isinstance(row, ReturnRow)]
        case UploadKind.CONSENTS:
            return _consent_looker(session, rows=rows, context=context)
    orders = {
        one.external_id: one
        for one in queries.list_known_orders(session, tenant_id=tenant_id, site_id=site_id, external_ids=order_ids)
    }
    if kind is UploadKind.ORDERS:
        return lambda row: _look_at_order(row, orders, context)
    reversals = {
        (one.order_external_id, one.external_id): one
        for one in queries.list_known_reversals(session, tenant_id=tenant_id, site_id=site_id, order_ids=order_ids)
    }
    left = {one.external_id: one.value_minor - one.reversed_minor for one in orders.values()}
    return lambda row: _look_at_return(row, orders, reversals, left, context)


def _look_at_order(row: ReadRow, orders: Mapping[str, queries.KnownOrder], context: RowContext) -> Looked | Wrong:
    if isinstance(row, FurtherLine):
        return Looked(order_identity(row.order_external_id), b"", RowOutcome.KNOWN)
    assert isinstance(row, OrderRow)
    try:
        read = read_order(
            row.order,
            tenant_id=context.tenant_id,
            site_id=context.site_id,
            country=context.country,
            now=context.now,
        )
    except ModoriError as error:
        return wrong_of(error)
    identity, contents = order_identity(row.order.id), _digest(read.value.minor, read.value.currency)
    known = orders.get(row.order.id)
    if known is not None and known.is_proven:
        if known.is_worth(read.value):
            return Looked(identity, contents, RowOutcome.KNOWN)
        return Looked(identity, contents, RowOutcome.REFUSED, wrong_of(OrderDiffers()))
    measure = Measure(read.value.currency, read.value.minor, read.placed_at)
    wrong = why_only_kept(row, unreadable=read.unreadable)
    return Looked(identity, contents, RowOutcome.NEW if wrong is None else RowOutcome.KEPT, wrong, measure)


def why_only_kept(row: OrderRow, *, unreadable: Sequence[tuple[str, str]]) -> Wrong | None:
    """Say why an order only stops messages; None where it may bill, too.

    unreadable  (field, code) of its addresses that are none
    """
    if unreadable:
        field, code = unreadable[0]
        return Wrong(code, field)
    return None if row.is_exact else Wrong(CellFault.TIME_MISSING, "at")


def order_identity(external_id: str) -> bytes:
    """What makes rows of a file speak of one order."""
    return _digest("order", external_id)


def _look_at_return(
    row: ReadRow,
    orders: Mapping[str, queries.KnownOrder],
    reversals: Mapping[tuple[str, str], queries.KnownReversal],
    left: dict[str, int],
    context: RowContext,
) -> Looked | Wrong:
    assert isinstance(row, ReturnRow)
    said = row.reversal
    assert said.at is not None
    try:
        at = possible_instant(said.at, now=context.now)
    except ModoriError as error:
        return wrong_of(error)
    major = None if said.value is None else str(said.value.normalize())
    identity = _digest("return", row.order_external_id, said.id)
    contents = _digest(major, said.reason.value, at.isoformat())
    known, order = reversals.get((row.order_external_id, said.id)), orders.get(row.order_external_id)
    if known is not None:
        if (known.value_major, known.reason, known.reversed_at) == (major, said.reason.value, at):
            return Looked(identity, contents, RowOutcome.KNOWN)
        return Looked(identity, contents, RowOutcome.REFUSED, wrong_of(ReversalDiffers()))
    if order is None or not order.is_proven:
        unpriced = Measure("", 0, at)  # what is left of an order, and in which currency, is known once it comes
        return Looked(identity, contents, RowOutcome.KEPT, Wrong(ReversalBeforeOrder.code, "order"), unpriced)
    taken = _taken(row, order, left[order.external_id])
    if isinstance(taken, Wrong):
        return Looked(identity, contents, RowOutcome.REFUSED, taken)
    left[order.external_id] -= taken
    return Looked(identity, contents, RowOutcome.NEW, measure=Measure(order.currency, taken, at))


def _taken(row: ReturnRow, order: queries.KnownOrder, left: int) -> int | Wrong:
    """Say how much a return takes off its order, minor units."""
    taken = left
    if row.reversal.value is not None:
        fault = amount_fault(row, order.currency)
        if fault is not None:
            return fault
        try:
            taken = from_major(row.reversal.value, order.currency).minor
        except BadAmount as error:
            return wrong_of(error)
    if taken > left or (taken == 0 and order.value_minor > 0):
        return wrong_of(ReversalExceedsOrder())
    return taken


def amount_fault(row: ReturnRow, currency: str) -> Wrong | None:
    """Say what is wrong with a return's amount now that its order's currency is known: another one's sign, say."""
    read = read_amount(row.value_cell, currency=currency) if row.value_cell else None
    return Wrong(read, "value") if isinstance(read, CellFault) else None


def _consent_looker(
    session: Session, *, rows: Sequence[ReadRow], context: RowContext
) -> Callable[[ReadRow], Looked | Wrong]:
    indexes = [consent_key(row, context)[0] for row in rows if isinstance(row, ConsentRow)]
    known = set(
        queries.list_known_consents(
            session, tenant_id=context.tenant_id, site_id=context.site_id, value_indexes=indexes
        )
    )

    def look(row: ReadRow) -> Looked | Wrong:
        assert isinstance(row, ConsentRow)
        key = consent_key(row, context)
        index, channel, granted, text_hash, given_at = key
        identity = _digest("consent", index.hex(), channel, granted, text_hash.hex(), given_at.isoformat())
        measure = Measure(f"{channel} {'yes' if granted else 'no'}", 0, given_at)
        return Looked(identity, b"", RowOutcome.KNOWN if key in known else RowOutcome.NEW, measure=measure)

    return look


def consent_key(row: ConsentRow, context: RowContext) -> tuple[bytes, str, bool, bytes, datetime]:
    """What makes a consent the same one: (value_index, channel, granted, text_hash, given_at)."""
    index = value_index(context.tenant_id, row.contact.kind, row.contact.text)
    return index, row.channel.value, row.granted, hashlib.sha256(row.text.encode()).digest(), row.given_at


def _digest(*said: object) -> bytes:
    return hashlib.sha256(json.dumps([SAME_BY, *said], ensure_ascii=False).encode()).digest()
