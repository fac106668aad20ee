"""Requests that share a transaction: what a batch keeps is what each of its requests would have kept alone."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Event
from time import monotonic, sleep
from typing import Any, cast

import pytest
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import text

from modori.capture.batch.actions import Apart, take_batch
from modori.capture.batch.visits import Posted, may_share
from modori.capture.episodes import mark_episode_ordered, mark_visitor_ordered
from modori.capture.queries import list_attached
from modori.capture.reading import Reading, read_event
from modori.capture.rules import ReadEvent
from modori.people.model import ContactKind
from modori.people.naming import name_person
from modori.people.points import mark_all_ordered, meet_contact_point
from modori.storage.db import Plain, agency_transaction, plain_transaction, tenant_transaction
from tests.captureworld import (
    cart,
    consent,
    current,
    event,
    form,
    new_visitor,
    site_context,
    somebody,
    take,
    take_together,
    the_episode,
)
from tests.world import NOW, TenantWorld, World

S = timedelta(seconds=1)


def posted(
    tenant: TenantWorld, events: Sequence[dict[str, Any]], *, now: datetime = NOW, ip_index: bytes | None = None
) -> Posted:
    """One request of a browser, read."""
    site = site_context(tenant)
    reading = Reading(site.origins, site.country, False, False, sent_at=now, received_at=now)
    read = [read_event(one, reading) for one in events]
    return Posted(site, tuple(one for one in read if isinstance(one, ReadEvent)), now, ip_index)


def together(*requests: Posted, is_patient: bool = False) -> None:
    """Keep requests in one transaction. Each tenant's data key is at hand, as after its first form."""
    for tenant_id in {one.site.tenant_id for one in requests}:
        with tenant_transaction(tenant_id) as session:
            name_person(session, tenant_id=tenant_id, person_id=tenant_id, name="x", overwrite=False)
    assert all(may_share(one) for one in requests)
    take_together(requests, is_patient=is_patient)


def wait_for_a_waiter(within_s: float = 60.0) -> None:
    """Return once another session of this database waits for a lock."""
    until = monotonic() + within_s
    while monotonic() < until:
        with agency_transaction() as session:
            waiting = session.connection().execute(
                text(
                    "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
                    " and datname = current_database() and pid <> pg_backend_pid()"
                )
            )
            if waiting.scalar_one():
                return
        sleep(0.02)
    raise AssertionError("nobody waits")


def rows(tenant: TenantWorld, sql: str, **values: Any) -> list[Any]:
    with tenant_transaction(tenant.tenant_id) as session:
        return list(session.connection().execute(text(sql), values))


def what_is_kept(tenant: TenantWorld, visitor: str) -> list[Any]:
    """Everything of a visitor but ids, ciphertexts and the instant of arrival."""
    return [
        *rows(
            tenant,
            "select state, cart_id, currency, cart_minor, items, cart_url, form, form_progress, last_field,"
            " submitted_at, cart_at, form_at, started_at, last_activity_at, due_at, settled_reason, held_reason,"
            " person_id is null, form_fields is null from episode where visitor = :v order by started_at",
            v=visitor,
        ),
        *rows(
            tenant,
            "select type, at, page_url, page_title, body - 'fields', episode_id is null from event where visitor = :v"
            " order by at, type",
            v=visitor,
        ),
        *rows(
            tenant,
            "select c.kind, c.masked, c.is_mobile, a.source, a.captured_at, p.name is null,"
            " c.person_id = e.person_id from episode e join episode_contact a using (tenant_id, episode_id)"
            " join contact_point c using (tenant_id, contact_point_id) join person p on p.person_id = c.person_id"
            " where e.visitor = :v order by c.kind, a.captured_at",
            v=visitor,
        ),
        *rows(tenant, "select contact_points_count from visitor where visitor = :v", v=visitor),
    ]


def _visit(tenant: TenantWorld, visitor: str, email: str, tel: str) -> list[list[dict[str, Any]]]:
    """A visit in several requests: pages, carts (one late), a form that grows, a corrected address, a phone."""

    def at(second: int) -> dict[str, Any]:
        return {"visitor": visitor, "at": NOW - timedelta(seconds=100 - second)}

    return [
        [event(tenant, "page", **at(0)), cart(tenant, value=100, **at(2))],
        [event(tenant, "page", **at(3))],
        [cart(tenant, value=4980, id="c-1", **at(8)), cart(tenant, value=7, **at(5))],
        [form(tenant, family_name="山田", **at(10))],
        [form(tenant, family_name="山田", given_name="花子", email="x" + email, **at(12))],
        [form(tenant, email=email, tel=tel, postal_code="1500043", **at(14)), event(tenant, "page", **at(15))],
        [form(tenant, email="half@", submitted=True, **at(16))],
        [cart(tenant, value=0, items=[], **at(20))],
    ]


@pytest.mark.parametrize("requests_together", [1, 2, 8])
def test_a_batch_keeps_what_its_requests_would_have_kept_alone(world: World, requests_together: int) -> None:
    apart, shared, email = new_visitor(), new_visitor(), somebody()
    tel = f"090-1234-{int(shared[-6:], 16) % 10000:04d}"
    for events in _visit(world.stranger, apart, email, tel):
        take(world.stranger, events, ip_index=b"i" * 32)
    requests = [posted(world.acme, one, ip_index=b"i" * 32) for one in _visit(world.acme, shared, email, tel)]
    for first in range(0, len(requests), requests_together):
        together(*requests[first : first + requests_together])
    alone = str(what_is_kept(world.stranger, apart)).replace(world.stranger.name, world.acme.name)
    if requests_together == 1:
        assert str(what_is_kept(world.acme, shared)) == alone
    episode = the_episode(world.acme, shared)
    assert (episode.cart_minor, episode.cart_id, episode.submitted_at) == (0, "c-1", NOW - 84 * S)
    with tenant_transaction(world.acme.tenant_id) as session:
        attached = list_attached(session, tenant_id=world.acme.tenant_id, episode_id=episode.episode_id)
        assert sorted(one.kind for one in attached) == [ContactKind.EMAIL, ContactKind.PHONE]


def test_g1_an_event_id_counts_once_in_a_batch_and_over_batches(world: World) -> None:
    visitor = new_visitor()
    one = cart(world.acme, visitor=visitor)
    again = one | {"data": {}, "type": "page"}
    together(posted(world.acme, [one]), posted(world.acme, [one]), posted(world.acme, [again, one]))
    together(posted(world.acme, [again]))
    assert take(world.acme, [again]).accepted == 1
    kept = rows(world.acme, "select type from event where event_id = :id", id=one["id"])
    assert [row.type for row in kept] == ["cart"]


def test_g7_a_batch_over_two_clients_keeps_them_apart(world: World) -> None:
    """The same event id, visitor id and address: two events, two episodes, two people."""
    visitor, email = new_visitor(), somebody()
    ours = form(world.acme, visitor=visitor, email=email)
    theirs = form(world.stranger, visitor=visitor, email=email) | {"id": ours["id"]}
    together(posted(world.acme, [ours]), posted(world.stranger, [theirs]))
    for tenant in (world.acme, world.stranger):
        episode = the_episode(tenant, visitor)
        assert (episode.tenant_id, episode.site_id) == (tenant.tenant_id, tenant.site_id)
        [row] = rows(tenant, "select tenant_id, episode_id from event where event_id = :id", id=ours["id"])
        assert tuple(row) == (tenant.tenant_id, episode.episode_id)
    assert the_episode(world.acme, visitor).person_id != the_episode(world.stranger, visitor).person_id


def test_g7_a_batch_cannot_write_for_a_client_that_its_transaction_does_not_name(world: World) -> None:
    one = posted(world.stranger, [cart(world.stranger, visitor=new_visitor())])
    with pytest.raises(InsufficientPrivilege):
        take_together([one], tenant_ids={world.acme.tenant_id})


def test_a_batch_has_as_many_statements_for_thirty_requests_as_for_one(world: World) -> None:
    class Counting:
        """A connection that counts what is asked of it."""

        def __init__(self, connection: Plain) -> None:
            self.connection, self.statements = connection, 0

        def execute(self, *asked: Any, **more: Any) -> Any:
            self.statements += 1
            return self.connection.execute(*asked, **more)

        async def answered(self) -> None:
            await self.connection.answered()

    async def count(requests: Sequence[Posted]) -> int:
        async with plain_transaction({world.acme.tenant_id}) as connection:
            counting = Counting(connection)
            await take_batch(cast(Plain, counting), requests)
            return counting.statements

    together(posted(world.acme, [form(world.acme, visitor=new_visitor(), name="花子")]))
    counts = []
    for number in (1, 30):
        requests = [
            posted(world.acme, [cart(world.acme, visitor=visitor), form(world.acme, visitor=visitor, email=somebody())])
            for visitor in (new_visitor() for _ in range(number))
        ]
        counts.append(asyncio.run(count(requests)))
    assert max(counts) <= 13, counts


def test_two_visitors_who_type_one_new_address_share_a_contact_point(world: World) -> None:
    first, second, email = new_visitor(), new_visitor(), somebody()
    together(*(posted(world.acme, [form(world.acme, visitor=one, email=email)]) for one in (first, second)))
    people_of = {the_episode(world.acme, one).person_id for one in (first, second)}
    assert len(people_of) == 1
    assert people_of != {None}


def test_g2_a_contact_point_that_ordered_since_sends_its_request_apart(world: World) -> None:
    visitor, neighbour, email = new_visitor(), new_visitor(), somebody()
    take(world.acme, [cart(world.acme, visitor=visitor, at=NOW - 600 * S)])
    with tenant_transaction(world.acme.tenant_id) as session:
        mark_all_ordered(
            session, tenant_id=world.acme.tenant_id, values=[(ContactKind.EMAIL, email)], at=NOW - 300 * S, now=NOW
        )
        meet_contact_point(session, tenant_id=world.acme.tenant_id, kind=ContactKind.EMAIL, value=email, now=NOW)
    bought = posted(world.acme, [form(world.acme, visitor=visitor, email=email)])
    other = posted(world.acme, [form(world.acme, visitor=neighbour, email=somebody())])
    with pytest.raises(Apart) as apart:
        together(other, bought)
    assert list(apart.value.posted) == [bought]
    assert current(world.acme, neighbour) is None


def test_g2_a_contact_point_known_by_an_order_alone_sends_its_request_apart(world: World) -> None:
    email = somebody()
    with tenant_transaction(world.acme.tenant_id) as session:
        mark_all_ordered(
            session, tenant_id=world.acme.tenant_id, values=[(ContactKind.EMAIL, email)], at=NOW - 9000 * S, now=NOW
        )
    with pytest.raises(Apart):
        together(posted(world.acme, [form(world.acme, visitor=new_visitor(), email=email)]))


def test_g2_an_order_that_commits_while_a_batch_waits_ends_the_episode_for_the_batch(world: World) -> None:
    visitor = new_visitor()
    take(world.acme, [cart(world.acme, visitor=visitor, at=NOW - 60 * S)])
    ordered = the_episode(world.acme, visitor)
    tenant_id, is_locked = world.acme.tenant_id, Event()
    late = posted(world.acme, [cart(world.acme, visitor=visitor, value=1, at=NOW - 20 * S)])

    def order() -> None:
        with tenant_transaction(tenant_id) as session:
            mark_episode_ordered(session, tenant_id=tenant_id, episode_id=ordered.episode_id, at=NOW - 10 * S)
            mark_visitor_ordered(
                session, tenant_id=tenant_id, site_id=world.acme.site_id, visitor=visitor, at=NOW - 10 * S, now=NOW
            )
            is_locked.set()
            wait_for_a_waiter()

    with ThreadPoolExecutor(1) as threads:
        ordering = threads.submit(order)
        assert is_locked.wait(60)
        together(late, is_patient=True)
        ordering.result(60)
    assert current(world.acme, visitor) is None
    [row] = rows(world.acme, "select episode_id from event where visitor = :v and at = :at", v=visitor, at=NOW - 20 * S)
    assert row.episode_id is None


def test_rules_36_many_addresses_in_one_batch_are_held_as_if_they_came_one_by_one(world: World) -> None:
    visitors = [new_visitor() for _ in range(7)]
    together(
        *(posted(world.acme, [form(world.acme, visitor=one, email=somebody())], ip_index=b"j" * 32) for one in visitors)
    )
    held = sorted(str(the_episode(world.acme, one).held_reason) for one in visitors)
    assert held == ["None"] * 5 + ["contact_points_per_address"] * 2


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (["page", "cart", "form"], True),
        (["page", "identify"], False),
        (["cart", "consent"], False),
        (["order"], False),
        (["clicked"], False),  # a page that carries a tracked link's token
    ],
)
def test_what_may_wait_for_others(world: World, kinds: list[str], expected: bool) -> None:
    visitor = new_visitor()
    together(posted(world.acme, [form(world.acme, visitor=visitor, name="花子")]))  # reads the data key
    of_kind = {
        "page": event(world.acme, "page", visitor=visitor),
        "cart": cart(world.acme, visitor=visitor),
        "form": form(world.acme, visitor=visitor, email=somebody()),
        "identify": event(world.acme, "identify", {"email": somebody()}, visitor=visitor),
        "consent": consent(world.acme, "email", visitor=visitor),
        "order": event(world.acme, "order", {"id": "A-9", "currency": "JPY", "value": 1}, visitor=visitor),
        "clicked": event(
            world.acme,
            "page",
            visitor=visitor,
            page={"url": f"{world.acme.origin}/?modori_t=abcdefghijklmnopqrstuv", "title": ""},
        ),
    }
    assert may_share(posted(world.acme, [of_kind[kind] for kind in kinds])) is expected


READ = (
    "select relname::text, (coalesce(idx_tup_fetch, 0) + coalesce(seq_tup_read, 0))::int8"
    " from pg_stat_xact_user_tables where relname in ('person', 'visitor')"
)
"""Rows read of each table by this connection, of earlier transactions some, too."""


def test_a_batch_reads_no_more_of_a_client_with_many_rows(world: World) -> None:
    """Without statistics, too: the tests' database has none, as a new client's has none."""
    many = [
        posted(world.stranger, [form(world.stranger, visitor=new_visitor(), email=somebody(), name="山田花子")])
        for _ in range(120)
    ]
    together(*many)
    visitor, known = new_visitor(), many[0].events[0].seen
    asked = posted(
        world.stranger,
        [cart(world.stranger, visitor=visitor), form(world.stranger, visitor=visitor, email=known.fields["email"])],  # type: ignore[union-attr]  # a form's
    )
    together(asked)
    again = posted(world.stranger, [form(world.stranger, visitor=visitor, email=somebody(), at=NOW + S)], now=NOW + S)

    async def count_read() -> dict[str, int]:
        async with plain_transaction({world.stranger.tenant_id}) as connection:
            before = connection.execute(READ)
            await take_batch(connection, [again])
            after = connection.execute(READ)
            await connection.answered()
            earlier = dict(before.rows())
            return {table: rows - earlier.get(table, 0) for table, rows in after.rows()}

    rows = asyncio.run(count_read())
    assert 0 < rows["person"] <= 10
    assert 0 < rows["visitor"] <= 10
