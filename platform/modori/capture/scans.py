"""What the scheduler does for capture: forget what need not be remembered, and keep the event table's partitions."""

from datetime import timedelta

from modori.capture import queries
from modori.capture.protection.queries import delete_old_lookalikes
from modori.capture.rules import MOST_AHEAD, OLDEST_EVENT
from modori.kernel import clock
from modori.storage.db import scan_transaction, tenant_transaction
from modori.tenants.queries import list_tenant_ids

PARTITIONS_AHEAD_DAYS = 7
KEEP_EVENTS_DAYS = 400
"""Results copy their proof (G9), and consents and orders are rows of their own: events are for the timeline."""

PAST_AT_ONCE = 20_000
"""Rows of one round: the transaction stays short, and the scan comes again at once while there are more."""

KEEP_VELOCITY = timedelta(hours=2)


def forget_seen_events() -> int:
    """Purge event ids that are older than any event that we take (G1). Returns how many."""
    horizon = clock.now() - OLDEST_EVENT - MOST_AHEAD
    with scan_transaction() as session:
        return queries.delete_old_seen(session, before=horizon.date())


def forget_contact_velocity() -> int:
    """Purge the hourly counts of contact points per network address and per prefix. Returns how many rows."""
    with scan_transaction() as session:
        tenant_ids = list_tenant_ids(session)
    forgotten = 0
    for tenant_id in tenant_ids:
        with tenant_transaction(tenant_id) as session:
            before = clock.now() - KEEP_VELOCITY
            forgotten += queries.delete_old_velocity(session, tenant_id=tenant_id, before=before)
            forgotten += delete_old_lookalikes(session, tenant_id=tenant_id, before=before)
    return forgotten


def keep_event_partitions(keep_days: int = KEEP_EVENTS_DAYS) -> int:
    """Make the coming days' partitions and drop those older than `keep_days`. Returns how many were made or dropped.

    Days are the database's: a scheduler whose own clock is wrong drops nothing.
    """
    with scan_transaction() as session:
        made = queries.make_event_partitions(session, days_ahead=PARTITIONS_AHEAD_DAYS)
    with scan_transaction() as session:
        dropped = queries.drop_event_partitions(session, keep_days=keep_days)
    return made + dropped


def forget_past_events(keep_days: int = KEEP_EVENTS_DAYS) -> int:
    """Remove a round of events older than `keep_days` that lie in no day's partition. Returns how many, 0: no more.

    `event_past` takes what came before its day had a partition, or after one was due and not made.
    """
    with scan_transaction() as session:
        return queries.delete_past_events(session, keep_days=keep_days, most=PAST_AT_ONCE)
