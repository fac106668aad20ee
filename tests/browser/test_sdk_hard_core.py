"""What leaves and what stays in a real browser: the Referer, and cookies after a refusal or a withdrawal."""

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.browser.sdk_pages import Receiver, open_page, receiving, shop

NOTICE: dict[str, object] = {"mode": "notice", "notice_selector": "#notice", "heartbeat_s": 15}
AFTER_CONSENT: dict[str, object] = {**NOTICE, "mode": "after-consent"}
FORM = (
    "<!doctype html><html lang=ja><meta charset=utf-8><title>店</title><link rel=icon href='data:,'>"
    "<meta name=referrer content=unsafe-url>"
    "<script>window.modori=window.modori||function(){(modori.q=modori.q||[]).push(arguments)}</script>"
    "<script>window.dataLayer=[];function gtag(){dataLayer.push(arguments)}</script>"
    "<script async src='SDK_HOST/sdk/v1/modori.js' data-site=pk_page referrerpolicy=strict-origin></script>"
    "<p id=notice>お預かりします。</p><form id=f><input id=e name=email type=email></form>"
)
THROWS = "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError') }})"
FULL = "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') }"


def _type(page: Page, receiver: Receiver, address: str) -> None:
    """Type an address, and wait until it has arrived."""
    page.fill("#e", address)
    page.wait_for_function("() => scriptsRun.includes('forms.js')")
    page.click("#notice")  # what is still being typed waits
    receiver.wait_until(lambda: any(fields.get("email") == address for fields in receiver.fields()))
    assert receiver.fields()[-1]["email"] == address


def _kept(context: BrowserContext) -> list[str]:
    return [f"{cookie['name']}={cookie['value']}" for cookie in context.cookies()]


def test_no_request_names_more_of_the_page_than_its_origin(context: BrowserContext) -> None:
    with receiving(NOTICE) as receiver, shop(receiver, html=FORM) as url:
        referers: dict[str, str | None] = {}
        context.on("request", lambda asked: referers.update({asked.url: asked.headers.get("referer")}))
        page = open_page(context, f"{url}?token=SECRET&mail=x@y.jp", [])
        _type(page, receiver, "hanako@example.jp")
        page.close()
        ours = {address: referer for address, referer in referers.items() if address.startswith(receiver.url)}
        for part in ("modori.js", "/config", "forms.js", "/v1/events"):
            assert any(part in address for address in ours), part
        origin = url.removesuffix("cart")
        assert set(ours.values()) <= {origin, None}


@pytest.mark.parametrize(("script", "emptied"), [(THROWS, False), (FULL, False), ("", True)])
def test_no_thanks_outlives_a_storage_that_throws_is_full_or_is_emptied(
    context: BrowserContext, script: str, emptied: bool
) -> None:
    with receiving(NOTICE) as receiver, shop(receiver, html=FORM) as url:
        if script:
            context.add_init_script(script)
        page = open_page(context, url, [])
        _type(page, receiver, "before@example.jp")
        page.evaluate("modori('consent', {channel: 'capture', granted: false, text: 'いいえ'})")
        receiver.wait_for("consent", 1)
        page.wait_for_function("() => document.cookie === 'modori_v=-'")
        if emptied:
            page.evaluate("localStorage.clear()")
        configs = sum("/config" in path for path in receiver.asked)
        page.goto(f"{url}?next=1")
        receiver.wait_until(lambda: sum("/config" in path for path in receiver.asked) > configs)
        page.wait_for_function("() => window.modori.version")
        page.fill("#e", "after@refusal.jp")
        page.click("#notice")
        told = len(receiver.events())
        # A second refusal is heard after all that was typed: nothing came before it, and nothing comes of it.
        page.evaluate("modori('consent', {channel: 'capture', granted: false})")
        page.close()
        assert len(receiver.events()) == told
        assert b"after@refusal" not in b"".join(receiver.bodies)
        assert _kept(context) == ["modori_v=-"]


@pytest.mark.parametrize("update", ["{ad_storage: 'denied'}", "{ad_storage: 'denied', ad_user_data: 'denied'}"])
def test_a_withdrawal_to_google_takes_away_what_is_stored(context: BrowserContext, update: str) -> None:
    with receiving(AFTER_CONSENT) as receiver, shop(receiver, html=FORM) as url:
        page = open_page(context, url, [])
        page.evaluate("gtag('consent', 'update', {ad_storage: 'granted', ad_user_data: 'granted'})")
        page.click("#notice")
        receiver.wait_for("page", 1)
        _type(page, receiver, "kept@example.jp")
        assert _kept(context)
        page.evaluate(f"gtag('consent', 'update', {update})")
        page.click("#notice")
        page.wait_for_function("() => document.cookie === '' && !JSON.stringify({...localStorage}).includes('kept')")
        page.fill("#e", "after@denied.jp")
        page.click("#notice")
        page.close()
        assert b"after@denied" not in b"".join(receiver.bodies)
        assert _kept(context) == []
