"""Leads: the list with its filters, one lead's page with all that happened, reveals, held leads."""

from datetime import date, datetime, time, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from modori.console import story
from modori.console.door import ConsoleRoute
from modori.console.views.calls import panel_facts
from modori.console.visit import Visit, Visiting
from modori.kernel.ids import LeadId, TenantId
from modori.kernel.money import minor_digits
from modori.leads import actions
from modori.leads.model import Arm, LeadState
from modori.people import queries as people
from modori.people.model import Channel
from modori.people.naming import reveal_name
from modori.reports.leads import queries as leads
from modori.reports.paging import Cursor, read_cursor
from modori.reports.timeline import queries as timeline
from modori.storage.db import ReadSession, read_transaction, tenant_transaction

router = APIRouter(route_class=ConsoleRoute)

PAGE = 50


class LeadQuery(BaseModel):
    """The filters as they stand in the address; what cannot be read counts as left out."""

    state: Annotated[str, Field(max_length=20)] = ""
    arm: Annotated[str, Field(max_length=20)] = ""
    site: Annotated[str, Field(max_length=40)] = ""
    channel: Annotated[str, Field(max_length=20)] = ""
    since: Annotated[str, Field(max_length=10)] = ""
    until: Annotated[str, Field(max_length=10)] = ""
    least: Annotated[str, Field(max_length=15)] = ""
    after: Annotated[str, Field(max_length=100)] = ""

    model_config = ConfigDict(frozen=True)

    def address(self, *, after: str) -> str:
        """The address of this list from another place on."""
        kept = {name: value for name, value in self.model_dump().items() if value and name != "after"}
        return f"/console/leads?{urlencode(kept | ({'after': after} if after else {}))}"

    def filter(self, zone: str) -> leads.LeadFilter:
        return leads.LeadFilter(
            state=LeadState(self.state) if self.state in set(LeadState) else None,
            arm=Arm(self.arm) if self.arm in set(Arm) else None,
            site_id=_uuid(self.site),
            channel=Channel(self.channel) if self.channel in set(Channel) else None,
            made_from_at=_midnight(self.since, zone, days=0),
            made_before_at=_midnight(self.until, zone, days=1),
            least_minor=int(self.least) * 10 ** minor_digits("JPY") if self.least.isdecimal() else None,
        )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _midnight(text: str, zone: str, *, days: int) -> datetime | None:
    """The instant at which a day begins for the reader, or the day after it."""
    try:
        day = date.fromisoformat(text) + timedelta(days=days)
    except (ValueError, OverflowError):
        return None
    return datetime.combine(day, time(), ZoneInfo(zone))


@router.get("/leads", name="leads.index")
def index(visit: Visiting, asked: Annotated[LeadQuery, Query()]) -> Response:
    tenant_ids = visit.tenants
    with read_transaction(tenant_ids) as session:
        found = leads.list_leads(
            session,
            tenant_ids=tenant_ids,
            wanted=asked.filter(visit.zone),
            after=read_cursor(asked.after),
            limit=PAGE + 1,
        )
        sites = leads.list_site_choices(session, tenant_ids=tenant_ids, chosen=asked.site)
    shown = found[:PAGE]
    older = asked.address(after=str(Cursor(shown[-1].made_at, shown[-1].lead_id))) if len(found) > PAGE else None
    return visit.page(
        "leads/index.html",
        section="leads",
        leads=shown,
        sites=sites,
        asked=asked,
        states=list(LeadState),
        arms=list(Arm),
        channels=[Channel.EMAIL, Channel.SMS, Channel.CALL],
        newer=asked.address(after="") if asked.after else None,
        older=older,
        is_filtered=any(value for name, value in asked.model_dump().items() if name != "after"),
    )


@router.get("/leads/{tenant_id}/{lead_id}", name="leads.show")
def show(visit: Visiting, tenant_id: UUID, lead_id: UUID) -> Response:
    return _page(visit, TenantId(tenant_id), LeadId(lead_id), revealed={}, revealed_name=None)


@router.get("/leads/{tenant_id}/{lead_id}/timeline", name="leads.timeline")
def show_timeline(visit: Visiting, tenant_id: UUID, lead_id: UUID) -> Response:
    """The live part of the page, read again when there is news."""
    with read_transaction([TenantId(tenant_id)]) as session:
        entries = _entries(visit, session, TenantId(tenant_id), LeadId(lead_id), is_revealed=False)
    return visit.part("leads/_timeline.html", entries=entries, tenant_id=tenant_id, lead_id=lead_id)


@router.post("/leads/{tenant_id}/{lead_id}/reveal", name="leads.reveal")
def reveal(visit: Visiting, tenant_id: UUID, lead_id: UUID) -> Response:
    """Show the personal data for this one view, and write down that it was shown (G13)."""
    tenant, lead = TenantId(tenant_id), LeadId(lead_id)
    with tenant_transaction(tenant) as session:
        points = leads.list_contacts(session, tenant_id=tenant, lead_id=lead)
        ids = [one.contact_point_id for one in points if one.erased_at is None and one.is_known]
        if ids:
            _audit(session, visit, tenant, lead, "contact.revealed", {"contact_points": [str(one) for one in ids]})
        values = {one: people.reveal(session, tenant_id=tenant, contact_point_id=one) for one in ids}
        person_id = leads.get_person_id(session, tenant_id=tenant, lead_id=lead)
        name = reveal_name(session, tenant_id=tenant, person_id=person_id)
    return _page(visit, tenant, lead, revealed=values, revealed_name=name)


@router.post("/leads/{tenant_id}/{lead_id}/release", name="leads.release")
def release(visit: Visiting, tenant_id: UUID, lead_id: UUID) -> Response:
    """Let a held lead go its way."""
    tenant, lead = TenantId(tenant_id), LeadId(lead_id)
    with tenant_transaction(tenant) as session:
        actions.release_lead(session, tenant_id=tenant, lead_id=lead, released_by=visit.viewer.user_id, now=visit.now)
        _audit(session, visit, tenant, lead, "lead.released", {})
    return visit.go(f"/console/leads/{tenant}/{lead}", done="released")


@router.post("/leads/{tenant_id}/{lead_id}/refuse", name="leads.refuse")
def refuse(visit: Visiting, tenant_id: UUID, lead_id: UUID) -> Response:
    """End a held lead: nobody contacts the person."""
    tenant, lead = TenantId(tenant_id), LeadId(lead_id)
    with tenant_transaction(tenant) as session:
        actions.refuse_held_lead(
            session, tenant_id=tenant, lead_id=lead, refused_by=visit.viewer.user_id, now=visit.now
        )
        _audit(session, visit, tenant, lead, "lead.refused", {})
    return visit.go(f"/console/leads/{tenant}/{lead}", done="ended")


def _audit(
    session: Session, visit: Visit, tenant_id: TenantId, lead_id: LeadId, action: str, detail: dict[str, Any]
) -> None:
    visit.audit(session, action, "lead", lead_id, tenant_id=tenant_id, detail=detail)


def _page(
    visit: Visit, tenant_id: TenantId, lead_id: LeadId, *, revealed: dict[UUID, str], revealed_name: str | None
) -> Response:
    with read_transaction([tenant_id]) as session:
        page = leads.get_lead_page(session, tenant_id=tenant_id, lead_id=lead_id)
        call = panel_facts(visit, session, tenant_id, lead_id, locale=page.locale)
        entries = _entries(visit, session, tenant_id, lead_id, is_revealed=bool(revealed))
    return visit.page(
        "leads/show.html",
        section="leads",
        lead=page,
        client=visit.viewer.tenant_name(tenant_id),
        entries=entries,
        revealed=revealed,
        revealed_name=revealed_name,
        held=story.held_because(page.held_reason or "", visit.speaker),
        tenant_id=tenant_id,
        lead_id=lead_id,
        problem=None,
        recorded=None,
        note="",
        callback="",
        **call,
    )


def _entries(
    visit: Visit, session: ReadSession, tenant_id: TenantId, lead_id: LeadId, *, is_revealed: bool
) -> list[story.Entry]:
    """Tell what happened to a lead. raises NotFound"""
    person_id = leads.get_person_id(session, tenant_id=tenant_id, lead_id=lead_id)
    name = reveal_name(session, tenant_id=tenant_id, person_id=person_id)
    veil = story.Veil(None if is_revealed else name, shows_words=visit.may("leads.reveal", tenant_id))
    return [
        story.tell(one, visit.speaker, veil)
        for one in timeline.list_happened(session, tenant_id=tenant_id, lead_id=lead_id)
    ]
