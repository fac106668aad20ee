"""A real browser for each file of tests, and a profile of its own for each test."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from modori.sandbox.chromium import launch_options


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
