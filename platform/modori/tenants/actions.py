"""What happens to the agency and its clients: their particulars, and their limits."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final

from sqlmodel import Session

from modori.kernel.errors import BadInput
from modori.kernel.ids import PLATFORM, TenantId
from modori.storage import crypto
from modori.tenants import queries, rules
from modori.tenants.model import Agency, Tenant
from modori.tenants.rules import CurrencyCounted, CurrencyNotPriced, SpendLimitTooLarge
from modori.tenants.wire import LimitsChange, TenantChange

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
