"""What the event table keeps of an event: no personal value, but a mask and a blind index in its place (DESIGN 6)."""

import hashlib
from typing import Any, Final, assert_never

from modori.capture.rules import (
    CaptureSeen,
    CartSeen,
    ConsentSeen,
    FormSeen,
    IdentifySeen,
    OrderSeen,
    PageSeen,
    Seen,
)
from modori.kernel.errors import ModoriError
from modori.kernel.ids import TenantId
from modori.kernel.masking import DOTS
from modori.people.model import ContactKind
from modori.people.values import read_value, value_index
from modori.storage import crypto

CONTACT_KINDS: Final = {"email": ContactKind.EMAIL, "tel": ContactKind.PHONE, "line": ContactKind.LINE}
"""The fields that are contact points."""

CAPTURE: Final = "capture"
"""The channel of a consent event that speaks of capture itself."""


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
            body: dict[str, Any] = {
                "form": seen.form,
                "fields": fields,
                "last_field": seen.last_field,
                "progress": seen.progress,
                "submitted": seen.submitted,
            }
            if seen.survey is not None:
                body["survey"] = [dict(one) for one in seen.survey]
            if seen.times:
                body["times"] = {token: dict(spent) for token, spent in seen.times.items()}
            return body
        case IdentifySeen():
            typed = {"email": seen.email, "tel": seen.tel, "line": seen.line, "name": seen.name}
            body = {
                name: _masked(name, value, tenant_id=tenant_id, country=country)
                for name, value in typed.items()
                if value is not None
            }
            if seen.member_id is not None:
                body["member_index"] = member_index(tenant_id, seen.member_id).hex()
            if seen.proof is not None:
                body["proof"] = {"verdict": seen.proof.verdict.value, "member": seen.proof.member}
            return body
        case ConsentSeen():
            return {"channel": seen.channel, **_evidence(seen)}
        case CaptureSeen():
            return {"channel": CAPTURE, **_evidence(seen)}
        case OrderSeen():
            return {"id": seen.id, "currency": seen.currency, "value_minor": seen.value_minor}
        case PageSeen():
            said = {"kind": seen.kind, "health": None if seen.health is None else dict(seen.health), "sdk": seen.sdk}
            return {name: value for name, value in said.items() if value is not None}
    assert_never(seen)


def member_index(tenant_id: TenantId, member_id: str) -> bytes:
    """Return the blind index of a client's own member number."""
    return crypto.blind_index(tenant_id, "member", member_id)


def _evidence(said: ConsentSeen | CaptureSeen) -> dict[str, Any]:
    """A word about permission without its text, which a row of its own keeps."""
    text_hash = hashlib.sha256(said.text.encode()).hexdigest()
    return {"granted": said.granted, "text_hash": text_hash, "control": said.control}


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
