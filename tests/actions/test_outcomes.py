"""Orders and reversals on real PostgreSQL: what they stop, what they prove, and what they contradict."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from modori.capture.model import EpisodeState
from modori.kernel.errors import BadAmount, NotFound, UnknownCurrency
from modori.kernel.ids import LeadId, OrderId
from modori.leads.model import LeadState
from modori.outcomes import actions, queries
from modori.outcomes.errors import AtInFuture, AtTooOld, OrderDiffers, ReversalDiffers, ReversalExceedsOrder
from modori.outcomes.model import OrderSource
from modori.outcomes.wire import OrderIn
from modori.people.model import Channel, ContactKind
from modori.people.points import meet_contact_point
from modori.sending import actions as sending
from modori.sending.rules import Reason
from modori.storage.db import tenant_transaction
from modori.tenants.model import Role
from tests.leadworld import LeadWorld, make_lead
from tests.orderworld import (
    CONTENT,
    DAY,
    attribution_of,
    click,
    clicked_lead,
    lead_of,
    make_contract,
    place,
    result_of,
    reverse,
    send,
    settle,
)
from tests.world import NOW, TenantWorld, World

LATER = NOW + timedelta(hours=1)


def episode_of(lead: LeadWorld) -> Any:
    with tenant_transaction(lead.tenant.tenant_id) as session:
        return (
            session.connection()
            .execute(
                text("select state, ordered_at, visitor, cart_id, person_id from episode where episode_id = :id"),
                {"id": lead.episode_id},
            )
            .one()
        )


def count(tenant: TenantWorld, table: str) -> int:
    with tenant_transaction(tenant.tenant_id) as session:
        return int(session.connection().execute(text(f"select count(*) from {table}")).scalar_one())


def keys_of(lead: LeadWorld, by: str) -> dict[str, Any]:
    """What an order says so as to be matched by one key."""
    episode = episode_of(lead)
    return {by: {"visitor": episode.visitor, "cart": episode.cart_id}.get(by) or lead.value}


@pytest.mark.parametrize(
    ("by", "channel"),
    [("visitor", Channel.EMAIL), ("cart", Channel.EMAIL), ("email", Channel.EMAIL), ("tel", Channel.SMS)],
)
def test_g2_an_order_ends_what_is_pending_by_each_key(world: World, by: str, channel: Channel) -> None:
    lead = make_lead(world.acme, channel=channel, cart_id="cart-1")
    strangers = make_lead(world.stranger, channel=channel, value=lead.value, cart_id="cart-1")
    recorded = place(world.acme, now=LATER, settled=False, **keys_of(lead, by))
    assert recorded.leads_ended == 1
    ended = lead_of(lead)
    assert (ended.state, ended.ended_by) == (LeadState.CONVERTED, f"order:{recorded.order.order_id}")
    assert episode_of(lead).state == EpisodeState.ORDERED
    assert lead_of(strangers).state == LeadState.ACTIVE
    with tenant_transaction(world.acme.tenant_id) as session:
        outcome = sending.begin_touch(
            session, tenant_id=world.acme.tenant_id, touch_id=lead.touch_id, content=CONTENT, deadline_s=30, now=LATER
        )
    assert isinstance(outcome, sending.NotClaimed)  # cancelled with its lead


def test_an_order_by_member_number_finds_the_person(world: World) -> None:
    lead = make_lead(world.acme)
    with tenant_transaction(world.acme.tenant_id) as session:
        from modori.capture.bodies import member_index

        session.connection().execute(
            text("update person set member_index = :index where person_id = :id"),
            {"index": member_index(world.acme.tenant_id, "M-1"), "id": episode_of(lead).person_id},
        )
    assert place(world.acme, now=LATER, settled=False, member_id="M-1").leads_ended == 1


def test_an_order_by_browser_stops_the_persons_leads_of_other_devices_too(world: World) -> None:
    phone = make_lead(world.acme)
    with tenant_transaction(world.acme.tenant_id) as session:
        laptop = (
            session.connection()
            .execute(
                text(
                    "insert into episode (tenant_id, episode_id, site_id, visitor, state, items, started_at,"
                    " last_activity_at) select tenant_id, gen_random_uuid(), site_id, 'laptop-visitor', 'open', '[]',"
                    " started_at, last_activity_at from episode where episode_id = :id returning episode_id"
                ),
                {"id": phone.episode_id},
            )
            .scalar_one()
        )
        session.connection().execute(
            text(
                "insert into episode_contact select tenant_id, :laptop, contact_point_id, source, captured_at"
                " from episode_contact where episode_id = :id"
            ),
            {"laptop": laptop, "id": phone.episode_id},
        )
    place(world.acme, now=LATER, source=OrderSource.BROWSER, visitor="laptop-visitor", settled=False)
    assert lead_of(phone).state == LeadState.CONVERTED


def test_an_episode_that_began_after_the_order_is_another_try(world: World) -> None:
    again = make_lead(world.acme, started_at=NOW + timedelta(seconds=61))
    place(world.acme, now=LATER, at=NOW.isoformat(), email=again.value, visitor=episode_of(again).visitor)
    assert lead_of(again).state == LeadState.ACTIVE
    assert episode_of(again).state == EpisodeState.ABANDONED


def test_an_episode_of_long_ago_is_not_what_was_bought(world: World) -> None:
    old = make_lead(world.acme, started_at=NOW - 91 * DAY)
    recorded = place(world.acme, now=NOW, visitor=episode_of(old).visitor, settled=False)
    assert recorded.order.matched == []


def test_g2_an_order_marks_a_contact_point_that_nobody_has_met_yet(world: World) -> None:
    place(world.acme, now=NOW, email="Later@Person.Example", tel="０９０－１２３４－５６７８")
    for kind, value in ((ContactKind.EMAIL, "later@person.example"), (ContactKind.PHONE, "+819012345678")):
        with tenant_transaction(world.acme.tenant_id) as session:
            met = meet_contact_point(session, tenant_id=world.acme.tenant_id, kind=kind, value=value, now=LATER)
            assert met.last_ordered_at == NOW
        with tenant_transaction(world.stranger.tenant_id) as session:
            met = meet_contact_point(session, tenant_id=world.stranger.tenant_id, kind=kind, value=value, now=LATER)
            assert met.last_ordered_at is None


def test_g2_a_lead_that_came_into_reach_meanwhile_is_ended_by_the_job(world: World) -> None:
    recorded = place(world.acme, now=LATER, email="late@person.example", settled=False)
    late = make_lead(world.acme, value="late@person.example")
    assert lead_of(late).state == LeadState.ACTIVE
    with tenant_transaction(world.acme.tenant_id) as session:  # whatever happens first, nothing is sent
        outcome = sending.begin_touch(
            session, tenant_id=world.acme.tenant_id, touch_id=late.touch_id, content=CONTENT, deadline_s=30, now=LATER
        )
    assert isinstance(outcome, sending.Denied)
    assert outcome.reason is Reason.CONVERTED
    settle([world.acme], now=LATER)
    assert lead_of(late).ended_by == f"order:{recorded.order.order_id}"


def test_a_repeated_order_answers_the_same_and_a_contradiction_is_refused(world: World) -> None:
    said: dict[str, Any] = {
        "id": "A-1",
        "email": "a@person.example",
        "items": [{"id": "p1", "price": 4980, "quantity": 1}],
    }
    first = place(world.acme, now=NOW, settled=False, **said)
    again = place(world.acme, now=LATER, settled=False, **said)
    assert (first.is_new, again.is_new) == (True, False)
    assert again.order.order_id == first.order.order_id
    assert again.order.recorded_at == NOW
    changes: list[dict[str, Any]] = [
        {"value": 4981},
        {"email": "b@person.example"},
        {"items": []},
        {"at": NOW.isoformat()},
    ]
    for change in changes:
        with pytest.raises(OrderDiffers):
            place(world.acme, now=LATER, settled=False, **said | change)
    assert count(world.acme, "purchase_order") == 1
    assert place(world.stranger, now=NOW, settled=False, **said | {"value": 1}).is_new  # an id is the site's own


def test_g11_a_browsers_claim_stops_and_is_proven_by_a_server(world: World) -> None:
    lead = make_lead(world.acme)
    claim = place(world.acme, now=NOW, source=OrderSource.BROWSER, id="A-1", visitor=episode_of(lead).visitor)
    assert lead_of(lead).state == LeadState.CONVERTED
    assert not claim.proven
    assert attribution_of(world.acme, claim) == "unproven"
    proven = place(world.acme, now=LATER, id="A-1", value=5000, email="a@person.example")
    assert (proven.order.order_id, proven.is_new, proven.proven) == (claim.order.order_id, False, True)
    assert (proven.order.value_minor, proven.order.visitor) == (5000, None)  # the server's word, and nothing else
    assert [one["said_by"] for one in proven.order.matched] == ["browser"]
    assert attribution_of(world.acme, claim) == "no_contract"  # asked again
    again = place(world.acme, now=LATER, source=OrderSource.BROWSER, id="A-1", value=1, visitor="x")
    assert (again.order.value_minor, again.proven) == (5000, True)


def test_orders_of_proven_sources_show_that_the_feed_lives(world: World) -> None:
    def seen() -> Any:
        with tenant_transaction(world.acme.tenant_id) as session:
            return session.connection().execute(text("select heard_at from order_feed")).scalar_one_or_none()

    place(world.acme, now=NOW, source=OrderSource.BROWSER, settled=False)
    assert seen() is None
    place(world.acme, now=NOW, settled=False)
    assert seen() == NOW
    place(world.acme, now=NOW + timedelta(seconds=5), settled=False)
    assert seen() == NOW  # written at most every ten seconds
    place(world.acme, now=LATER, settled=False)
    assert seen() == LATER
    place(world.stranger, now=LATER + DAY, settled=False)
    assert seen() == LATER


def test_a_repeated_order_is_word_up_to_when_it_was_placed(world: World) -> None:
    def seen() -> Any:
        with tenant_transaction(world.acme.tenant_id) as session:
            return session.connection().execute(text("select heard_at from order_feed")).scalar_one_or_none()

    place(world.acme, now=NOW, settled=False, id="timed", at=NOW)
    place(world.acme, now=NOW, settled=False, id="untimed")
    nine_hours_on = NOW + timedelta(hours=9)
    place(world.acme, now=nine_hours_on, settled=False, id="timed", at=NOW)
    place(world.acme, now=nine_hours_on, settled=False, id="untimed")  # its instant is the one on record
    assert seen() == NOW
    place(world.acme, now=nine_hours_on, settled=False, id="an hour late", at=nine_hours_on - timedelta(hours=1))
    assert seen() == nine_hours_on - timedelta(hours=1)
    place(world.acme, now=nine_hours_on, settled=False, id="live", at=nine_hours_on - timedelta(minutes=4))
    assert seen() == nine_hours_on


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"value": 49.8}, BadAmount),  # the yen has no decimals
        ({"currency": "XXQ"}, UnknownCurrency),
        ({"currency": "jpy"}, UnknownCurrency),
        ({"value": 10**15 + 1}, BadAmount),
        ({"items": [{"id": "p", "price": 0.5}]}, BadAmount),
        ({"at": "2026-11-18T02:05:01Z"}, AtInFuture),
        ({"at": "2025-11-18T01:59:59Z"}, AtTooOld),
    ],
)
def test_impossible_money_and_clocks_are_refused(world: World, said: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        place(world.acme, now=NOW, settled=False, **said)
    assert count(world.acme, "purchase_order") == 0


def test_a_clock_that_is_a_little_fast_is_forgiven(world: World) -> None:
    fast = place(world.acme, now=NOW, at=(NOW + timedelta(minutes=5)).isoformat(), settled=False)
    assert fast.order.placed_at == NOW


def test_an_address_that_is_none_is_kept_as_a_stop_until_it_is_sent_right(world: World) -> None:
    lead = make_lead(world.acme)
    said = {"id": "A-1", "visitor": episode_of(lead).visitor, "tel": "なし"}
    kept = place(world.acme, now=LATER, **said)
    assert kept.unreadable == (("tel", "bad_phone"),)
    assert not kept.proven
    assert lead_of(lead).state == LeadState.CONVERTED
    right = place(world.acme, now=LATER, **said | {"tel": "03-1234-5678"})
    assert right.proven
    assert right.order.order_id == kept.order.order_id


def test_an_order_that_is_on_record_may_name_more_of_who_ordered(world: World) -> None:
    lead = make_lead(world.acme)
    said: dict[str, Any] = {"id": "A-1", "at": NOW.isoformat(), "items": [{"id": "p1", "price": 4980}]}
    first = place(world.acme, now=NOW, **said, visitor="v-unseen")
    assert (lead_of(lead).state, first.order.matched) == (LeadState.ACTIVE, [])
    named = said | {"visitor": "v-unseen", "email": lead.value}
    more = place(world.acme, now=LATER, settled=False, **named)
    assert (more.is_new, more.leads_ended, more.order.order_id) == (False, 1, first.order.order_id)
    assert (more.order.placed_at, more.order.recorded_at) == (NOW, NOW)
    assert place(world.acme, now=LATER, settled=False, **named).leads_ended == 0
    contradictions: list[dict[str, Any]] = [
        {"tel": "03-1234-5678", "value": 4981},
        {"tel": "03-1234-5678", "items": []},
        {"tel": "03-1234-5678", "at": LATER.isoformat()},
        {"tel": "03-1234-5678", "visitor": "v-other"},
        {"tel": "03-1234-5678", "visitor": None},
        {"email": "b@person.example"},
        {"email": None, "value": 4981},
    ]
    for change in contradictions:
        with pytest.raises(OrderDiffers):
            place(world.acme, now=LATER, settled=False, **named | change)
    redelivered = place(world.acme, now=LATER, settled=False, **said, visitor="v-unseen")
    assert (redelivered.is_new, redelivered.order.email_index) == (False, more.order.email_index)
    assert count(world.acme, "purchase_order") == 1


def test_an_order_whose_buyer_is_named_later_bills_once(world: World) -> None:
    make_contract(world.acme)
    lead = clicked_lead(world.acme)
    order = place(world.acme, now=LATER, id="A-1")
    assert (attribution_of(world.acme, order), result_of(world.acme, order)) == ("no_lead", None)
    place(world.acme, now=LATER + DAY, id="A-1", email=lead.value)
    result = result_of(world.acme, order)
    assert result is not None
    assert attribution_of(world.acme, order) == "result"
    for named in ({"email": lead.value}, {"email": lead.value, "visitor": episode_of(lead).visitor}):
        place(world.acme, now=LATER + DAY, id="A-1", **named)
        again = result_of(world.acme, order)
        assert again is not None
        assert (again.result_id, again.made_at) == (result.result_id, result.made_at)
    assert count(world.acme, "result") == 1


def test_whoever_names_more_of_who_ordered_by_hand_vouches_for_the_order(world: World) -> None:
    """A file's row that meets the server's word about the same order may not be approved by who brought the file."""
    make_contract(world.acme)
    lead = clicked_lead(world.acme)
    manager = world.users[Role.ACCOUNT_MANAGER].user_id
    said: dict[str, Any] = {"id": "A-1", "at": LATER.isoformat()}
    order = place(world.acme, now=LATER, **said)
    place(world.acme, now=LATER, source=OrderSource.CSV, vouched_by=[manager], email=lead.value, **said)
    place(world.acme, now=LATER, email=lead.value, visitor=episode_of(lead).visitor, **said)
    result = result_of(world.acme, order)
    assert result is not None
    assert result.proof["order"]["vouched_by"] == [str(manager)]
    with tenant_transaction(world.acme.tenant_id) as session:
        kept = queries.get_order(session, tenant_id=world.acme.tenant_id, order_id=order.order.order_id)
    assert kept.vouched_by == [str(manager)]


def test_an_order_with_unknown_names_that_names_nobody_is_kept_and_proves_nothing(world: World) -> None:
    lead = make_lead(world.acme)
    kept = place(world.acme, now=NOW, has_unknown_names=True, id="A-1")
    assert (kept.names_nobody, kept.proven, kept.is_new) == (True, False, True)
    assert attribution_of(world.acme, kept) == "unproven"
    assert count(world.acme, "order_feed") == 0
    right = place(world.acme, now=LATER, has_unknown_names=True, id="A-1", email=lead.value)
    assert (right.names_nobody, right.proven, right.leads_ended) == (False, True, 1)
    assert right.order.order_id == kept.order.order_id
    assert attribution_of(world.acme, kept) == "no_contract"
    assert place(world.acme, now=LATER, id="A-2", settled=False).proven  # nothing unknown: nobody is known


def test_an_order_that_is_sent_right_later_is_of_when_it_was_first_reported(world: World) -> None:
    """Sent again without an instant of its own, it is not younger than the click that came after it."""
    make_contract(world.acme)
    lead = make_lead(world.acme)
    token = send(lead, now=NOW)
    order = place(world.acme, now=NOW + timedelta(minutes=1), has_unknown_names=True, id="A-1")
    click(lead, token, now=NOW + timedelta(minutes=10))
    right = place(world.acme, now=LATER, id="A-1", email=lead.value)
    assert right.order.placed_at == NOW + timedelta(minutes=1)
    assert lead_of(lead).state == LeadState.CONVERTED
    assert (attribution_of(world.acme, order), result_of(world.acme, order)) == ("no_contact", None)


@pytest.mark.parametrize("wrong", [{"has_unknown_names": True}, {"tel": "なし"}], ids=["unknown name", "no number"])
def test_an_order_that_a_browser_claimed_is_of_when_a_server_first_reported_it(
    world: World, wrong: dict[str, Any]
) -> None:
    """The page of thanks speaks first, as it does wherever there is a tag: what counts is the server's first word."""
    make_contract(world.acme)
    lead = make_lead(world.acme)
    token = send(lead, now=NOW)
    claim: dict[str, Any] = {
        "source": OrderSource.BROWSER,
        "id": "A-1",
        "value": 1,
        "visitor": episode_of(lead).visitor,
    }
    order = place(world.acme, now=NOW + timedelta(minutes=1), **claim)
    first = place(world.acme, now=NOW + timedelta(minutes=2), id="A-1", **wrong)
    assert (first.proven, first.order.source, first.order.value_minor) == (False, OrderSource.SERVER, 4980)
    assert first.order.visitor == episode_of(lead).visitor  # by which it stops
    click(lead, token, now=NOW + timedelta(minutes=10))
    right = place(world.acme, now=LATER, id="A-1", email=lead.value)
    assert (right.proven, right.order.placed_at) == (True, NOW + timedelta(minutes=2))
    assert (attribution_of(world.acme, order), result_of(world.acme, order)) == ("no_contact", None)


@pytest.mark.parametrize("first", ["naming nobody", "with unknown names", "as it is"])
def test_an_order_that_is_said_again_does_not_end_a_try_that_began_after_it(world: World, first: str) -> None:
    """Days later a shop sends its orders again, without instants: whoever ordered then has come back since."""
    again = make_lead(world.acme)
    named: dict[str, Any] = {"email": again.value}
    days_ago = NOW - 3 * DAY
    place(
        world.acme,
        now=days_ago,
        id="A-1",
        has_unknown_names=first == "with unknown names",
        **named if first == "as it is" else {},
    )
    order = place(world.acme, now=LATER, id="A-1", **named)
    assert (order.order.placed_at, order.leads_ended, order.order.matched) == (days_ago, 0, [])
    assert (lead_of(again).state, episode_of(again).state) == (LeadState.ACTIVE, EpisodeState.ABANDONED)
    with tenant_transaction(world.acme.tenant_id) as session:
        met = meet_contact_point(
            session, tenant_id=world.acme.tenant_id, kind=ContactKind.EMAIL, value=again.value, now=LATER
        )
    assert met.last_ordered_at == days_ago
    place(world.acme, now=LATER, id="A-2", **named)
    assert lead_of(again).state == LeadState.CONVERTED


def test_g7_an_order_of_another_tenants_site_is_not_found(world: World) -> None:
    order = OrderIn(id="A-1", currency="JPY", value=1)
    with pytest.raises(NotFound), tenant_transaction(world.acme.tenant_id) as session:
        actions.record_order(
            session,
            tenant_id=world.acme.tenant_id,
            site_id=world.stranger.site_id,
            order=order,
            source=OrderSource.SERVER,
            now=NOW,
        )
    strangers = place(world.stranger, now=NOW, settled=False)
    with pytest.raises(NotFound), tenant_transaction(world.acme.tenant_id) as session:
        queries.get_order(session, tenant_id=world.stranger.tenant_id, order_id=OrderId(strangers.order.order_id))


def test_the_same_order_twenty_times_at_once_is_one_order_and_one_end(world: World) -> None:
    lead = make_lead(world.acme)
    visitor = episode_of(lead).visitor

    def say(number: int) -> bool:
        source = OrderSource.BROWSER if number % 4 == 0 else OrderSource.SERVER
        return place(
            world.acme, now=LATER, source=source, settled=False, id="A-1", visitor=visitor, email=lead.value
        ).is_new

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(say, range(20))) == 1
    assert count(world.acme, "purchase_order") == 1
    assert lead_of(lead).state == LeadState.CONVERTED
    settle([world.acme], now=LATER)


def test_reversals_take_from_their_order_and_never_more_than_is_left(world: World) -> None:
    order = place(world.acme, now=NOW, id="A-1", value=5000, settled=False)
    part = reverse(world.acme, "A-1", now=LATER, id="R-1", value=2000, settled=False)
    assert (part.applied, part.reversal.value_minor, part.is_new) == (True, 2000, True)
    again = reverse(world.acme, "A-1", now=LATER + DAY, id="R-1", value=2000, settled=False)
    assert (again.applied, again.is_new) == (True, False)
    for change in ({"value": 1999}, {"reason": "unpaid"}, {}):
        with pytest.raises(ReversalDiffers):
            reverse(world.acme, "A-1", now=LATER, id="R-1", settled=False, **change)
    with pytest.raises(ReversalExceedsOrder):
        reverse(world.acme, "A-1", now=LATER, value=3001, settled=False)
    rest = reverse(world.acme, "A-1", now=LATER, settled=False)  # all that is left
    assert rest.reversal.value_minor == 3000
    with pytest.raises(ReversalExceedsOrder):
        reverse(world.acme, "A-1", now=LATER, settled=False)
    with pytest.raises(BadAmount):
        reverse(world.acme, "A-1", now=LATER, value=0, settled=False)
    with tenant_transaction(world.acme.tenant_id) as session:
        known = queries.get_order(session, tenant_id=world.acme.tenant_id, order_id=OrderId(order.order.order_id))
        assert known.reversed_minor == 5000
    assert count(world.acme, "reversal") == 2  # what was refused left nothing behind


def test_reversals_at_once_do_not_take_more_than_the_order(world: World) -> None:
    place(world.acme, now=NOW, id="A-1", value=1000, settled=False)

    def take(_: int) -> bool:
        try:
            return bool(reverse(world.acme, "A-1", now=LATER, value=300, settled=False).applied)
        except ReversalExceedsOrder:
            return False

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(take, range(6))) == 3


@pytest.mark.parametrize(
    ("said", "taken"),
    [({"value": 2000}, 2000), ({}, 5000), ({"value": 9000}, 5000), ({"value": 20.5}, 20)],  # nobody can be told now
)
def test_a_reversal_before_its_order_is_kept_and_applied_when_it_comes(
    world: World, said: dict[str, Any], taken: int
) -> None:
    early = reverse(world.acme, "A-1", now=NOW, id="R-1", **said)
    assert not early.applied
    place(world.acme, now=LATER, source=OrderSource.BROWSER, id="A-1", value=5000)
    assert not reverse(world.acme, "A-1", now=LATER, id="R-1", **said).applied  # a browser's word proves no order
    order = place(world.acme, now=LATER, id="A-1", value=5000)
    assert order.order.reversed_minor == taken
    applied = reverse(world.acme, "A-1", now=LATER, id="R-1", **said)
    assert (applied.applied, applied.is_new, applied.reversal.value_minor) == (True, False, taken)


def test_a_reversal_of_a_strangers_order_waits_for_ours(world: World) -> None:
    place(world.stranger, now=NOW, id="A-1", value=5000, settled=False)
    assert not reverse(world.acme, "A-1", now=LATER, settled=False).applied


def test_settling_twice_changes_nothing(world: World) -> None:
    lead = make_lead(world.acme)
    order = place(world.acme, now=LATER, email=lead.value)
    with tenant_transaction(world.acme.tenant_id) as session:
        assert (
            actions.settle_order(
                session, tenant_id=world.acme.tenant_id, order_id=OrderId(order.order.order_id), now=LATER
            )
            == 0
        )
    assert lead_of(lead).lead_id == LeadId(lead.lead_id)
