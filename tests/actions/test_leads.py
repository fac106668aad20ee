"""From an abandoned episode to a lead, or to the named reason why not."""

from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy import text

from modori.capture import episodes
from modori.capture.model import EpisodeState
from modori.capture.queries import get_episode
from modori.capture.rules import Verdict
from modori.kernel import clock
from modori.kernel.ids import EpisodeId, LeadId, UserId, new_id
from modori.leads import actions, queries, scans
from modori.leads.jobs import make_lead_now
from modori.leads.model import Arm, Lead, LeadState
from modori.leads.rules import NoLead
from modori.people import actions as people
from modori.people.model import Channel, ContactKind, EvidenceSource, StopReason
from modori.people.points import mark_all_ordered
from modori.people.values import value_index
from modori.storage.db import tenant_transaction
from tests.captureworld import (
    abandon,
    add_route,
    cart,
    consent,
    event,
    form,
    new_visitor,
    settle,
    somebody,
    take,
    the_episode,
)
from tests.drain import drain
from tests.questions import change
from tests.world import NOW, TenantWorld, World, make_tenant

S = timedelta(seconds=1)
IDLE = timedelta(minutes=30)


def fill(tenant: TenantWorld, *, email: str | None = None, visitor: str | None = None, **more: Any) -> str:
    """Fill cart and form with consent, and leave. Returns the visitor."""
    visitor = visitor or new_visitor()
    take(
        tenant,
        [
            cart(tenant, visitor=visitor, **more),
            form(tenant, visitor=visitor, email=email or somebody()),
            consent(tenant, "email", visitor=visitor),
        ],
    )
    return visitor


def promises(tenant: TenantWorld, topic: str) -> list[Any]:
    with tenant_transaction(tenant.tenant_id) as session:
        return list(
            session.connection().execute(
                text("select payload from promise where topic = :topic order by promise_id"), {"topic": topic}
            )
        )


def test_an_abandoned_cart_with_consent_becomes_a_lead(world: World) -> None:
    route_id = add_route(world.acme)
    visitor = fill(world.acme)
    lead = abandon(world.acme, visitor)
    assert isinstance(lead, Lead)
    assert (lead.state, lead.arm, lead.route_id, lead.value_minor) == (
        LeadState.ACTIVE,
        Arm.TREATED,
        route_id,
        4980,
    )
    episode = the_episode(world.acme, visitor)
    assert (episode.state, episode.settled_reason) == (EpisodeState.ABANDONED, "lead_made")
    assert [row.payload for row in promises(world.acme, "lead.made")] == [{"lead_id": str(lead.lead_id)}]


def test_abandonment_is_promised_once_and_the_promise_makes_the_lead(world: World) -> None:
    add_route(world.acme)
    visitor = fill(world.acme)
    episode_id = EpisodeId(the_episode(world.acme, visitor).episode_id)
    later = NOW + IDLE
    with tenant_transaction(world.acme.tenant_id) as session:
        early = actions.settle_episode(session, tenant_id=world.acme.tenant_id, episode_id=episode_id, now=later - S)
        assert early is Verdict.OPEN
    for _ in range(2):
        with tenant_transaction(world.acme.tenant_id) as session:
            verdict = actions.settle_episode(session, tenant_id=world.acme.tenant_id, episode_id=episode_id, now=later)
            assert verdict is Verdict.ABANDONED
    assert len(promises(world.acme, "episode.abandoned")) == 1
    with clock.moved_to(later):
        drain(
            [world.acme.tenant_id],
            subscribers={"episode.abandoned": ["leads.make_lead_now"]},
            jobs={"leads.make_lead_now": make_lead_now},
        )
    with tenant_transaction(world.acme.tenant_id) as session:
        assert queries.find_lead_of_episode(session, tenant_id=world.acme.tenant_id, episode_id=episode_id) is not None


def test_the_idle_scan_settles_what_is_due_for_every_tenant(world: World) -> None:
    visitors = [(tenant, fill(tenant)) for tenant in (world.acme, world.stranger)]
    with clock.moved_to(NOW + IDLE):
        while scans.settle_idle_episodes():
            pass
        assert scans.next_due_at() is not None
    for tenant, visitor in visitors:
        assert the_episode(tenant, visitor).state is EpisodeState.ABANDONED
        assert len(promises(tenant, "episode.abandoned")) == 1


def refuse(kind: str) -> Callable[[World, str, str], None]:
    def prepare(world: World, visitor: str, email: str) -> None:
        tenant_id = world.acme.tenant_id
        index = value_index(tenant_id, ContactKind.EMAIL, email)
        with tenant_transaction(tenant_id) as session:
            if kind == "stop":
                people.record_stop(
                    session,
                    tenant_id=tenant_id,
                    kind=ContactKind.EMAIL,
                    value_index=index,
                    via=Channel.EMAIL,
                    reason=StopReason.ONE_CLICK,
                    source=EvidenceSource.LINK,
                    now=NOW,
                )
            elif kind == "order":
                mark_all_ordered(session, tenant_id=tenant_id, values=[(ContactKind.EMAIL, email)], at=NOW, now=NOW)
            elif kind == "erase":
                people.erase_contact(
                    session, tenant_id=tenant_id, kind=ContactKind.EMAIL, value_index=index, requested_by="x", now=NOW
                )
            elif kind == "withdraw":
                take(
                    world.acme, [consent(world.acme, "email", visitor=visitor, granted=False, at=NOW + S)], now=NOW + S
                )
            elif kind == "empty":
                emptied = {"currency": "JPY", "value": 0, "items": []}
                take(world.acme, [event(world.acme, "cart", emptied, visitor=visitor, at=NOW + S)], now=NOW + S)

    return prepare


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("stop", NoLead.STOPPED),
        ("order", NoLead.ORDERED),
        ("erase", NoLead.NO_CONTACT),
        ("withdraw", NoLead.NO_CONSENT),
    ],
)
def test_why_an_abandoned_episode_became_no_lead_is_stored(world: World, kind: str, reason: NoLead) -> None:
    add_route(world.acme)
    email = somebody()
    visitor = fill(world.acme, email=email)
    refuse(kind)(world, visitor, email)
    assert abandon(world.acme, visitor) is reason
    assert the_episode(world.acme, visitor).settled_reason == reason.value
    assert promises(world.acme, "lead.made") == []


def test_an_emptied_cart_alone_is_nothing_to_recover(world: World) -> None:
    add_route(world.acme)
    visitor = new_visitor()
    take(
        world.acme,
        [cart(world.acme, visitor=visitor), event(world.acme, "identify", {"email": somebody()}, visitor=visitor)],
    )
    take(world.acme, [consent(world.acme, "email", visitor=visitor)])
    refuse("empty")(world, visitor, "")
    assert abandon(world.acme, visitor) is NoLead.NOTHING_LEFT


def test_nobody_to_reach_and_no_route_are_answers_too(world: World) -> None:
    visitor = new_visitor()
    take(world.acme, [cart(world.acme, visitor=visitor)])
    assert abandon(world.acme, visitor) is NoLead.NO_CONTACT
    assert abandon(world.acme, fill(world.acme)) is NoLead.NO_ROUTE
    add_route(world.acme, min_value=5000)
    assert abandon(world.acme, fill(world.acme)) is NoLead.NO_ROUTE


def test_who_comes_back_and_leaves_an_address_is_judged_again(world: World) -> None:
    add_route(world.acme)
    visitor = new_visitor()
    take(world.acme, [cart(world.acme, visitor=visitor)])
    assert abandon(world.acme, visitor) is NoLead.NO_CONTACT
    back = NOW + timedelta(hours=5)
    take(
        world.acme,
        [
            form(world.acme, visitor=visitor, email=somebody(), at=back),
            consent(world.acme, "email", visitor=visitor, at=back),
        ],
        now=back,
    )
    assert the_episode(world.acme, visitor).due_at == back + IDLE
    assert isinstance(abandon(world.acme, visitor), Lead)
    assert len(promises(world.acme, "episode.abandoned")) == 2


def test_a_look_that_comes_too_soon_finds_the_person_active_and_puts_the_next_one_off(world: World) -> None:
    visitor = fill(world.acme)
    due_at = the_episode(world.acme, visitor).due_at
    assert due_at is not None
    later = due_at - S
    take(world.acme, [event(world.acme, "page", visitor=visitor, at=later)], now=later)
    looked = the_episode(world.acme, visitor)
    assert looked.due_at == due_at
    with tenant_transaction(world.acme.tenant_id) as session:
        verdict = actions.settle_episode(
            session, tenant_id=world.acme.tenant_id, episode_id=EpisodeId(looked.episode_id), now=due_at + S
        )
    assert verdict is Verdict.OPEN
    assert the_episode(world.acme, visitor).due_at == later + IDLE
    assert promises(world.acme, "episode.abandoned") == []


def test_activity_after_abandonment_postpones_and_makes_no_second_lead(world: World) -> None:
    add_route(world.acme)
    visitor = fill(world.acme)
    lead = abandon(world.acme, visitor)
    back = NOW + timedelta(hours=2)
    take(world.acme, [cart(world.acme, visitor=visitor, value=9980, at=back)], now=back)
    episode = the_episode(world.acme, visitor)
    assert (episode.state, episode.last_activity_at) == (EpisodeState.ABANDONED, back)
    again = abandon(world.acme, visitor)
    assert isinstance(again, Lead)
    assert again.lead_id == lead.lead_id
    assert len(promises(world.acme, "lead.made")) == 1


def test_no_lead_is_made_while_the_person_is_on_the_page_again(world: World) -> None:
    add_route(world.acme)
    visitor = fill(world.acme)
    episode_id = EpisodeId(the_episode(world.acme, visitor).episode_id)
    with tenant_transaction(world.acme.tenant_id) as session:
        actions.settle_episode(session, tenant_id=world.acme.tenant_id, episode_id=episode_id, now=NOW + IDLE)
    back = NOW + IDLE + S
    take(world.acme, [event(world.acme, "page", visitor=visitor, at=back)], now=back)
    with tenant_transaction(world.acme.tenant_id) as session:
        made = actions.make_lead(session, tenant_id=world.acme.tenant_id, episode_id=episode_id, now=back + S)
        assert made is None
    assert the_episode(world.acme, visitor).due_at == back + IDLE


def test_rules_31_one_open_lead_per_person_and_per_contact_point(world: World) -> None:
    add_route(world.acme)
    email = somebody()
    first = abandon(world.acme, fill(world.acme, email=email))
    assert abandon(world.acme, fill(world.acme, email=email.upper())) is NoLead.OPEN_LEAD
    with tenant_transaction(world.acme.tenant_id) as session:
        assert actions.end_lead(
            session,
            tenant_id=world.acme.tenant_id,
            lead_id=LeadId(first.lead_id),
            state=LeadState.EXHAUSTED,
            ended_by="plan:done",
            now=NOW,
        )
    assert isinstance(abandon(world.acme, fill(world.acme, email=email)), Lead)


def test_holdout_leads_are_made_and_promised_to_nobody(world: World) -> None:
    half = make_tenant("half", holdout_pct=50)
    add_route(half)
    held_out = abandon(half, fill(half), draw=0.49)
    treated = abandon(half, fill(half), draw=0.5)
    assert (held_out.arm, held_out.state, held_out.arm_draw, held_out.holdout_pct) == (
        Arm.HOLDOUT,
        LeadState.ACTIVE,
        0.49,
        50,
    )
    assert treated.arm is Arm.TREATED
    assert [row.payload["lead_id"] for row in promises(half, "lead.made")] == [str(treated.lead_id)]


def test_rules_36_a_new_site_s_leads_wait_for_the_agency(world: World) -> None:
    fresh = make_tenant("fresh", quarantine_until=NOW + timedelta(days=7))
    add_route(fresh)
    lead, other = abandon(fresh, fill(fresh)), abandon(fresh, fill(fresh))
    assert (lead.state, lead.held_reason) == (LeadState.HELD, "quarantine")
    assert promises(fresh, "lead.made") == []
    me = UserId(new_id())
    with tenant_transaction(fresh.tenant_id) as session:
        actions.release_lead(session, tenant_id=fresh.tenant_id, lead_id=LeadId(lead.lead_id), released_by=me, now=NOW)
        actions.refuse_held_lead(
            session, tenant_id=fresh.tenant_id, lead_id=LeadId(other.lead_id), refused_by=me, now=NOW
        )
    assert [row.payload for row in promises(fresh, "lead.released")] == [{"lead_id": str(lead.lead_id)}]
    with tenant_transaction(fresh.tenant_id) as session, pytest.raises(actions.LeadNotHeld):
        actions.release_lead(session, tenant_id=fresh.tenant_id, lead_id=LeadId(other.lead_id), released_by=me, now=NOW)
    with tenant_transaction(fresh.tenant_id) as session:
        refused = queries.get_lead(session, tenant_id=fresh.tenant_id, lead_id=other.lead_id)
        assert (refused.state, refused.ended_by) == (LeadState.REFUSED, f"user:{me}")


def test_ending_twice_changes_nothing(world: World) -> None:
    add_route(world.acme)
    lead = abandon(world.acme, fill(world.acme))
    ended = []
    for state, because in ((LeadState.STOPPED, "stop:1"), (LeadState.CONVERTED, "order:1")):
        with tenant_transaction(world.acme.tenant_id) as session:
            ended.append(
                actions.end_lead(
                    session,
                    tenant_id=world.acme.tenant_id,
                    lead_id=LeadId(lead.lead_id),
                    state=state,
                    ended_by=because,
                    now=NOW,
                )
            )
    assert ended == [True, False]
    with tenant_transaction(world.acme.tenant_id) as session:
        kept = queries.get_lead(session, tenant_id=world.acme.tenant_id, lead_id=lead.lead_id)
        assert (kept.state, kept.ended_by, kept.ended_at) == (LeadState.STOPPED, "stop:1", NOW)


def test_an_episode_that_nobody_comes_back_to_expires_with_its_lead(world: World) -> None:
    add_route(world.acme)
    visitor = fill(world.acme)
    lead = abandon(world.acme, visitor)
    episode = the_episode(world.acme, visitor)
    assert episode.due_at == NOW + timedelta(days=30)
    assert settle(world.acme, EpisodeId(episode.episode_id), now=NOW + timedelta(days=30)) is not None
    with tenant_transaction(world.acme.tenant_id) as session:
        gone = get_episode(session, tenant_id=world.acme.tenant_id, episode_id=episode.episode_id)
        assert (gone.state, gone.due_at) == (EpisodeState.EXPIRED, None)
        ended = queries.get_lead(session, tenant_id=world.acme.tenant_id, lead_id=lead.lead_id)
        assert ended.state is LeadState.EXPIRED
    take(world.acme, [cart(world.acme, visitor=visitor, at=NOW + timedelta(days=31))], now=NOW + timedelta(days=31))
    assert the_episode(world.acme, visitor).episode_id != episode.episode_id


@pytest.mark.parametrize("by", ["episode", "contact point"])
def test_g2_an_order_beside_lead_making_leaves_no_live_lead(world: World, by: str) -> None:
    """Each round an order and the making of a lead start together; whoever is first, the lead is not left alive.

    The order does what outcomes does: it marks under the locks, and ends the open leads that it then sees.
    """
    add_route(world.acme)
    tenant_id, later = world.acme.tenant_id, NOW + IDLE
    for _ in range(15):
        email = somebody()
        visitor = fill(world.acme, email=email)
        episode_id = EpisodeId(the_episode(world.acme, visitor).episode_id)
        with tenant_transaction(tenant_id) as session:
            actions.settle_episode(session, tenant_id=tenant_id, episode_id=episode_id, now=later)
        start, failures = Barrier(2), list[BaseException]()

        def order(email: str = email, episode_id: EpisodeId = episode_id, start: Barrier = start) -> None:
            with tenant_transaction(tenant_id) as session:
                start.wait(60)
                if by == "episode":
                    episodes.mark_episode_ordered(session, tenant_id=tenant_id, episode_id=episode_id, at=NOW)
                [point] = mark_all_ordered(
                    session, tenant_id=tenant_id, values=[(ContactKind.EMAIL, email)], at=NOW, now=NOW
                )
                open_leads = queries.list_open_leads_of_contacts(
                    session, tenant_id=tenant_id, contact_point_ids=[point.contact_point_id]
                )
            for lead in open_leads:
                with tenant_transaction(tenant_id) as session:
                    actions.end_lead(
                        session,
                        tenant_id=tenant_id,
                        lead_id=LeadId(lead.lead_id),
                        state=LeadState.CONVERTED,
                        ended_by="order:1",
                        now=NOW,
                    )

        def make(episode_id: EpisodeId = episode_id, start: Barrier = start) -> None:
            with tenant_transaction(tenant_id) as session:
                start.wait(60)
                actions.make_lead(session, tenant_id=tenant_id, episode_id=episode_id, now=later)

        def guarded(work: Callable[[], None], failures: list[BaseException] = failures) -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001
                failures.append(error)

        threads = [Thread(target=guarded, args=(work,)) for work in (order, make)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert failures == []
        with tenant_transaction(tenant_id) as session:
            lead = queries.find_lead_of_episode(session, tenant_id=tenant_id, episode_id=episode_id)
            assert lead is None or lead.state is LeadState.CONVERTED


def test_rules_31_two_episodes_of_one_person_make_one_lead_at_once(world: World) -> None:
    add_route(world.acme)
    tenant_id, email = world.acme.tenant_id, somebody()
    ids = [EpisodeId(the_episode(world.acme, fill(world.acme, email=email)).episode_id) for _ in range(4)]
    for episode_id in ids:
        with tenant_transaction(tenant_id) as session:
            actions.settle_episode(session, tenant_id=tenant_id, episode_id=episode_id, now=NOW + IDLE)
    made: list[Lead | NoLead | None] = []

    def make(episode_id: EpisodeId) -> None:
        with tenant_transaction(tenant_id) as session:
            made.append(actions.make_lead(session, tenant_id=tenant_id, episode_id=episode_id, now=NOW + IDLE))

    threads = [Thread(target=make, args=(episode_id,)) for episode_id in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(isinstance(one, Lead) for one in made) == 1
    assert made.count(NoLead.OPEN_LEAD) == 3


def test_a_site_that_asks_first_shows_no_notice_that_would_permit_a_call(world: World) -> None:
    """The gate would deny each call of such a lead, so there is none (RULES 11, 15)."""
    tenant = world.acme
    change(tenant.tenant_id, "update site set capture_mode = 'after-consent'")
    add_route(tenant)
    visitor = new_visitor()
    take(tenant, [cart(tenant, visitor=visitor), form(tenant, visitor=visitor, tel="090-1234-5678")])
    assert abandon(tenant, visitor) is NoLead.NO_CONSENT
