"""The agency: its particulars and the switch that stops all sending."""

from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import Response
from sqlmodel import Session

from modori.console.door import ConsoleRoute
from modori.console.visit import Visit, Visiting
from modori.console.words import say
from modori.kernel.ids import PLATFORM
from modori.storage.db import agency_transaction
from modori.tenants import actions, queries

router = APIRouter(route_class=ConsoleRoute)

REASON_MISSING = say("Stopped from the console")


@router.get("/agency", name="agency.show")
def show(visit: Visiting) -> Response:
    return _page(visit)


@router.post("/agency/stop", name="agency.stop")
def stop(visit: Visiting, reason: Annotated[str, Form(max_length=300)] = "") -> Response:
    """Throw the platform's kill switch: no gate of any client allows anything from this commit on."""
    with agency_transaction() as session:
        said = reason.strip() or visit.word(REASON_MISSING)
        actions.stop_sending(session, tenant_id=None, reason=said, now=visit.now)
        _audit(session, visit, "agency.stopped")
    return visit.go("/console/agency", done="stopped")


@router.post("/agency/resume", name="agency.resume")
def resume(visit: Visiting) -> Response:
    with agency_transaction() as session:
        actions.resume_sending(session, tenant_id=None)
        _audit(session, visit, "agency.resumed")
    return visit.go("/console/agency", done="resumed")


def _page(visit: Visit) -> Response:
    with agency_transaction() as session:
        agency = queries.get_agency(session)
    return visit.page("agency/index.html", section="agency", agency=agency)


def _audit(session: Session, visit: Visit, action: str) -> None:
    actions.record_audit(
        session,
        tenant_id=PLATFORM,
        user_id=visit.viewer.user_id,
        action=action,
        subject_kind="agency",
        subject_id="1",
        now=visit.now,
    )
