"""From promises to work: the relay makes rows of them and hints, the sweep hints what nobody has finished.

The relay looks five times a second instead of waiting for NOTIFY, which would make every commit that promises
something wait for one lock of the whole cluster.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from modori.background.hints import hint
from modori.kernel.failpoints import hit
from modori.kernel.ids import TenantId
from modori.storage import queries
from modori.storage.db import scan_transaction, tenant_transaction

RELAY_EVERY_S: Final = 0.2
SWEEP_EVERY_S: Final = 1.0
HINT_AGAIN_AFTER_S: Final = 10
"""G6: whatever Valkey loses is late by no more than this."""

BATCH: Final = 500

Hint = Callable[[str, str, str], object]


def relay_once(subscribers: Mapping[str, Sequence[str]], *, tell: Hint = hint) -> int:
    """Turn promises into work rows, commit, and hint the actor of each. Returns how many rows were made.

    subscribers  topic → names of actors
    """
    with scan_transaction() as session:
        made = queries.relay_promises(session, subscribers=subscribers, limit=BATCH)
        hit("relay.before_commit")
    hit("relay.after_commit")
    for ref in made:
        tell(ref.subscriber, str(ref.tenant_id), str(ref.work_id))
    return len(made)


def sweep_once(*, tell: Hint = hint) -> int:
    """Hint again what was hinted more than 10 s ago and is not done. Returns how many rows."""
    with scan_transaction() as session:
        waiting = queries.list_unfinished_work(session, lease_s=HINT_AGAIN_AFTER_S, limit=BATCH)
    for ref in waiting:
        tell(ref.subscriber, str(ref.tenant_id), str(ref.work_id))
    return len(waiting)


@dataclass(frozen=True)
class Quarantined:
    """Work that failed three times; `error` says what failed and where."""

    subscriber: str
    tenant_id: UUID
    work_id: UUID
    error: str


def list_quarantined(*, and_retry: bool = False) -> list[Quarantined]:
    """List the work of all tenants that is not tried any more, and (and_retry) give it three more tries."""
    with scan_transaction() as session:
        found = queries.list_quarantined(session)
    listed = []
    for ref in found:
        tenant_id = TenantId(ref.tenant_id)
        with tenant_transaction(tenant_id) as session:
            error = queries.find_work_error(session, tenant_id=tenant_id, work_id=ref.work_id)
            if and_retry:
                queries.release_quarantined(session, tenant_id=tenant_id, work_id=ref.work_id)
        listed.append(Quarantined(ref.subscriber, ref.tenant_id, ref.work_id, error or ""))
    return listed


def forget_finished(*, older_than_days: int) -> int:
    """Delete work that was done long ago, and its promises."""
    with scan_transaction() as session:
        return queries.delete_finished(session, older_than_days=older_than_days)
