"""A result on its way to the ledger: ordered, released, approved, closed, and read back."""

from datetime import date, datetime, timedelta
from typing import Any

from modori.billing import actions, ledger, queries
from modori.billing.model import LedgerEntry
from modori.kernel.ids import ResultId, UserId
from modori.outcomes.actions import RecordedOrder
from modori.outcomes.model import Result
from modori.storage.db import tenant_transaction
from modori.tenants.model import Role
from tests.leadworld import LeadWorld
from tests.orderworld import (
    DAY,
    attribution_of,
    clicked_lead,
    place,
    result_of,
)
from tests.world import NOW, TenantWorld, World

HOUR = timedelta(hours=1)


ORDERED_AT = NOW + HOUR


RELEASED_AT = ORDERED_AT + 15 * DAY


NOVEMBER, DECEMBER = date(2026, 11, 1), date(2026, 12, 1)


def reviewer(world: World) -> UserId:
    return world.users[Role.CLIENT_REVIEWER].user_id


def release(tenant: TenantWorld, result: Result, *, now: datetime) -> bool:
    with tenant_transaction(tenant.tenant_id) as session:
        return actions.release_result(
            session, tenant_id=tenant.tenant_id, result_id=ResultId(result.result_id), now=now
        )


def approve(tenant: TenantWorld, result: Result, user_id: UserId | None, *, now: datetime) -> LedgerEntry | None:
    with tenant_transaction(tenant.tenant_id) as session:
        return actions.approve_result(
            session, tenant_id=tenant.tenant_id, result_id=ResultId(result.result_id), user_id=user_id, now=now
        )


def refuse(tenant: TenantWorld, result: Result, user_id: UserId, *, now: datetime, note: str = "店頭の注文") -> Result:
    with tenant_transaction(tenant.tenant_id) as session:
        return actions.refuse_result(
            session,
            tenant_id=tenant.tenant_id,
            result_id=ResultId(result.result_id),
            user_id=user_id,
            note=note,
            now=now,
        )


def statement(tenant: TenantWorld, month_on: date) -> actions.MonthStatement:
    with tenant_transaction(tenant.tenant_id) as session:
        return actions.get_statement(session, tenant_id=tenant.tenant_id, month_on=month_on)


def close(tenant: TenantWorld, month_on: date, *, now: datetime) -> actions.MonthStatement:
    with tenant_transaction(tenant.tenant_id) as session:
        return actions.close_month(session, tenant_id=tenant.tenant_id, month_on=month_on, user_id=None, now=now)


def entries(tenant: TenantWorld) -> list[LedgerEntry]:
    with tenant_transaction(tenant.tenant_id) as session:
        return list(queries.iter_entries(session, tenant_id=tenant.tenant_id, batch=2))


def first_bad(tenant: TenantWorld) -> int | None:
    with tenant_transaction(tenant.tenant_id) as session:
        return ledger.verify_chain(session, tenant_id=tenant.tenant_id)


def replayed(tenant: TenantWorld, month_on: date) -> ledger.Replayed:
    with tenant_transaction(tenant.tenant_id) as session:
        return ledger.replay_month(session, tenant_id=tenant.tenant_id, month_on=month_on)


def ordered(tenant: TenantWorld, **said: Any) -> tuple[LeadWorld, RecordedOrder, Result]:
    """A lead who clicked and bought by e-mail address; and the result of it."""
    lead = clicked_lead(tenant)
    order = place(tenant, now=ORDERED_AT, **({"email": lead.value} | said))
    result = result_of(tenant, order)
    assert result is not None, attribution_of(tenant, order)
    return lead, order, result


def approved(world: World, **said: Any) -> tuple[RecordedOrder, Result]:
    _, order, result = ordered(world.acme, **said)
    release(world.acme, result, now=RELEASED_AT)
    assert approve(world.acme, result, reviewer(world), now=RELEASED_AT) is not None
    return order, result
