"""Coming back by a link, and the engineer's overlay, in a real browser under a strict policy."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.sdk_pages import Receiver, open_page, receiving, shop

NOTICE = {"mode": "notice", "notice_selector": "#notice", "heartbeat_s": 15}
STRICT = "default-src 'none'; img-src data:; script-src 'nonce-n1'; connect-src SDK_HOST"
TOKEN = "Aa0_-bcdefghijklmnopqr"
PAGE = (
    "<!doctype html><html lang=ja><meta charset=utf-8><title>店</title>"
    "<meta name=viewport content='width=device-width'>"
    "<link rel=icon href='data:,'>"
    "<script nonce=n1>window.modori=window.modori||function(){(modori.q=modori.q||[]).push(arguments)};"
    "modori('restore', function (brought) { window.brought = brought })</script>"
    "<script nonce=n1 async src='SDK_HOST/sdk/v1/modori.js' data-site=pk_page data-restore=ask></script>"
    "<p id=notice>お預かりします。</p><form id=checkout>"
    "<p><label>メールアドレス <input id=email name=mail></label>"
    "<p><label>お名前 <input id=name name=name></label>"
    "<p><label>都道府県 <input id=pref name=pref></label>"
    "<p><label>クーポンコード <input id=coupon name=coupon></label>"
    "<p><label>パスワード <input id=password type=password name=password autocomplete=current-password></label></form>"
)
LEFT: dict[str, object] = {
    "cart": "C-1",
    "currency": "JPY",
    "value": 4980,
    "items": [{"id": "P-1", "name": "急須", "price": 4980, "quantity": 1}],
    "fields": {"address-level1": "東京都"},
    "masked": {"email": "h•••@e•••.jp", "name": "山•••"},
}
PROVEN = LEFT | {"fields": {"email": "hanako@example.jp", "name": "山田 花子"}, "masked": {}}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving(NOTICE) as receiver:
        yield receiver


@pytest.fixture
def url(receiver: Receiver) -> Iterator[str]:
    with shop(receiver, html=PAGE, policy=STRICT) as url:
        yield url


@pytest.fixture
def printed() -> Iterator[list[str]]:
    lines: list[str] = []
    yield lines
    own = ("[DOM]", "404")  # the browser's own advice to the shop, and its word of a wrong proof
    assert [line for line in lines if not any(one in line for one in own)] == []


def overlay(page: Page) -> str:
    """The overlay's text, which lies in a shadow root."""
    return page.locator("[data-modori-ignore] section").inner_text()


def test_a_form_comes_back_to_the_browser_that_left_it(
    context: BrowserContext, receiver: Receiver, url: str, printed: list[str]
) -> None:
    page = open_page(context, url, printed)
    page.locator("#email").press_sequentially("hanako@example.jp")
    page.locator("#name").press_sequentially("山田 花子")
    page.locator("#password").press_sequentially("himitsu-1234")
    receiver.wait_for("form", 1)
    page.close()
    receiver.restored = LEFT
    back = open_page(context, f"{url}?modori_t={TOKEN}&modori_coupon=BACK-10", printed)
    expect(back.locator("#name")).to_have_value("山田 花子")
    expect(back.locator("#email")).to_have_value("hanako@example.jp")
    expect(back.locator("#coupon")).to_have_value("BACK-10")
    expect(back.locator("#password")).to_have_value("")
    back.wait_for_function("window.brought")
    assert back.evaluate("brought.items[0].name") == "急須"
    assert back.locator("[data-modori-ignore] dialog").count() == 0  # there is nothing to prove


def test_another_device_shows_the_rest_after_the_receiver_is_named(
    context: BrowserContext, receiver: Receiver, url: str, printed: list[str]
) -> None:
    receiver.restored = LEFT
    page = open_page(context, f"{url}?modori_t={TOKEN}", printed)
    expect(page.locator("#pref")).to_have_value("東京都")
    expect(page.locator("#email")).to_have_value("")
    dialog = page.get_by_role("dialog", name="入力の続きから")
    expect(dialog).to_be_visible()
    contact = dialog.get_by_label("メールアドレスまたは電話番号")
    contact.fill("x@y.example")
    dialog.get_by_role("button", name="復元する").click()
    expect(dialog.get_by_role("alert")).to_contain_text("復元できませんでした")
    receiver.proven = PROVEN
    contact.fill("hanako@example.jp")
    contact.press("Enter")
    expect(dialog).to_have_count(0)
    expect(page.locator("#email")).to_have_value("hanako@example.jp")
    expect(page.locator("#name")).to_have_value("山田 花子")


def test_a_link_that_leads_back_to_nothing_changes_nothing(
    context: BrowserContext, receiver: Receiver, url: str, printed: list[str]
) -> None:
    page = open_page(context, f"{url}?modori_t={TOKEN}", printed)
    receiver.wait_for("page", 1)
    page.wait_for_timeout(700)
    assert page.evaluate("window.brought") is None
    expect(page.locator("#pref")).to_have_value("")


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (375, 700)])
def test_the_overlay_says_what_is_seen_and_fits_the_window(
    context: BrowserContext, receiver: Receiver, url: str, printed: list[str], width: int, height: int
) -> None:
    page = open_page(context, f"{url}?modori_debug=1", printed)
    page.set_viewport_size({"width": width, "height": height})
    page.locator("#email").press_sequentially("hanako@example.jp")
    page.keyboard.press("Tab")  # what is typed is read when it is left
    receiver.wait_for("form", 1)
    section = page.locator("[data-modori-ignore] section")
    expect(section).to_contain_text("取得中")
    expect(section).to_contain_text("パスワード：読み取りません")
    page.wait_for_timeout(1200)
    assert "hanako" not in overlay(page)
    box = page.locator("[data-modori-ignore] section").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    page.locator("[data-modori-ignore] section").focus()
    page.keyboard.press("Escape")
    expect(page.locator("[data-modori-ignore]")).to_have_count(0)
    page.goto(url)
    page.wait_for_function("window.modori.version")
    assert page.locator("[data-modori-ignore]").count() == 0
