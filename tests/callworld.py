"""A lead that waits for an operator's call: where tests of the desk start."""

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import text

from modori.calls import actions, dispositions, queries
from modori.calls.model import Call, CallTask, Disposition
from modori.calls.rules import Leg
from modori.channels.wire import Prices
from modori.kernel.ids import CallId, CallTaskId, UserId
from modori.people.model import Channel
from modori.sending.model import ReportStatus
from modori.sending.ports import Accepted
from modori.storage.db import tenant_transaction
from modori.tenants.model import Role
from tests.leadworld import LeadWorld, make_lead
from tests.orderworld import DIAL_MINOR, queued_task, start
from tests.world import NOW, TenantWorld, World, make_user

LATER = NOW + timedelta(hours=1)
COST_MINOR = DIAL_MINOR
PRICES: Final = Prices(dial_minor={"JPY": COST_MINOR})
TERMS: Final[dict[str, Any]] = {"deadline_s": 30, "costs": PRICES.dial_minor}


def operator(world: World) -> UserId:
    return world.users[Role.OPERATOR].user_id


def another_operator(world: World) -> UserId:
    return make_user(Role.OPERATOR, world.acme.tenant_id).user_id


def callable_lead(tenant: TenantWorld, *, now: datetime = NOW, value_minor: int | None = None) -> LeadWorld:
    lead = make_lead(tenant, channel=Channel.CALL, now=now)
    if value_minor is not None:
        with tenant_transaction(tenant.tenant_id) as session:
            session.connection().execute(
                text("update lead set value_minor = :value where lead_id = :id"),
                {"value": value_minor, "id": lead.lead_id},
            )
    return lead


def waiting(
    tenant: TenantWorld, *, now: datetime = NOW, value_minor: int | None = None
) -> tuple[LeadWorld, CallTaskId]:
    lead = callable_lead(tenant, now=now, value_minor=value_minor)
    return lead, CallTaskId(queued_task(lead, now=now).call_task_id)


def claim(tenant: TenantWorld, task_id: CallTaskId, user_id: UserId) -> CallTask | None:
    with tenant_transaction(tenant.tenant_id) as session:
        return actions.claim(session, tenant_id=tenant.tenant_id, task_id=task_id, user_id=user_id)


def on_desk(world: World) -> tuple[LeadWorld, CallTaskId]:
    lead, task_id = waiting(world.acme)
    assert claim(world.acme, task_id, operator(world)) is not None
    return lead, task_id


def dispose(
    tenant: TenantWorld,
    task_id: CallTaskId,
    user_id: UserId,
    disposition: Disposition,
    *,
    now: datetime = NOW,
    **how: Any,
) -> dispositions.Disposed:
    with tenant_transaction(tenant.tenant_id) as session:
        return dispositions.dispose(
            session,
            tenant_id=tenant.tenant_id,
            task_id=task_id,
            user_id=user_id,
            disposition=disposition,
            now=now,
            **how,
        )


def task_of(tenant: TenantWorld, task_id: CallTaskId) -> CallTask:
    with tenant_transaction(tenant.tenant_id) as session:
        return queries.get_task(session, tenant_id=tenant.tenant_id, task_id=task_id)


def call_of(tenant: TenantWorld, call_id: CallId) -> Call:
    with tenant_transaction(tenant.tenant_id) as session:
        return queries.get_call(session, tenant_id=tenant.tenant_id, call_id=call_id)


def run_out(tenant: TenantWorld, task_id: CallTaskId) -> None:
    """Let a claim's lease run out."""
    with tenant_transaction(tenant.tenant_id) as session:
        session.connection().execute(
            text("update call_task set claimed_until = now() - interval '1 second' where call_task_id = :id"),
            {"id": task_id},
        )


def touch_of(lead: LeadWorld) -> tuple[str, str | None]:
    with tenant_transaction(lead.tenant.tenant_id) as session:
        row = session.connection().execute(
            text("select state, reason from touch where touch_id = :id"), {"id": lead.touch_id}
        )
        state, reason = row.one()
        return state, reason


def report(lead: LeadWorld, call_id: CallId, status: ReportStatus, leg: Leg, talk_s: int | None = None) -> bool:
    with tenant_transaction(lead.tenant.tenant_id) as session:
        return actions.apply_call_report(
            session,
            tenant_id=lead.tenant.tenant_id,
            call_id=call_id,
            status=status,
            talk_s=talk_s,
            leg=leg,
            now=NOW,
        )


def dial(lead: LeadWorld, task_id: CallTaskId, user_id: UserId, *, now: datetime = NOW) -> CallId:
    started = start(lead, task_id, user_id, now=now)
    with tenant_transaction(lead.tenant.tenant_id) as session:
        actions.record_dial(
            session, tenant_id=lead.tenant.tenant_id, permit=started.permit, answer=Accepted("CA1"), now=now
        )
    return started.call_id


def refused_dial(lead: LeadWorld, task_id: CallTaskId, user_id: UserId, *, now: datetime = NOW) -> actions.DialRefused:
    with tenant_transaction(lead.tenant.tenant_id) as session:
        answer = actions.start_call(
            session, tenant_id=lead.tenant.tenant_id, task_id=task_id, user_id=user_id, **TERMS, now=now
        )
    assert isinstance(answer, actions.DialRefused), answer
    return answer
