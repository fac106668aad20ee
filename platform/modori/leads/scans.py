"""What the scheduler does for leads: look at episodes that have gone idle, or past their time."""

from datetime import datetime

from modori.background.each import for_each
from modori.kernel import clock
from modori.kernel.ids import EpisodeId
from modori.leads import actions, queries
from modori.storage.db import scan_transaction, tenant_transaction

PER_TENANT = 200
AT_MOST = 1000
"""Most episodes that one round settles, of one client and in all (G12)."""


def settle_idle_episodes(limit: int = AT_MOST) -> int:
    """Settle due episodes of all tenants, each in a transaction of its own. Returns how many were due.

    Several schedulers may do the same: settling twice changes nothing. One that fails leaves the others settled.
    raises  ExceptionGroup of what failed, after all have had their turn
    """
    with scan_transaction() as session:
        due = queries.list_due_episodes(session, now=clock.now(), per_tenant=PER_TENANT, limit=limit)
    return for_each(due, _settle, failing="episodes that could not be settled")


def _settle(one: queries.DueEpisode) -> None:
    with tenant_transaction(one.tenant_id) as session:
        actions.settle_episode(session, tenant_id=one.tenant_id, episode_id=EpisodeId(one.episode_id), now=clock.now())


def next_due_at() -> datetime | None:
    """Say when the next episode falls due, so that the scheduler may sleep until then."""
    with scan_transaction() as session:
        return queries.find_next_due_at(session)
