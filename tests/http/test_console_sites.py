"""A site on the console: its policy and the agency's limits, its keys, its switch, signed mode."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from modori.kernel import clock
from modori.storage.db import agency_transaction, tenant_transaction
from modori.tenants.actions import change_limits, limits_of
from modori.tenants.keys import signing_secrets
from modori.tenants.model import Role
from modori.tenants.queries import get_agency
from modori.tenants.sites.queries import get_site
from modori.tenants.wire import LimitsChange
from tests.consoleworld import Console, log_in
from tests.formworld import SITE, blamed, described, shown_form
from tests.questions import ask_one, change
from tests.world import NOW, World

ODD_SITE = (
    "update site set message_gap_s = 75601, abandon_after_s = 90, dial_gap_s = 3601, touch_max_age_s = 5400,"
    " dials_per_day = 100, notice_text = :text, hours = jsonb_set(hours, '{call,holiday}', '[]')"
)
WHOLE_SITE = "select (to_jsonb(s) - 'name')::text from site s where site_id = :id"


@pytest.fixture(autouse=True)
def _it_is_wednesday_morning() -> Iterator[None]:
    with clock.moved_to(NOW):
        yield


@pytest.fixture
def admin(world: World) -> Console:
    return log_in(world, Role.AGENCY_ADMIN, lang="en")


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


def test_what_nobody_touched_is_not_written(world: World, admin: Console) -> None:
    """Seconds are shown in hours, lines are ended otherwise, and a colleague was faster: none of it is a change."""
    tenant = world.acme
    path = f"/console/tenants/{tenant.tenant_id}/sites/{tenant.site_id}"
    change(tenant.tenant_id, ODD_SITE, text="一行目\n二行目 “&” <b>")
    form = shown_form(admin.get(f"{path}/edit").text)
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
    again = shown_form(refused.text) | {"holdout_pct": "12"}
    assert admin.act(path, **again).status_code == 303
    assert ask_one(tenant.tenant_id, "select notice_text from site where site_id = :id", id=tenant.site_id) == "newer"
    assert ask_one(tenant.tenant_id, "select holdout_pct from site where site_id = :id", id=tenant.site_id) == 12


def test_another_country_brings_its_hours_and_must_be_one(world: World, admin: Console) -> None:
    tenant = world.acme
    path = f"/console/tenants/{tenant.tenant_id}/sites/{tenant.site_id}"
    form = shown_form(admin.get(f"{path}/edit").text)
    refused = admin.act(path, **(form | {"country": "XX"}))
    assert refused.status_code == 422
    assert 'id="e-country" class="wrong"' in refused.text
    assert admin.act(path, **(form | {"country": "US"})).status_code == 303
    hours = "select hours -> 'call' -> 'weekday' from site where site_id = :id"
    assert ask_one(tenant.tenant_id, hours, id=tenant.site_id) == [["08:00", "21:00"]]
    own = {"country": "JP", "hours_call_weekday": "９：００〜10:00、10:00-12:00"}
    assert admin.act(path, **(shown_form(admin.get(f"{path}/edit").text) | own)).status_code == 303
    typed = [["09:00", "10:00"], ["10:00", "12:00"]]
    assert ask_one(tenant.tenant_id, hours, id=tenant.site_id) == typed, "typed hours are kept"


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
