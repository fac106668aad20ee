"""G7 over HTTP: every route of the served application × {another client's ids, a lower role, nobody}.

The table below is the test's own, apart from the console's: a new route without a row in it fails. Another client's id
must be answered byte for byte like an id that does not exist, and a refused request must leave the whole database as
it was.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import httpx
import psycopg
import pytest

from modori.calls import actions as calls
from modori.channels.model import LinkKind
from modori.entrypoints.front import Front
from modori.kernel import clock
from modori.kernel.ids import new_token
from modori.people.model import Channel
from modori.storage.db import tenant_transaction
from modori.storage.roles import DatabaseUrls
from modori.tenants.model import Role
from tests.conftest import Cluster
from tests.consoleworld import Console, ConsoleWorld, furnish, queue_call, undated
from tests.leadworld import make_lead
from tests.orderworld import start
from tests.wholeapp import PUBLIC_URL, changed, make_front, spots_of, standing
from tests.world import NOW, World, connect, make_user, make_world

ROLES: Final = {
    "A": Role.AGENCY_ADMIN,
    "M": Role.ACCOUNT_MANAGER,
    "O": Role.OPERATOR,
    "R": Role.CLIENT_REVIEWER,
}
OPEN, SELF, SECRET_KEY, SIGNED, TOKEN = "open", "self", "secret key", "signed", "token"
"""What lets somebody in where it is not a role."""

ROUTES: Final[Mapping[str, str]] = {
    "GET /assets": OPEN,
    "GET /healthz": OPEN,
    "GET /readyz": OPEN,
    "GET /metrics": OPEN,  # to this machine or with a token: tests/http/test_web.py
    "GET /openapi.json": OPEN,
    "GET /sdk/integrity.json": OPEN,
    "GET /sdk/{name}.js": OPEN,
    "GET /sdk/{version}/{name}.js": OPEN,
    "GET /v1/sites/{publishable_key}/config": OPEN,
    "GET /v1/restore/{token}": TOKEN,
    "POST /v1/restore/{token}/proof": TOKEN,
    "POST /v1/events": OPEN,  # with a publishable key and its origin, or a secret key
    "POST /v1/orders": SECRET_KEY,
    "POST /v1/orders/{order}/reversals": SECRET_KEY,
    "POST /v1/feed": SECRET_KEY,
    "POST /v1/consents": SECRET_KEY,
    "POST /v1/stops": SECRET_KEY,
    "POST /v1/erasures": SECRET_KEY,
    "GET /v1/leads": SECRET_KEY,
    "GET /v1/results": SECRET_KEY,
    "GET /v1/statements": SECRET_KEY,
    "POST /hooks/twilio/inbound": SIGNED,
    "POST /hooks/twilio/sms/{tenant_id}/{delivery_id}": SIGNED,
    "POST /hooks/twilio/voice/{tenant_id}/{call_id}": SIGNED,
    "POST /hooks/twilio/voice/{tenant_id}/{call_id}/dialled": SIGNED,
    "POST /hooks/twilio/voice/{tenant_id}/{call_id}/status": SIGNED,
    "GET /t/{token}": TOKEN,
    "GET /u/{token}": TOKEN,
    "POST /u/{token}": TOKEN,
    "GET /console/login": OPEN,
    "POST /console/login": OPEN,
    "GET /console/forgotten": OPEN,
    "POST /console/forgotten": OPEN,
    "GET /console/password/{token}": OPEN,
    "POST /console/password/{token}": OPEN,
    "GET /console": SELF,
    "POST /console/logout": SELF,
    "POST /console/view": SELF,
    "GET /console/me": SELF,
    "POST /console/me": SELF,
    "GET /console/stream": SELF,
    "GET /console/{rest:path}": SELF,
    "GET /console/queue": "AMO",
    "GET /console/queue/rows": "AMO",
    "POST /console/queue/next": "AMO",
    "GET /console/leads/{tenant_id}/{lead_id}/call": "AMO",
    "POST /console/leads/{tenant_id}/{lead_id}/call/{task_id}/claim": "AMO",
    "POST /console/leads/{tenant_id}/{lead_id}/call/{task_id}/release": "AMO",
    "POST /console/leads/{tenant_id}/{lead_id}/call/{task_id}/renew": "AMO",
    "POST /console/leads/{tenant_id}/{lead_id}/call/{task_id}/dial": "AMO",
    "POST /console/leads/{tenant_id}/{lead_id}/call/{task_id}/disposition": "AMO",
    "POST /console/leads/{tenant_id}/{lead_id}/call/{call_id}/openings/{line}": "AMO",
    "GET /console/leads": "AMOR",
    "GET /console/leads/{tenant_id}/{lead_id}": "AMOR",
    "GET /console/leads/{tenant_id}/{lead_id}/timeline": "AMOR",
    "POST /console/leads/{tenant_id}/{lead_id}/reveal": "AMO",
    "POST /console/leads/{tenant_id}/{lead_id}/release": "AM",
    "POST /console/leads/{tenant_id}/{lead_id}/refuse": "AM",
    "GET /console/leads/{tenant_id}/{lead_id}/erase": "A",
    "POST /console/leads/{tenant_id}/{lead_id}/erase": "A",
    "GET /console/scenarios": "AMOR",
    "GET /console/scenarios/{tenant_id}/{scenario_id}": "AMOR",
    "GET /console/scenarios/{tenant_id}/{scenario_id}/{step_id}/{locale}/preview": "AMOR",
    "POST /console/scenarios/{tenant_id}/{scenario_id}/{version_id}/approve": "AMR",
    "GET /console/results": "AMR",
    "GET /console/results/{tenant_id}/{result_id}": "AMR",
    "POST /console/results/{tenant_id}/{result_id}/approve": "AMR",
    "POST /console/results/{tenant_id}/{result_id}/refuse": "AMR",
    "GET /console/statements": "AMR",
    "GET /console/statements/{tenant_id}/{month}": "AMR",
    "POST /console/statements/{tenant_id}/{month}/close": "A",
    "GET /console/tenants": "AM",
    "POST /console/tenants": "A",
    "GET /console/tenants/new": "A",
    "GET /console/tenants/{tenant_id}": "AM",
    "GET /console/tenants/{tenant_id}/edit": "AM",
    "POST /console/tenants/{tenant_id}": "AM",
    "POST /console/tenants/{tenant_id}/terms": "A",
    "POST /console/tenants/{tenant_id}/stop": "AM",
    "POST /console/tenants/{tenant_id}/resume": "AM",
    "POST /console/tenants/{tenant_id}/sites/{site_id}/feed": "AM",
    "GET /console/tenants/{tenant_id}/channels": "AM",
    "POST /console/tenants/{tenant_id}/channels/stop": "AM",
    "POST /console/tenants/{tenant_id}/channels/resume": "AM",
    "GET /console/tenants/{tenant_id}/sites/new": "AM",
    "POST /console/tenants/{tenant_id}/sites": "AM",
    "GET /console/tenants/{tenant_id}/sites/{site_id}": "AM",
    "GET /console/tenants/{tenant_id}/sites/{site_id}/edit": "AM",
    "GET /console/tenants/{tenant_id}/sites/{site_id}/live": "AM",
    "GET /console/tenants/{tenant_id}/sites/{site_id}/events": "AM",
    "GET /console/tenants/{tenant_id}/sites/{site_id}/events/rows": "AM",
    "GET /console/tenants/{tenant_id}/sites/{site_id}/events/refused": "AM",
    "GET /console/tenants/{tenant_id}/sites/{site_id}/fields": "AM",
    "GET /console/tenants/{tenant_id}/sites/{site_id}/fields/forms": "AM",
    "GET /console/tenants/{tenant_id}/sites/{site_id}/leaks": "AM",
    "GET /console/tenants/{tenant_id}/sites/{site_id}/notice": "AM",
    "POST /console/tenants/{tenant_id}/sites/{site_id}/notice": "AM",
    "GET /console/tenants/{tenant_id}/sites/{site_id}/settings": "AM",
    "POST /console/tenants/{tenant_id}/sites/{site_id}/signing": "AM",
    "POST /console/tenants/{tenant_id}/sites/{site_id}/signing/end": "AM",
    "POST /console/tenants/{tenant_id}/sites/{site_id}/signed-mode": "AM",
    "POST /console/tenants/{tenant_id}/sites/{site_id}/stop": "AM",
    "POST /console/tenants/{tenant_id}/sites/{site_id}/resume": "AM",
    "POST /console/tenants/{tenant_id}/sites/{site_id}": "AM",
    "POST /console/tenants/{tenant_id}/sites/{site_id}/keys": "AM",
    "POST /console/tenants/{tenant_id}/sites/{site_id}/keys/{key_id}/revoke": "AM",
    "GET /console/uploads": "AM",
    "GET /console/uploads/new": "AM",
    "POST /console/uploads/{tenant_id}/{site_id}": "AM",
    "GET /console/uploads/{tenant_id}/{upload_id}": "AM",
    "GET /console/uploads/{tenant_id}/{upload_id}/progress": "AM",
    "GET /console/uploads/{tenant_id}/{upload_id}/report.csv": "AM",
    "POST /console/uploads/{tenant_id}/{upload_id}/apply": "AM",
    "POST /console/uploads/{tenant_id}/{upload_id}/stop": "AM",
    "POST /console/uploads/{tenant_id}/{upload_id}/drop": "AM",
    "GET /console/agency": "A",
    "POST /console/agency/stop": "A",
    "POST /console/agency/resume": "A",
    "POST /console/agency/limits": "A",
    "GET /console/agency/channels": "A",
    "POST /console/agency/channels/stop": "A",
    "POST /console/agency/channels/resume": "A",
    "GET /console/users": "A",
    "POST /console/users": "A",
    "GET /console/users/new": "A",
    "GET /console/users/{user_id}": "A",
    "POST /console/users/{user_id}/roles": "A",
    "POST /console/users/{user_id}/roles/remove": "A",
    "POST /console/users/{user_id}/disable": "A",
    "POST /console/users/{user_id}/enable": "A",
    "POST /console/users/{user_id}/invite": "A",
    "GET /console/audit": "AM",
}

SITE = {"name": "x", "origins": "https://x.example"}
FIELDS: Final[Mapping[str, Mapping[str, str]]] = {
    "POST /console/me": {"name": "x", "locale": "en", "timezone": "Asia/Tokyo"},
    "POST /console/leads/{tenant_id}/{lead_id}/call/{task_id}/disposition": {"disposition": "no_answer"},
    "POST /console/leads/{tenant_id}/{lead_id}/erase": {"typed": "erase"},
    "POST /console/results/{tenant_id}/{result_id}/refuse": {"note": "no"},
    "POST /console/tenants": {"name": "x"},
    "POST /console/tenants/{tenant_id}": {"name": "x"},
    "POST /console/tenants/{tenant_id}/terms": {"fee_pct": "1"},
    "POST /console/tenants/{tenant_id}/channels/stop": {"channel": "sms", "reason": "x", "confirmed": "yes"},
    "POST /console/tenants/{tenant_id}/channels/resume": {"channel": "sms", "confirmed": "yes"},
    "POST /console/agency/channels/stop": {"channel": "sms", "reason": "x", "confirmed": "yes"},
    "POST /console/agency/channels/resume": {"channel": "sms", "confirmed": "yes"},
    "POST /console/tenants/{tenant_id}/sites": SITE,
    "POST /console/tenants/{tenant_id}/sites/{site_id}": SITE,
    "POST /console/tenants/{tenant_id}/sites/{site_id}/keys": {"kind": "secret"},
    "POST /console/tenants/{tenant_id}/sites/{site_id}/notice": {"locale": "ja"},
    "POST /console/tenants/{tenant_id}/sites/{site_id}/signed-mode": {"wanted": "off"},
    "POST /console/tenants/{tenant_id}/sites/{site_id}/stop": {"reason": "x"},
    "POST /console/agency/limits": {"dials_per_day": "1"},
    "POST /console/users": {"email": "new@agency.example", "name": "x", "role": "agency_admin"},
    "POST /console/users/{user_id}/roles": {"role": "agency_admin"},
}
"""What each form would need to change something, if it were let in."""

COUNTED: Final[Mapping[str, frozenset[str]]] = {
    "GET /v1/sites/{publishable_key}/config": frozenset({"capture_sighting"}),
}
"""What a GET may count: that a page with the tag has asked, for the engineer's page."""

CONSOLE: Final = [route for route, who in ROUTES.items() if "/console" in route and who != OPEN]
BY_ROLE: Final = [route for route in CONSOLE if ROUTES[route] != SELF]
OF_ONE_CLIENT: Final = [route for route in CONSOLE if "{tenant_id}" in route]
WITH_A_THING: Final = [route for route in OF_ONE_CLIENT if route.count("{") > 1 and "{month}" not in route]
UNSAFE: Final = [route for route in CONSOLE if route.startswith("POST")]

WAYS: Final[Sequence[Mapping[str, str]]] = ({}, {"HX-Request": "true"})
"""A plain form or link, and htmx."""

Ids = dict[str, object]


@dataclass(frozen=True)
class House:
    """The served application, two furnished clients, and a browser that is logged in for each role."""

    urls: DatabaseUrls
    front: Front
    world: World
    acme: Ids
    stranger: Ids
    furnished: ConsoleWorld
    consoles: Mapping[Role, Console]

    def console(self, role: Role) -> Console:
        return self.consoles[role]

    def nobody(self) -> Console:
        return Console(self.front, public_url=PUBLIC_URL)


@pytest.fixture(scope="module")
def _built(clone_database: Any, engines: Cluster) -> House:
    urls: DatabaseUrls = clone_database()
    connect(urls)
    with clock.moved_to(NOW):
        world = make_world()
        acme, stranger = furnish(world.acme, now=NOW), furnish(world.stranger, now=NOW)
        tenant_id = world.acme.tenant_id
        users = {
            Role.AGENCY_ADMIN: world.users[Role.AGENCY_ADMIN],
            Role.ACCOUNT_MANAGER: make_user(Role.ACCOUNT_MANAGER, tenant_id),
            Role.OPERATOR: world.users[Role.OPERATOR],
            Role.CLIENT_REVIEWER: world.users[Role.CLIENT_REVIEWER],
        }
        ours, theirs = _ids(urls, acme), _ids(urls, stranger)
        front = make_front(urls, engines)
        consoles = {role: Console(front, public_url=PUBLIC_URL).log_in(user.email) for role, user in users.items()}
        return House(urls, front, world, ours, theirs, acme, consoles)


def _ids(urls: DatabaseUrls, house: ConsoleWorld) -> Ids:
    """Whatever a path may name of one client; a call of theirs is under way."""
    tenant = house.tenant
    operator = make_user(Role.OPERATOR, tenant.tenant_id)
    called = make_lead(tenant, channel=Channel.CALL)
    task_id = queue_call(called, now=NOW)
    with tenant_transaction(tenant.tenant_id) as session:
        assert calls.claim(session, tenant_id=tenant.tenant_id, task_id=task_id, user_id=operator.user_id)
    call_id = start(called, task_id, operator.user_id).call_id
    with psycopg.connect(urls.owner) as owner:

        def one(question: str) -> object:
            row = owner.execute(f"{question} and tenant_id = %s limit 1", (tenant.tenant_id,)).fetchone()
            assert row is not None
            return row[0]

        current = f"select current_version_id from scenario where scenario_id = '{house.scenario_id}'"
        step_id = one(f"select step_id from step where channel = 'email' and scenario_version_id = ({current})")
        key_id = one("select key_id from site_key where kind = 'secret'")
        order = one("select external_id from purchase_order where true")
        return {
            "version": "1.0.0",
            "name": "modori",
            "tenant_id": tenant.tenant_id,
            "lead_id": house.call.lead_id,
            "held_id": house.held.lead_id,
            "task_id": house.task_id,
            "call_id": call_id,
            "line": "seller",
            "scenario_id": house.scenario_id,
            "version_id": house.draft_version_id,
            "step_id": step_id,
            "locale": "ja",
            "result_id": house.pending_id,
            "month": house.month,
            "site_id": tenant.site_id,
            "upload_id": house.upload_id,
            "key_id": key_id,
            "user_id": operator.user_id,
            "rest:path": "nothing",
            "token": house.sent.token(LinkKind.UNSUBSCRIBE),
            "delivery_id": house.sent.permit.delivery_id,
            "order": order,
            "publishable_key": tenant.site_key,
        }


@pytest.fixture
def house(_built: House) -> Iterator[House]:
    connect(_built.urls)
    with clock.moved_to(NOW):
        yield _built


def of_nobody() -> Ids:
    """Ids of the right shape that no row has."""
    ids: dict[str, object] = {
        name: uuid4()
        for name in (
            *("tenant_id", "lead_id", "held_id", "task_id", "call_id", "scenario_id", "version_id", "step_id"),
            *("result_id", "site_id", "upload_id", "key_id", "user_id", "delivery_id"),
        )
    }
    return ids | {
        "line": "seller",
        "locale": "ja",
        "month": f"{NOW:%Y-%m}",
        "rest:path": "nothing",
        "token": new_token(16),
        "order": "A-none",
        "publishable_key": f"pk_{new_token(24)}",
        "version": "1.0.0",
        "name": "modori",
    }


@dataclass(frozen=True)
class Asked:
    """An answer, and the ids that the question named."""

    answer: httpx.Response
    named: tuple[str, ...]

    @property
    def status(self) -> int:
        return self.answer.status_code

    def seen(self) -> tuple[int, list[tuple[str, str]], str]:
        """All that the caller sees, without what the caller said itself and without the request's own id."""
        headers = [(name, self._blank(value)) for name, value in self.answer.headers.items() if name != "x-request-id"]
        return self.status, headers, self._blank(undated(self.answer.text))

    def _blank(self, text: str) -> str:
        for one in self.named:
            text = text.replace(one, "…")
        return text


def ask(console: Console, route: str, ids: Ids, *, csrf: bool = True, **words: Any) -> Asked:
    method, template = route.split(" ")
    path = template
    if template.endswith(("{lead_id}/release", "{lead_id}/refuse")):
        ids = {**ids, "lead_id": ids["held_id"]}
    named = [str(value) for name, value in ids.items() if "{" + name + "}" in template]
    for name, value in ids.items():
        path = path.replace("{" + name + "}", str(value))
    assert "{" not in path, path
    if method == "POST" and "data" not in words:
        words["data"] = dict(FIELDS.get(route, {})) | ({"csrf": console.csrf} if csrf else {})
    return Asked(console.request(method, path, **words), tuple(sorted(named, key=len, reverse=True)))


def test_every_route_has_a_row_and_every_row_a_route(house: House) -> None:
    assert {str(spot) for spot in spots_of(house.front)} == set(ROUTES)


@pytest.mark.parametrize("route", CONSOLE)
def test_nobody_is_sent_to_the_log_in_whatever_the_ids(house: House, route: str) -> None:
    before = standing(house.urls)
    answers = [ask(house.nobody(), route, ids) for ids in (house.acme, house.stranger, of_nobody())]
    assert (answers[0].status, answers[0].answer.headers["location"].split("?")[0]) == (303, "/console/login")
    assert answers[0].seen() == answers[1].seen() == answers[2].seen()
    assert changed(before, standing(house.urls)) == set()


@pytest.mark.parametrize("route", BY_ROLE)
def test_a_lower_role_is_refused_and_learns_nothing(house: House, route: str) -> None:
    lower = [role for letter, role in ROLES.items() if letter not in ROUTES[route]]
    before = standing(house.urls)
    for role in lower:
        console = house.console(role)
        ours, nothing_of_ours = (ask(console, route, ids) for ids in (house.acme, of_nobody() | _client(house.acme)))
        assert ours.status == 403, (role, ours.answer.text)
        assert ours.seen() == nothing_of_ours.seen()
        theirs, nobodys = (ask(console, route, ids) for ids in (house.stranger, of_nobody()))
        assert theirs.status in (403, 404), role
        assert theirs.seen() == nobodys.seen()
    assert changed(before, standing(house.urls)) == set()


@pytest.mark.parametrize("route", OF_ONE_CLIENT)
def test_g7_another_clients_ids_are_like_ids_of_nobody(house: House, route: str) -> None:
    """The operator, the reviewer and the manager of acme, with a role that is high enough at acme."""
    roles = [role for letter, role in ROLES.items() if letter in ROUTES[route] and role is not Role.AGENCY_ADMIN]
    consoles = [house.console(role) for role in roles]
    before = standing(house.urls)
    for console in consoles:
        for headers in WAYS:
            theirs, nobodys = (ask(console, route, ids, headers=headers) for ids in (house.stranger, of_nobody()))
            assert theirs.status == 404
            assert theirs.seen() == nobodys.seen()
    assert changed(before, standing(house.urls)) == set()


@pytest.mark.parametrize("route", WITH_A_THING)
def test_g7_another_clients_thing_under_ones_own_client_is_like_a_thing_of_nobody(house: House, route: str) -> None:
    """The path names acme, where the caller may do everything, and the stranger's rows."""
    roles = [role for letter, role in ROLES.items() if letter in ROUTES[route]]
    consoles = [house.console(role) for role in roles]
    before = standing(house.urls)
    for console in consoles:
        for headers in WAYS:
            theirs, nobodys = (
                ask(console, route, ids | _client(house.acme), headers=headers) for ids in (house.stranger, of_nobody())
            )
            assert theirs.seen() == nobodys.seen()
            if not route.endswith(("/renew", "/release")):  # of what one does not hold: nothing, and that is said
                assert theirs.status == 404, theirs.answer.text
    assert changed(before, standing(house.urls)) == set()


@pytest.mark.parametrize("route", [route for route in OF_ONE_CLIENT if route.startswith("GET")])
def test_the_agency_s_administrator_sees_both_clients(house: House, route: str) -> None:
    for ids in (house.acme, house.stranger):
        assert ask(house.console(Role.AGENCY_ADMIN), route, ids).status == 200


@pytest.mark.parametrize("route", UNSAFE)
def test_an_unsafe_request_wants_the_token_and_our_own_page(house: House, route: str) -> None:
    console = house.console(Role.AGENCY_ADMIN)
    before = standing(house.urls)
    fields = dict(FIELDS.get(route, {}))
    other = house.console(Role.OPERATOR).csrf
    attempts: list[dict[str, Any]] = [
        {"data": fields},
        {"data": fields | {"csrf": "wrong"}},
        {"data": fields | {"csrf": other}},  # another session's
        {"data": fields, "headers": {"X-CSRF-Token": ""}},
        {"data": fields, "headers": {"X-CSRF-Token": b"\xfc"}},
        *(
            {"data": fields | {"csrf": console.csrf}, "headers": {"Sec-Fetch-Site": site}}
            for site in ("cross-site", "same-site", "none")
        ),
    ]
    for words in attempts:
        assert ask(console, route, house.acme, **words).status == 403, words
    for origin in ("https://evil.example", "null", f"{PUBLIC_URL}.evil.example", None):
        answer = _from_an_old_browser(console, route, house.acme, origin=origin)
        assert answer.status == 403, origin
    assert changed(before, standing(house.urls)) == set()


@pytest.mark.parametrize("route", ["POST /console/login", "POST /console/forgotten", "POST /console/password/{token}"])
def test_the_public_forms_want_our_own_page_too(house: House, route: str) -> None:
    """Else another site could log a victim in as somebody else."""
    before = standing(house.urls)
    answer = ask(house.nobody(), route, house.acme, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status == 403
    assert changed(before, standing(house.urls)) == set()


@pytest.mark.parametrize("route", [route for route in ROUTES if route.startswith("GET") and "stream" not in route])
def test_get_changes_nothing(house: House, route: str) -> None:
    """Each page twice, as the one who may see everything. The stream holds no database session at all."""
    consoles = [house.console(role) for role in ROLES.values()] if "/console" in route else [house.nobody()]
    bearer = {"Authorization": f"Bearer {house.world.acme.secret_key}"}
    before = standing(house.urls)
    for console in consoles * 2:
        ask(console, route, house.acme, headers=bearer if ROUTES[route] == SECRET_KEY else {})
    assert changed(before, standing(house.urls)) <= COUNTED.get(route, frozenset())


def test_get_of_a_restore_link_counts_a_click_and_nothing_else(house: House) -> None:
    before = standing(house.urls)
    ids: Ids = {"token": house.furnished.sent.token(LinkKind.RESTORE)}
    answer = ask(house.nobody(), "GET /t/{token}", ids, headers={"User-Agent": "Mozilla/5.0 (iPhone)"})
    assert answer.status == 302
    assert changed(before, standing(house.urls)) == {"click"}


@pytest.mark.parametrize("route", [route for route, who in ROUTES.items() if who == SECRET_KEY])
def test_the_server_api_wants_a_secret_key_before_it_looks_at_anything(house: House, route: str) -> None:
    before = standing(house.urls)
    for header in ({}, {"Authorization": f"Bearer {house.world.acme.site_key}"}, {"Authorization": "Bearer sk_none"}):
        answers = [
            ask(house.nobody(), route, ids, data=None, json={"id": ids["order"]}, headers=header)
            for ids in (house.acme, house.stranger, of_nobody())
        ]
        assert answers[0].status == 401
        assert answers[0].seen() == answers[1].seen() == answers[2].seen()
    assert changed(before, standing(house.urls)) == set()


@pytest.mark.parametrize("route", [route for route, who in ROUTES.items() if who == SIGNED])
def test_an_unsigned_webhook_is_refused_whatever_it_names(house: House, route: str) -> None:
    before = standing(house.urls)
    for headers in ({}, {"X-Twilio-Signature": "c2lnbmVk"}):
        answers = [
            ask(house.nobody(), route, ids, data={"MessageStatus": "delivered"}, headers=headers)
            for ids in (house.acme, house.stranger, of_nobody())
        ]
        assert (answers[0].status, answers[0].answer.json()["code"]) == (403, "bad_signature")
        assert answers[0].seen() == answers[1].seen() == answers[2].seen()
    assert changed(before, standing(house.urls)) == set()


def _client(ids: Ids) -> dict[str, object]:
    return {"tenant_id": ids["tenant_id"]}


def _from_an_old_browser(console: Console, route: str, ids: Ids, *, origin: str | None) -> Asked:
    """A browser that does not send Sec-Fetch-Site: its Origin decides."""

    class Old(Console):
        def request(self, method: str, path: str, **words: Any) -> httpx.Response:
            words["headers"] = {"Origin": origin} if origin is not None else {}
            return super(Console, self).request(method, path, **words)

    old = Old(console._app, public_url=PUBLIC_URL)
    old.cookies, old.csrf = console.cookies, console.csrf
    return ask(old, route, ids)
