"""Requests that share a transaction: what a batch keeps is what each of its requests would have kept alone."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from modori.capture.batch.actions import take_batch
from modori.capture.batch.visits import Posted, may_share
from modori.capture.queries import list_attached
from modori.capture.reading import Reading, read_event
from modori.capture.rules import ReadEvent
from modori.people import actions as people
from modori.people.model import ContactKind
from modori.storage.db import plain_transaction, tenant_transaction
from tests.captureworld import (
    cart,
    event,
    form,
    new_visitor,
    site_context,
    somebody,
    take,
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


def together(*requests: Posted) -> None:
    """Keep requests in one transaction. Each tenant's data key is at hand, as after its first form."""
    for tenant_id in {one.site.tenant_id for one in requests}:
        with tenant_transaction(tenant_id) as session:
            people.name_person(session, tenant_id=tenant_id, person_id=tenant_id, name="x", overwrite=False)
    assert all(may_share(one) for one in requests)
    with plain_transaction({one.site.tenant_id for one in requests}) as connection:
        take_batch(connection, requests)


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
