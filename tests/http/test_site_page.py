"""A site's page over HTTP: what its engineer reads on each tab, without a personal value."""

import hashlib
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from modori.capture.protection.proofs import proof_mac
from modori.capture.sightings.counts import POLICY_ASKED, Counts
from modori.entrypoints.seed_history import History
from modori.kernel import clock
from modori.storage.db import tenant_transaction
from modori.tenants.model import Role
from modori.tenants.sites.actions import change_site
from modori.tenants.wire import SiteChange
from tests.captureworld import cart, consent, event, form, new_visitor, site_context, somebody, take
from tests.consoleworld import Console, log_in
from tests.leaks import without_ids
from tests.questions import ask_one, change
from tests.world import NOTICE, NOW, TenantWorld, World


@pytest.fixture(autouse=True)
def _it_is_wednesday_morning() -> Iterator[None]:
    with clock.moved_to(NOW):
        yield


@pytest.fixture
def console(world: World) -> Console:
    return log_in(world, Role.AGENCY_ADMIN, lang="en")


def path(tenant: TenantWorld, tab: str = "") -> str:
    return f"/console/tenants/{tenant.tenant_id}/sites/{tenant.site_id}{tab}"


def live_through(tenant: TenantWorld) -> None:
    """Let the demo's passers-by leave the checkout in the past week."""
    nobody: object = None
    History(
        site=site_context(tenant),
        shop=tenant.origin,
        inbox="",
        dispatcher=nobody,  # type: ignore[arg-type]  # nothing is sent to passers-by
        operator=nobody,  # type: ignore[arg-type]  # nobody calls
        reviewer=nobody,  # type: ignore[arg-type]  # nothing is decided
        now=NOW,
    ).pass_by()


def test_a_new_site_says_what_to_do(world: World, console: Console) -> None:
    assert "Nothing has been heard from this site yet." in console.get(path(world.acme)).text
    assert "Nothing has come in yet" in console.get(path(world.acme, "/events")).text
    assert "Nothing was refused" in console.get(path(world.acme, "/events")).text
    assert "No form has been seen yet" in console.get(path(world.acme, "/fields")).text
    assert "No form has given a field yet" in console.get(path(world.acme, "/notice")).text


def test_a_page_of_an_origin_that_is_not_registered_is_named_and_no_notice_is_blamed(
    world: World, console: Console
) -> None:
    acme, counts = world.acme, Counts(write_every_s=0)
    for code, subject in ((POLICY_ASKED, ""), ("foreign_origin", "https://staging.example")):
        counts.note(acme.tenant_id, acme.site_id, code, now=NOW, subject=subject)
    assert counts.write_if_due() == 2
    live = console.get(path(acme, "/live")).text
    assert "what it sends is refused: the page's origin is not registered." in live
    assert "<code>https://staging.example</code>" in live
    assert "the notice is not in the page" not in live
    assert re.search(r"Refused in 7 days</dt><dd>1 <a href=\"[^\"]+/events#refused-title\">", live)


def test_a_secret_key_that_stands_in_a_page_is_the_first_thing_said_until_it_is_revoked(
    world: World, console: Console
) -> None:
    acme, counts = world.acme, Counts(write_every_s=0)
    counts.note(acme.tenant_id, acme.site_id, "secret_key_in_browser", now=NOW, subject=acme.secret_key[:8])
    counts.write_if_due()
    said = re.search(r'<p class="notice[^>]*>(.*?)</p>', console.get(path(acme, "/live")).text)
    assert said is not None
    assert "A secret key of this site came from a page" in said[1]
    assert f"<code>{acme.secret_key[:8]}…</code>" in said[1]
    assert acme.secret_key not in console.get(path(acme)).text
    change(acme.tenant_id, "update site_key set revoked_at = :now where kind = 'secret'", now=NOW)
    assert "A secret key of this site" not in console.get(path(acme, "/live")).text


LATER = NOW + timedelta(days=5)


@pytest.fixture
def later(world: World) -> Iterator[Console]:
    """Some days after the site was made."""
    with clock.moved_to(LATER):
        yield log_in(world, Role.ACCOUNT_MANAGER, lang="en")


def capture(tenant: TenantWorld, mode: str, *, at: datetime) -> None:
    with tenant_transaction(tenant.tenant_id) as session:
        change_site(
            session,
            tenant_id=tenant.tenant_id,
            site_id=tenant.site_id,
            change=SiteChange(capture_mode=mode),
            now=at,
        )


def asks(tenant: TenantWorld, *, at: datetime) -> None:
    """Let a page with the tag ask for the site's policy, as it does whether capture is on or off."""
    counts = Counts(write_every_s=0)
    counts.note(tenant.tenant_id, tenant.site_id, POLICY_ASKED, now=at)
    counts.write_if_due()


def told_of_drops(tenant: TenantWorld, dropped: int, *, at: datetime, visitor: str) -> None:
    sent = {"health": {"errors": 0, "queued": 0, "dropped": dropped}}
    take(tenant, [event(tenant, "page", sent, visitor=visitor, at=at)], now=at)


SILENT = "The tag is loaded and sends nothing: the notice is not in the page."
GAVE_UP = "Some pages had to give events up."
TROUBLE = '<span class="pill pill--warn">Has trouble</span>'


def test_while_capture_is_off_the_page_says_so_and_blames_no_tag(world: World, later: Console) -> None:
    acme, day, hour = world.acme, timedelta(days=1), timedelta(hours=1)
    told_of_drops(acme, 2, at=LATER - 2 * day, visitor=new_visitor())
    capture(acme, "off", at=LATER - day)
    asks(acme, at=LATER - hour)
    live = later.get(path(acme, "/live")).text
    assert "Capture is off: the tag does nothing until you turn it on" in live
    assert '<dt>Health</dt><dd><span class="pill">Off</span></dd>' in live
    for blame in (SILENT, GAVE_UP, TROUBLE, "No cart was seen", "No form was seen"):
        assert blame not in live
    assert "Switched on</dt>" not in live
    assert "No order was ever reported" in live, "a server may report them"


def test_a_site_that_was_switched_off_and_on_starts_anew(world: World, later: Console) -> None:
    acme, day, minute, visitor = world.acme, timedelta(days=1), timedelta(minutes=1), new_visitor()
    told_of_drops(acme, 0, at=LATER - 3 * day, visitor=visitor)
    capture(acme, "off", at=LATER - 2 * day)
    asks(acme, at=LATER - 31 * minute)
    capture(acme, "notice", at=LATER - 30 * minute)
    live = later.get(path(acme, "/live")).text
    for blame in (SILENT, GAVE_UP, TROUBLE, "No cart was seen"):
        assert blame not in live
    assert "<dt>Health</dt><dd>—</dd>" in live
    assert live.count("Nothing was heard since capture was switched on") == 3
    assert "Switched on</dt><dd><time" in live
    told_of_drops(acme, 3, at=LATER - 29 * minute, visitor=visitor)  # open all the time: what it sent was refused
    told_of_drops(acme, 3, at=LATER - 28 * minute, visitor=visitor)
    live = later.get(path(acme, "/live")).text
    for blame in (SILENT, GAVE_UP, TROUBLE):
        assert blame not in live
    assert '<dt>Health</dt><dd><span class="pill pill--good">Good</span></dd>' in live
    assert "No cart was seen" in live
    told_of_drops(acme, 4, at=LATER - 27 * minute, visitor=visitor)
    live = later.get(path(acme, "/live")).text
    assert GAVE_UP in live
    assert TROUBLE in live


def test_a_site_that_stays_silent_after_it_was_switched_on_is_said_to_be(world: World, later: Console) -> None:
    acme, day, minute = world.acme, timedelta(days=1), timedelta(minutes=1)
    take(acme, [event(acme, "page", visitor=new_visitor(), at=LATER - 2 * day)], now=LATER - 2 * day)
    capture(acme, "off", at=LATER - day)
    capture(acme, "notice", at=LATER - 30 * minute)
    asks(acme, at=LATER - 20 * minute)
    assert SILENT not in later.get(path(acme, "/live")).text
    asks(acme, at=LATER - 14 * minute)
    assert SILENT in later.get(path(acme, "/live")).text


def test_the_tag_stands_evergreen_fixed_and_with_its_policy(world: World, console: Console) -> None:
    page = console.get(path(world.acme)).text
    assert f'data-site="{world.acme.site_key}"' in page.replace("&#34;", '"')
    assert "/sdk/v1/modori.js" in page
    assert re.search(r"/sdk/\d+\.\d+\.\d+/modori\.js", page)
    assert "integrity=" in page
    assert "sha384-" in page
    assert page.count("referrerpolicy") == 2  # the tag's own request says no more than the page's origin
    assert re.search(r"script-src http://console\.example (&#39;|')sha256-[\w+/=]{44}(&#39;|')", page)


def test_the_overview_says_what_is_missing_until_it_has_come(world: World, console: Console) -> None:
    acme = world.acme
    take(acme, [cart(acme, visitor=new_visitor(), value=0, url=None)])
    page = console.get(path(acme)).text
    for said in ("Carts come without a price", "No form was seen", "No order was ever reported"):
        assert said in page
    visitor = new_visitor()
    take(
        acme,
        [
            cart(acme, visitor=visitor),
            form(acme, visitor=visitor, email=somebody()),
            consent(acme, "email", visitor=visitor),
        ],
    )
    live = console.get(path(acme, "/live")).text
    assert "Carts come without a price" not in live
    assert "No form was seen" not in live
    assert "No telephone number was taken" in live
    assert "<html" not in live


def test_events_are_told_without_a_personal_value(world: World, console: Console) -> None:
    acme, visitor, email = world.acme, new_visitor(), somebody()
    order = {"id": "B-77", "currency": "JPY", "value": 5200}
    take(
        acme,
        [
            event(acme, "page", {"kind": "product"}, visitor=visitor),
            cart(acme, visitor=visitor, value=5200),
            form(acme, visitor=visitor, email=email, tel="090-1234-5678", family_name="山田"),
            consent(acme, "sms", visitor=visitor),
            event(acme, "consent", {"channel": "capture", "granted": True, "text": "はい"}, visitor=visitor),
            event(acme, "order", order, visitor=visitor),
        ],
    )
    take(world.stranger, [event(world.stranger, "page", {"kind": "thanks"}, visitor=new_visitor())])
    page = console.get(path(acme, "/events")).text
    for said in (
        "Product page",
        "Lines: 1, total ¥5,200",
        "E-mail address, Telephone, Family name",
        "Consents to SMS",
        "Permits capture",
        "Order B-77, ¥5,200",
        visitor[-6:],
    ):
        assert said in page, said
    for kept in (email, email.split("@")[0], "5678", "山田", "Thank-you page"):
        assert kept not in without_ids(page), kept
    assert page.count("<tr id=") == 6
    carts = console.get(path(acme, "/events?kind=cart")).text
    assert carts.count("<tr id=") == 1
    assert console.get(path(acme, "/events?kind=nonsense")).text.count("<tr id=") == 6


@pytest.mark.parametrize(
    ("secret", "signed_at", "said", "tone"),
    [
        (b"sgn_ours", NOW, "E-mail address, signature valid", "good"),
        (b"sgn_theirs", NOW, "E-mail address, signature wrong", "warn"),
        (b"sgn_ours", NOW - timedelta(hours=2), "E-mail address, signature too old", "warn"),
        (None, NOW, "E-mail address</span>", "good"),
    ],
    ids=["valid", "wrong", "stale", "unsigned"],
)
def test_an_event_says_what_its_signature_is_worth(
    world: World, console: Console, secret: bytes | None, signed_at: datetime, said: str, tone: str
) -> None:
    """docs/signed-mode.md: proofs are looked at here before signed mode is switched on."""
    acme, visitor, email = world.acme, new_visitor(), somebody()
    sent: dict[str, Any] = {"email": email}
    if secret is not None:
        mac = proof_mac(secret, visitor=visitor, contact=email, at=signed_at.isoformat())
        sent["proof"] = {"at": signed_at.isoformat(), "mac": mac}
    take(acme, [event(acme, "identify", sent, visitor=visitor)], secrets=(b"sgn_ours",))
    page = console.get(path(acme, "/events")).text
    row = page[page.index('<tr id="event-') :].split("</tr>")[0]
    assert said in row
    assert f"pill--{tone}" in row


def test_a_crawler_is_marked_and_a_late_event_says_so(world: World, console: Console) -> None:
    acme = world.acme
    take(acme, [event(acme, "page", visitor=new_visitor(), at=NOW - timedelta(hours=2))])
    change(acme.tenant_id, "update event set mark = 'bot'")
    page = console.get(path(acme, "/events")).text
    assert "Bot" in page
    assert "2 hours late" in page
    assert "Nothing has been heard from this site yet." in console.get(path(acme)).text


def test_older_events_follow_by_key(world: World, console: Console) -> None:
    acme = world.acme
    for minutes in range(56):
        take(acme, [event(acme, "page", visitor=new_visitor())], now=NOW - timedelta(minutes=minutes))
    first = console.get(path(acme, "/events")).text
    further = re.search(r'<a href="([^"]+)" rel="next"', first)
    assert further is not None
    second = console.get(further[1].replace("&amp;", "&")).text
    shown = [re.findall(r'<tr id="event-([0-9a-f-]+)"', one) for one in (first, second)]
    assert [len(one) for one in shown] == [50, 6]
    assert not set(shown[0]) & set(shown[1])
    assert "data-live" not in second.split('id="events"')[1].split(">")[0], "an older page stands still"


def test_fields_say_why_and_where_people_leave(world: World, console: Console) -> None:
    live_through(world.acme)
    page = console.get(path(world.acme, "/fields")).text
    rows = {row.split("</th>")[0].split(">")[-1]: row for row in page.split("<tr>")[1:]}
    assert "Taken" in rows["email"]
    assert ">Card<" in rows["card-number"]
    legends = page.split('<ul class="plain card-foot')[1].split("</ul>")[0]
    assert re.search(r">Card</span> <span[^>]*>Never read\.", legends), "each reason is explained once, under the table"
    assert legends.count(">Card<") == 1
    assert ">Password<" in rows["password"]
    assert ">Not a text field<" in rows["optin-email"]
    bars = page.split('class="bars"')[1]
    assert "People who left in 7 days: 18, by the field touched last." in bars
    telephone = bars.split("Telephone")[1].split("</tr>")[0]
    assert ">8<" in telephone
    assert 'width="100"' in telephone, "the longest bar"
    assert "44%" in telephone
    assert "20 seconds" in telephone
    assert "75%" in telephone
    assert console.get(path(world.acme, "/fields?days=nonsense")).status_code == 200


def test_one_is_not_spoken_of_as_many(world: World, console: Console) -> None:
    acme = world.acme
    take(acme, [form(acme, visitor=new_visitor(), email=somebody())])
    change(acme.tenant_id, "update episode set state = 'abandoned', last_field = 'email'")
    change(
        acme.tenant_id,
        "update site set quarantine_until = :until, quarantine_daily_cap = 1",
        until=NOW + timedelta(days=1),
    )
    page = console.get(path(acme, "/fields")).text
    for said in ("Last 7 days: 1 used it, 0 submitted it", "who left in 7 days: 1,", "limited to 1 a day"):
        assert said in page
    assert re.search(r"\b1 (people|messages|times|forms|inputs)\b", page) is None


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (None, {"en": "A server reported this form", "ja": "このフォームはサーバーから報告されたため"}),
        (
            "/checkout",
            {"en": "Nothing tells of the inputs of this form", "ja": "このフォームの入力欄の一覧は届いていません"},
        ),
    ],
    ids=["no page", "a page"],
)
def test_a_form_whose_inputs_nobody_told_of_says_who_may_have_reported_it(
    world: World, page: str | None, said: dict[str, str]
) -> None:
    """A server may name the page, too, as an old tag does; without a page only a server can have reported it."""
    acme = world.acme
    told = form(acme, visitor=new_visitor(), email=somebody()) | {
        "page": None if page is None else {"url": f"{acme.origin}{page}", "title": "ご注文"}
    }
    assert take(acme, [told], is_secret=True).accepted == 1
    for lang, words in said.items():
        foot = console_foot(log_in(world, Role.AGENCY_ADMIN, lang=lang), acme)
        assert words in foot
        assert {"en": "Taken: E-mail address (1). ", "ja": "取得した項目：メールアドレス（1）。"}[lang] in foot


def console_foot(console: Console, tenant: TenantWorld) -> str:
    """What stands under a form without inputs, without its tags."""
    foot = console.get(path(tenant, "/fields")).text.split('<p class="card-foot">')[1].split("</p>")[0]
    return re.sub(r"<[^>]+>", "", foot)


def test_a_form_whose_only_visitor_was_erased_is_not_taken_for_a_servers(world: World, console: Console) -> None:
    acme, visitor = world.acme, new_visitor()
    take(acme, [form(acme, visitor=visitor, email=somebody())])
    change(acme.tenant_id, "update event set page_url = null, page_title = null, body = body - 'fields'")
    assert "A server reported this form" not in console.get(path(acme, "/fields")).text


@pytest.mark.parametrize(
    ("part", "page", "said"),
    [
        ("/events/rows?kind=form", "/events?kind=form", "Telephone"),
        ("/events/refused", "/events", "An amount is no number"),
        ("/fields/forms?days=30", "/fields?days=30", "who left in 30 days: 18,"),
    ],
)
def test_what_is_read_again_is_what_the_page_has(
    world: World, console: Console, part: str, page: str, said: str
) -> None:
    acme, counts = world.acme, Counts(write_every_s=0)
    live_through(acme)
    counts.note(acme.tenant_id, acme.site_id, "bad_money", now=NOW)
    counts.write_if_due()
    again = console.get(path(acme, part)).text
    assert said in again
    assert "<html" not in again
    assert again.strip() in console.get(path(acme, page)).text


def test_what_is_left_out_is_said(world: World, console: Console) -> None:
    acme = world.acme
    for number in range(22):
        one = form(acme, visitor=new_visitor(), email=somebody())
        one["data"]["form"] = f"form-{number:02}"
        take(acme, [one])
    page = console.get(path(acme, "/fields")).text
    assert page.count('id="form-') == 20
    assert "Forms not listed, which fewer people used: 2." in page
    assert "This list reaches back 30 days." in console.get(path(acme, "/events")).text


def test_the_notice_of_a_form_without_a_shop_lists_no_cart_and_names_what_is_told_of_members(
    world: World, console: Console
) -> None:
    acme, visitor = world.acme, new_visitor()
    take(acme, [form(acme, visitor=visitor, email=somebody())])
    page = console.get(path(acme, "/notice")).text
    assert "フォームのメールアドレス" in page
    for absent in ("カートの内容", "ご注文・お申し込みの完了", "会員番号", "member number", "The contents of the cart"):
        assert absent not in page
    take(acme, [event(acme, "identify", {"member_id": "M-1"}, visitor=visitor), cart(acme, visitor=visitor)])
    page = console.get(path(acme, "/notice")).text
    assert "このサイトが把握している会員番号" in page
    assert "LINEの利用者識別子" not in page
    assert "カートの内容" in page
    assert "ご注文・お申し込みの完了" in page


def test_the_notice_lists_what_this_site_sends_and_is_stored_by_a_button(world: World, console: Console) -> None:
    acme = world.acme
    live_through(acme)
    page = console.get(path(acme, "/notice")).text
    assert "It does not say everything that it must." in page
    assert "ご入力内容の取得と外部送信について" in page
    assert "What this site captures and sends" in page
    assert "フォームの氏名とフリガナ" in page
    assert "フォームの会社名" not in page, "no form gave one"
    refusing = 'modori("consent", {channel: "capture", granted: false})'
    assert refusing in page.replace("&#34;", '"')
    assert console.act(path(acme, "/notice"), locale="ja").status_code == 303
    stored = str(ask_one(acme.tenant_id, "select notice_text from site where site_id = :id", id=acme.site_id))
    assert stored.startswith("ご入力内容の取得と外部送信について")
    page = console.get(path(acme, "/notice")).text
    assert "It names everything that this site sends." in page
    in_force = page[page.index("What was in force, and since when") :]
    assert in_force.index(hashlib.sha256(stored.encode()).hexdigest()) < in_force.index(NOTICE)


def test_a_leak_is_an_alert_on_every_tab(world: World, console: Console) -> None:
    acme = world.acme
    change(
        acme.tenant_id,
        "insert into capture_leak (tenant_id, site_id, leaked_on, kind, field, count)"
        " values (:of, :site_id, :on, 'card', 'memo', 3)",
        of=acme.tenant_id,
        site_id=acme.site_id,
        on=NOW.date(),
    )
    for tab in ("", "/events", "/fields", "/notice", "/settings"):
        page = console.get(path(acme, tab)).text
        assert '<section class="notice notice--bad' in page
        assert 'id="leaks-told" role="alert"' in page, "the live region is there before there is anything to say"
        assert "card number" in page
        assert "<code>memo</code>" in page
        assert "(3×)" in page


def test_what_a_page_wrote_becomes_no_markup(world: World, console: Console) -> None:
    acme, evil = world.acme, "<img src=x onerror=alert(1)>"
    survey = [{"field": evil[:40], "token": None, "why": "unknown"}]
    sent = {"form": evil, "fields": {"email": somebody()}, "survey": survey, "last_field": "email"}
    take(acme, [event(acme, "form", sent, visitor=new_visitor())])
    for tab in ("", "/events", "/fields"):
        page = console.get(path(acme, tab)).text
        assert "<img" not in page
    assert "&lt;img" in console.get(path(acme, "/fields")).text
