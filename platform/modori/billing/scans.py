"""What billing looks for again and again: holds that have ended, and silence that approves."""

from uuid import UUID

from modori.background.each import for_each
from modori.billing import actions, queries
from modori.billing.errors import ResultDecided
from modori.kernel import clock
from modori.kernel.ids import ResultId, TenantId
from modori.storage.db import scan_transaction, tenant_transaction


def release_holds() -> int:
    """Hand results whose hold has ended to their clients. Returns how many moved."""
    with scan_transaction() as session:
        due = queries.list_ended_holds(session, now=clock.now())
    moved: list[ResultId] = []

    def release(one: tuple[UUID, UUID]) -> None:
        tenant_id, result_id = TenantId(one[0]), ResultId(one[1])
        with tenant_transaction(tenant_id) as session:
            if actions.release_result(session, tenant_id=tenant_id, result_id=result_id, now=clock.now()):
                moved.append(result_id)

    for_each(due, release, failing="results that could not be released")
    return len(moved)


def approve_silent_results() -> int:
    """Approve what the client has been silent about for as long as its contract says. Returns how many."""
    with scan_transaction() as session:
        tenants = queries.list_tenants_with_pending(session)
    approved = 0
    for tenant_id in map(TenantId, tenants):
        with tenant_transaction(tenant_id) as session:
            silent = queries.list_silent_results(session, tenant_id=tenant_id, now=clock.now())
        for result_id in map(ResultId, silent):
            approved += _approve(tenant_id, result_id)
    return approved


def _approve(tenant_id: TenantId, result_id: ResultId) -> bool:
    try:
        with tenant_transaction(tenant_id) as session:
            entry = actions.approve_result(
                session, tenant_id=tenant_id, result_id=result_id, user_id=None, now=clock.now()
            )
    except ResultDecided:  # the client spoke in the meantime
        return False
    return entry is not None
