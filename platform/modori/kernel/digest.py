"""The digest of the facts that a message shows: what prepare rendered must still hold when begin locks (section 5)."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

SHOWN = ("id", "price_minor", "quantity", "stock")
"""Of an item, what a reader could hold us to; a corrected spelling of its name does not send a touch back."""


def content_digest(items: Sequence[Mapping[str, Any]], cart_minor: int | None, currency: str | None) -> bytes:
    """Return the SHA-256 over the facts of one episode's cart.

    items    as in Episode.items; absent and null are the same
    returns  32 bytes, equal where ids, prices, quantities, stock, total and currency are equal, in their order
    """
    facts = {
        "items": [{name: item.get(name) for name in SHOWN} for item in items],
        "cart_minor": cart_minor,
        "currency": currency,
    }
    canonical = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(canonical.encode()).digest()
