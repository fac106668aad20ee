"""Statements: months over several clients, and one month down to the events behind each line."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import Response

from modori.billing import actions as billing
from modori.billing import ledger
from modori.billing.rules import is_over, read_month
from modori.console.door import ConsoleRoute
from modori.console.visit import Visiting
from modori.kernel.errors import NotFound
from modori.kernel.ids import TenantId
from modori.reports.statements import queries as statements
from modori.storage.db import read_transaction, tenant_transaction

router = APIRouter(route_class=ConsoleRoute)

PAGE = 100


@router.get("/statements", name="statements.index")
def index(visit: Visiting) -> Response:
    tenant_ids = visit.tenants
    with read_transaction(tenant_ids) as session:
        months = statements.list_months(session, tenant_ids=tenant_ids)
    return visit.page("statements/index.html", section="statements", months=months)


@router.get("/statements/{tenant_id}/{month}", name="statements.show")
def show(visit: Visiting, tenant_id: UUID, month: str, after: Annotated[int, Query(ge=0)] = 0) -> Response:
    tenant, month_on = TenantId(tenant_id), _month(month)
    with read_transaction([tenant]) as session:
        statement = billing.get_statement(session, tenant_id=tenant, month_on=month_on)
        found = statements.list_entries(session, tenant_id=tenant, month_on=month_on, after_seq=after, limit=PAGE + 1)
        broken_at = ledger.verify_chain(session, tenant_id=tenant)
    return visit.page(
        "statements/show.html",
        section="statements",
        client=visit.viewer.tenant_name(tenant),
        tenant_id=tenant,
        month_on=month_on,
        statement=statement,
        entries=found[:PAGE],
        broken_at=broken_at,
        may_close=visit.may("statements.close", tenant)
        and statement.closed_at is None
        and is_over(month_on, now=visit.now),
        newer=f"/console/statements/{tenant}/{month}" if after else None,
        older=f"?after={found[PAGE - 1].seq}" if len(found) > PAGE else None,
    )


@router.post("/statements/{tenant_id}/{month}/close", name="statements.close")
def close(visit: Visiting, tenant_id: UUID, month: str) -> Response:
    tenant, month_on = TenantId(tenant_id), _month(month)
    with tenant_transaction(tenant) as session:
        billing.close_month(session, tenant_id=tenant, month_on=month_on, user_id=visit.viewer.user_id, now=visit.now)
        visit.audit(session, "month.closed", "statement", month, tenant_id=tenant)
    return visit.go(f"/console/statements/{tenant}/{month}", done="closed")


def _month(text: str) -> date:
    """Read the month of an address. raises NotFound"""
    month_on = read_month(text)
    if month_on is None:
        raise NotFound()
    return month_on
