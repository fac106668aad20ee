"""The shop sells, embeds the SDK as documented, and its server reports orders until it is heard."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from modori.sandbox.app import Sandbox, with_free_ports
from modori.sandbox.shop.cart import format_items, parse_items
from modori.sandbox.shop.catalogue import CATALOGUE
from modori.sandbox.shop.wording import WORDING
from modori.sandbox.wording import WORDING as WORLD_WORDING
from tests.sandbox.conftest import Outside, plain_http, sandbox_settings
from tests.sandbox.receiver import Receiver, wait_until

ADDRESS = {
    "email": "hanako@example.jp",
    "tel": "09012345678",
    "family-name": "山田",
    "given-name": "花子",
    "postal-code": "150-0001",
    "address": "渋谷区神宮前1-1",
}


@pytest.fixture
def shop(outside: Outside) -> Iterator[httpx.Client]:
    with plain_http(outside.settings.shop_url) as browser:
        browser.follow_redirects = True
        yield browser


def facts(page: httpx.Response) -> Any:
    found = re.search(r'id="shop-facts">(.*?)</script>', page.text)
    assert found, "the page carries no facts"
    return httpx.Response(200, text=found[1]).json()


def buy(shop: httpx.Client, **more: str) -> httpx.Response:
    shop.post("/cart", data={"product": "kyusu", "quantity": "2"})
    return shop.post("/checkout", data=ADDRESS | more)


def test_every_page_has_the_ids_that_a_visitor_of_ours_uses(shop: httpx.Client) -> None:
    assert 'id="add-to-cart"' in shop.get("/products/donabe").text
    assert 'id="to-checkout"' in shop.post("/cart", data={"product": "donabe"}).text
    checkout = shop.get("/checkout").text
    for wanted in (*ADDRESS, "optin-email", "optin-sms", "optin-call", "place-order", "modori-notice"):
        assert checkout.count(f'id="{wanted}"') == 1, wanted
    for token in ("email", "tel", "family-name", "postal-code", "address-level1", "cc-number", "current-password"):
        assert f'autocomplete="{token}"' in checkout, token
    assert " checked" not in checkout


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("path", ["/", "/products/kyusu", "/cart", "/checkout", "/admin", "/nowhere"])
def test_pages_are_whole_in_both_languages(shop: httpx.Client, path: str, language: str) -> None:
    shop.post("/cart", data={"product": "donabe"})
    page = shop.get(path, params={"lang": language})
    assert page.status_code == (404 if path == "/nowhere" else 200)
    assert f'<html lang="{language}">' in page.text
    assert "built-in" not in page.text
    assert page.text.count('id="modori-notice"') == (0 if path == "/admin" else 1)


@pytest.mark.parametrize("wording", [WORDING, WORLD_WORDING])
def test_both_languages_have_the_same_words_and_none_hides_a_method(wording: dict[str, dict[str, str]]) -> None:
    assert wording["ja"].keys() == wording["en"].keys()
    assert not [key for key in wording["ja"] if hasattr(dict, key)]


def test_the_sdk_is_embedded_as_documented_and_the_policy_lets_nothing_else_in(
    shop: httpx.Client, outside: Outside
) -> None:
    page = shop.get("/")
    web = outside.settings.web_url
    assert f'<script async src="{web}/sdk/v1/modori.js" data-site="pk_demo"></script>' in page.text
    nonce = re.search(r'<script nonce="([^"]+)">window.modori=', page.text)
    assert nonce
    policy = page.headers["content-security-policy"]
    assert f"script-src 'self' 'nonce-{nonce[1]}' {web};" in policy
    assert "unsafe" not in policy
    assert not re.search(r"\son[a-z]+=", page.text)


def test_a_cart_that_a_link_brought_back_fills_an_empty_cart_elsewhere_and_no_other(
    shop: httpx.Client, outside: Outside
) -> None:
    shop.post("/cart", data={"product": "kyusu", "quantity": "2"})
    cart = facts(shop.get("/cart"))["cart"]
    assert (cart["currency"], cart["value"], cart["items"][0]["quantity"]) == ("JPY", 9960, 2)
    assert cart["items"][0]["stock"] == 120
    assert shop.get(cart["items"][0]["image"]).content.startswith(b"\x89PNG")
    with plain_http(outside.settings.shop_url) as elsewhere:
        assert facts(elsewhere.get(cart["url"] + "?modori_t=token"))["cart"]["items"] == []
        restoring = outside.settings.shop_url + "/cart/restored"
        assert elsewhere.post(restoring, data={"items": "kyusu:2"}).status_code == 204
        rebuilt = facts(elsewhere.get(cart["url"]))["cart"]
        assert (rebuilt["value"], rebuilt["items"]) == (cart["value"], cart["items"])
        assert rebuilt["id"] == elsewhere.cookies["cart_id"] != cart["id"]
        assert facts(elsewhere.get(outside.settings.shop_url + "/checkout"))["cart"]["id"] == rebuilt["id"]
        elsewhere.post(restoring, data={"items": "donabe:1"})
        assert facts(elsewhere.get(cart["url"]))["cart"]["items"] == rebuilt["items"], "the newer cart stays"


def test_a_restored_cart_holds_no_more_than_there_is(shop: httpx.Client) -> None:
    shop.post("/cart/restored", data={"items": "chawan:9,nothing:1"})  # three are left
    assert facts(shop.get("/cart"))["cart"]["value"] == 3 * 2480


def test_the_cart_can_be_changed_and_emptied(shop: httpx.Client) -> None:
    shop.post("/cart", data={"product": "kyusu"})
    shop.post("/cart", data={"product": "chawan", "quantity": "9"})  # three are left
    assert facts(shop.get("/cart"))["cart"]["value"] == 4980 + 3 * 2480
    shop.post("/cart/items", data={"kyusu": "3", "remove": "chawan"})
    assert facts(shop.get("/cart"))["cart"]["value"] == 3 * 4980
    shop.post("/cart/items", data={"kyusu": "0"})
    assert facts(shop.get("/cart"))["cart"]["items"] == []
    assert str(shop.get("/checkout").url).endswith("/cart")


def test_an_order_is_reported_by_the_server_until_it_is_heard(shop: httpx.Client, outside: Outside) -> None:
    outside.modori.answers["/v1/orders"] = [(503, "{}"), (429, "{}"), (201, "{}")]
    shop.cookies.set("modori_v", "visitor-1", domain="localhost.local", path="/")
    cart_id = facts(shop.post("/cart", data={"product": "kyusu"}))["cart"]["id"]
    page = shop.post("/checkout", data=ADDRESS)
    order_id = facts(page)["order"]["id"]
    assert facts(page)["order"]["value"] == 4980
    posts = outside.modori.wait("/v1/orders", count=3)
    assert len({post.body for post in posts}) == 1
    assert {post.headers["authorization"] for post in posts} == {"Bearer sk_demo"}
    assert {post.headers["idempotency-key"] for post in posts} == {order_id}
    told = posts[0].json
    assert (told["id"], told["currency"], told["value"]) == (order_id, "JPY", 4980)
    assert (told["email"], told["tel"]) == (ADDRESS["email"], ADDRESS["tel"])
    assert (told["visitor"], told["cart"]) == ("visitor-1", cart_id)
    assert facts(shop.get("/"))["cart"]["items"] == []


def test_a_refused_report_is_not_repeated_and_is_shown(shop: httpx.Client, outside: Outside) -> None:
    outside.modori.answers["/v1/orders"] = (403, '{"code": "unknown-key"}')
    buy(shop)
    outside.modori.wait("/v1/orders")
    wait_until(lambda: "unknown-key" in shop.get("/admin?lang=en").text)
    assert "refused" in shop.get("/admin?lang=en").text
    assert len(outside.modori.at("/v1/orders")) == 1


def test_card_number_and_password_stay_out_of_the_books_and_the_report(shop: httpx.Client, outside: Outside) -> None:
    buy(shop, **{"card-number": "4242424242424242", "password": "hunter2-hunter2"})
    (post,) = outside.modori.wait("/v1/orders")
    books = (outside.settings.state_dir / "orders.jsonl").read_text()
    wrong = shop.post("/cart", data={"product": "kyusu"}) and shop.post(
        "/checkout", data={"email": "no address", "card-number": "4242424242424242"}
    )
    assert wrong.status_code == 422
    for text in (post.body, books, wrong.text):
        assert "4242424242424242" not in text
        assert "hunter2" not in text


def test_a_form_shown_again_keeps_what_was_typed_and_ticked(shop: httpx.Client) -> None:
    shop.post("/cart", data={"product": "kyusu"})
    page = shop.post("/checkout", data={"email": "no address", "tel": "090", "optin-sms": "on"})
    assert page.status_code == 422
    assert 'value="no address" required aria-invalid="true"' in page.text
    assert page.text.count(" checked") == 1
    assert 'data-consent="sms" checked' in page.text


def test_a_cancelled_order_is_reported_as_a_reversal_and_returns_to_stock(shop: httpx.Client, outside: Outside) -> None:
    order_id = facts(buy(shop))["order"]["id"]
    outside.modori.wait("/v1/orders")
    assert facts(shop.post("/cart", data={"product": "kyusu"}))["cart"]["items"][0]["stock"] == 118
    for _ in range(2):  # a second press changes nothing
        shop.post(f"/admin/orders/{order_id}/cancel")
    (post,) = outside.modori.wait(f"/v1/orders/{order_id}/reversals")
    assert (post.json["id"], post.json["reason"]) == (f"{order_id}-C", "cancel")
    assert post.headers["idempotency-key"] == f"{order_id}-C"
    assert facts(shop.get("/cart"))["cart"]["items"][0]["stock"] == 120


def test_an_order_not_yet_reported_is_reported_after_a_restart(tmp_path: Path, modori: Receiver) -> None:
    settings = with_free_ports(sandbox_settings(tmp_path, modori.url))
    modori.answers["/v1/orders"] = (503, "{}")
    with Sandbox(settings), plain_http(settings.shop_url) as shop:
        shop.follow_redirects = True
        order_id = facts(buy(shop))["order"]["id"]
        modori.wait("/v1/orders")
    modori.answers["/v1/orders"] = (201, "{}")
    heard = len(modori.at("/v1/orders"))
    with Sandbox(settings):
        posts = modori.wait("/v1/orders", count=heard + 1)
    assert posts[-1].json["id"] == order_id


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("kyusu:2,donabe:1", {"kyusu": 2, "donabe": 1}),
        ("kyusu:99", {"kyusu": 20}),  # no more than twenty
        ("kyusu:0", {}),
        ("kyusu:-1", {}),
        ("kyusu:2²", {}),
        ("<script>:1,kyusu", {}),
        ("", {}),
    ],
)
def test_a_cart_in_a_url_holds_only_what_is_sold(text: str, items: dict[str, int]) -> None:
    assert parse_items(text) == items
    assert parse_items(format_items(items)) == items


@pytest.mark.parametrize("product", [product.id for product in CATALOGUE])
def test_every_product_has_both_pictures(shop: httpx.Client, product: str) -> None:
    assert shop.get(f"/pictures/{product}.svg").headers["content-type"].startswith("image/svg+xml")
    assert shop.get(f"/pictures/{product}.png").headers["content-type"] == "image/png"
    assert shop.get("/pictures/..%2Fshop%2Findex.html").status_code == 404
