"""What the event table keeps of an event: no personal value, but a mask and a blind index in its place (DESIGN 6)."""

import hashlib
from typing import Any, Final, assert_never

from modori.capture.rules import CartSeen, ConsentSeen, FormSeen, IdentifySeen, OrderSeen, PageSeen, Seen
from modori.kernel.errors import ModoriError
from modori.kernel.ids import TenantId
from modori.kernel.masking import DOTS
from modori.people.model import ContactKind
from modori.people.values import read_value, value_index
from modori.storage import crypto

CONTACT_KINDS: Final = {"email": ContactKind.EMAIL, "tel": ContactKind.PHONE, "line": ContactKind.LINE}
"""The fields that are contact points."""


def event_body(seen: Seen, *, tenant_id: TenantId, country: str) -> dict[str, Any]:
    """Say what is stored of an event's data."""
    match seen:
        case CartSeen():
            return {
                "cart_id": seen.cart_id,
                "currency": seen.currency,
                "value_minor": seen.value_minor,
                "items": list(seen.items),
                "url": seen.url,
            }
        case FormSeen():
            fields = {
                name: _masked(name, value, tenant_id=tenant_id, country=country)
                for name, value in sorted(seen.fields.items())
            }
            return {
                "form": seen.form,
                "fields": fields,
                "last_field": seen.last_field,
                "progress": seen.progress,
                "submitted": seen.submitted,
            }
        case IdentifySeen():
            typed = {"email": seen.email, "tel": seen.tel, "line": seen.line, "name": seen.name}
            body: dict[str, Any] = {
                name: _masked(name, value, tenant_id=tenant_id, country=country)
                for name, value in typed.items()
                if value is not None
            }
            if seen.member_id is not None:
                body["member_index"] = member_index(tenant_id, seen.member_id).hex()
            return body
        case ConsentSeen():
            return {
                "channel": seen.channel,
                "granted": seen.granted,
                "text_hash": hashlib.sha256(seen.text.encode()).hexdigest(),
                "control": seen.control,
            }
        case OrderSeen():
            return {"id": seen.id, "currency": seen.currency, "value_minor": seen.value_minor}
        case PageSeen():
            return {}
    assert_never(seen)


def member_index(tenant_id: TenantId, member_id: str) -> bytes:
    """Return the blind index of a client's own member number."""
    return crypto.blind_index(tenant_id, "member", member_id)


def _masked(name: str, value: str, *, tenant_id: TenantId, country: str) -> object:
    """Mask one field; what is no address or number (yet) says so by the problem's code."""
    kind = CONTACT_KINDS.get(name)
    if kind is None:
        return DOTS
    try:
        read = read_value(kind, value, country=country)
    except ModoriError as error:
        return {"problem": error.code}
    return {"masked": read.masked, "index": value_index(tenant_id, kind, read.text).hex()}
