"""Browsers, a server and the idle scan at the same few people at once: nobody fails, and no lead of who bought is left.

The locks of G2 are what is tested: episode, lead, contact points by id, then the visitor's row.
"""

import random
from datetime import timedelta
from decimal import Decimal
from threading import Thread

from sqlalchemy import text

from modori.api import taking
from modori.capture.reading import Reading, read_event
from modori.kernel import clock
from modori.kernel.ids import EpisodeId, new_id
from modori.outcomes.actions import record_order
from modori.outcomes.model import OrderSource
from modori.outcomes.wire import OrderIn
from modori.storage.db import tenant_transaction
from modori.storage.retrying import retry_deadlocks
from tests.captureworld import (
    add_route,
    cart,
    consent,
    current,
    event,
    form,
    new_visitor,
    settle,
    site_context,
    somebody,
    take,
)
from tests.world import World, make_tenant

THREADS, DEEDS = 5, 24


def test_g2_events_orders_and_leads_at_once(world: World) -> None:
    shop = make_tenant("busy", abandon_after_s=1, contact_points_per_visitor_day=999, contact_points_per_ip_hour=999)
    add_route(shop)
    site = site_context(shop)
    emails, visitors = [somebody() for _ in range(5)], [new_visitor() for _ in range(6)]
    phones = [f"+8190222200{number:02d}" for number in range(5)]
    failures: list[BaseException] = []

    def browse(dice: random.Random, visitor: str) -> None:
        now = clock.now()
        if dice.random() < 0.3:
            bought = {"id": str(new_id()), "currency": "JPY", "value": 1}
            batch = [event(shop, "order", bought, visitor=visitor, at=now)]
        else:
            batch = [
                cart(shop, visitor=visitor, at=now),
                form(shop, visitor=visitor, at=now, email=dice.choice(emails), tel=dice.choice(phones)),
                consent(shop, "email", visitor=visitor, at=now),
            ]
        reading = Reading(site.origins, "JP", False, False, sent_at=now, received_at=now)
        taking.take(site, [read_event(one, reading) for one in batch], received_at=now, ip_index=b"x" * 32)

    @retry_deadlocks
    def report_order(dice: random.Random, visitor: str) -> None:
        order = OrderIn(
            id=str(new_id()),
            currency="JPY",
            value=Decimal(1),
            email=dice.choice(emails),
            tel=dice.choice(phones),
            visitor=visitor,
        )
        with tenant_transaction(shop.tenant_id) as session:
            record_order(
                session,
                tenant_id=shop.tenant_id,
                site_id=shop.site_id,
                order=order,
                source=OrderSource.SERVER,
                now=clock.now(),
            )

    def idle(dice: random.Random, visitor: str) -> None:
        episode = current(shop, visitor)
        if episode is not None:
            settle(shop, EpisodeId(episode.episode_id), now=clock.now() + timedelta(seconds=2))

    def live(seed: int) -> None:
        dice = random.Random(seed)
        try:
            for _ in range(DEEDS):
                deed = dice.choice([browse, browse, browse, report_order, idle])
                deed(dice, dice.choice(visitors))
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    threads = [Thread(target=live, args=(seed,)) for seed in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    with tenant_transaction(shop.tenant_id) as session:
        alive = session.connection().execute(
            text(
                "select count(*) from lead l join episode e using (tenant_id, episode_id)"
                " where l.state in ('held', 'active') and e.ordered_at is not null"
            )
        )
        assert alive.scalar_one() == 0
        twice = session.connection().execute(
            text(
                "select count(*) from (select contact_point_id from lead_contact join lead using (tenant_id, lead_id)"
                " where state in ('held', 'active') group by 1 having count(*) > 1) as shared"
            )
        )
        assert twice.scalar_one() == 0


def test_g2_a_lead_ends_when_its_episode_meets_somebody_who_has_ordered(world: World) -> None:
    """The address that bought is named only after the lead was made: its order could not have matched before."""
    add_route(world.acme)
    visitor, bought = new_visitor(), somebody()
    now = clock.now()
    take(
        world.acme,
        [
            cart(world.acme, visitor=visitor, at=now),
            form(world.acme, visitor=visitor, email=somebody(), at=now),
            consent(world.acme, "email", visitor=visitor, at=now),
        ],
        now=now,
    )
    episode = current(world.acme, visitor)
    assert episode is not None
    settle(world.acme, EpisodeId(episode.episode_id), now=now + timedelta(hours=1))
    with tenant_transaction(world.acme.tenant_id) as session:
        order = OrderIn(id=str(new_id()), currency="JPY", value=Decimal(1), email=bought)
        record_order(
            session,
            tenant_id=world.acme.tenant_id,
            site_id=world.acme.site_id,
            order=order,
            source=OrderSource.SERVER,
            now=now + timedelta(seconds=1),
        )
    site = site_context(world.acme)
    late = event(world.acme, "identify", {"email": bought}, visitor=visitor, at=now)
    reading = Reading(site.origins, "JP", False, False, sent_at=now, received_at=now)
    taking.take(site, [read_event(late, reading)], received_at=now, ip_index=None)
    with tenant_transaction(world.acme.tenant_id) as session:
        found = session.connection().execute(
            text("select state, ended_by from lead where episode_id = :id"), {"id": episode.episode_id}
        )
        assert found.one() == ("converted", f"converted:{episode.episode_id}")
