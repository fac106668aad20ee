"""A name that arrives after its cart was judged, and is older than it: the SDK sends the newest state first."""

from datetime import timedelta

from sqlalchemy import text

from modori.kernel.ids import EpisodeId
from modori.leads import actions
from modori.leads.rules import NoLead
from modori.storage.db import tenant_transaction
from tests.captureworld import cart, consent, event, new_visitor, somebody, take, the_episode
from tests.world import NOW, World

IDLE = timedelta(seconds=1800)


def promised(world: World, episode_id: EpisodeId) -> int:
    with tenant_transaction(world.acme.tenant_id) as session:
        row = session.connection().execute(
            text(
                "select count(*) from promise where topic = 'episode.abandoned' and payload ->> 'episode_id' = :episode"
            ),
            {"episode": str(episode_id)},
        )
        return int(row.scalar_one())


def test_a_late_older_name_has_an_abandoned_cart_judged_again(world: World) -> None:
    acme, visitor, judged_at = world.acme, new_visitor(), NOW + IDLE
    take(acme, [cart(acme, visitor=visitor, at=NOW)])
    episode_id = EpisodeId(the_episode(acme, visitor).episode_id)
    with tenant_transaction(acme.tenant_id) as session:
        for _ in range(2):  # a second call changes nothing
            actions.settle_episode(session, tenant_id=acme.tenant_id, episode_id=episode_id, now=judged_at)
        made = actions.make_lead(session, tenant_id=acme.tenant_id, episode_id=episode_id, now=judged_at)
    assert made is NoLead.NO_CONTACT
    assert promised(world, episode_id) == 1
    older, arrived_at = NOW - timedelta(seconds=1), judged_at + timedelta(seconds=5)
    named = event(acme, "identify", {"email": somebody()}, visitor=visitor, at=older)
    take(acme, [named, consent(acme, "email", visitor=visitor, at=older)], now=arrived_at)
    with tenant_transaction(acme.tenant_id) as session:
        for _ in range(2):
            actions.settle_episode(session, tenant_id=acme.tenant_id, episode_id=episode_id, now=arrived_at)
    assert promised(world, episode_id) == 2
