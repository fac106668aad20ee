"""What the views of one site share: its address, its frame with tabs, and the audit of what is done to it."""

from datetime import timedelta
from typing import Any, Final

from fastapi.responses import Response
from sqlmodel import Session

from modori.console.site_words import LEAKS
from modori.console.visit import Visit
from modori.console.words import say
from modori.kernel.ids import SiteId, TenantId
from modori.reports.sites.queries import Leak, list_leaks
from modori.storage.db import ReadSession
from modori.tenants.model import KeyKind, Site, SiteKey

TABS: Final = (
    ("", say("Overview")),
    ("/events", say("Events")),
    ("/fields", say("Fields")),
    ("/notice", say("Notice")),
    ("/settings", say("Settings")),
)
"""The ways within a site's page: the end of the address, and its name."""
LEAKS_SHOWN: Final = timedelta(days=30)


def here(site: Site) -> str:
    """Return the address of a site's page."""
    return f"/console/tenants/{site.tenant_id}/sites/{site.site_id}"


def tag_key(keys: list[SiteKey]) -> str | None:
    """The key that the tag carries: the newest publishable one that opens something."""
    return next((one.shown for one in keys if one.kind is KeyKind.PUBLISHABLE and one.revoked_at is None), None)


def tab(visit: Visit, template: str, site: Site, *, end: str, status: int = 200, **given: Any) -> Response:
    """Render one tab of a site's page; `end` is the end of its address."""
    return visit.page(
        template,
        section="tenants",
        status=status,
        client=visit.viewer.tenant_name(TenantId(site.tenant_id)),
        site=site,
        at=here(site),
        tabs=[(ending, visit.word(name)) for ending, name in TABS],
        tab=end,
        **given,
    )


def leaks_of(visit: Visit, session: ReadSession, tenant_id: TenantId, site_id: SiteId) -> list[tuple[Leak, str]]:
    """List what the server took out lately, with the kind in words: an alert on every tab."""
    found = list_leaks(session, tenant_id=tenant_id, site_id=site_id, since=(visit.now - LEAKS_SHOWN).date())
    named = {kind.value: visit.word(said) for kind, said in LEAKS.items()}
    return [(one, named.get(one.kind, one.kind)) for one in found]


def audit(
    session: Session, visit: Visit, tenant_id: TenantId, site_id: SiteId, action: str, detail: dict[str, Any]
) -> None:
    visit.audit(session, action, "site", site_id, tenant_id=tenant_id, detail=detail)
