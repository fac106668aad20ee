"""Switches of one channel: of a client, on its page of channels, and of every client, on the agency's."""

from datetime import timedelta
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Form
from fastapi.responses import Response
from sqlmodel import Session

from modori.console.door import ConsoleRoute
from modori.console.visit import Visit, Visiting
from modori.console.words import say
from modori.kernel.errors import NotFound
from modori.kernel.ids import PLATFORM, TenantId
from modori.people.model import Channel
from modori.reports.switches import queries as switches
from modori.sending.switches import actions
from modori.storage.db import agency_transaction, read_transaction, tenant_transaction
from modori.tenants.queries import get_tenant

router = APIRouter(route_class=ConsoleRoute)

LOOKED_AHEAD: Final = timedelta(hours=24)
NOT_CONFIRMED: Final = say("Nothing was changed: say why, and tick that you mean it.")
NOT_MEANT: Final = say("Nothing was changed: tick that you mean it.")

Reason = Annotated[str, Form(max_length=300)]
Word = Annotated[str, Form(max_length=10)]


@router.get("/tenants/{tenant_id}/channels", name="switches.show")
def show(visit: Visiting, tenant_id: UUID) -> Response:
    return _page(visit, TenantId(tenant_id))


@router.post("/tenants/{tenant_id}/channels/stop", name="switches.stop")
def stop(visit: Visiting, tenant_id: UUID, channel: Word = "", reason: Reason = "", confirmed: Word = "") -> Response:
    """Throw the switch of one of a client's channels: no gate allows it from this commit on."""
    tenant, wanted, why = TenantId(tenant_id), _channel(channel), reason.strip()
    if not why or confirmed != "yes":
        return _page(visit, tenant, problem=NOT_CONFIRMED, asked=wanted, reason=why)
    with tenant_transaction(tenant) as session:
        has_moved = actions.stop_channel(
            session, tenant_id=tenant, channel=wanted, reason=why, user_id=visit.viewer.user_id, now=visit.now
        )
        if has_moved:
            _audit(session, visit, tenant, "channel.stopped", wanted)
    return visit.go(f"/console/tenants/{tenant}/channels", done="stopped")


@router.post("/tenants/{tenant_id}/channels/resume", name="switches.resume")
def resume(visit: Visiting, tenant_id: UUID, channel: Word = "", confirmed: Word = "") -> Response:
    """Release the switch of one of a client's channels, or (an empty `channel`) the one of all of them."""
    tenant, wanted = TenantId(tenant_id), _channel(channel) if channel else None
    if confirmed != "yes":
        return _page(visit, tenant, problem=NOT_MEANT, asked=wanted)
    with tenant_transaction(tenant) as session:
        has_moved = actions.resume_channel(
            session, tenant_id=tenant, channel=wanted, user_id=visit.viewer.user_id, now=visit.now
        )
        if has_moved:
            _audit(session, visit, tenant, "channel.resumed", wanted)
    return visit.go(f"/console/tenants/{tenant}/channels", done="resumed")


@router.get("/agency/channels", name="switches.show_everywhere")
def show_everywhere(visit: Visiting) -> Response:
    return _agency_page(visit)


@router.post("/agency/channels/stop", name="switches.stop_everywhere")
def stop_everywhere(visit: Visiting, channel: Word = "", reason: Reason = "", confirmed: Word = "") -> Response:
    """Throw the switch of one channel of every client: no gate allows it from this commit on."""
    wanted, why = _channel(channel), reason.strip()
    if not why or confirmed != "yes":
        return _agency_page(visit, problem=NOT_CONFIRMED, asked=wanted, reason=why)
    with agency_transaction() as session:
        has_moved = actions.stop_channel(
            session, tenant_id=None, channel=wanted, reason=why, user_id=visit.viewer.user_id, now=visit.now
        )
        if has_moved:
            _audit(session, visit, None, "channel.stopped", wanted)
    return visit.go("/console/agency/channels", done="stopped")


@router.post("/agency/channels/resume", name="switches.resume_everywhere")
def resume_everywhere(visit: Visiting, channel: Word = "", confirmed: Word = "") -> Response:
    wanted = _channel(channel)
    if confirmed != "yes":
        return _agency_page(visit, problem=NOT_MEANT, asked=wanted)
    with agency_transaction() as session:
        has_moved = actions.resume_channel(
            session, tenant_id=None, channel=wanted, user_id=visit.viewer.user_id, now=visit.now
        )
        if has_moved:
            _audit(session, visit, None, "channel.resumed", wanted)
    return visit.go("/console/agency/channels", done="resumed")


def _channel(word: str) -> Channel:
    """Read which channel is meant. raises NotFound for one that nothing goes out on"""
    if word not in actions.SWITCHED:
        raise NotFound()
    return Channel(word)


def _page(
    visit: Visit, tenant_id: TenantId, *, problem: str | None = None, asked: Channel | None = None, reason: str = ""
) -> Response:
    with read_transaction([tenant_id]) as session:
        client = get_tenant(session, tenant_id=tenant_id)
        engaged = {one.channel: one for one in switches.list_engaged(session, tenant_ids=[tenant_id])}
        by_agency = {one.channel: one for one in switches.list_engaged_by_agency(session)}
        due = switches.count_due(session, tenant_id=tenant_id, until=visit.now + LOOKED_AHEAD)
    return _render(
        visit,
        section="tenants",
        client=client.name,
        base=f"/console/tenants/{tenant_id}",
        engaged=engaged,
        by_agency=by_agency,
        due=due,
        problem=problem,
        asked=asked,
        reason=reason,
    )


def _agency_page(
    visit: Visit, *, problem: str | None = None, asked: Channel | None = None, reason: str = ""
) -> Response:
    with agency_transaction() as session:
        engaged = {one.channel: one for one in switches.list_engaged_by_agency(session)}
    return _render(
        visit,
        section="agency",
        client=None,
        base="/console/agency",
        engaged=engaged,
        by_agency={},
        due=None,
        problem=problem,
        asked=asked,
        reason=reason,
    )


def _render(visit: Visit, *, section: str, problem: str | None, **given: Any) -> Response:
    return visit.page(
        "switches/index.html",
        section=section,
        status=422 if problem else 200,
        problem=None if problem is None else visit.word(problem),
        channels=actions.SWITCHED,
        counted_up_to=switches.COUNTED_UP_TO,
        **given,
    )


def _audit(session: Session, visit: Visit, tenant_id: TenantId | None, action: str, channel: Channel | None) -> None:
    visit.audit(
        session,
        action if tenant_id else f"agency.{action.replace('.', '_')}",
        "channel",
        channel.value if channel else "all",
        tenant_id=tenant_id or PLATFORM,
    )
