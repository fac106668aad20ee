"""Every screen: it answers, in both languages, with few statements, and shows what a person needs to see."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from modori.console.story import Veil
from modori.kernel import clock
from modori.sending import actions as sending
from modori.storage import db
from modori.storage.db import tenant_transaction
from modori.storage.roles import DatabaseUrls
from modori.tenants.model import Role
from tests.channelworld import prepare
from tests.consoleworld import (
    Console,
    ConsoleWorld,
    counted_statements,
    furnish,
    lead_path,
    lead_state,
    log_in,
    name_lead,
)
from tests.leadworld import make_lead
from tests.questions import ask_one, change
from tests.world import NOW, World, connect, make_world

MOST_STATEMENTS = 12


@pytest.fixture(autouse=True)
def _it_is_wednesday_morning() -> Iterator[None]:
    with clock.moved_to(NOW):
        yield


@pytest.fixture
def house(world: World) -> ConsoleWorld:
    return furnish(world.acme, now=NOW)


def screens(house: ConsoleWorld, user_id: object) -> dict[str, str]:
    tenant = f"/console/tenants/{house.tenant.tenant_id}"
    of_tenant = str(house.tenant.tenant_id)
    return {
        "queue": "/console/queue",
        "queue rows": "/console/queue/rows",
        "leads": "/console/leads",
        "leads, filtered": "/console/leads?state=active&arm=treated&channel=email&since=2026-11-01&least=1000",
        "lead": lead_path(house.sent.lead),
        "lead with call": lead_path(house.call),
        "call panel": f"{lead_path(house.call)}/call",
        "timeline": f"{lead_path(house.sent.lead)}/timeline",
        "held lead": lead_path(house.held),
        "erasure": f"{lead_path(house.sent.lead)}/erase",
        "scenarios": "/console/scenarios",
        "scenario": f"/console/scenarios/{of_tenant}/{house.scenario_id}",
        "scenario draft": f"/console/scenarios/{of_tenant}/{house.scenario_id}?version=2",
        "results": "/console/results",
        "result": f"/console/results/{of_tenant}/{house.pending_id}",
        "approved result": f"/console/results/{of_tenant}/{house.approved_id}",
        "statements": "/console/statements",
        "statement": f"/console/statements/{of_tenant}/{house.month}",
        "empty statement": f"/console/statements/{of_tenant}/2020-01",
        "clients": "/console/tenants",
        "client": tenant,
        "client form": f"{tenant}/edit",
        "channels of a client": f"{tenant}/channels",
        "new client": "/console/tenants/new",
        "site": f"{tenant}/sites/{house.tenant.site_id}",
        "site, live": f"{tenant}/sites/{house.tenant.site_id}/live",
        "site events": f"{tenant}/sites/{house.tenant.site_id}/events",
        "site event rows": f"{tenant}/sites/{house.tenant.site_id}/events/rows?kind=cart",
        "site refusals": f"{tenant}/sites/{house.tenant.site_id}/events/refused",
        "site fields": f"{tenant}/sites/{house.tenant.site_id}/fields?days=30",
        "site forms": f"{tenant}/sites/{house.tenant.site_id}/fields/forms?days=30",
        "site leaks": f"{tenant}/sites/{house.tenant.site_id}/leaks",
        "site notice": f"{tenant}/sites/{house.tenant.site_id}/notice",
        "site settings": f"{tenant}/sites/{house.tenant.site_id}/settings",
        "site form": f"{tenant}/sites/{house.tenant.site_id}/edit",
        "new site": f"{tenant}/sites/new",
        "uploads": "/console/uploads",
        "upload form": "/console/uploads/new",
        "upload form of returns": f"/console/uploads/new?site={house.tenant.site_id}&kind=returns",
        "upload": f"/console/uploads/{of_tenant}/{house.upload_id}",
        "upload, filtered": f"/console/uploads/{of_tenant}/{house.upload_id}?outcome=refused",
        "users": "/console/users",
        "user": f"/console/users/{user_id}",
        "invitation": "/console/users/new",
        "agency": "/console/agency",
        "channels of the agency": "/console/agency/channels",
        "audit": "/console/audit",
        "settings": "/console/me",
    }


@pytest.fixture
def own_database(clone_database: Callable[[], DatabaseUrls], database_urls: DatabaseUrls) -> Iterator[db.Database]:
    """No clients of other tests: a list of leads asks about 64 of them at a time."""
    yield connect(clone_database())
    connect(database_urls)


def test_every_screen_answers_in_both_languages_with_few_statements(own_database: db.Database) -> None:
    world = make_world()
    house = furnish(world.acme, now=NOW)
    admin = world.users[Role.AGENCY_ADMIN]
    spent = {}
    for lang in ("ja", "en"):
        console = log_in(world, Role.AGENCY_ADMIN, lang=lang)
        for name, path in screens(house, admin.user_id).items():
            console.get(path)  # opens the clients' data keys, once in a process
            with counted_statements(own_database) as seen:
                page = console.get(path)
            assert page.status_code == 200, (name, lang)
            assert page.headers["cache-control"] == "no-store"
            spent[name] = len(seen)
    assert max(spent.values()) <= MOST_STATEMENTS, spent


def test_a_lead_tells_everything_that_happened(world: World, house: ConsoleWorld) -> None:
    console = log_in(world, Role.OPERATOR, lang="en")
    page = console.get(lead_path(house.sent.lead)).text
    for said in (
        "Left without ordering",
        "Became a lead",
        "Consented to E-mail",
        "Accepted by the provider",
        "鉄のフライパン",
    ):
        assert said in page
    assert "Before sending: allowed (E-mail)" in page
    assert "Consent for E-mail: given" in page
    assert "Messages to this lead: 0 of 3" in page
    assert house.sent.prepared.subject is not None
    assert house.sent.prepared.subject in page, "what was sent can be read"


def test_g13_personal_data_is_masked_until_it_is_revealed_and_the_reveal_is_on_record(
    world: World, house: ConsoleWorld
) -> None:
    console, lead = log_in(world, Role.OPERATOR), house.sent.lead
    for path in (lead_path(lead), "/console/leads", "/console/queue"):
        page = console.get(path).text
        assert lead.value not in page
        assert "山田" not in page
    shown = console.act(f"{lead_path(lead)}/reveal").text
    assert lead.value in shown
    assert "山田 花子" in shown
    assert lead.value not in console.get(lead_path(lead)).text, "for that view only"
    looked = ask_one(
        lead.tenant.tenant_id,
        "select count(*) from audit_entry where action = 'contact.revealed' and subject_id = :id and user_id = :by",
        id=str(lead.lead_id),
        by=world.users[Role.OPERATOR].user_id,
    )
    assert looked == 1
    assert log_in(world, Role.CLIENT_REVIEWER).act(f"{lead_path(lead)}/reveal").status_code == 403


def test_g13_what_was_sent_is_shown_without_the_name_and_without_links_that_work(world: World) -> None:
    lead = make_lead(world.acme, now=NOW)
    name_lead(lead, "山田 花子")
    prepared = prepare(lead)
    assert "山田 花子" in prepared.text
    content = sending.Content(prepared.subject, prepared.text, prepared.digest, parts=None, costs=None)
    with tenant_transaction(world.acme.tenant_id) as session:
        sending.begin_touch(
            session, tenant_id=world.acme.tenant_id, touch_id=lead.touch_id, content=content, deadline_s=30, now=NOW
        )
    operator = log_in(world, Role.OPERATOR)
    for page in (operator.get(lead_path(lead)).text, operator.get(f"{lead_path(lead)}/timeline").text):
        assert "山••• 様" in page
        assert "山田" not in page
    for page in (operator.get(lead_path(lead)).text, operator.act(f"{lead_path(lead)}/reveal").text):
        assert "/t/…" in page
        assert not any(link.token in page for link in prepared.links), "a click of ours must never bill"


def test_g13_replies_and_notes_are_for_the_agency(world: World) -> None:
    text = "090-1111-2222に電話してください"
    agency, client = Veil("山田", shows_words=True), Veil("山田", shows_words=False)
    assert agency.over("reply", text) == text
    assert (client.over("reply", text), client.over("call", text)) == (None, None)
    assert client.over("delivery", "山田様 https://m.example/u/abcdefghijklmnop") == "山•••様 https://m.example/u/…"


def test_a_held_lead_is_released_or_ended_by_the_agency(world: World, house: ConsoleWorld) -> None:
    manager = log_in(world, Role.ACCOUNT_MANAGER, lang="en")
    assert "somebody must approve its first leads" in manager.get(lead_path(house.held)).text
    assert manager.act(f"{lead_path(house.held)}/release").status_code == 303
    assert lead_state(house.held) == "active"
    assert manager.act(f"{lead_path(house.held)}/refuse").status_code == 409, "it is no longer held"


def test_leads_are_filtered_and_paged_by_key(
    world: World, house: ConsoleWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    console = log_in(world, Role.OPERATOR)
    held = console.get("/console/leads?state=held").text
    assert f"lead-{house.held.lead_id}" in held
    assert f"lead-{house.call.lead_id}" not in held
    calls = console.get("/console/leads?channel=call").text
    assert f"lead-{house.call.lead_id}" in calls
    assert f"lead-{house.held.lead_id}" not in calls
    assert console.get("/console/leads?least=999999999").text.count("<tr") == 0
    assert console.get("/console/leads?state=nonsense&site=nonsense&since=nonsense&least=-1").status_code == 200
    assert console.get("/console/leads?after=nonsense").status_code == 404


def test_a_client_reviewer_decides_on_results(world: World, house: ConsoleWorld) -> None:
    reviewer = log_in(world, Role.CLIENT_REVIEWER, lang="en")
    path = f"/console/results/{house.tenant.tenant_id}/{house.pending_id}"
    page = reviewer.get(path).text
    for link in ("Notice", "Consent", "Lead", "Step 1: E-mail", "Click", "Order", "Contract", "SHA-256"):
        assert link in page
    silent = reviewer.act(f"{path}/refuse", note="  ")
    assert silent.status_code == 422
    assert "Say why you turn it down" in silent.text
    row = reviewer.htmx(f"{path}/approve")
    assert (row.status_code, row.text.lstrip().startswith("<tr")) == (200, True)
    assert "Approved" in row.text
    late = reviewer.act(f"{path}/refuse", note="too late")
    assert late.status_code == 409
    statement = reviewer.get(f"/console/statements/{house.tenant.tenant_id}/{house.month}").text
    assert "A-1001" in statement
    assert "¥1,494" in statement, "two fees of 747"
    assert "chain is whole" in statement


def test_who_brought_the_order_by_a_file_is_told_who_approves_instead(world: World, house: ConsoleWorld) -> None:
    brought = "update purchase_order set vouched_by = jsonb_build_array(cast(:by as text))"
    change(house.tenant.tenant_id, brought, by=str(world.users[Role.ACCOUNT_MANAGER].user_id))
    manager = log_in(world, Role.ACCOUNT_MANAGER, lang="en")
    path = f"/console/results/{house.tenant.tenant_id}/{house.pending_id}"
    page = manager.get(path).text
    assert "reviewer, or a colleague, approves what rests on it." in page
    assert ">Approve<" not in page
    assert "Another decides" in manager.get("/console/results").text
    posted = manager.act(f"{path}/approve")
    assert posted.status_code == 422
    assert "approves what rests on it" in posted.text
    assert manager.htmx(f"{path}/approve").status_code == 409
    reviewer = log_in(world, Role.CLIENT_REVIEWER, lang="en")
    assert ">Approve<" in reviewer.get(path).text
    assert reviewer.act(f"{path}/approve").status_code == 303


def test_a_refused_result_says_why_and_by_whom(world: World, house: ConsoleWorld) -> None:
    manager = log_in(world, Role.ACCOUNT_MANAGER, lang="en")
    path = f"/console/results/{house.tenant.tenant_id}/{house.pending_id}"
    assert manager.act(f"{path}/refuse", note="二重の注文でした").status_code == 303
    page = manager.get(path).text
    assert "二重の注文でした" in page
    assert "Turned down" in page


def test_a_month_is_closed_when_it_is_over_and_by_an_administrator(world: World, house: ConsoleWorld) -> None:
    path = f"/console/statements/{house.tenant.tenant_id}/{house.month}"
    admin = log_in(world, Role.AGENCY_ADMIN, lang="en")
    assert "Close the month" not in admin.get(path).text
    assert admin.act(f"{path}/close").status_code == 409
    with clock.moved_to(NOW + timedelta(days=20)):
        later = log_in(world, Role.AGENCY_ADMIN)
        assert later.act(f"{path}/close").status_code == 303
        assert "締め済み" in later.get(path).text or "Closed" in later.get(path).text


@pytest.mark.parametrize(
    ("month", "status"),
    [
        ("2000-01", 200),  # the first
        ("2100-12", 200),  # the last
        ("1999-12", 404),
        ("2101-01", 404),
        ("0999-12", 404),
        ("0001-01", 404),
        ("9999-12", 404),
        ("2026-13", 404),
        ("2026-1", 404),
        ("2026-W01", 404),
        ("202601", 404),
    ],
)
def test_a_month_that_no_statement_can_be_of_is_not_found(world: World, month: str, status: int) -> None:
    admin = log_in(world, Role.AGENCY_ADMIN)
    path = f"/console/statements/{world.acme.tenant_id}/{month}"
    assert admin.get(path).status_code == status
    if status == 404:
        assert admin.act(f"{path}/close").status_code == 404


def test_a_scenario_shows_each_message_as_people_will_see_it(world: World, house: ConsoleWorld) -> None:
    reviewer = log_in(world, Role.CLIENT_REVIEWER, lang="en")
    path = f"/console/scenarios/{house.tenant.tenant_id}/{house.scenario_id}"
    page = reviewer.get(path).text
    assert "SMS parts:" in page
    assert "acme商店" in page
    frame = next(part.split('"')[0] for part in page.split('src="')[1:] if "/preview" in part)
    mail = reviewer.get(frame.replace("&amp;", "&"))
    assert "南部鉄器の急須" in mail.text or "Cast-iron teapot" in mail.text
    assert "sandbox" in mail.headers["content-security-policy"]
    assert "default-src 'none'" in mail.headers["content-security-policy"]


def test_a_version_is_approved_by_the_client_or_the_agency(world: World, house: ConsoleWorld) -> None:
    path = f"/console/scenarios/{house.tenant.tenant_id}/{house.scenario_id}"
    assert log_in(world, Role.OPERATOR).act(f"{path}/{house.draft_version_id}/approve").status_code == 403
    assert log_in(world, Role.CLIENT_REVIEWER).act(f"{path}/{house.draft_version_id}/approve").status_code == 303
    current = "select current_version_id from scenario where scenario_id = :id"
    assert ask_one(house.tenant.tenant_id, current, id=house.scenario_id) == house.draft_version_id


def test_errors_are_pages_for_people_and_toasts_for_htmx(world: World) -> None:
    console = log_in(world, Role.CLIENT_REVIEWER, lang="en")
    page = console.get("/console/no/such/page")
    assert page.status_code == 404
    assert "There is nothing here" in page.text
    assert "<nav" in page.text
    toast = console.htmx("/console/users/not-a-uuid/disable")
    assert toast.status_code == 403
    assert toast.headers["HX-Retarget"] == "#toasts"
    assert "<html" not in toast.text


def test_nothing_a_shop_or_person_wrote_becomes_markup(world: World) -> None:
    evil = "<img src=x onerror=alert(1)>"
    lead = make_lead(world.acme, now=NOW, items=[{"id": "1", "name": evil, "price_minor": 1, "quantity": 1}])
    console: Console = log_in(world, Role.OPERATOR)
    for path in (lead_path(lead), "/console/leads"):
        page = console.get(path).text
        assert evil not in page
        assert "&lt;img src=x" in page
