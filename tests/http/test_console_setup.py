"""Clients on the console, with their first site, their switch and everybody's; forms that come back; the audit."""

import re
from collections.abc import Iterator
from html import unescape
from uuid import UUID

import pytest

from modori.kernel import clock
from modori.kernel.ids import SiteId, TenantId
from modori.leads.queries import list_routes
from modori.outreach.queries import find_oldest_scenario
from modori.storage.db import tenant_transaction
from modori.tenants.model import Role
from tests.consoleworld import PUBLIC_URL, Console, log_in
from tests.formworld import CLIENT, SITE, blamed, described, shown_form
from tests.questions import ask_one, change
from tests.world import NOW, World


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


def test_each_form_that_comes_back_names_its_fields(world: World, admin: Console) -> None:
    client = f"/console/tenants/{world.acme.tenant_id}"
    terms = admin.act(f"{client}/terms", fee_pct="lots", window_days="7", hold_days="-", call_hold_days="22")
    assert [name for name, _ in blamed(terms.text)] == ["fee_pct", "hold_days"]
    limits = admin.act("/console/agency/limits", messages_per_contact_week="many")
    assert blamed(limits.text) == [("messages_per_contact_week", "Messages a contact in 7 days")]
    site = admin.act(f"{client}/sites/{world.acme.site_id}", **(SITE | {"origins": "", "capture_mode": "sideways"}))
    assert blamed(site.text) == [("origins", "Origins, one a line"), ("capture_mode", "Capture")]


WHOLE_CLIENT = "select (to_jsonb(t) - 'goods_kind')::text from tenant t"


def test_what_nobody_touched_of_a_client_is_not_written(world: World, admin: Console) -> None:
    tenant_id = world.acme.tenant_id
    path = f"/console/tenants/{tenant_id}"
    change(tenant_id, "update tenant set order_feed_max_age_s = 90, tax_rate_bp = 825")
    form = shown_form(admin.get(f"{path}/edit").text)
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
    assert shown_form(admin.get("/console/tenants/new").text)["order_feed_max_age_min"] == "1440"
    client = admin.act("/console/tenants", **(CLIENT | typed)).headers["location"].split("?")[0]
    tenant_id = TenantId(UUID(client.rpartition("/")[2]))
    assert ask_one(tenant_id, "select order_feed_max_age_s from tenant") == stored
    holds_nothing = "No order feed is expected of this client: nothing is ever held" in admin.get(client).text
    assert holds_nothing == (stored is None)


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
