"""What the scheduler does for sightings: note what sites send, and forget what no page shows any more."""

from datetime import timedelta
from typing import Final

from modori.capture.notices import IDENTITIES
from modori.capture.protection.queries import delete_old_leaks
from modori.capture.sightings import queries
from modori.kernel import clock
from modori.storage.db import scan_transaction, tenant_transaction
from modori.tenants.queries import list_tenant_ids

KEEP_SIGHTINGS: Final = timedelta(days=31)
"""Leaks, too: a site's page shows a month at most, and a name of a field is a caller's to choose."""


SENT_LOOKED_BACK: Final = timedelta(hours=2)
"""Twice the time between two looks."""
SENT_WALKED: Final = 10_000
"""Events of a client that one look reads at most: what one person in thousands uses is met at one of the next."""


def note_what_sites_send() -> int:
    """Remember for the notices what each site sends, however seldom. Returns how many kinds of things were noted."""
    with scan_transaction() as session:
        tenant_ids = list_tenant_ids(session)
    now, noted = clock.now(), 0
    for tenant_id in tenant_ids:
        with tenant_transaction(tenant_id) as session:
            noted += queries.note_sent(
                session,
                tenant_id=tenant_id,
                since=now - SENT_LOOKED_BACK,
                until=now,
                walked=SENT_WALKED,
                identities=IDENTITIES,
            )
    return noted


def forget_old_sightings() -> int:
    """Purge what was seen and not kept, and counts of leaks, longer ago than any page shows. Returns how many rows."""
    with scan_transaction() as session:
        tenant_ids = list_tenant_ids(session)
    before = (clock.now() - KEEP_SIGHTINGS).date()
    forgotten = 0
    for tenant_id in tenant_ids:
        with tenant_transaction(tenant_id) as session:
            forgotten += queries.delete_old_sightings(session, tenant_id=tenant_id, before=before)
            forgotten += delete_old_leaks(session, tenant_id=tenant_id, before=before)
    return forgotten
