"""What the scheduler does for retention: a round of every client's past."""

from collections import Counter
from typing import Final

import structlog

from modori.background.counts import FORGOTTEN
from modori.background.each import for_each
from modori.kernel import clock
from modori.kernel.ids import TenantId
from modori.outreach.retention import actions, queries
from modori.outreach.retention.rules import horizons
from modori.storage.db import scan_transaction, tenant_transaction
from modori.tenants.queries import list_tenant_ids

AT_ONCE: Final = 1000
"""Rows of one kind, of one client, in one transaction: it stays short, and nobody waits for its locks."""

log = structlog.get_logger()


def forget_past_retention(captured_days: int, *, at_once: int = AT_ONCE) -> int:
    """Forget a round of what is past its time, of every client. Returns how many rows it looked at, 0: no more.

    captured_days  how long what was captured is kept after the last activity (MODORI_EVENT_RETENTION_DAYS)
    raises         ExceptionGroup of the clients whose round failed, after all have had their turn
    A clock that runs ahead of the database's forgets nothing before its time.
    """
    with scan_transaction() as session:
        tenant_ids = list_tenant_ids(session)
        now = min(clock.now(), queries.database_now(session))
    since = horizons(now, captured_days=captured_days)
    looked_at = 0

    def forget(tenant_id: TenantId) -> None:
        nonlocal looked_at
        with tenant_transaction(tenant_id) as session:
            gone = actions.forget_past(session, tenant_id=tenant_id, since=since, now=now, limit=at_once)
        with tenant_transaction(tenant_id) as session:
            points, forgotten = actions.release_contacts(
                session, tenant_id=tenant_id, captured_days=captured_days, now=now, limit=at_once
            )
        looked_at += sum(gone.values()) + points
        _tell(tenant_id, Counter(gone) + Counter({"contact_points": forgotten}))

    for_each(tenant_ids, forget, failing="clients whose past could not be forgotten")
    return looked_at


def _tell(tenant_id: TenantId, gone: Counter[str]) -> None:
    for what, count in gone.items():
        FORGOTTEN.labels(what).inc(count)
    if gone:
        log.info("retention.forgot", tenant_id=str(tenant_id), **gone)
