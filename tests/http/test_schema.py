"""The API as its own OpenAPI document describes it: whatever is sent, no 5xx and no answer that is not described.

schemathesis makes requests from `/openapi.json`, right ones and wrong ones, and holds each answer against the document:
status, media type, headers, shape. The application is asked as it is served, on a real database.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import httpx
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from modori.api.admission import STRANGERS_BURST
from modori.api.edge import ApiConfig
from modori.api.rates import Rates
from modori.api.routes import make_router
from modori.api.strangers import Strangers
from modori.kernel import clock
from modori.kernel.ids import new_token
from modori.storage.roles import DatabaseUrls
from tests.asgi import Asker
from tests.asking import Asking
from tests.conftest import Cluster
from tests.orderworld import place
from tests.wholeapp import PUBLIC_URL, make_front
from tests.world import NOW, World, connect, make_world

TRIES: Final = 8
"""Requests of each operation, for each mode."""
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
KNOWN: Final = "A-KNOWN"


@cache
def document() -> dict[str, Any]:
    """The document of the same routes, which names the tests; the application's own is compared with it."""
    app = FastAPI()
    app.include_router(make_router(ApiConfig(public_url=PUBLIC_URL)))
    return app.openapi()


@cache
def schema() -> Any:
    return schemathesis.openapi.from_dict(document())


OPERATIONS: Final = sorted((path, method) for path, methods in document()["paths"].items() for method in methods)
named = [f"{method.upper()} {path}" for path, method in OPERATIONS]


@pytest.fixture(scope="module")
def _house(database_urls: DatabaseUrls, engines: Cluster) -> tuple[World, Asking]:
    connect(database_urls)
    world = make_world()
    place(world.acme, id=KNOWN, value=100, now=NOW, settled=False)
    return world, Asking(make_front(database_urls, engines), base_url=PUBLIC_URL)


@pytest.fixture
def house(_house: tuple[World, Asking], database_urls: DatabaseUrls) -> Iterator[tuple[World, Asking]]:
    connect(database_urls)
    with clock.moved_to(NOW):
        yield _house


def ask(app: Asking, case: Any, *, key: str | None) -> httpx.Response:
    """Send what schemathesis has made, with a secret key or with none."""
    made = case.as_transport_kwargs(base_url=PUBLIC_URL)
    method, url = made.pop("method"), made.pop("url")
    made.pop("cookies", None)
    if "data" in made:
        made["content"] = made.pop("data")
    headers = {name: value for name, value in (made.pop("headers", None) or {}).items() if name != "Authorization"}
    made["headers"] = headers | ({"Authorization": f"Bearer {key}"} if key else {})
    return app.request(method, url.removeprefix(PUBLIC_URL), **made)


def _may_be_spoilt(path: str, method: str) -> bool:
    """Whether anything in a request can be wrong: every text is a possible part of a path."""
    operation = document()["paths"][path][method]
    return "requestBody" in operation or any(one["in"] != "path" for one in operation.get("parameters", ()))


CASES: Final = [
    pytest.param(path, method, mode, id=f"{method.upper()} {path} {mode.name.lower()}")
    for path, method in OPERATIONS
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    if mode is GenerationMode.POSITIVE or _may_be_spoilt(path, method)
]


@pytest.mark.parametrize(("path", "method", "mode"), CASES)
def test_every_answer_is_as_the_document_says(
    house: tuple[World, Asking], path: str, method: str, mode: GenerationMode
) -> None:
    world, app = house

    @settings(
        max_examples=TRIES,
        phases=[Phase.generate],  # each try is a whole request: what fails is shown as it came
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        case=schema()[path][method].as_strategy(generation_mode=mode),
        is_known=st.booleans(),
        key=st.sampled_from([world.acme.secret_key, world.acme.secret_key, world.acme.site_key, "sk_nobody", None]),
    )
    def hold(case: Any, is_known: bool, key: str | None) -> None:
        if is_known and case.path_parameters:
            known = {"order": KNOWN, "publishable_key": world.acme.site_key}
            case.path_parameters.update({name: known[name] for name in case.path_parameters if name in known})
        case.validate_response(ask(app, case, key=key), checks=CHECKS)

    hold()


def test_the_application_serves_that_document(house: tuple[World, Asking]) -> None:
    _, app = house
    served = app.get("/openapi.json").json()
    assert served["paths"] == document()["paths"]
    assert len(OPERATIONS) >= 11


def test_every_route_says_in_a_sentence_of_its_own_what_it_is_for() -> None:
    """A framework makes titles of functions' names, each word with a capital letter: `Post Order`."""
    said = [document()["paths"][path][method]["summary"] for path, method in OPERATIONS]
    assert [one for one in said if one == one.title()] == []
    assert len(set(said)) == len(said)


@pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=named)
def test_every_refusal_is_described_as_a_problem(path: str, method: str) -> None:
    answers = document()["paths"][path][method]["responses"]
    refusals = {code: said for code, said in answers.items() if code >= "400"}
    assert refusals
    wrong = [code for code, said in refusals.items() if list(said.get("content", {})) != ["application/problem+json"]]
    assert wrong == []


def describes(path: str, method: str, status: int) -> bool:
    """Whether the document knows such an answer, by itself or with its like."""
    answers = document()["paths"][path][method]["responses"]
    return str(status) in answers or f"{status // 100}XX" in answers


@pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=named)
def test_whatever_any_route_may_refuse_with_is_described(path: str, method: str) -> None:
    """Too many strangers, a database that is away; of a body, that it was slow, too large or of another kind."""
    of_bodies = (408, 413, 415) if "requestBody" in document()["paths"][path][method] else ()
    assert [status for status in (429, 503, *of_bodies) if not describes(path, method, status)] == []


def test_too_many_unknown_keys_are_answered_as_described(house: tuple[World, Asking]) -> None:
    app = FastAPI()
    app.state.strangers = Strangers(Rates(tick=lambda: 0.0), tick=lambda: 0.0)
    app.include_router(make_router(ApiConfig(public_url=PUBLIC_URL)))
    stranger = Asker(app)
    heard = [stranger.get(f"/v1/sites/pk_{new_token()}/config").status_code for _ in range(STRANGERS_BURST + 1)]
    assert heard == [404] * STRANGERS_BURST + [429]
    of_servers = [one for one in OPERATIONS if "security" in document()["paths"][one[0]][one[1]]]
    assert len(of_servers) >= 9
    for path, method in of_servers:
        sent = {"headers": {"Authorization": f"Bearer sk_{new_token()}"}} | ({"json": {}} if method == "post" else {})
        assert stranger.request(method.upper(), path.format(order=KNOWN), **sent).status_code == 429
        assert describes(path, method, 429), path
