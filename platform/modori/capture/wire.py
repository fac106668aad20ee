"""The shapes of `POST /v1/events`: the envelope, an event, and each type's data. Amounts are in major units here."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import PydanticCustomError

from modori.kernel.errors import BadInput

MAX_BODY_BYTES: Final = 64 * 1024
MAX_EVENTS: Final = 50
MAX_DEPTH: Final = 6
"""The envelope is level 1, its events 2, an event 3, its data 4, the items 5, an item 6 (RULES 36)."""
MAX_TEXT: Final = 2048
"""Bytes of UTF-8 of one string (RULES 36): 682 characters of Japanese. The SDK sends 300 of a title or a field."""
MAX_WORDING: Final = 2048
"""Characters of the one text that may have more bytes. The exact wording beside a control is evidence (RULES 3) and may
not be cut: 2,000 characters of Japanese, as many as the SDK sends, are 6,000 bytes."""
MAX_ITEMS: Final = 100
MAX_SURVEYED: Final = 80


class TooLarge(BadInput):
    code = "body_too_large"
    status = 413
    title = "The body is larger than 64 KiB"


class MalformedBody(BadInput):
    code = "malformed_body"
    title = "The body is not JSON in UTF-8"


class DuplicateKey(BadInput):
    code = "duplicate_key"
    title = "A key stands twice in one object of the body"


class BadEnvelope(BadInput):
    code = "bad_envelope"
    title = "The envelope around the events is not as it should be"


def _instant(sent: object) -> datetime:
    """Read ISO 8601 text with a zone, and nothing else: a bare number has no unit."""
    if isinstance(sent, datetime):
        return sent
    try:
        at = datetime.fromisoformat(sent) if isinstance(sent, str) else None
        if at is not None and at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise PydanticCustomError("bad_at", "an instant is ISO 8601 text with its zone, such as 2026-11-21T09:00:00.000Z")


def _number(sent: object) -> object:
    if isinstance(sent, bool) or not isinstance(sent, int | float):
        raise PydanticCustomError("bad_money", "an amount is a JSON number")
    return sent


def _name(sent: object) -> object:
    """Shops number their goods: 1001 is taken as "1001"."""
    return str(sent) if isinstance(sent, int) and not isinstance(sent, bool) else sent


At = Annotated[AwareDatetime, BeforeValidator(_instant, json_schema_input_type=str)]
Amount = Annotated[int | float, BeforeValidator(_number, json_schema_input_type=float)]
Text = Annotated[str, Field(max_length=MAX_TEXT)]
Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    BeforeValidator(_name, json_schema_input_type=str | int),
]
Visitor = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")]


class _Shape(BaseModel):
    """Strict, frozen; what is not named is dropped and never stored."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class Page(_Shape):
    """Where it happened. The address must lie on the site's origins; it loses query and fragment."""

    url: Text
    title: Text = ""


class Item(_Shape):
    """One line of a cart. `url` must lie on the site's origins; an image elsewhere (a CDN) is left out, not refused."""

    id: Name
    name: Text = ""
    price: Amount
    quantity: Annotated[float, Field(ge=1, le=100_000, multiple_of=1, allow_inf_nan=False)] = 1
    url: Text | None = None
    image: Text | None = None
    stock: Annotated[float, Field(ge=0, le=10**9, multiple_of=1, allow_inf_nan=False)] | None = None


Count = Annotated[float, Field(ge=0, le=10**9, multiple_of=1, allow_inf_nan=False)]


class HealthShape(_Shape):
    """How the tag fares: errors caught since the page was opened, events that wait, events that were given up."""

    errors: Count = 0
    queued: Count = 0
    dropped: Count = 0


class PageShape(_Shape):
    """The page is open: what kind of page, and how the tag fares."""

    kind: Literal["product", "cart", "checkout", "thanks", "other"] | None = None
    health: HealthShape | None = None


class CartShape(_Shape):
    """The whole cart, each time. `value` is the total shown, tax and shipping included."""

    id: Name | None = None
    currency: Annotated[str, Field(min_length=3, max_length=3)]
    value: Amount
    items: Annotated[list[Item], Field(max_length=MAX_ITEMS)]
    url: Text | None = None


Why = Literal[
    "taken",
    "confirmation",
    "password",
    "card",
    "one-time-code",
    "hidden",
    "ignored",
    "frame",
    "disabled",
    "type",
    "unknown",
    "value",
]
"""Why an input is taken or is not; `confirmation` repeats another, `value` held what looked like a card number."""


class SurveyedShape(_Shape):
    """One input in reach of the tag: its name or id, never a value."""

    field: Annotated[str, Field(max_length=40)]
    token: Annotated[str, Field(max_length=40)] | None = None
    why: Why


class TimesShape(_Shape):
    """How long a field had the focus, milliseconds, and how often it was changed again after it had been left."""

    ms: Annotated[float, Field(ge=0, le=86_400_000, allow_inf_nan=False)]
    edits: Annotated[float, Field(ge=0, le=10_000, multiple_of=1, allow_inf_nan=False)] = 0


class FormShape(_Shape):
    """How far a form has come. Names of fields are WHATWG autocomplete tokens; others are dropped."""

    form: Annotated[str, Field(min_length=1, max_length=200)]
    fields: Annotated[dict[str, Text], Field(max_length=100)] = Field(default_factory=dict)
    last_field: Annotated[str, Field(max_length=100)] | None = None
    progress: Annotated[float, Field(ge=0, le=1)] | None = None
    submitted: bool = False
    survey: Annotated[list[SurveyedShape], Field(max_length=MAX_SURVEYED)] | None = None
    times: Annotated[dict[str, TimesShape], Field(max_length=100)] = Field(default_factory=dict)


class ProofShape(_Shape):
    """What the shop's server signed (docs/signed-mode.md): HMAC-SHA-256 of `visitor|contact|at`, in hexadecimal."""

    at: Annotated[str, Field(max_length=40)]
    mac: Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{64}$")]


class IdentifyShape(_Shape):
    """Who it is."""

    email: Annotated[str, Field(max_length=320)] | None = None
    tel: Annotated[str, Field(max_length=64)] | None = None
    line: Annotated[str, Field(max_length=64)] | None = None
    name: Annotated[str, Field(max_length=200)] | None = None
    member_id: Name | None = None
    proof: ProofShape | None = None


class ConsentShape(_Shape):
    """Evidence of a consent or of its withdrawal: `text` is the exact wording beside the control.

    `capture` speaks of capture itself: refused ("no thanks"), what we hold of the visitor is forgotten (RULES 15).
    """

    channel: Literal["email", "sms", "line", "call", "capture"]
    granted: bool
    text: Annotated[str, Field(max_length=MAX_WORDING)] = ""
    control: Annotated[str, Field(max_length=500)] | None = None


class OrderItemShape(_Shape):
    """One line of an order that a browser claims."""

    id: Name
    name: Text = ""
    price: Amount
    quantity: Annotated[float, Field(ge=1, le=100_000, multiple_of=1, allow_inf_nan=False)] = 1


class OrderShape(_Shape):
    """A claim by the browser: it stops messages and never bills (G11)."""

    id: Name
    currency: Annotated[str, Field(min_length=3, max_length=3)]
    value: Amount
    items: Annotated[list[OrderItemShape], Field(max_length=MAX_ITEMS)] = Field(default_factory=list)


SHAPES: Final[dict[str, type[_Shape]]] = {
    "page": PageShape,
    "cart": CartShape,
    "form": FormShape,
    "identify": IdentifyShape,
    "consent": ConsentShape,
    "order": OrderShape,
}


class EventShape(_Shape):
    """One event. `id` is made by the client and counts once, however often it is sent (G1)."""

    id: Annotated[UUID, Field(strict=False)]
    type: Literal["page", "cart", "form", "identify", "consent", "order"]
    at: At
    visitor: Visitor
    page: Page | None = None
    data: Any = None


class Envelope(_Shape):
    """What is posted. Each event is judged by itself, so that a bad one does not take its neighbours along."""

    site: Annotated[str, Field(max_length=100)] | None = None
    sdk: Annotated[str, Field(max_length=50)] | None = None
    sent_at: At | None = None
    events: Annotated[list[Any], Field(max_length=MAX_EVENTS)]


class PageEvent(EventShape):
    type: Literal["page"]
    data: PageShape


class CartEvent(EventShape):
    type: Literal["cart"]
    data: CartShape


class FormEvent(EventShape):
    type: Literal["form"]
    data: FormShape


class IdentifyEvent(EventShape):
    type: Literal["identify"]
    data: IdentifyShape


class ConsentEvent(EventShape):
    type: Literal["consent"]
    data: ConsentShape


class OrderEvent(EventShape):
    type: Literal["order"]
    data: OrderShape


class PostedEvents(Envelope):
    """The envelope with its events' shapes, for the OpenAPI document: ingest judges each event by itself."""

    events: Annotated[
        list[PageEvent | CartEvent | FormEvent | IdentifyEvent | ConsentEvent | OrderEvent],
        Field(max_length=MAX_EVENTS),
    ]


class RefusedEvent(BaseModel):
    """Why one event was not taken. `id` is null where it was no text."""

    id: str | None
    code: str


class EventsTaken(BaseModel):
    """The answer to a good envelope; repeats count as accepted."""

    accepted: int
    refused: list[RefusedEvent]


def read_envelope(body: bytes) -> Envelope:
    """Read the body of a request. raises TooLarge, MalformedBody, DuplicateKey, BadEnvelope"""
    if len(body) > MAX_BODY_BYTES:
        raise TooLarge()
    parsed = parse_json(body)
    if isinstance(parsed, dict) and isinstance(parsed.get("events"), list) and len(parsed["events"]) > MAX_EVENTS:
        raise BadEnvelope(f"At most {MAX_EVENTS} events go into one request.", field="events")
    try:
        return Envelope.model_validate(parsed)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "body"
        raise BadEnvelope(f"{field}: {first['msg']}", field=field) from error


def parse_json(body: bytes) -> Any:
    """Parse JSON as RFC 8259 has it, without what Python would let through. raises MalformedBody, DuplicateKey

    Refused: a key twice in one object, NaN and Infinity, anything but UTF-8, nesting without end.
    """
    try:
        return _DECODER.decode(body.decode("utf-8"))
    except (MalformedBody, DuplicateKey):
        raise
    except RecursionError as error:
        raise MalformedBody("The body is nested too deep.") from error
    except ValueError as error:
        raise MalformedBody() from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise DuplicateKey()
    return found


def _constant(name: str) -> Any:
    raise MalformedBody(f"{name} is not JSON.")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)
"""Made once: `json.loads` would make one for each body."""
