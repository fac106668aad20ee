"""The administrator erases a person's data from the page of a lead: asked twice, on record, and naming nobody."""

from collections.abc import Iterator

import pytest

from modori.kernel import clock
from modori.people.model import Channel
from modori.tenants.model import Role
from tests.channelworld import send
from tests.consoleworld import lead_path, log_in, name_lead
from tests.leadworld import LeadWorld, make_lead
from tests.orderworld import settle
from tests.questions import ask_one
from tests.world import NOW, World

NAME = "鬼龍院 翠蓮子"


@pytest.fixture(autouse=True)
def _it_is_wednesday_morning() -> Iterator[None]:
    with clock.moved_to(NOW):
        yield


@pytest.fixture
def lead(world: World) -> LeadWorld:
    found = send(world.acme, now=NOW).lead
    name_lead(found, NAME)
    return found


def is_known(lead: LeadWorld) -> bool:
    return bool(
        ask_one(
            lead.tenant.tenant_id,
            "select value is not null from contact_point where contact_point_id = :id",
            id=lead.contact_point_id,
        )
    )


@pytest.mark.parametrize(("lang", "word"), [("en", "erase"), ("en", " ERASE "), ("ja", "消去"), ("ja", "erase")])
def test_the_word_erases_and_the_page_says_so(world: World, lead: LeadWorld, lang: str, word: str) -> None:
    admin, path = log_in(world, Role.AGENCY_ADMIN, lang=lang), lead_path(lead)
    assert f'href="{path}/erase"' in admin.get(path).text
    done = admin.act(f"{path}/erase", typed=word)
    assert (done.status_code, done.headers["location"]) == (303, f"{path}?done=erased")
    assert not is_known(lead)
    settle([world.acme], now=NOW)
    page = admin.get(path).text
    assert NAME not in page
    assert lead.value not in page
    assert f'href="{path}/erase"' not in page
    assert {"en": "Erased", "ja": "消去済み"}[lang] in page
    assert {"en": "Nothing is left to erase", "ja": "消去するものはありません"}[lang] in admin.get(f"{path}/erase").text


@pytest.mark.parametrize("typed", ["", "x", "erase it", "削除"])
def test_any_other_word_erases_nothing(world: World, lead: LeadWorld, typed: str) -> None:
    admin = log_in(world, Role.AGENCY_ADMIN, lang="en")
    refused = admin.act(f"{lead_path(lead)}/erase", typed=typed)
    assert refused.status_code == 422
    assert "Nothing was erased" in refused.text
    assert is_known(lead)


def test_what_goes_is_shown_masked_and_what_stays_is_said(world: World, lead: LeadWorld) -> None:
    page = log_in(world, Role.AGENCY_ADMIN, lang="en").get(f"{lead_path(lead)}/erase").text
    assert lead.value not in page
    assert "@" in page
    assert "the receipts of the gate" in page


def test_g13_the_record_names_nobody(world: World, lead: LeadWorld) -> None:
    admin, path = log_in(world, Role.AGENCY_ADMIN, lang="en"), lead_path(lead)
    admin.act(f"{path}/erase", typed="erase")
    record = ask_one(lead.tenant.tenant_id, "select to_jsonb(a) from audit_entry a where action = 'person.erased'")
    assert record["subject_id"] == str(lead.lead_id)
    assert record["detail"] == {"contact_points": [str(lead.contact_point_id)]}
    assert record["user_id"] == str(world.users[Role.AGENCY_ADMIN].user_id)
    asked_by = ask_one(lead.tenant.tenant_id, "select requested_by from erasure")
    assert asked_by == f"user:{world.users[Role.AGENCY_ADMIN].user_id}"
    assert "Erased a person&#39;s data" in admin.get("/console/audit").text
    assert "erased the person&#39;s data" in admin.get(path).text


@pytest.mark.parametrize("role", [Role.ACCOUNT_MANAGER, Role.OPERATOR, Role.CLIENT_REVIEWER])
def test_nobody_else_is_offered_it_or_may(world: World, role: Role) -> None:
    lead = make_lead(world.acme, channel=Channel.EMAIL)
    console, path = log_in(world, role), lead_path(lead)
    assert f"{path}/erase" not in console.get(path).text
    assert console.get(f"{path}/erase").status_code == 403
    assert console.act(f"{path}/erase", typed="erase").status_code == 403
    assert is_known(lead)
