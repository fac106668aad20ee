"""What happens to the agency, its clients, their sites, and its users. Keys are in `keys`, log-in is in `logins`."""

import hashlib
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlmodel import Session

from modori.kernel.errors import BadInput
from modori.kernel.ids import PLATFORM, SiteId, TenantId, new_id
from modori.storage import crypto
from modori.tenants import policy, queries, rules
from modori.tenants.model import (
    Agency,
    CaptureMode,
    NoticeVersion,
    Site,
    Tenant,
)
from modori.tenants.rules import CurrencyCounted, CurrencyNotPriced, SpendLimitTooLarge
from modori.tenants.wire import LimitsChange, SiteChange, TenantChange

QUARANTINE: Final = timedelta(days=7)
"""RULES 36: a new site sends little, and an agency user approves its first leads."""

NEW_FEED_MAX_AGE_S: Final = 86_400
"""A new client's orders are to be heard of every day, until somebody says otherwise: an unanswerable check sends
nothing (G14)."""

MONTH_AT_HAND: Final = timedelta(minutes=1)
"""A change of currency may still be under way this much later: it locks the month that begins by then, too."""

_SENDERS: Final = ("mail_from", "sms_from", "voice_from")


def make_agency(
    session: Session,
    *,
    name: str,
    postal_address: str = "",
    complaint_contact: str = "",
    registration_number: str | None = None,
) -> Agency:
    """Set up the installation's one agency and its data key. A second call changes nothing."""
    crypto.new_data_key(session, PLATFORM)
    queries.insert_agency(
        session,
        name=name,
        postal_address=postal_address,
        complaint_contact=complaint_contact,
        registration_number=registration_number,
    )
    return queries.get_agency(session)


def make_tenant(
    session: Session, *, tenant_id: TenantId, particulars: TenantChange, now: datetime, priced: Collection[str] = ()
) -> Tenant:
    """Take a client on, with a data key of its own. The transaction is bound to the new id.

    Its sends wait for word of orders not older than a day, unless the particulars say another age or that none is
    expected (None, given).

    priced  currencies in which it is known what a contact counts: a month has a limit in no other
    raises  BadInput where a particular that the law wants in messages is missing (RULES 4, 8, 10); CurrencyNotPriced,
            SpendLimitTooLarge
    """
    given = particulars.model_dump(exclude_none=True)
    wanted = ("name", "sender_name", "postal_address", "complaint_contact", "goods_kind", *_SENDERS)
    missing = [field for field in wanted if not given.get(field)]
    if missing:
        raise BadInput(f"a client needs {', '.join(missing)}", fields=missing)
    if "order_feed_max_age_s" not in particulars.model_fields_set:
        given["order_feed_max_age_s"] = NEW_FEED_MAX_AGE_S
    given.setdefault("sender_name_en", given["sender_name"])
    given.setdefault("goods_kind_en", given["goods_kind"])
    tenant = Tenant(tenant_id=tenant_id, made_at=now, **given)
    _assert_countable(tenant, priced)
    session.add(tenant)
    session.flush()
    crypto.new_data_key(session, tenant_id)
    return tenant


def change_tenant(
    session: Session, *, tenant_id: TenantId, change: TenantChange, now: datetime, priced: Collection[str] = ()
) -> dict[str, Any]:
    """Change a client's particulars; what is not given stays. Returns what changed, for the audit.

    A limit changed also where its currency alone did; with it goes `currencies`, in which the old and the new one were
    given.

    priced  as in `make_tenant`; a limit from before, which cannot be kept, is no reason to refuse another change
    raises  CurrencyNotPriced; SpendLimitTooLarge; CurrencyCounted for another currency while the month has spent some
            of the present one; BadInput for another currency where a limit stands and none is given in the new one
    """
    tenant = queries.lock_tenant(session, tenant_id=tenant_id)
    if change.currency not in (None, tenant.currency):
        for month_on in sorted({rules.spend_month(now), rules.spend_month(now + MONTH_AT_HAND)}):
            if queries.lock_month(session, tenant_id=tenant_id, month_on=month_on).spent_minor:
                raise CurrencyCounted(fields=["currency"])
    was_in, was_limit = tenant.currency, tenant.monthly_spend_limit_minor
    before = tenant.model_dump(include=change.model_fields_set)
    nullable = {"order_feed_max_age_s", "monthly_spend_limit_minor"}
    for field in change.model_fields_set:
        value = getattr(change, field)
        if value is not None or field in nullable:
            setattr(tenant, field, value)
    if change.model_fields_set & {"currency", "monthly_spend_limit_minor"}:
        _assert_countable(tenant, priced)
    is_limited_in_another = tenant.monthly_spend_limit_minor is not None and tenant.currency != was_in
    if is_limited_in_another and "monthly_spend_limit_minor" not in change.model_fields_set:
        raise BadInput("a limit is given in its currency", fields=["monthly_spend_limit_minor"])
    changes = rules.changes_of(before, tenant.model_dump(include=change.model_fields_set))
    return rules.with_limit(
        changes, limits=(was_limit, tenant.monthly_spend_limit_minor), currencies=(was_in, tenant.currency)
    )


def _assert_countable(tenant: Tenant, priced: Collection[str]) -> None:
    """Refuse a limit that could not be kept, since nobody has said what a contact costs in its currency, or is none."""
    limit = tenant.monthly_spend_limit_minor
    if limit is None:
        return
    if tenant.currency not in priced:
        raise CurrencyNotPriced(fields=["monthly_spend_limit_minor"])
    if limit > rules.most_spend_minor(tenant.currency):
        raise SpendLimitTooLarge(fields=["monthly_spend_limit_minor"])


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
    _apply(site, change, limits_of(queries.get_agency(session)))
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
    _apply(site, change, limits_of(queries.get_agency(session)))
    session.flush()
    if (site.capture_mode, site.notice_text) != stood:
        _note_notice(session, site, now=now)
    return rules.changes_of(before, site.model_dump(include=change.model_fields_set))


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


def limits_of(agency: Agency) -> dict[str, int]:
    """Read the figures that no site may loosen."""
    return {name: getattr(agency, name) for name in rules.LIMITS}


def change_limits(session: Session, *, change: LimitsChange) -> dict[str, Any]:
    """Change the agency's limits. A site that is looser stays as it is; its gate obeys the limit from the commit on.

    Returns what changed, for the audit.
    """
    agency = queries.lock_agency(session)
    given = change.model_dump(exclude_none=True)
    before = limits_of(agency)
    for name, value in given.items():
        setattr(agency, name, value)
    session.flush()
    return rules.changes_of(before, limits_of(agency))


_NULLABLE_ON_SITE: Final = {"notice_selector", "notice_text", "quarantine_until", "cart_url"}


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
