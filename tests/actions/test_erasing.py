"""A person is erased whole: what names them goes, what proves what we did stays (RULES 18, G2, G5, G9, G13)."""

from datetime import timedelta
from typing import Any

import pytest

from modori.billing import actions as billing
from modori.billing import ledger
from modori.kernel.errors import NotFound
from modori.kernel.ids import LeadId, ResultId, TenantId
from modori.leads.model import LeadState
from modori.outreach.erasing import erase_person
from modori.people import queries as people_queries
from modori.people.model import Channel, ContactKind
from modori.people.naming import reveal_name
from modori.people.rules import standing_stop
from modori.people.values import value_index
from modori.sending import actions as sending
from modori.storage.db import tenant_transaction
from tests.captureworld import abandon, add_route, cart, consent, form, new_visitor, somebody, take, the_episode
from tests.consoleworld import name_lead
from tests.leadworld import LeadWorld, make_lead
from tests.orderworld import CONTENT, click, lead_of, make_contract, place, result_of, send, settle
from tests.questions import ask_one, change
from tests.world import NOW, TenantWorld, World

DAY = timedelta(days=1)


def erase(lead: LeadWorld, *, tenant: TenantWorld | None = None, settled: bool = True) -> int:
    """Erase the lead's person, and let follow what follows. Returns how many contact points were erased."""
    tenant_id = (tenant or lead.tenant).tenant_id
    with tenant_transaction(tenant_id) as session:
        erased = erase_person(
            session, tenant_id=tenant_id, lead_id=LeadId(lead.lead_id), requested_by="user:test", now=NOW + DAY
        )
    if settled:
        settle([lead.tenant], now=NOW + DAY)
    return len(erased)


def one(lead: LeadWorld, question: str) -> Any:
    return ask_one(lead.tenant.tenant_id, question, lead=lead.lead_id, point=lead.contact_point_id)


def is_stopped(tenant_id: TenantId, value: str, channel: Channel = Channel.EMAIL) -> bool:
    kind = ContactKind.EMAIL if channel is Channel.EMAIL else ContactKind.PHONE
    key = (kind, value_index(tenant_id, kind, value))
    with tenant_transaction(tenant_id) as session:
        return (
            standing_stop(people_queries.list_stops(session, tenant_id=tenant_id, indexes=[key])[key], channel)
            is not None
        )


def test_g13_the_name_the_address_and_what_was_written_go(world: World) -> None:
    lead = make_lead(world.acme)
    name_lead(lead, "山田 花子")
    send(lead)
    assert erase(lead) == 1
    assert one(
        lead, "select value is null and masked not like '%@%' from contact_point where contact_point_id = :point"
    )
    assert one(
        lead,
        "select p.name is null and p.erased_at is not null from person p join lead using (tenant_id, person_id)"
        " where lead_id = :lead",
    )
    assert one(lead, "select subject is null and content is null from delivery where lead_id = :lead")
    assert lead_of(lead).state in (LeadState.ERASED, LeadState.STOPPED)


def test_all_that_belongs_to_the_person_goes_and_every_lead_of_theirs_ends(world: World) -> None:
    """Asked for on the page of a lead that has ended: what it typed, a telephone, and the lead that is open now."""
    email, tel, visitor, tenant_id = somebody(), "+819087654321", new_visitor(), world.acme.tenant_id
    add_route(world.acme)
    typed = [
        cart(world.acme, visitor=visitor),
        form(world.acme, visitor=visitor, email=email, tel=tel, name="山田花子"),
        consent(world.acme, "email", visitor=visitor),
    ]
    take(world.acme, typed)
    ended = abandon(world.acme, visitor)
    settle([world.acme], now=NOW)  # its scenario has no step
    assert the_episode(world.acme, visitor).form_fields is not None
    lead = make_lead(world.acme, value=email)
    with tenant_transaction(tenant_id) as session:
        erased = erase_person(
            session, tenant_id=tenant_id, lead_id=LeadId(ended.lead_id), requested_by="user:test", now=NOW
        )
    assert len(erased) == 2
    settle([world.acme], now=NOW)
    assert is_stopped(tenant_id, email)
    assert is_stopped(tenant_id, tel, Channel.SMS)
    assert the_episode(world.acme, visitor).form_fields is None
    assert lead_of(lead).state in (LeadState.ERASED, LeadState.STOPPED)
    assert one(lead, "select state from touch where lead_id = :lead") == "cancelled"
    with tenant_transaction(tenant_id) as session:
        assert reveal_name(session, tenant_id=tenant_id, person_id=ended.person_id) is None


def test_g2_nothing_begins_once_the_erasure_is_committed(world: World) -> None:
    """Before anything has followed from it."""
    lead = make_lead(world.acme)
    erase(lead, settled=False)
    with tenant_transaction(world.acme.tenant_id) as session:
        answer = sending.begin_touch(
            session, tenant_id=world.acme.tenant_id, touch_id=lead.touch_id, content=CONTENT, deadline_s=30, now=NOW
        )
    assert isinstance(answer, sending.Denied)
    assert answer.reason.value in ("erased", "stopped")


def test_g5_an_address_that_is_typed_again_stays_erased_and_makes_no_lead(world: World) -> None:
    lead = make_lead(world.acme)
    erase(lead)
    add_route(world.acme)
    visitor = new_visitor()
    again = [
        cart(world.acme, visitor=visitor),
        form(world.acme, visitor=visitor, email=lead.value),
        consent(world.acme, "email", visitor=visitor),
    ]
    take(world.acme, again)
    assert not hasattr(abandon(world.acme, visitor), "lead_id")
    assert one(lead, "select value is null from contact_point where contact_point_id = :point")


def test_g9_receipts_digests_and_the_ledgers_chain_stay_as_they_were(world: World) -> None:
    make_contract(world.acme, hold_s=0)
    lead = make_lead(world.acme)
    click(lead, send(lead), now=NOW + timedelta(minutes=10))
    order = place(world.acme, now=NOW + timedelta(hours=1), email=lead.value)
    result = result_of(world.acme, order)
    assert result is not None
    tenant_id = world.acme.tenant_id
    with tenant_transaction(tenant_id) as session:
        result_id = ResultId(result.result_id)
        billing.release_result(session, tenant_id=tenant_id, result_id=result_id, now=NOW + timedelta(hours=2))
        billing.approve_result(
            session, tenant_id=tenant_id, result_id=result_id, user_id=None, now=NOW + timedelta(hours=3)
        )
    evidence = (
        "select jsonb_build_array((select jsonb_agg(to_jsonb(r)) from receipt r where r.touch_id ="
        " (select touch_id from touch where lead_id = :lead)), (select encode(content_digest, 'hex') from delivery"
        " where lead_id = :lead), (select jsonb_agg(to_jsonb(c)) from consent c), (select jsonb_agg(to_jsonb(e))"
        " from ledger_entry e))"
    )
    before = one(lead, evidence)
    erase(lead)
    assert one(lead, evidence) == before
    assert all(before)
    with tenant_transaction(tenant_id) as session:
        assert ledger.verify_chain(session, tenant_id=tenant_id) is None
        replayed = ledger.replay_month(session, tenant_id=tenant_id, month_on=NOW.date().replace(day=1))
    assert replayed.net_minor == replayed.entered_net_minor > 0
    assert replayed.differences == ()


def test_a_second_call_erases_none_and_another_contact_is_not_touched(world: World) -> None:
    lead, other = make_lead(world.acme), make_lead(world.acme)
    assert [erase(lead), erase(lead)] == [1, 0]
    assert one(lead, "select count(*) from erasure") == 1
    assert one(other, "select value is not null from contact_point where contact_point_id = :point")
    assert lead_of(other).state is LeadState.ACTIVE


def test_every_episode_of_the_person_is_emptied_however_many_there_are(world: World) -> None:
    """More than one round of the query reads."""
    lead = make_lead(world.acme)
    tenant_id, number = world.acme.tenant_id, 1_100
    change(
        tenant_id,
        "with made as (insert into episode (tenant_id, episode_id, site_id, visitor, state, started_at,"
        " last_activity_at, items, form_fields) select tenant_id, gen_random_uuid(), site_id, 'v' || n, 'expired',"
        " started_at, last_activity_at, '[]', decode('00', 'hex') from episode, generate_series(1, :number) n"
        " where episode_id = :id returning tenant_id, episode_id)"
        " insert into episode_contact (tenant_id, episode_id, contact_point_id, source, captured_at)"
        " select tenant_id, episode_id, :point, 'form', now() from made",
        number=number,
        id=lead.episode_id,
        point=lead.contact_point_id,
    )
    assert one(lead, "select count(*) from episode where form_fields is not null") == number
    erase(lead, settled=False)
    assert one(lead, "select count(*) from episode where form_fields is not null") == 0


def test_g7_a_strangers_person_is_not_found_and_the_same_address_elsewhere_stays(world: World) -> None:
    theirs = make_lead(world.stranger)
    ours = make_lead(world.acme, value=theirs.value)
    with pytest.raises(NotFound):
        erase(theirs, tenant=world.acme, settled=False)
    erase(ours)
    assert one(theirs, "select value is not null from contact_point where contact_point_id = :point")
    assert not is_stopped(world.stranger.tenant_id, theirs.value)
