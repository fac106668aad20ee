"""The agency: its particulars, the switch that stops all sending, and the limits that no site may loosen."""

from typing import Annotated, Any

from fastapi import APIRouter, Form
from fastapi.responses import Response
from pydantic import ValidationError
from sqlmodel import Session

from modori.console import figures, unchanged
from modori.console.door import ConsoleRoute
from modori.console.forms import FormProblem, Posted, read_form
from modori.console.visit import Visit, Visiting
from modori.console.words import say
from modori.kernel.ids import PLATFORM
from modori.storage.db import agency_transaction
from modori.tenants import actions, queries
from modori.tenants.switches import resume_sending, stop_sending
from modori.tenants.wire import LimitsChange

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
        stop_sending(session, tenant_id=None, reason=said, now=visit.now)
        _audit(session, visit, "agency.stopped")
    return visit.go("/console/agency", done="stopped")


@router.post("/agency/resume", name="agency.resume")
def resume(visit: Visiting) -> Response:
    with agency_transaction() as session:
        resume_sending(session, tenant_id=None)
        _audit(session, visit, "agency.resumed")
    return visit.go("/console/agency", done="resumed")


@router.post("/agency/limits", name="agency.limits")
def limits(visit: Visiting, posted: Posted) -> Response:
    """Change what no site may loosen. Sites that are looser are overruled by the gate from this commit on."""
    try:
        with agency_transaction() as session:
            stored = queries.lock_agency(session)
            typed = unchanged.changed(posted, figures.typed(figures.OF_AGENCY, stored))
            wanted = LimitsChange.model_validate(read_form(typed, numbers=figures.numbers(figures.OF_AGENCY)))
            changed = actions.change_limits(session, change=wanted)
            _audit(session, visit, "agency.limits_changed", changed)
    except ValidationError as error:
        return _page(visit, posted=posted, problem=FormProblem.of(error, visit))
    return visit.go("/console/agency", done="saved")


def _page(visit: Visit, *, posted: dict[str, str] | None = None, problem: FormProblem | None = None) -> Response:
    with agency_transaction() as session:
        agency = queries.get_agency(session)
        values = unchanged.marked(figures.typed(figures.OF_AGENCY, agency))
    return visit.page(
        "agency/index.html",
        section="agency",
        status=422 if problem else 200,
        agency=agency,
        figures=figures.titled(figures.OF_AGENCY, visit.word),
        values=values | (posted or {}),
        problem=problem,
    )


def _audit(session: Session, visit: Visit, action: str, detail: dict[str, Any] | None = None) -> None:
    visit.audit(session, action, "agency", 1, tenant_id=PLATFORM, detail=detail)
