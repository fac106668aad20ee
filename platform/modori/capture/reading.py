"""From one raw event of the wire to what may be stored, or the code that says why it may not (G8)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pydantic import ValidationError

from modori.capture import pages, scrubbing
from modori.capture.bodies import CAPTURE, CONTACT_KINDS
from modori.capture.model import LeakKind
from modori.capture.protection.proofs import judge_proof
from modori.capture.rules import (
    CaptureSeen,
    CartSeen,
    Clock,
    ConsentSeen,
    FormSeen,
    IdentifySeen,
    Mark,
    OrderSeen,
    PageSeen,
    Proof,
    ReadEvent,
    Seen,
    correct_clock,
    judge_clock,
)
from modori.capture.storable import Unstorable, check_value, is_storable
from modori.capture.wire import (
    SHAPES,
    CartShape,
    ConsentShape,
    EventShape,
    FormShape,
    IdentifyShape,
    Item,
    OrderShape,
    PageShape,
    SurveyedShape,
)
from modori.kernel.errors import BadAmount, ModoriError, UnknownCurrency
from modori.kernel.money import from_major
from modori.kernel.names import without_links
from modori.kernel.origins import is_on
from modori.people.model import ContactKind
from modori.people.values import read_value

_EVENT_LEVEL: Final = 3
"""An event is the third level of the envelope's nesting."""

_FIELD_CODES: Final = {"id": "bad_id", "type": "bad_type", "at": "bad_at", "visitor": "bad_visitor", "page": "bad_page"}
_VERSION: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+-]{0,30}")
_LONGEST_FIELD: Final = 40
CAPTURE_REFUSED: Final = "capture_refused"
"""The code of what is not taken since its visitor refused capture; only the transaction that would keep it knows."""

OFF_MODE_TYPES: Final = frozenset({"order", "consent"})
"""What is taken from browsers even of a site whose capture is off: it only stops, or is evidence (RULES 15)."""


@dataclass(frozen=True, slots=True)
class Leak:
    """What a browser sent although it never may: counted by field for the site's engineer, its value forgotten."""

    kind: LeakKind
    field: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one event was not taken. `id` is None where it was no text."""

    id: str | None
    code: str
    leak: Leak | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """How events are to be read.

    origins      the site's; every URL must lie on one
    picture_origins   where pictures may lie, too
    is_server    a secret key speaks: no page is needed
    capture_off  the site captures nothing (RULES 15)
    sdk          the tag's version, as the envelope says
    mark         why nobody's act is behind the request, or None
    secrets      with which the site's server may sign who a visitor is
    is_plain     the JSON held no \\u escape, so that its texts hold neither NUL nor half of a character
    """

    origins: Sequence[str]
    country: str
    is_server: bool
    capture_off: bool
    sent_at: datetime | None
    received_at: datetime
    sdk: str | None = None
    mark: Mark | None = None
    secrets: Sequence[bytes] = ()
    is_plain: bool = False
    picture_origins: Sequence[str] = ()


class _Refuse(Exception):
    def __init__(self, code: str, leak: Leak | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.leak = leak


def read_event(raw: object, reading: Reading) -> ReadEvent | Refusal:
    """Judge one event by itself. Nothing of a refused event is kept but its id and the code."""
    given = raw.get("id") if isinstance(raw, dict) else None
    shown = given[:100] if isinstance(given, str) and is_storable(given) else None
    try:
        return _read(raw, reading)
    except _Refuse as refusal:
        return Refusal(shown, refusal.code, refusal.leak)


def _read(raw: object, reading: Reading) -> ReadEvent:
    if not isinstance(raw, dict):
        raise _Refuse("bad_event")
    try:
        check_value(raw, _EVENT_LEVEL, is_plain=reading.is_plain)
    except Unstorable as error:
        raise _Refuse(error.code) from error
    try:
        event = EventShape.model_validate(raw)
    except ValidationError as error:
        field = str(error.errors(include_input=False, include_url=False)[0]["loc"][0])
        raise _Refuse(_FIELD_CODES.get(field, "bad_event")) from error
    if scrubbing.is_card_number_alone(event.visitor):
        raise _forbidden(LeakKind.CARD, "visitor")
    if reading.capture_off and not reading.is_server and event.type not in OFF_MODE_TYPES:
        raise _Refuse("capture_off")
    try:
        at = correct_clock(event.at, sent_at=reading.sent_at, received_at=reading.received_at)
    except OverflowError as error:
        raise _Refuse("bad_at") from error
    match judge_clock(at, received_at=reading.received_at):
        case Clock.TOO_OLD | Clock.FROM_THE_FUTURE as wrong:
            raise _Refuse(wrong.value)
        case Clock.POSSIBLE:
            pass
    page_url = page_title = token = None
    if event.page is not None:
        if not is_on(event.page.url, reading.origins):
            raise _Refuse("off_origin")
        page_url, token, is_card_url = pages.read_address(event.page.url)
        page_title, is_card_title = pages.read_title(event.page.title)
        if is_card_url or is_card_title:
            raise _forbidden(LeakKind.CARD, "page.url" if is_card_url else "page.title")
    elif not reading.is_server:
        raise _Refuse("bad_page")
    return ReadEvent(
        id=UUID(int=event.id.int),
        type=event.type,
        at=min(at, reading.received_at),
        visitor=event.visitor,
        page_url=page_url,
        page_title=page_title,
        seen=_read_seen(event, at, reading),
        mark=reading.mark,
        link_token=token,
    )


def _read_seen(event: EventShape, at: datetime, reading: Reading) -> Seen:
    sent = {} if event.data is None else event.data
    if not isinstance(sent, dict):
        raise _Refuse("bad_data")
    try:
        shape = SHAPES[event.type].model_validate(sent)
    except ValidationError as error:
        is_money = all(one["type"] == "bad_money" for one in error.errors(include_input=False, include_url=False))
        raise _Refuse("bad_money" if is_money else "bad_data") from error
    try:
        match shape:
            case CartShape():
                return _cart(shape, reading)
            case FormShape():
                return _form(shape)
            case IdentifyShape():
                return _identify(shape, reading, visitor=event.visitor, at=at)
            case ConsentShape():
                return _consent(shape)
            case OrderShape():
                return _order(shape)
            case PageShape():
                return _page(shape, reading)
    except (BadAmount, UnknownCurrency) as error:
        raise _Refuse("bad_money") from error
    raise AssertionError(event.type)


def _page(page: PageShape, reading: Reading) -> PageSeen:
    health = page.health
    told = (
        {"errors": int(health.errors), "queued": int(health.queued), "dropped": int(health.dropped)} if health else None
    )
    sdk = reading.sdk if reading.sdk is not None and _VERSION.fullmatch(reading.sdk) else None
    return PageSeen(kind=page.kind, health=told, sdk=sdk)


def _cart(cart: CartShape, reading: Reading) -> CartSeen:
    if cart.url is not None and not is_on(cart.url, reading.origins):
        raise _Refuse("off_origin")
    _check_texts({"id": cart.id, "url": cart.url})
    return CartSeen(
        cart_id=cart.id,
        currency=cart.currency,
        value_minor=from_major(cart.value, cart.currency).minor,
        items=tuple(_item(item, cart.currency, reading) for item in cart.items),
        url=None if cart.url is None else pages.scrub_link(cart.url),
    )


def _item(item: Item, currency: str, reading: Reading) -> Mapping[str, Any]:
    if item.url is not None and not is_on(item.url, reading.origins):
        raise _Refuse("off_origin")
    _check_texts({"items.id": item.id, "items.name": item.name, "items.url": item.url})
    kept: dict[str, Any] = {
        "id": item.id,
        "name": without_links(item.name, most=200),
        "price_minor": from_major(item.price, currency).minor,
        "quantity": int(item.quantity),
    }
    if item.url is not None:
        kept["url"] = pages.scrub_link(item.url)
    if item.image is not None and is_on(item.image, (*reading.origins, *reading.picture_origins)):
        kept["image"] = item.image
    if item.stock is not None:
        kept["stock"] = int(item.stock)
    return kept


def _form(form: FormShape) -> FormSeen:
    """Keep the fields that the allow-list names. A half-typed address is kept out when contact points are met."""
    for token in form.fields:
        kind = None if token in scrubbing.FIELD_TOKENS else scrubbing.forbidden_kind(token)
        if kind is not None:
            raise _forbidden(kind, token)
    _check_texts({"form": form.form})
    fields: dict[str, str] = {}
    for name, value in form.fields.items():
        if name not in scrubbing.FIELD_TOKENS:
            continue
        if name != "tel" or not _is(ContactKind.PHONE, value):
            _check_typed({name: value})
        kept = scrubbing.scrub_field(name, value)
        if kept:
            fields[name] = kept
    known = form.last_field if form.last_field in scrubbing.FIELD_TOKENS else None
    return FormSeen(
        form=scrubbing.scrub_input_name(form.form),
        fields=fields,
        last_field=known,
        progress=form.progress,
        submitted=form.submitted,
        survey=None if form.survey is None else tuple(_surveyed(one) for one in form.survey),
        times={
            token: {"ms": round(spent.ms), "edits": int(spent.edits)}
            for token, spent in form.times.items()
            if token in scrubbing.FIELD_TOKENS
        },
    )


def _surveyed(one: SurveyedShape) -> Mapping[str, str | None]:
    token = one.token if one.token in scrubbing.FIELD_TOKENS else None
    return {"field": scrubbing.scrub_input_name(one.field), "token": token, "why": one.why}


def _identify(who: IdentifyShape, reading: Reading, *, visitor: str, at: datetime) -> IdentifySeen:
    _check_typed({"email": who.email, "name": who.name})
    _check_texts({"member_id": who.member_id})
    if who.tel is not None and not _is(ContactKind.PHONE, who.tel):
        _check_typed({"tel": who.tel})
    if who.line is not None and not _is(ContactKind.LINE, who.line):
        _check_typed({"line": who.line})
    keys: dict[str, str] = {}
    for member, kind in CONTACT_KINDS.items():
        typed = getattr(who, member)
        if typed is not None:
            try:
                keys[member] = read_value(kind, typed, country=reading.country).key
            except ModoriError as error:
                raise _Refuse(error.code) from error
    if who.member_id is not None:
        keys["member_id"] = who.member_id
    if not any((who.email, who.tel, who.line, who.name, who.member_id)):
        raise _Refuse("bad_data")
    name = without_links(who.name) if who.name else None
    proof = None
    if who.proof is not None and keys:
        member, contact = next(iter(keys.items()))
        signed = who.proof
        verdict = judge_proof(
            reading.secrets,
            visitor=visitor,
            contact=contact,
            at=signed.at,
            mac=signed.mac,
            event_at=at,
            received_at=reading.received_at,
        )
        proof = Proof(verdict, member)
    return IdentifySeen(
        email=who.email, tel=who.tel, line=who.line, name=name or None, member_id=who.member_id, proof=proof
    )


def _consent(consent: ConsentShape) -> ConsentSeen | CaptureSeen:
    """A grant without the words that were agreed to is no evidence (RULES 3). To be captured again needs none."""
    if consent.granted and consent.channel != CAPTURE and not consent.text.strip():
        raise _Refuse("bad_data")
    _check_texts({"text": consent.text, "control": consent.control})
    text = consent.text.strip()
    if consent.channel == CAPTURE:
        return CaptureSeen(granted=consent.granted, text=text, control=consent.control)
    return ConsentSeen(channel=consent.channel, granted=consent.granted, text=text, control=consent.control)


def _order(order: OrderShape) -> OrderSeen:
    for item in order.items:
        from_major(item.price, order.currency)
        _check_texts({"items.id": item.id, "items.name": item.name})
    _check_texts({"id": order.id})
    return OrderSeen(
        id=order.id,
        currency=order.currency,
        value=order.value,
        value_minor=from_major(order.value, order.currency).minor,
        items=tuple(
            {
                "id": item.id,
                "name": without_links(item.name, most=200),
                "price": item.price,
                "quantity": int(item.quantity),
            }
            for item in order.items
        ),
    )


def _check_texts(texts: Mapping[str, str | None]) -> None:
    for field, text in texts.items():
        if text is not None and scrubbing.is_card_number(text):
            raise _forbidden(LeakKind.CARD, field)


def _check_typed(texts: Mapping[str, str | None]) -> None:
    for field, text in texts.items():
        if text is not None and scrubbing.may_hold_card_number(text):
            raise _forbidden(LeakKind.CARD, field)


def _forbidden(kind: LeakKind, field: str) -> _Refuse:
    return _Refuse("forbidden_value", Leak(kind, scrubbing.scrub_input_name(field[:_LONGEST_FIELD])))


def _is(kind: ContactKind, value: str) -> bool:
    """A number that a plan has handed out is no card, nor a LINE user id, though one long number in ten passes Luhn."""
    try:
        read_value(kind, value)
    except ModoriError:
        return False
    return True
