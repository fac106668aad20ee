"""Results: the list, approval and refusal, and one result with its proof chain."""

from collections.abc import Callable
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Form, Query
from fastapi.responses import Response
from sqlmodel import Session

from modori.billing import actions as billing
from modori.billing.errors import NoteMissing, OwnWord
from modori.billing.rules import may_approve
from modori.console.door import ConsoleRoute
from modori.console.proof import tell_proof
from modori.console.visit import Visit, Visiting
from modori.console.words import say
from modori.kernel.ids import ResultId, TenantId
from modori.outcomes.model import ResultState
from modori.reports.paging import Cursor, read_cursor
from modori.reports.results import queries as results
from modori.storage.db import read_transaction, tenant_transaction

router = APIRouter(route_class=ConsoleRoute)

PAGE = 50
OWN_WORD = say("You brought this order by a file: the client's reviewer, or a colleague, approves what rests on it.")
NOTE_MISSING = say("Say why you turn it down: the agency will read it.")


@router.get("/results", name="results.index")
def index(
    visit: Visiting,
    state: Annotated[str, Query(max_length=20)] = "",
    after: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    tenant_ids = visit.tenants
    wanted = ResultState(state) if state in set(ResultState) else None
    with read_transaction(tenant_ids) as session:
        found = results.list_results(
            session, tenant_ids=tenant_ids, state=wanted, after=read_cursor(after), limit=PAGE + 1
        )
        waiting = results.count_results(session, tenant_ids=tenant_ids)
    shown = found[:PAGE]
    chosen = {"state": state} if wanted else {}
    older = None
    if len(found) > PAGE:
        older = f"?{urlencode(chosen | {'after': str(Cursor(shown[-1].made_at, shown[-1].result_id))})}"
    return visit.page(
        "results/index.html",
        section="results",
        results=shown,
        waiting=waiting,
        states=list(ResultState),
        state=state,
        own=_own(visit),
        newer=f"?{urlencode(chosen)}" if after else None,
        older=older,
    )


@router.get("/results/{tenant_id}/{result_id}", name="results.show")
def show(visit: Visiting, tenant_id: UUID, result_id: UUID) -> Response:
    return _page(visit, TenantId(tenant_id), ResultId(result_id), problem=None)


@router.post("/results/{tenant_id}/{result_id}/approve", name="results.approve")
def approve(
    visit: Visiting, tenant_id: UUID, result_id: UUID, note: Annotated[str, Form(max_length=1000)] = ""
) -> Response:
    tenant, result = TenantId(tenant_id), ResultId(result_id)
    try:
        with tenant_transaction(tenant) as session:
            billing.approve_result(
                session,
                tenant_id=tenant,
                result_id=result,
                user_id=visit.viewer.user_id,
                note=note.strip() or None,
                now=visit.now,
            )
            _audit(session, visit, tenant, result, "result.approved")
    except OwnWord:
        if visit.is_htmx:
            raise
        return _page(visit, tenant, result, problem=visit.word(OWN_WORD))
    return _answer(visit, tenant, result, done="approved")


@router.post("/results/{tenant_id}/{result_id}/refuse", name="results.refuse")
def refuse(
    visit: Visiting, tenant_id: UUID, result_id: UUID, note: Annotated[str, Form(max_length=1000)] = ""
) -> Response:
    tenant, result = TenantId(tenant_id), ResultId(result_id)
    try:
        with tenant_transaction(tenant) as session:
            billing.refuse_result(
                session,
                tenant_id=tenant,
                result_id=result,
                user_id=visit.viewer.user_id,
                note=note.strip(),
                now=visit.now,
            )
            _audit(session, visit, tenant, result, "result.refused")
    except NoteMissing:
        return _page(visit, tenant, result, problem=visit.word(NOTE_MISSING))
    return _answer(visit, tenant, result, done="refused")


def _own(visit: Visit) -> Callable[[results.ResultRow], bool]:
    """Make what says of a result whether its order is the reader's own word, which they do not approve."""
    approver = str(visit.viewer.user_id)
    return lambda row: not may_approve(approver, vouched_by=row.vouched_by)


def _answer(visit: Visit, tenant_id: TenantId, result_id: ResultId, *, done: str) -> Response:
    """After a decision: the row again where the list asked, else the result's page."""
    if not visit.is_htmx:
        return visit.go(f"/console/results/{tenant_id}/{result_id}", done=done)
    with read_transaction([tenant_id]) as session:
        row = results.get_result(session, tenant_id=tenant_id, result_id=result_id)
    return visit.part("results/_row.html", result=row, own=_own(visit))


def _page(visit: Visit, tenant_id: TenantId, result_id: ResultId, *, problem: str | None) -> Response:
    with read_transaction([tenant_id]) as session:
        page = results.get_result_page(session, tenant_id=tenant_id, result_id=result_id)
    return visit.page(
        "results/show.html",
        section="results",
        status=422 if problem else 200,
        result=page.row,
        entries=page.entries,
        chain=tell_proof(page.proof, visit.speaker),
        client=visit.viewer.tenant_name(tenant_id),
        own=_own(visit),
        problem=problem,
    )


def _audit(session: Session, visit: Visit, tenant_id: TenantId, result_id: ResultId, action: str) -> None:
    visit.audit(session, action, "result", result_id, tenant_id=tenant_id)
