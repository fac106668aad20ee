"""`POST /v1/feed`: a quiet hour is not a broken feed, and nobody's word reaches further than their clock."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from modori.api import feed, orders
from modori.api.edge import ApiConfig
from modori.kernel import clock
from modori.kernel.ids import SiteId
from modori.people.model import Channel
from modori.sending import actions as sending
from modori.sending.ports import Permit
from modori.storage import db
from modori.storage.db import tenant_transaction
from modori.tenants.feeds.queries import hear_order_feed
from modori.tenants.keys import issue_site_key
from modori.tenants.model import KeyKind
from modori.tenants.sites.actions import make_site
from modori.tenants.wire import SiteChange
from tests.asking import Asking
from tests.leadworld import LeadWorld, make_lead
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
    made.include_router(orders.make_router(ApiConfig(public_url="https://modori.example")))
    return Asking(made)


def say(app: Asking, world: World, body: Any, *, key: str | None = None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key or world.acme.secret_key}"}
    return app.post("/v1/feed", json=body, headers=headers)


def order(app: Asking, world: World, body: dict[str, Any]) -> httpx.Response:
    headers = {"Authorization": f"Bearer {world.acme.secret_key}"}
    return app.post("/v1/orders", json={"currency": "JPY", "value": 4980} | body, headers=headers)


def heard(world: World) -> datetime | None:
    at: datetime | None = ask_one(world.acme.tenant_id, "select max(heard_at) from order_feed")
    return at


def hear(world: World, *, at: datetime) -> None:
    with tenant_transaction(world.acme.tenant_id) as session:
        hear_order_feed(session, tenant_id=world.acme.tenant_id, site_id=world.acme.site_id, at=at)


def begin(lead: LeadWorld, now: datetime) -> Any:
    """Try to send the lead's message now."""
    tenant_id = lead.tenant.tenant_id
    change(tenant_id, "update touch set state = 'claimed', claimed_at = :now", now=now)
    with tenant_transaction(tenant_id) as session:
        return sending.begin_touch(
            session, tenant_id=tenant_id, touch_id=lead.touch_id, content=CONTENT, deadline_s=30, now=now
        )


def is_held(lead: LeadWorld, *, now: datetime = NOW) -> bool:
    """Say whether the gate waits for the feed."""
    answer = begin(lead, now)
    if isinstance(answer, sending.Deferred):
        assert answer.reason.value == "feed_stale"
        return True
    assert isinstance(answer, Permit)
    return False


def test_a_quiet_hour_lets_what_was_held_go_out(app: Asking, world: World) -> None:
    lead = make_lead(world.acme, channel=Channel.EMAIL)
    change(world.acme.tenant_id, "update tenant set order_feed_max_age_s = 3600")
    assert is_held(lead)
    assert say(app, world, {}).status_code == 200
    assert not is_held(lead)
    assert ask_one(world.stranger.tenant_id, "select count(*) from order_feed") == 0


def test_orders_of_an_outage_let_nothing_go_until_they_have_caught_up(app: Asking, world: World) -> None:
    """The shop's job sends the oldest first: whose order comes later in it must not be reminded meanwhile."""
    lead = make_lead(world.acme, channel=Channel.EMAIL)
    change(world.acme.tenant_id, "update tenant set order_feed_max_age_s = 3600")
    hear(world, at=NOW - timedelta(hours=9))
    for hours in (9, 5, 2):
        at = NOW - timedelta(hours=hours)
        for _ in ("first", "repeated"):
            answer = order(app, world, {"id": f"A-{hours}", "at": at.isoformat()})
            assert answer.status_code in (200, 201)
        assert is_held(lead), hours
        assert heard(world) == at
    assert order(app, world, {"id": "A-0", "at": (NOW - timedelta(minutes=2)).isoformat()}).status_code == 201
    assert is_held(lead)  # another process may send the rest still
    assert say(app, world, {}).status_code == 200
    assert not is_held(lead)


def test_a_live_order_after_a_silence_is_believed_once_no_older_one_has_come_for_ten_minutes(
    app: Asking, world: World
) -> None:
    lead = make_lead(world.acme, channel=Channel.EMAIL)
    change(world.acme.tenant_id, "update tenant set order_feed_max_age_s = 3600")
    hear(world, at=NOW - timedelta(hours=9))
    assert order(app, world, {"id": "A-1"}).status_code == 201
    assert is_held(lead)
    with clock.moved_to(NOW + timedelta(minutes=9)):  # the backlog, newest last
        late = (NOW - timedelta(hours=1)).isoformat()
        assert order(app, world, {"id": "A-0", "at": late}).status_code == 201
    assert is_held(lead, now=NOW + timedelta(minutes=18))
    assert not is_held(lead, now=NOW + timedelta(minutes=20))


def test_the_orders_of_one_site_do_not_vouch_for_another(app: Asking, world: World) -> None:
    tenant_id = world.acme.tenant_id
    lead = make_lead(world.acme, channel=Channel.EMAIL)
    change(tenant_id, "update tenant set order_feed_max_age_s = 3600")
    with tenant_transaction(tenant_id) as session:
        outlet = SiteChange(name="outlet", origins=["https://outlet.acme.example"])
        site_id = make_site(session, tenant_id=tenant_id, change=outlet, now=NOW).site_id
        key = issue_site_key(session, tenant_id=tenant_id, site_id=SiteId(site_id), kind=KeyKind.SECRET, now=NOW)[1]
    assert say(app, world, {}, key=key).status_code == 200
    assert is_held(lead)
    change(tenant_id, "update site set has_order_feed = false where site_id = :id", id=world.acme.site_id)
    assert not is_held(lead)


def test_the_newest_word_counts(app: Asking, world: World) -> None:
    later = NOW - timedelta(minutes=5)
    assert say(app, world, {"until": later.isoformat()}).json()["heard_at"] == later.isoformat()
    older = say(app, world, {"until": (NOW - timedelta(hours=5)).isoformat()})
    assert older.json()["heard_at"] == later.isoformat()
    assert heard(world) == later


def test_names_that_are_not_known_are_told(app: Asking, world: World) -> None:
    assert say(app, world, {"untill": NOW.isoformat()}).json()["ignored"] == ["untill"]
    assert say(app, world, {"until": NOW.isoformat()}).json()["ignored"] == []


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
