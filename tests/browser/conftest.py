"""A real browser for each file of tests, a profile of its own for each test, and the console in it."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, ViewportSize, expect, sync_playwright

from modori.kernel import clock
from modori.sandbox.chromium import launch_options
from modori.sandbox.engine_folders import checkout_folder
from modori.sandbox.node import install_packages
from modori.tenants.model import Role
from tests.browser.console_pages import DESK, OpenPage
from tests.browser.console_server import served
from tests.conftest import Cluster
from tests.consoleworld import Voice
from tests.world import NOW, PASSWORD, World

expect.set_options(timeout=60_000)  # a bound, not a measure: what comes is not waited for


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(**launch_options())
        yield launched
        launched.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context()
    yield context
    context.close()


@pytest.fixture
def printed() -> Iterator[list[str]]:
    """What the pages print or throw: nothing, ever, of ours."""
    lines: list[str] = []
    yield lines
    assert lines == []


@pytest.fixture(scope="module")
def axe() -> Path:
    folder = checkout_folder() / "client_sdk"
    install_packages(folder)
    return folder / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture
def voice() -> Voice:
    return Voice()


@pytest.fixture
def url(world: World, engines: Cluster, voice: Voice) -> Iterator[str]:
    with clock.moved_to(NOW), served(redis_url=engines.redis_url, now=NOW, voice=voice) as address:
        yield address


def _complains(said: ConsoleMessage) -> bool:
    """Whether a page complains: a form that comes back answers 422, which Chromium calls a failure to load."""
    return said.type in ("error", "warning") and not said.text.endswith("422 (Unprocessable Entity)")


@pytest.fixture
def open_page(browser: Browser, url: str, world: World) -> Iterator[OpenPage]:
    """Log a role in and hand over its page; at the end, no page may have complained."""
    complaints: list[str] = []
    with ExitStack() as closing:

        def open_one(role: Role, *, lang: str = "ja", size: ViewportSize = DESK, scheme: Any = "light") -> Page:
            context = browser.new_context(locale=lang, viewport=size, color_scheme=scheme, base_url=url)
            closing.callback(context.close)
            page = context.new_page()
            page.set_default_timeout(60_000)
            page.on("console", lambda said: complaints.append(said.text) if _complains(said) else None)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.goto("/console/login")
            page.fill("input[name=email]", world.users[role].email)
            page.fill("input[name=password]", PASSWORD)
            page.keyboard.press("Enter")
            expect(page).not_to_have_url(re.compile("login"))
            page.goto("/console/me")
            page.select_option("#f-locale", lang)
            page.locator("main form button.button--main").click()
            expect(page).to_have_url(re.compile("done=saved"))
            return page

        yield open_one
    assert complaints == []
