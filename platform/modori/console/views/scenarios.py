"""Scenarios: steps, wordings, and each message as a person will see it; approval of a version."""

from dataclasses import dataclass
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, Response

from modori.channels.wire import Prepared, Unpreparable, Wording
from modori.console.door import ConsoleRoute
from modori.console.sample import preview, preview_script
from modori.console.visit import Visit, Visiting
from modori.kernel.errors import NotFound
from modori.kernel.ids import ScenarioId, ScenarioVersionId, TenantId
from modori.outreach import actions as outreach
from modori.people.model import Channel
from modori.reports.scenarios import queries as scenarios
from modori.storage.db import read_transaction, tenant_transaction
from modori.tenants import queries as tenants
from modori.tenants.model import Site, Tenant
from modori.tenants.sites.queries import list_sites

router = APIRouter(route_class=ConsoleRoute)

PAGE = 50

FRAME_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src https: data: http://localhost:* http://127.0.0.1:*;"
    " frame-ancestors 'self'; sandbox"
)
"""A mail is shown in a frame that runs nothing and leads nowhere."""


@dataclass(frozen=True, slots=True)
class ShownWording:
    """A wording with what becomes of it: a message, a script, or what is wrong with it.

    cost_minor  of an SMS, in the client's currency; None: it has no price
    """

    wording: scenarios.WordingRow
    message: Prepared | None = None
    cost_minor: int | None = None
    script: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class ShownStep:
    """A step with its wordings in every language."""

    step: scenarios.StepRow
    wordings: list[ShownWording]


@router.get("/scenarios", name="scenarios.index")
def index(visit: Visiting, after: UUID | None = None) -> Response:
    tenant_ids = visit.tenants
    with read_transaction(tenant_ids) as session:
        behind = ScenarioId(after) if after else None
        found = scenarios.list_scenarios(session, tenant_ids=tenant_ids, after=behind, limit=PAGE + 1)
    shown = found[:PAGE]
    return visit.page(
        "scenarios/index.html",
        section="scenarios",
        scenarios=shown,
        newer="/console/scenarios" if after else None,
        older=f"/console/scenarios?after={shown[-1].scenario_id}" if len(found) > PAGE else None,
    )


@router.get("/scenarios/{tenant_id}/{scenario_id}", name="scenarios.show")
def show(
    visit: Visiting, tenant_id: UUID, scenario_id: UUID, version: Annotated[int | None, Query(ge=1, le=10**6)] = None
) -> Response:
    tenant, scenario = TenantId(tenant_id), ScenarioId(scenario_id)
    with read_transaction([tenant]) as session:
        page = scenarios.get_scenario_page(session, tenant_id=tenant, scenario_id=scenario, number=version)
        client = tenants.get_tenant(session, tenant_id=tenant)
        sites = list_sites(session, tenant_id=tenant)
    return visit.page(
        "scenarios/show.html",
        section="scenarios",
        scenario=page,
        client=client.name,
        currency=client.currency,
        steps=[_shown(visit, client, sites[0] if sites else None, step) for step in page.steps],
    )


@router.get("/scenarios/{tenant_id}/{scenario_id}/{step_id}/{locale}/preview", name="scenarios.preview")
def show_mail(
    visit: Visiting,
    tenant_id: UUID,
    scenario_id: UUID,
    step_id: UUID,
    locale: str,
    version: Annotated[int | None, Query(ge=1, le=10**6)] = None,
) -> Response:
    """The HTML part of a mail, for a frame."""
    tenant = TenantId(tenant_id)
    with read_transaction([tenant]) as session:
        page = scenarios.get_scenario_page(
            session, tenant_id=tenant, scenario_id=ScenarioId(scenario_id), number=version
        )
        client = tenants.get_tenant(session, tenant_id=tenant)
        sites = list_sites(session, tenant_id=tenant)
    for step in page.steps:
        for shown in _shown(visit, client, sites[0] if sites else None, step).wordings:
            if step.step_id == step_id and shown.wording.locale == locale and shown.message and shown.message.html:
                return HTMLResponse(
                    shown.message.html,
                    headers={"Content-Security-Policy": FRAME_POLICY, "X-Frame-Options": "SAMEORIGIN"},
                )
    raise NotFound("there is no such mail")


@router.post("/scenarios/{tenant_id}/{scenario_id}/{version_id}/approve", name="scenarios.approve")
def approve(visit: Visiting, tenant_id: UUID, scenario_id: UUID, version_id: UUID) -> Response:
    tenant = TenantId(tenant_id)
    with tenant_transaction(tenant) as session:
        outreach.approve_version(
            session,
            tenant_id=tenant,
            version_id=ScenarioVersionId(version_id),
            user_id=visit.viewer.user_id,
            now=visit.now,
        )
        visit.audit(
            session,
            "scenario.approved",
            "scenario",
            scenario_id,
            tenant_id=tenant,
            detail={"version_id": str(version_id)},
        )
    return visit.go(f"/console/scenarios/{tenant}/{scenario_id}", done="approved")


def _shown(visit: Visit, client: Tenant, site: Site | None, step: scenarios.StepRow) -> ShownStep:
    return ShownStep(step, [_shown_wording(visit, client, site, step.channel, one) for one in step.wordings])


def _shown_wording(
    visit: Visit, client: Tenant, site: Site | None, channel: Channel, row: scenarios.WordingRow
) -> ShownWording:
    wording = Wording(row.subject, row.body, row.locale)
    if channel is Channel.CALL:
        script = preview_script(client, site, wording=wording, operator_name=visit.viewer.name)
        if isinstance(script, Unpreparable):
            return ShownWording(row, problem=script.detail)
        return ShownWording(row, script=script)
    message = preview(client, site, channel=channel, wording=wording, public_url=visit.config.public_url)
    if isinstance(message, Unpreparable):
        return ShownWording(row, problem=message.detail)
    costs = visit.config.prices.of_message(message) or {}
    return ShownWording(row, message=message, cost_minor=costs.get(client.currency))
