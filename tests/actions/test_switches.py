"""The switch of one channel, of one client and of every client, as the gate heeds it. A database of the module's own:
the agency's switch is everybody's."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest

from modori.calls import actions as calls
from modori.kernel.digest import content_digest
from modori.kernel.ids import CallTaskId, TenantId
from modori.people.model import Channel
from modori.reports.switches import queries as reports
from modori.sending import actions as sending
from modori.sending.ports import Permit
from modori.sending.rules import Reason
from modori.sending.switches import actions
from modori.storage.db import agency_transaction, read_transaction, tenant_transaction
from modori.storage.roles import DatabaseUrls
from modori.tenants.model import Role
from tests.leadworld import ITEMS, LeadWorld, make_lead
from tests.orderworld import queued_task, start
from tests.questions import ask_one, change
from tests.world import NOW, TenantWorld, World, connect, make_world

CONTENT = sending.Content("件名", "本文", content_digest(ITEMS, 4980, "JPY"), parts=None, costs=None)


@pytest.fixture(scope="module")
def _own(clone_database: Callable[[], DatabaseUrls]) -> DatabaseUrls:
    return clone_database()


@pytest.fixture
def world(_own: DatabaseUrls, database_urls: DatabaseUrls) -> Iterator[World]:
    connect(_own)
    yield make_world()
    with agency_transaction() as session:
        for channel in Channel:
            actions.resume_channel(session, tenant_id=None, channel=channel, user_id=None, now=NOW)
    connect(database_urls)


def stop(tenant: TenantWorld | None, channel: Channel, reason: str = "苦情") -> bool:
    tenant_id = None if tenant is None else tenant.tenant_id
    with tenant_transaction(tenant_id) if tenant_id else agency_transaction() as session:
        return actions.stop_channel(session, tenant_id=tenant_id, channel=channel, reason=reason, user_id=None, now=NOW)


def resume(tenant: TenantWorld | None, channel: Channel | None) -> bool:
    tenant_id = None if tenant is None else tenant.tenant_id
    with tenant_transaction(tenant_id) if tenant_id else agency_transaction() as session:
        return actions.resume_channel(session, tenant_id=tenant_id, channel=channel, user_id=None, now=NOW)


def begin(lead: LeadWorld) -> Permit | sending.Denied | sending.Deferred | sending.NotClaimed:
    tenant_id = lead.tenant.tenant_id
    change(tenant_id, "update touch set state = 'claimed', claimed_at = now() where touch_id = :id", id=lead.touch_id)
    with tenant_transaction(tenant_id) as session:
        return sending.begin_touch(
            session, tenant_id=tenant_id, touch_id=lead.touch_id, content=CONTENT, deadline_s=30, now=NOW
        )


def said_off(lead: LeadWorld) -> Any:
    """Which switches the newest receipt of a lead's touch names."""
    return ask_one(
        lead.tenant.tenant_id,
        "select facts -> 'switches' from receipt where touch_id = :id order by judged_at desc, receipt_id desc limit 1",
        id=lead.touch_id,
    )


def is_off(answer: object) -> bool:
    return isinstance(answer, sending.Deferred) and answer.reason is Reason.KILL_SWITCH


def test_a_clients_switch_stops_its_channel_and_nothing_else(world: World) -> None:
    sms, email = make_lead(world.acme, channel=Channel.SMS), make_lead(world.acme, channel=Channel.EMAIL)
    theirs = make_lead(world.stranger, channel=Channel.SMS)
    assert stop(world.acme, Channel.SMS)
    assert is_off(begin(sms))
    assert said_off(sms) == ["channel"]
    assert isinstance(begin(email), Permit)
    assert isinstance(begin(theirs), Permit)
    assert resume(world.acme, Channel.SMS)
    assert isinstance(begin(sms), Permit)
    assert said_off(sms) == []


def test_the_agencys_switch_stops_a_channel_of_every_client(world: World) -> None:
    leads = [make_lead(tenant, channel=Channel.SMS) for tenant in (world.acme, world.stranger)]
    email = make_lead(world.acme, channel=Channel.EMAIL)
    assert stop(None, Channel.SMS)
    assert [is_off(begin(lead)) for lead in leads] == [True, True]
    assert [said_off(lead) for lead in leads] == [["agency_channel"], ["agency_channel"]]
    assert isinstance(begin(email), Permit)
    stop(world.acme, Channel.SMS)
    assert resume(None, Channel.SMS)
    assert is_off(begin(leads[0])), "the client's own switch is still thrown"
    assert isinstance(begin(leads[1]), Permit)


def test_a_stopped_channel_of_calls_lets_nobody_be_dialled_or_bridged(world: World) -> None:
    lead = make_lead(world.acme, channel=Channel.CALL)
    task_id = CallTaskId(queued_task(lead).call_task_id)
    user_id, tenant_id = world.users[Role.OPERATOR].user_id, world.acme.tenant_id
    with tenant_transaction(tenant_id) as session:
        assert calls.claim(session, tenant_id=tenant_id, task_id=task_id, user_id=user_id) is not None
    started = start(lead, task_id, user_id)
    stop(world.acme, Channel.CALL)
    with tenant_transaction(tenant_id) as session:
        bridge = calls.answer_bridge(session, tenant_id=tenant_id, call_id=started.call_id, now=NOW)
    assert (bridge.allowed, bridge.reason) == (False, "kill_switch")
    with tenant_transaction(tenant_id) as session:
        refused = calls.start_call(
            session,
            tenant_id=tenant_id,
            task_id=task_id,
            user_id=user_id,
            deadline_s=30,
            costs=None,
            now=NOW + timedelta(hours=2),
        )
    assert isinstance(refused, calls.DialRefused)
    assert refused.reason == "kill_switch"
    assert refused.until_at is not None


def test_thrown_twice_the_first_reason_stays_and_released_twice_is_no_error(world: World) -> None:
    assert [stop(world.acme, Channel.SMS, "first"), stop(world.acme, Channel.SMS, "second")] == [True, False]
    assert [one.reason for one in engaged(world.acme.tenant_id)] == ["first"]
    assert [resume(world.acme, Channel.SMS), resume(world.acme, Channel.SMS)] == [True, False]
    assert stop(world.acme, Channel.SMS, "third")
    assert [one.reason for one in engaged(world.acme.tenant_id)] == ["third"]
    assert [stop(None, Channel.SMS), stop(None, Channel.SMS)] == [True, False]


def test_thrown_by_two_at_once_it_is_thrown_once(world: World) -> None:
    for tenant in (world.acme, None):
        ready = Barrier(4)

        def throw(number: int, tenant: TenantWorld | None = tenant, ready: Barrier = ready) -> bool:
            ready.wait(30)
            return stop(tenant, Channel.EMAIL, str(number))

        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(throw, range(4))) == 1


def test_g7_a_stranger_sees_and_releases_nothing(world: World) -> None:
    stop(world.acme, Channel.SMS)
    assert engaged(world.stranger.tenant_id) == []
    with tenant_transaction(world.stranger.tenant_id) as session:
        for tenant_id in (world.acme.tenant_id, world.stranger.tenant_id):
            assert not actions.resume_channel(session, tenant_id=tenant_id, channel=Channel.SMS, user_id=None, now=NOW)
    with read_transaction([world.stranger.tenant_id]) as session:
        assert reports.list_engaged(session, tenant_ids=[world.acme.tenant_id]) == []
        assert reports.count_due(session, tenant_id=world.acme.tenant_id, until=NOW + timedelta(days=9)) == {}
    assert len(engaged(world.acme.tenant_id)) == 1


def test_a_switch_of_all_channels_is_shown_and_can_be_released(world: World) -> None:
    """Only the database's owner can have thrown it."""
    lead = make_lead(world.acme, channel=Channel.EMAIL)
    change(
        world.acme.tenant_id,
        "insert into kill_switch (tenant_id, switch_id, engaged_at, reason)"
        " values (:id, gen_random_uuid(), now(), 'by hand')",
        id=world.acme.tenant_id,
    )
    assert is_off(begin(lead))
    assert [(one.channel, one.reason) for one in engaged(world.acme.tenant_id)] == [(None, "by hand")]
    assert resume(world.acme, None)
    assert isinstance(begin(lead), Permit)


def test_what_waits_for_a_channel_is_counted(world: World) -> None:
    make_lead(world.acme, channel=Channel.SMS)
    change(world.acme.tenant_id, "update touch set state = 'planned', due_at = :at", at=NOW + timedelta(hours=3))
    with read_transaction([world.acme.tenant_id]) as session:
        for hours, expected in ((2, {}), (3, {Channel.SMS: 1})):
            until = NOW + timedelta(hours=hours)
            assert reports.count_due(session, tenant_id=world.acme.tenant_id, until=until) == expected


def engaged(tenant_id: TenantId) -> list[reports.Engaged]:
    with read_transaction([tenant_id]) as session:
        return reports.list_engaged(session, tenant_ids=[tenant_id])
