"""What the console asks: over the reader's tenants only, paged by key, in the order of the queue."""

from contextlib import suppress
from datetime import timedelta
from typing import cast

import pytest
from sqlalchemy import text

from modori.kernel.errors import NotFound
from modori.kernel.ids import LeadId, TenantId, UserId, new_id
from modori.leads.model import Arm, LeadState
from modori.people.model import Channel
from modori.reports.agency import queries as agency
from modori.reports.leads import queries as leads
from modori.reports.leads.queries import LeadFilter
from modori.reports.paging import Cursor, read_cursor
from modori.reports.queue import queries as queue
from modori.reports.results import queries as results
from modori.reports.scenarios import queries as scenarios
from modori.reports.statements import queries as statements
from modori.reports.timeline import queries as timeline
from modori.storage.db import ReadSession, read_transaction, tenant_transaction
from modori.tenants.audit import record_audit
from tests.consoleworld import ConsoleWorld, furnish, queue_call
from tests.leadworld import LeadWorld, make_lead
from tests.questions import change
from tests.world import NOW, World


@pytest.fixture
def acme(world: World) -> ConsoleWorld:
    return furnish(world.acme, now=NOW)


@pytest.fixture
def stranger(world: World) -> ConsoleWorld:
    return furnish(world.stranger, now=NOW)


def pages_of(world: World, wanted: LeadFilter, *, limit: int) -> list[list[LeadId]]:
    both = [world.acme.tenant_id, world.stranger.tenant_id]
    found: list[list[LeadId]] = []
    after: Cursor | None = None
    with read_transaction(both) as session:
        while page := leads.list_leads(session, tenant_ids=both, wanted=wanted, after=after, limit=limit):
            found.append([row.lead_id for row in page])
            after = Cursor(page[-1].made_at, page[-1].lead_id)
    return found


def test_leads_of_several_clients_are_paged_by_key_each_once(
    world: World, acme: ConsoleWorld, stranger: ConsoleWorld
) -> None:
    at_once = pages_of(world, LeadFilter(), limit=100)[0]
    for limit in (1, 2, 3):  # fewer than there are clients, as many, more
        paged = pages_of(world, LeadFilter(), limit=limit)
        assert [one for page in paged for one in page] == at_once
        assert max(map(len, paged)) == limit
    assert len(at_once) == len(set(at_once)) == 10


def test_leads_over_many_clients_are_those_of_the_whole_list(
    world: World, acme: ConsoleWorld, stranger: ConsoleWorld
) -> None:
    both = [world.acme.tenant_id, world.stranger.tenant_id]
    many = [*(TenantId(new_id()) for _ in range(leads.AT_A_TIME)), *both]  # ours lie in the second round
    for limit in (1, 3, 100):
        with read_transaction(many) as session:
            found = leads.list_leads(session, tenant_ids=many, wanted=LeadFilter(), after=None, limit=limit)
            assert [row.lead_id for row in found] == pages_of(world, LeadFilter(), limit=100)[0][:limit]
            assert len(leads.list_site_choices(session, tenant_ids=many)) == 2, "it sees all of its clients again"


def test_a_site_that_a_link_names_is_among_the_choices_however_many_there_are(world: World) -> None:
    class Undone(Exception):
        pass

    tenant_id, site_id = world.acme.tenant_id, world.acme.site_id
    with suppress(Undone), tenant_transaction(tenant_id) as session:
        session.connection().execute(
            text(
                "insert into site select (jsonb_populate_record(s, jsonb_build_object('site_id', gen_random_uuid(),"
                " 'name', '0 ' || n))).* from site s cross join generate_series(1, 500) as n where s.site_id = :one"
            ),
            {"one": site_id},
        )
        reading = cast(ReadSession, session)
        shown = leads.list_site_choices(reading, tenant_ids=[tenant_id])
        assert (len(shown), site_id in {one.site_id for one in shown}) == (500, False)
        shown = leads.list_site_choices(reading, tenant_ids=[tenant_id], chosen=str(site_id))
        assert (len(shown), shown[-1].site_id) == (500, site_id)
        raise Undone


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        (LeadFilter(), 5),
        (LeadFilter(state=LeadState.HELD), 1),
        (LeadFilter(state=LeadState.CONVERTED), 2),
        (LeadFilter(arm=Arm.HOLDOUT), 0),
        (LeadFilter(channel=Channel.CALL), 1),
        (LeadFilter(least_minor=4980), 5),
        (LeadFilter(least_minor=4981), 0),
        (LeadFilter(made_from_at=NOW), 3),  # the two with results were made three hours earlier
        (LeadFilter(made_before_at=NOW), 2),
        (LeadFilter(site_id=new_id()), 0),
    ],
)
def test_leads_are_narrowed(world: World, acme: ConsoleWorld, wanted: LeadFilter, count: int) -> None:
    assert sum(map(len, pages_of(world, wanted, limit=100))) == count


def test_g7_a_readers_transaction_shows_only_its_clients(
    world: World, acme: ConsoleWorld, stranger: ConsoleWorld
) -> None:
    ours, theirs = world.acme.tenant_id, world.stranger.tenant_id
    user_id = UserId(new_id())
    with read_transaction([ours]) as session:  # a list that was asked about both all the same
        both = [ours, theirs]
        seen = {
            row.tenant_id
            for row in leads.list_leads(session, tenant_ids=both, wanted=LeadFilter(), after=None, limit=99)
        }
        seen |= {row.tenant_id for row in queue.list_queue(session, tenant_ids=both, user_id=user_id, now=NOW)}
        seen |= {
            row.tenant_id for row in results.list_results(session, tenant_ids=both, state=None, after=None, limit=9)
        }
        seen |= {row.tenant_id for row in statements.list_months(session, tenant_ids=both)}
        seen |= {row.tenant_id for row in scenarios.list_scenarios(session, tenant_ids=both, after=None, limit=200)}
        assert seen == {ours}
        assert queue.count_waiting(session, tenant_ids=both, now=NOW) == 1
        with pytest.raises(NotFound):
            leads.get_lead_page(session, tenant_id=theirs, lead_id=stranger.call.lead_id)
        with pytest.raises(NotFound):
            results.get_result(session, tenant_id=theirs, result_id=stranger.pending_id)
        with pytest.raises(NotFound):
            scenarios.get_scenario_page(session, tenant_id=theirs, scenario_id=stranger.scenario_id)
        assert timeline.list_happened(session, tenant_id=theirs, lead_id=stranger.sent.lead.lead_id) == []
        assert timeline.list_happened(session, tenant_id=ours, lead_id=stranger.sent.lead.lead_id) == []


def test_the_queue_stands_in_the_order_in_which_next_takes_it(world: World) -> None:
    user_id = world.users[next(iter(world.users))].user_id
    cheap, dear, old = (call(world, minutes) for minutes in (1, 2, 3))
    tenant_id = world.acme.tenant_id
    change(tenant_id, "update call_task set value_minor = 9000 where lead_id = :id", id=dear.lead_id)
    later = call(world, 4)
    change(tenant_id, "update call_task set due_at = due_at + interval '1 day' where lead_id = :id", id=later.lead_id)
    promised = call(world, 5)
    change(
        tenant_id, "update call_task set is_callback = true, value_minor = 1 where lead_id = :id", id=promised.lead_id
    )
    with read_transaction([tenant_id]) as session:
        rows = queue.list_queue(session, tenant_ids=[tenant_id], user_id=user_id, now=NOW)
    assert [row.lead_id for row in rows] == [one.lead_id for one in (promised, dear, old, cheap)]
    mine = rows[-1]
    change(
        tenant_id,
        "update call_task set state = 'claimed', claimed_by = :me, claimed_until = now() where lead_id = :id",
        me=user_id,
        id=mine.lead_id,
    )
    with read_transaction([tenant_id]) as session:
        rows = queue.list_queue(session, tenant_ids=[tenant_id], user_id=user_id, now=NOW)
        others = queue.list_queue(session, tenant_ids=[tenant_id], user_id=UserId(new_id()), now=NOW)
    assert (rows[0].lead_id, rows[0].is_mine) == (mine.lead_id, True)
    assert mine.lead_id not in {row.lead_id for row in others}


@pytest.mark.parametrize("table", ["site", "tenant"])
def test_the_queue_marks_whom_the_gate_would_not_let_dial(world: World, table: str) -> None:
    call(world, 1)
    tenant_id, user_id = world.acme.tenant_id, UserId(new_id())

    def marks() -> list[bool]:
        with read_transaction([tenant_id]) as session:
            rows = queue.list_queue(session, tenant_ids=[tenant_id], user_id=user_id, now=NOW)
        return [row.is_stopped for row in rows]

    assert marks() == [False]
    change(tenant_id, f"update {table} set sending_stopped_at = now(), sending_stopped_reason = 'x'")
    assert marks() == [True]


def test_the_audit_of_several_clients_is_paged_newest_first_each_once(world: World) -> None:
    ours, theirs = world.acme.tenant_id, world.stranger.tenant_id
    for number in range(7):
        tenant_id = ours if number % 2 else theirs
        with tenant_transaction(tenant_id) as session:
            record_audit(
                session,
                tenant_id=tenant_id,
                user_id=None,
                action="site.changed",
                subject_kind="site",
                subject_id=str(number),
                detail={},
                now=NOW + timedelta(minutes=number),
            )

    def page(after: Cursor | None, tenant_ids: list[TenantId]) -> list[agency.AuditRow]:
        with read_transaction(tenant_ids) as session:
            return agency.list_audit(session, tenant_ids=tenant_ids, after=after, limit=4)

    first = page(None, [ours, theirs])
    second = page(Cursor(first[-1].at, first[-1].audit_id), [ours, theirs])
    assert [row.subject_id for row in (*first, *second)] == list("6543210")
    assert [row.subject_id for row in page(None, [ours])] == list("531")


def call(world: World, minutes_ago: int) -> LeadWorld:
    made = make_lead(world.acme, channel=Channel.CALL, now=NOW - timedelta(minutes=minutes_ago))
    queue_call(made, now=NOW - timedelta(minutes=minutes_ago))
    return made


@pytest.mark.parametrize(
    "text",
    ["x", "2026-11-18", "2026-11-18T00:00:00_x", "2026-11-18T00:00:00_01a20110-9a0f-74a9-b882-ed05b35669d9"],
)
def test_a_cursor_that_we_did_not_write_leads_nowhere(text: str) -> None:
    with pytest.raises(NotFound):
        read_cursor(text)


def test_a_cursor_is_read_as_it_was_written() -> None:
    cursor = Cursor(NOW, new_id())
    assert read_cursor(str(cursor)) == cursor
    assert read_cursor("") is None
