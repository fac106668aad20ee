"""`POST /v1/feed`: a quiet hour is not a broken feed, and nobody's word reaches further than their clock."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from modori.api import feed
from modori.kernel import clock
from modori.people.model import Channel
from modori.sending import actions as sending
from modori.storage import db
from modori.storage.db import tenant_transaction
from tests.asking import Asking
from tests.leadworld import make_lead
from tests.orderworld import CONTENT
from tests.questions import ask_one, change
from tests.world import NOW, World


@pytest.fixture(autouse=True)
def _it_is_wednesday_morning() -> Iterator[None]:
    with clock.moved_to(NOW):
        yield


@pytest.fixture
def app(database: db.Database) -> Asking:
    made = FastAPI()
    made.include_router(feed.make_router())
    return Asking(made)


def say(app: Asking, world: World, body: Any, *, key: str | None = None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key or world.acme.secret_key}"}
    return app.post("/v1/feed", json=body, headers=headers)


def heard(world: World) -> datetime | None:
    at: datetime | None = ask_one(world.acme.tenant_id, "select order_feed_seen_at from tenant")
    return at


def test_a_quiet_hour_lets_what_was_held_go_out(app: Asking, world: World) -> None:
    lead = make_lead(world.acme, channel=Channel.EMAIL)
    change(world.acme.tenant_id, "update tenant set order_feed_max_age_s = 3600, order_feed_seen_at = null")

    def begin() -> Any:
        with tenant_transaction(world.acme.tenant_id) as session:
            return sending.begin_touch(
                session, tenant_id=world.acme.tenant_id, touch_id=lead.touch_id, content=CONTENT, deadline_s=30, now=NOW
            )

    held = begin()
    assert isinstance(held, sending.Deferred)
    assert held.reason.value == "feed_stale"
    assert say(app, world, {}).status_code == 200
    change(world.acme.tenant_id, "update touch set state = 'claimed', claimed_at = :now", now=NOW)
    assert not isinstance(begin(), sending.Deferred)
    assert ask_one(world.stranger.tenant_id, "select order_feed_seen_at from tenant") is None


def test_the_newest_word_counts(app: Asking, world: World) -> None:
    later = NOW - timedelta(minutes=5)
    assert say(app, world, {"until": later.isoformat()}).json() == {"heard_at": later.isoformat()}
    older = say(app, world, {"until": (NOW - timedelta(hours=5)).isoformat()})
    assert older.json() == {"heard_at": later.isoformat()}
    assert heard(world) == later


@pytest.mark.parametrize(
    ("until", "code"),
    [
        ((NOW + timedelta(minutes=6)).isoformat(), "at_in_future"),
        ((NOW - timedelta(days=366)).isoformat(), "at_too_old"),
        ("2026-11-18T11:00:00", "bad_input"),  # no zone
        (1763431200, "bad_input"),
    ],
)
def test_what_nobody_can_know_is_refused(app: Asking, world: World, until: object, code: str) -> None:
    answer = say(app, world, {"until": until})
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert heard(world) is None


def test_a_fast_clock_is_forgiven_and_not_believed(app: Asking, world: World) -> None:
    assert say(app, world, {"until": (NOW + timedelta(minutes=4)).isoformat()}).status_code == 200
    at = heard(world)
    assert at is not None
    assert NOW <= at < NOW + timedelta(minutes=1)


def test_g11_a_pages_key_says_nothing_of_orders(app: Asking, world: World) -> None:
    assert say(app, world, {}, key=world.acme.site_key).status_code == 401
    assert heard(world) is None
