"""What the call centre looks for again and again: claims that nobody works on any more."""

from modori.calls import actions, queries
from modori.kernel.ids import TenantId
from modori.storage.db import scan_transaction, tenant_transaction


def release_expired_claims() -> int:
    """Put claims whose lease ran out back into their queues. Returns how many."""
    with scan_transaction() as session:
        tenants = queries.list_tenants_with_expired_claims(session)
    returned = 0
    for tenant_id in map(TenantId, tenants):
        with tenant_transaction(tenant_id) as session:
            returned += actions.release_expired_claims(session, tenant_id=tenant_id)
    return returned
