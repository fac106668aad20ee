"""Clients, sites, keys, users, the agency's switch, the audit, and mail to users."""

import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import unescape
from typing import Any
from uuid import UUID

import pytest
from aiosmtpd.controller import Controller

from modori.console import jobs, mail
from modori.console.mail import UserMailer
from modori.entrypoints import resources
from modori.kernel import clock
from modori.kernel.ids import PLATFORM, SiteId, TenantId
from modori.leads.queries import list_routes
from modori.outreach.queries import find_oldest_scenario
from modori.sandbox.ports import choose_port
from modori.storage.db import agency_transaction, tenant_transaction
from modori.tenants.actions import change_limits, limits_of
from modori.tenants.keys import signing_secrets
from modori.tenants.model import Role
from modori.tenants.queries import get_agency
from modori.tenants.sites.queries import get_site
from modori.tenants.wire import LimitsChange
from tests.consoleworld import PUBLIC_URL, Console, console_app, log_in
from tests.drain import drain
from tests.questions import ask_one, change
from tests.world import NOW, World

CLIENT = {
    "name": "みやこ陶器",
    "sender_name": "みやこ陶器",
    "postal_address": "京都市東山区1-2-3",
    "complaint_contact": "support@miyako.example",
    "goods_kind": "陶器",
    "mail_from": "shop@miyako.example",
    "sms_from": "Miyako",
    "voice_from": "+815099998888",
    "tax_rate_pct": "10",
}
SITE = {
    "name": "みやこ online",
    "origins": "https://miyako.example\nhttps://www.miyako.example",
    "capture_mode": "notice",
    "notice_selector": "#notice",
    "notice_text": "入力内容をお預かりすることがあります。",
}


@pytest.fixture(autouse=True)
def _it_is_wednesday_morning() -> Iterator[None]:
    with clock.moved_to(NOW):
        yield


@pytest.fixture
def admin(world: World) -> Console:
    return log_in(world, Role.AGENCY_ADMIN, lang="en")


def test_a_client_is_taken_on_with_a_site_and_its_tag(admin: Console) -> None:
    made = admin.act("/console/tenants", **CLIENT)
    assert made.status_code == 303
    client = made.headers["location"].split("?")[0]
    assert "みやこ陶器" in admin.get(client).text
    site = admin.act(f"{client}/sites", **SITE).headers["location"].split("?")[0]
    page = admin.get(site).text
    assert f"{PUBLIC_URL}/sdk/v1/modori.js" in page
    assert re.search(r'data-site=&#34;pk_[\w-]{32}&#34;|data-site="pk_[\w-]{32}"', page)
    assert "New: in quarantine" in page
    assert re.search(r"This site is new\. Until <time[^>]*>[^<]+</time> its messages are limited to 20 a day", page)
    held = re.search(r'href="(/console/leads\?site=[^"]+state=held)"', page)
    assert held is not None
    assert admin.get(unescape(held[1])).status_code == 200


def test_a_new_client_has_a_scenario_to_approve_a_route_to_it_and_terms_once_agreed(admin: Console) -> None:
    client = admin.act("/console/tenants", **CLIENT).headers["location"].split("?")[0]
    tenant_id = TenantId(UUID(client.rpartition("/")[2]))
    site = admin.act(f"{client}/sites", **SITE).headers["location"].split("?")[0]
    assert any(
        f"/console/scenarios/{tenant_id}/" in page and "標準（3段階）" in page for page in _scenario_pages(admin)
    )
    with tenant_transaction(tenant_id) as session:
        (route,) = list_routes(session, tenant_id=tenant_id, site_id=SiteId(UUID(site.rpartition("/")[2])))
        assert route.scenario_id == find_oldest_scenario(session, tenant_id=tenant_id)
    assert "orders do not become results" in admin.get(client).text
    terms = {"fee_pct": "12.5", "window_days": "7", "hold_days": "14", "call_hold_days": "22"}
    for wrong in ({"fee_pct": "much"}, {"fee_pct": "101"}, {"window_days": "0"}, {"hold_days": "-1"}):
        assert admin.act(f"{client}/terms", **(terms | wrong)).status_code == 422
    assert admin.act(f"{client}/terms", **terms).status_code == 303
    page = admin.get(client).text
    assert "12.5%" in page
    assert "7 days from the last click or call" in page
    assert "14 days, after a call 22 days" in page


def _scenario_pages(admin: Console) -> Iterator[str]:
    """The list of scenarios, page after page, as its own links lead."""
    address: str | None = "/console/scenarios"
    while address:
        page = admin.get(address).text
        yield page
        older = re.search(r'<a href="(/console/scenarios\?after=[\w-]+)" rel="next"', page)
        address = older.group(1) if older else None


def test_what_is_missing_is_said_beside_its_field_and_what_was_typed_stays(admin: Console) -> None:
    refused = admin.act("/console/tenants", **(CLIENT | {"postal_address": "", "tax_rate_pct": "a lot"}))
    assert refused.status_code == 422
    assert "Nothing was saved" in refused.text
    assert 'value="みやこ陶器"' in refused.text
    assert 'aria-invalid="true"' in refused.text
    assert blamed(refused.text) == [("tax_rate_pct", "Tax on fees, %")]
    empty = admin.act("/console/tenants", **(CLIENT | {"postal_address": "", "goods_kind": ""}))
    assert [name for name, _ in blamed(empty.text)] == ["postal_address", "goods_kind"]


def test_a_field_that_is_wrong_keeps_its_hint(world: World, admin: Console) -> None:
    path = f"/console/tenants/{world.acme.tenant_id}"
    hint = "In the currency above: 50000 for yen, 500.00 for dollars. Empty: no limit."
    assert described(admin.get(f"{path}/edit").text, "spend_limit") == [hint]
    refused = admin.act(path, spend_limit="lots", voice_from="1" * 17).text
    first, wrong = described(refused, "spend_limit")
    assert first == hint
    assert wrong.startswith("Enter an amount in JPY")
    assert described(refused, "voice_from") == ["This is too long."]
    site = admin.act(f"{path}/sites/{world.acme.site_id}", **(SITE | {"origins": "", "capture_mode": "sideways"})).text
    assert described(site, "capture_mode") == ["This is not possible."]
    assert len(described(site, "origins")) == 2
    assert "aria-describedby" not in re.findall('<input id="f-name"[^>]*>', site)[0]


def test_a_refused_form_says_so_in_japanese_without_a_space_between_its_sentences(world: World) -> None:
    admin = log_in(world, Role.AGENCY_ADMIN, lang="ja")
    path = f"/console/tenants/{world.acme.tenant_id}"
    for refused in (admin.act(path, spend_limit="lots"), admin.act(path, currency="JPY", order_feed_max_age_min="x")):
        summary = re.search('<div [^>]*id="refused"[^>]*>(.*?)</div>', refused.text, re.DOTALL)
        assert summary is not None
        assert "保存していません。" in summary[1]
        assert "次の項目をご確認ください：" in summary[1]
        assert re.search("。 +[^ <]", summary[1]) is None


def described(page: str, field: str) -> list[str]:
    """What a page says of a field to whoever cannot see it, in its order."""
    tag = re.search(f'<(?:input|select|textarea) id="f-{field}"[^>]*>', page)
    assert tag is not None
    named = re.search('aria-describedby="([^"]+)"', tag[0])
    assert named is not None
    said = [re.findall(f'id="{one}"[^>]*>([^<]*)<', page) for one in named[1].split()]
    assert all(len(one) == 1 for one in said), said
    return [unescape(text) for [text] in said]


def blamed(page: str) -> list[tuple[str, str]]:
    """List the fields that a form's summary names, as it names them; each leads to the field of that label."""
    summary = page[page.index('id="refused" role="alert" tabindex="-1" autofocus') :]
    named = re.findall(r'<li><a href="#f-(\w+)">([^<]+)</a></li>', summary[: summary.index("</div>")])
    for name, label in named:
        assert f'<label for="f-{name}">{label}<' in page
        tag = rf'id="f-{name}" name="{name}"[^>]* aria-invalid="true" aria-describedby="(?:h-{name} )?e-{name}"'
        assert re.search(tag, page)
    return named


def test_each_form_that_comes_back_names_its_fields(world: World, admin: Console) -> None:
    client = f"/console/tenants/{world.acme.tenant_id}"
    terms = admin.act(f"{client}/terms", fee_pct="lots", window_days="7", hold_days="-", call_hold_days="22")
    assert [name for name, _ in blamed(terms.text)] == ["fee_pct", "hold_days"]
    limits = admin.act("/console/agency/limits", messages_per_contact_week="many")
    assert blamed(limits.text) == [("messages_per_contact_week", "Messages a contact in 7 days")]
    site = admin.act(f"{client}/sites/{world.acme.site_id}", **(SITE | {"origins": "", "capture_mode": "sideways"}))
    assert blamed(site.text) == [("origins", "Origins, one a line"), ("capture_mode", "Capture")]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"origins": "http://shop.example"}, "origins"),
        ({"origins": ""}, "origins"),
        ({"notice_text": ""}, "notice_text"),
        ({"holdout_pct": "101"}, "holdout_pct"),
        ({"holdout_pct": "many"}, "holdout_pct"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"hours_call_weekday": "25:00-26:00", "hours_email_weekday": "00:00-24:00"}, "hours_call_weekday"),
        ({"hours_sms_holiday": "09:00-12:00, 11:00-13:00"}, "hours_sms_holiday"),
        ({"hours_sms_holiday": "09:00"}, "hours_sms_holiday"),
    ],
)
def test_an_impossible_policy_is_refused(world: World, admin: Console, change: dict[str, str], field: str) -> None:
    path = f"/console/tenants/{world.acme.tenant_id}/sites/{world.acme.site_id}"
    refused = admin.act(path, **(SITE | change))
    assert refused.status_code == 422
    assert f'id="e-{field}" class="wrong"' in refused.text
    assert refused.text.count('class="wrong"') == 1, "no other field is blamed"
    assert [name for name, _ in blamed(refused.text)] == [field]
    name = ask_one(world.acme.tenant_id, "select name from site where site_id = :id", id=world.acme.site_id)
    assert name == "acme online", "nothing was saved"


def test_a_policy_is_typed_in_peoples_units(world: World, admin: Console) -> None:
    path = f"/console/tenants/{world.acme.tenant_id}/sites/{world.acme.site_id}"
    hours = {
        f"hours_{channel}_{day}": "09:00-12:00, 13:00-18:00"
        for channel in ("email", "sms", "line", "call")
        for day in ("weekday", "holiday")
    }
    saved = admin.act(path, **(SITE | hours | {"abandon_after_min": "45", "message_gap_h": "24"}))
    assert saved.status_code == 303
    stored: Any = ask_one(
        world.acme.tenant_id,
        "select jsonb_build_array(abandon_after_s, message_gap_s, hours -> 'call' -> 'weekday') from site"
        " where site_id = :id",
        id=world.acme.site_id,
    )
    assert stored == [2700, 86400, [["09:00", "12:00"], ["13:00", "18:00"]]]
    form = admin.get(f"{path}/edit").text
    assert 'value="45"' in form
    assert "09:00-12:00, 13:00-18:00" in form


@pytest.fixture
def manager(world: World) -> Console:
    return log_in(world, Role.ACCOUNT_MANAGER, lang="en")


@pytest.fixture
def _limits_are_put_back(world: World) -> Iterator[None]:
    """The agency's limits are everybody's."""
    with agency_transaction() as session:
        before = limits_of(get_agency(session))
    yield
    with agency_transaction() as session:
        change_limits(session, change=LimitsChange.model_validate(before))


@pytest.mark.parametrize(
    ("typed", "stored", "said"),
    [
        ({"messages_per_contact_week": "1000000"}, "messages_per_contact_week", "The agency allows at most 3."),
        ({"first_messages_per_contact_day": "2"}, "first_messages_per_contact_day", "The agency allows at most 1."),
        ({"message_gap_h": "0"}, "message_gap_s", "The agency wants at least 20."),
        ({"dial_gap_min": "59"}, "dial_gap_s", "The agency wants at least 60."),
    ],
)
def test_an_account_manager_cannot_lift_what_the_agency_limits(
    world: World, manager: Console, typed: dict[str, str], stored: str, said: str
) -> None:
    path = f"/console/tenants/{world.acme.tenant_id}/sites/{world.acme.site_id}"
    [(field, value)] = typed.items()
    before = ask_one(world.acme.tenant_id, f"select {stored} from site where site_id = :id", id=world.acme.site_id)
    refused = manager.act(path, **(SITE | typed))
    assert refused.status_code == 422
    assert described(refused.text, field) == [said, "This is looser than the agency allows."]
    assert f'value="{value}"' in refused.text
    after = ask_one(world.acme.tenant_id, f"select {stored} from site where site_id = :id", id=world.acme.site_id)
    assert after == before
    assert manager.act("/console/agency/limits", messages_per_contact_week="1000000").status_code == 403


@pytest.mark.usefixtures("_limits_are_put_back")
def test_the_administrator_changes_the_limits_and_the_audit_names_old_and_new(world: World, admin: Console) -> None:
    path = f"/console/tenants/{world.acme.tenant_id}/sites/{world.acme.site_id}"
    refused = admin.act("/console/agency/limits", messages_per_contact_week="many", dials_per_day="1")
    assert refused.status_code == 422
    assert '<span id="e-messages_per_contact_week" class="wrong">Enter a whole number.</span>' in refused.text
    assert admin.act("/console/agency/limits", messages_per_contact_week="4", message_gap_h="10").status_code == 303
    assert admin.act(path, **(SITE | {"messages_per_contact_week": "4", "message_gap_h": "12"})).status_code == 303
    audit = admin.get("/console/audit").text
    assert "Changed the limits for every client" in audit
    for said in (
        "Messages a contact in 7 days: 3 → 4",
        "Hours between messages: 20 → 10",
        "Hours between messages: 20 → 12",
    ):
        assert said in audit, said
    page = log_in(world, Role.AGENCY_ADMIN, lang="ja").get(f"{path}/edit").text
    assert "代理店の上限は4です。" in page
    assert "代理店の下限は10です。" in page


def test_a_figure_that_is_left_as_it_stood_is_not_touched(world: World, admin: Console) -> None:
    """Three seconds are no whole hour; and a site that was looser before the limits came can still be renamed."""
    path = f"/console/tenants/{world.acme.tenant_id}/sites/{world.acme.site_id}"
    change(world.acme.tenant_id, "update site set message_gap_s = 3, abandon_after_s = 90, dials_per_day = 100")
    form = dict(
        re.findall(r'<input id="f-(\w+)" name="\w+" type="text" value="([^"]*)"', admin.get(f"{path}/edit").text)
    )
    assert form["dials_per_day"] == "100"
    assert admin.act(path, **(form | SITE | {"name": "renamed"})).status_code == 303
    stored = (
        "select jsonb_build_array(name, message_gap_s, abandon_after_s, dials_per_day) from site where site_id = :id"
    )
    assert ask_one(world.acme.tenant_id, stored, id=world.acme.site_id) == ["renamed", 3, 90, 100]


def _shown_form(page: str) -> dict[str, str]:
    """What a browser would post of the page's own form, untouched: lines end as browsers end them."""
    form = page[page.index('<form class="card stack"') :]
    form = form[: form.index("</form>")]
    values = {}
    for tag in re.findall(r"<input[^>]*>", form):
        name, value = re.search(r' name="(\w+)"', tag), re.search(r' value="([^"]*)"', tag)
        values[name[1] if name else ""] = unescape(value[1] if value else "")
    for name, value in re.findall(r'<textarea[^>]* name="(\w+)"[^>]*>([^<]*)</textarea>', form):
        values[name] = unescape(value).replace("\n", "\r\n")
    for name, options in re.findall(r'<select[^>]* name="(\w+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', options)
        values[name] = chosen[1] if chosen else ""
    return values


ODD_SITE = (
    "update site set message_gap_s = 75601, abandon_after_s = 90, dial_gap_s = 3601, touch_max_age_s = 5400,"
    " dials_per_day = 100, notice_text = :text, hours = jsonb_set(hours, '{call,holiday}', '[]')"
)
WHOLE_SITE = "select (to_jsonb(s) - 'name')::text from site s where site_id = :id"
WHOLE_CLIENT = "select (to_jsonb(t) - 'goods_kind')::text from tenant t"


def test_what_nobody_touched_is_not_written(world: World, admin: Console) -> None:
    """Seconds are shown in hours, lines are ended otherwise, and a colleague was faster: none of it is a change."""
    tenant = world.acme
    path = f"/console/tenants/{tenant.tenant_id}/sites/{tenant.site_id}"
    change(tenant.tenant_id, ODD_SITE, text="一行目\n二行目 “&” <b>")
    form = _shown_form(admin.get(f"{path}/edit").text)
    before = ask_one(tenant.tenant_id, WHOLE_SITE, id=tenant.site_id)
    assert admin.act(path, **form).status_code == 303
    assert ask_one(tenant.tenant_id, WHOLE_SITE, id=tenant.site_id) == before
    colleague = (
        "update site set message_gap_s = 86400, notice_text = 'newer', hours = jsonb_set(hours, '{sms,holiday}', '[]')"
    )
    change(tenant.tenant_id, colleague)
    before = ask_one(tenant.tenant_id, WHOLE_SITE, id=tenant.site_id)
    assert admin.act(path, **(form | {"name": "renamed"})).status_code == 303
    assert ask_one(tenant.tenant_id, WHOLE_SITE, id=tenant.site_id) == before
    assert ask_one(tenant.tenant_id, "select name from site where site_id = :id", id=tenant.site_id) == "renamed"
    refused = admin.act(path, **(form | {"holdout_pct": "101"}))
    again = _shown_form(refused.text) | {"holdout_pct": "12"}
    assert admin.act(path, **again).status_code == 303
    assert ask_one(tenant.tenant_id, "select notice_text from site where site_id = :id", id=tenant.site_id) == "newer"
    assert ask_one(tenant.tenant_id, "select holdout_pct from site where site_id = :id", id=tenant.site_id) == 12


def test_what_nobody_touched_of_a_client_is_not_written(world: World, admin: Console) -> None:
    tenant_id = world.acme.tenant_id
    path = f"/console/tenants/{tenant_id}"
    change(tenant_id, "update tenant set order_feed_max_age_s = 90, tax_rate_bp = 825")
    form = _shown_form(admin.get(f"{path}/edit").text)
    before = ask_one(tenant_id, WHOLE_CLIENT)
    assert admin.act(path, **(form | {"goods_kind": "茶器"})).status_code == 303
    assert ask_one(tenant_id, WHOLE_CLIENT) == before
    assert ask_one(tenant_id, "select goods_kind from tenant") == "茶器"
    assert admin.act(path, **(form | {"order_feed_max_age_min": ""})).status_code == 303
    assert ask_one(tenant_id, "select order_feed_max_age_s is null from tenant") is True


@pytest.mark.parametrize(
    ("typed", "stored"),
    [({}, 86_400), ({"order_feed_max_age_min": "90"}, 5_400), ({"order_feed_max_age_min": ""}, None)],
)
def test_g14_a_new_client_s_sends_wait_for_orders_until_somebody_says_otherwise(
    admin: Console, typed: dict[str, str], stored: int | None
) -> None:
    assert _shown_form(admin.get("/console/tenants/new").text)["order_feed_max_age_min"] == "1440"
    client = admin.act("/console/tenants", **(CLIENT | typed)).headers["location"].split("?")[0]
    tenant_id = TenantId(UUID(client.rpartition("/")[2]))
    assert ask_one(tenant_id, "select order_feed_max_age_s from tenant") == stored
    holds_nothing = "No order feed is expected of this client: nothing is ever held" in admin.get(client).text
    assert holds_nothing == (stored is None)


def test_another_country_brings_its_hours_and_must_be_one(world: World, admin: Console) -> None:
    tenant = world.acme
    path = f"/console/tenants/{tenant.tenant_id}/sites/{tenant.site_id}"
    form = _shown_form(admin.get(f"{path}/edit").text)
    refused = admin.act(path, **(form | {"country": "XX"}))
    assert refused.status_code == 422
    assert 'id="e-country" class="wrong"' in refused.text
    assert admin.act(path, **(form | {"country": "US"})).status_code == 303
    hours = "select hours -> 'call' -> 'weekday' from site where site_id = :id"
    assert ask_one(tenant.tenant_id, hours, id=tenant.site_id) == [["08:00", "21:00"]]
    own = {"country": "JP", "hours_call_weekday": "９：００〜10:00、10:00-12:00"}
    assert admin.act(path, **(_shown_form(admin.get(f"{path}/edit").text) | own)).status_code == 303
    typed = [["09:00", "10:00"], ["10:00", "12:00"]]
    assert ask_one(tenant.tenant_id, hours, id=tenant.site_id) == typed, "typed hours are kept"


def test_a_key_is_shown_once_and_revoked(world: World, admin: Console) -> None:
    path = f"/console/tenants/{world.acme.tenant_id}/sites/{world.acme.site_id}"
    page = admin.act(f"{path}/keys", kind="secret").text
    found = re.search(r'<code id="issued">(sk_[\w-]+)</code>', page)
    assert found is not None
    assert found[1] not in admin.get(f"{path}/settings").text
    key_id = ask_one(world.acme.tenant_id, "select key_id from site_key order by made_at desc, key_id desc limit 1")
    assert admin.act(f"{path}/keys/{key_id}/revoke").status_code == 303
    assert "Revoked" in admin.get(f"{path}/settings").text


def test_a_site_s_sending_is_stopped_and_goes_on(world: World, admin: Console) -> None:
    path = f"/console/tenants/{world.acme.tenant_id}/sites/{world.acme.site_id}"
    change(world.acme.tenant_id, "update tenant set name = '000 ' || name")  # other tests' clients fill the list
    assert admin.act(f"{path}/stop", reason="苦情の確認中").status_code == 303
    stopped = "select sending_stopped_at is not null from site where site_id = :id"
    assert ask_one(world.acme.tenant_id, stopped, id=world.acme.site_id) is True
    for tab in ("", "/events", "/settings"):
        page = admin.get(f"{path}{tab}").text
        assert "Nothing is sent for this site since" in page
        assert "苦情の確認中" in page
    marked = rf'href="{path}">[^<]+</a> <span class="pill pill--bad">Stopped</span>'
    assert re.search(marked, admin.get("/console/tenants").text)
    admin.act(f"{path}/resume")
    assert not re.search(marked, admin.get("/console/tenants").text)
    assert ask_one(world.acme.tenant_id, stopped, id=world.acme.site_id) is False
    audit = admin.get("/console/audit").text
    assert "Stopped a site&#39;s sending" in audit
    assert "Let a site&#39;s sending go on" in audit


def test_signed_mode_wants_a_secret_and_two_are_good_at_a_time(world: World, admin: Console) -> None:
    path = f"/console/tenants/{world.acme.tenant_id}/sites/{world.acme.site_id}"
    refused = admin.act(f"{path}/signed-mode", wanted="on")
    assert refused.status_code == 422
    assert "Make a signing secret first." in refused.text
    shown = []
    for _ in range(2):
        found = re.search(r'<code id="issued">(sgn_[\w-]+)</code>', admin.act(f"{path}/signing").text)
        assert found is not None
        shown.append(found[1])
    page = admin.get(f"{path}/settings").text
    assert "two are good" in page
    assert not any(secret in page for secret in shown), "shown once"
    assert _good_secrets(world) == {shown[1].encode(), shown[0].encode()}
    admin.act(f"{path}/signing/end")
    assert _good_secrets(world) == {shown[1].encode()}
    assert admin.act(f"{path}/signed-mode", wanted="on").status_code == 303
    assert "Signed mode</span>" in admin.get(path).text


def _good_secrets(world: World) -> set[bytes]:
    with tenant_transaction(world.acme.tenant_id) as session:
        site = get_site(session, tenant_id=world.acme.tenant_id, site_id=world.acme.site_id)
        return set(signing_secrets(session, site))


def test_switches_stop_a_client_and_everybody(world: World, admin: Console) -> None:
    client = f"/console/tenants/{world.acme.tenant_id}"
    admin.act(f"{client}/stop", reason="苦情の確認中")
    assert "苦情の確認中" in admin.get(client).text
    admin.act(f"{client}/resume")
    assert "苦情の確認中" not in admin.get(client).text
    admin.act("/console/agency/stop", reason="火事")
    operator = log_in(world, Role.OPERATOR, lang="en")
    assert "All sending is stopped: 火事" in operator.get("/console/queue").text
    admin.act("/console/agency/resume")
    assert "All sending is stopped" not in operator.get("/console/queue").text


def test_what_was_done_stands_in_the_audit(world: World, admin: Console) -> None:
    admin.act(f"/console/tenants/{world.acme.tenant_id}/stop", reason="x")
    manager = log_in(world, Role.ACCOUNT_MANAGER, lang="en")
    page = manager.get("/console/audit").text
    assert "Stopped a client&#39;s sending" in page or "Stopped a client's sending" in page
    assert "Agency Admin" in page or "Somebody" in page


def test_roles_are_given_and_taken_and_the_last_administrator_stays(world: World, admin: Console) -> None:
    user = world.users[Role.OPERATOR].user_id
    given = admin.act(f"/console/users/{user}/roles", role="account_manager", tenant=str(world.stranger.tenant_id))
    assert given.status_code == 303
    assert "Account manager" in admin.get(f"/console/users/{user}").text
    assert admin.act(f"/console/users/{user}/roles/remove", tenant=str(world.stranger.tenant_id)).status_code == 303
    wrong = admin.act(f"/console/users/{user}/roles", role="client_reviewer", tenant="")
    assert wrong.status_code == 422
    assert "a client reviewer belongs to one client" in wrong.text
    assert admin.act(f"/console/users/{user}/disable").status_code == 303
    assert "Disabled" in admin.get(f"/console/users/{user}").text


class Inbox:
    """An SMTP server that keeps what it is given."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  # aiosmtpd's name
        parsed = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        self.mails.append(parsed)
        return "250 OK"


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    kept = Inbox()
    port = choose_port(None)
    server = Controller(kept, hostname="127.0.0.1", port=port)
    server.start()
    mail.configure(
        UserMailer(
            smtp_url=f"smtp://127.0.0.1:{port}",
            sender="modori@agency.example",
            public_url=PUBLIC_URL,
            ui=resources.operator_ui(),
        )
    )
    yield kept
    mail.configure(None)
    server.stop()


def _deliver() -> None:
    followers = {"user.invited": ["invitation"], "user.reset": ["reset"]}
    drain(
        [PLATFORM], subscribers=followers, jobs={"invitation": jobs.mail_invitation_now, "reset": jobs.mail_reset_now}
    )


def _link(message: EmailMessage) -> str:
    found = re.search(rf"{re.escape(PUBLIC_URL)}(/console/password/\S+)", message.get_content())
    assert found is not None
    return found[1]


def test_an_invited_user_gets_a_link_in_their_language_and_logs_in(world: World, admin: Console, inbox: Inbox) -> None:
    words = {"email": "新人@例え.example", "name": "新人", "role": "operator", "tenant": str(world.acme.tenant_id)}
    assert admin.act("/console/users", **(words | {"email": "not an address"})).status_code == 422
    email = f"hanako-{world.acme.tenant_id.hex}@agency.example"
    made = admin.act("/console/users", **(words | {"email": email, "locale": "ja"}))
    assert made.status_code == 303
    assert admin.act("/console/users", **(words | {"email": email})).status_code == 422, "there is one already"
    _deliver()
    [invitation] = [one for one in inbox.mails if email in str(one["To"])]
    assert invitation["Subject"] == "Modoriへのご招待"
    assert "新人 様" in invitation.get_content()
    visitor, password = Console(console_app()), "大きな鉄のフライパンと急須"
    assert visitor.post(_link(invitation), data={"password": password, "again": password}).status_code == 303
    entered = visitor.post("/console/login", data={"email": email, "password": password})
    assert entered.headers["location"] == "/console"


def test_a_reset_is_mailed_to_who_there_is_and_to_nobody_else(world: World, inbox: Inbox) -> None:
    visitor, email = Console(console_app()), world.users[Role.OPERATOR].email
    visitor.post("/console/forgotten", data={"email": email})
    visitor.post("/console/forgotten", data={"email": "nobody@nowhere.example"})
    _deliver()
    to = [str(one["To"]) for one in inbox.mails]
    assert any(email in one for one in to)
    assert not any("nobody@nowhere" in one for one in to)
    [reset] = [one for one in inbox.mails if email in str(one["To"])]
    assert visitor.get(_link(reset)).status_code == 200


def test_hosts_of_pictures_are_entered_on_the_sites_form(world: World) -> None:
    manager = log_in(world, Role.ACCOUNT_MANAGER, lang="en")
    path = f"/console/tenants/{world.acme.tenant_id}/sites/{world.acme.site_id}"
    assert manager.act(path, picture_origins="cdn.shop.example\nhttps://img.example").status_code == 303
    assert ask_one(world.acme.tenant_id, "select array_to_string(picture_origins, ' ') from site") == (
        "https://cdn.shop.example https://img.example"
    )
    assert "https://cdn.shop.example, https://img.example" in manager.get(f"{path}/settings").text
    refused = manager.act(path, picture_origins="http://cdn.shop.example")
    assert refused.status_code == 422
    assert "Enter hosts such as cdn.shop.example" in refused.text
    assert manager.act(path, picture_origins="").status_code == 303
    assert ask_one(world.acme.tenant_id, "select cardinality(picture_origins) from site") == 0
