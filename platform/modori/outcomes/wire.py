"""The shapes of orders and reversals on the wire. Amounts are in major units here and nowhere behind it."""

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from modori.outcomes.model import ReversalReason

MAX_BODY_BYTES = 64 * 1024
MAX_ITEMS = 200
_LONGEST_NUMBER = 18
"""Digits before the point: more is no sum of money, and would only make arithmetic slow."""


def _amount(sent: object) -> Decimal:
    if isinstance(sent, bool) or not isinstance(sent, int | float | Decimal):
        raise PydanticCustomError("bad_amount", "an amount is a JSON number")
    try:
        value = Decimal(str(sent))
    except (InvalidOperation, ValueError) as error:
        raise PydanticCustomError("bad_amount", "an amount is a finite number") from error
    if not value.is_finite() or value < 0 or value.adjusted() > _LONGEST_NUMBER or value.adjusted() < -_LONGEST_NUMBER:
        raise PydanticCustomError("bad_amount", "an amount is a finite number, zero or more")
    return value


Amount = Annotated[
    Decimal,
    BeforeValidator(_amount, json_schema_input_type=float),
]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Url = Annotated[str, Field(max_length=2048)]


def _instant(sent: object) -> object:
    """Take ISO 8601 text (or an aware datetime of our own) and nothing else: a number, as text, too, has no unit."""
    if not (":" in sent if isinstance(sent, str) else isinstance(sent, datetime)):
        raise PydanticCustomError("bad_input", "an instant is ISO 8601 text with its zone")
    return sent


At = Annotated[AwareDatetime, BeforeValidator(_instant, json_schema_input_type=str)]


class OrderItem(BaseModel):
    """One line of an order. Names that are not known are dropped, and told by `ignored`."""

    model_config = ConfigDict(frozen=True, str_strip_whitespace=True)

    id: Name
    name: Annotated[str, Field(max_length=500)] = ""
    price: Amount
    quantity: Annotated[int, Field(ge=1, le=100_000, strict=True)] = 1
    url: Url | None = None
    image: Url | None = None


class OrderIn(BaseModel):
    """An order as a server, a shop or a browser says it.

    value       the total, tax and shipping included, in major units; 0 is allowed: an application costs nothing
    at          when it was placed, with its zone; None: now
    email, tel, visitor, cart, member_id   by which the person is found again; none of them is required
    """

    model_config = ConfigDict(frozen=True, str_strip_whitespace=True)

    id: Name
    currency: Annotated[str, Field(min_length=3, max_length=3)]
    value: Amount
    at: At | None = None
    items: Annotated[tuple[OrderItem, ...], Field(max_length=MAX_ITEMS)] = ()
    email: Annotated[str, Field(max_length=320)] | None = None
    tel: Annotated[str, Field(max_length=40)] | None = None
    visitor: Annotated[str, Field(max_length=100)] | None = None
    cart: Name | None = None
    member_id: Name | None = None


class ReversalItem(BaseModel):
    """Which line of the order is reversed. Names that are not known are dropped, and told by `ignored`."""

    model_config = ConfigDict(frozen=True, str_strip_whitespace=True)

    id: Name
    quantity: Annotated[int, Field(ge=1, le=100_000, strict=True)] = 1


class ReversalIn(BaseModel):
    """A cancellation, refusal, return or non-payment.

    value   how much of the order is reversed, in major units; None: all that is left of it
    """

    model_config = ConfigDict(frozen=True, str_strip_whitespace=True)

    id: Name
    reason: ReversalReason
    value: Amount | None = None
    at: At | None = None
    items: Annotated[tuple[ReversalItem, ...], Field(max_length=MAX_ITEMS)] = ()
