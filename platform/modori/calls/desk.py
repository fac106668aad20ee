"""What an operator's screen does over several tenants, or around a network call: each opens its own transactions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from modori.calls import actions, queries
from modori.calls.model import CallTask
from modori.channels.wire import Prices
from modori.kernel import clock
from modori.kernel.errors import Conflict
from modori.kernel.ids import CallTaskId, TenantId, UserId
from modori.sending.ports import Answer, Permit
from modori.storage.db import agency_transaction, read_transaction, tenant_transaction
from modori.tenants.users.queries import get_user
from modori.tenants.users.values import user_phone

MOST_TRIES = 5


class OperatorPhoneMissing(Conflict):
    code = "operator_phone_missing"
    title = "Your account has no telephone number to ring"


class Voice(Protocol):
    """Whoever dials: `channels.voice.adapter` in production."""

    def dial(self, permit: Permit, *, operator_phone: str, voice_from: str) -> Answer: ...


def claim_next(tenant_ids: Sequence[TenantId], *, user_id: UserId) -> CallTask | None:
    """Take the first person of the queue over all tenants that an operator sees; None: nobody waits.

    Whoever is on the desk already is returned again. raises OperatorBusy where that is of a tenant not among these
    """
    for tenant_id in tenant_ids:
        with read_transaction([tenant_id]) as reading:
            held = queries.find_task_of_user(reading, tenant_id=tenant_id, user_id=user_id)
        if held is not None:
            with tenant_transaction(tenant_id) as session:
                return actions.claim_next(session, tenant_id=tenant_id, user_id=user_id, now=clock.now())
    for _ in range(MOST_TRIES):  # another operator may take the last one of a tenant in between
        with read_transaction(tenant_ids) as reading:
            queue = queries.list_queue(reading, tenant_ids=tenant_ids, now=clock.now(), per_tenant=1, limit=1)
        if not queue:
            return None
        tenant_id = TenantId(queue[0].tenant_id)
        with tenant_transaction(tenant_id) as session:
            claimed = actions.claim_next(session, tenant_id=tenant_id, user_id=user_id, now=clock.now())
        if claimed is not None:
            return claimed
    return None


@dataclass(frozen=True)
class Dialler:
    """Carries an operator's dial to the world: begin, call, record (DESIGN section 5).

    deadline_s  the same as for messages: it must be longer than the one time-out of the provider's answer, or a dial
                that is still being asked for would count as unknown
    prices      what one dial counts against the client's month
    """

    voice: Voice
    deadline_s: int
    prices: Prices

    def dial(
        self, *, tenant_id: TenantId, task_id: CallTaskId, user_id: UserId
    ) -> actions.StartedCall | actions.DialRefused:
        """Ring the operator's phone for one person on the desk, if the gate allows. No transaction is open meanwhile.

        raises  NotFound, NotYours, CallInProgress, OperatorPhoneMissing
        """
        with agency_transaction() as session:
            phone = user_phone(session, get_user(session, user_id=user_id))
        if phone is None:
            raise OperatorPhoneMissing()
        with tenant_transaction(tenant_id) as session:
            started = actions.start_call(
                session,
                tenant_id=tenant_id,
                task_id=task_id,
                user_id=user_id,
                deadline_s=self.deadline_s,
                costs=self.prices.dial_minor,
                now=clock.now(),
            )
        if isinstance(started, actions.DialRefused):
            return started
        answer = self.voice.dial(started.permit, operator_phone=phone, voice_from=started.voice_from)
        with tenant_transaction(tenant_id) as session:
            actions.record_dial(session, tenant_id=tenant_id, permit=started.permit, answer=answer, now=clock.now())
        return started
