"""A client's limit is money of the client's currency: the console takes none that could not be kept."""

import re
from collections.abc import Iterator
from uuid import UUID

import pytest

from modori.kernel import clock
from modori.kernel.ids import TenantId
from modori.tenants.model import Role
from tests.consoleworld import Console, furnish, log_in
from tests.http.test_console_setup import CLIENT
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


@pytest.mark.parametrize(("currency", "shown"), [("JPY", ["¥30", "¥45"]), ("USD", [])])
def test_a_preview_costs_what_the_agency_has_set_in_the_clients_currency(
    world: World, admin: Console, currency: str, shown: list[str]
) -> None:
    house = furnish(world.acme, now=NOW)
    change(world.acme.tenant_id, "update tenant set currency = :currency", currency=currency)
    page = admin.get(f"/console/scenarios/{house.tenant.tenant_id}/{house.scenario_id}").text
    assert "SMS parts: 2" in page
    assert sorted(set(re.findall("· about ([^<]+)<", page))) == shown
