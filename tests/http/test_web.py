"""What stands around every route: ids, headers, limits, health, metrics, and no traceback."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from functools import cache
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.testing import capture_logs

from modori.entrypoints import web
from modori.entrypoints.front import Front, answer_failure
from modori.entrypoints.settings import Settings
from modori.storage.db import Database
from modori.storage.roles import DatabaseUrls
from tests.asking import Asking
from tests.conftest import Cluster
from tests.world import KEY_SETTINGS, World

MakeClient = Callable[..., Asking]


@pytest.fixture(scope="module")
def app_of(database_urls: DatabaseUrls, engines: Cluster) -> Callable[..., ASGIApp]:
    """Compose the whole web application, once for each set of settings that a test wants changed."""
    keys = {name.removeprefix("MODORI_").lower(): value for name, value in KEY_SETTINGS.items()}

    @cache
    def make(**changed: Any) -> ASGIApp:
        told = keys | {
            "env": "development",
            "database_url": database_urls.app,
            "scan_database_url": database_urls.scan,
            "redis_url": engines.redis_url,
            "public_url": "http://testserver",
        }
        return web.make_app(Settings.model_validate(told | changed))

    return make


@pytest.fixture
def client_of(database: Database, app_of: Callable[..., ASGIApp]) -> MakeClient:
    """The application, told settings of the test's choice."""
    return lambda **changed: Asking(app_of(**changed))


@pytest.fixture
def client(client_of: MakeClient) -> Asking:
    return client_of()


@pytest.mark.parametrize("path", ["/v1/restore/x/proof", "/hooks/twilio/inbound"])
def test_a_caller_who_hangs_up_in_the_middle_of_a_body_is_no_failure_of_ours(
    app_of: Callable[..., ASGIApp], database: Database, path: str
) -> None:
    """As a telephone in a tunnel does, many times an hour: nothing is logged as an error, nothing counts as a 5xx."""
    told: list[Message] = [{"type": "http.request", "body": b"a=", "more_body": True}, {"type": "http.disconnect"}]
    heard: list[Message] = []

    async def receive() -> Message:
        return told.pop(0)

    async def send(message: Message) -> None:
        heard.append(message)

    headers = [(b"content-type", b"application/x-www-form-urlencoded"), (b"content-length", b"500")]
    scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "query_string": b"", "client": None}
    app = app_of(twilio_auth_token="x")

    async def ask() -> None:
        await app(scope, receive, send)

    with capture_logs() as logged:
        asyncio.run(ask())
    assert [one["status"] for one in heard if one["type"] == "http.response.start"] == [499]
    assert [one["event"] for one in logged] == ["http.request"]


def test_it_lives_and_is_ready(client: Asking) -> None:
    assert client.get("/healthz").text == "ok"
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")


def test_g6_without_valkey_it_is_degraded_and_serves(client_of: MakeClient) -> None:
    ready = client_of(redis_url="redis://127.0.0.1:1/0").get("/readyz")
    assert ready.status_code == 200
    assert ready.json() == {"status": "degraded", "checks": {"postgresql": "ok", "valkey": "does not answer"}}


def test_every_answer_has_an_id_and_a_good_one_is_kept(client: Asking) -> None:
    first, second = (client.get("/healthz").headers["x-request-id"] for _ in range(2))
    assert first != second
    assert client.get("/healthz", headers={"X-Request-Id": "proxy-1234.5"}).headers["x-request-id"] == "proxy-1234.5"
    for bad in ("short", "a" * 65, "new\tline-and-more", "<script>alert</script>"):
        assert client.get("/healthz", headers={"X-Request-Id": bad}).headers["x-request-id"] != bad


@pytest.mark.parametrize("path", ["/healthz", "/console/login", "/v1/nothing", "/nothing", "/openapi.json"])
def test_every_answer_has_its_safety_headers(client: Asking, path: str) -> None:
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["referrer-policy"] in ("no-referrer", "same-origin")
    assert "strict-transport-security" not in headers, "http, in development"


def test_https_is_for_good(client_of: MakeClient) -> None:
    headers = client_of(public_url="https://modori.example").get("/healthz").headers
    assert "max-age=63072000" in headers["strict-transport-security"]


def test_an_unknown_address_of_the_api_is_a_problem_document(client: Asking) -> None:
    answer = client.get("/v1/nothing")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "not_found"
    assert client.request("DELETE", "/v1/orders").json()["code"] == "method_not_allowed"


def test_a_body_beyond_the_limit_is_refused(client: Asking) -> None:
    answer = client.post("/v1/orders", content=b"x" * (1024 * 1024 + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(17):
            yield b"x" * 65536

    answer = client.post("/u/token", content=chunks())
    assert answer.status_code in (404, 413), "a body without a length is counted as it comes"


def test_a_mistake_of_ours_tells_the_caller_an_id_and_nothing_else() -> None:
    app = FastAPI()

    @app.get("/v1/broken")
    def broken() -> None:
        raise ValueError("secret of taro@example.jp")

    app.add_exception_handler(Exception, answer_failure)
    client = Asking(Front(app, ingest=None, public_url="http://testserver", trusted_proxies=()))
    answer = client.get("/v1/broken")
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal_error"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert "taro" not in answer.text
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    ("trusted", "forwarded", "seen"),
    [
        ((), "203.0.113.5", "192.0.2.9"),  # nobody is believed by default
        (("192.0.2.0/24",), "203.0.113.5", "203.0.113.5"),
        (("192.0.2.0/24",), "10.0.0.1, 203.0.113.5", "203.0.113.5"),  # the left part is the caller's own word
        (("198.51.100.0/24",), "203.0.113.5", "192.0.2.9"),
    ],
)
def test_a_forwarded_address_is_believed_from_our_proxies_alone(
    trusted: tuple[str, ...], forwarded: str, seen: str
) -> None:

    async def echo(scope: Scope, receive: Receive, send: Send) -> None:
        client = Request(scope).client
        await PlainTextResponse(client.host if client else "")(scope, receive, send)

    front = Front(echo, ingest=None, public_url="http://testserver", trusted_proxies=trusted)
    asking = Asking(front)
    assert asking.get("/", headers={"X-Forwarded-For": forwarded}).text == seen


def test_metrics_are_for_this_machine_or_a_token(client_of: MakeClient, app_of: Callable[..., ASGIApp]) -> None:
    assert client_of().get("/metrics").status_code == 404
    local = Asking(app_of(), ip="127.0.0.1")
    assert local.get("/metrics").status_code == 200
    assert local.get("/metrics", headers={"X-Forwarded-For": "203.0.113.5"}).status_code == 404, "a proxy's question"
    asking = client_of(metrics_token="a-token-of-some-length")
    assert asking.get("/metrics").status_code == 404
    assert asking.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 404
    shown = asking.get("/metrics", headers={"Authorization": "Bearer a-token-of-some-length"})
    assert shown.status_code == 200
    for name in (
        "modori_http_requests_total",
        "modori_waiting_touches_due",
        "modori_waiting_oldest_due_s",
        "modori_waiting_work_quarantined",
        "modori_database_up 1.0",
    ):
        assert name in shown.text, name


def test_metrics_name_routes_and_never_paths(client_of: MakeClient) -> None:
    asking = client_of(metrics_token="a-token-of-some-length")
    asking.get("/u/token-of-somebody")
    asking.get("/random-path-of-a-scanner")
    asking.get("/console/tenants/some-tenant/sites")
    asking.get("/assets/modori.css")
    shown = asking.get("/metrics", headers={"Authorization": "Bearer a-token-of-some-length"}).text
    assert 'route="/u/{token}"' in shown
    assert 'route="/assets"' in shown
    assert "some-tenant" not in shown
    assert "token-of-somebody" not in shown
    assert "random-path" not in shown


def test_assets_are_kept_for_ever_by_their_digest(client: Asking) -> None:
    plain = client.get("/assets/modori.css")
    assert plain.status_code == 200
    assert plain.headers["cache-control"] == "public, max-age=300"
    named = client.get("/assets/modori.css?v=abc")
    assert "immutable" in named.headers["cache-control"]
    kept = client.get("/assets/modori.css", headers={"If-None-Match": plain.headers["etag"]})
    assert kept.status_code == 304
    assert client.get("/assets/%2e%2e/console/base.html").status_code == 404


def test_the_document_names_the_server_api_and_not_the_console(client: Asking) -> None:
    document = client.get("/openapi.json").json()
    assert document["info"]["title"] == "Modori"
    assert not [path for path in document["paths"] if path.startswith(("/console", "/u/", "/t/", "/healthz"))]
    assert json.dumps(document)


def test_ingest_answers_before_the_framework(client: Asking, world: World) -> None:
    body = {"site": world.acme.site_key, "sdk": "1.0.0", "sent_at": "2026-11-21T09:00:00.000Z", "events": []}
    answer = client.post("/v1/events", json=body, headers={"Origin": world.acme.origin})
    assert answer.status_code != 404
    assert answer.headers["access-control-allow-origin"] in (world.acme.origin, "*")
    assert "x-request-id" in answer.headers
