"""What the console's browser tests share: the two sizes of a window, a page of a role, and axe's verdict."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, ViewportSize

DESK: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 375, "height": 740}

OpenPage = Callable[..., Page]
"""Logs a role in and returns its page: (role, lang="ja", size=DESK, scheme="light")."""

_AXE = "async () => (await axe.run(document, {resultTypes: ['violations'], iframes: false})).violations"


def violations(page: Page, axe: Path, name: str) -> dict[str, list[str]]:
    page.evaluate(axe.read_text() + "; null")  # a script element would be refused by the page's policy
    found = page.evaluate(_AXE)
    said = [f"{one['id']}: {one['nodes'][0]['html'][:160]} | {one['nodes'][0]['failureSummary']}" for one in found]
    return {name: said} if said else {}
