"""Understand an order of the wire: amounts in minor units, addresses normalised, instants possible."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from modori.capture.bodies import member_index
from modori.capture.scrubbing import is_card_number
from modori.kernel.errors import BadEmail, BadPhone
from modori.kernel.ids import SiteId, TenantId
from modori.kernel.money import Money, from_major
from modori.outcomes.errors import AtInFuture, AtTooOld
from modori.outcomes.queries import MatchKeys
from modori.outcomes.rules import Clock, judge_instant
from modori.outcomes.wire import OrderIn, OrderItem
from modori.people.model import ContactKind
from modori.people.values import read_value, value_index


@dataclass(frozen=True, slots=True)
class ReadOrder:
    """An order as we understand it.

    said_at     the instant as it was said, seconds since 1970; None: none was
    values      its normalised addresses, plain: for marking contact points, never stored here
    unreadable  (field, code) of addresses that are none
    """

    value: Money
    items: list[dict[str, Any]]
    placed_at: datetime
    said_at: float | None
    values: list[tuple[ContactKind, str]]
    keys: MatchKeys
    unreadable: tuple[tuple[str, str], ...]

    def said_hash(self, *, keys: MatchKeys | None = None) -> bytes:
        """Return the SHA-256 of everything that was said, addresses by their blind index.

        keys  others than were said: what the same order would come to with them
        """
        keys = keys or self.keys
        said = [self.value.minor, self.value.currency, self.items, self.said_at, keys.visitor, keys.cart_id]
        said += [(one or b"").hex() for one in (keys.email_index, keys.phone_index, keys.member_index)]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).digest()


def read_order(order: OrderIn, *, tenant_id: TenantId, site_id: SiteId, country: str, now: datetime) -> ReadOrder:
    """Normalise an order.

    country  the site's, whose local telephone numbers are understood
    raises   BadAmount, UnknownCurrency, AtInFuture, AtTooOld
    """
    value = from_major(order.value, order.currency)
    items = [_item(one, order.currency, field=f"items.{at}.price") for at, one in enumerate(order.items)]
    values: list[tuple[ContactKind, str]] = []
    unreadable: list[tuple[str, str]] = []
    for field, kind, sent in (
        ("email", ContactKind.EMAIL, order.email),
        ("tel", ContactKind.PHONE, order.tel),
    ):
        if not sent:
            continue
        try:
            values.append((kind, read_value(kind, sent, country=country).text))
        except (BadEmail, BadPhone) as error:
            unreadable.append((field, error.code))
    index = {kind: value_index(tenant_id, kind, text) for kind, text in values}
    keys = MatchKeys(
        site_id=site_id,
        visitor=order.visitor or None,
        cart_id=order.cart or None,
        email_index=index.get(ContactKind.EMAIL),
        phone_index=index.get(ContactKind.PHONE),
        member_index=member_index(tenant_id, order.member_id) if order.member_id else None,
    )
    placed_at = possible_instant(order.at or now, now=now)
    said_at = None if order.at is None else order.at.timestamp()
    return ReadOrder(value, items, placed_at, said_at, values, keys, tuple(unreadable))


def possible_instant(at: datetime, *, now: datetime) -> datetime:
    """Return the instant, not later than now: a clock that is a little fast is forgiven. raises AtInFuture, AtTooOld"""
    match judge_instant(at, now=now):
        case Clock.FUTURE:
            raise AtInFuture(field="at")
        case Clock.TOO_OLD:
            raise AtTooOld(field="at")
        case Clock.POSSIBLE:
            return min(at, now)


def _item(item: OrderItem, currency: str, *, field: str) -> dict[str, Any]:
    price = from_major(item.price, currency, field=field)
    name = "" if is_card_number(item.name) else item.name  # G8; what the order is worth does not hang on it
    row: dict[str, Any] = {"id": item.id, "name": name, "price_minor": price.minor, "quantity": item.quantity}
    return row | {name: url for name, url in (("url", item.url), ("image", item.image)) if url}
