"""Sites: making one, its policy, and its settings: keys, signed mode, the switch that stops it."""

import re
import unicodedata
from copy import deepcopy
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form
from fastapi.responses import Response
from pydantic import ValidationError

from modori.console import figures, unchanged
from modori.console.door import ConsoleRoute
from modori.console.forms import FormProblem, Posted, read_form
from modori.console.labels import label
from modori.console.views.site_frame import audit, leaks_of, tab
from modori.console.visit import Visit, Visiting
from modori.console.words import say
from modori.kernel.errors import BadInput
from modori.kernel.ids import SiteId, TenantId
from modori.outcomes import actions as outcomes
from modori.outreach.standard import route_to_standard
from modori.storage.db import agency_transaction, read_transaction, tenant_transaction
from modori.tenants import keys
from modori.tenants.actions import limits_of
from modori.tenants.model import CaptureMode, KeyKind, Site
from modori.tenants.queries import get_agency, get_tenant
from modori.tenants.sites import actions, queries
from modori.tenants.switches import resume_sending, stop_sending
from modori.tenants.wire import SiteChange

router = APIRouter(route_class=ConsoleRoute)

TEXTS = ("name", "country", "timezone", "locale", "capture_mode")
EMPTIABLE = ("notice_selector", "notice_text", "cart_url")
CHANNELS = ("email", "sms", "line", "call")
DAYS = ("weekday", "holiday")
REASON_MISSING = say("Stopped from the console")


@router.get("/tenants/{tenant_id}/sites/new", name="sites.new")
def new(visit: Visiting, tenant_id: UUID) -> Response:
    values = {"country": "JP", "timezone": "Asia/Tokyo", "locale": "ja", "capture_mode": "off"}
    return _form(visit, TenantId(tenant_id), site_id=None, values=values, problem=None)


@router.post("/tenants/{tenant_id}/sites", name="sites.make")
def make(visit: Visiting, tenant_id: UUID, posted: Posted) -> Response:
    tenant = TenantId(tenant_id)
    try:
        change = _read(posted)
        with tenant_transaction(tenant) as session:
            get_tenant(session, tenant_id=tenant)
            site = actions.make_site(session, tenant_id=tenant, change=change, now=visit.now)
            site_id = SiteId(site.site_id)
            route_to_standard(session, tenant_id=tenant, site_id=site_id)
            keys.issue_site_key(session, tenant_id=tenant, site_id=site_id, kind=KeyKind.PUBLISHABLE, now=visit.now)
            audit(session, visit, tenant, site_id, "site.made", {})
    except (ValidationError, BadInput) as error:
        return _form(visit, tenant, site_id=None, values=posted, problem=FormProblem.of(error, visit))
    return visit.go(f"/console/tenants/{tenant}/sites/{site_id}", done="made")


@router.get("/tenants/{tenant_id}/sites/{site_id}/edit", name="sites.edit")
def edit(visit: Visiting, tenant_id: UUID, site_id: UUID) -> Response:
    tenant, site = TenantId(tenant_id), SiteId(site_id)
    with read_transaction([tenant]) as session:
        found = queries.get_site(session, tenant_id=tenant, site_id=site)
    return _form(visit, tenant, site_id=site, values=unchanged.marked(_values(found)), problem=None)


@router.post("/tenants/{tenant_id}/sites/{site_id}", name="sites.change")
def change(visit: Visiting, tenant_id: UUID, site_id: UUID, posted: Posted) -> Response:
    tenant, site = TenantId(tenant_id), SiteId(site_id)
    try:
        with tenant_transaction(tenant) as session:
            stored = queries.lock_site(session, tenant_id=tenant, site_id=site)
            wanted = _read(unchanged.changed(posted, _values(stored)), stored)
            changed = actions.change_site(session, tenant_id=tenant, site_id=site, change=wanted, now=visit.now)
            audit(session, visit, tenant, site, "site.changed", changed)
    except (ValidationError, BadInput) as error:
        return _form(visit, tenant, site_id=site, values=posted, problem=FormProblem.of(error, visit))
    return visit.go(f"/console/tenants/{tenant}/sites/{site}", done="saved")


@router.post("/tenants/{tenant_id}/sites/{site_id}/keys", name="sites.issue_key")
def issue_key(visit: Visiting, tenant_id: UUID, site_id: UUID, kind: KeyKind = Form()) -> Response:  # noqa: B008  # FastAPI's way
    """Make a key. It is shown on this answer and never again, so there is no redirect."""
    tenant, site = TenantId(tenant_id), SiteId(site_id)
    with tenant_transaction(tenant) as session:
        key, plain = keys.issue_site_key(session, tenant_id=tenant, site_id=site, kind=kind, now=visit.now)
        audit(session, visit, tenant, site, "key.issued", {"key_id": str(key.key_id), "kind": kind.value})
    return _settings(visit, tenant, site, issued=plain)


@router.post("/tenants/{tenant_id}/sites/{site_id}/keys/{key_id}/revoke", name="sites.revoke_key")
def revoke_key(visit: Visiting, tenant_id: UUID, site_id: UUID, key_id: UUID) -> Response:
    tenant, site = TenantId(tenant_id), SiteId(site_id)
    with tenant_transaction(tenant) as session:
        keys.revoke_site_key(session, tenant_id=tenant, key_id=key_id, now=visit.now)
        audit(session, visit, tenant, site, "key.revoked", {"key_id": str(key_id)})
    return visit.go(f"/console/tenants/{tenant}/sites/{site}/settings", done="revoked")


@router.get("/tenants/{tenant_id}/sites/{site_id}/settings", name="sites.settings")
def settings(visit: Visiting, tenant_id: UUID, site_id: UUID) -> Response:
    return _settings(visit, TenantId(tenant_id), SiteId(site_id), issued=None)


@router.post("/tenants/{tenant_id}/sites/{site_id}/signing", name="sites.rotate_signing")
def rotate_signing(visit: Visiting, tenant_id: UUID, site_id: UUID) -> Response:
    """Make a signing secret. It is shown on this answer and never again; the one before stays good beside it."""
    tenant, site = TenantId(tenant_id), SiteId(site_id)
    with tenant_transaction(tenant) as session:
        plain = keys.rotate_signing_secret(session, tenant_id=tenant, site_id=site)
        audit(session, visit, tenant, site, "signing.rotated", {})
    return _settings(visit, tenant, site, issued=plain)


@router.post("/tenants/{tenant_id}/sites/{site_id}/signing/end", name="sites.end_rotation")
def end_rotation(visit: Visiting, tenant_id: UUID, site_id: UUID) -> Response:
    """Let the secret before the present one prove nothing any more."""
    tenant, site = TenantId(tenant_id), SiteId(site_id)
    with tenant_transaction(tenant) as session:
        keys.end_rotation(session, tenant_id=tenant, site_id=site)
        audit(session, visit, tenant, site, "signing.rotation_ended", {})
    return visit.go(f"/console/tenants/{tenant}/sites/{site}/settings", done="saved")


@router.post("/tenants/{tenant_id}/sites/{site_id}/signed-mode", name="sites.signed_mode")
def signed_mode(visit: Visiting, tenant_id: UUID, site_id: UUID, wanted: str = Form("")) -> Response:
    """Turn signed mode on or off. Without a secret nothing could be signed, and nobody would be reached."""
    tenant, site = TenantId(tenant_id), SiteId(site_id)
    with tenant_transaction(tenant) as session:
        stored = queries.lock_site(session, tenant_id=tenant, site_id=site)
        is_possible = wanted != "on" or stored.signing_secret is not None
        if is_possible:
            change = SiteChange(signed_mode=wanted == "on")
            actions.change_site(session, tenant_id=tenant, site_id=site, change=change, now=visit.now)
            audit(session, visit, tenant, site, "site.changed", {"fields": ["signed_mode"]})
    if not is_possible:
        return _settings(visit, tenant, site, issued=None, problem=visit.word(say("Make a signing secret first.")))
    return visit.go(f"/console/tenants/{tenant}/sites/{site}/settings", done="saved")


@router.post("/tenants/{tenant_id}/sites/{site_id}/feed", name="sites.feed")
def feed(visit: Visiting, tenant_id: UUID, site_id: UUID) -> Response:
    """Take somebody's word that the shop has no newer order: what waits for the site's feed may go out."""
    tenant, site = TenantId(tenant_id), SiteId(site_id)
    with tenant_transaction(tenant) as session:
        queries.get_site(session, tenant_id=tenant, site_id=site)
        outcomes.hear_feed(session, tenant_id=tenant, site_id=site, until=visit.now, now=visit.now)
        audit(session, visit, tenant, site, "feed.confirmed", {})
    return visit.go(f"/console/tenants/{tenant}/sites/{site}", done="saved")


@router.post("/tenants/{tenant_id}/sites/{site_id}/stop", name="sites.stop")
def stop(
    visit: Visiting, tenant_id: UUID, site_id: UUID, reason: Annotated[str, Form(max_length=300)] = ""
) -> Response:
    """Throw the site's kill switch: its gate allows nothing from now on."""
    tenant, site = TenantId(tenant_id), SiteId(site_id)
    with tenant_transaction(tenant) as session:
        said = reason.strip() or visit.word(REASON_MISSING)
        stop_sending(session, tenant_id=tenant, site_id=site, reason=said, now=visit.now)
        audit(session, visit, tenant, site, "site.stopped", {})
    return visit.go(f"/console/tenants/{tenant}/sites/{site}/settings", done="stopped")


@router.post("/tenants/{tenant_id}/sites/{site_id}/resume", name="sites.resume")
def resume(visit: Visiting, tenant_id: UUID, site_id: UUID) -> Response:
    tenant, site = TenantId(tenant_id), SiteId(site_id)
    with tenant_transaction(tenant) as session:
        resume_sending(session, tenant_id=tenant, site_id=site)
        audit(session, visit, tenant, site, "site.resumed", {})
    return visit.go(f"/console/tenants/{tenant}/sites/{site}/settings", done="resumed")


def _settings(
    visit: Visit, tenant_id: TenantId, site_id: SiteId, *, issued: str | None, problem: str | None = None
) -> Response:
    with read_transaction([tenant_id]) as session:
        site = queries.get_site(session, tenant_id=tenant_id, site_id=site_id)
        listed = queries.list_site_keys(session, tenant_id=tenant_id, site_id=site_id)
        leaks = leaks_of(visit, session, tenant_id, site_id)
    return tab(
        visit,
        "sites/settings.html",
        site,
        end="/settings",
        status=422 if problem else 200,
        leaks=leaks,
        keys=listed,
        issued=issued,
        problem=problem,
        channels=CHANNELS,
        days=DAYS,
    )


def _read(posted: dict[str, str], stored: Site | None = None) -> SiteChange:
    """Read what is wanted of a site; of hours, those that were not typed stay as they are stored."""
    given: dict[str, Any] = {name: posted[name] for name in TEXTS if posted.get(name)}
    given |= {name: posted[name] or None for name in EMPTIABLE if name in posted}
    if posted.get("has_order_feed"):
        given["has_order_feed"] = posted["has_order_feed"] == "yes"
    if "origins" in posted or stored is None:
        given["origins"] = _lines(posted.get("origins", ""))
    if "picture_origins" in posted:
        given["picture_origins"] = _lines(posted["picture_origins"])
    given |= read_form(posted, numbers=figures.numbers(figures.OF_SITE))
    typed = [(channel, day) for channel in CHANNELS for day in DAYS if f"hours_{channel}_{day}" in posted]
    if typed:
        hours = deepcopy(stored.hours) if stored else {}
        for channel, day in typed:
            hours.setdefault(channel, {})[day] = _bands(posted[f"hours_{channel}_{day}"])
        given["hours"] = hours
    return SiteChange.model_validate(given)


def _lines(typed: str) -> list[str]:
    return [line.strip() for line in typed.splitlines() if line.strip()]


def _bands(typed: str) -> list[list[str]]:
    """Read `09:00-12:00, 13:00-20:00`, and `９：００〜12:00、13:00〜20:00` alike; empty means never."""
    parts = unicodedata.normalize("NFKC", typed).replace("、", ",").split(",")
    bands = [[edge.strip() for edge in re.split("[-–〜~]", part)] for part in parts]
    return [[f"0{edge}" if edge[1:2] == ":" else edge for edge in band] for band in bands if any(band)]


def _values(site: Site) -> dict[str, str]:
    values = {name: str(getattr(site, name) or "") for name in (*TEXTS, *EMPTIABLE)}
    values["capture_mode"] = site.capture_mode.value
    values["has_order_feed"] = "yes" if site.has_order_feed else "no"
    values["origins"] = "\n".join(site.origins)
    values["picture_origins"] = "\n".join(site.picture_origins)
    values |= figures.typed(figures.OF_SITE, site)
    for channel in CHANNELS:
        for day in DAYS:
            bands = site.hours.get(channel, {}).get(day, [])
            values[f"hours_{channel}_{day}"] = ", ".join("-".join(band) for band in bands)
    return values


def _form(
    visit: Visit,
    tenant_id: TenantId,
    *,
    site_id: SiteId | None,
    values: dict[str, str],
    problem: FormProblem | None,
) -> Response:
    with agency_transaction() as session:
        limits = limits_of(get_agency(session))
    return visit.page(
        "sites/edit.html",
        section="tenants",
        status=422 if problem else 200,
        tenant_id=tenant_id,
        site_id=site_id,
        values=values,
        problem=problem,
        modes=[(mode.value, visit.word(label(mode))) for mode in CaptureMode],
        figures=figures.titled(figures.OF_SITE, visit.word),
        hints=figures.limit_words(limits, visit.word),
        channels=CHANNELS,
        days=DAYS,
    )
