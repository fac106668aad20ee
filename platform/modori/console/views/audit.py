"""Who did what in the console."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from fastapi.responses import Response

from modori.console.door import ConsoleRoute
from modori.console.visit import Visiting
from modori.kernel.ids import PLATFORM
from modori.reports.agency import queries as agency
from modori.reports.paging import Cursor, read_cursor
from modori.storage.db import read_transaction
from modori.tenants.model import Role

router = APIRouter(route_class=ConsoleRoute)

PAGE = 100


@router.get("/audit", name="audit.index")
def index(visit: Visiting, after: Annotated[str, Query(max_length=100)] = "") -> Response:
    tenant_ids = visit.tenants
    if visit.viewer.agency_role is Role.AGENCY_ADMIN and visit.viewer.tenant_in_view is None:
        tenant_ids = [*tenant_ids, PLATFORM]
    with read_transaction(tenant_ids) as session:
        found = agency.list_audit(session, tenant_ids=tenant_ids, after=read_cursor(after), limit=PAGE + 1)
    shown = found[:PAGE]
    older = None
    if len(found) > PAGE:
        older = f"?{urlencode({'after': str(Cursor(shown[-1].at, shown[-1].audit_id))})}"
    return visit.page(
        "audit/index.html",
        section="audit",
        entries=shown,
        newer="/console/audit" if after else None,
        older=older,
    )
