"""What the scheduler does for sightings and counted leaks: forget them."""

from datetime import timedelta
from typing import Final

from modori.capture.protection.queries import delete_old_leaks
from modori.capture.queries import list_tenants_for_scan
from modori.capture.sightings import queries
from modori.kernel import clock
from modori.storage.db import scan_transaction, tenant_transaction

KEEP_SIGHTINGS: Final = timedelta(days=31)
"""Leaks, too: a site's page shows a month at most, and a name of a field is a caller's to choose."""


def forget_old_sightings() -> int:
    """Purge what was seen and not kept, and counts of leaks, longer ago than any page shows. Returns how many rows."""
    with scan_transaction() as session:
        tenant_ids = list_tenants_for_scan(session)
    before = (clock.now() - KEEP_SIGHTINGS).date()
    forgotten = 0
    for tenant_id in tenant_ids:
        with tenant_transaction(tenant_id) as session:
            forgotten += queries.delete_old_sightings(session, tenant_id=tenant_id, before=before)
            forgotten += delete_old_leaks(session, tenant_id=tenant_id, before=before)
    return forgotten
