"""`/v1/events` over HTTP: who may post, what is refused and by which name, and that a 202 is on disk."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event
from time import monotonic, sleep
from typing import Any
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
from modori.capture.sightings.counts import Counts
from modori.kernel import clock
from modori.kernel.ids import new_id
from modori.reports.sites.queries import list_refusals
from modori.storage.db import read_transaction, tenant_transaction
from modori.tenants.keys import revoke_site_key
from modori.tenants.sites.actions import change_site
from modori.tenants.sites.queries import list_site_keys
from modori.tenants.wire import SiteChange
from tests.asgi import Asker
from tests.captureworld import cart, consent, event, form, new_visitor, somebody, the_episode
from tests.world import NOW, TenantWorld, World, make_tenant

CONFIG = ApiConfig(public_url="https://modori.example", trusted_proxies=("127.0.0.1/32",))


@pytest.fixture
def client(world: World) -> Iterator[Asker]:
    """An ingest application of its own, whose buckets are full and whose keys are looked up each time."""
    app = IngestApp(CONFIG, keys=SiteKeys(kept_s=0))
    with clock.moved_to(NOW):
        yield Asker(app)


def post(
    client: Asker,
    tenant: TenantWorld,
    events: list[Any],
    *,
    origin: str | None = "",
    envelope: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """Post events at NOW, from whatever thread: each begins with a clock that nobody has moved."""
    sent = {"site": tenant.site_key, "sdk": "1.0.0", "events": events} | (envelope or {})
    given = {"content-type": "text/plain"} | ({} if origin is None else {"origin": origin or tenant.origin})
    with clock.moved_to(NOW):
        return client.post("/v1/events", content=json.dumps(sent), headers=given | (headers or {}))


def count_events(tenant: TenantWorld, visitor: str) -> int:
    with tenant_transaction(tenant.tenant_id) as session:
        found = session.connection().execute(text("select count(*) from event where visitor = :v"), {"v": visitor})
        return int(found.scalar_one())


def problem(answer: Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == answer.status_code
    assert told["type"] == f"urn:modori:problem:{told['code']}"
    assert told["title"]
    return answer.status_code, told["code"]


def test_g1_a_202_is_on_disk(client: Asker, world: World) -> None:
    visitor = new_visitor()
    answer = post(client, world.acme, [cart(world.acme, visitor=visitor), event(world.acme, "page", visitor=visitor)])
    assert (answer.status_code, answer.json()) == (202, {"accepted": 2, "refused": []})
    assert answer.headers["access-control-allow-origin"] == world.acme.origin
    assert "Origin" in answer.headers["vary"]
    assert count_events(world.acme, visitor) == 2
    assert the_episode(world.acme, visitor).cart_minor == 4980


def test_g1_the_same_event_sent_twenty_times_at_once_counts_once(client: Asker, world: World) -> None:
    visitor = new_visitor()
    one = cart(world.acme, visitor=visitor)
    start = Barrier(10)

    def send(number: int) -> int:
        if number < 10:
            start.wait(60)
        return int(post(client, world.acme, [one]).json()["accepted"])

    with ThreadPoolExecutor(10) as threads:
        assert list(threads.map(send, range(20))) == [1] * 20
    assert count_events(world.acme, visitor) == 1


def test_many_tabs_of_one_visitor_at_once_make_one_episode(client: Asker, world: World) -> None:
    visitor, email = new_visitor(), somebody()
    start = Barrier(8)

    def send(number: int) -> int:
        start.wait(60)
        batch = [
            cart(world.acme, visitor=visitor, value=100 + number, at=NOW - timedelta(seconds=8 - number)),
            form(world.acme, visitor=visitor, email=email),
            consent(world.acme, "email", visitor=visitor),
        ]
        return post(client, world.acme, batch, headers={"x-forwarded-for": f"198.51.100.{number}"}).status_code

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(send, range(8))) == [202] * 8
    with tenant_transaction(world.acme.tenant_id) as session:
        found = session.connection().execute(
            text("select count(*), max(cart_minor) from episode where visitor = :v"), {"v": visitor}
        )
        assert found.one() == (1, 107)
    assert count_events(world.acme, visitor) == 24


def test_a_bad_event_does_not_take_its_neighbours_along(client: Asker, world: World) -> None:
    visitor = new_visitor()
    good = event(world.acme, "page", visitor=visitor)
    bad = {
        "bad_type": event(world.acme, "zap", visitor=visitor),
        "bad_event": "no object",
        "bad_id": good | {"id": "7"},
        "bad_at": event(world.acme, "page", visitor=visitor) | {"at": "2026-11-21T09:00:00"},
        "bad_visitor": event(world.acme, "page", visitor="x"),
        "bad_page": event(world.acme, "page", visitor=visitor) | {"page": None},
        "bad_data": event(world.acme, "cart", {"currency": "JPY", "value": 1, "items": "none"}, visitor=visitor),
        "bad_money": cart(world.acme, visitor=visitor, value=49.8),
        "off_origin": event(world.acme, "page", visitor=visitor, page={"url": "https://evil.example/", "title": ""}),
        "too_old": event(world.acme, "page", visitor=visitor, at=NOW - timedelta(days=31)),
        "from_the_future": event(world.acme, "page", visitor=visitor, at=NOW + timedelta(days=2)),
        "forbidden_value": form(world.acme, visitor=visitor, name="４１１１ １１１１ １１１１ １１１１"),
        "bad_email": event(world.acme, "identify", {"email": "hanako@"}, visitor=visitor),
        "bad_phone": event(world.acme, "identify", {"tel": "090"}, visitor=visitor),
        "too_long": event(world.acme, "page", {"x": "あ" * 2049}, visitor=visitor),
        "too_deep": event(world.acme, "page", {"a": {"b": {"c": {}}}}, visitor=visitor),
        "bad_text": event(world.acme, "page", {"x": "a\x00b"}, visitor=visitor),
    }
    answer = post(client, world.acme, [*bad.values(), good])
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 1
    told = answer.json()["refused"]
    assert [one["code"] for one in told] == list(bad)
    assert [one["id"] for one in told] == [one["id"] if isinstance(one, dict) else None for one in bad.values()]
    assert count_events(world.acme, visitor) == 1


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"currency": "JPY", "value": -1, "items": []}, "bad_money"),
        ({"currency": "JPY", "value": 1e300, "items": []}, "bad_money"),
        ({"currency": "JPY", "value": "4980", "items": []}, "bad_money"),
        ({"currency": "JPY", "value": True, "items": []}, "bad_money"),
        ({"currency": "USD", "value": 49.801, "items": []}, "bad_money"),
        ({"currency": "XYQ", "value": 1, "items": []}, "bad_money"),
        ({"currency": "JPY", "value": 1, "items": [{"id": "1", "price": -5}]}, "bad_money"),
        ({"currency": "JPY", "value": 1, "items": [{"id": "1", "price": 5, "quantity": 0}]}, "bad_data"),
        (
            {"currency": "JPY", "value": 1, "items": [{"id": "1", "price": 5, "url": "https://evil.example/"}]},
            "off_origin",
        ),
        ({"currency": "JPY", "value": 1, "items": [], "url": "//evil.example/cart"}, "off_origin"),
        ({"currency": "JPY", "value": 1, "items": [], "url": "javascript:alert(1)"}, "off_origin"),
        ({"currency": "JPY", "value": 1, "items": [{"id": "4111111111111111", "price": 5}]}, "forbidden_value"),
    ],
)
def test_impossible_carts_are_refused_by_name(client: Asker, world: World, sent: dict[str, Any], code: str) -> None:
    answer = post(client, world.acme, [event(world.acme, "cart", sent, visitor=new_visitor())])
    assert answer.json()["accepted"] == 0
    assert [one["code"] for one in answer.json()["refused"]] == [code]


@pytest.mark.parametrize("fields", [{"cc-number": "1"}, {"new-password": "x"}, {"name": "4111-1111-1111-1111"}])
def test_g8_cards_and_passwords_are_refused_and_not_kept(client: Asker, world: World, fields: dict[str, str]) -> None:
    visitor = new_visitor()
    sent = event(world.acme, "form", {"form": "checkout", "fields": fields}, visitor=visitor)
    assert post(client, world.acme, [sent]).json()["refused"][0]["code"] == "forbidden_value"
    assert count_events(world.acme, visitor) == 0


def test_a_wrong_clock_is_corrected(client: Asker, world: World) -> None:
    visitor = new_visitor()
    wrong = NOW + timedelta(days=400)
    sent = cart(world.acme, visitor=visitor, at=wrong - timedelta(seconds=30))
    answer = post(client, world.acme, [sent], envelope={"sent_at": wrong.isoformat()})
    assert answer.json()["accepted"] == 1
    off_by = the_episode(world.acme, visitor).last_activity_at - (NOW - timedelta(seconds=30))
    assert timedelta(0) <= off_by < timedelta(seconds=30)  # the test's own clock runs on


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", (400, "malformed_body")),
        (b"[", (400, "malformed_body")),
        (b"[" * 60_000, (400, "malformed_body")),
        (b"\xff{}", (400, "malformed_body")),
        (b'{"events": NaN}', (400, "malformed_body")),
        (b'{"events": [], "events": []}', (400, "duplicate_key")),
        (b'{"events": [{"id": "1", "id": "2"}]}', (400, "duplicate_key")),
        (b"[]", (400, "bad_envelope")),
        (b'{"events": 5}', (400, "bad_envelope")),
        (b'{"site": 5, "events": []}', (400, "bad_envelope")),
        (b'{"events": []}', (400, "bad_envelope")),  # no site
        (b'{"events": [], "sent_at": "yesterday"}', (400, "bad_envelope")),
        (json.dumps({"events": [{}] * 51}).encode(), (400, "bad_envelope")),
        (b'{"site": "pk_unknown", "events": []}', (403, "unknown_key")),
        (b" " * (64 * 1024 + 1), (413, "body_too_large")),
    ],
)
def test_a_bad_envelope_is_a_problem_with_a_name(
    client: Asker, world: World, body: bytes, expected: tuple[int, str]
) -> None:
    answer = client.post("/v1/events", content=body, headers={"origin": world.acme.origin})
    assert problem(answer) == expected
    assert answer.headers["access-control-allow-origin"] == world.acme.origin


def test_the_problem_names_the_field_and_never_its_value(client: Asker, world: World) -> None:
    answer = post(client, world.acme, [], envelope={"sent_at": "hanako@example.jp"})
    assert answer.json()["field"] == "sent_at"
    assert "hanako" not in answer.text


def test_sixty_four_kib_pass(client: Asker, world: World) -> None:
    envelope = json.dumps({"site": world.acme.site_key, "events": []})
    body = envelope.ljust(64 * 1024)
    assert client.post("/v1/events", content=body, headers={"origin": world.acme.origin}).status_code == 202


def test_a_body_without_a_length_is_bounded_too(client: Asker, world: World) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 1024

    answer = client.post("/v1/events", content=endless(), headers={"origin": world.acme.origin})
    assert problem(answer) == (413, "body_too_large")


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


def test_g11_a_browser_s_order_is_recorded_and_proves_nothing(client: Asker, world: World) -> None:
    visitor, external_id = new_visitor(), f"A-{new_id().hex[-8:]}"
    order = event(world.acme, "order", {"id": external_id, "currency": "JPY", "value": 4980}, visitor=visitor)
    assert post(client, world.acme, [cart(world.acme, visitor=visitor), order]).json()["accepted"] == 2
    with tenant_transaction(world.acme.tenant_id) as session:
        found = session.connection().execute(
            text("select source, proven_at, value_minor from purchase_order where external_id = :id"),
            {"id": external_id},
        )
        assert found.one() == ("browser", None, 4980)


def test_keys_are_found_for_the_openapi_document_too(world: World) -> None:
    app = FastAPI()
    app.include_router(make_router(CONFIG))
    described = app.openapi()["paths"]["/v1/events"]["post"]
    assert set(described["requestBody"]["content"]) == {"application/json", "text/plain"}
    with clock.moved_to(NOW):
        client = Asker(app)
        visitor = new_visitor()
        assert post(client, world.acme, [cart(world.acme, visitor=visitor)]).json()["accepted"] == 1


def test_what_is_refused_is_counted_for_the_page_of_the_site(world: World) -> None:
    app = IngestApp(CONFIG, keys=SiteKeys(kept_s=0), sightings=Counts(write_every_s=0))
    client, acme = Asker(app), world.acme
    one = event(acme, "page", visitor=new_visitor())
    with clock.moved_to(NOW):
        assert post(client, acme, [one], origin="https://Staging.example").status_code == 403
        assert post(client, acme, [one | {"data": 7}, one | {"at": "yesterday"}]).json()["accepted"] == 0
        expected = {("foreign_origin", "https://staging.example"), ("bad_data", ""), ("bad_at", "")}
        assert _eventually(lambda: _refusals(acme) >= expected)
    assert _refusals(world.stranger) == set()


def test_what_only_the_transaction_refuses_is_counted_too(world: World) -> None:
    app = IngestApp(CONFIG, keys=SiteKeys(kept_s=0), sightings=Counts(write_every_s=0))
    client, acme, visitor = Asker(app), world.acme, new_visitor()
    no_thanks = event(acme, "consent", {"channel": "capture", "granted": False}, visitor=visitor)
    with clock.moved_to(NOW):
        assert post(client, acme, [no_thanks]).json()["accepted"] == 1
        later = [event(acme, "page", visitor=visitor), cart(acme, visitor=visitor) | {"data": 7}]
        refused = post(client, acme, later).json()["refused"]
        assert sorted(one["code"] for one in refused) == ["bad_data", "capture_refused"]
        assert _eventually(lambda: _refusals(acme) == {("bad_data", ""), ("capture_refused", "")})
    with read_transaction([acme.tenant_id]) as session:
        rows = list_refusals(session, tenant_id=acme.tenant_id, site_id=acme.site_id, since=NOW.date())
    assert [row.count for row in rows] == [1, 1]


def test_a_secret_key_that_comes_from_a_page_is_counted_by_what_the_console_shows_of_it(world: World) -> None:
    app = IngestApp(CONFIG, keys=SiteKeys(kept_s=0), sightings=Counts(write_every_s=0))
    client, acme, stranger = Asker(app), world.acme, world.stranger
    with clock.moved_to(NOW):
        bearer = {"authorization": f"Bearer {acme.secret_key}"}
        assert problem(post(client, acme, [], headers=bearer)) == (403, "secret_key_in_browser")
        in_envelope = post(client, stranger, [], envelope={"site": stranger.secret_key})
        assert problem(in_envelope) == (403, "unknown_key")
        for tenant in (acme, stranger):
            expected = {("secret_key_in_browser", tenant.secret_key[:8])}
            assert _eventually(lambda tenant=tenant, expected=expected: _refusals(tenant) == expected)  # type: ignore[misc]
        made_up = {"authorization": "Bearer sk_nobodys"}
        assert problem(post(client, acme, [], headers=made_up)) == (403, "secret_key_in_browser")


def _refusals(tenant: TenantWorld) -> set[tuple[str, str]]:
    with read_transaction([tenant.tenant_id]) as session:
        rows = list_refusals(session, tenant_id=tenant.tenant_id, site_id=tenant.site_id, since=NOW.date())
    return {(row.code, row.subject) for row in rows}


def _eventually(is_so: Callable[[], bool]) -> bool:
    ends_at = monotonic() + 60
    while not is_so():
        if monotonic() > ends_at:
            return False
        sleep(0.02)
    return True
