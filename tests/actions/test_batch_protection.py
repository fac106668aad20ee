"""Shared transactions and protection: what a batch marks, sets apart and holds is what a request alone would."""

import random
from collections.abc import Sequence
from datetime import timedelta
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any

import pytest
from psycopg.errors import DeadlockDetected, LockNotAvailable
from sqlalchemy import text

from modori.api import taking
from modori.capture.batch.actions import OVERTAKEN, Apart
from modori.capture.batch.visits import Posted, may_share
from modori.capture.forgetting.actions import Choice
from modori.capture.reading import Reading, read_event
from modori.capture.rules import Mark, ReadEvent
from modori.kernel.ids import new_id
from modori.outreach.forgetting import heed_choice
from modori.outreach.jobs import forget_visitor_now
from modori.people.naming import name_person
from modori.storage.db import tenant_transaction
from tests.captureworld import (
    cart,
    consent,
    current,
    form,
    new_visitor,
    site_context,
    somebody,
    take_together,
    the_episode,
)
from tests.drain import drain
from tests.world import NOW, TenantWorld, World, make_tenant

S = timedelta(seconds=1)


def posted(tenant: TenantWorld, events: Sequence[dict[str, Any]], *, mark: Mark | None = None) -> Posted:
    site = site_context(tenant)
    reading = Reading(site.origins, site.country, False, False, sent_at=NOW, received_at=NOW, mark=mark)
    read = [read_event(one, reading) for one in events]
    return Posted(site, tuple(one for one in read if isinstance(one, ReadEvent)), NOW, b"i" * 32)


def together(*requests: Posted) -> None:
    for tenant_id in {one.site.tenant_id for one in requests}:
        with tenant_transaction(tenant_id) as session:
            name_person(session, tenant_id=tenant_id, person_id=new_id(), name="x", overwrite=False)
    assert all(may_share(one) for one in requests)
    take_together(requests)


def alone(tenant: TenantWorld, events: Sequence[dict[str, Any]]) -> list[str]:
    """Have a request taken by a transaction of its own. Returns the codes of what was refused."""
    site = site_context(tenant)
    reading = Reading(site.origins, site.country, False, False, sent_at=NOW, received_at=NOW)
    taken = taking.take(site, [read_event(one, reading) for one in events], received_at=NOW, ip_index=None)
    return [one.code for one in taken.refused]


def ask(tenant: TenantWorld, question: str, **values: Any) -> list[Any]:
    with tenant_transaction(tenant.tenant_id) as session:
        return [tuple(row) for row in session.connection().execute(text(question), values)]


@pytest.mark.parametrize("mark", list(Mark))
def test_a_marked_request_in_a_batch_folds_into_nothing(world: World, mark: Mark) -> None:
    acme, person, crawler = world.acme, new_visitor(), new_visitor()
    together(
        posted(acme, [cart(acme, visitor=person, value=100)]),
        posted(acme, [cart(acme, visitor=crawler), form(acme, visitor=crawler, email=somebody())], mark=mark),
        posted(acme, [cart(acme, visitor=person, value=999, at=NOW + S)], mark=mark),
    )
    assert the_episode(acme, person).cart_minor == 100
    assert current(acme, crawler) is None
    marks = "select visitor = :p, mark, count(*) from event group by 1, 2 order by 1, 2 nulls first"
    assert ask(acme, marks, p=person) == [(False, mark, 2), (True, None, 1), (True, mark, 1)]
    assert ask(acme, "select count(*) from contact_point") == [(0,)]


def test_who_ever_refused_goes_apart_and_takes_nobody_along(world: World) -> None:
    acme, refusing, other = world.acme, new_visitor(), new_visitor()
    assert alone(acme, [consent(acme, "capture", visitor=refusing, granted=False, at=NOW - S)]) == []
    theirs = posted(acme, [cart(acme, visitor=refusing)])
    others = posted(acme, [cart(acme, visitor=other)])
    with pytest.raises(Apart) as raised:
        together(theirs, others)
    assert list(raised.value.posted) == [theirs]
    assert ask(acme, "select count(*) from event where type = 'cart'") == [(0,)]
    together(others)
    assert current(acme, other) is not None
    assert alone(acme, [cart(acme, visitor=refusing)]) == ["capture_refused"]
    assert current(acme, refusing) is None


def test_a_repeat_of_who_refused_holds_no_batch_up(world: World) -> None:
    """Its events are known already: nothing is to be told apart, and the batch goes on."""
    acme, visitor = world.acme, new_visitor()
    before = [cart(acme, visitor=visitor, at=NOW - S)]
    together(posted(acme, before))
    alone(acme, [consent(acme, "capture", visitor=visitor, granted=False)])
    together(posted(acme, before), posted(acme, [cart(acme, visitor=new_visitor())]))
    assert current(acme, visitor) is None


def test_rules_36_look_alikes_within_one_batch_are_held_beyond_the_limit(world: World) -> None:
    shop = make_tenant("together", contact_points_per_prefix_hour=3, contact_points_per_ip_hour=999)
    visitors = [new_visitor() for _ in range(6)]
    together(
        *(
            posted(shop, [form(shop, visitor=one, tel=f"090-6666-12{number:02d}", at=NOW + number * S)])
            for number, one in enumerate(visitors)
        )
    )
    held = [the_episode(shop, one).held_reason for one in visitors]
    assert held.count("contact_points_per_prefix") == 3
    assert held.count(None) == 3
    assert ask(shop, "select new_points from prefix_velocity") == [(6,)]
    another = new_visitor()
    together(posted(shop, [form(shop, visitor=another, tel="090-6666-1299")]))
    assert the_episode(shop, another).held_reason == "contact_points_per_prefix"


def test_rules_15_events_and_refusals_of_the_same_visitors_at_once(world: World) -> None:
    """Whoever wins: nobody fails, and once the background work is done nothing from before a refusal is left."""
    acme = world.acme
    visitors = [new_visitor() for _ in range(4)]
    with tenant_transaction(acme.tenant_id) as session:
        name_person(session, tenant_id=acme.tenant_id, person_id=new_id(), name="x", overwrite=False)
    failures: list[BaseException] = []

    def browse(seed: int) -> None:
        dice = random.Random(seed)
        for number in range(12):
            visitor = dice.choice(visitors)
            at = NOW - timedelta(minutes=1) + number * S
            events = [cart(acme, visitor=visitor, at=at), form(acme, visitor=visitor, email=somebody(), at=at)]
            try:
                if seed % 2:
                    alone(acme, events)
                    continue
                request = posted(acme, events)
                try:
                    take_together([request])
                except (Apart, *OVERTAKEN, DeadlockDetected, LockNotAvailable):  # as the flusher has it
                    alone(acme, events)
            except BaseException as error:  # noqa: BLE001  # a thread's failure is told below
                failures.append(error)

    def refuse() -> None:
        for visitor in visitors * 2:
            try:
                alone(acme, [consent(acme, "capture", visitor=visitor, granted=False)])
            except BaseException as error:  # noqa: BLE001  # a thread's failure is told below
                failures.append(error)

    threads = [Thread(target=browse, args=(seed,)) for seed in range(4)] + [Thread(target=refuse)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    drain([acme.tenant_id], subscribers={"visitor.refused": ["forget"]}, jobs={"forget": forget_visitor_now})
    assert [current(acme, one) for one in visitors] == [None] * 4
    assert ask(acme, "select count(*) from contact_point where value is not null") == [(0,)]
    assert ask(acme, "select count(*) from event where type <> 'consent'") == [(0,)]
    assert ask(acme, "select count(*) from capture_choice") == [(8,)]


def test_rules_15_an_event_that_waited_behind_a_refusal_opens_nothing(world: World) -> None:
    """It read the visitor's marks before the refusal was committed, and then waited for the episode's lock."""
    acme, visitor = world.acme, new_visitor()
    assert alone(acme, [cart(acme, visitor=visitor, at=NOW - 2 * S)]) == []
    holds, goes_on = Event(), Event()

    def refuse() -> None:
        choice = Choice(acme.site_id, visitor, granted=False, text="", control=None, page_url=None, at=NOW)
        with tenant_transaction(acme.tenant_id) as session:
            heed_choice(session, tenant_id=acme.tenant_id, choice=choice, now=NOW)
            holds.set()
            assert goes_on.wait(60)

    refusing = Thread(target=refuse)
    refusing.start()
    assert holds.wait(60)
    waiting = Thread(target=alone, args=(acme, [cart(acme, visitor=visitor, at=NOW - S)]))
    waiting.start()
    question = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    until = monotonic() + 60
    while ask(acme, question) == [(0,)] and monotonic() < until:
        sleep(0.02)
    assert ask(acme, question) != [(0,)], "the event waits for the episode's lock"
    goes_on.set()
    for thread in (refusing, waiting):
        thread.join(60)
    assert current(acme, visitor) is None
    assert ask(acme, "select count(*) from episode") == [(1,)]
