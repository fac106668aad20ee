"""What was captured, said and sent goes when we say it goes, and what must stay stays (RULES 3, 7, 9, 15; G5, G9)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from modori.billing import actions as billing
from modori.billing import ledger
from modori.capture.forgetting.actions import Choice, record_choice
from modori.channels import actions as channels
from modori.kernel import clock
from modori.kernel.ids import ResultId, TenantId
from modori.kernel.masking import DOTS
from modori.outreach.retention.actions import forget_past, release_contacts
from modori.outreach.retention.rules import EVIDENCE, TYPED, horizons
from modori.outreach.retention.scans import forget_past_retention
from modori.people import actions as people
from modori.people import queries as people_queries
from modori.people.model import Channel, ContactKind, EvidenceSource, StopReason
from modori.people.rules import standing_stop
from modori.people.values import value_index
from modori.storage.db import tenant_transaction
from tests.captureworld import cart, form, new_visitor, somebody, take, the_episode
from tests.consoleworld import name_lead
from tests.leadworld import LeadWorld, make_lead
from tests.orderworld import click, make_contract, place, result_of, send, talked_lead
from tests.questions import ask_one, change
from tests.world import NOW, TenantWorld, World

DAY = timedelta(days=1)
DAYS = 400
LONG_AGO = NOW - timedelta(days=5 * 365)
"""A Friday. Evidence cannot be deleted before its time by the database's own clock, which no test moves."""
PAST_CAPTURE = LONG_AGO + (DAYS + 2) * DAY
PAST_EVIDENCE = LONG_AGO + EVIDENCE + 2 * DAY


def forget(tenant: TenantWorld, *, now: datetime) -> dict[str, int]:
    """Do rounds of retention until nothing is left to do. Returns how many of each kind went."""
    total: dict[str, int] = {}
    for _ in range(20):
        with tenant_transaction(tenant.tenant_id) as session:
            gone = forget_past(
                session, tenant_id=tenant.tenant_id, since=horizons(now, captured_days=DAYS), now=now, limit=3
            )
        with tenant_transaction(tenant.tenant_id) as session:
            looked_at, points = release_contacts(
                session, tenant_id=tenant.tenant_id, captured_days=DAYS, now=now, limit=3
            )
        for what, count in {**gone, "contact_points": points}.items():
            total[what] = total.get(what, 0) + count
        if not any(gone.values()) and not looked_at:
            return {what: count for what, count in total.items() if count}
    raise AssertionError(f"no end: {total}")


def one(lead: LeadWorld, question: str) -> Any:
    return ask_one(lead.tenant.tenant_id, question, lead=lead.lead_id, point=lead.contact_point_id)


def end(lead: LeadWorld, *, of_lead: str = "exhausted", of_episode: str = "expired") -> None:
    """Let time end a lead and its episode."""
    change(lead.tenant.tenant_id, f"update lead set state = '{of_lead}' where lead_id = :lead", lead=lead.lead_id)
    change(
        lead.tenant.tenant_id,
        f"update episode set state = '{of_episode}', due_at = null where episode_id = :one",
        one=lead.episode_id,
    )


def is_readable(lead: LeadWorld) -> bool:
    return bool(one(lead, "select value is not null from contact_point where contact_point_id = :point"))


def is_stopped(tenant_id: TenantId, value: str) -> bool:
    key = (ContactKind.EMAIL, value_index(tenant_id, ContactKind.EMAIL, value))
    with tenant_transaction(tenant_id) as session:
        facts = people_queries.list_stops(session, tenant_id=tenant_id, indexes=[key])[key]
    return standing_stop(facts, Channel.EMAIL) is not None


def test_rules_15_what_was_captured_goes_at_its_time_and_not_before(world: World) -> None:
    visitor, email = new_visitor(), somebody()
    events = [
        cart(world.acme, visitor=visitor, at=LONG_AGO),
        form(world.acme, visitor=visitor, at=LONG_AGO, email=email, tel="090-3333-4444", name="山田花子"),
    ]
    for tenant in (world.acme, world.stranger):
        take(tenant, [one | {"page": {"url": f"{tenant.origin}/"}} for one in events[1:]], now=LONG_AGO)
    take(world.acme, events[:1], now=LONG_AGO)
    episode_id = the_episode(world.acme, visitor).episode_id
    change(world.acme.tenant_id, "update episode set state = 'expired'")
    what = (
        "select jsonb_build_array(e.items <> '[]', e.form_fields is not null, e.person_id is not null, e.visitor is not"
        " null, (select count(*) from episode_contact), (select count(*) from contact_point where value is not null),"
        " (select count(*) from person where name is not null), e.cart_minor) from episode e"
    )
    kept = [True, True, True, True, 2, 2, 1, 4980]

    assert forget(world.acme, now=PAST_CAPTURE - 3 * DAY) == {}
    assert ask_one(world.acme.tenant_id, what) == kept
    assert forget(world.acme, now=PAST_CAPTURE) == {"episodes": 1, "contact_points": 2, "visitors": 1}
    assert ask_one(world.acme.tenant_id, what) == [False, False, False, False, 0, 0, 0, 4980]
    assert ask_one(world.acme.tenant_id, "select string_agg(distinct masked, '') from contact_point") == DOTS
    assert ask_one(world.acme.tenant_id, "select forgotten_at from episode where episode_id = :id", id=episode_id)
    assert forget(world.acme, now=PAST_CAPTURE) == {}
    assert ask_one(world.stranger.tenant_id, "select count(*) from contact_point where value is not null") == 2


def test_a_lead_in_progress_is_not_touched_however_old_it_is(world: World) -> None:
    lead = make_lead(world.acme, now=LONG_AGO)
    end(lead, of_lead="active")
    assert forget(world.acme, now=PAST_EVIDENCE) == {"consents": 1}  # nothing was ever sent under it
    assert is_readable(lead)
    assert one(lead, "select items <> '[]' and person_id is not null from episode")
    end(lead)
    assert forget(world.acme, now=PAST_EVIDENCE + 2 * DAY) == {"episodes": 1, "contact_points": 1}
    assert not is_readable(lead)


@pytest.mark.parametrize("state", ["open", "abandoned"])
def test_an_episode_that_still_runs_is_not_touched(world: World, state: str) -> None:
    lead = make_lead(world.acme, now=LONG_AGO)
    end(lead, of_episode=state)
    assert "episodes" not in forget(world.acme, now=PAST_EVIDENCE)
    assert is_readable(lead)


def test_activity_and_orders_count_and_not_the_beginning(world: World) -> None:
    busy = make_lead(world.acme, now=LONG_AGO, last_activity_at=LONG_AGO + 90 * DAY)
    bought = make_lead(world.acme, now=LONG_AGO, ordered_at=LONG_AGO + 90 * DAY)
    end(busy)
    end(bought, of_lead="converted", of_episode="ordered")
    assert "episodes" not in forget(world.acme, now=PAST_CAPTURE)
    assert forget(world.acme, now=PAST_CAPTURE + 90 * DAY)["episodes"] == 2


def test_rules_7_9_to_whom_we_wrote_is_known_for_three_years_and_no_longer(world: World) -> None:
    lead = make_lead(world.acme, now=LONG_AGO)
    send(lead, now=LONG_AGO)
    name_lead(lead, "山田 花子")
    end(lead)
    assert forget(world.acme, now=PAST_CAPTURE) == {"episodes": 1}
    assert is_readable(lead)
    assert one(lead, "select content is not null from delivery")
    assert forget(world.acme, now=PAST_EVIDENCE) == {"texts": 1, "consents": 1, "contact_points": 1}
    assert not is_readable(lead)
    assert one(lead, "select count(*) from delivery where content is null and subject is null and state = 'accepted'")
    assert one(lead, "select count(*) from person where name is null") == 1
    assert one(lead, "select count(*) from receipt") == 1


def test_g5_a_stop_outlives_the_value_and_the_person_may_be_met_again(world: World) -> None:
    lead = make_lead(world.acme, now=LONG_AGO)
    tenant_id = world.acme.tenant_id
    with tenant_transaction(tenant_id) as session:
        people.record_stop(
            session,
            tenant_id=tenant_id,
            kind=ContactKind.EMAIL,
            value_index=value_index(tenant_id, ContactKind.EMAIL, lead.value),
            via=Channel.EMAIL,
            reason=StopReason.ONE_CLICK,
            source=EvidenceSource.LINK,
            now=LONG_AGO,
        )
    end(lead, of_lead="stopped")
    forget(world.acme, now=PAST_EVIDENCE)
    assert not is_readable(lead)
    assert is_stopped(tenant_id, lead.value)
    take(world.acme, [form(world.acme, visitor=new_visitor(), email=lead.value)])
    assert is_readable(lead)
    assert is_stopped(tenant_id, lead.value)


def test_rules_3_a_withdrawal_stays_and_a_grant_while_it_is_used(world: World) -> None:
    old, used, refused = (make_lead(world.acme, now=LONG_AGO, consent=granted) for granted in (True, True, False))
    send(used, now=LONG_AGO)
    change(world.acme.tenant_id, "update delivery set begun_at = begun_at + interval '2 years'")
    for lead in (old, used, refused):
        end(lead)
    assert forget(world.acme, now=PAST_EVIDENCE)["consents"] == 1
    left = "select string_agg(episode_id::text, ' ' order by episode_id) from consent"
    assert one(old, left) == " ".join(sorted(str(lead.episode_id) for lead in (used, refused)))
    assert [is_readable(lead) for lead in (old, used, refused)] == [False, True, False]


@pytest.mark.parametrize("table", ["consent", "capture_choice"])
def test_young_evidence_cannot_be_deleted_by_anybody(world: World, table: str) -> None:
    visitor = new_visitor()
    make_lead(world.acme, now=datetime.now(UTC))
    choose(world.acme, visitor, granted=True, at=datetime.now(UTC))
    with pytest.raises(IntegrityError, match="never change"):
        change(world.acme.tenant_id, f"delete from {table}")


def choose(tenant: TenantWorld, visitor: str, *, granted: bool, at: datetime) -> None:
    choice = Choice(tenant.site_id, visitor, granted=granted, text="記録しない", control=None, page_url=None, at=at)
    with tenant_transaction(tenant.tenant_id) as session:
        record_choice(session, tenant_id=tenant.tenant_id, choice=choice, now=at)


def test_a_browser_is_forgotten_and_its_refusal_is_not(world: World) -> None:
    gone, refusing, back, loyal = (new_visitor() for _ in range(4))
    for visitor, granted in ((gone, True), (refusing, False), (back, False), (loyal, True)):
        choose(world.acme, visitor, granted=granted, at=LONG_AGO)
    choose(world.acme, back, granted=True, at=LONG_AGO + DAY)
    mark = "update visitor set last_ordered_at = :at where visitor = :visitor"
    change(world.acme.tenant_id, mark, at=PAST_EVIDENCE - DAY, visitor=loyal)
    assert forget(world.acme, now=PAST_CAPTURE) == {"visitors": 2}
    assert forget(world.acme, now=PAST_EVIDENCE) == {"choices": 5}
    left = ask_one(world.acme.tenant_id, "select array_agg(visitor order by visitor) from visitor")
    assert left == sorted([refusing, loyal])


def test_what_people_wrote_to_us_and_what_was_noted_of_them_go(world: World) -> None:
    lead = make_lead(world.acme, channel=Channel.SMS, now=LONG_AGO)
    called = talked_lead(world.acme, next(iter(world.users.values())).user_id, now=LONG_AGO)
    change(world.acme.tenant_id, "update call set note = 'sealed'")
    with tenant_transaction(world.acme.tenant_id) as session:
        channels.take_reply(
            session,
            tenant_id=world.acme.tenant_id,
            from_e164=lead.value,
            body="停止",
            provider_ref="SM1",
            now=LONG_AGO,
        )
    for each in (lead, called):
        end(each)
    assert forget(world.acme, now=PAST_CAPTURE - 4 * DAY) == {}
    gone = forget(world.acme, now=PAST_CAPTURE)
    assert (gone["replies"], gone["notes"]) == (1, 1)
    assert one(lead, "select count(*) from reply where content = '' and effect = 'stop'") == 1
    assert one(called, "select count(*) from call where note is null and disposition is not null") == 1


def test_g9_ledger_and_proofs_stay_as_they_were(world: World) -> None:
    make_contract(world.acme, now=LONG_AGO, hold_s=0)
    lead = make_lead(world.acme, now=LONG_AGO)
    click(lead, send(lead, now=LONG_AGO), now=LONG_AGO + timedelta(minutes=10))
    order = place(world.acme, now=LONG_AGO + timedelta(hours=1), email=lead.value)
    result = result_of(world.acme, order)
    assert result is not None
    tenant_id, result_id = world.acme.tenant_id, ResultId(result.result_id)
    with tenant_transaction(tenant_id) as session:
        billing.release_result(session, tenant_id=tenant_id, result_id=result_id, now=LONG_AGO + timedelta(hours=2))
        billing.approve_result(
            session, tenant_id=tenant_id, result_id=result_id, user_id=None, now=LONG_AGO + timedelta(hours=3)
        )
    proof = "select jsonb_build_array((select proof from result), (select jsonb_agg(to_jsonb(e)) from ledger_entry e))"
    before = one(lead, proof)
    gone = forget(world.acme, now=PAST_EVIDENCE)
    assert {"episodes", "contact_points", "texts", "consents"} <= set(gone)
    assert one(lead, proof) == before
    with tenant_transaction(tenant_id) as session:
        assert ledger.verify_chain(session, tenant_id=tenant_id) is None
        replayed = ledger.replay_month(session, tenant_id=tenant_id, month_on=LONG_AGO.date().replace(day=1))
    assert replayed.net_minor == replayed.entered_net_minor > 0
    assert replayed.differences == ()


def test_an_address_that_was_corrected_goes_after_a_month(world: World) -> None:
    visitor, right = new_visitor(), somebody()
    for typed, at in (("x" + right, LONG_AGO), (right, LONG_AGO + DAY)):
        take(world.acme, [form(world.acme, visitor=visitor, at=at, email=typed)], now=at)
    assert forget(world.acme, now=LONG_AGO + TYPED - DAY) == {}
    assert forget(world.acme, now=LONG_AGO + TYPED + DAY) == {"contact_points": 1}
    left = people_index(world.acme, right)
    assert ask_one(world.acme.tenant_id, "select value_index from contact_point where value is not null") == left


def people_index(tenant: TenantWorld, email: str) -> bytes:
    return value_index(tenant.tenant_id, ContactKind.EMAIL, email)


def test_the_scan_does_every_clients_past_and_no_clock_that_runs_ahead_hurries_it(world: World) -> None:
    old, other, young = (
        make_lead(world.acme, now=LONG_AGO),
        make_lead(world.stranger, now=LONG_AGO),
        make_lead(world.acme, now=datetime.now(UTC) - DAYS * DAY / 2),
    )
    for lead in (old, other, young):
        end(lead)
    with clock.moved_to(datetime.now(UTC) + 10 * 365 * DAY):
        while forget_past_retention(DAYS):
            pass
    assert [is_readable(lead) for lead in (old, other, young)] == [False, False, True]
