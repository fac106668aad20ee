"""What the scheduler does for sending: claim what is due, give stale claims back, let overdue deliveries go unknown."""

from collections import defaultdict
from uuid import UUID

from modori.kernel import clock
from modori.kernel.failpoints import hit
from modori.kernel.ids import DeliveryId, TenantId
from modori.sending import actions, queries
from modori.storage.db import scan_transaction, tenant_transaction

CLAIM_LEASE_S = 20
"""A claimed touch that no worker began within this is planned again."""

PER_TENANT = 200
AT_MOST = 1000
"""Most touches that one round claims, of one client and in all (G12)."""


def claim_due() -> dict[UUID, list[UUID]]:
    """Claim due touches of all tenants. Returns their ids by tenant, to be hinted to workers after the commit."""
    with scan_transaction() as session:
        claimed = queries.claim_due_touches(session, per_tenant=PER_TENANT, at_most=AT_MOST)
        hit("claim.before_commit")
    hit("claim.after_commit")
    by_tenant: dict[UUID, list[UUID]] = defaultdict(list)
    for tenant_id, touch_id in claimed:
        by_tenant[tenant_id].append(touch_id)
    return by_tenant


def release_stale_claims() -> int:
    """Give claims that lost their worker back to the plan."""
    with scan_transaction() as session:
        return queries.release_stale_claims(session, lease_s=CLAIM_LEASE_S)


def expire_deliveries() -> int:
    """Let every delivery that is still `sending` past its deadline become unknown."""
    with scan_transaction() as session:
        overdue = queries.list_overdue_deliveries(session)
    for one in overdue:
        with tenant_transaction(TenantId(one.tenant_id)) as session:
            actions.expire_delivery(
                session,
                tenant_id=TenantId(one.tenant_id),
                delivery_id=DeliveryId(one.delivery_id),
                now=clock.now(),
            )
    return len(overdue)
