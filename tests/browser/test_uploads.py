"""An upload in a real browser: by keyboard, live to its end, on a desk and on a telephone; axe finds nothing."""

import re
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import ViewportSize, expect

from modori.connectors.csv.tables import MOST_BYTES
from modori.entrypoints import wiring
from modori.tenants.model import Role
from tests.browser.console_pages import DESK, PHONE, OpenPage, violations
from tests.drain import drain
from tests.questions import ask_one, change
from tests.uploadworld import apply_first_part
from tests.world import NOW, World

ORDERS = "注文番号,金額,注文日時,メールアドレス\n" + "".join(
    f"A-{number},{number * 100 if number % 7 else '?'},{NOW:%Y/%m/%d} 9:05,person{number}@example.jp\n"
    for number in range(1, 151)
)


WIDEST = """[...document.querySelectorAll('main *')].filter((one) => one.getBoundingClientRect().right >
  document.documentElement.clientWidth).slice(-3).map((one) => one.outerHTML.slice(0, 200)).join(' | ')"""


STREAM = "**/console/stream?*"
"""Once it has begun, a page hears of what happens."""


def settle(world: World) -> None:
    drain([world.acme.tenant_id], subscribers=wiring.subscribers(), jobs=wiring.jobs())


@pytest.mark.parametrize(
    ("lang", "size", "scheme", "words"),
    [
        ("ja", DESK, "light", ("検査済み・承認待ち", "登録済み", "承認して登録")),
        ("en", PHONE, "dark", ("Checked: waits for approval", "Recorded", "Approve and record")),
    ],
    ids=["ja-desk-light", "en-phone-dark"],
)
def test_a_file_is_uploaded_by_keyboard_and_its_page_follows_by_itself(
    world: World,
    open_page: OpenPage,
    axe: Path,
    tmp_path: Path,
    lang: str,
    size: ViewportSize,
    scheme: str,
    words: tuple[str, str, str],
) -> None:
    checked, applied, approve = words
    file = tmp_path / "orders.csv"
    file.write_bytes(ORDERS.encode("cp932"))
    found: dict[str, list[str]] = {}
    page = open_page(Role.ACCOUNT_MANAGER, lang=lang, size=size, scheme=scheme)

    def look(name: str) -> None:
        found.update(violations(page, axe, name))
        wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        widest = page.evaluate(WIDEST) if wider > 0 else ""
        assert wider <= 0, f"{name} is {wider} px too wide: {widest}"

    page.goto("/console/uploads")
    look("nothing yet")
    page.goto(f"/console/uploads/new?site={world.acme.site_id}")
    look("form")
    page.set_input_files("#f-file", file)
    page.locator("form button.button--main").focus()
    page.keyboard.press("Enter")
    expect(page.locator("progress")).to_be_visible()
    look("being checked")
    settle(world)
    expect(page.locator("#state-title")).to_have_text(checked)  # without loading the page again
    look("checked")
    assert ask_one(world.acme.tenant_id, "select count(*) from purchase_order") == 0
    page.get_by_role("button", name=approve).focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("done=approved"))
    expect(page.locator("progress")).to_be_visible()
    settle(world)
    expect(page.locator("#state-title")).to_have_text(applied)
    look("applied")
    page.goto(page.url.partition("?")[0] + "?outcome=refused")
    expect(page.locator("tr[id^=row-]")).to_have_count(21)
    expect(page.locator("#row-8")).to_contain_text("A-7")
    look("refused rows")
    page.goto("/console/uploads")
    look("list")
    change(world.acme.tenant_id, "update tenant set order_feed_max_age_s = 60")
    site = f"/console/tenants/{world.acme.tenant_id}/sites/{world.acme.site_id}"
    for path in ("/console/queue", "/console/tenants", f"/console/tenants/{world.acme.tenant_id}", site):
        page.goto(path)
        look(f"{path} with a silent feed")
    assert found == {}
    with page.expect_download() as loading:
        page.goto("/console/uploads")
        page.locator("tbody a").first.click()
        page.locator("a[download]").click()
    assert loading.value.path().read_bytes().startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize(
    ("lang", "size", "words"),
    [
        ("ja", DESK, ("中止済み", "86行を登録し、43行は登録していません。")),
        ("en", PHONE, ("Stopped while being recorded", "Rows recorded before that: 86. Rows not recorded: 43.")),
    ],
    ids=["ja-desk", "en-phone"],
)
def test_a_file_is_stopped_by_keyboard_and_nothing_moves_under_the_hand(
    world: World,
    open_page: OpenPage,
    axe: Path,
    tmp_path: Path,
    lang: str,
    size: ViewportSize,
    words: tuple[str, str],
) -> None:
    state, said = words
    file = tmp_path / "orders.csv"
    file.write_bytes(ORDERS.encode("cp932"))
    page = open_page(Role.ACCOUNT_MANAGER, lang=lang, size=size)
    page.goto(f"/console/uploads/new?site={world.acme.site_id}")
    page.set_input_files("#f-file", file)
    page.locator("form button.button--main").click()
    expect(page.locator("progress")).to_be_visible()
    settle(world)
    with page.expect_response(STREAM):
        page.locator("form[action$='/apply'] button").click()
    expect(page).to_have_url(re.compile("done=approved"))
    other = open_page(Role.AGENCY_ADMIN, lang=lang, size=size)
    with other.expect_response(STREAM):
        other.goto(page.url.partition("?")[0])
    page.locator("#stop summary").focus()
    page.keyboard.press("Enter")
    button, tick = page.locator("#stop button"), page.locator("#stop input[name=confirmed]")
    button.focus()
    page.keyboard.press("Enter")
    assert ask_one(world.acme.tenant_id, "select state from upload") == "applying", "the browser wants a tick first"
    tick.focus()
    page.keyboard.press("Space")
    before = button.bounding_box()
    apply_first_part(world.acme, UUID(other.url.rpartition("/")[2]))
    for one in (page, other):
        expect(one.locator("progress")).to_have_attribute("value", "1")  # what is around it was read again
    assert button.bounding_box() == before
    assert tick.is_checked()
    assert violations(page, axe, "stopping") == {}
    button.focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("done=file_stopped"))
    for one in (page, other):
        expect(one.locator("#state-title")).to_have_text(state)
        expect(one.locator(".notice--warn")).to_contain_text(said)
        expect(one.locator("#stop")).to_have_count(0)
        assert one.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert violations(page, axe, "stopped") == {}


def test_a_file_that_is_too_large_is_not_even_sent(world: World, open_page: OpenPage, tmp_path: Path) -> None:
    file = tmp_path / "large.csv"
    file.write_bytes(b"x" * (MOST_BYTES + 1))
    page = open_page(Role.ACCOUNT_MANAGER)
    page.goto(f"/console/uploads/new?site={world.acme.site_id}")
    page.set_input_files("#f-file", file)
    said = page.evaluate("document.querySelector('#f-file').validationMessage")
    assert "10 MiB" in said
    page.locator("form button.button--main").click()
    expect(page).to_have_url(re.compile("/uploads/new"))
