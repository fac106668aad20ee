"""Group commit under adversity: two processes, a bad event, a lock that somebody holds, a database that goes away."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from random import Random
from threading import Barrier, Event
from time import monotonic
from typing import Any
from uuid import UUID

import psycopg
import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from modori.api import taking
from modori.api.edge import ApiConfig
from modori.api.flusher import Flusher, GoAlone
from modori.api.ingest import IngestApp
from modori.api.keys import SiteKeys
from modori.api.rates import Rates
from modori.capture.actions import Taken
from modori.capture.batch.visits import Posted
from modori.capture.rules import PageSeen, ReadEvent
from modori.kernel import clock
from modori.kernel.errors import Unavailable
from modori.kernel.ids import new_id
from modori.storage.db import agency_transaction, tenant_transaction
from modori.storage.failures import refusal_of
from tests.asgi import Asker
from tests.captureworld import cart, current, event, form, new_visitor, site_context, somebody, the_episode
from tests.conftest import Cluster
from tests.world import NOW, TenantWorld, World, make_tenant

CONFIG = ApiConfig(public_url="https://modori.example", trusted_proxies=("127.0.0.1/32",))


def ingest() -> Asker:
    """A web process's ingest, with a flusher of its own; no bucket fills again, however slow the machine."""
    return Asker(IngestApp(CONFIG, keys=SiteKeys(kept_s=0), rates=Rates(tick=lambda: 0.0)))


def post(client: Asker, tenant: TenantWorld, events: Sequence[Any]) -> tuple[int, Any]:
    body = json.dumps({"site": tenant.site_key, "events": events})
    with clock.moved_to(NOW):
        answer = client.post("/v1/events", content=body, headers={"origin": tenant.origin})
    return answer.status_code, answer.json()


def count(tenant: TenantWorld, sql: str, **values: Any) -> int:
    with tenant_transaction(tenant.tenant_id) as session:
        return int(session.connection().execute(text(sql), values).scalar_one())


def page(visitor: str, *, title: str = "") -> ReadEvent:
    return ReadEvent(new_id(), "page", NOW, visitor, None, title, PageSeen())


def keep_all(flusher: Flusher, requests: Sequence[Posted]) -> list[BaseException | None]:
    """Hand requests to a flusher, the first alone and then the others at once; return what each was told."""

    async def keep() -> list[BaseException | None]:
        first = flusher.keep(requests[0])
        await asyncio.sleep(0)  # its transaction begins
        return await asyncio.gather(first, *(flusher.keep(one) for one in requests[1:]), return_exceptions=True)

    return asyncio.run(keep())


def counted(metric: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(metric, labels) or 0


@contextmanager
def held(tenant: TenantWorld, event_id: str | UUID) -> Iterator[None]:
    """Another transaction has inserted this event's id and neither commits nor rolls back within the block."""
    is_held, let_go = Event(), Event()

    def hold() -> None:
        with tenant_transaction(tenant.tenant_id) as session:
            session.connection().execute(
                text("insert into event_seen (tenant_id, event_id, seen_on) values (:t, :e, :d)"),
                {"t": tenant.tenant_id, "e": UUID(str(event_id)), "d": NOW.date()},
            )
            is_held.set()
            let_go.wait(120)
            session.rollback()

    with ThreadPoolExecutor(1) as thread:
        holding = thread.submit(hold)
        try:
            assert is_held.wait(60)
            yield
        finally:
            let_go.set()
            holding.result(60)


def ended_while_waiting(engines: Cluster) -> int:
    """End this database's sessions that wait for an event's id, as soon as there is one. Returns how many."""
    with agency_transaction() as session:
        ours = session.connection().execute(text("select current_database()")).scalar_one()
    ended, until = 0, monotonic() + 60
    with psycopg.connect(engines.superuser_url, autocommit=True) as superuser:
        while not ended and monotonic() < until:
            ended = superuser.execute(
                "select count(pg_terminate_backend(pid)) from pg_stat_activity where wait_event_type = 'Lock'"
                " and query like '%%event_seen%%' and usename = 'modori_app' and datname = %s",
                (ours,),
            ).fetchone()[0]  # type: ignore[index]  # count(*) has a row
    return ended


def test_two_processes_that_fold_the_same_visitors_in_any_order_lose_and_double_nothing(world: World) -> None:
    busy = make_tenant("busy", ip_events_per_s=10_000, ip_events_burst=10_000, site_events_per_s=10_000)
    visitors = [new_visitor() for _ in range(6)]
    emails = [somebody() for _ in range(3)]
    clients, start = [ingest(), ingest()], Barrier(8)
    chance = Random(7)
    batches = [
        [
            cart(busy, visitor=visitor, value=100 + number, at=NOW - timedelta(seconds=500 - number))
            if chance.random() < 0.6
            else form(busy, visitor=visitor, email=chance.choice(emails), at=NOW - timedelta(seconds=500 - number))
            for visitor in chance.sample(visitors, 3)
        ]
        for number in range(120)
    ]

    def send(thread: int) -> list[tuple[int, Any]]:
        """As the SDK does: what is answered 503, as a machine that stands still for seconds may, is sent again."""
        start.wait(60)
        answers = []
        for number in range(thread, 120, 8):
            for _ in range(5):
                answer = post(clients[number % 2], busy, batches[number])
                if answer[0] != 503:
                    break
            answers.append(answer)
        return answers

    with ThreadPoolExecutor(8) as threads:
        answers = [answer for part in threads.map(send, range(8)) for answer in part]
    assert {(status, told["accepted"]) for status, told in answers} == {(202, 3)}
    assert count(busy, "select count(*) from event where visitor = any(:v)", v=visitors) == 360
    for visitor in visitors:
        sent = [one for batch in batches for one in batch if one["visitor"] == visitor]
        carts = [one for one in sent if one["type"] == "cart"]
        newest = max(carts, key=lambda one: str(one["at"]))
        assert the_episode(busy, visitor).cart_minor == newest["data"]["value"]
        assert count(busy, "select count(*) from episode where visitor = :v", v=visitor) == 1


def test_one_event_that_cannot_be_stored_does_not_fail_its_neighbours(world: World) -> None:
    """A NUL passes no reading; here it stands for whatever PostgreSQL refuses."""
    site, first = site_context(world.acme), page(new_visitor())
    neighbours = [Posted(site, (page(new_visitor()),), NOW) for _ in range(9)]
    bad = Posted(site, (page(new_visitor(), title="a\x00b"),), NOW)
    with held(world.acme, first.id), ThreadPoolExecutor(1) as thread:
        flusher = Flusher()
        waiting = thread.submit(keep_all, flusher, [Posted(site, (first,), NOW), *neighbours[:4], bad, *neighbours[4:]])
    told = waiting.result(60)
    assert [type(one) for one in told[1:] if one is not None] == [GoAlone]
    assert isinstance(told[5], GoAlone)
    stored = count(
        world.acme,
        "select count(*) from event where visitor = any(:v)",
        v=[one.events[0].visitor for one in neighbours],
    )
    assert stored == 9


def test_a_lock_that_somebody_holds_does_not_hold_the_neighbours(world: World) -> None:
    client, mine, other = ingest(), new_visitor(), new_visitor()
    waits = cart(world.acme, visitor=mine)
    with ThreadPoolExecutor(2) as threads:
        with held(world.acme, waits["id"]):
            waiting = threads.submit(post, client, world.acme, [waits])
            since = monotonic()
            assert post(client, world.acme, [cart(world.acme, visitor=other)])[0] == 202
            assert monotonic() - since < 10
            assert not waiting.done()
        assert waiting.result(60) == (202, {"accepted": 1, "refused": []})
    assert count(world.acme, "select count(*) from event where visitor = any(:v)", v=[mine, other]) == 2


def test_g1_a_database_that_goes_away_under_a_flush_is_503_and_the_next_try_counts_once(
    world: World, engines: Cluster
) -> None:
    client, visitor = ingest(), new_visitor()
    one = cart(world.acme, visitor=visitor)
    refused = counted("modori_ingest_refused_total", code="bad_event")
    with ThreadPoolExecutor(1) as threads:
        with held(world.acme, one["id"]):
            waiting = threads.submit(post, client, world.acme, [one, "no event"])
            assert ended_while_waiting(engines)
        status, told = waiting.result(60)
    assert (status, told["code"]) == (503, "unavailable")
    assert "Nothing was kept" not in told["detail"]  # the connection may have broken under the commit
    assert count(world.acme, "select count(*) from event where visitor = :v", v=visitor) == 0
    assert counted("modori_ingest_refused_total", code="bad_event") == refused  # it is to come again
    told = {"accepted": 1, "refused": [{"id": None, "code": "bad_event"}]}
    assert post(client, world.acme, [one, "no event"]) == (202, told)
    assert counted("modori_ingest_refused_total", code="bad_event") == refused + 1
    assert post(client, world.acme, [one]) == (202, {"accepted": 1, "refused": []})
    assert count(world.acme, "select count(*) from event where visitor = :v", v=visitor) == 1


def test_g1_a_request_of_which_a_part_was_kept_says_so_and_the_next_try_counts_once(
    world: World, engines: Cluster
) -> None:
    """A NUL, as above, has the request taken event by event; the database goes away under the last."""
    site, kept, last = site_context(world.acme), page(new_visitor()), page(new_visitor())
    request = [kept, page("a\x00b"), last]

    def take() -> Taken:
        return taking.take(site, request, received_at=NOW, ip_index=None)

    with ThreadPoolExecutor(1) as thread:
        with held(world.acme, last.id):
            waiting = thread.submit(take)
            assert ended_while_waiting(engines)
        with pytest.raises(Unavailable, match="Not all of it was kept") as caught:
            waiting.result(60)
    assert (caught.value.code, caught.value.status) == ("unavailable", 503)
    stored = "select count(*) from event where visitor = any(:v)"
    assert count(world.acme, stored, v=[kept.visitor, last.visitor]) == 1
    taken = take()
    assert (taken.accepted, [one.code for one in taken.refused]) == (2, ["bad_data"])
    assert count(world.acme, stored, v=[kept.visitor, last.visitor]) == 2


def test_g1_the_first_part_that_fails_has_kept_nothing(world: World, engines: Cluster) -> None:
    site, first = site_context(world.acme), page(new_visitor())
    request = [first, page("a\x00b")]
    with ThreadPoolExecutor(1) as thread:
        with held(world.acme, first.id):
            waiting = thread.submit(taking.take, site, request, received_at=NOW, ip_index=None)
            assert ended_while_waiting(engines)
        with pytest.raises(OperationalError):
            waiting.result(60)
    assert count(world.acme, "select count(*) from event where visitor = :v", v=first.visitor) == 0


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (
            OperationalError("commit", {}, psycopg.OperationalError(), connection_invalidated=True),
            "It may not have been",
        ),
        (DBAPIError("commit", {}, psycopg.InterfaceError(), connection_invalidated=True), "It may not have been"),
        (OperationalError("connect", {}, psycopg.OperationalError()), "Nothing was kept"),
        (PoolTimeout(), "Nothing was kept"),
    ],
    ids=["broke", "closed", "refused", "exhausted"],
)
def test_nothing_was_kept_is_said_only_where_no_commit_can_have_been(error: Exception, detail: str) -> None:
    refusal = refusal_of(error)
    assert isinstance(refusal, Unavailable)
    assert refusal.detail.startswith(detail)


def test_what_queues_while_a_flush_commits_is_kept_by_the_next_ones(world: World) -> None:
    """More than one transaction takes, of two clients, from two event loops at once."""
    requests = [
        Posted(site_context(tenant), tuple(page(new_visitor()) for _ in range(3)), NOW)
        for tenant in (world.acme, world.stranger)
        for _ in range(20)
    ]
    flusher = Flusher(most_events=10)
    before, batches = counted("modori_ingest_flush_events_sum"), counted("modori_ingest_flush_seconds_count")
    with ThreadPoolExecutor(2) as threads:
        told = list(threads.map(lambda part: keep_all(flusher, part), (requests[0::2], requests[1::2])))
    assert told == [[None] * 20, [None] * 20]
    assert counted("modori_ingest_flush_events_sum") - before == 120
    assert 12 <= counted("modori_ingest_flush_seconds_count") - batches < 40
    for tenant in (world.acme, world.stranger):
        assert count(tenant, "select count(*) from event") == 60


def test_a_form_with_a_bought_address_ends_the_episode_although_its_neighbours_shared(world: World) -> None:
    client, visitor, email = ingest(), new_visitor(), somebody()
    assert post(client, world.acme, [cart(world.acme, visitor=visitor, at=NOW - timedelta(seconds=60))])[0] == 202
    order = {"id": "A-7", "currency": "JPY", "value": 4980}
    buyer = new_visitor()
    bought = [
        form(world.acme, visitor=buyer, email=email, at=NOW - timedelta(seconds=40)),
        event(world.acme, "order", order, visitor=buyer, at=NOW - timedelta(seconds=30)),
    ]
    assert post(client, world.acme, bought)[1]["accepted"] == 2
    assert post(client, world.acme, [form(world.acme, visitor=visitor, email=email)])[1]["accepted"] == 1
    assert current(world.acme, visitor) is None


def test_rules_36_a_flood_is_refused_without_being_parsed(world: World) -> None:
    """A bucket that has refused refuses on without parsing: rubbish after the key is answered 429, not 400."""
    slow = make_tenant("slow", ip_events_per_s=1, ip_events_burst=5)
    client, refused = ingest(), counted("modori_ingest_refused_total", code="rate_limited")
    five = [event(slow, "page", visitor=new_visitor()) for _ in range(5)]
    assert post(client, slow, five)[0] == 202
    assert post(client, slow, five)[0] == 429
    rubbish = f'{{"site": "{slow.site_key}", "events": [{{"visitor"'
    with clock.moved_to(NOW):
        answer = client.post("/v1/events", content=rubbish, headers={"origin": slow.origin})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    assert counted("modori_ingest_refused_total", code="rate_limited") > refused
    assert post(client, slow, five[:1])[0] == 429
