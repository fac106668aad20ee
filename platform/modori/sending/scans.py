"""What the scheduler does for sending: claim what is due, give stale claims back, let overdue deliveries go unknown."""

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from modori.background.each import for_each
from modori.kernel import clock
from modori.kernel.failpoints import hit
from modori.kernel.ids import DeliveryId, TenantId
from modori.sending.budgets import queries as budgets
from modori.sending.claims import queries as claims
from modori.sending.deliveries import actions as deliveries
from modori.sending.deliveries import queries as delivery_queries
from modori.storage.db import scan_transaction, tenant_transaction

CLAIM_LEASE_S = 20
"""A claimed touch that no worker began within this is planned again."""

PER_TENANT = 100
"""Most touches of one client that one round claims."""

MOST_CLAIMED = 400
"""Most touches that may be claimed and not begun, of all clients: one slow worker gets through them in the lease."""

KEEP_COUNTS_DAYS = 30

BATCH = 10
"""Touches in one hint: one message for each would cost more than the work (Dramatiq carries about 2,000 a second)."""


def claim_due(tell: Callable[[str, list[str]], object]) -> int:
    """Claim due touches of all tenants and tell workers of them, in batches of one tenant each. Returns how many.

    tell  is called after the commit with a tenant's id and touch ids; a word that is lost costs the claim's lease
    """
    with scan_transaction() as session:
        claimed = claims.claim_due_touches(session, per_tenant=PER_TENANT, most_claimed=MOST_CLAIMED)
        hit("claim.before_commit")
    hit("claim.after_commit")
    by_tenant: dict[UUID, list[str]] = defaultdict(list)
    for tenant_id, touch_id in claimed:
        by_tenant[tenant_id].append(str(touch_id))
    for tenant_id, touch_ids in by_tenant.items():
        for first in range(0, len(touch_ids), BATCH):
            tell(str(tenant_id), touch_ids[first : first + BATCH])
    return len(claimed)


def next_due_at() -> datetime | None:
    """When the next planned touch is due: how long the claiming scan may sleep."""
    with scan_transaction() as session:
        return claims.find_next_due_at(session)


def release_stale_claims() -> int:
    """Give claims that lost their worker back to the plan."""
    with scan_transaction() as session:
        return claims.release_stale_claims(session, lease_s=CLAIM_LEASE_S)


def expire_deliveries() -> int:
    """Let every delivery that is still `sending` past its deadline become unknown."""
    with scan_transaction() as session:
        overdue = delivery_queries.list_overdue_deliveries(session)
    return for_each(overdue, _expire, failing="deliveries that could not be expired")


def _expire(one: delivery_queries.OpenDelivery) -> None:
    tenant_id, delivery_id = TenantId(one.tenant_id), DeliveryId(one.delivery_id)
    with tenant_transaction(tenant_id) as session:
        deliveries.expire_delivery(session, tenant_id=tenant_id, delivery_id=delivery_id, now=clock.now())


def forget_platform_counts() -> None:
    """Delete the counts over all tenants that no cap looks back at any more (RULES 31)."""
    with scan_transaction() as session:
        budgets.purge_platform_budget(session, keep_days=KEEP_COUNTS_DAYS)
