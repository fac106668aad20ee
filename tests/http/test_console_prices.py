"""A client's limit is money of the client's currency: the console takes none that could not be kept."""

import re
from collections.abc import Iterator
from html import unescape
from uuid import UUID

import pytest

from modori.kernel import clock
from modori.kernel.ids import TenantId
from modori.tenants.model import Role
from tests.consoleworld import Console, furnish, log_in
from tests.formworld import CLIENT
from tests.questions import ask_one, change
from tests.world import NOW, World

NO_PRICE = "No price of messages and calls is set in this currency"
HELD = "SMS and calls are held"


@pytest.fixture(autouse=True)
def _it_is_wednesday_morning() -> Iterator[None]:
    with clock.moved_to(NOW):
        yield


@pytest.fixture
def admin(world: World) -> Console:
    return log_in(world, Role.AGENCY_ADMIN, lang="en")


def test_a_limit_in_a_currency_without_prices_is_refused_beside_its_field(admin: Console) -> None:
    typed = CLIENT | {"currency": "USD", "spend_limit": "50000"}
    refused = admin.act("/console/tenants", **typed)
    assert refused.status_code == 422
    assert NO_PRICE in refused.text
    assert admin.act("/console/tenants", **(typed | {"spend_limit": ""})).status_code == 303
    taken = admin.act("/console/tenants", **(typed | {"currency": "JPY"})).headers["location"]
    tenant_id = TenantId(UUID(taken.split("?")[0].rpartition("/")[2]))
    assert ask_one(tenant_id, "select monthly_spend_limit_minor from tenant") == 50_000


def test_neither_limit_nor_currency_is_changed_into_what_cannot_be_kept(world: World, admin: Console) -> None:
    tenant_id = world.acme.tenant_id
    path = f"/console/tenants/{tenant_id}"
    assert admin.act(path, spend_limit="50000").status_code == 303
    refused = admin.act(path, currency="USD")
    assert (refused.status_code, NO_PRICE in refused.text) == (422, True)
    assert ask_one(tenant_id, "select currency from tenant") == "JPY"
    assert admin.act(path, currency="USD", spend_limit="").status_code == 303
    refused = admin.act(path, spend_limit="500")
    assert (refused.status_code, NO_PRICE in refused.text) == (422, True)
    assert ask_one(tenant_id, "select monthly_spend_limit_minor from tenant") is None


def test_a_client_whose_limit_cannot_be_kept_says_so_and_can_be_edited_otherwise(world: World, admin: Console) -> None:
    path = f"/console/tenants/{world.acme.tenant_id}"
    assert HELD not in admin.get(path).text
    change(world.acme.tenant_id, "update tenant set currency = 'USD', monthly_spend_limit_minor = 50000")
    page = admin.get(path).text
    assert HELD in page
    assert "no price is set in USD" in page
    assert HELD not in admin.get(f"/console/tenants/{world.stranger.tenant_id}").text
    assert admin.act(path, goods_kind="茶器").status_code == 303
    assert admin.act(path, spend_limit="").status_code == 303
    assert HELD not in admin.get(path).text


def test_a_month_that_is_counted_in_one_currency_goes_on_in_it(world: World, admin: Console) -> None:
    tenant_id = world.acme.tenant_id
    path = f"/console/tenants/{tenant_id}"
    change(tenant_id, "insert into spend (tenant_id, month_on, spent_minor) values (:t, '2026-10-01', 99)", t=tenant_id)
    change(tenant_id, "insert into spend (tenant_id, month_on, spent_minor) values (:t, '2026-11-01', 30)", t=tenant_id)
    refused = admin.act(path, currency="USD")
    assert refused.status_code == 422
    assert "counted in the present currency" in refused.text
    assert ask_one(tenant_id, "select currency from tenant") == "JPY"
    assert admin.act(path, currency="JPY", goods_kind="茶器").status_code == 303
    change(tenant_id, "update spend set spent_minor = 0 where month_on = '2026-11-01'")
    assert admin.act(path, currency="USD").status_code == 303


def test_a_currency_that_does_not_exist_is_refused(admin: Console) -> None:
    refused = admin.act("/console/tenants", **(CLIENT | {"currency": "ZZZ"}))
    assert refused.status_code == 422
    assert "There is no such currency." in refused.text


@pytest.mark.parametrize(
    ("currency", "typed", "minor", "shown"),
    [
        ("JPY", "50000", 50_000, "50000"),
        ("JPY", "￥５０，０００", 50_000, "50000"),
        ("JPY", "50,000円", 50_000, "50000"),
        ("JPY", "0", 0, "0"),
        ("JPY", "1000000", 1_000_000, "1000000"),  # the most
        ("EUR", "500", 50_000, "500.00"),
        ("EUR", "€500.05", 50_005, "500.05"),
        ("EUR", "1,000,000.00", 100_000_000, "1000000.00"),  # the most
        ("KWD", "1.234", 1_234, "1.234"),
        ("KWD", "1000000", 1_000_000_000, "1000000.000"),  # the most
    ],
)
def test_a_limit_is_typed_and_shown_in_the_currencys_own_units(
    world: World, admin: Console, currency: str, typed: str, minor: int, shown: str
) -> None:
    path = f"/console/tenants/{world.acme.tenant_id}"
    taken = admin.act(path, currency=currency, spend_limit=typed)
    assert taken.status_code == 303, taken.text
    assert limit_of(world) == (currency, minor)
    assert field_of(admin.get(f"{path}/edit").text) == shown


@pytest.mark.parametrize(
    ("currency", "typed", "advice"),
    [
        ("JPY", "1000001", "Enter an amount in JPY, such as ¥50,000, of at most ¥1,000,000."),
        ("EUR", "1000000.01", "Enter an amount in EUR, such as €500.00, of at most €1,000,000.00."),
        ("EUR", "12.500", "Enter an amount in EUR"),  # twelve and a half thousand, where people write it so
        ("JPY", "50.000", "Enter an amount in JPY"),
        ("KWD", "1000000.001", "of at most KWD1,000,000.000."),
        ("JPY", "500.5", "Enter an amount in JPY"),  # no yen has a half
        ("EUR", "500.005", "Enter an amount in EUR"),
        ("JPY", "-1", "Enter an amount in JPY"),
        ("JPY", "$500", "Enter an amount in JPY"),
        ("JPY", "a lot", "Enter an amount in JPY"),
        ("JPY", "1e5", "Enter an amount in JPY"),
        ("JPY", "9" * 40, "Enter an amount in JPY"),
    ],
)
def test_what_is_no_possible_limit_is_refused_with_what_is(
    world: World, admin: Console, currency: str, typed: str, advice: str
) -> None:
    path = f"/console/tenants/{world.acme.tenant_id}"
    refused = admin.act(path, currency=currency, spend_limit=typed)
    assert refused.status_code == 422
    assert advice in unescape(refused.text)
    assert field_of(refused.text) == typed
    assert limit_of(world) == ("JPY", None)


def test_an_impossible_limit_is_told_of_beside_what_else_is_wrong_and_in_japanese(world: World, admin: Console) -> None:
    path = f"/console/tenants/{world.acme.tenant_id}"
    refused = admin.act(path, spend_limit="x", tax_rate_pct="300")
    assert "Enter an amount in JPY" in refused.text
    assert "This is too large." in refused.text
    japanese = log_in(world, Role.AGENCY_ADMIN, lang="ja").act(path, spend_limit="1000001")
    assert "JPY建ての金額を入力してください（例：￥50,000、上限：￥1,000,000）。" in unescape(japanese.text)


def test_a_limit_beside_a_currency_that_does_not_exist_is_not_told_of(world: World, admin: Console) -> None:
    path = f"/console/tenants/{world.acme.tenant_id}"
    refused = admin.act(path, currency="ZZZ", spend_limit="500")
    assert (refused.status_code, "There is no such currency." in refused.text) == (422, True)
    assert "Enter an amount" not in refused.text
    assert limit_of(world) == ("JPY", None)


def test_a_limit_goes_with_the_currency_that_stands_beside_it(world: World, admin: Console) -> None:
    path = f"/console/tenants/{world.acme.tenant_id}"
    assert admin.act(path, spend_limit="50000").status_code == 303
    refused = admin.act(path, currency="EUR")
    assert (refused.status_code, limit_of(world)) == (422, ("JPY", 50_000)), "50,000 yen are not 500 euros"
    assert "Fill this in." in refused.text
    shown = fields_of(admin.get(f"{path}/edit").text)
    assert admin.act(path, **(shown | {"currency": "EUR"})).status_code == 303
    assert limit_of(world) == ("EUR", 5_000_000)
    assert admin.act(path, **(shown | {"spend_limit": "60000"})).status_code == 303, "it was typed as yen"
    assert limit_of(world) == ("JPY", 60_000)


def test_the_audit_says_a_limit_as_money(world: World, admin: Console) -> None:
    path = f"/console/tenants/{world.acme.tenant_id}"
    assert admin.act(path, spend_limit="50000").status_code == 303
    assert admin.act(path, currency="EUR", spend_limit="12.5").status_code == 303
    assert admin.act(path, spend_limit="").status_code == 303
    audit = unescape(admin.get("/console/audit").text)
    title = "Most to spend on messages and calls a month"
    for said in ("— → ¥50,000", "¥50,000 → €12.50", "€12.50 → —"):
        assert f"{title}: {said}" in audit, said


def test_the_audit_tells_of_a_limit_whose_currency_alone_changed(world: World, admin: Console) -> None:
    path = f"/console/tenants/{world.acme.tenant_id}"
    for currency, typed in (("JPY", "50000"), ("EUR", "500.00"), ("KWD", "50.000")):  # 50,000 minor units of each
        assert admin.act(path, currency=currency, spend_limit=typed).status_code == 303
    assert limit_of(world) == ("KWD", 50_000)
    audit = unescape(admin.get("/console/audit").text)
    for said in ("¥50,000 → €500.00", "€500.00 → KWD50.000"):
        assert f"Most to spend on messages and calls a month: {said}" in audit, said


def limit_of(world: World) -> tuple[str, int | None]:
    tenant_id = world.acme.tenant_id
    limit = ask_one(tenant_id, "select monthly_spend_limit_minor from tenant")
    return ask_one(tenant_id, "select currency from tenant"), limit


def fields_of(page: str) -> dict[str, str]:
    """What a page's fields hold, as a browser would post them back."""
    return {name: unescape(value) for name, value in re.findall(r'<input [^>]*name="(\w+)"[^>]* value="([^"]*)"', page)}


def field_of(page: str) -> str:
    return fields_of(page)["spend_limit"]


@pytest.mark.parametrize(("currency", "shown"), [("JPY", ["¥30", "¥45"]), ("USD", [])])
def test_a_preview_costs_what_the_agency_has_set_in_the_clients_currency(
    world: World, admin: Console, currency: str, shown: list[str]
) -> None:
    house = furnish(world.acme, now=NOW)
    change(world.acme.tenant_id, "update tenant set currency = :currency", currency=currency)
    page = admin.get(f"/console/scenarios/{house.tenant.tenant_id}/{house.scenario_id}").text
    assert "SMS parts: 2" in page
    assert sorted(set(re.findall("· about ([^<]+)<", page))) == shown
