"""A "no thanks" deletes what was sent: episodes, leads, contact points and events of a visitor (RULES 15, G2, G5)."""

from datetime import datetime, timedelta
from threading import Barrier, Thread
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from modori.capture import episodes
from modori.capture.forgetting.actions import EVENTS_A_ROUND, LOOK_AGAIN_AFTER, Choice
from modori.capture.model import Episode, EpisodeContact, EpisodeState
from modori.kernel import clock
from modori.kernel.digest import content_digest
from modori.kernel.ids import EpisodeId, new_id
from modori.kernel.masking import DOTS
from modori.leads.model import LeadState
from modori.leads.queries import get_lead
from modori.leads.rules import NoLead
from modori.outreach.forgetting import forget_visitor, heed_choice
from modori.outreach.jobs import forget_visitor_now
from modori.people import actions as people
from modori.people.model import Channel, ContactKind, ContactPoint, EvidenceSource, StopReason
from modori.people.naming import name_person
from modori.people.points import mark_all_ordered
from modori.people.values import value_index
from modori.sending import actions as sending
from modori.sending.ports import Permit
from modori.storage import crypto
from modori.storage.db import tenant_transaction
from tests.captureworld import add_route, cart, consent, form, new_visitor, settle, somebody, take, the_episode
from tests.drain import drain
from tests.leadworld import ITEMS, LeadWorld, make_lead
from tests.world import NOW, TenantWorld, World

LATER = NOW + timedelta(minutes=5)


def no_thanks(tenant: TenantWorld, visitor: str, *, at: datetime = NOW, granted: bool = False) -> None:
    choice = Choice(
        site_id=tenant.site_id,
        visitor=visitor,
        granted=granted,
        text="利用しない",
        control="#no",
        page_url=f"{tenant.origin}/",
        at=at,
    )
    with tenant_transaction(tenant.tenant_id) as session:
        heed_choice(session, tenant_id=tenant.tenant_id, choice=choice, now=LATER)


def forget(tenant: TenantWorld) -> list[str]:
    jobs = {"forget": forget_visitor_now}
    return drain([tenant.tenant_id], subscribers={"visitor.refused": ["forget"]}, jobs=jobs)


def ask(tenant: TenantWorld, question: str, **values: Any) -> list[Any]:
    with tenant_transaction(tenant.tenant_id) as session:
        return [tuple(row) for row in session.connection().execute(text(question), values)]


def episode_of(lead: LeadWorld) -> Episode:
    with tenant_transaction(lead.tenant.tenant_id) as session:
        found = session.get(Episode, (lead.tenant.tenant_id, lead.episode_id))
        assert found is not None
        return found


def visitor_of(lead: LeadWorld) -> str:
    visitor = episode_of(lead).visitor
    assert visitor is not None
    return visitor


def point_of(lead: LeadWorld) -> ContactPoint:
    with tenant_transaction(lead.tenant.tenant_id) as session:
        found = session.get(ContactPoint, (lead.tenant.tenant_id, lead.contact_point_id))
        assert found is not None
        return found


def begin(lead: LeadWorld) -> Any:
    content = sending.Content("件名", "本文", content_digest(ITEMS, 4980, "JPY"), parts=None, costs={"JPY": 15})
    with tenant_transaction(lead.tenant.tenant_id) as session:
        return sending.begin_touch(
            session, tenant_id=lead.tenant.tenant_id, touch_id=lead.touch_id, content=content, deadline_s=30, now=NOW
        )


def typed(tenant: TenantWorld, episode_id: UUID) -> bytes:
    """Seal a form's fields as capture does."""
    with tenant_transaction(tenant.tenant_id) as session:
        field = crypto.Field("episode", "form_fields", str(episode_id))
        return crypto.seal(session, tenant.tenant_id, field, '{"email": "hanako@example.jp"}')


def test_rules_15_no_thanks_deletes_what_was_sent(world: World) -> None:
    lead = make_lead(world.acme, form="checkout", form_fields=b"sealed", last_field="tel", form_progress=0.5)
    person_id = point_of(lead).person_id
    with tenant_transaction(world.acme.tenant_id) as session:
        name_person(session, tenant_id=world.acme.tenant_id, person_id=person_id, name="花子", overwrite=True)
    no_thanks(world.acme, visitor_of(lead))

    episode = episode_of(lead)
    assert episode.state is EpisodeState.REFUSED
    assert (episode.items, episode.form_fields, episode.form, episode.last_field) == ([], None, None, None)
    assert (episode.cart_minor, episode.cart_url, episode.person_id, episode.due_at) == (None, None, None, None)
    assert ask(world.acme, "select * from episode_contact where episode_id = :id", id=lead.episode_id) == []
    with tenant_transaction(world.acme.tenant_id) as session:
        ended = get_lead(session, tenant_id=world.acme.tenant_id, lead_id=lead.lead_id)
    assert (ended.state, ended.ended_by) == (LeadState.ERASED, f"capture:{lead.episode_id}")
    touches = ask(world.acme, "select state from touch where lead_id = :id", id=lead.lead_id)
    assert touches == [("cancelled",)]
    point = point_of(lead)
    assert (point.value, point.masked, point.erased_at) == (None, DOTS, None)
    assert ask(world.acme, "select name, member_index from person where person_id = :id", id=person_id) == [
        (None, None)
    ]
    kept = ask(world.acme, "select granted, text, control from capture_choice where visitor = :v", v=episode.visitor)
    assert kept == [(False, "利用しない", "#no")]
    assert ask(world.acme, "select count(*) from consent where episode_id = :id", id=lead.episode_id) == [(1,)]


def test_rules_15_a_repeat_is_harmless_and_a_grant_forgets_nothing(world: World) -> None:
    lead = make_lead(world.acme)
    no_thanks(world.acme, visitor_of(lead), granted=True)
    assert episode_of(lead).state is EpisodeState.ABANDONED
    assert point_of(lead).value is not None
    for _ in range(2):
        no_thanks(world.acme, visitor_of(lead), at=LATER)
    assert episode_of(lead).state is EpisodeState.REFUSED
    marks = ask(
        world.acme, "select capture_granted_at, capture_refused_at from visitor where visitor = :v", v=visitor_of(lead)
    )
    assert marks == [(NOW, LATER)]


@pytest.mark.parametrize("why", ["ordered", "another episode", "server's consent", "message on record"])
def test_a_contact_point_that_something_else_holds_on_to_stays(world: World, why: str) -> None:
    acme, lead = world.acme, make_lead(world.acme)
    with tenant_transaction(acme.tenant_id) as session:
        match why:
            case "ordered":
                mark_all_ordered(
                    session,
                    tenant_id=acme.tenant_id,
                    values=[(ContactKind.EMAIL, lead.value)],
                    at=NOW - timedelta(days=9),
                    now=NOW,
                )
            case "another episode":
                other = Episode(
                    tenant_id=acme.tenant_id,
                    episode_id=new_id(),
                    site_id=acme.site_id,
                    visitor=new_visitor(),
                    items=[],
                    started_at=NOW,
                    last_activity_at=NOW,
                )
                session.add(other)
                session.flush()
                session.add(
                    EpisodeContact(
                        tenant_id=acme.tenant_id,
                        episode_id=other.episode_id,
                        contact_point_id=lead.contact_point_id,
                        source="form",
                        captured_at=NOW,
                    )
                )
            case "server's consent":
                people.record_consent(
                    session,
                    tenant_id=acme.tenant_id,
                    channel=Channel.EMAIL,
                    granted=True,
                    text="はい",
                    source=EvidenceSource.SERVER,
                    contact_point_id=lead.contact_point_id,
                    given_at=NOW,
                    now=NOW,
                )
    if why == "message on record":
        assert isinstance(begin(lead), Permit)
    no_thanks(acme, visitor_of(lead))
    assert point_of(lead).value is not None
    assert episode_of(lead).person_id is None


def test_rules_15_a_corrected_address_is_forgotten_with_the_right_one(world: World) -> None:
    """The mistyped one hangs on no episode any more; it was typed all the same."""
    acme, visitor = world.acme, new_visitor()
    take(acme, [cart(acme, visitor=visitor), form(acme, visitor=visitor, email="x" + somebody())])
    take(acme, [form(acme, visitor=visitor, email=somebody(), at=NOW + timedelta(seconds=1))])
    values = "select count(*), count(value) from contact_point"
    assert ask(acme, values) == [(2, 2)]
    no_thanks(acme, visitor, at=LATER)
    assert ask(acme, values) == [(2, 0)]


def test_g5_a_stop_outlives_what_is_forgotten(world: World) -> None:
    """Typed again after a new grant, the address is known again, and still stopped."""
    acme, visitor, email = world.acme, new_visitor(), somebody()
    add_route(acme)
    take(acme, [cart(acme, visitor=visitor), form(acme, visitor=visitor, email=email)])
    with tenant_transaction(acme.tenant_id) as session:
        people.record_stop(
            session,
            tenant_id=acme.tenant_id,
            kind=ContactKind.EMAIL,
            value_index=value_index(acme.tenant_id, ContactKind.EMAIL, email),
            via=Channel.EMAIL,
            reason=StopReason.ONE_CLICK,
            source=EvidenceSource.LINK,
            now=NOW,
        )
    no_thanks(acme, visitor)
    again = new_visitor()
    take(
        acme, [cart(acme, visitor=again), form(acme, visitor=again, email=email), consent(acme, "email", visitor=again)]
    )
    episode = the_episode(acme, again)
    made = settle(acme, EpisodeId(episode.episode_id), now=NOW + timedelta(hours=1))
    assert made is NoLead.STOPPED


def test_what_was_bought_stays_bought_and_loses_what_was_typed(world: World) -> None:
    lead = make_lead(world.acme, state=EpisodeState.ORDERED, ordered_at=NOW, form_fields=b"sealed")
    no_thanks(world.acme, visitor_of(lead))
    episode = episode_of(lead)
    assert (episode.state, episode.form_fields, episode.items) == (EpisodeState.ORDERED, None, ITEMS)
    assert episode.person_id is not None
    assert point_of(lead).value is not None


def test_an_episode_that_began_after_the_refusal_stays(world: World) -> None:
    """A refusal that arrives late says nothing about what came after a new grant."""
    lead = make_lead(world.acme)
    no_thanks(world.acme, visitor_of(lead), at=NOW - timedelta(hours=2, minutes=59), granted=True)
    no_thanks(world.acme, visitor_of(lead), at=NOW - timedelta(hours=3))
    assert episode_of(lead).state is EpisodeState.ABANDONED


def test_what_was_on_its_way_for_longer_than_the_refusal_is_forgotten(world: World) -> None:
    """Its time was corrected by six seconds of transit and lies after the refusal's, which it came before."""
    acme, visitor, second = world.acme, new_visitor(), timedelta(seconds=1)
    take(
        acme,
        [
            cart(acme, visitor=visitor, at=NOW + 6 * second),
            form(acme, visitor=visitor, email=somebody(), at=NOW + 6 * second),
        ],
        now=NOW + 6 * second,
    )
    assert ask(acme, "select distinct at from event") == [(NOW + 6 * second,)]
    choice = Choice(acme.site_id, visitor, granted=False, text="", control=None, page_url=None, at=NOW + 3 * second)
    with tenant_transaction(acme.tenant_id) as session:
        heed_choice(session, tenant_id=acme.tenant_id, choice=choice, now=NOW + 7 * second)
    assert ask(acme, "select state from episode") == [("refused",)]
    assert ask(acme, "select count(*) from contact_point where value is not null") == [(0,)]
    drain([acme.tenant_id], subscribers={"visitor.refused": ["forget"]}, jobs={"forget": forget_visitor_now})
    assert ask(acme, "select count(*) from event") == [(0,)]


def test_the_second_look_waits_until_what_was_being_written_has_ended(world: World) -> None:
    acme, visitor, now = world.acme, new_visitor(), clock.now()
    choice = Choice(acme.site_id, visitor, granted=False, text="", control=None, page_url=None, at=now)
    with tenant_transaction(acme.tenant_id) as session:
        heed_choice(session, tenant_id=acme.tenant_id, choice=choice, now=now)
    assert forget(acme) == []
    assert ask(acme, "select due_at - promised_at from promise where topic = 'visitor.refused'") == [
        (LOOK_AGAIN_AFTER,)
    ]
    ask(acme, "update promise set due_at = promised_at where topic = 'visitor.refused' returning 1")
    assert forget(acme) == ["forget"]


def test_g7_a_strangers_visitor_of_the_same_name_is_left_alone(world: World) -> None:
    visitor = new_visitor()
    mine, theirs = (make_lead(tenant, visitor=visitor) for tenant in (world.acme, world.stranger))
    no_thanks(world.acme, visitor)
    assert episode_of(mine).state is EpisodeState.REFUSED
    assert episode_of(theirs).state is EpisodeState.ABANDONED
    assert point_of(theirs).value is not None


def test_g2_no_delivery_begins_after_a_refusal(world: World) -> None:
    lead = make_lead(world.acme)
    no_thanks(world.acme, visitor_of(lead))
    assert not isinstance(begin(lead), Permit)


def test_g2_a_refusal_and_a_begin_at_once(world: World) -> None:
    """Whoever comes first: nothing deadlocks, the lead is over, and only who was written to is still known."""
    began = 0
    for _ in range(12):
        lead = make_lead(world.acme)
        visitor, start, failures, answers = visitor_of(lead), Barrier(2), list[BaseException](), list[Any]()

        def together(deed: Any, start: Barrier = start, failures: list[BaseException] = failures) -> None:
            try:
                start.wait(60)
                deed()
            except BaseException as error:  # noqa: BLE001  # a thread's failure is told below
                failures.append(error)

        threads = [
            Thread(target=together, args=(lambda lead=lead, answers=answers: answers.append(begin(lead)),)),
            Thread(target=together, args=(lambda visitor=visitor: no_thanks(world.acme, visitor),)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert failures == []
        was_sent = isinstance(answers[0], Permit)
        began += was_sent
        assert (point_of(lead).value is not None) is was_sent
        with tenant_transaction(world.acme.tenant_id) as session:
            ended = get_lead(session, tenant_id=world.acme.tenant_id, lead_id=lead.lead_id)
        assert ended.state is LeadState.ERASED
        touches = ask(world.acme, "select state from touch where lead_id = :id", id=lead.lead_id)
        assert touches == [("sending" if was_sent else "cancelled",)]
    assert began < 12


def test_an_episode_that_was_just_being_written_is_found_by_the_next_look(world: World) -> None:
    """Its transaction read no refusal, and committed after it: the promised work empties it."""
    acme, visitor = world.acme, new_visitor()
    add_route(acme)
    no_thanks(acme, visitor, at=NOW + timedelta(seconds=1))
    straggler = make_lead(acme, visitor=visitor)
    drain(
        [acme.tenant_id],
        subscribers={"visitor.refused": ["forget"]},
        jobs={"forget": forget_visitor_now},
    )
    assert episode_of(straggler).state is EpisodeState.REFUSED
    assert point_of(straggler).value is None


def test_a_refused_visitors_episode_makes_no_lead(world: World) -> None:
    acme, visitor = world.acme, new_visitor()
    add_route(acme)
    take(
        acme,
        [
            cart(acme, visitor=visitor),
            form(acme, visitor=visitor, email=somebody()),
            consent(acme, "email", visitor=visitor),
        ],
    )
    with tenant_transaction(acme.tenant_id) as session:
        session.connection().execute(
            text(
                "insert into visitor (tenant_id, site_id, visitor, capture_refused_at, contact_points_count, made_at)"
                " values (:tenant, :site, :visitor, :at, 0, :at) on conflict (tenant_id, site_id, visitor)"
                " do update set capture_refused_at = excluded.capture_refused_at"
            ),
            {"tenant": acme.tenant_id, "site": acme.site_id, "visitor": visitor, "at": LATER},
        )
    episode = the_episode(acme, visitor)
    assert settle(acme, EpisodeId(episode.episode_id), now=NOW + timedelta(hours=1)) is NoLead.CAPTURE_REFUSED


def test_events_are_deleted_in_bounded_rounds(world: World) -> None:
    acme, visitor, other = world.acme, new_visitor(), new_visitor()
    for one in (visitor, other):
        take(acme, [cart(acme, visitor=one), form(acme, visitor=one, email=somebody())])
    with tenant_transaction(acme.tenant_id) as session:
        session.connection().execute(
            text(
                "insert into event (tenant_id, received_at, event_id, site_id, visitor, type, at, body)"
                " select :tenant, :at, gen_random_uuid(), :site, :visitor, 'page', :at, '{}'"
                " from generate_series(1, :many)"
            ),
            {
                "tenant": acme.tenant_id,
                "site": acme.site_id,
                "visitor": visitor,
                "at": NOW - timedelta(days=1),
                "many": EVENTS_A_ROUND + 10,
            },
        )
    word = "insert into event (tenant_id, received_at, event_id, site_id, visitor, type, at, body) values"
    said = f"{word} (:tenant_id, :at, gen_random_uuid(), :site, :visitor, 'consent', :at, cast(:body as jsonb))"
    said += " returning 1"
    values = {"tenant_id": acme.tenant_id, "site": acme.site_id, "visitor": visitor, "at": NOW}
    ask(acme, said, **values, body='{"channel": "capture", "granted": false}')
    ask(acme, said, **values | {"at": LATER}, body='{"channel": "email"}')
    no_thanks(acme, visitor, at=NOW + timedelta(minutes=1), granted=True)
    no_thanks(acme, visitor, at=NOW)
    ran = drain([acme.tenant_id], subscribers={"visitor.refused": ["forget"]}, jobs={"forget": forget_visitor_now})
    assert ran == ["forget", "forget"]
    left = ask(acme, "select type, body ->> 'channel' from event where visitor = :v order by 2", v=visitor)
    assert left == [("consent", "capture"), ("consent", "email")]  # the refusal itself, and what came after it
    assert ask(acme, "select count(*) from event where visitor = :v", v=other) == [(2,)]


def test_forgetting_nobody_is_harmless(world: World) -> None:
    with tenant_transaction(world.acme.tenant_id) as session:
        gone = forget_visitor(
            session,
            tenant_id=world.acme.tenant_id,
            site_id=world.acme.site_id,
            visitor=new_visitor(),
            until=NOW,
            now=NOW,
        )
    assert gone == 0


def test_what_was_typed_can_be_read_before_and_not_after(world: World) -> None:
    lead = make_lead(world.acme)
    sealed = typed(world.acme, lead.episode_id)
    with tenant_transaction(world.acme.tenant_id) as session:
        session.connection().execute(
            text("update episode set form_fields = :sealed where episode_id = :id"),
            {"sealed": sealed, "id": lead.episode_id},
        )
    episode = episode_of(lead)
    with tenant_transaction(world.acme.tenant_id) as session:
        opened = episodes.form_fields(session, tenant_id=world.acme.tenant_id, episode=episode)
    assert opened == {"email": "hanako@example.jp"}
    no_thanks(world.acme, visitor_of(lead))
    with tenant_transaction(world.acme.tenant_id) as session:
        assert episodes.form_fields(session, tenant_id=world.acme.tenant_id, episode=episode_of(lead)) == {}
