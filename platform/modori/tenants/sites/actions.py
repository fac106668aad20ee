"""What happens to a site: it is made, and its policy changes. Its keys are in `tenants.keys`."""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlmodel import Session

from modori.kernel.errors import BadInput
from modori.kernel.ids import SiteId, TenantId, new_id
from modori.tenants import policy, rules
from modori.tenants.actions import limits_of
from modori.tenants.model import CaptureMode, NoticeVersion, Site
from modori.tenants.queries import get_agency
from modori.tenants.sites import queries
from modori.tenants.wire import SiteChange

QUARANTINE: Final = timedelta(days=7)
"""RULES 36: a new site sends little, and an agency user approves its first leads."""

_NULLABLE_ON_SITE: Final = {"notice_selector", "notice_text", "quarantine_until", "cart_url"}


def make_site(
    session: Session, *, tenant_id: TenantId, change: SiteChange, now: datetime, site_id: SiteId | None = None
) -> Site:
    """Add a web property to a client. Its hours, zone and language start from its country's table; it is in quarantine.

    raises  BadInput without name and origins, or for capture without a notice text (RULES 15)
    """
    if not change.name or not change.origins:
        missing = [field for field in ("name", "origins") if not getattr(change, field)]
        raise BadInput(f"a site needs {' and '.join(missing)}", fields=missing)
    country = policy.rules_of(change.country or "JP")
    site = Site(
        tenant_id=tenant_id,
        site_id=site_id or new_id(),
        name=change.name,
        origins=change.origins,
        timezone=country.timezone,
        locale=country.locale,
        hours=policy.hours_of(change.country or "JP"),
        quarantine_until=now + QUARANTINE,
        made_at=now,
    )
    _apply(site, change, limits_of(get_agency(session)))
    session.add(site)
    session.flush()
    _note_notice(session, site, now=now)
    return site


def change_site(
    session: Session, *, tenant_id: TenantId, site_id: SiteId, change: SiteChange, now: datetime
) -> dict[str, Any]:
    """Change a site's policy; what is not given stays. Returns what changed, for the audit.

    Another country brings its own permitted hours, unless hours are given with it (RULES 12, 33).

    raises  BadInput for capture without a notice (RULES 15); BeyondLimit for a figure looser than the agency's
    """
    site = queries.lock_site(session, tenant_id=tenant_id, site_id=site_id)
    if change.country not in (None, site.country) and change.hours is None:
        change = change.model_copy(update={"hours": policy.hours_of(change.country or site.country)})
    before = site.model_dump(include=change.model_fields_set)
    stood = (site.capture_mode, site.notice_text)
    _apply(site, change, limits_of(get_agency(session)))
    session.flush()
    if (site.capture_mode, site.notice_text) != stood:
        _note_notice(session, site, now=now)
    return rules.changes_of(before, site.model_dump(include=change.model_fields_set))


def _apply(site: Site, change: SiteChange, limits: Mapping[str, int]) -> None:
    given = {field: getattr(change, field) for field in change.model_fields_set}
    given = {field: value for field, value in given.items() if value is not None or field in _NULLABLE_ON_SITE}
    mode, notice = given.get("capture_mode", site.capture_mode), given.get("notice_text", site.notice_text)
    if mode != CaptureMode.OFF and not notice:
        raise BadInput("nothing is captured without a notice text", fields=["notice_text"])
    beyond = rules.beyond_limits(given, limits)
    if beyond:
        raise rules.BeyondLimit(fields=beyond)
    for field, value in given.items():
        setattr(site, field, value)


def _note_notice(session: Session, site: Site, *, now: datetime) -> None:
    """Keep what the site's capture says of itself from now on, for the proofs of results (G9)."""
    text = site.notice_text
    session.add(
        NoticeVersion(
            tenant_id=site.tenant_id,
            notice_version_id=new_id(),
            site_id=site.site_id,
            capture_mode=site.capture_mode,
            text=text,
            text_hash=None if text is None else hashlib.sha256(text.encode()).digest(),
            from_at=now,
            recorded_at=now,
        )
    )
    session.flush()
