"""A site's own page, where its engineer spends the afternoon: overview, events, fields, notice, settings."""

import base64
import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from fastapi import APIRouter, Form, Query
from fastapi.responses import Response

from modori.capture import notices
from modori.console import site_words as words
from modori.console.door import ConsoleRoute
from modori.console.site_story import KINDS, EventLine, field_name, tell_events
from modori.console.views.site_frame import audit, here, leaks_of, tab, tag_key
from modori.console.visit import Visit, Visiting
from modori.kernel.errors import BadInput
from modori.kernel.ids import SiteId, TenantId
from modori.reports.feeds.queries import get_feed
from modori.reports.forms import queries as form_queries
from modori.reports.paging import Cursor, read_cursor
from modori.reports.sites import queries, rules
from modori.storage.db import ReadSession, read_transaction, tenant_transaction
from modori.tenants import policy
from modori.tenants import queries as tenants
from modori.tenants.model import CaptureMode, KeyKind, Site, SiteKey
from modori.tenants.sites import actions
from modori.tenants.sites import queries as site_queries
from modori.tenants.wire import SiteChange

router = APIRouter(route_class=ConsoleRoute)

LOOKED_BACK: Final = timedelta(days=7)
EVENTS_SHOWN: Final = 50
NEWEST_SHOWN: Final = 6
MOST_TOLD: Final = 3
PERIODS_DAYS: Final = (7, 30)

STUB: Final = "window.modori=window.modori||function(){(modori.q=modori.q||[]).push(arguments)}"
"""The inline part of the tag: what the page calls before the script is there."""
STUB_HASH: Final = "sha256-" + base64.b64encode(hashlib.sha256(STUB.encode()).digest()).decode()
"""Lets a strict Content-Security-Policy name the inline part without a nonce."""


@router.get("/tenants/{tenant_id}/sites/{site_id}", name="sites.show")
def show(visit: Visiting, tenant_id: UUID, site_id: UUID) -> Response:
    tenant, site = TenantId(tenant_id), SiteId(site_id)
    with read_transaction([tenant]) as session:
        stored = site_queries.get_site(session, tenant_id=tenant, site_id=site)
        keys = site_queries.list_site_keys(session, tenant_id=tenant, site_id=site)
        state = _state(visit, session, stored, keys)
        leaks = leaks_of(visit, session, tenant, site)
        feed = get_feed(session, tenant_id=tenant, site_id=site, now=visit.now)
    release = visit.config.sdk_integrity()
    return tab(
        visit,
        "sites/show.html",
        stored,
        end="",
        leaks=leaks,
        tag_key=tag_key(keys),
        host=visit.config.public_url,
        release=release,
        stub=STUB,
        stub_hash=STUB_HASH,
        feed=feed,
        feeds=[feed] if feed.is_stale else [],
        **state,
    )


@router.get("/tenants/{tenant_id}/sites/{site_id}/live", name="sites.live")
def live(visit: Visiting, tenant_id: UUID, site_id: UUID) -> Response:
    """The part of the overview that is read again when there is news."""
    tenant, site = TenantId(tenant_id), SiteId(site_id)
    with read_transaction([tenant]) as session:
        stored = site_queries.get_site(session, tenant_id=tenant, site_id=site)
        keys = site_queries.list_site_keys(session, tenant_id=tenant, site_id=site)
        state = _state(visit, session, stored, keys)
    return visit.part("sites/_state.html", site=stored, at=here(stored), **state)


@router.get("/tenants/{tenant_id}/sites/{site_id}/events", name="sites.events")
def events(visit: Visiting, tenant_id: UUID, site_id: UUID, kind: str = "", after: str | None = None) -> Response:
    tenant, site = TenantId(tenant_id), SiteId(site_id)
    with read_transaction([tenant]) as session:
        stored = site_queries.get_site(session, tenant_id=tenant, site_id=site)
        listed = _events(visit, session, stored, kind=kind, after=read_cursor(after))
        refused = _refused(visit, session, stored)
        leaks = leaks_of(visit, session, tenant, site)
    return tab(
        visit,
        "sites/events.html",
        stored,
        end="/events",
        leaks=leaks,
        types=[(one, visit.word(name)) for one, name in words.TYPES.items()],
        is_newest=after is None,
        **listed,
        **refused,
    )


@router.get("/tenants/{tenant_id}/sites/{site_id}/events/rows", name="sites.event_rows")
def event_rows(visit: Visiting, tenant_id: UUID, site_id: UUID, kind: str = "") -> Response:
    """The live part of the list of events: the newest ones."""
    tenant, site = TenantId(tenant_id), SiteId(site_id)
    with read_transaction([tenant]) as session:
        stored = site_queries.get_site(session, tenant_id=tenant, site_id=site)
        listed = _events(visit, session, stored, kind=kind, after=None)
    return visit.part("sites/_events.html", is_newest=True, **listed)


@router.get("/tenants/{tenant_id}/sites/{site_id}/events/refused", name="sites.refused")
def refused(visit: Visiting, tenant_id: UUID, site_id: UUID) -> Response:
    """The live part below the list of events: what was refused."""
    tenant, site = TenantId(tenant_id), SiteId(site_id)
    with read_transaction([tenant]) as session:
        stored = site_queries.get_site(session, tenant_id=tenant, site_id=site)
        listed = _refused(visit, session, stored)
    return visit.part("sites/_refused.html", **listed)


@router.get("/tenants/{tenant_id}/sites/{site_id}/fields", name="sites.fields")
def fields(visit: Visiting, tenant_id: UUID, site_id: UUID, days: str = "") -> Response:
    tenant, site = TenantId(tenant_id), SiteId(site_id)
    with read_transaction([tenant]) as session:
        stored = site_queries.get_site(session, tenant_id=tenant, site_id=site)
        seen = _fields(visit, session, stored, days=days)
        leaks = leaks_of(visit, session, tenant, site)
    return tab(visit, "sites/fields.html", stored, end="/fields", leaks=leaks, periods=PERIODS_DAYS, **seen)


@router.get("/tenants/{tenant_id}/sites/{site_id}/fields/forms", name="sites.forms")
def forms(visit: Visiting, tenant_id: UUID, site_id: UUID, days: str = "") -> Response:
    """The live part of the fields: the forms, and where people left them."""
    tenant, site = TenantId(tenant_id), SiteId(site_id)
    with read_transaction([tenant]) as session:
        stored = site_queries.get_site(session, tenant_id=tenant, site_id=site)
        seen = _fields(visit, session, stored, days=days)
    return visit.part("sites/_forms.html", **seen)


@router.get("/tenants/{tenant_id}/sites/{site_id}/leaks", name="sites.leaks")
def leaks(
    visit: Visiting, tenant_id: UUID, site_id: UUID, shown: Annotated[str | None, Query(max_length=1000)] = None
) -> Response:
    """The live alert above every tab. Lines that the page does not show yet are told beside it: nothing moves."""
    tenant, site = TenantId(tenant_id), SiteId(site_id)
    with read_transaction([tenant]) as session:
        stored = site_queries.get_site(session, tenant_id=tenant, site_id=site)
        found = leaks_of(visit, session, tenant, site)
    known = None if shown is None else shown.split()
    told = [] if known is None else [(one, kind) for one, kind in found if one.mark not in known]
    if not told:
        return visit.part("sites/_leaks.html", site=stored, leaks=found)
    answer = visit.part("sites/_leaks_told.html", told=told[:MOST_TOLD], more=len(told[MOST_TOLD:]))
    answer.headers.update({"HX-Retarget": "#leaks-told", "HX-Reswap": "innerMorph"})
    return answer


@router.get("/tenants/{tenant_id}/sites/{site_id}/notice", name="sites.notice")
def notice(visit: Visiting, tenant_id: UUID, site_id: UUID) -> Response:
    tenant, site = TenantId(tenant_id), SiteId(site_id)
    with read_transaction([tenant]) as session:
        stored = site_queries.get_site(session, tenant_id=tenant, site_id=site)
        facts, is_measured = _notice_facts(visit, session, stored)
        versions = site_queries.list_notice_versions(session, tenant_id=tenant, site_id=site)
        leaks = leaks_of(visit, session, tenant, site)
    not_listed, unsaid = notices.what_is_unsaid(stored.notice_text or "", facts)
    return tab(
        visit,
        "sites/notice.html",
        stored,
        end="/notice",
        leaks=leaks,
        written=[notices.write_notice(facts, locale) for locale in notices.LOCALES],
        is_measured=is_measured,
        versions=versions,
        not_listed=[visit.word(words.SENT[one]) for one in not_listed],
        unsaid=[visit.word(words.UNSAID[one]) for one in unsaid],
        element=_element(stored),
    )


@router.post("/tenants/{tenant_id}/sites/{site_id}/notice", name="sites.adopt_notice")
def adopt_notice(visit: Visiting, tenant_id: UUID, site_id: UUID, locale: str = Form("")) -> Response:
    """Store a generated notice as the site's own text."""
    tenant, site = TenantId(tenant_id), SiteId(site_id)
    with read_transaction([tenant]) as reading:
        stored = site_queries.get_site(reading, tenant_id=tenant, site_id=site)
        facts, _ = _notice_facts(visit, reading, stored)
    if locale not in notices.LOCALES:
        raise BadInput("a notice is written in ja or en", fields=["locale"])
    text = notices.write_notice(facts, locale).text()
    with tenant_transaction(tenant) as session:
        actions.change_site(session, tenant_id=tenant, site_id=site, change=SiteChange(notice_text=text), now=visit.now)
        audit(session, visit, tenant, site, "site.changed", {"fields": ["notice_text"]})
    return visit.go(f"{here(stored)}/notice", done="saved")


def _state(visit: Visit, session: ReadSession, site: Site, keys: list[SiteKey]) -> dict[str, Any]:
    """Look at how the tag fares, what is missing, and what came in last."""
    tenant_id, site_id = TenantId(site.tenant_id), SiteId(site.site_id)
    since = visit.now - LOOKED_BACK
    on_at = site_queries.find_capture_on_at(session, tenant_id=tenant_id, site_id=site_id)
    if on_at is not None and on_at < since:
        on_at = None
    seen = queries.look_at_site(session, tenant_id=tenant_id, site_id=site_id, since=since, now=visit.now, on_at=on_at)
    newest = queries.list_events(
        session, tenant_id=tenant_id, site_id=site_id, kind=None, after=None, now=visit.now, limit=NEWEST_SHOWN
    )
    release = visit.config.sdk_integrity()
    secrets = frozenset(one.shown for one in keys if one.kind is KeyKind.SECRET and one.revoked_at is None)
    set_to = rules.SitePolicy(
        has_key=tag_key(keys) is not None,
        mode=site.capture_mode.value,
        has_cart_url=site.cart_url is not None,
        wants_consent=policy.rules_of(site.country).consent_before_message,
        version=release.version if release else None,
        secret_keys=secrets,
        on_at=on_at,
    )
    named = {
        rules.Trouble.LEAKED_KEY: ", ".join(f"{one}…" for one in sorted(seen.facts.secret_keys & secrets)),
        rules.Trouble.FOREIGN_ORIGIN: seen.facts.foreign_origin,
    }
    return {
        "seen": seen,
        "facts": seen.facts,
        "troubles": [(words.TROUBLES[one], named.get(one, "")) for one in rules.check_tag(seen.facts, set_to)],
        "on_at": on_at,
        "health": rules.judge_health(seen.facts, set_to).value,
        "checks": rules.check_pages(seen.facts, set_to),
        "page_names": words.PAGES,
        "missing": words.MISSING,
        "hints": rules.HINTS,
        "newest": tell_events(newest, visit.speaker),
        "pages": [
            (urlsplit(one.url).path or "/", visit.word(KINDS[one.kind]) if one.kind and one.kind in KINDS else "", one)
            for one in seen.pages
        ],
        "days": LOOKED_BACK.days,
        "most_pages": queries.PAGES,
    }


def _events(visit: Visit, session: ReadSession, site: Site, *, kind: str, after: Cursor | None) -> dict[str, Any]:
    wanted = kind if kind in words.TYPES else None
    rows = queries.list_events(
        session,
        tenant_id=TenantId(site.tenant_id),
        site_id=SiteId(site.site_id),
        kind=wanted,
        after=after,
        now=visit.now,
        limit=EVENTS_SHOWN + 1,
    )
    shown = rows[:EVENTS_SHOWN]
    path, chosen = f"{here(site)}/events", {"kind": wanted} if wanted else {}
    walk_end = None
    if len(rows) > EVENTS_SHOWN:
        last: Cursor | None = Cursor(shown[-1].received_at, shown[-1].event_id)
    else:
        since = visit.now - queries.EVENTS_KEPT
        last = walk_end = queries.find_walk_end(
            session, tenant_id=TenantId(site.tenant_id), since=since, after=after, now=visit.now
        )
    older = f"{path}?{urlencode(chosen | {'after': str(last)})}" if last else None
    listed: list[EventLine] = tell_events(shown, visit.speaker)
    newer = f"{path}?{urlencode(chosen)}" if after and chosen else path if after else None
    return {
        "events": listed,
        "older": older,
        "newer": newer,
        "chosen": wanted or "",
        "late_from_s": LATE_FROM_S,
        "walked": queries.WALKED,
        "walked_back_to": walk_end.at if walk_end else None,
        "kept": queries.EVENTS_KEPT,
    }


def _refused(visit: Visit, session: ReadSession, site: Site) -> dict[str, Any]:
    refusals = queries.list_refusals(
        session,
        tenant_id=TenantId(site.tenant_id),
        site_id=SiteId(site.site_id),
        since=(visit.now - LOOKED_BACK).date(),
    )
    return {"refusals": refusals, "most_refusals": queries.REFUSALS, "advice": words.REFUSALS}


LATE_FROM_S: Final = 60
"""An event that came this long after it happened was waiting in a queue: offline, or a busy network."""


@dataclass(frozen=True, slots=True)
class FormView:
    """One form on the screen: who used it, its inputs, and where people left; either part may be empty."""

    name: str
    use: form_queries.FormUse | None
    inputs: list[form_queries.SurveyedField]
    drop_off: rules.DropOff | None

    @property
    def reasons(self) -> list[str]:
        """The reasons for what is not taken that we have advice for, each once, as they stand in the form."""
        return [why for why in dict.fromkeys(one.why for one in self.inputs) if why in words.WHY and words.WHY[why].do]


def _fields(visit: Visit, session: ReadSession, site: Site, *, days: str) -> dict[str, Any]:
    tenant_id, site_id, since = TenantId(site.tenant_id), SiteId(site.site_id), visit.now - LOOKED_BACK
    period = next((one for one in PERIODS_DAYS if str(one) == days), PERIODS_DAYS[0])
    seen = form_queries.look_at_forms(session, tenant_id=tenant_id, site_id=site_id, since=since, now=visit.now)
    left = form_queries.list_left_fields(
        session, tenant_id=tenant_id, site_id=site_id, since=visit.now - timedelta(days=period)
    )
    walk_end = queries.find_walk_end(session, tenant_id=tenant_id, since=since, after=None, now=visit.now)
    forms = _forms(seen, rules.chart(left))
    return {
        "forms": forms[: form_queries.FORMS],
        "more_forms": seen.more_forms + len(forms[form_queries.FORMS :]),
        "more_fields": seen.more_fields,
        "looked_back_to": seen.looked_back_to or (walk_end.at if walk_end else None),
        "is_cut": sum(one.people for one in left) >= form_queries.PEOPLE,
        "why": words.WHY,
        "name": lambda token: field_name(token, visit.speaker),
        "period": period,
        "most": form_queries.PEOPLE,
    }


def _forms(seen: form_queries.SeenForms, charts: list[rules.DropOff]) -> list[FormView]:
    """Put together what is known of each form, those that most people used first."""
    uses = {one.form: one for one in seen.forms}
    drawn = {one.form: one for one in charts}
    names = [*uses, *(form for form in drawn if form not in uses)]
    return [
        FormView(form, uses.get(form), [one for one in seen.fields if one.form == form], drawn.get(form))
        for form in names
    ]


def _notice_facts(visit: Visit, session: ReadSession, site: Site) -> tuple[notices.NoticeFacts, bool]:
    """Collect what a notice must say, and whether forms have shown which fields they give."""
    tenant_id, site_id = TenantId(site.tenant_id), SiteId(site.site_id)
    tenant = tenants.get_tenant(session, tenant_id=tenant_id)
    agency = tenants.get_agency(session)
    seen = form_queries.look_at_forms(
        session, tenant_id=tenant_id, site_id=site_id, since=visit.now - LOOKED_BACK, now=visit.now
    )
    kinds = queries.look_at_kinds(
        session, tenant_id=tenant_id, site_id=site_id, since=visit.now - LOOKED_BACK, now=visit.now
    )
    taken = {one.token for one in seen.fields if one.token and one.why == "taken"}
    taken |= {token for form in seen.forms for token in form.taken} | kinds.fields
    told = [one for one in notices.IDENTITIES if one in kinds.identity]
    facts = notices.NoticeFacts(
        client=tenant.name,
        agency=agency.name,
        contact=tenant.complaint_contact,
        host=urlsplit(visit.config.public_url).netloc,
        mode=site.capture_mode.value if site.capture_mode is not CaptureMode.OFF else CaptureMode.NOTICE.value,
        sent=notices.what_is_sent(sorted(taken), types=kinds.types, identity=told),
        identity=told or notices.IDENTITIES,
        channels=queries.list_channels(session, tenant_id=tenant_id, site_id=site_id),
        event_days=visit.config.event_days,
    )
    return facts, bool(taken)


def _element(site: Site) -> str:
    """Name the element of the notice: as the selector does, where it is a plain id."""
    selector = site.notice_selector or ""
    name = selector.removeprefix("#")
    return name if selector.startswith("#") and name.replace("-", "").replace("_", "").isalnum() else "modori-notice"
