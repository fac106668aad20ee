"""An operator's desk: claim, opening lines, dial, live state, how it ended. Each answer is the call panel again."""

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form
from fastapi.responses import Response
from sqlmodel import Session

from modori.calls import actions as calls
from modori.calls import desk, openings
from modori.calls.dispositions import MAX_NOTE, dispose
from modori.calls.errors import BadCallback, OperatorBusy
from modori.calls.model import CallState, CallTaskState, Disposition
from modori.calls.rules import Opening, OpeningLine, next_opening
from modori.channels.actions import render_script
from modori.channels.wire import Unpreparable, Wording
from modori.console.door import ConsoleRoute
from modori.console.explain import why
from modori.console.visit import Visit, Visiting
from modori.console.words import say
from modori.kernel.errors import Conflict, ModoriError
from modori.kernel.ids import CallId, CallTaskId, LeadId, TenantId, TouchId
from modori.reports.leads import queries as leads
from modori.reports.queue import queries as queue
from modori.reports.scenarios import queries as scenarios
from modori.storage.db import read_transaction, tenant_transaction

router = APIRouter(route_class=ConsoleRoute)

PROBLEMS: Final = {
    "task_not_yours": say("This person is no longer on your desk: the claim ran out, or something ended it."),
    "operator_busy": say("You have another person on your desk. Finish there first."),
    "call_in_progress": say("A call to this person is under way."),
    "no_call": say("Dial first: there is no call to record."),
    "call_disposed": say("This call has its outcome already."),
    "openings_missing": say("Read all four opening lines before you record an agreement."),
    "opening_out_of_order": say("Read the opening lines in their order."),
    "bad_callback": say("Choose a time within the permitted calling hours, within the next 30 days."),
    "operator_phone_missing": say("Your telephone number is missing: enter it under My settings."),
}
TAKEN: Final = say("Somebody else was faster, or it is no longer needed.")
REFUSED_FOR_GOOD: Final = say("Not allowed: %(reason)s.")
REFUSED_FOR_NOW: Final = say("Not before %(until)s: %(reason)s. The person goes back to the queue.")
ORDER: Final = tuple(Disposition)
"""The keys 1 to 5."""
UNDER_WAY: Final = (CallState.PREPARING, CallState.DIALLING, CallState.TALKING)


@router.post("/queue/next", name="queue.next")
def claim_next(visit: Visiting) -> Response:
    """Take the first person of the queue, or open the one that is on the desk already."""
    try:
        task = desk.claim_next(visit.tenants, user_id=visit.viewer.user_id)
    except OperatorBusy:
        return visit.go("/console/queue", done="busy")
    if task is None:
        return visit.go("/console/queue", done="queue_empty")
    return visit.go(f"/console/leads/{task.tenant_id}/{task.lead_id}")


@router.get("/leads/{tenant_id}/{lead_id}/call", name="calls.panel")
def panel(visit: Visiting, tenant_id: UUID, lead_id: UUID) -> Response:
    return _panel(visit, TenantId(tenant_id), LeadId(lead_id))


@router.post("/leads/{tenant_id}/{lead_id}/call/{task_id}/claim", name="calls.claim")
def claim(visit: Visiting, tenant_id: UUID, lead_id: UUID, task_id: UUID) -> Response:
    tenant = TenantId(tenant_id)
    try:
        with tenant_transaction(tenant) as session:
            claimed = calls.claim(session, tenant_id=tenant, task_id=CallTaskId(task_id), user_id=visit.viewer.user_id)
    except Conflict as error:
        return _panel(visit, tenant, LeadId(lead_id), problem=_problem(visit, error))
    return _panel(visit, tenant, LeadId(lead_id), problem=None if claimed else visit.word(TAKEN))


@router.post("/leads/{tenant_id}/{lead_id}/call/{task_id}/renew", name="calls.renew")
def renew(visit: Visiting, tenant_id: UUID, lead_id: UUID, task_id: UUID) -> Response:
    """Keep the claim while its page is open; where it is lost, the panel says so."""
    tenant = TenantId(tenant_id)
    with tenant_transaction(tenant) as session:
        is_mine = calls.renew(session, tenant_id=tenant, task_id=CallTaskId(task_id), user_id=visit.viewer.user_id)
    return Response(status_code=204) if is_mine else _panel(visit, tenant, LeadId(lead_id))


@router.post("/leads/{tenant_id}/{lead_id}/call/{task_id}/release", name="calls.release")
def release(visit: Visiting, tenant_id: UUID, lead_id: UUID, task_id: UUID) -> Response:
    tenant = TenantId(tenant_id)
    with tenant_transaction(tenant) as session:
        calls.release(session, tenant_id=tenant, task_id=CallTaskId(task_id), user_id=visit.viewer.user_id)
    return visit.go("/console/queue", done="returned")


@router.post("/leads/{tenant_id}/{lead_id}/call/{task_id}/dial", name="calls.dial")
def dial(visit: Visiting, tenant_id: UUID, lead_id: UUID, task_id: UUID) -> Response:
    """Ring the operator's phone, if the gate allows; the customer is rung when the operator has answered."""
    tenant = TenantId(tenant_id)
    try:
        started = visit.config.dialler.dial(tenant_id=tenant, task_id=CallTaskId(task_id), user_id=visit.viewer.user_id)
    except Conflict as error:
        return _panel(visit, tenant, LeadId(lead_id), problem=_problem(visit, error))
    problem = None
    if isinstance(started, calls.DialRefused):
        reason = why(started.reason, visit.speaker)
        until = visit.speaker.moment(started.until_at)
        message = REFUSED_FOR_GOOD if started.until_at is None else REFUSED_FOR_NOW
        problem = visit.word(message, reason=reason, until=until)
    return _panel(visit, tenant, LeadId(lead_id), problem=problem)


@router.post("/leads/{tenant_id}/{lead_id}/call/{call_id}/openings/{line}", name="calls.opening")
def tick_opening(visit: Visiting, tenant_id: UUID, lead_id: UUID, call_id: UUID, line: OpeningLine) -> Response:
    tenant = TenantId(tenant_id)
    try:
        with tenant_transaction(tenant) as session:
            openings.tick_opening(
                session,
                tenant_id=tenant,
                call_id=CallId(call_id),
                user_id=visit.viewer.user_id,
                line=line,
                now=visit.now,
            )
    except Conflict as error:
        return _panel(visit, tenant, LeadId(lead_id), problem=_problem(visit, error))
    return _panel(visit, tenant, LeadId(lead_id))


@router.post("/leads/{tenant_id}/{lead_id}/call/{task_id}/disposition", name="calls.disposition")
def record_disposition(
    visit: Visiting,
    tenant_id: UUID,
    lead_id: UUID,
    task_id: UUID,
    disposition: Annotated[Disposition, Form()],
    note: Annotated[str, Form(max_length=MAX_NOTE)] = "",
    callback: Annotated[str, Form(max_length=30)] = "",
) -> Response:
    tenant = TenantId(tenant_id)
    try:
        with tenant_transaction(tenant) as session:
            dispose(
                session,
                tenant_id=tenant,
                task_id=CallTaskId(task_id),
                user_id=visit.viewer.user_id,
                disposition=disposition,
                note=note,
                callback_at=read_local(callback, visit.zone),
                now=visit.now,
            )
    except (BadCallback, Conflict) as error:
        return _panel(visit, tenant, LeadId(lead_id), problem=_problem(visit, error), note=note, callback=callback)
    return _panel(visit, tenant, LeadId(lead_id), recorded=disposition)


def read_local(text: str, zone: str) -> datetime | None:
    """Read the wall time of a datetime-local field in a zone; None for what is none."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    except ValueError:
        return None


def _problem(visit: Visit, error: ModoriError) -> str:
    return visit.word(PROBLEMS.get(error.code, TAKEN))


def _panel(
    visit: Visit,
    tenant_id: TenantId,
    lead_id: LeadId,
    *,
    problem: str | None = None,
    recorded: Disposition | None = None,
    note: str = "",
    callback: str = "",
) -> Response:
    if not visit.is_htmx and visit.request.method != "GET":
        return visit.go(f"/console/leads/{tenant_id}/{lead_id}", done="recorded" if recorded else None)
    with read_transaction([tenant_id]) as session:
        page = leads.get_lead_page(session, tenant_id=tenant_id, lead_id=lead_id)
        given = panel_facts(visit, session, tenant_id, lead_id, locale=page.locale)
    return visit.part(
        "calls/_panel.html",
        status=422 if problem else 200,
        tenant_id=tenant_id,
        lead_id=lead_id,
        problem=problem,
        recorded=recorded,
        note=note,
        callback=callback,
        **given,
    )


def panel_facts(visit: Visit, session: Session, tenant_id: TenantId, lead_id: LeadId, *, locale: str) -> dict[str, Any]:
    """Read what the panel shows; the lead's page includes the same panel.

    locale  the customer's: lines and script are in the language of the call
    """
    found = queue.find_call_panel(
        session, tenant_id=tenant_id, lead_id=lead_id, user_id=visit.viewer.user_id, now=visit.now
    )
    language = "ja" if locale.startswith("ja") else "en"
    lines: tuple[Opening, ...] = ()
    script = None
    if found is not None and found.is_mine:
        lines = openings.read_script(
            session,
            tenant_id=tenant_id,
            task_id=CallTaskId(found.call_task_id),
            caller_name=visit.viewer.name,
            locale=language,
        )
        body = scenarios.find_script(session, tenant_id=tenant_id, step_id=found.step_id, locale=language)
        if body is not None:
            shown = render_script(
                session,
                tenant_id=tenant_id,
                touch_id=TouchId(found.touch_id),
                wording=Wording(None, body, language),
                operator_name=visit.viewer.name,
            )
            script = None if isinstance(shown, Unpreparable) else shown
    has_call = found is not None and found.call_id is not None and found.disposition is None
    return {
        "panel": found,
        "has_call": has_call,
        "is_on": has_call and found is not None and found.call_state in UNDER_WAY,
        "lines": lines,
        "next_line": next_opening(found.openings) if found else None,
        "script": script,
        "script_lang": language,
        "dispositions": ORDER,
        "CallState": CallState,
        "CallTaskState": CallTaskState,
    }
