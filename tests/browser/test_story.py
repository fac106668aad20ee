"""The whole loop, once, for real: from an abandoned cart in a browser to a line on a statement and its proof.

A demo of this test's own runs every process; two browsers click; nothing is called but what people open.
"""

import json
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.console_pages import violations

START_S = 400
"""A first start makes a database and lives through a week; a busy machine takes its time."""

RUN_DEMO = (
    "import sys; from pathlib import Path; from modori.entrypoints.demo import Demo;"
    " sys.exit(Demo(Path(sys.argv[1])).run())"
)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What demo.json says, while a demo runs in a folder of its own."""
    folder = tmp_path_factory.mktemp("demo")
    log = (folder / "demo.log").open("w+")
    running = subprocess.Popen(
        [sys.executable, "-c", RUN_DEMO, str(folder)], stdout=log, stderr=subprocess.STDOUT, start_new_session=True
    )
    told = folder / ".local" / "demo.json"
    try:
        _until(lambda: told.exists() or running.poll() is not None, START_S)
        assert told.exists(), _all_logs(folder)
        yield json.loads(told.read_text())
        assert running.poll() is None, _all_logs(folder)
    finally:
        running.send_signal(signal.SIGTERM)
        try:
            running.wait(120)
        finally:
            running.kill()
            running.wait()
            log.close()
    assert not told.exists(), "demo.json goes when the demo stops"


def _all_logs(folder: Path) -> str:
    texts = [folder / "demo.log", *(folder / ".local" / "logs").glob("*.log")]
    return "\n".join(f"== {one.name}\n{one.read_text()[-3000:]}" for one in texts if one.exists())


def _until(true: Callable[[], object], within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while not true() and time.monotonic() < deadline:
        time.sleep(0.2)


class Complaints(list[str]):
    """What browsers wrote to their consoles: nothing, please."""

    def listen(self, page: Page) -> Page:
        page.on("console", lambda said: self.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.append(str(error)))
        page.set_default_timeout(60_000)
        return page


def _page(browser: Browser, complaints: Complaints) -> Page:
    return complaints.listen(browser.new_context(locale="ja-JP", viewport={"width": 1280, "height": 900}).new_page())


def _log_in(browser: Browser, complaints: Complaints, demo: dict[str, Any], role: str) -> Page:
    page = _page(browser, complaints)
    page.goto(demo["console"])
    page.fill("input[name=email]", demo["logins"][role]["email"])
    page.fill("input[name=password]", demo["logins"][role]["password"])
    page.keyboard.press("Enter")
    expect(page).not_to_have_url(re.compile("login"), timeout=60_000)
    return page


def _messages(demo: dict[str, Any], to: str, channel: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{demo['inbox']}/messages?to={quote(to)}&channel={channel}", timeout=30) as answer:
        found: list[dict[str, Any]] = json.load(answer)
    return found


def test_from_an_abandoned_cart_to_a_line_on_the_statement(
    demo: dict[str, Any],
    browser: Browser,
    axe: Path,
) -> None:
    complaints = Complaints()
    number = uuid4().int % 10**7
    email, tel, e164 = f"hanako{number}@example.jp", f"0901{number:07d}", f"+81901{number:07d}"

    # An operator sits at the queue before anything happens.
    operator = _log_in(browser, complaints, demo, "operator")
    expect(operator.get_by_role("heading", name="電話待ち")).to_be_visible()

    assert demo["shop"].startswith("http://localhost:"), "the shop and the console share no cookie"
    assert demo["console"].startswith("http://127.0.0.1:")

    # Somebody fills a cart and the form, agrees to be written to, and closes the tab.
    shop = _page(browser, complaints)
    shop.goto(demo["shop"])
    shop.locator("a[href*='/products/']").first.click()
    shop.click("#add-to-cart")
    shop.click("#to-checkout")
    person = {"#family-name": "山田", "#given-name": "花子", "#email": email, "#tel": tel, "#postal-code": "150-0001"}
    person |= {"#address": "東京都渋谷区神宮前1-1-1"}
    for field, value in person.items():
        shop.fill(field, value)
    shop.fill("#card-number", "4111 1111 1111 1111")
    for box in ("#optin-email", "#optin-sms", "#optin-call"):
        shop.check(box)
    shop.close(run_before_unload=True)
    left_at = time.monotonic()

    # Within a minute a mail and then an SMS arrive, once each.
    _until(lambda: _messages(demo, email, "email") and _messages(demo, e164, "sms"), 60)
    assert time.monotonic() - left_at <= 60
    (mail,), (sms,) = _messages(demo, email, "email"), _messages(demo, e164, "sms")
    assert "山田 花子" in mail["text"]
    assert any("/u/" in link for link in sms["links"]), "every SMS carries an opt-out URL"
    headers = {name.lower(): value for name, value in dict(mail["headers"]).items()}
    assert headers["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"

    # The person appears in the queue of the page that lay open all the time.
    expect(operator.get_by_text("山•••").first).to_be_visible(timeout=60_000)
    operator.keyboard.press("n")
    expect(operator.get_by_role("heading", name="これまでの経過")).to_be_visible()
    assert "山•••" in operator.inner_text("h1")
    assert email not in operator.content(), "masked until somebody asks"

    # Dial: the operator's own phone rings first, then the customer's. The four lines, then 'will buy'.
    operator.keyboard.press("d")
    expect(operator.get_by_text("通話中").first).to_be_visible(timeout=60_000)
    ticks = operator.get_by_role("button", name=re.compile("伝えた"))
    for left in (4, 3, 2, 1):
        expect(ticks).to_have_count(left)
        operator.keyboard.press("o")
    expect(ticks).to_have_count(0)
    _until(lambda: demo_calls_are_over(demo, e164), 30)
    operator.keyboard.press("1")
    expect(operator.locator("main")).to_contain_text("購入の意向")

    # On another device the link of the mail brings the cart back, and the form to whoever names its address.
    back = _page(browser, complaints)
    back.goto(next(link for link in mail["links"] if "/t/" in link))
    back.click("#to-checkout")
    asked = back.get_by_role("textbox", name="メールアドレスまたは電話番号")
    expect(asked).to_be_visible()
    assert email not in back.content()
    assert violations(back, axe, "checkout of a restored cart") == {}
    asked.fill(email)
    asked.press("Enter")
    expect(asked).to_have_count(0)
    for field, value in person.items():
        expect(back.locator(field)).to_have_value(value)
    # The order comes from the shop's server.
    back.wait_for_timeout(2500)  # the page tells of its token; messages wait while it is open
    back.click("#place-order")
    order_id = back.get_attribute("#order-id", "data-order")
    assert order_id

    # What was still planned stops; the result waits out its hold, and the client's reviewer approves it.
    reviewer = _log_in(browser, complaints, demo, "client_reviewer")
    reviewer.goto(f"{demo['console']}/results")
    approve = reviewer.get_by_role("button", name=re.compile(f"承認.*{order_id}"))
    _until(lambda: _reloaded(reviewer).get_by_text(order_id).count(), 60)
    _until(lambda: _reloaded(reviewer).locator(f"button:has-text('{order_id}')").count(), 60)
    approve.click()
    expect(reviewer.locator("tr", has_text=order_id)).to_contain_text("承認済み")

    # The statement has its line; the line opens to the whole chain.
    reviewer.goto(f"{demo['console']}/statements")
    reviewer.locator("main table a").first.click()
    line = reviewer.locator("tr", has_text=order_id)
    expect(line).to_be_visible()
    line.locator("a").first.click()
    chain = reviewer.locator(".chain")
    expect(chain).to_be_visible()
    assert chain.locator("li").count() >= 6
    expect(chain).to_contain_text(order_id)

    # Nothing went out twice, nothing after the order, and no browser had anything to complain about.
    time.sleep(3)
    assert len(_messages(demo, email, "email")) == 1
    assert len(_messages(demo, e164, "sms")) == 1
    assert complaints == []


def demo_calls_are_over(demo: dict[str, Any], e164: str) -> bool:
    """The sandbox hangs up by itself after some seconds."""
    calls = _messages(demo, e164, "call")
    return bool(calls) and all(one.get("status") in ("completed", "failed") for one in calls)


def _reloaded(page: Page) -> Page:
    page.reload()
    return page
