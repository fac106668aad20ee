"""What a consumer opens on a small phone, without script, under the headers that the web process sends."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI
from playwright.sync_api import BrowserContext, Route, ViewportSize, sync_playwright
from starlette.staticfiles import StaticFiles

from modori.channels.model import LinkKind
from modori.channels.ui import ui_folder
from modori.entrypoints.front import Front
from modori.public.routes import make_router
from modori.sandbox.chromium import launch_options
from tests.asking import Asking
from tests.channelworld import PUBLIC_URL, SentWorld, send
from tests.questions import ask_one
from tests.world import World

SMALL: ViewportSize = {"width": 375, "height": 740}


@pytest.fixture(scope="module")
def _app() -> Front:
    app = FastAPI()
    app.include_router(make_router())
    app.mount("/assets", StaticFiles(directory=ui_folder("assets")))
    return Front(app, ingest=None, public_url=PUBLIC_URL, trusted_proxies=())


@pytest.fixture
def phone(_app: Front, world: World) -> Iterator[BrowserContext]:
    """A browser whose every request is answered here: by the application, or by a shop that says hello."""

    def answer(route: Route) -> None:
        request = route.request
        parts = urlsplit(request.url)
        if f"{parts.scheme}://{parts.netloc}" != PUBLIC_URL:
            route.fulfill(status=200, content_type="text/plain", body="the shop")
            return
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        content = request.post_data_buffer or b""
        # Playwright's own loop runs in this thread, so the application gets another.
        with ThreadPoolExecutor(1) as other:
            found = other.submit(
                Asking(_app).request, request.method, path, headers=request.headers, content=content
            ).result(30)
        route.fulfill(status=found.status_code, headers=dict(found.headers), body=found.content)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch_options())
        context = browser.new_context(viewport=SMALL, java_script_enabled=False, locale="ja-JP")
        context.route("**/*", answer)
        yield context
        context.close()
        browser.close()


def stops(sent: SentWorld) -> int:
    return int(ask_one(sent.lead.tenant.tenant_id, "select count(*) from stop"))


def test_one_key_stops_the_messages_on_a_small_phone_without_script(world: World, phone: BrowserContext) -> None:
    sent = send(world.acme)
    page = phone.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(f"{PUBLIC_URL}/u/{sent.token(LinkKind.UNSUBSCRIBE)}")
    button = page.get_by_role("button", name="停止する")
    box = button.bounding_box()
    assert box is not None
    assert box["height"] >= 44  # a thumb's width
    assert box["x"] + box["width"] <= SMALL["width"]
    assert stops(sent) == 0
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_role("status").wait_for()
    assert page.get_by_role("heading", level=1).inner_text() == "停止しました"
    assert stops(sent) == 1
    assert complaints == []


def test_the_page_changes_its_language(world: World, phone: BrowserContext) -> None:
    sent = send(world.acme)
    page = phone.new_page()
    page.goto(f"{PUBLIC_URL}/u/{sent.token(LinkKind.UNSUBSCRIBE)}")
    page.get_by_role("link", name="English").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Stop these messages"
    page.get_by_role("link", name="日本語").click()
    assert page.get_by_role("heading", level=1).inner_text() == "ご案内の停止"
    assert stops(sent) == 0


def test_a_missing_link_is_explained(phone: BrowserContext) -> None:
    page = phone.new_page()
    answer = page.goto(f"{PUBLIC_URL}/t/{'x' * 22}")
    assert answer is not None
    assert answer.status == 404
    assert page.get_by_role("heading", level=1).inner_text() == "このリンクは使えません"
