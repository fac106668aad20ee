"""The shop's pages. They work without JavaScript; with it, they tell Modori what happens."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from modori.sandbox.pages import Pages, chosen_language, sandbox_folder
from modori.sandbox.settings import SandboxSettings
from modori.sandbox.shop.cart import format_items, parse_items, total
from modori.sandbox.shop.catalogue import CATALOGUE, PRODUCTS
from modori.sandbox.shop.orders import Order, Orders, order_items
from modori.sandbox.shop.reporting import Reporter
from modori.sandbox.shop.wording import WORDING

LOW_STOCK = 5
REQUIRED = ("email", "tel", "family-name", "given-name", "postal-code", "address")
KEPT = (*REQUIRED, "prefecture")
"""Fields of the checkout form that the server reads. Card number and password are not among them."""
TICKS = ("optin-email", "optin-sms", "optin-call")
"""Boxes that a page shown again keeps; what they mean is told to Modori by the browser, when they change."""


@dataclass
class Shop:
    settings: SandboxSettings
    orders: Orders
    reporter: Reporter
    _pages: Pages = field(default_factory=lambda: Pages("shop"), init=False)

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/", self.products),
            Route("/products/{product}", self.product),
            Route("/cart", self.cart, methods=["GET"]),
            Route("/cart", self.add_to_cart, methods=["POST"]),
            Route("/cart/items", self.change_cart, methods=["POST"]),
            Route("/cart/restored", self.restore_cart, methods=["POST"]),
            Route("/checkout", self.checkout, methods=["GET"]),
            Route("/checkout", self.place_order, methods=["POST"]),
            Route("/thanks/{order}", self.thanks),
            Route("/admin", self.admin),
            Route("/admin/orders/{order}/cancel", self.cancel_order, methods=["POST"]),
            Route("/pictures/{picture}", self.picture),
            Route("/healthz", _healthy),
            Mount("/static", StaticFiles(directory=sandbox_folder() / "static")),
        ]

    async def products(self, request: Request) -> Response:
        return self._page(request, "index.html", products=[self._product(request, p.id) for p in CATALOGUE])

    async def product(self, request: Request) -> Response:
        product_id = request.path_params["product"]
        if product_id not in PRODUCTS:
            raise HTTPException(404)
        return self._page(request, "product.html", product=self._product(request, product_id))

    async def cart(self, request: Request) -> Response:
        items = _cart_of(request)
        return self._page(request, "cart.html", items=items, lines=self._lines(request, items))

    async def restore_cart(self, request: Request) -> Response:
        """Lay what Modori's link brought back into this browser's cart, as far as it is in stock.

        A cart that holds something already is the newer one, and stays as it is.
        """
        form = await request.form()
        items = _cart_of(request)
        if not items:
            stock = self.orders.stock()
            brought = parse_items(str(form.get("items", "")))
            left = {product_id: min(quantity, stock[product_id]) for product_id, quantity in brought.items()}
            items = {product_id: quantity for product_id, quantity in left.items() if quantity}
        return _with_cart(request, Response(status_code=204), items)

    async def add_to_cart(self, request: Request) -> Response:
        form = await request.form()
        added = parse_items(f"{form.get('product', '')}:{form.get('quantity', '1')}")
        items = _cart_of(request)
        for product_id, quantity in added.items():
            wanted = items.get(product_id, 0) + quantity
            items[product_id] = min(wanted, self.orders.stock()[product_id])
        items = parse_items(format_items(items))
        return _with_cart(request, RedirectResponse("/cart", status_code=303), items)

    async def change_cart(self, request: Request) -> Response:
        """New quantities for the whole cart; a product that is named by `remove` goes."""
        form = await request.form()
        wanted = {product_id: str(form.get(product_id, quantity)) for product_id, quantity in _cart_of(request).items()}
        wanted.pop(str(form.get("remove", "")), None)
        stock = self.orders.stock()
        items = parse_items(",".join(f"{product_id}:{quantity}" for product_id, quantity in wanted.items()))
        items = {product_id: min(quantity, stock[product_id]) for product_id, quantity in items.items()}
        return _with_cart(request, RedirectResponse("/cart", status_code=303), items)

    async def checkout(self, request: Request) -> Response:
        if not _cart_of(request):
            return RedirectResponse("/cart", status_code=303)
        return self._checkout_page(request, typed={}, wrong=[], ticked=set(), status_code=200)

    async def place_order(self, request: Request) -> Response:
        items = _cart_of(request)
        form = await request.form()
        typed = {name: _typed(form, name) for name in KEPT}
        wrong = [name for name in REQUIRED if not typed[name]]
        if "@" not in typed["email"]:
            wrong.append("email")
        if not items:
            return RedirectResponse("/cart", status_code=303)
        if wrong:
            ticked = {name for name in TICKS if name in form}
            return self._checkout_page(request, typed=typed, wrong=wrong, ticked=ticked, status_code=422)
        order = self.orders.place(
            items=items,
            email=typed["email"],
            tel=typed["tel"],
            name=f"{typed['family-name']} {typed['given-name']}",
            visitor=request.cookies.get("modori_v", ""),
            cart=request.cookies.get("cart_id", ""),
            language=_language(request),
        )
        self.reporter.tell(order)
        answer = RedirectResponse(f"/thanks/{order.id}", status_code=303)
        answer.delete_cookie("cart")
        answer.delete_cookie("cart_id")
        return answer

    async def thanks(self, request: Request) -> Response:
        order = self._order(request)
        told = {"id": order.id, "currency": "JPY", "value": order.value, "items": order_items(order)}
        return self._page(
            request, "thanks.html", order=order, lines=self._lines(request, order.items), facts={"order": told}
        )

    async def admin(self, request: Request) -> Response:
        return self._page(request, "admin.html", orders=self.orders.list_all())

    async def cancel_order(self, request: Request) -> Response:
        order = self._order(request)
        if not order.cancelled:
            self.reporter.tell(self.orders.cancel(order))
        return RedirectResponse("/admin", status_code=303)

    async def picture(self, request: Request) -> Response:
        name = request.path_params["picture"]
        path = sandbox_folder() / "pictures" / name
        if not re.fullmatch(r"[a-z]+\.(svg|png)", name) or not path.is_file():
            raise HTTPException(404)
        return FileResponse(path, headers={"Cache-Control": "max-age=3600"})

    async def lost(self, request: Request, _: Exception) -> Response:
        return self._page(request, "not_found.html", status_code=404)

    # parts of pages

    def _checkout_page(
        self, request: Request, *, typed: dict[str, str], wrong: list[str], ticked: set[str], status_code: int
    ) -> Response:
        items = _cart_of(request)
        return self._page(
            request,
            "checkout.html",
            status_code=status_code,
            items=items,
            lines=self._lines(request, items),
            typed=dict.fromkeys(KEPT, "") | typed,
            wrong=wrong,
            ticked=ticked,
        )

    def _page(
        self,
        request: Request,
        template: str,
        *,
        status_code: int = 200,
        items: dict[str, int] | None = None,
        facts: dict[str, Any] | None = None,
        **context: Any,
    ) -> Response:
        items = _cart_of(request) if items is None else items
        language = _language(request)
        nonce = secrets.token_urlsafe(16)
        web_url = self.settings.web_url
        answer = self._pages.render(
            template,
            policy=f"default-src 'self'; script-src 'self' 'nonce-{nonce}' {web_url}; connect-src 'self' {web_url}; "
            "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
            status_code=status_code,
            t=WORDING[language],
            lang=language,
            other_language_url=_other_language_url(request, language),
            nonce=nonce,
            sdk_url=f"{web_url}/sdk/v1/modori.js",
            site_key=self.settings.site_key,
            cart_count=sum(items.values()),
            cart_total=total(items),
            facts=facts or {"cart": self._cart_facts(request, items)},
            **context,
        )
        if "lang" in request.query_params:
            answer.set_cookie("shop_lang", language, max_age=86400, samesite="lax")
        return answer

    def _product(self, request: Request, product_id: str) -> dict[str, Any]:
        product, language = PRODUCTS[product_id], _language(request)
        left = self.orders.stock()[product_id]
        return {
            "id": product_id,
            "name": product.names[language],
            "line": product.lines[language],
            "details": product.details[language],
            "price": product.price,
            "stock": left,
            "is_low": 0 < left <= LOW_STOCK,
        }

    def _lines(self, request: Request, items: dict[str, int]) -> list[dict[str, Any]]:
        return [
            self._product(request, product_id) | {"quantity": quantity, "sum": PRODUCTS[product_id].price * quantity}
            for product_id, quantity in items.items()
        ]

    def _cart_facts(self, request: Request, items: dict[str, int]) -> dict[str, Any]:
        """What the page says to `modori('cart', …)`."""
        base = self.settings.shop_url
        rows = [
            {
                "id": line["id"],
                "name": line["name"],
                "price": line["price"],
                "quantity": line["quantity"],
                "url": f"{base}/products/{line['id']}",
                "image": f"{base}/pictures/{line['id']}.png",
                "stock": line["stock"],
            }
            for line in self._lines(request, items)
        ]
        facts = {"currency": "JPY", "value": total(items), "items": rows}
        if cart_id := request.cookies.get("cart_id"):
            facts["id"] = cart_id
        facts["url"] = f"{base}/cart"
        return facts

    def _order(self, request: Request) -> Order:
        order = self.orders.find(request.path_params["order"])
        if order is None:
            raise HTTPException(404)
        return order


async def _healthy(_: Request) -> Response:
    return PlainTextResponse("ok")


def _cart_of(request: Request) -> dict[str, int]:
    return parse_items(request.cookies.get("cart", ""))


def _with_cart(request: Request, answer: Response, items: dict[str, int]) -> Response:
    answer.set_cookie("cart", format_items(items), max_age=86400 * 30, samesite="lax")
    answer.set_cookie("cart_id", _cart_id(request), max_age=86400 * 30, samesite="lax")
    return answer


def _cart_id(request: Request) -> str:
    """The browser's cart, or a new one that this answer is going to give it."""
    if "cart_id" not in request.cookies:
        request.cookies["cart_id"] = secrets.token_hex(8)
    return request.cookies["cart_id"]


def _language(request: Request) -> str:
    return chosen_language(request.query_params.get("lang"), request.cookies.get("shop_lang"))


def _other_language_url(request: Request, language: str) -> str:
    kept = dict(request.query_params) | {"lang": "en" if language == "ja" else "ja"}
    path = request.url.path if request.method == "GET" else "/checkout"
    return f"{path}?{urlencode(kept)}"


def _typed(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value.strip()[:200] if isinstance(value, str) else ""
