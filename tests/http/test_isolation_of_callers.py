"""G7 for callers with keys, signatures and sessions: what they know of another client gets them nothing."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from twilio.request_validator import RequestValidator

from modori.channels.model import LinkKind
from modori.entrypoints.front import Front
from modori.kernel import clock
from modori.kernel.ids import TenantId, UserId, new_id
from modori.leads.model import LeadState
from modori.people.model import Channel
from modori.storage import db
from modori.storage.db import agency_transaction
from modori.storage.roles import DatabaseUrls
from modori.tenants.model import Role
from modori.tenants.users import actions
from tests.asking import Asking
from tests.captureworld import cart, form, new_visitor, somebody
from tests.channelworld import SentWorld, send
from tests.conftest import Cluster
from tests.consoleworld import Console, furnish, lead_path, lead_state, undated
from tests.leadworld import make_lead
from tests.orderworld import place
from tests.wholeapp import PUBLIC_URL, TWILIO_TOKEN, changed, make_front, standing
from tests.world import NOW, PASSWORD, TenantWorld, World

DOMAIN = "console.example"
_IDS = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIMES = re.compile(r"\d{4}-\d\d-\d\dT[\d:.+]+")


@pytest.fixture(scope="module")
def front(database_urls: DatabaseUrls, engines: Cluster) -> Front:
    return make_front(database_urls, engines)


@pytest.fixture(autouse=True)
def _it_is_wednesday_morning() -> Iterator[None]:
    with clock.moved_to(NOW):
        yield


@pytest.fixture
def server(database: db.Database, front: Front) -> Asking:
    return Asking(front, base_url=PUBLIC_URL)


@pytest.fixture
def visit(world: World, front: Front) -> Callable[[Role], Console]:
    return lambda role: Console(front, public_url=PUBLIC_URL).log_in(world.users[role].email)


def seen(answer: httpx.Response, *said: str) -> tuple[int, list[tuple[str, str]], str]:
    """All that the caller sees, but for ids and times that are new in each answer and what the caller said itself."""

    def blank(text: str) -> str:
        for one in said:
            text = text.replace(one, "…")
        return _TIMES.sub("<at>", _IDS.sub("<id>", text))

    return (
        answer.status_code,
        [(name, blank(value)) for name, value in answer.headers.items() if name not in ("x-request-id", "date")],
        blank(undated(answer.text)),
    )


def say(server: Asking, tenant: TenantWorld, path: str, body: dict[str, Any]) -> httpx.Response:
    return server.post(path, json=body, headers={"Authorization": f"Bearer {tenant.secret_key}"})


def test_g7_an_order_with_every_key_of_a_strangers_person_does_nothing_to_them(
    server: Asking, world: World, database_urls: DatabaseUrls
) -> None:
    theirs = make_lead(world.stranger, visitor="visitor-of-stranger", cart_id="cart-of-stranger")
    before = standing(database_urls, tenant_id=world.stranger.tenant_id)
    answers = [
        seen(say(server, world.acme, "/v1/orders", {"id": order, "currency": "JPY", "value": 1} | keys), order)
        for order, keys in (
            ("A-1", {"visitor": "visitor-of-stranger", "cart": "cart-of-stranger", "email": theirs.value}),
            ("A-2", {"visitor": "visitor-of-nobody", "cart": "cart-of-nobody", "email": somebody()}),
        )
    ]
    assert answers[0] == answers[1]
    assert answers[0][0] == 201
    assert lead_state(theirs) == LeadState.ACTIVE
    assert changed(before, standing(database_urls, tenant_id=world.stranger.tenant_id)) == set()


def test_g7_a_reversal_of_a_strangers_order_is_one_of_an_order_that_has_not_come(
    server: Asking, world: World, database_urls: DatabaseUrls
) -> None:
    theirs = place(world.stranger, now=NOW).order.external_id
    before = standing(database_urls, tenant_id=world.stranger.tenant_id)
    answers = [
        seen(say(server, world.acme, f"/v1/orders/{order}/reversals", {"id": "R-1", "reason": "return"}), order)
        for order in (theirs, f"A-{new_id().hex[-8:]}")
    ]
    assert answers[0] == answers[1]
    assert answers[0][0] == 409
    assert changed(before, standing(database_urls, tenant_id=world.stranger.tenant_id)) == set()


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("/v1/stops", {}),
        ("/v1/erasures", {}),
        ("/v1/consents", {"channel": "email", "granted": False}),
    ],
)
def test_g7_wishes_of_a_strangers_person_are_recorded_for_ourselves_alone(
    server: Asking, world: World, database_urls: DatabaseUrls, path: str, more: dict[str, object]
) -> None:
    theirs = make_lead(world.stranger)
    before = standing(database_urls, tenant_id=world.stranger.tenant_id)
    answers = [seen(say(server, world.acme, path, {"email": one} | more)) for one in (theirs.value, somebody())]
    assert answers[0] == answers[1]
    assert answers[0][0] == 201
    assert lead_state(theirs) == LeadState.ACTIVE
    assert changed(before, standing(database_urls, tenant_id=world.stranger.tenant_id)) == set()


def test_g7_lists_page_from_a_strangers_id_as_from_nobodys(server: Asking, world: World) -> None:
    ours, theirs = furnish(world.acme, now=NOW), furnish(world.stranger, now=NOW)
    bearer = {"Authorization": f"Bearer {world.acme.secret_key}"}
    for path, known, ids in (
        ("/v1/leads", ours.call.lead_id, (theirs.call.lead_id, new_id())),
        ("/v1/results", ours.pending_id, (theirs.pending_id, new_id())),
    ):
        assert str(known) in server.get(path, headers=bearer).text
        pages = [server.get(path, params={"before": str(one)}, headers=bearer) for one in ids]
        assert seen(pages[0]) == seen(pages[1])
        assert pages[0].status_code == 200
        assert str(ids[0]) not in server.get(path, headers=bearer).text


def test_rules_36_ingest_does_not_say_whether_an_address_is_known_to_anybody(
    server: Asking, world: World, database_urls: DatabaseUrls
) -> None:
    theirs, ours = make_lead(world.stranger).value, make_lead(world.acme).value
    before = standing(database_urls, tenant_id=world.stranger.tenant_id)
    answers = []
    for email in (theirs, ours, somebody()):
        visitor = new_visitor()
        events = [cart(world.acme, visitor=visitor), form(world.acme, visitor=visitor, email=email)]
        sent = {"site": world.acme.site_key, "events": events}
        answers.append(seen(server.post("/v1/events", json=sent, headers={"Origin": world.acme.origin})))
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][0] == 202
    assert changed(before, standing(database_urls, tenant_id=world.stranger.tenant_id)) == set()


def test_g7_a_secret_key_beside_a_strangers_publishable_key_is_like_one_beside_an_unknown_key(
    server: Asking, world: World
) -> None:
    bearer = {"Authorization": f"Bearer {world.acme.secret_key}"}
    answers = [
        seen(server.post("/v1/events", json={"site": key, "events": []}, headers=bearer))
        for key in (world.stranger.site_key, "pk_" + "x" * 43)
    ]
    assert answers[0] == answers[1]
    assert answers[0][0] == 403


def signed(server: Asking, path: str, fields: dict[str, str]) -> httpx.Response:
    signature = RequestValidator(TWILIO_TOKEN).compute_signature(PUBLIC_URL + path, fields)
    return server.post(path, data=fields, headers={"X-Twilio-Signature": signature})


def test_g7_a_signed_report_finds_a_delivery_or_a_call_under_its_own_client_only(
    server: Asking, world: World, database_urls: DatabaseUrls
) -> None:
    delivery_id = send(world.stranger, channel=Channel.SMS).permit.delivery_id
    before = standing(database_urls)
    for template, fields in (
        ("/hooks/twilio/sms/{}/{}", {"MessageStatus": "delivered", "MessageSid": "SM1"}),
        ("/hooks/twilio/voice/{}/{}", {"CallSid": "CA1"}),
        ("/hooks/twilio/voice/{}/{}/status", {"CallStatus": "completed"}),
        ("/hooks/twilio/voice/{}/{}/dialled", {"CallStatus": "completed", "CallDuration": "60"}),
    ):
        answers = [
            seen(signed(server, template.format(world.acme.tenant_id, one), fields)) for one in (delivery_id, new_id())
        ]
        assert answers[0] == answers[1]
        assert answers[0][0] == 404
    assert changed(before, standing(database_urls)) == set()


def test_g7_a_stop_word_to_our_number_stops_the_person_for_us_alone(
    server: Asking, world: World, database_urls: DatabaseUrls
) -> None:
    theirs: SentWorld = send(world.stranger, channel=Channel.SMS)
    before = standing(database_urls, tenant_id=world.stranger.tenant_id)
    fields = {"From": theirs.lead.value, "To": world.acme.sms_from, "Body": "停止", "MessageSid": "SM2"}
    assert signed(server, "/hooks/twilio/inbound", fields).status_code == 200
    assert changed(before, standing(database_urls, tenant_id=world.stranger.tenant_id)) == set()


def test_g7_a_link_acts_on_the_person_that_it_was_sent_to_and_nobody_else(
    server: Asking, world: World, database_urls: DatabaseUrls
) -> None:
    value = somebody()
    ours, theirs = send(world.acme, value=value), send(world.stranger, value=value, now=NOW + timedelta(days=1))
    before = standing(database_urls, tenant_id=world.stranger.tenant_id)
    assert server.post(f"/u/{ours.token(LinkKind.UNSUBSCRIBE)}").status_code == 200
    assert changed(before, standing(database_urls, tenant_id=world.stranger.tenant_id)) == set()
    assert lead_state(theirs.lead) == LeadState.ACTIVE


# Sessions


def test_a_lost_membership_shuts_out_at_once(world: World, visit: Callable[[Role], Console]) -> None:
    house, operator = furnish(world.acme, now=NOW), visit(Role.OPERATOR)
    page = lead_path(house.call)
    assert operator.get(page).status_code == 200
    with agency_transaction() as session:
        actions.take_membership(
            session, user_id=world.users[Role.OPERATOR].user_id, client_tenant_id=world.acme.tenant_id
        )
    nobodys = page.replace(str(world.acme.tenant_id), str(new_id()))
    said = (str(world.acme.tenant_id), nobodys.split("/")[3])
    assert operator.get(page).status_code == 404
    assert seen(operator.get(page), *said) == seen(operator.get(nobodys), *said)
    assert operator.act(f"{page}/reveal").status_code == 404
    assert operator.get("/console/queue").status_code == 403


def test_a_lower_role_holds_at_once(world: World, visit: Callable[[Role], Console]) -> None:
    house, reviewer = furnish(world.acme, now=NOW), visit(Role.CLIENT_REVIEWER)
    results = f"/console/results/{world.acme.tenant_id}/{house.pending_id}"
    assert reviewer.get(results).status_code == 200
    _give(world.users[Role.CLIENT_REVIEWER].user_id, world.acme.tenant_id, Role.OPERATOR)
    assert reviewer.get(results).status_code == 403
    assert reviewer.act(f"{results}/approve").status_code == 403


def test_a_disabled_users_session_ends_and_stays_ended(world: World, visit: Callable[[Role], Console]) -> None:
    console, user = visit(Role.OPERATOR), world.users[Role.OPERATOR]
    with agency_transaction() as session:
        actions.disable_user(session, user_id=user.user_id, now=NOW)
    assert console.get("/console/queue").headers["location"].startswith("/console/login")
    refused = console.post("/console/login", data={"email": user.email, "password": PASSWORD})
    assert refused.status_code == 422
    with agency_transaction() as session:
        actions.enable_user(session, user_id=user.user_id)
    assert console.get("/console/queue").status_code == 303


def test_a_session_cannot_be_fixed_or_carried_over(world: World, front: Front) -> None:
    user = world.users[Role.OPERATOR]
    planted = "planted-by-somebody-else"
    victim = Console(front, public_url=PUBLIC_URL)
    victim.cookies.set("modori_session", planted, domain=DOMAIN)
    victim.log_in(user.email)
    first = victim.cookies["modori_session"]
    assert first != planted
    assert _page_with(front, planted).status_code == 303
    victim.log_in(user.email)
    assert victim.cookies["modori_session"] != first
    assert _page_with(front, first).status_code == 303, "a log-in ends the session before it"
    last = victim.cookies["modori_session"]
    assert _page_with(front, last).status_code == 200
    victim.act("/console/logout")
    assert _page_with(front, last).status_code == 303


def test_the_session_cookie_is_for_us_alone(world: World, front: Front) -> None:
    visitor = Console(front, public_url=PUBLIC_URL)
    answer = visitor.post("/console/login", data={"email": world.users[Role.OPERATOR].email, "password": PASSWORD})
    said = answer.headers["set-cookie"].lower()
    for word in ("httponly", "samesite=lax", "path=/"):
        assert word in said
    assert "domain" not in said


def test_g7_lists_and_filters_show_a_reviewer_and_an_operator_their_own_client(
    world: World, visit: Callable[[Role], Console]
) -> None:
    ours, theirs = furnish(world.acme, now=NOW), furnish(world.stranger, now=NOW)
    for role, paths in (
        (Role.CLIENT_REVIEWER, ("leads", "results", "statements", "scenarios")),
        (Role.OPERATOR, ("leads", "queue", "queue/rows", "scenarios")),
    ):
        console = visit(role)
        for path in paths:
            page = console.get(f"/console/{path}").text
            assert str(ours.tenant.tenant_id) in page, path
            assert str(theirs.tenant.tenant_id) not in page, path
            assert "stranger" not in page, path
        filtered = [
            console.get("/console/leads", params={"site": str(one)}) for one in (world.stranger.site_id, new_id())
        ]
        assert filtered[0].text.replace(str(world.stranger.site_id), "…").count(str(ours.call.lead_id)) == 0
        chosen = [console.act("/console/view", tenant_id=str(one)) for one in (world.stranger.tenant_id, new_id())]
        assert seen(chosen[0]) == seen(chosen[1])
        assert chosen[0].status_code == 404


def test_the_agency_s_administrator_sees_both_in_lists(world: World, visit: Callable[[Role], Console]) -> None:
    houses = [furnish(tenant, now=NOW) for tenant in (world.acme, world.stranger)]
    console = visit(Role.AGENCY_ADMIN)
    for one in houses:  # one worker's database has many clients: each is looked at in its own view
        assert console.act("/console/view", tenant_id=str(one.tenant.tenant_id)).status_code == 303
        page = console.get("/console/leads").text
        assert str(one.call.lead_id) in page
        other = next(house for house in houses if house is not one)
        assert str(other.call.lead_id) not in page


def _give(user_id: UserId, tenant_id: TenantId, role: Role) -> None:
    with agency_transaction() as session:
        actions.give_membership(session, user_id=user_id, client_tenant_id=tenant_id, role=role, now=NOW)


def _page_with(front: Front, token: str) -> httpx.Response:
    somebody_else = Console(front, public_url=PUBLIC_URL)
    somebody_else.cookies.set("modori_session", token, domain=DOMAIN)
    return somebody_else.get("/console/me")
