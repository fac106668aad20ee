"""The edges of what is taken (RULES 36), and bad input at the doors that the other files do not knock at."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from modori.api import orders
from modori.api.consents import make_router as make_wishes_router
from modori.api.edge import ApiConfig
from modori.api.ingest import IngestApp
from modori.api.keys import SiteKeys, site_keys
from modori.entrypoints.front import Front
from modori.kernel import clock
from modori.kernel.ids import new_id
from modori.storage import db
from modori.storage.db import tenant_transaction
from modori.storage.roles import DatabaseUrls
from modori.tenants.keys import revoke_site_key
from modori.tenants.sites.queries import list_site_keys
from tests.asking import Asking
from tests.captureworld import event, new_visitor, somebody
from tests.conftest import Cluster
from tests.consoleworld import Console
from tests.wholeapp import PUBLIC_URL, changed, make_front, standing
from tests.world import NOW, TenantWorld, World

LONGEST_TEXT, DEEPEST, MOST_EVENTS, MOST_BYTES = 2048, 6, 50, 64 * 1024


@pytest.fixture
def anybody(world: World) -> Iterator[Asking]:
    """Ingest alone, with full buckets."""
    app = IngestApp(ApiConfig(public_url=PUBLIC_URL), keys=SiteKeys(kept_s=0))
    with clock.moved_to(NOW):
        yield Asking(app)


@pytest.fixture
def server(world: World) -> Iterator[Asking]:
    app = FastAPI()
    app.include_router(make_wishes_router())
    app.include_router(orders.make_router(ApiConfig(public_url=PUBLIC_URL)))
    with clock.moved_to(NOW):
        yield Asking(app)


@pytest.fixture(scope="module")
def front(database_urls: DatabaseUrls, engines: Cluster) -> Front:
    return make_front(database_urls, engines)


def post_events(asking: Asking, tenant: TenantWorld, events: list[Any]) -> httpx.Response:
    sent = json.dumps({"site": tenant.site_key, "events": events}, ensure_ascii=False).encode()
    return asking.post("/v1/events", content=sent, headers={"Origin": tenant.origin, "Content-Type": "text/plain"})


def say(asking: Asking, tenant: TenantWorld, path: str, body: object, **headers: str) -> httpx.Response:
    bearer = {"Authorization": f"Bearer {tenant.secret_key}"}
    return asking.post(path, json=body, headers=bearer | {name.replace("_", "-"): one for name, one in headers.items()})


@pytest.mark.parametrize("count", [MOST_EVENTS, MOST_EVENTS + 1])
def test_rules_36_fifty_events_and_no_more(anybody: Asking, world: World, count: int) -> None:
    visitor = new_visitor()
    answer = post_events(anybody, world.acme, [event(world.acme, "page", visitor=visitor) for _ in range(count)])
    if count == MOST_EVENTS:
        assert answer.json() == {"accepted": MOST_EVENTS, "refused": []}
    else:
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_envelope")


@pytest.mark.parametrize(
    ("longest", "is_long"),
    [
        pytest.param("a" * LONGEST_TEXT, False, id="2,048 letters"),
        pytest.param("a" * (LONGEST_TEXT + 1), True, id="2,049 letters"),
        pytest.param("あ" * 682 + "é", False, id="2,048 bytes of kana"),
        pytest.param("あ" * 683, True, id="2,049 bytes of kana"),
        pytest.param("😀" * 512, False, id="2,048 bytes of emoji"),
        pytest.param("😀" * 512 + "a", True, id="2,049 bytes of emoji"),
    ],
)
def test_rules_36_texts_of_two_kibibytes(anybody: Asking, world: World, longest: str, is_long: bool) -> None:
    """In whatever field, of whatever depth, and as a field's name."""
    visitor = new_visitor()
    sent = [
        event(world.acme, "page", {"more": longest}, visitor=visitor),
        event(world.acme, "page", {"more": [[longest]]}, visitor=visitor),
        event(world.acme, "page", {longest: 1}, visitor=visitor),
    ]
    codes = [one["code"] for one in post_events(anybody, world.acme, sent).json()["refused"]]
    assert codes == (["too_long"] * 3 if is_long else [])
    escaped = json.dumps({"site": world.acme.site_key, "events": sent[:1]})  # each byte looked at on another way
    answer = anybody.post("/v1/events", content=escaped, headers={"Origin": world.acme.origin})
    assert len(answer.json()["refused"]) == is_long


@pytest.mark.parametrize("length", [LONGEST_TEXT, LONGEST_TEXT + 1])
def test_rules_3_the_exact_wording_of_a_consent_is_counted_in_characters(
    anybody: Asking, world: World, length: int
) -> None:
    """Evidence may not be cut: three times as many bytes as another text may have."""
    said = {"channel": "email", "granted": True, "text": "同" * length, "control": "#optin"}
    sent = event(world.acme, "consent", said, visitor=new_visitor())
    codes = [one["code"] for one in post_events(anybody, world.acme, [sent]).json()["refused"]]
    assert codes == ([] if length == LONGEST_TEXT else ["too_long"])


@pytest.mark.parametrize("depth", [DEEPEST, DEEPEST + 1])
def test_rules_36_six_levels(anybody: Asking, world: World, depth: int) -> None:
    """The envelope is level 1, its events 2, an event 3, its data 4."""
    inner: dict[str, Any] = {}
    for _ in range(depth - 4):
        inner = {"in": inner}
    sent = event(world.acme, "page", inner, visitor=new_visitor())
    codes = [one["code"] for one in post_events(anybody, world.acme, [sent]).json()["refused"]]
    assert codes == ([] if depth == DEEPEST else ["too_deep"])


@pytest.mark.parametrize("blank", [" ", "\u3000", "\t"])
def test_an_id_that_is_blank_is_refused_by_itself(anybody: Asking, world: World, blank: str) -> None:
    visitor, money = new_visitor(), {"currency": "JPY", "value": 1, "items": []}
    item = {"id": blank, "price": 1}
    sent = [
        event(world.acme, "page", visitor=visitor),
        event(world.acme, "cart", money | {"id": blank}, visitor=visitor),
        event(world.acme, "order", money | {"id": blank}, visitor=visitor),
        event(world.acme, "order", money | {"id": "A-1", "items": [item]}, visitor=visitor),
        event(world.acme, "order", money | {"id": f"{blank}A-2"}, visitor=visitor),
    ]
    answer = post_events(anybody, world.acme, sent)
    assert answer.status_code == 202
    assert answer.json()["refused"] == [{"id": sent[number]["id"], "code": "bad_data"} for number in (1, 2, 3)]


@pytest.mark.parametrize("number", [b"1e99999999999999999999", b"-0e-99999999999999999999", b"9" * 5000])
def test_a_number_beyond_all_numbers_is_no_json_of_ours(server: Asking, world: World, number: bytes) -> None:
    headers = {"Authorization": f"Bearer {world.acme.secret_key}", "Content-Type": "application/json"}
    body = b'{"id": "A-1", "currency": "JPY", "value": ' + number + b"}"
    answer = server.post("/v1/orders", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_body")


@pytest.mark.parametrize(
    "path", ["/v1/consents", "/v1/stops", "/v1/erasures", "/v1/orders", "/v1/orders/A-1/reversals"]
)
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "malformed_body"),
        (b'"text"', 400, "malformed_body"),
        (b"{}", 400, "bad_input"),
        (b'{"email": "a@b.example", "email": "c@d.example"}', 400, "duplicate_key"),
        (b'{"x": Infinity}', 400, "malformed_body"),
        (b" " * (MOST_BYTES + 1), 413, "body_too_large"),
    ],
)
def test_bodies_of_the_server_api(server: Asking, world: World, path: str, body: bytes, status: int, code: str) -> None:
    headers = {"Authorization": f"Bearer {world.acme.secret_key}", "Content-Type": "application/json"}
    answer = server.post(path, content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    as_form = server.post(path, data={"email": "a@b.example"}, headers={"Authorization": headers["Authorization"]})
    assert (as_form.status_code, as_form.json()["code"]) == (415, "wrong_media_type")


@pytest.mark.parametrize(
    ("path", "first", "other"),
    [
        ("/v1/stops", {"email": "x"}, {"email": "y"}),
        ("/v1/erasures", {"email": "x"}, {"email": "y"}),
        ("/v1/orders/A-1/reversals", {"id": "R-1", "reason": "return"}, {"id": "R-2", "reason": "return"}),
    ],
)
def test_a_replayed_idempotency_key_with_another_body_does_nothing(
    server: Asking, world: World, database_urls: DatabaseUrls, path: str, first: dict[str, str], other: dict[str, str]
) -> None:
    assert say(server, world.acme, "/v1/orders", {"id": "A-1", "currency": "JPY", "value": 1}).status_code == 201
    if "email" in first:
        first, other = {"email": somebody()}, {"email": somebody()}
    key = new_id().hex
    done = say(server, world.acme, path, first, Idempotency_Key=key)
    assert done.status_code == 201
    before = standing(database_urls, tenant_id=world.acme.tenant_id)
    assert say(server, world.acme, path, first, Idempotency_Key=key).json() == done.json()
    reused = say(server, world.acme, path, other, Idempotency_Key=key)
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
    assert changed(before, standing(database_urls, tenant_id=world.acme.tenant_id)) == set()


def test_a_revoked_key_opens_nothing_any_more(server: Asking, world: World, front: Front) -> None:
    everything = [
        ("POST", "/v1/orders", {"id": "A-1", "currency": "JPY", "value": 1}),
        ("POST", "/v1/stops", {"email": somebody()}),
        ("GET", "/v1/leads", None),
        ("POST", "/v1/events", {"events": []}),
    ]
    with tenant_transaction(world.acme.tenant_id) as session:
        for key in list_site_keys(session, tenant_id=world.acme.tenant_id, site_id=world.acme.site_id):
            revoke_site_key(session, tenant_id=world.acme.tenant_id, key_id=key.key_id, now=NOW)
    asking, bearer = Asking(front, base_url=PUBLIC_URL), {"Authorization": f"Bearer {world.acme.secret_key}"}
    for method, path, body in everything:
        answer = asking.request(method, path, json=body, headers=bearer)
        assert (answer.status_code, answer.json()["code"]) == (403 if path.endswith("events") else 401, "unknown_key")
    config = asking.get(f"/v1/sites/{world.acme.site_key}/config")
    assert (config.status_code, config.json()["code"]) == (404, "unknown_key")
    assert site_keys.find(world.acme.secret_key) is None


@pytest.mark.parametrize("header", [b"\xfc", b"Bearer \xfc", b"9" * 5000])
def test_odd_bytes_in_headers_are_no_mistake_of_ours(
    world: World, database_urls: DatabaseUrls, engines: Cluster, header: bytes
) -> None:
    guarded = Asking(make_front(database_urls, engines, metrics_token="a-token-of-some-length"), base_url=PUBLIC_URL)
    assert guarded.get("/metrics", headers={"Authorization": header}).status_code == 404
    assert guarded.get("/healthz", headers={"Content-Length": "9" * 5000}).status_code == 413


def test_the_console_names_what_no_column_can_hold(world: World, front: Front) -> None:
    visitor = Console(front, public_url=PUBLIC_URL).log_in(next(iter(world.users.values())).email)
    refused = visitor.act("/console/me", name="a\x00b", locale="ja", timezone="Asia/Tokyo")
    assert refused.status_code == 422
    assert "unreadable_form" in refused.text
    assert visitor.get("/console/me").status_code == 200


def test_without_the_database_the_console_says_that_nothing_is_lost(world: World, front: Front) -> None:
    visitor = Console(front, public_url=PUBLIC_URL).log_in(next(iter(world.users.values())).email)
    urls = [
        engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        for engine in (db.database().app, db.database().scan)
    ]
    db.disconnect()
    nowhere = "postgresql://nobody:none@127.0.0.1:1/none"
    try:
        db.connect(app_url=nowhere, scan_url=nowhere)
        answer = visitor.get("/console/me")
    finally:
        db.disconnect()
        db.connect(app_url=urls[0], scan_url=urls[1])
    assert answer.status_code == 503
    assert "unavailable" in answer.text
