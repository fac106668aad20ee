"""Questions about episodes and leads, with a stranger in the room."""

from datetime import timedelta
from uuid import UUID

import pytest

from modori.capture import queries as capture
from modori.capture import scans as capture_scans
from modori.kernel import clock
from modori.kernel.errors import NotFound
from modori.kernel.ids import new_id
from modori.leads import queries as leads
from modori.storage.db import scan_transaction, tenant_transaction
from tests.captureworld import abandon, add_route, cart, consent, form, new_visitor, somebody, take, the_episode
from tests.world import NOW, World


def test_g7_a_stranger_finds_nothing_of_an_episode_or_its_lead(world: World) -> None:
    route_id = add_route(world.acme)
    visitor = new_visitor()
    take(
        world.acme,
        [
            cart(world.acme, visitor=visitor),
            form(world.acme, visitor=visitor, email=somebody()),
            consent(world.acme, "email", visitor=visitor),
        ],
    )
    lead = abandon(world.acme, visitor)
    episode = the_episode(world.acme, visitor)
    with tenant_transaction(world.acme.tenant_id) as session:
        [contact] = capture.list_attached(session, tenant_id=world.acme.tenant_id, episode_id=episode.episode_id)
        found = leads.find_open_lead_of_person(session, tenant_id=world.acme.tenant_id, person_id=lead.person_id)
        assert found is not None
        assert found.lead_id == lead.lead_id
        [route] = leads.list_routes(session, tenant_id=world.acme.tenant_id, site_id=world.acme.site_id)
        assert route.route_id == route_id
    point = contact.contact_point_id
    with tenant_transaction(world.stranger.tenant_id) as session:
        for tenant_id in (world.acme.tenant_id, world.stranger.tenant_id):
            for look in (capture.get_episode, capture.lock_episode):
                with pytest.raises(NotFound):
                    look(session, tenant_id=tenant_id, episode_id=episode.episode_id)
            for look_at in (leads.get_lead, leads.lock_lead):
                with pytest.raises(NotFound):
                    look_at(session, tenant_id=tenant_id, lead_id=lead.lead_id)
            site_id = world.acme.site_id
            for find in (capture.find_current_episode, capture.lock_current_episode):
                assert find(session, tenant_id=tenant_id, site_id=site_id, visitor=visitor) is None
            assert leads.find_lead_of_episode(session, tenant_id=tenant_id, episode_id=episode.episode_id) is None
            assert leads.find_open_lead_of_person(session, tenant_id=tenant_id, person_id=lead.person_id) is None
            assert leads.list_open_leads_of_contacts(session, tenant_id=tenant_id, contact_point_ids=[point]) == []
            assert leads.list_routes(session, tenant_id=tenant_id, site_id=site_id) == []
            assert capture.list_attached(session, tenant_id=tenant_id, episode_id=episode.episode_id) == []
            assert capture.list_episodes_of_contacts(session, tenant_id=tenant_id, contact_point_ids=[point]) == []
            assert leads.lock_contacts_of_episode(session, tenant_id=tenant_id, episode_id=episode.episode_id) == []
            ordered_at = capture.find_visitor_ordered_at(session, tenant_id=tenant_id, site_id=site_id, visitor=visitor)
            assert ordered_at is None


def test_g12_a_client_with_many_due_episodes_hides_nobody(world: World) -> None:
    late = NOW - timedelta(days=2)
    for _ in range(5):
        visitor = new_visitor()
        take(world.acme, [cart(world.acme, visitor=visitor, at=late)])
    visitor = new_visitor()
    take(world.stranger, [cart(world.stranger, visitor=visitor)])
    with scan_transaction() as session:
        due = leads.list_due_episodes(session, now=NOW + timedelta(hours=1), per_tenant=2, limit=100_000)
    assert sum(one.tenant_id == world.acme.tenant_id for one in due) == 2
    assert sum(one.tenant_id == world.stranger.tenant_id for one in due) == 1


def test_a_visitor_s_count_starts_again_each_day(world: World) -> None:
    visitor, tenant_id = new_visitor(), world.acme.tenant_id

    def count(days: int, new: int) -> int:
        with tenant_transaction(tenant_id) as session:
            return capture.count_visitor_contact_points(
                session,
                tenant_id=tenant_id,
                site_id=world.acme.site_id,
                visitor=visitor,
                new=new,
                now=NOW + timedelta(days=days),
            )

    assert [count(0, 2), count(0, 1), count(1, 1)] == [2, 3, 1]


def test_g1_an_event_id_is_remembered_until_its_event_would_be_refused(world: World) -> None:
    tenant_id, kept, gone = world.acme.tenant_id, new_id(), new_id()

    def remember(event_ids: list[UUID], age_days: int) -> set[UUID]:
        with tenant_transaction(tenant_id) as session:
            return capture.insert_seen(
                session,
                tenant_id=tenant_id,
                site_id=world.acme.site_id,
                event_ids=event_ids,
                visitors=[],
                seen_on=(NOW - timedelta(days=age_days)).date(),
            ).fresh

    assert (remember([kept], 31), remember([gone], 32)) == ({kept}, {gone})
    assert remember([kept, gone], 0) == set()
    with clock.moved_to(NOW):
        capture_scans.forget_seen_events()
    assert remember([kept, gone], 0) == {gone}


def test_hourly_counts_are_forgotten(world: World) -> None:
    tenant_id = world.acme.tenant_id
    site_id = world.acme.site_id

    def count() -> int:
        with tenant_transaction(tenant_id) as session:
            return capture.count_address_contact_points(
                session, tenant_id=tenant_id, site_id=site_id, ip_index=b"x" * 32, new=1, now=NOW
            )

    assert [count(), count()] == [1, 2]
    with clock.moved_to(NOW + timedelta(hours=4)):
        assert capture_scans.forget_contact_velocity() >= 1
    assert count() == 1


def test_partitions_are_kept_ahead(world: World) -> None:
    capture_scans.keep_event_partitions()
    assert capture_scans.keep_event_partitions() == 0
