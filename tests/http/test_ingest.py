"""`/v1/events` over HTTP: what is refused and by which name, and that a 202 is on disk."""

import json
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import text

from modori.api.ingest import IngestApp
from modori.api.keys import SiteKeys
from modori.kernel import clock
from modori.kernel.ids import new_id
from modori.storage.db import tenant_transaction
from tests.asgi import Asker
from tests.captureworld import cart, consent, event, form, new_visitor, somebody, the_episode
from tests.ingestworld import CONFIG, count_events, post, problem
from tests.world import NOW, World


@pytest.fixture
def client(world: World) -> Iterator[Asker]:
    """An ingest application of its own, whose buckets are full and whose keys are looked up each time."""
    app = IngestApp(CONFIG, keys=SiteKeys(kept_s=0))
    with clock.moved_to(NOW):
        yield Asker(app)


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
