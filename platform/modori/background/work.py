"""One subscriber's share of a promise: claimed, done, and finished in the transaction of its effect."""

import traceback
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog
from sqlmodel import Session

from modori.background import counts
from modori.kernel import clock
from modori.kernel.failpoints import hit
from modori.kernel.ids import TenantId
from modori.storage import queries
from modori.storage.db import tenant_transaction
from modori.storage.failures import AWAY

LEASE_S: Final = 8
"""A claim holds this long. Less than the sweep's 10 s, so that the next hint finds it free."""

OUTSIDE_LEASE_S: Final = 40
"""For an effect that waits for a server: longer than its time-outs, so that it is not begun twice beside itself."""

MOST_CLAIMS: Final = 3

log = structlog.get_logger()

Do = Callable[[Session, dict[str, Any], datetime], object]


class LostClaim(Exception):
    """The lease ran out and somebody else has claimed the row: this effect is rolled back."""


def run(tenant_id: str, work_id: str, do: Do) -> None:
    """Claim one work row, let `do(session, payload, now)` have its effect, and finish the row in the same transaction.

    A claim that is lost rolls the effect back. A failure is put on record and left to the sweep, which hints the row
    again; after three claims without a result the row is quarantined.
    """

    def in_one_transaction(tenant: TenantId, work: UUID, claimed: queries.ClaimedWork) -> None:
        with tenant_transaction(tenant) as session:
            do(session, claimed.payload, clock.now())
            _finish(session, tenant, work, claimed)
            hit("work.before_commit")
        hit("work.after_commit")

    _claimed(tenant_id, work_id, in_one_transaction, lease_s=LEASE_S)


def run_outside(tenant_id: str, work_id: str, do: Callable[[dict[str, Any], datetime], object]) -> None:
    """As `run`, for an effect that reaches the network: `do` opens its own transactions and may run more than once."""

    def beside(tenant: TenantId, work: UUID, claimed: queries.ClaimedWork) -> None:
        do(claimed.payload, clock.now())
        with tenant_transaction(tenant) as session:
            _finish(session, tenant, work, claimed)

    _claimed(tenant_id, work_id, beside, lease_s=OUTSIDE_LEASE_S)


def _claimed(
    tenant_id: str, work_id: str, effect: Callable[[TenantId, UUID, queries.ClaimedWork], None], *, lease_s: int
) -> None:
    tenant, work = TenantId(UUID(tenant_id)), UUID(work_id)
    try:
        with tenant_transaction(tenant) as session:
            claimed = queries.claim_work(
                session, tenant_id=tenant, work_id=work, lease_s=lease_s, most_claims=MOST_CLAIMS
            )
    except AWAY as error:
        counts.WORK.labels("", "not_claimed").inc()
        log.warning("work.database_away", work_id=work_id, error=describe(error))
        return
    if claimed is None:  # done, quarantined, or somebody else's for now
        counts.WORK.labels("", "not_claimed").inc()
        return
    subscriber = claimed.subscriber
    hit("work.after_claim")
    try:
        effect(tenant, work, claimed)
    except LostClaim:
        counts.WORK.labels(subscriber, "lost_claim").inc()
        log.warning("work.lost_claim", subscriber=subscriber, work_id=work_id)
    except Exception as error:  # noqa: BLE001  # recorded on the row, and taken up again by the sweep
        counts.WORK.labels(subscriber, "failed").inc()
        what = describe(error)
        log.error("work.failed", subscriber=subscriber, work_id=work_id, claims=claimed.claims, error=what)
        try:
            with tenant_transaction(tenant) as session:
                queries.record_work_error(session, tenant_id=tenant, work_id=work, error=what)
        except AWAY as away:  # the sweep hints the row again, whatever stands on it
            log.warning("work.database_away", work_id=work_id, error=describe(away))
    else:
        counts.WORK.labels(subscriber, "done").inc()


def _finish(session: Session, tenant: TenantId, work: UUID, claimed: queries.ClaimedWork) -> None:
    if not queries.finish_work(session, tenant_id=tenant, work_id=work, claims=claimed.claims):
        raise LostClaim(str(work))


def describe(error: BaseException) -> str:
    """Say what failed and where, without the error's own words: they may hold personal data."""
    while isinstance(error, BaseExceptionGroup):  # the first stands for all
        error = error.exceptions[0]
    name = type(error).__name__
    code = getattr(error, "code", None) or getattr(getattr(error, "orig", None), "sqlstate", None)
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if "modori" in frame.filename]
    place = f" at {ours[-1].filename.rpartition('modori/')[2]}:{ours[-1].lineno}" if ours else ""
    return f"{name}{f' [{code}]' if code else ''}{place}"
