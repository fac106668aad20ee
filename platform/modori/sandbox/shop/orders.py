"""The shop's own books: orders, what became of their report to Modori, and what is left in stock."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from modori.sandbox.ledger import Ledger, iter_lines
from modori.sandbox.shop.cart import total
from modori.sandbox.shop.catalogue import CATALOGUE, PRODUCTS


class Report(StrEnum):
    """waiting → told, or waiting → refused (Modori said no) or given-up (nobody answered in time)."""

    WAITING = "waiting"
    TOLD = "told"
    REFUSED = "refused"
    GIVEN_UP = "given-up"


@dataclass(frozen=True)
class Order:
    """`cancelled` is empty, or the id of the reversal. Card number and password are never in here."""

    id: str
    at: str
    items: dict[str, int]
    email: str
    tel: str
    name: str
    visitor: str
    cart: str
    language: str
    report: Report = Report.WAITING
    answer: str = ""
    cancelled: str = ""
    cancelled_at: str = ""
    cancel_report: Report = Report.WAITING
    cancel_answer: str = ""

    @property
    def value(self) -> int:
        return total(self.items)

    def as_report(self) -> dict[str, Any]:
        """The body of `POST /v1/orders`; what the shop does not know is left out."""
        known = {"email": self.email, "tel": self.tel, "visitor": self.visitor, "cart": self.cart}
        return {
            "id": self.id,
            "currency": "JPY",
            "value": self.value,
            "at": self.at,
            "items": order_items(self),
        } | {name: value for name, value in known.items() if value}


class Orders:
    """Kept in `orders.jsonl`: each line is an order as it stood then."""

    def __init__(self, state_dir: Path) -> None:
        self._orders: dict[str, Order] = {}
        for line in iter_lines(state_dir / "orders.jsonl"):
            order = Order(**line | {"report": Report(line["report"]), "cancel_report": Report(line["cancel_report"])})
            self._orders[order.id] = order
        self._ledger = Ledger(state_dir / "orders.jsonl")

    def close(self) -> None:
        self._ledger.close()

    def place(
        self,
        *,
        items: dict[str, int],
        email: str,
        tel: str,
        name: str,
        visitor: str,
        cart: str,
        language: str,
    ) -> Order:
        now = datetime.now(UTC)
        return self._keep(
            Order(
                id=f"K-{now:%y%m%d}-{secrets.token_hex(4).upper()}",
                at=now.isoformat(timespec="milliseconds"),
                items=items,
                email=email,
                tel=tel,
                name=name,
                visitor=visitor,
                cart=cart,
                language=language,
            )
        )

    def cancel(self, order: Order) -> Order:
        """A second cancellation changes nothing."""
        if order.cancelled:
            return order
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        return self._keep(replace(order, cancelled=f"{order.id}-C", cancelled_at=now))

    def change(self, order_id: str, **changes: Any) -> Order:
        return self._keep(replace(self._orders[order_id], **changes))

    def find(self, order_id: str) -> Order | None:
        return self._orders.get(order_id)

    def list_all(self) -> list[Order]:
        """Newest first."""
        return list(self._orders.values())[::-1]

    def stock(self) -> dict[str, int]:
        """What is left of each product."""
        left = {product.id: product.first_stock for product in CATALOGUE}
        for order in self._orders.values():
            if not order.cancelled:
                for product_id, quantity in order.items.items():
                    left[product_id] -= quantity
        return {product_id: max(0, quantity) for product_id, quantity in left.items()}

    def _keep(self, order: Order) -> Order:
        self._ledger.append(asdict(order))
        self._orders[order.id] = order
        return order


def order_items(order: Order) -> list[dict[str, Any]]:
    """Items as both the server API and the browser's `order` call take them."""
    return [
        {
            "id": product_id,
            "name": PRODUCTS[product_id].names[order.language],
            "price": PRODUCTS[product_id].price,
            "quantity": quantity,
        }
        for product_id, quantity in order.items.items()
    ]
