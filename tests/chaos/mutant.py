"""Seeded bugs. Each replaces one thing of the product in a process of the harness, so that the judge can find it.

Named by the harness when it bears a process; no variable of the product's selects them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session

from modori.background import hints, relay
from modori.channels.adapters import Adapters
from modori.channels.wire import Prepared
from modori.kernel import clock
from modori.kernel.failpoints import hit
from modori.kernel.ids import TenantId
from modori.sending import queries as sending_queries
from modori.sending.deliveries import actions as deliveries
from modori.sending.ports import Accepted, Answer, Permit, Unknown
from modori.storage import queries as storage_queries
from modori.storage.db import tenant_transaction


def no_lead_lock() -> None:
    """Begin reads its facts without a lock."""

    def lock_nothing(session: Session, **_: Any) -> None:
        return

    sending_queries.lock_for_begin = lock_nothing


def record_before_send() -> None:
    """The answer is written down as a success before anybody is called; then comes the call, or a crash."""
    deliver = Adapters.deliver

    def record_and_deliver(self: Adapters, permit: Permit, prepared: Prepared) -> Answer:
        with tenant_transaction(permit.tenant_id) as session:
            deliveries.record(
                session,
                tenant_id=permit.tenant_id,
                delivery_id=permit.delivery_id,
                answer=Accepted(str(permit.delivery_id)),
                now=clock.now(),
            )
        hit("call.answered")
        return deliver(self, permit, prepared)

    Adapters.deliver = record_and_deliver  # type: ignore[method-assign]  # a mutant is made by assigning


def retry_on_500() -> None:
    """A doubtful answer is taken for a failure and tried again at once."""
    deliver = Adapters.deliver

    def deliver_twice(self: Adapters, permit: Permit, prepared: Prepared) -> Answer:
        answer = deliver(self, permit, prepared)
        return deliver(self, permit, prepared) if isinstance(answer, Unknown) else answer

    Adapters.deliver = deliver_twice  # type: ignore[method-assign]  # a mutant is made by assigning


def done_when_hinted() -> None:
    """Whoever hints a job marks its work as done: "sent to Redis" becomes a state. The job runs if the hint arrives."""
    relay_once = relay.relay_once

    def hint_and_mark(actor: str, tenant_id: str, work_id: str) -> None:
        hints.hint(actor, tenant_id, work_id)
        with tenant_transaction(TenantId(UUID(tenant_id))) as session:
            session.connection().execute(
                text("update work set state = 'done', done_at = now() where tenant_id = :t and work_id = :w"),
                {"t": tenant_id, "w": work_id},
            )

    def claim_anything(
        session: Session, *, tenant_id: TenantId, work_id: UUID, **_: Any
    ) -> storage_queries.ClaimedWork | None:
        row = (
            session.connection()
            .execute(
                text(
                    "select p.topic, p.payload, w.claims, w.subscriber from work w join promise p"
                    " on p.tenant_id = w.tenant_id and p.promise_id = w.promise_id"
                    " where w.tenant_id = :t and w.work_id = :w"
                ),
                {"t": tenant_id, "w": work_id},
            )
            .one_or_none()
        )
        return None if row is None else storage_queries.ClaimedWork(row.topic, row.payload, row.claims, row.subscriber)

    def finish_nothing(session: Session, **_: Any) -> bool:
        return True

    def relay_and_mark(subscribers: Mapping[str, Sequence[str]], **_: Any) -> int:
        return relay_once(subscribers, tell=hint_and_mark)

    relay.relay_once = relay_and_mark
    storage_queries.claim_work = claim_anything
    storage_queries.finish_work = finish_nothing


MUTANTS: Final[dict[str, Callable[[], None]]] = {
    mutant.__name__: mutant for mutant in (no_lead_lock, record_before_send, retry_on_500, done_when_hinted)
}


def apply(name: str) -> None:
    """Make this process a mutant. raises KeyError for a name that is none"""
    MUTANTS[name]()
