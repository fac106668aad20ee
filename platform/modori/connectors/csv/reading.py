"""From the cells of one row to an order, a reversal or a consent, or to what is wrong with it. Reads no database."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError

from modori.capture.pages import scrub_page_url
from modori.connectors.csv.columns import COLUMNS
from modori.connectors.csv.model import UploadKind
from modori.connectors.csv.tables import (
    ANSWERS,
    CHANNELS,
    LONGEST_CELL,
    OVERFLOW,
    REASONS,
    CellFault,
    Wrong,
    is_called_off,
    last_instant,
    narrow,
    read_amount,
    read_instant,
    read_time_of_day,
    read_word,
)
from modori.kernel.errors import BadInput, ModoriError
from modori.kernel.ids import SiteId, TenantId
from modori.kernel.origins import origin_of
from modori.outcomes.errors import AtInFuture
from modori.outcomes.model import ReversalReason
from modori.outcomes.rules import CLOCK_TOLERANCE
from modori.outcomes.wire import OrderIn, ReversalIn
from modori.people.model import Channel, ContactKind
from modori.people.values import ContactValue, read_value

M = TypeVar("M", bound=BaseModel)

LONGEST_TEXT: Final = 2048
_KIND_OF_CHANNEL: Final = {
    Channel.EMAIL: ContactKind.EMAIL,
    Channel.SMS: ContactKind.PHONE,
    Channel.CALL: ContactKind.PHONE,
    Channel.LINE: ContactKind.LINE,
}
_FIELD_OF_KIND: Final = {ContactKind.EMAIL: "email", ContactKind.PHONE: "tel"}
"""The column that a consent's contact is in, where the file has no common one for all."""


@dataclass(frozen=True, slots=True)
class RowContext:
    """What a row must be read with.

    zone      in which times without one are meant
    country   ISO 3166, whose local telephone numbers are meant
    currency  of amounts without one: the client's
    """

    tenant_id: TenantId
    site_id: SiteId
    zone: str
    country: str
    currency: str
    now: datetime


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order.

    is_exact     its minute is known. Of a day alone the last instant is taken: it stops what the order may have come
                 after, and does not bill, since nobody can say which messages it came after
    heard_until  up to when it is word of the order feed: of a day alone its first instant
    """

    order: OrderIn
    is_exact: bool
    heard_until: datetime


@dataclass(frozen=True, slots=True)
class FurtherLine:
    """A row of a further item of an order: it has the order's id and no amount."""

    order_external_id: str


@dataclass(frozen=True, slots=True)
class ReturnRow:
    """A reversal and the order that it is of. `value_cell`: read again once the order's currency is known."""

    order_external_id: str
    reversal: ReversalIn
    value_cell: str


@dataclass(frozen=True, slots=True)
class ConsentRow:
    """A consent or its withdrawal, with its evidence (RULES 3): who, when, which screen, the exact words."""

    channel: Channel
    contact: ContactValue
    granted: bool
    text: str
    given_at: datetime
    screen: str | None


ReadRow = OrderRow | FurtherLine | ReturnRow | ConsentRow


def read_row(kind: UploadKind, cells: Mapping[str, str], context: RowContext) -> ReadRow | Wrong:
    """Understand one row, or name the first thing that is wrong with it."""
    if OVERFLOW in cells:
        return Wrong(CellFault.EXTRA_CELLS, None)
    said = {field: cell.strip() for field, cell in cells.items()}
    if kind is UploadKind.ORDERS and said.get("id") and not said.get("value") and len(said["id"]) <= LONGEST_CELL:
        return FurtherLine(said["id"])
    for column in COLUMNS[kind.value]:
        if column.required and not said.get(column.field) and column.field not in ("text", "screen"):
            return Wrong(CellFault.MISSING_VALUE, column.field)
        if len(said.get(column.field, "")) > LONGEST_CELL:
            return Wrong(CellFault.TOO_LONG, column.field)
    match kind:
        case UploadKind.ORDERS:
            return _read_order(said, context)
        case UploadKind.RETURNS:
            return _read_return(said, context)
        case UploadKind.CONSENTS:
            return _read_consent(said, context)


def _read_order(said: Mapping[str, str], context: RowContext) -> OrderRow | Wrong:
    if said.get("cancelled_at"):
        return Wrong(CellFault.NOT_AN_ORDER, "cancelled_at")
    if is_called_off(said.get("state", "")):
        return Wrong(CellFault.NOT_AN_ORDER, "state")
    currency = narrow(said.get("currency", "")).upper() or context.currency
    value = read_amount(said["value"], currency=currency)
    if isinstance(value, CellFault):
        return Wrong(value, "value")
    placed = _read_placed_at(said, context)
    if isinstance(placed, Wrong):
        return placed
    at, is_exact, heard_until = placed
    named = {name: said.get(name) or None for name in ("email", "tel", "visitor", "cart", "member_id")}
    order = _shaped(OrderIn, {"id": said["id"], "currency": currency, "value": value, "at": at, **named})
    return order if isinstance(order, Wrong) else OrderRow(order, is_exact, heard_until)


def _read_placed_at(said: Mapping[str, str], context: RowContext) -> tuple[datetime, bool, datetime] | Wrong:
    """Read when an order was placed.

    returns  its instant, whether its minute is known, and up to when it is word of the feed (as OrderRow has them)
    """
    said_at = said["at"]
    at = read_instant(said_at, zone=context.zone, needs_time=True)
    if at is CellFault.TIME_MISSING and said.get("time"):
        time = read_time_of_day(said["time"])
        if time is None:
            return Wrong(CellFault.BAD_INSTANT, "time")
        at = read_instant(f"{said_at} {time}", zone=context.zone, needs_time=True)
    if at is CellFault.TIME_MISSING:
        day = read_instant(said_at, zone=context.zone, needs_time=False)
        if isinstance(day, CellFault):
            return Wrong(day, "at")
        return max(day, min(last_instant(day, zone=context.zone), context.now)), False, day
    return Wrong(at, "at") if isinstance(at, CellFault) else (at, True, at)


def _read_return(said: Mapping[str, str], context: RowContext) -> ReturnRow | Wrong:
    reason = read_word(said["reason"], REASONS)
    if reason is None:
        return Wrong(CellFault.BAD_REASON, "reason")
    at = read_instant(said["at"], zone=context.zone, needs_time=False)
    if isinstance(at, CellFault):
        return Wrong(at, "at")
    value: Decimal | None = None
    if said.get("value"):
        read = read_amount(said["value"], currency=None)
        if isinstance(read, CellFault) or read == 0:
            return Wrong(CellFault.BAD_AMOUNT, "value")
        value = read
    if len(said["order"]) > 200:
        return Wrong(CellFault.TOO_LONG, "order")
    fields = {"id": said["id"], "reason": ReversalReason(reason), "value": value, "at": at}
    reversal = _shaped(ReversalIn, fields)
    return reversal if isinstance(reversal, Wrong) else ReturnRow(said["order"], reversal, said.get("value", ""))


def _read_consent(said: Mapping[str, str], context: RowContext) -> ConsentRow | Wrong:
    channel_word, answer = read_word(said["channel"], CHANNELS), read_word(said["granted"], ANSWERS)
    if channel_word is None:
        return Wrong(CellFault.BAD_CHANNEL, "channel")
    if answer is None:
        return Wrong(CellFault.BAD_ANSWER, "granted")
    granted, channel = answer == "yes", Channel(channel_word)
    text, screen = said.get("text", ""), said.get("screen", "")
    for field, cell in (("text", text), ("screen", screen)):
        if granted and not cell:
            return Wrong(CellFault.MISSING_VALUE, field)
        if len(cell) > LONGEST_TEXT:
            return Wrong(CellFault.TOO_LONG, field)
    given_at = read_instant(said["given_at"], zone=context.zone, needs_time=False)
    if isinstance(given_at, CellFault):
        return Wrong(given_at, "given_at")
    if given_at > context.now + CLOCK_TOLERANCE:
        return Wrong(AtInFuture.code, "given_at")
    kind = _KIND_OF_CHANNEL[channel]
    field = _FIELD_OF_KIND.get(kind, "contact")
    if not said.get(field) and "contact" in said:
        field = "contact"
    if not said.get(field):
        return Wrong(CellFault.MISSING_VALUE, field)
    try:
        contact = read_value(kind, said[field], country=context.country)
    except BadInput as error:
        return Wrong(error.code, field)
    at = min(given_at, context.now)
    where = scrub_page_url(screen) if origin_of(screen) is not None else screen
    return ConsentRow(channel, contact, granted, text, at, where or None)


def _shaped(model: type[M], fields: Mapping[str, object]) -> M | Wrong:
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = str(first["loc"][0]) if first["loc"] else None
        code = {"string_too_long": CellFault.TOO_LONG.value, "bad_amount": CellFault.BAD_AMOUNT.value}
        return Wrong(code.get(first["type"], BadInput.code), field)


_FIELD_OF: Final = {"bad_email": "email", "bad_phone": "tel"}
_ABOUT_ORDER: Final = {"order_differs": "id", "reversal_differs": "id", "reversal_exceeds_order": "value"}


def wrong_of(error: ModoriError) -> Wrong:
    """Read a refusal of the rooms below as what is wrong with the row."""
    named = error.extra.get("field")
    field = str(named) if named else _FIELD_OF.get(error.code) or _ABOUT_ORDER.get(error.code)
    return Wrong(error.code, field)
