"""The console in a real browser: no axe violation, no complaint, nothing too wide; live, and by keyboard alone."""

import re
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Route, ViewportSize, expect

from modori.background import live
from modori.calls import actions as calls
from modori.calls.rules import Leg
from modori.capture.sightings.counts import Counts
from modori.kernel import clock
from modori.kernel.ids import CallId
from modori.people.model import Channel
from modori.sending.model import ReportStatus
from modori.storage.db import tenant_transaction
from modori.tenants.model import Role
from tests.browser.console_pages import DESK, PHONE, OpenPage, violations
from tests.captureworld import event, new_visitor, take
from tests.consoleworld import ConsoleWorld, Voice, furnish, lead_path, name_lead, queue_call
from tests.http.test_console_screens import screens
from tests.leadworld import LeadWorld, make_lead
from tests.questions import ask_one, change
from tests.world import NOW, TenantWorld, World

FRAGMENTS = (
    "site, live",
    "site event rows",
    "site refusals",
    "site forms",
    "site leaks",
    "queue rows",
    "call panel",
    "timeline",
)


@pytest.mark.parametrize(
    ("lang", "size", "scheme"), [("ja", DESK, "light"), ("en", PHONE, "dark")], ids=["ja-desk-light", "en-phone-dark"]
)
def test_axe_finds_nothing_on_any_screen(
    world: World,
    open_page: OpenPage,
    axe: Path,
    lang: str,
    size: ViewportSize,
    scheme: Literal["light", "dark"],
) -> None:
    house = furnish(world.acme, now=NOW)
    page = open_page(Role.AGENCY_ADMIN, lang=lang, size=size, scheme=scheme)
    page.goto(lead_path(house.call))
    page.keyboard.press("c")
    expect(page.locator(".openings")).to_be_visible()  # so that the call panel is looked at in full
    found: dict[str, list[str]] = {}
    for name, path in screens(house, world.users[Role.OPERATOR].user_id).items():
        if name not in FRAGMENTS:
            page.goto(path)
            found |= violations(page, axe, name)
            wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wider <= 0, f"{name} is {wider} px too wide"
    page.goto("/console/queue")
    page.keyboard.press("?")
    expect(page.locator("dialog#help")).to_be_visible()
    found |= violations(page, axe, "help")
    assert found == {}


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_axe_finds_nothing_before_the_log_in(url: str, browser: Browser, axe: Path, lang: str) -> None:
    context = browser.new_context(locale=lang, base_url=url)
    page = context.new_page()
    found: dict[str, list[str]] = {}
    for path in ("/console/login", "/console/forgotten", "/console/password/none"):
        page.goto(f"{path}?lang={lang}")
        found |= violations(page, axe, path)
    context.close()
    assert found == {}


def test_a_person_appears_live_and_nothing_moves_under_the_pointer(world: World, open_page: OpenPage) -> None:
    page = open_page(Role.OPERATOR)
    page.goto("/console/queue")
    expect(page.get_by_text("待っている方はいません")).to_be_visible()
    first = _one_more(world, "山田 花子")
    expect(page.locator("tbody tr")).to_have_count(1)

    page.locator("tbody tr").first.hover()
    second = _one_more(world, "佐藤 健一")
    news = page.get_by_role("button", name="一覧が変わりました：表示する")
    expect(news).to_be_visible()
    expect(page.locator("tbody tr")).to_have_count(1)  # it waits
    news.click()
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(news).to_be_hidden()
    for task in (first, second):
        expect(page.locator(f"#call-{task}")).to_be_visible()


def test_a_call_is_worked_without_a_mouse(world: World, open_page: OpenPage, voice: Voice) -> None:
    lead = make_lead(world.acme, channel=Channel.CALL, now=NOW)
    name_lead(lead, "高橋 大輔")
    queue_call(lead, now=NOW)
    page = open_page(Role.OPERATOR)
    page.goto("/console/queue")
    page.keyboard.press("n")
    expect(page).to_have_url(re.compile(str(lead.lead_id)))
    page.keyboard.press("d")
    expect(page.locator(".callstate")).to_contain_text("呼び出し中")
    assert voice.rang == ["+819012345678"]

    _customer_answers(lead)
    expect(page.locator(".callstate")).to_contain_text("通話中")  # live, without a key
    for read in range(1, 5):
        page.keyboard.press("o")
        expect(page.locator(".openings li.is-read")).to_have_count(read)
    expect(page.locator(".script")).to_contain_text("カートの件でお電話しました")
    page.keyboard.press("t")
    page.keyboard.type("1 2 3 dnr")  # letters that are keys elsewhere
    expect(page.locator("#note")).to_have_value("1 2 3 dnr")
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    expect(page.get_by_text("記録しました：購入の意向")).to_be_visible()
    expect(page.locator(".timeline")).to_contain_text("購入の意向")
    page.keyboard.press("n")
    expect(page).to_have_url(re.compile("queue_empty"))


def test_a_result_is_approved_in_its_row(world: World, open_page: OpenPage) -> None:
    house: ConsoleWorld = furnish(world.acme, now=NOW)
    page = open_page(Role.CLIENT_REVIEWER, lang="en")
    page.goto("/console/results")
    row = page.locator(f"#result-{house.pending_id}")
    row.get_by_role("button", name="Approve").click()
    expect(row).to_contain_text("Approved")
    expect(row.get_by_role("button")).to_have_count(0)
    page.goto(f"/console/statements/{house.tenant.tenant_id}/{house.month}")
    page.get_by_role("link", name="A-1001").click()
    expect(page.get_by_role("heading", name="The proof, link by link")).to_be_visible()


def test_the_tag_is_copied(world: World, open_page: OpenPage) -> None:
    page = open_page(Role.ACCOUNT_MANAGER, lang="en")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"/console/tenants/{world.acme.tenant_id}/sites/{world.acme.site_id}")
    page.get_by_role("button", name="Copy the tag").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert world.acme.site_key in copied
    assert copied.startswith("<script>window.modori=")


def test_a_site_s_events_appear_live_and_wait_while_somebody_looks(world: World, open_page: OpenPage) -> None:
    acme = world.acme
    page = open_page(Role.ACCOUNT_MANAGER, lang="en")
    page.goto(f"/console/tenants/{acme.tenant_id}/sites/{acme.site_id}/events")
    expect(page.get_by_text("Nothing has come in yet")).to_be_visible()
    _report(acme, "page", {"kind": "product"})
    expect(page.locator("#events tbody tr")).to_have_count(1)
    expect(page.locator("#events")).to_contain_text("Product page")
    page.locator("#events tbody tr").first.hover()
    _report(acme, "page", {"kind": "cart"})
    news = page.get_by_role("button", name="There is news: show it")
    expect(news).to_be_visible()
    expect(page.locator("#events tbody tr")).to_have_count(1)  # it waits
    news.click()
    expect(page.locator("#events tbody tr")).to_have_count(2)


def test_refusals_appear_live_and_wait_while_somebody_looks(world: World, open_page: OpenPage) -> None:
    acme = world.acme
    page = open_page(Role.ACCOUNT_MANAGER, lang="en")
    page.goto(f"/console/tenants/{acme.tenant_id}/sites/{acme.site_id}/events")
    rows, news = page.locator("#refused tbody tr"), page.locator("#refused-news")
    expect(page.get_by_text("Nothing was refused")).to_be_visible()
    page.mouse.move(0, 0)
    page.locator("#f-kind").focus()
    _refuse(acme, "bad_money")
    expect(rows).to_have_count(1)
    expect(page.locator("#f-kind")).to_be_focused()
    rows.first.hover()
    _refuse(acme, "off_origin")
    expect(news).to_be_visible(timeout=SLOW_MS)
    expect(rows).to_have_count(1)  # it waits
    news.focus()
    page.keyboard.press("Enter")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("An address outside the site's origins")
    expect(page.locator("#refused")).to_be_focused()  # the button has gone
    page.mouse.move(0, 0)
    _refuse(acme, "bad_event")
    expect(rows).to_have_count(3, timeout=SLOW_MS)
    expect(page.locator("#refused")).to_be_focused()


def test_what_came_before_the_page_listened_is_not_missed(world: World, open_page: OpenPage) -> None:
    acme = world.acme
    page = open_page(Role.ACCOUNT_MANAGER, lang="en")
    with page.expect_response("**/console/stream?*"):  # the process hears of news from now on
        page.goto("/console/queue")
    held: list[Route] = []
    page.route("**/console/stream?*", lambda route: held.append(route))
    with page.expect_request("**/console/stream?*"):
        page.goto(f"/console/tenants/{acme.tenant_id}/sites/{acme.site_id}/events")
    page.mouse.move(0, 0)
    _refuse(acme, "bad_money")
    expect(page.get_by_text("Nothing was refused")).to_be_visible()
    held[0].continue_()
    expect(page.locator("#refused tbody tr")).to_have_count(1)


def test_a_page_listens_however_late_its_scripts_come(world: World, open_page: OpenPage) -> None:
    page = open_page(Role.ACCOUNT_MANAGER, lang="en")
    held: list[Route] = []
    page.route("**/vendor/hx-sse-*", lambda route: held.append(route))
    with page.expect_request("**/vendor/hx-sse-*"):
        page.goto("/console/queue", wait_until="commit")
    while not page.evaluate("'htmx' in window"):
        page.wait_for_timeout(50)
    page.wait_for_timeout(200)  # in which it would have begun
    with page.expect_request("**/console/stream?*"):
        held[0].continue_()


def test_forms_appear_live_and_a_busy_site_is_not_asked_for_them_all_the_time(
    world: World, open_page: OpenPage
) -> None:
    acme = world.acme
    page = open_page(Role.ACCOUNT_MANAGER, lang="en")
    page.goto(f"/console/tenants/{acme.tenant_id}/sites/{acme.site_id}/fields?days=30")
    forms, news, days = page.locator("#forms [data-row]"), page.locator("#forms-news"), page.locator("#f-days")
    expect(page.get_by_text("No form has been seen yet")).to_be_visible()
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url) if "/fields/forms" in one.url else None)
    page.mouse.move(0, 0)
    days.focus()
    began = monotonic()
    for number in range(20):
        _report(acme, "form", _touched(f"form-{number % 2}"))
    expect(forms).to_have_count(2, timeout=SLOW_MS)
    assert len(asked) <= 2 + (monotonic() - began) // PACE_S  # at the first word of it, and whenever a pace has ended
    assert asked[0].endswith("?days=30")
    expect(days).to_be_focused()
    expect(days).to_have_value("30")
    forms.first.hover()
    _report(acme, "form", _touched("form-3"))
    expect(news).to_be_visible(timeout=SLOW_MS)
    expect(forms).to_have_count(2)  # it waits
    news.click()
    expect(forms).to_have_count(3)


@pytest.mark.parametrize("tab", ["", "/events", "/fields", "/notice", "/settings"])
def test_a_leak_is_told_live_on_each_tab_and_moves_nothing(world: World, open_page: OpenPage, tab: str) -> None:
    acme = world.acme
    page = open_page(Role.ACCOUNT_MANAGER, lang="en")
    page.goto(f"/console/tenants/{acme.tenant_id}/sites/{acme.site_id}{tab}")
    alert, told = page.locator("#leaks section"), page.locator("#leaks-told")
    read, edit = (
        page.locator(".tabs ~ *:not(#leaks, .toasts, .announce)").first,
        page.get_by_role("link", name="Edit").first,
    )
    edit.focus()
    place = read.bounding_box()
    _leak(acme, "card", "memo")
    expect(told).to_contain_text("card number in the field memo", timeout=SLOW_MS)
    expect(alert).to_have_count(0)
    expect(edit).to_be_focused()
    assert read.bounding_box() == place
    told.get_by_role("button", name="Show").focus()
    page.keyboard.press("Enter")
    expect(alert).to_contain_text("(1×)")
    expect(page.locator("#leaks")).to_be_focused()
    expect(told).to_be_empty()
    place = read.bounding_box()
    _leak(acme, "card", "memo")
    expect(alert).to_contain_text("(2×)", timeout=SLOW_MS)  # no line more: it counts where it stands
    expect(told).to_be_empty()
    assert read.bounding_box() == place
    _leak(acme, "password", "pass")
    expect(told).to_contain_text("password in the field pass", timeout=SLOW_MS)
    expect(told).not_to_contain_text("memo")
    expect(alert.locator("li")).to_have_count(1)
    assert read.bounding_box() == place


def test_a_leak_told_far_below_is_shown_where_it_stands(world: World, open_page: OpenPage) -> None:
    acme = world.acme
    page = open_page(Role.ACCOUNT_MANAGER, lang="en", size=PHONE)
    page.goto(f"/console/tenants/{acme.tenant_id}/sites/{acme.site_id}/settings")
    page.get_by_role("heading", name="Policy").scroll_into_view_if_needed()
    place = page.evaluate("scrollY")
    assert place > 0
    _leak(acme, "card", "memo")
    told = page.locator("#leaks-told")
    expect(told).to_contain_text("memo", timeout=SLOW_MS)
    assert page.evaluate("scrollY") == place
    told.get_by_role("button", name="Show").click()
    expect(page.locator("#leaks-title")).to_be_in_viewport()
    expect(page.locator("#leaks")).to_be_focused()


def test_a_form_that_comes_back_says_which_fields_and_leads_there(world: World, open_page: OpenPage, axe: Path) -> None:
    page = open_page(Role.ACCOUNT_MANAGER, lang="en", size=PHONE)
    page.goto(f"/console/tenants/{world.acme.tenant_id}/sites/{world.acme.site_id}/edit")
    page.get_by_label("Time zone").fill("Mars/Olympus")
    page.get_by_label("Call, weekdays").fill("25:00-26:00")
    page.get_by_role("button", name="Save").click()
    summary = page.get_by_role("alert")
    expect(summary).to_contain_text("Nothing was saved. Check these fields:")
    expect(summary).to_be_focused()
    expect(summary).to_be_in_viewport()
    assert violations(page, axe, "refused") == {}
    page.keyboard.press("Tab")
    expect(summary.get_by_role("link", name="Time zone")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    hours = page.get_by_label("Call, weekdays")
    expect(hours).to_be_focused()
    expect(hours).to_be_in_viewport()
    expect(hours).to_have_accessible_description(re.compile("^Enter hours such as"))


PACE_S = 5
SLOW_MS = 60_000
"""Longer than any live part waits before it reads itself again."""


def _touched(name: str) -> dict[str, Any]:
    survey = [{"field": "mail", "token": "email", "why": "taken"}]
    return {"form": name, "fields": {"email": "hanako@example.jp"}, "survey": survey, "last_field": "email"}


def _refuse(tenant: TenantWorld, code: str) -> None:
    """Count a refusal and say so, as ingest does."""
    counts = Counts(write_every_s=0)
    counts.note(tenant.tenant_id, tenant.site_id, code, now=clock.now())
    assert counts.write_if_due() == 1


def _leak(tenant: TenantWorld, kind: str, field: str) -> None:
    """Count what was taken out and say so, as ingest does."""
    change(
        tenant.tenant_id,
        "insert into capture_leak (tenant_id, site_id, leaked_on, kind, field, count)"
        " values (:of, :site_id, :on, :kind, :field, 1)"
        " on conflict (tenant_id, site_id, leaked_on, kind, field) do update set count = capture_leak.count + 1",
        of=tenant.tenant_id,
        site_id=tenant.site_id,
        on=clock.now().date(),
        kind=kind,
        field=field,
    )
    _refuse(tenant, "forbidden_value")


def _report(tenant: TenantWorld, kind: str, sent: dict[str, Any]) -> None:
    """Have an event taken and say so, as ingest does."""
    take(tenant, [event(tenant, kind, sent, visitor=new_visitor())], now=clock.now())
    live.publish([live.News(tenant.tenant_id, "event", str(tenant.site_id))])


def _one_more(world: World, name: str) -> str:
    lead = make_lead(world.acme, channel=Channel.CALL, now=NOW - timedelta(minutes=1))
    name_lead(lead, name)
    return str(queue_call(lead, now=NOW))


def _customer_answers(lead: LeadWorld) -> None:
    tenant_id = lead.tenant.tenant_id
    call_id = CallId(ask_one(tenant_id, "select call_id from call where lead_id = :id", id=lead.lead_id))
    with tenant_transaction(tenant_id) as session:
        calls.apply_call_report(
            session, tenant_id=tenant_id, call_id=call_id, status=ReportStatus.ANSWERED, leg=Leg.CUSTOMER, now=NOW
        )
