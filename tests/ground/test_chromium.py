"""The browser that tests and pictures use, and the glyphs it finds."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, sync_playwright

from modori.sandbox.chromium import launch_options


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch_options())
        yield browser.new_page()
        browser.close()


def picture(page: Page, glyph: str) -> bytes:
    page.set_content(f'<p id="g" style="font: 40px sans-serif; width: 60px; height: 60px">&#{ord(glyph)};</p>')
    return page.locator("#g").screenshot()


def test_japanese_glyphs_are_found(page: Page) -> None:
    missing = picture(page, "\U0010fffd")  # private use: no font has it
    assert picture(page, "\U0010fffc") == missing  # two missing glyphs look alike here, so the comparison can fail
    modoru, kiri = picture(page, "戻"), picture(page, "霧")
    assert modoru != missing
    assert modoru != kiri
