"""Erase a person's data from the page of one of their leads: what goes and what stays is said first."""

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Form
from fastapi.responses import Response

from modori.console.door import ConsoleRoute
from modori.console.visit import Visit, Visiting
from modori.console.words import say
from modori.kernel.ids import LeadId, TenantId
from modori.outreach.erasing import erase_person
from modori.outreach.queries import list_points_of_person
from modori.storage.db import read_transaction, tenant_transaction
from modori.storage.retrying import retry_deadlocks

router = APIRouter(route_class=ConsoleRoute)

TO_BE_TYPED: Final = say("erase")
NOT_TYPED: Final = say("Nothing was erased: type the word exactly as it stands there.")


@router.get("/leads/{tenant_id}/{lead_id}/erase", name="leads.erasure")
def ask(visit: Visiting, tenant_id: UUID, lead_id: UUID) -> Response:
    return _page(visit, TenantId(tenant_id), LeadId(lead_id))


@router.post("/leads/{tenant_id}/{lead_id}/erase", name="leads.erase")
def erase(
    visit: Visiting, tenant_id: UUID, lead_id: UUID, typed: Annotated[str, Form(max_length=100)] = ""
) -> Response:
    """Erase what names the person. The record of it holds ids and nothing personal."""
    tenant, lead = TenantId(tenant_id), LeadId(lead_id)
    if typed.strip().casefold() not in (TO_BE_TYPED, visit.word(TO_BE_TYPED)):  # an English keyboard is enough
        return _page(visit, tenant, lead, problem=visit.word(NOT_TYPED))
    _erase(visit, tenant, lead)
    return visit.go(f"/console/leads/{tenant}/{lead}", done="erased")


@retry_deadlocks
def _erase(visit: Visit, tenant_id: TenantId, lead_id: LeadId) -> None:
    with tenant_transaction(tenant_id) as session:
        requested_by = f"user:{visit.viewer.user_id}"
        erased = erase_person(session, tenant_id=tenant_id, lead_id=lead_id, requested_by=requested_by, now=visit.now)
        visit.audit(
            session,
            "person.erased",
            "lead",
            lead_id,
            tenant_id=tenant_id,
            detail={"contact_points": [str(one) for one in erased]},
        )


def _page(visit: Visit, tenant_id: TenantId, lead_id: LeadId, *, problem: str | None = None) -> Response:
    with read_transaction([tenant_id]) as session:
        points = list_points_of_person(session, tenant_id=tenant_id, lead_id=lead_id)
    return visit.page(
        "leads/erase.html",
        section="leads",
        status=422 if problem else 200,
        points=[point for point in points if point.erased_at is None],
        to_be_typed=visit.word(TO_BE_TYPED),
        tenant_id=tenant_id,
        lead_id=lead_id,
        problem=problem,
    )
