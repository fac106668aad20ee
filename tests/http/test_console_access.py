"""Doors of the console: every route × {nobody, a role too low, another client's id} is refused without a trace."""

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from uuid import uuid4

import httpx
import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute

from modori.console.access import ACCESS, Scope
from modori.console.door import ConsoleRoute
from modori.kernel import clock
from modori.storage import db
from modori.storage.roles import DatabaseUrls
from modori.tenants.model import Role
from tests.consoleworld import Console, ConsoleWorld, console_app, furnish, log_in, make_app, undated
from tests.world import NOW, World, connect, make_world

LOWEST = (Role.CLIENT_REVIEWER, Role.OPERATOR, Role.ACCOUNT_MANAGER)


@pytest.fixture(autouse=True)
def _it_is_wednesday_morning() -> Iterator[None]:
    with clock.moved_to(NOW):
        yield


@dataclass(frozen=True)
class Houses:
    """Both clients with something on every screen, and a browser of each of acme's users. Refusals change nothing."""

    world: World
    acme: ConsoleWorld
    stranger: ConsoleWorld
    browsers: Mapping[Role, Console]


@pytest.fixture(scope="module")
def _built(database_urls: DatabaseUrls) -> Houses:
    connect(database_urls)
    world = make_world()
    with clock.moved_to(NOW):
        browsers = {role: log_in(world, role) for role in world.users}
        return Houses(world, furnish(world.acme, now=NOW), furnish(world.stranger, now=NOW), browsers)


@pytest.fixture
def houses(database: db.Database, _built: Houses) -> Houses:
    return _built


def all_routes() -> list[APIRoute]:
    app = make_app()
    found: list[APIRoute] = []
    seen: list[object] = [*app.routes]
    while seen:
        route = seen.pop()
        if isinstance(route, APIRoute):
            found.append(route)
        else:
            seen.extend(getattr(getattr(route, "original_router", route), "routes", ()))
    return [one for one in found if one.name in ACCESS or one.path.startswith("/")]


ROUTES = sorted(
    ((route.name, route.path.removeprefix("/console"), next(iter(route.methods or ()))) for route in all_routes()),
)
IDS = [name for name, _, _ in ROUTES]


Ids = dict[str, object]


def no_ids(tenant_id: object) -> Ids:
    """Ids of the right shape that lead to nothing."""
    of_leads = ("lead_id", "task_id", "call_id", "scenario_id", "version_id", "step_id", "result_id")
    names = (*of_leads, "site_id", "key_id", "upload_id")
    words: Ids = {"line": "seller", "locale": "ja", "month": f"{NOW:%Y-%m}", "token": "none", "rest:path": "nothing"}
    return words | {"tenant_id": tenant_id, "user_id": uuid4()} | {name: uuid4() for name in names}


def ids_of(house: ConsoleWorld) -> Ids:
    """Ids of a client's real rows."""
    return no_ids(house.tenant.tenant_id) | {
        "lead_id": house.call.lead_id,
        "task_id": house.task_id,
        "scenario_id": house.scenario_id,
        "version_id": house.draft_version_id,
        "result_id": house.pending_id,
        "site_id": house.tenant.site_id,
        "upload_id": house.upload_id,
    }


def address(path: str, ids: Ids) -> str:
    for name, value in ids.items():
        path = path.replace("{" + name + "}", str(value))
    assert "{" not in path, path
    return f"/console{path}"


def test_every_route_stands_in_the_table_and_nothing_else_does() -> None:
    assert len(ROUTES) > 50
    assert {name for name, _, _ in ROUTES} == set(ACCESS)


@pytest.mark.parametrize(("role", "status"), [(None, 303), (Role.OPERATOR, 403), (Role.ACCOUNT_MANAGER, 403)])
def test_a_file_of_somebody_who_may_not_bring_it_is_not_taken_in(world: World, role: Role | None, status: int) -> None:
    """Session and role are looked at before the form is read; the token, which stands in it, after."""
    console = Console(console_app()) if role is None else log_in(world, role)
    taken: list[int] = []

    async def parts() -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        for number in range(8):
            taken.append(number)
            yield b"1" * 65536
        yield b"\r\n--x--\r\n"

    answer = console.post(
        f"/console/uploads/{world.acme.tenant_id}/{world.acme.site_id}",
        content=parts(),
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )
    assert answer.status_code == status
    assert bool(taken) == (role is Role.ACCOUNT_MANAGER), "read for its token alone, by somebody who may bring files"


def test_a_route_without_an_entry_is_served_to_nobody(world: World) -> None:
    router = APIRouter(route_class=ConsoleRoute)
    router.add_api_route("/undeclared", lambda: "secret", name="leads.undeclared")
    app = make_app()
    app.include_router(router, prefix="/console")
    app.router.routes.insert(0, app.router.routes.pop())
    with pytest.raises(KeyError, match=r"leads\.undeclared"):
        Console(app).get("/console/undeclared")


Route = tuple[str, str, str]


def _names(routes: list[Route]) -> list[str]:
    return [name for name, _, _ in routes]


GUARDED = [route for route in ROUTES if ACCESS[route[0]].scope is not Scope.PUBLIC]


@pytest.mark.parametrize(("name", "path", "method"), GUARDED, ids=_names(GUARDED))
def test_nobody_gets_in_without_a_session(houses: Houses, name: str, path: str, method: str) -> None:
    somewhere = address(path, no_ids(houses.world.acme.tenant_id))
    visitor = Console(console_app())
    answer = visitor.request(method, somewhere)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/console/login")
    live = visitor.request(method, somewhere, headers={"HX-Request": "true"})
    assert (live.status_code, live.text, live.headers["HX-Redirect"]) == (401, "", "/console/login")


def _too_low(name: str) -> list[Role]:
    rule = ACCESS[name]
    return [role for role in LOWEST if rule.scope not in (Scope.PUBLIC, Scope.SELF) and role not in rule.roles]


RANKED = [route for route in ROUTES if _too_low(route[0])]


@pytest.mark.parametrize(("name", "path", "method"), RANKED, ids=_names(RANKED))
def test_a_role_that_is_too_low_is_refused_before_anything_is_looked_up(
    houses: Houses, name: str, path: str, method: str
) -> None:
    for role in _too_low(name):
        console = houses.browsers[role]
        there = _ask(console, method, address(path, ids_of(houses.acme)))
        missing = _ask(console, method, address(path, no_ids(houses.world.acme.tenant_id)))
        assert (there.status_code, missing.status_code) == (403, 403)
        assert undated(there.text) == undated(missing.text)


TENANT_ROUTES = [route for route in ROUTES if "{tenant_id}" in route[1]]
DEEPER = [
    route
    for route in TENANT_ROUTES
    if route[1].count("{") >= 2 and route[0] not in ("statements.show", "statements.close")
]
"""Routes whose path names more of the client's than the client."""


@pytest.mark.parametrize(("name", "path", "method"), TENANT_ROUTES, ids=_names(TENANT_ROUTES))
def test_g7_another_clients_things_are_as_if_they_were_not_there(
    houses: Houses, name: str, path: str, method: str
) -> None:
    role = Role.OPERATOR if Role.OPERATOR in ACCESS[name].roles else Role.CLIENT_REVIEWER
    console = houses.browsers[role]
    theirs = _ask(console, method, address(path, ids_of(houses.stranger)))
    nobodys = _ask(console, method, address(path, ids_of(houses.stranger) | {"tenant_id": uuid4()}))
    assert (theirs.status_code, nobodys.status_code) == (404, 404)
    assert undated(theirs.text) == undated(nobodys.text)


@pytest.mark.parametrize(("name", "path", "method"), DEEPER, ids=_names(DEEPER))
def test_g7_another_clients_thing_under_ones_own_client_is_not_found(
    houses: Houses, name: str, path: str, method: str
) -> None:
    """The address names acme, where the viewer may do everything, and the stranger's rows."""
    console = houses.browsers[Role.AGENCY_ADMIN]
    ours = houses.world.acme.tenant_id
    fields = _FIELDS.get(name, {})
    theirs = _ask(console, method, address(path, ids_of(houses.stranger) | {"tenant_id": ours}), **fields)
    nobodys = _ask(console, method, address(path, no_ids(ours)), **fields)
    assert theirs.status_code == nobodys.status_code
    assert undated(theirs.text) == undated(nobodys.text)
    assert theirs.status_code in (404, 303)
    if theirs.status_code == 303:
        assert name in ("calls.release", "calls.renew")  # of what one does not hold: it changes nothing


_FIELDS = {
    "calls.disposition": {"disposition": "no_answer"},
    "sites.issue_key": {"kind": "secret"},
    "sites.change": {"name": "x", "origins": "https://x.example"},
}


def test_lists_show_only_ones_own_clients(houses: Houses) -> None:
    lists = {"/console/queue": Role.OPERATOR, "/console/leads": Role.OPERATOR, "/console/results": Role.CLIENT_REVIEWER}
    for path, role in lists.items():
        page = houses.browsers[role].get(path).text
        assert str(houses.acme.tenant.tenant_id) in page
        assert str(houses.stranger.tenant.tenant_id) not in page


def _ask(console: Console, method: str, path: str, **fields: str) -> httpx.Response:
    return console.act(path, **fields) if method == "POST" else console.request(method, path)
