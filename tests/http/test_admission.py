"""Who may post to `/v1/events`: keys, origins, methods, rates, and what waits where the database does."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from time import monotonic, sleep
from uuid import UUID

import pytest
from fastapi import FastAPI
from httpx import Response
from sqlalchemy import text

from modori.api.admission import STRANGERS_BURST
from modori.api.edge import ApiConfig
from modori.api.ingest import IngestApp
from modori.api.keys import SiteKeys
from modori.api.rates import Rates
from modori.api.routes import make_router
from modori.kernel import clock
from modori.storage.db import tenant_transaction
from modori.tenants.keys import revoke_site_key
from modori.tenants.sites.actions import change_site
from modori.tenants.sites.queries import list_site_keys
from modori.tenants.wire import SiteChange
from tests.asgi import Asker
from tests.captureworld import cart, event, new_visitor, the_episode
from tests.ingestworld import CONFIG, count_events, post, problem
from tests.world import NOW, World, make_tenant


@pytest.fixture
def client(world: World) -> Iterator[Asker]:
    """An ingest application of its own, whose buckets are full and whose keys are looked up each time."""
    app = IngestApp(CONFIG, keys=SiteKeys(kept_s=0))
    with clock.moved_to(NOW):
        yield Asker(app)


def test_keys_and_origins(client: Asker, world: World) -> None:
    visitor = new_visitor()
    one = [cart(world.acme, visitor=visitor)]
    assert problem(post(client, world.acme, one, origin=None)) == (403, "origin_required")
    foreign = post(client, world.acme, one, origin=world.stranger.origin)  # registered, but for another site
    assert problem(foreign) == (403, "foreign_origin")
    assert "access-control-allow-origin" not in foreign.headers
    assert problem(post(client, world.acme, one, origin="null")) == (403, "foreign_origin")
    with_secret = post(client, world.acme, one, envelope={"site": world.acme.secret_key})
    assert problem(with_secret) == (403, "unknown_key")
    assert count_events(world.acme, visitor) == 0


def test_a_revoked_key_is_refused(client: Asker, world: World) -> None:
    visitor = new_visitor()
    assert post(client, world.acme, [cart(world.acme, visitor=visitor)]).status_code == 202
    with tenant_transaction(world.acme.tenant_id) as session:
        keys = list_site_keys(session, tenant_id=world.acme.tenant_id, site_id=world.acme.site_id)
        [key_id] = [key.key_id for key in keys if key.shown == world.acme.site_key]
        revoke_site_key(session, tenant_id=world.acme.tenant_id, key_id=key_id, now=NOW)
    assert problem(post(client, world.acme, [cart(world.acme, visitor=visitor)])) == (403, "unknown_key")
    assert count_events(world.acme, visitor) == 1


def test_a_server_posts_with_its_secret_key_and_without_an_origin(client: Asker, world: World) -> None:
    visitor = new_visitor()
    one = cart(world.acme, visitor=visitor)
    one.pop("page")
    bearer = {"authorization": f"Bearer {world.acme.secret_key}"}
    answer = post(client, world.acme, [one], origin=None, headers=bearer, envelope={"site": None})
    assert answer.json() == {"accepted": 1, "refused": []}
    assert the_episode(world.acme, visitor).cart_minor == 4980
    assert problem(post(client, world.acme, [one], headers=bearer)) == (403, "secret_key_in_browser")
    other = post(client, world.stranger, [one], origin=None, headers=bearer)
    assert problem(other) == (403, "unknown_key")
    publishable = {"authorization": f"Bearer {world.acme.site_key}"}
    assert problem(post(client, world.acme, [one], origin=None, headers=publishable)) == (403, "unknown_key")


def test_preflights_are_granted_to_registered_origins(client: Asker, world: World) -> None:
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    for tenant in (world.acme, world.stranger):
        answer = client.options("/v1/events", headers=asked | {"origin": tenant.origin})
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == tenant.origin
        assert answer.headers["access-control-allow-methods"] == "POST"
        assert answer.headers["access-control-allow-headers"] == "content-type"
        assert "access-control-allow-credentials" not in answer.headers
    refused = client.options("/v1/events", headers=asked | {"origin": "https://evil.example"})
    assert problem(refused) == (403, "foreign_origin")
    assert "access-control-allow-origin" not in refused.headers


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_other_methods_are_not_known(client: Asker, method: str) -> None:
    answer = client.request(method, "/v1/events")
    assert problem(answer) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "OPTIONS, POST"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "application/json; charset=utf-8"}, 202),
        ({"content-type": "text/plain;charset=UTF-8"}, 202),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-encoding": "gzip"}, 415),
    ],
)
def test_media_types(client: Asker, world: World, headers: dict[str, str], status: int) -> None:
    assert post(client, world.acme, [], headers=headers).status_code == status


def test_rules_36_rates_are_limited_per_address_and_the_address_is_not_the_sender_s_to_choose(
    world: World,
) -> None:
    now = [0.0]
    app = IngestApp(CONFIG, keys=SiteKeys(kept_s=0), rates=Rates(tick=lambda: now[0]))
    visitor = new_visitor()
    fifty = [event(world.acme, "page", visitor=visitor) for _ in range(50)]
    with clock.moved_to(NOW):
        client = Asker(app)
        assert post(client, world.acme, fifty).status_code == 202
        limited = post(client, world.acme, fifty[:1], headers={"x-forwarded-for": "198.51.100.1"})
        assert problem(limited) == (429, "rate_limited")
        assert limited.headers["retry-after"] == "1"
        assert limited.headers["access-control-expose-headers"] == "Retry-After"
        assert post(client, world.stranger, []).status_code == 202  # another site's bucket
        now[0] += 0.1
        assert post(client, world.acme, fifty[:1]).status_code == 202
    with clock.moved_to(NOW):
        proxy = Asker(app, address="127.0.0.1")
        own = post(proxy, world.acme, fifty[:1], headers={"x-forwarded-for": "203.0.113.9"})
        assert own.status_code == 429
        another = post(proxy, world.acme, fifty[:1], headers={"x-forwarded-for": "203.0.113.9, 198.51.100.1"})
        assert another.status_code == 202


def test_rules_36_a_network_of_strangers_is_refused_before_its_keys_are_looked_up(world: World) -> None:
    now = [0.0]
    keys = SiteKeys(tick=lambda: now[0])
    app = IngestApp(CONFIG, keys=keys, rates=Rates(tick=lambda: now[0]))
    known = {"site": world.acme.site_key, "events": []}

    def ask(client: Asker, key: str, **headers: str) -> tuple[int, str]:
        body = json.dumps({"site": key, "events": []})
        return problem(client.post("/v1/events", content=body, headers={"origin": world.acme.origin, **headers}))

    with clock.moved_to(NOW):
        client = Asker(app)
        assert client.post("/v1/events", json=known, headers={"origin": world.acme.origin}).status_code == 202
        answers = [ask(client, f"pk_guess{number}") for number in range(STRANGERS_BURST + 1)]
        assert answers == [(403, "unknown_key")] * STRANGERS_BURST + [(429, "rate_limited")]
        assert ask(client, "pk_another") == (429, "rate_limited")
        assert ask(client, world.acme.site_key, authorization="Bearer sk_guess") == (429, "rate_limited")
        assert [keys.at_hand(one)[0] for one in ("pk_guess0", "pk_another", "sk_guess")] == [True, False, False]
        assert client.post("/v1/events", json=known, headers={"origin": world.acme.origin}).status_code == 202
        now[0] += 1.0
        assert ask(client, "pk_another") == (403, "unknown_key")


def test_a_site_s_rate_is_data_in_its_row(world: World) -> None:
    slow = make_tenant("slow", site_events_per_s=1, ip_events_per_s=1000, ip_events_burst=1000)
    app = IngestApp(CONFIG, keys=SiteKeys(kept_s=0), rates=Rates(tick=lambda: 0.0))
    events = [event(slow, "page", visitor=new_visitor()) for _ in range(50)]
    with clock.moved_to(NOW):
        client = Asker(app)
        assert post(client, slow, events).status_code == 202
        assert problem(post(client, slow, events)) == (429, "rate_limited")


def test_a_full_queue_is_503_with_retry_after(world: World) -> None:
    """One thread, no queue: while the database keeps it waiting, the next request is turned away at once."""
    app = IngestApp(
        ApiConfig(public_url="https://m.example", ingest_threads=1, ingest_queue=0), keys=SiteKeys(kept_s=0)
    )
    visitor, holding, let_go = new_visitor(), Event(), Event()
    one = [cart(world.acme, visitor=visitor)]

    def hold() -> None:
        with tenant_transaction(world.acme.tenant_id) as session:
            session.connection().execute(
                text("insert into event_seen (tenant_id, event_id, seen_on) values (:t, :e, :d)"),
                {"t": world.acme.tenant_id, "e": UUID(one[0]["id"]), "d": NOW.date()},
            )
            holding.set()
            let_go.wait(120)
            session.rollback()

    client = Asker(app)

    def send_until_taken() -> int:
        while True:
            answer = post(client, world.acme, one)
            if answer.status_code != 503:
                return int(answer.json()["accepted"])

    with ThreadPoolExecutor(2) as threads:
        threads.submit(hold)
        assert holding.wait(60)
        first = threads.submit(send_until_taken)
        answers: list[Response] = []
        until = monotonic() + 60
        while monotonic() < until and not (answers and answers[-1].status_code == 503):
            sleep(0.05)
            answers.append(post(client, world.acme, []))
        let_go.set()
        assert problem(answers[-1]) == (503, "unavailable")
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert first.result(60) == 1
    assert count_events(world.acme, visitor) == 1


def test_a_changed_site_is_obeyed(client: Asker, world: World) -> None:
    visitor = new_visitor()
    with tenant_transaction(world.acme.tenant_id) as session:
        change_site(
            session,
            tenant_id=world.acme.tenant_id,
            site_id=world.acme.site_id,
            change=SiteChange(origins=["https://new.acme.example"]),
            now=NOW,
        )
    moved = event(world.acme, "page", visitor=visitor, page={"url": "https://new.acme.example/", "title": ""})
    assert problem(post(client, world.acme, [moved])) == (403, "foreign_origin")
    assert post(client, world.acme, [moved], origin="https://new.acme.example").json()["accepted"] == 1


def test_keys_are_found_for_the_openapi_document_too(world: World) -> None:
    app = FastAPI()
    app.include_router(make_router(CONFIG))
    described = app.openapi()["paths"]["/v1/events"]["post"]
    assert set(described["requestBody"]["content"]) == {"application/json", "text/plain"}
    with clock.moved_to(NOW):
        client = Asker(app)
        visitor = new_visitor()
        assert post(client, world.acme, [cart(world.acme, visitor=visitor)]).json()["accepted"] == 1
