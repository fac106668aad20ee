"""Contact points, consents and stops, with a stranger in the room."""

from datetime import timedelta

import pytest

from modori.kernel.errors import NotFound
from modori.kernel.ids import new_id
from modori.people import actions, queries
from modori.people.model import Channel, ContactKind, ContactPoint, EvidenceSource, Stop, StopReason
from modori.people.naming import name_person, reveal_name
from modori.people.points import mark_all_ordered, mark_dead, meet_contact_point
from modori.people.rules import standing_stop
from modori.people.values import value_index
from modori.storage.db import tenant_transaction
from tests.captureworld import somebody
from tests.world import NOW, TenantWorld, World

EMAIL, PHONE = ContactKind.EMAIL, ContactKind.PHONE


def meet(tenant: TenantWorld, value: str, kind: ContactKind = EMAIL) -> ContactPoint:
    with tenant_transaction(tenant.tenant_id) as session:
        return meet_contact_point(session, tenant_id=tenant.tenant_id, kind=kind, value=value, now=NOW)


def stop(tenant: TenantWorld, value: str, kind: ContactKind, via: Channel | None, reason: StopReason) -> Stop:
    with tenant_transaction(tenant.tenant_id) as session:
        return actions.record_stop(
            session,
            tenant_id=tenant.tenant_id,
            kind=kind,
            value_index=value_index(tenant.tenant_id, kind, value),
            via=via,
            reason=reason,
            source=EvidenceSource.LINK,
            now=NOW,
        )


def is_stopped(tenant: TenantWorld, value: str, kind: ContactKind, channel: str) -> bool:
    key = (kind, value_index(tenant.tenant_id, kind, value))
    with tenant_transaction(tenant.tenant_id) as session:
        return (
            standing_stop(queries.list_stops(session, tenant_id=tenant.tenant_id, indexes=[key])[key], channel)
            is not None
        )


def test_a_value_is_met_once_in_whatever_case(world: World) -> None:
    email = somebody()
    first, again = meet(world.acme, email), meet(world.acme, email.upper())
    assert first.contact_point_id == again.contact_point_id
    assert first.person_id == again.person_id
    assert email not in first.masked


def test_g7_a_stranger_meets_somebody_else(world: World) -> None:
    email = somebody()
    ours, theirs = meet(world.acme, email), meet(world.stranger, email)
    assert ours.value_index != theirs.value_index  # keyed by tenant
    assert ours.platform_index == theirs.platform_index  # the caps over all tenants
    with tenant_transaction(world.stranger.tenant_id) as session:
        tenant_id = world.stranger.tenant_id
        for wrong in (world.acme.tenant_id, tenant_id):
            with pytest.raises(NotFound):
                queries.get_contact_point(session, tenant_id=wrong, contact_point_id=ours.contact_point_id)
            with pytest.raises(NotFound):
                queries.reveal(session, tenant_id=wrong, contact_point_id=ours.contact_point_id)
            with pytest.raises(NotFound):
                queries.get_person(session, tenant_id=wrong, person_id=ours.person_id)
            ids = [ours.contact_point_id]
            assert queries.lock_contact_points(session, tenant_id=wrong, ids=ids) == []
            found = queries.find_contact_point(session, tenant_id=wrong, kind=EMAIL, value_index=ours.value_index)
            assert found is None


def test_contact_points_are_locked_in_the_order_of_their_ids(world: World) -> None:
    ids = [meet(world.acme, somebody()).contact_point_id for _ in range(5)]
    with tenant_transaction(world.acme.tenant_id) as session:
        locked = queries.lock_contact_points(session, tenant_id=world.acme.tenant_id, ids=list(reversed(ids)))
    assert [one.contact_point_id for one in locked] == sorted(ids)


def test_reveal_answers_the_address_as_it_was_written(world: World) -> None:
    email = "Hanako." + somebody()
    point = meet(world.acme, email)
    with tenant_transaction(world.acme.tenant_id) as session:
        got = queries.reveal(session, tenant_id=world.acme.tenant_id, contact_point_id=point.contact_point_id)
    assert got == email


def test_the_newest_word_about_a_channel_counts(world: World) -> None:
    point, episode_id = meet(world.acme, somebody()), new_id()
    tenant_id = world.acme.tenant_id

    def say(granted: bool, minute: int, *, by_episode: bool) -> None:
        with tenant_transaction(tenant_id) as session:
            actions.record_consent(
                session,
                tenant_id=tenant_id,
                channel=Channel.EMAIL,
                granted=granted,
                text="はい",
                source=EvidenceSource.BROWSER if by_episode else EvidenceSource.SERVER,
                given_at=NOW + timedelta(minutes=minute),
                now=NOW,
                episode_id=episode_id if by_episode else None,
                contact_point_id=None if by_episode else point.contact_point_id,
            )

    def newest(*, episode: bool = True, contact: bool = True, tenant: TenantWorld = world.acme) -> bool | None:
        with tenant_transaction(tenant.tenant_id) as session:
            found = queries.find_consent(
                session,
                tenant_id=tenant.tenant_id,
                channel=Channel.EMAIL,
                episode_id=episode_id if episode else None,
                contact_point_id=point.contact_point_id if contact else None,
            )
            return None if found is None else found.granted

    assert newest() is None
    say(True, 2, by_episode=True)
    say(False, 1, by_episode=False)
    assert newest() is True
    assert newest(episode=False) is False
    say(False, 3, by_episode=False)
    assert newest() is False
    assert newest(contact=False) is True
    assert newest(episode=False, contact=False) is None
    assert newest(tenant=world.stranger) is None


def test_g5_a_stop_closes_all_channels_of_its_contact_point_and_nobody_else_s(world: World) -> None:
    phone = "+819022220001"
    stop(world.acme, phone, PHONE, Channel.SMS, StopReason.REPLY)
    assert is_stopped(world.acme, phone, PHONE, "sms")
    assert is_stopped(world.acme, phone, PHONE, "call")
    assert not is_stopped(world.stranger, phone, PHONE, "sms")


def test_a_stop_said_twice_is_one_and_promised_once(world: World) -> None:
    email = somebody()
    first = stop(world.acme, email, EMAIL, Channel.EMAIL, StopReason.ONE_CLICK)
    again = stop(world.acme, email, EMAIL, Channel.EMAIL, StopReason.ONE_CLICK)
    other = stop(world.acme, email, EMAIL, Channel.EMAIL, StopReason.UNSUBSCRIBE_PAGE)
    assert first.stop_id == again.stop_id != other.stop_id


def test_rules_24_start_opens_what_that_channel_closed_and_a_refusal_stays(world: World) -> None:
    phone, tenant_id = "+819022220002", world.acme.tenant_id
    index = value_index(tenant_id, PHONE, phone)

    def start() -> Stop | None:
        with tenant_transaction(tenant_id) as session:
            return actions.reopen(
                session,
                tenant_id=tenant_id,
                kind=PHONE,
                value_index=index,
                via=Channel.SMS,
                source=EvidenceSource.REPLY,
                now=NOW + timedelta(minutes=1),
            )

    assert start() is None
    stop(world.acme, phone, PHONE, Channel.SMS, StopReason.REPLY)
    assert start() is not None
    assert not is_stopped(world.acme, phone, PHONE, "sms")
    stop(world.acme, phone, PHONE, Channel.CALL, StopReason.CALL_REFUSED)
    assert start() is None
    assert is_stopped(world.acme, phone, PHONE, "sms")


def test_g5_rules_18_a_stop_survives_the_erasure_of_its_value(world: World) -> None:
    email, tenant_id = somebody(), world.acme.tenant_id
    point = meet(world.acme, email)
    with tenant_transaction(tenant_id) as session:
        actions.erase_contact(
            session,
            tenant_id=tenant_id,
            kind=EMAIL,
            value_index=point.value_index,
            requested_by="key:1",
            now=NOW,
        )
    again = meet(world.acme, email)
    assert (again.contact_point_id, again.value, again.masked) == (point.contact_point_id, None, "•••")
    assert is_stopped(world.acme, email, EMAIL, "email")
    with tenant_transaction(tenant_id) as session, pytest.raises(NotFound):
        queries.reveal(session, tenant_id=tenant_id, contact_point_id=point.contact_point_id)


def test_an_order_marks_a_value_before_we_have_met_it(world: World) -> None:
    email, tenant_id = somebody(), world.acme.tenant_id
    with tenant_transaction(tenant_id) as session:
        [marked] = mark_all_ordered(session, tenant_id=tenant_id, values=[(EMAIL, email)], at=NOW, now=NOW)
    assert (marked.value, marked.masked) == (None, "•••")  # kept by its hash alone
    met = meet(world.acme, email)
    assert (met.contact_point_id, met.last_ordered_at) == (marked.contact_point_id, NOW)
    assert met.value is not None
    with tenant_transaction(tenant_id) as session:
        earlier = NOW - timedelta(days=1)
        [again] = mark_all_ordered(session, tenant_id=tenant_id, values=[(EMAIL, email)], at=earlier, now=NOW)
        person = queries.get_person(session, tenant_id=tenant_id, person_id=again.person_id)
        session.refresh(person)
        assert (again.last_ordered_at, person.last_ordered_at) == (NOW, NOW)


def test_a_dead_contact_point_keeps_its_first_reason(world: World) -> None:
    point, tenant_id = meet(world.acme, somebody()), world.acme.tenant_id
    for reason in ("550", "wrong_number"):
        with tenant_transaction(tenant_id) as session:
            mark_dead(session, tenant_id=tenant_id, contact_point_id=point.contact_point_id, reason=reason, now=NOW)
    with tenant_transaction(tenant_id) as session:
        kept = queries.get_contact_point(session, tenant_id=tenant_id, contact_point_id=point.contact_point_id)
        assert (kept.dead_at, kept.dead_reason) == (NOW, "550")


def test_a_browser_s_word_overwrites_no_name(world: World) -> None:
    point, tenant_id = meet(world.acme, somebody()), world.acme.tenant_id
    names = []
    for name, overwrite in (("花子", False), ("太郎", False), ("次郎", True)):
        with tenant_transaction(tenant_id) as session:
            name_person(session, tenant_id=tenant_id, person_id=point.person_id, name=name, overwrite=overwrite)
        with tenant_transaction(tenant_id) as session:
            names.append(reveal_name(session, tenant_id=tenant_id, person_id=point.person_id))
    assert names == ["花子", "花子", "次郎"]
