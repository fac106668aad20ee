"""A cart as text: `donabe:1,kyusu:2`. It lives in a cookie, and comes back as text when a link restores it."""

from __future__ import annotations

from modori.sandbox.shop.catalogue import PRODUCTS

MAX_QUANTITY = 20


def parse_items(text: str) -> dict[str, int]:
    """Product ids to quantities. Products that are not sold and quantities that are none are left out."""
    items: dict[str, int] = {}
    for part in text.split(","):
        product_id, _, quantity = part.partition(":")
        if product_id in PRODUCTS and quantity.isascii() and quantity.isdecimal():
            wanted = min(int(quantity[:4]), MAX_QUANTITY)
            if wanted:
                items[product_id] = wanted
    return items


def format_items(items: dict[str, int]) -> str:
    return ",".join(f"{product_id}:{quantity}" for product_id, quantity in items.items())


def total(items: dict[str, int]) -> int:
    """Yen, tax and shipping included."""
    return sum(PRODUCTS[product_id].price * quantity for product_id, quantity in items.items())
