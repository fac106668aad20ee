"""Switching a channel off in a real browser: a reason and a tick are wanted, and an open queue says so by itself."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import ViewportSize, expect

from modori.tenants.model import Role
from tests.browser.console_pages import DESK, PHONE, OpenPage, violations
from tests.questions import ask_one
from tests.world import World


@pytest.mark.parametrize(
    ("lang", "size", "words"),
    [
        ("ja", DESK, ("停止中のチャネル", "このチャネルを再開する")),
        ("en", PHONE, ("Channels that are stopped", "Let this channel go on")),
    ],
    ids=["ja-desk", "en-phone"],
)
def test_a_channel_is_stopped_and_an_open_queue_says_so(
    world: World,
    open_page: OpenPage,
    axe: Path,
    lang: str,
    size: ViewportSize,
    words: tuple[str, str],
) -> None:
    stopped, resume = words
    queue = open_page(Role.OPERATOR, lang=lang)
    queue.goto("/console/queue")
    page = open_page(Role.ACCOUNT_MANAGER, lang=lang, size=size)
    page.goto(f"/console/tenants/{world.acme.tenant_id}")
    page.locator('a[href$="/channels"]').click()
    card = page.locator("#channel-call")
    card.locator("summary").click()
    button = card.locator("button.button--bad")
    button.click()
    assert ask_one(world.acme.tenant_id, "select count(*) from kill_switch") == 0, "the browser wants a reason first"
    card.locator("input[name=reason]").fill("研修")
    card.locator("input[name=confirmed]").check()
    assert violations(page, axe, "channel form") == {}
    button.click()
    expect(page).to_have_url(re.compile("done=stopped"))
    expect(queue.locator("#switches")).to_contain_text(stopped)
    expect(queue.locator("#switches")).to_contain_text("研修")
    assert violations(queue, axe, "queue with a stopped channel") == {}
    card.locator("input[name=confirmed]").check()
    card.get_by_role("button", name=resume).click()
    expect(page).to_have_url(re.compile("done=resumed"))
    expect(queue.locator("#switches")).to_have_count(0)
