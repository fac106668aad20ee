"""Events on their way into episodes, on real rows."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from modori.capture import episodes
from modori.capture.model import Episode, EpisodeState
from modori.capture.queries import get_episode, list_attached
from modori.kernel.ids import TenantId
from modori.people import actions as people
from modori.people.model import Channel, ContactKind
from modori.people.naming import reveal_name
from modori.people.points import mark_all_ordered
from modori.people.queries import find_consent, find_contact_point, reveal
from modori.people.values import value_index
from modori.storage.db import tenant_transaction
from tests.captureworld import (
    cart,
    consent,
    current,
    event,
    form,
    new_visitor,
    somebody,
    take,
    the_episode,
)
from tests.world import NOW, TenantWorld, World, make_tenant

S = timedelta(seconds=1)


def rows(tenant: TenantWorld, sql: str, **values: Any) -> list[Any]:
    with tenant_transaction(tenant.tenant_id) as session:
        return list(session.connection().execute(text(sql), values))


def episode_of(tenant: TenantWorld, episode: Episode) -> Episode:
    with tenant_transaction(tenant.tenant_id) as session:
        return get_episode(session, tenant_id=tenant.tenant_id, episode_id=episode.episode_id)


def test_a_cart_and_a_form_become_one_episode(world: World) -> None:
    visitor, email = new_visitor(), somebody()
    taken = take(
        world.acme,
        [
            cart(world.acme, visitor=visitor, at=NOW - 20 * S),
            form(world.acme, visitor=visitor, at=NOW - 10 * S, email=email, family_name="山田", given_name="花子"),
            consent(world.acme, "email", visitor=visitor, at=NOW - 5 * S),
        ],
    )
    assert (taken.accepted, taken.refused) == (3, [])
    episode = the_episode(world.acme, visitor)
    assert (episode.cart_minor, episode.currency, episode.items[0]["price_minor"]) == (4980, "JPY", 4980)
    assert (episode.started_at, episode.last_activity_at) == (NOW - 20 * S, NOW - 5 * S)
    assert episode.due_at == NOW - 5 * S + timedelta(minutes=30)
    with tenant_transaction(world.acme.tenant_id) as session:
        [contact] = list_attached(session, tenant_id=world.acme.tenant_id, episode_id=episode.episode_id)
        assert reveal(session, tenant_id=world.acme.tenant_id, contact_point_id=contact.contact_point_id) == email
        found = find_consent(
            session,
            tenant_id=world.acme.tenant_id,
            channel=Channel.EMAIL,
            episode_id=episode.episode_id,
            contact_point_id=None,
        )
        assert found is not None
        assert (found.granted, found.text, found.control) == (True, "お知らせを受け取ります", "#optin")
        assert episode.person_id is not None
        name = reveal_name(session, tenant_id=world.acme.tenant_id, person_id=episode.person_id)
        assert name == "山田 花子"
        typed = episodes.form_fields(session, tenant_id=world.acme.tenant_id, episode=episode)
        assert typed["email"] == email


def test_g1_an_event_id_counts_once_in_one_batch_and_over_batches(world: World) -> None:
    visitor = new_visitor()
    one = cart(world.acme, visitor=visitor)
    assert take(world.acme, [one, one]).accepted == 2
    assert take(world.acme, [one | {"data": {}, "type": "page"}]).accepted == 1
    kept = rows(world.acme, "select type from event where event_id = :id", id=one["id"])
    assert [row.type for row in kept] == ["cart"]


def test_g7_a_stranger_s_event_of_the_same_id_is_another(world: World) -> None:
    visitor = new_visitor()
    one = cart(world.acme, visitor=visitor)
    take(world.acme, [one])
    assert current(world.stranger, visitor) is None
    take(world.stranger, [one | {"page": {"url": f"{world.stranger.origin}/"}, "data": {}, "type": "page"}])
    assert current(world.stranger, visitor) is None
    assert the_episode(world.acme, visitor).cart_minor == 4980
    assert len(rows(world.stranger, "select 1 from event where event_id = :id", id=one["id"])) == 1


def test_g13_an_event_row_holds_no_personal_value(world: World) -> None:
    visitor, email = new_visitor(), somebody()
    take(
        world.acme,
        [
            form(
                world.acme, visitor=visitor, email=email, tel="090-1234-5678", name="山田花子", address_line1="渋谷1-2"
            ),
            event(world.acme, "identify", {"email": email, "name": "山田花子", "member_id": "m-77"}, visitor=visitor),
        ],
    )
    stored = rows(
        world.acme, "select body::text || page_url || page_title as all from event where visitor = :v", v=visitor
    )
    told = " ".join(row.all for row in stored)
    for secret in (email, "山田", "09012345678", "渋谷", "m-77"):
        assert secret not in told
    index = value_index(world.acme.tenant_id, ContactKind.EMAIL, email).hex()
    assert index in told
    episode = the_episode(world.acme, visitor)
    raw = rows(world.acme, "select form_fields from episode where episode_id = :id", id=episode.episode_id)[0][0]
    assert "山田".encode() not in bytes(raw)


def test_a_corrected_address_takes_the_mistyped_one_s_place(world: World) -> None:
    visitor, right = new_visitor(), somebody()
    take(world.acme, [form(world.acme, visitor=visitor, email="x" + right, at=NOW - 5 * S)])
    take(world.acme, [form(world.acme, visitor=visitor, email=right)])
    episode = the_episode(world.acme, visitor)
    with tenant_transaction(world.acme.tenant_id) as session:
        [contact] = list_attached(session, tenant_id=world.acme.tenant_id, episode_id=episode.episode_id)
    assert contact.value_index == value_index(world.acme.tenant_id, ContactKind.EMAIL, right)


def test_what_is_no_address_yet_keeps_the_event_and_meets_nobody(world: World) -> None:
    visitor = new_visitor()
    taken = take(world.acme, [form(world.acme, visitor=visitor, email="hanako@", tel="0901")])
    assert (taken.accepted, taken.refused) == (1, [])
    assert the_episode(world.acme, visitor).person_id is None
    [row] = rows(world.acme, "select body from event where visitor = :v", v=visitor)
    assert row.body["fields"] == {"email": {"problem": "bad_email"}, "tel": {"problem": "bad_phone"}}


def test_phone_joins_the_person_of_the_email(world: World) -> None:
    visitor = new_visitor()
    take(world.acme, [form(world.acme, visitor=visitor, tel="090-2000-0001", email=somebody())])
    episode = the_episode(world.acme, visitor)
    found = rows(
        world.acme,
        "select kind, c.person_id, is_mobile from contact_point c"
        " join episode_contact using (tenant_id, contact_point_id) where episode_id = :id order by kind",
        id=episode.episode_id,
    )
    assert [(row.kind, row.person_id, row.is_mobile) for row in found] == [
        ("email", episode.person_id, None),
        ("phone", episode.person_id, True),
    ]


def test_a_page_alone_opens_no_episode_but_keeps_one_alive(world: World) -> None:
    visitor = new_visitor()
    take(world.acme, [event(world.acme, "page", visitor=visitor)])
    assert current(world.acme, visitor) is None
    take(world.acme, [cart(world.acme, visitor=visitor)])
    first = the_episode(world.acme, visitor)
    later = NOW + timedelta(minutes=10)
    take(world.acme, [event(world.acme, "page", visitor=visitor, at=later)], now=later)
    episode = the_episode(world.acme, visitor)
    assert episode.last_activity_at == later
    assert episode.due_at == first.due_at  # the look itself finds the person active, and puts the next one off


def test_g11_a_browser_s_order_ends_the_episode_and_is_handed_on(world: World) -> None:
    visitor = new_visitor()
    take(world.acme, [cart(world.acme, visitor=visitor, at=NOW - 60 * S)])
    episode = the_episode(world.acme, visitor)
    order = event(world.acme, "order", {"id": "A-1", "currency": "JPY", "value": 4980}, visitor=visitor, at=NOW - 9 * S)
    late = form(world.acme, visitor=visitor, at=NOW - 8 * S, email=somebody())
    taken = take(world.acme, [order, late])
    assert [one.order.id for one in taken.orders] == ["A-1"]
    assert current(world.acme, visitor) is None
    ended = episode_of(world.acme, episode)
    assert (ended.state, ended.ordered_at, ended.due_at) == (EpisodeState.ORDERED, NOW - 9 * S, None)


def test_the_next_cart_after_an_order_is_a_new_episode(world: World) -> None:
    visitor = new_visitor()
    take(world.acme, [cart(world.acme, visitor=visitor, at=NOW - 60 * S)])
    first = the_episode(world.acme, visitor)
    with tenant_transaction(world.acme.tenant_id) as session:
        episodes.mark_episode_ordered(
            session, tenant_id=world.acme.tenant_id, episode_id=first.episode_id, at=NOW - 50 * S
        )
        episodes.mark_visitor_ordered(
            session,
            tenant_id=world.acme.tenant_id,
            site_id=world.acme.site_id,
            visitor=visitor,
            at=NOW - 50 * S,
            now=NOW,
        )
    take(world.acme, [cart(world.acme, visitor=visitor, at=NOW - 40 * S)])
    assert current(world.acme, visitor) is None
    take(world.acme, [cart(world.acme, visitor=visitor)])
    assert the_episode(world.acme, visitor).episode_id != first.episode_id


def test_g2_a_contact_point_that_ordered_since_ends_the_episode_that_it_joins(world: World) -> None:
    visitor, email = new_visitor(), somebody()
    take(world.acme, [cart(world.acme, visitor=visitor, at=NOW - 600 * S)])
    episode = the_episode(world.acme, visitor)
    with tenant_transaction(world.acme.tenant_id) as session:
        mark_all_ordered(
            session, tenant_id=world.acme.tenant_id, values=[(ContactKind.EMAIL, email)], at=NOW - 300 * S, now=NOW
        )
    taken = take(world.acme, [form(world.acme, visitor=visitor, email=email)])
    assert taken.ordered_episode_ids == [episode.episode_id]
    assert episode_of(world.acme, episode).state is EpisodeState.ORDERED


def test_an_order_before_the_episode_began_does_not_end_it(world: World) -> None:
    visitor, email = new_visitor(), somebody()
    with tenant_transaction(world.acme.tenant_id) as session:
        mark_all_ordered(
            session,
            tenant_id=world.acme.tenant_id,
            values=[(ContactKind.EMAIL, email)],
            at=NOW - timedelta(days=1),
            now=NOW,
        )
    take(world.acme, [cart(world.acme, visitor=visitor), form(world.acme, visitor=visitor, email=email)])
    assert the_episode(world.acme, visitor).state is EpisodeState.OPEN


def test_a_consent_after_an_order_is_kept_without_an_episode(world: World) -> None:
    visitor = new_visitor()
    order = event(world.acme, "order", {"id": "A-2", "currency": "JPY", "value": 1}, visitor=visitor, at=NOW - S)
    take(world.acme, [order, consent(world.acme, "email", visitor=visitor)])
    [row] = rows(world.acme, "select episode_id from consent where visitor = :v", v=visitor)
    assert row.episode_id is None


def test_rules_36_a_visitor_with_many_contact_points_is_held_not_refused(world: World) -> None:
    visitor = new_visitor()
    for number in range(4):
        at = NOW + number * S
        taken = take(world.acme, [form(world.acme, visitor=visitor, email=somebody(), at=at)], now=at)
        assert taken.accepted == 1
        held = the_episode(world.acme, visitor).held_reason
        assert held == (None if number < 3 else "contact_points_per_visitor")


def test_rules_36_an_address_with_many_contact_points_is_held(world: World) -> None:
    held = []
    for _ in range(6):
        visitor = new_visitor()
        take(world.acme, [form(world.acme, visitor=visitor, email=somebody())], ip_index=b"i" * 32)
        held.append(the_episode(world.acme, visitor).held_reason)
    assert held == [None] * 5 + ["contact_points_per_address"]


def test_a_server_is_not_limited_and_signs_what_it_says(world: World) -> None:
    visitor = new_visitor()
    for number in range(5):
        at = NOW + number * S
        take(world.acme, [form(world.acme, visitor=visitor, email=somebody(), at=at)], now=at, is_secret=True)
    episode = the_episode(world.acme, visitor)
    assert episode.held_reason is None
    sources = rows(world.acme, "select source from episode_contact where episode_id = :id", id=episode.episode_id)
    assert {row.source for row in sources} == {"signed"}


def test_rules_15_a_site_that_captures_nothing_takes_orders_and_consents_only(world: World) -> None:
    closed = make_tenant("closed", capture_mode="off")
    visitor = new_visitor()
    taken = take(
        closed,
        [
            cart(closed, visitor=visitor),
            form(closed, visitor=visitor, email=somebody()),
            consent(closed, "email", visitor=visitor, granted=False),
            event(closed, "order", {"id": "A-3", "currency": "JPY", "value": 1}, visitor=visitor),
        ],
    )
    assert taken.accepted == 2
    assert {one.code for one in taken.refused} == {"capture_off"}
    assert current(closed, visitor) is None or the_episode(closed, visitor).cart_at is None


def test_g8_an_image_elsewhere_is_left_out_and_names_lose_their_links(world: World) -> None:
    visitor = new_visitor()
    item = {
        "id": 4901234567894,
        "name": "フライパン https://evil.example/x",
        "price": 4980,
        "image": "https://cdn.example/p.png",
        "url": f"{world.acme.origin}/p/1?variant=2",
    }
    sent = {"currency": "JPY", "value": 4980, "items": [item]}
    take(world.acme, [event(world.acme, "cart", sent, visitor=visitor)])
    [kept] = the_episode(world.acme, visitor).items
    assert kept == {
        "id": "4901234567894",
        "name": "フライパン",
        "price_minor": 4980,
        "quantity": 1,
        "url": f"{world.acme.origin}/p/1?variant=2",
    }


def test_rules_18_erasure_empties_what_was_typed(world: World) -> None:
    visitor, email = new_visitor(), somebody()
    take(world.acme, [form(world.acme, visitor=visitor, email=email, name="山田花子")])
    episode = the_episode(world.acme, visitor)
    tenant_id: TenantId = world.acme.tenant_id
    index = value_index(tenant_id, ContactKind.EMAIL, email)
    with tenant_transaction(tenant_id) as session:
        point = find_contact_point(session, tenant_id=tenant_id, kind=ContactKind.EMAIL, value_index=index)
        assert point is not None
        episodes.forget_contacts(session, tenant_id=tenant_id, contact_point_ids=[point.contact_point_id])
        people.erase_contact(
            session, tenant_id=tenant_id, kind=ContactKind.EMAIL, value_index=index, requested_by="key:x", now=NOW
        )
    with tenant_transaction(tenant_id) as session:
        assert episode.person_id is not None
        assert reveal_name(session, tenant_id=tenant_id, person_id=episode.person_id) is None
    assert episode_of(world.acme, episode).form_fields is None


@pytest.mark.parametrize("kind", ["cart", "form"])
def test_older_events_that_arrive_late_change_nothing_but_count(world: World, kind: str) -> None:
    visitor, email = new_visitor(), somebody()
    newest = cart(world.acme, visitor=visitor) if kind == "cart" else form(world.acme, visitor=visitor, email=email)
    take(world.acme, [newest])
    before = the_episode(world.acme, visitor)
    at = NOW - 90 * S
    late = (
        cart(world.acme, visitor=visitor, value=1, at=at)
        if kind == "cart"
        else form(world.acme, visitor=visitor, at=at)
    )
    assert take(world.acme, [late]).accepted == 1
    after = the_episode(world.acme, visitor)
    assert (after.cart_minor, after.cart_at, after.form_at) == (before.cart_minor, before.cart_at, before.form_at)
    assert len(rows(world.acme, "select 1 from event where visitor = :v", v=visitor)) == 2
