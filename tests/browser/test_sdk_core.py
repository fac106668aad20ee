"""What only a real browser shows of the SDK's core: late parts, modes, tabs, addresses, policies and bad networks."""

from time import monotonic

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.browser.sdk_pages import (
    HANGS_S,
    Receiver,
    name_of,
    open_page,
    receiving,
    shop,
    wait_for_looks,
    wait_for_part,
)

NOTICE = {"mode": "notice", "notice_selector": "#notice", "heartbeat_s": 15}
AFTER_CONSENT = {"mode": "after-consent", "notice_selector": "#notice", "heartbeat_s": 15}
QUIET_MS = 1600
"""Longer than the SDK gathers."""
STRICT = "default-src 'none'; img-src data:; script-src 'nonce-n1'; connect-src SDK_HOST; frame-src 'self'"
STUB = "window.modori=window.modori||function(){(modori.q=modori.q||[]).push(arguments)}"
BARE = (
    "<!doctype html><html lang=ja><meta charset=utf-8><title>店</title><link rel=icon href='data:,'>"
    f"<script nonce=n1>{STUB}</script>"
    "<script nonce=n1 async src='SDK_HOST/sdk/v1/modori.js' data-site=pk_page></script>"
    "<p id=notice>お預かりします。</p>"
)
"""A page without a field; its scripts carry a nonce."""
CONSENT_MODE = BARE + (
    "<script nonce=n1>window.dataLayer=[];function gtag(){dataLayer.push(arguments)}"
    "gtag('consent','default',{ad_storage:'granted',ad_user_data:'granted'})</script><form><input name=email></form>"
)


def scripts(receiver: Receiver) -> list[str]:
    """The scripts that were asked for, by name, in their order."""
    return [name_of(path) for path in receiver.asked if path.startswith("/sdk/")]


def left_behind(context: BrowserContext, page: Page, url: str) -> tuple[int, int, int]:
    """How many cookies and entries of storage the SDK has left in the browser."""
    lengths = page.evaluate("[localStorage.length, sessionStorage.length]")
    return len(context.cookies(url)), lengths[0], lengths[1]


def test_a_page_without_a_field_gets_the_core_alone(context: BrowserContext, printed: list[str]) -> None:
    with receiving(NOTICE) as receiver, shop(receiver, html=BARE) as url:
        page = open_page(context, url, printed)
        receiver.wait_for("page", 1)
        page.wait_for_timeout(QUIET_MS)
        assert scripts(receiver) == ["modori.js"]
        page.evaluate("document.body.innerHTML += '<form><input id=late name=email type=email></form>'")
        page.fill("#late", "hanako@example.jp")
        wait_for_part(page, "forms")
        page.click("#notice")
        assert receiver.wait_for("form", 1)[0]["data"]["fields"] == {"email": "hanako@example.jp"}


@pytest.mark.parametrize("where", ["shadow", "frame"])
def test_a_field_in_a_shadow_root_or_in_a_frame_calls_for_the_forms_part(
    context: BrowserContext, printed: list[str], where: str
) -> None:
    field = "<input id=deep type=email name=email>"
    made = {
        "shadow": f"const h=document.createElement('div');document.body.append(h);"
        f"h.attachShadow({{mode:'open'}}).innerHTML='{field}'",
        "frame": f"const f=document.createElement('iframe');f.srcdoc='{field}';document.body.append(f)",
    }
    with receiving(NOTICE) as receiver, shop(receiver, html=BARE) as url:
        page = open_page(context, url, printed)
        receiver.wait_for("page", 1)
        page.evaluate(made[where])
        if where == "frame":
            page.frame_locator("iframe").locator("#deep").click()
            page.mouse.click(5, 5)  # the page hears of a click outside the frame, or looks at the next tick
        else:
            page.locator("#deep").click()
        wait_for_part(page, "forms")


def test_a_strict_policy_with_a_nonce_lets_the_parts_through(context: BrowserContext, printed: list[str]) -> None:
    html = BARE + "<form><input id=email type=email name=email></form>"
    with receiving(NOTICE) as receiver, shop(receiver, html=html, policy=STRICT) as url:
        page = open_page(context, url, printed)
        wait_for_part(page, "forms")
        page.fill("#email", "hanako@example.jp")
        page.close()
        assert receiver.wait_for("form", 1)[0]["data"]["fields"] == {"email": "hanako@example.jp"}


def test_a_part_that_is_not_ours_does_not_run_and_the_next_page_asks_again(context: BrowserContext) -> None:
    printed: list[str] = []
    with receiving(NOTICE) as receiver, shop(receiver) as url:
        receiver.spoil = lambda name, script: script + b";window.spoilt=1" if name == "forms.js" else script
        page = open_page(context, url, printed)
        receiver.wait_for("cart", 1)
        page.fill("#email", "hanako@example.jp")
        page.wait_for_timeout(QUIET_MS)
        assert page.evaluate("window.spoilt") is None
        assert receiver.events("form") == []
        assert all("integrity" in line for line in printed)  # the browser says so, and nobody else
        receiver.spoil = lambda name, script: script
        context.clear_cookies()
        fresh = context.browser.new_context() if context.browser else context
        page = open_page(fresh, url, printed)
        wait_for_part(page, "forms")
        page.fill("#email", "hanako@example.jp")
        page.close()
        assert receiver.wait_for("form", 1)
        fresh.close()


def test_consent_mode_grants_by_an_update_only_and_takes_back(context: BrowserContext, printed: list[str]) -> None:
    said = "gtag('consent','update',{ad_storage:'%s',ad_user_data:'%s'})"
    with receiving(AFTER_CONSENT) as receiver, shop(receiver, html=CONSENT_MODE) as url:
        page = open_page(context, url, printed)
        page.evaluate("modori('cart', {currency: 'JPY', value: 1, items: []})")
        page.evaluate(said % ("granted", "denied"))
        page.click("#notice")
        page.wait_for_timeout(QUIET_MS)
        assert receiver.asked == ["/sdk/v1/modori.js", "/v1/sites/pk_page/config"]
        assert left_behind(context, page, url) == (0, 0, 0)
        page.evaluate(said % ("granted", "granted"))
        page.click("#notice")
        assert receiver.wait_for("cart", 1)
        assert [event["type"] for event in receiver.events()] == ["page", "cart"]
        page.evaluate(said % ("denied", "denied"))
        page.click("#notice")
        page.wait_for_timeout(QUIET_MS)
        before = len(receiver.bodies)
        page.evaluate("modori('cart', {currency: 'JPY', value: 2, items: []})")
        page.close()
        page = open_page(context, url, printed)
        page.wait_for_timeout(QUIET_MS)
        assert len(receiver.bodies) == before


def test_no_thanks_says_so_once_in_every_tab_and_leaves_nothing(context: BrowserContext, printed: list[str]) -> None:
    with receiving(NOTICE) as receiver, shop(receiver) as url:
        other = open_page(context, url, printed)
        page = open_page(context, url, printed)
        visitors = {event["visitor"] for event in receiver.wait_for("cart", 2)}
        assert len(visitors) == 1, "one browser is one visitor"
        wait_for_part(other, "forms")
        page.evaluate("modori('consent', {channel: 'capture', granted: false, text: 'いいえ'})")
        other.fill("#email", "hanako@example.jp")
        other.evaluate("modori('cart', {currency: 'JPY', value: 2, items: []})")
        said = receiver.wait_for("consent", 1)
        page.wait_for_timeout(QUIET_MS)
        assert [(event["visitor"], event["data"]["granted"]) for event in said] == [(*visitors, False)]
        assert [cookie.get("value") for cookie in context.cookies(url)] == ["-"]
        assert page.evaluate("Object.keys(localStorage)") == ["modori_choice:pk_page"]
        before = len(receiver.bodies)
        for open_tab in (page, other):
            open_tab.close()
        page = open_page(context, url, printed)
        page.wait_for_timeout(QUIET_MS)
        assert len(receiver.bodies) == before


@pytest.mark.parametrize("counts", [True, False])
def test_the_privacy_signal_is_heeded_where_the_country_asks_for_it(
    context: BrowserContext, printed: list[str], *, counts: bool
) -> None:
    context.add_init_script("Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {get: () => true})")
    with receiving({**NOTICE, "gpc": counts}) as receiver, shop(receiver) as url:
        page = open_page(context, url, printed)
        page.fill("#email", "hanako@example.jp")
        if counts:
            page.wait_for_timeout(QUIET_MS)
            assert receiver.asked == ["/sdk/v1/modori.js", "/v1/sites/pk_page/config"]
            assert left_behind(context, page, url) == (0, 0, 0)
        else:
            assert receiver.wait_for("cart", 1)


def test_a_consent_carries_the_words_beside_its_control(context: BrowserContext, printed: list[str]) -> None:
    html = BARE + "<input type=checkbox id=optin><label for=optin>お得な\n  <b>お知らせ</b>を受け取る</label>"
    with receiving(NOTICE) as receiver, shop(receiver, html=html) as url:
        page = open_page(context, url, printed)
        page.evaluate("modori('consent', {channel: 'email', granted: true, control: '#optin'})")
        said = receiver.wait_for("consent", 1)[0]["data"]
    assert said["text"] == "お得な お知らせを受け取る"
    assert said["control"] == "#optin"


@pytest.mark.parametrize("older", [True, False])
def test_a_page_event_for_each_address_of_a_single_page_app(
    context: BrowserContext, printed: list[str], *, older: bool
) -> None:
    if older:
        context.add_init_script("Object.defineProperty(window, 'navigation', {value: undefined})")
    with receiving(NOTICE) as receiver, shop(receiver, html=BARE) as url:
        page = open_page(context, url, printed)
        receiver.wait_for("page", 1)
        own = page.evaluate("/native/.test(history.pushState)")
        for count, move in enumerate(("pushState({a: 1}, '', '/one?x=1')", "replaceState(null, '', '/two')"), 2):
            page.evaluate("history." + move)
            page.click("#notice")  # as somebody does to move on: an older browser tells nothing else
            receiver.wait_for("page", count)
        page.evaluate("location.hash = '#top'")  # the same place
        page.evaluate("history.pushState(null, '', '#/three')")
        page.click("#notice")
        receiver.wait_for("page", 4)
        page.go_back()
        page.go_back()
        receiver.wait_for("page", 5)
        paths = [event["page"]["url"].removeprefix(url.removesuffix("/cart")) for event in receiver.events("page")]
        state = page.evaluate("history.length")
    assert own, "nothing of the page's is patched"
    assert paths[:4] == ["/cart", "/one", "/two", "/two"]
    assert state >= 3


def test_a_server_that_hangs_or_refuses_never_delays_the_page(context: BrowserContext, printed: list[str]) -> None:
    with receiving(NOTICE) as receiver, shop(receiver) as url:
        receiver.status = 0
        page = open_page(context, url, printed)
        wait_for_part(page, "forms")
        began = monotonic()
        page.fill("#email", "hanako@example.jp")
        page.goto(url + "?next=1")
        page.close()
        assert monotonic() - began < HANGS_S / 3  # a slow machine is not a hung one
        receiver.status = 202
        page = open_page(context, url, printed)
        assert receiver.wait_for("form", 1)[0]["data"]["fields"]["email"] == "hanako@example.jp"


def test_what_was_said_offline_arrives_with_the_next_page_and_once(context: BrowserContext) -> None:
    with receiving(NOTICE) as receiver, shop(receiver) as url:
        printed: list[str] = []  # the browser itself prints each failed request
        page = open_page(context, url, printed)
        receiver.wait_for("cart", 1)
        context.set_offline(offline=True)
        page.evaluate("modori('order', {id: 'A-1', currency: 'JPY', value: 1})")
        page.wait_for_timeout(1500)
        assert receiver.events("order") == []
        page.close()  # without its page the browser may be on line already for what the page sends last
        context.set_offline(offline=False)
        first = open_page(context, url, printed)
        assert receiver.wait_for("order", 1)
        # A tab that opens before the answer is in may send it, too: its id makes that harmless. Later ones find
        # nothing.
        answers = "performance.getEntriesByType('resource').some((entry) => /v1.events/.test(entry.name))"
        first.wait_for_function(answers)
        told = b"".join(receiver.bodies).count(b'"A-1"')
        page = open_page(context, url, printed)
        wait_for_looks(page, receiver, 2)
        for open_tab in (first, page):
            open_tab.close()
        assert b"".join(receiver.bodies).count(b'"A-1"') == told
    assert len({event["id"] for event in receiver.events("order") if event["data"]["id"] == "A-1"}) == 1
