"""Clients: the list, particulars, and the client's kill switch."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form
from fastapi.responses import Response
from pydantic import ValidationError
from sqlmodel import Session

from modori.billing import actions as billing
from modori.billing import queries as contracts
from modori.billing.wire import DAY_S, ContractTerms
from modori.console import figures, unchanged
from modori.console.door import ConsoleRoute
from modori.console.forms import FormProblem, Posted, read_form
from modori.console.visit import Visit, Visiting
from modori.console.words import say
from modori.kernel.errors import BadInput, UnknownCurrency
from modori.kernel.ids import TenantId, new_id
from modori.kernel.money import minor_digits
from modori.outreach.standard import make_standard_scenario
from modori.reports.agency import queries as agency
from modori.reports.feeds import queries as feeds
from modori.reports.switches import queries as switches
from modori.storage.db import read_transaction, tenant_transaction
from modori.tenants import actions, queries
from modori.tenants.actions import NEW_FEED_MAX_AGE_S
from modori.tenants.model import Tenant
from modori.tenants.rules import SpendLimitTooLarge
from modori.tenants.switches import resume_sending, stop_sending
from modori.tenants.wire import TenantChange

router = APIRouter(route_class=ConsoleRoute)

TEXTS = (
    "name", "sender_name", "sender_name_en", "postal_address", "complaint_contact", "goods_kind", "goods_kind_en",
    "mail_from", "sms_from", "voice_from", "currency", "consent_duty", "record_duty", "opt_out_duty",
)  # fmt: skip
EMPTIABLE = ("order_feed_max_age_s",)
MONEY = ("currency", figures.LIMIT_FIELD)
"""A limit is typed in the currency beside it: a change of either takes both as they stand in the form."""
USUAL_CURRENCY = "JPY"
REASON_MISSING = say("Stopped from the console")


@router.get("/tenants", name="tenants.index")
def index(visit: Visiting) -> Response:
    tenant_ids = visit.tenants
    with read_transaction(tenant_ids) as session:
        clients = agency.list_clients(session, tenant_ids=tenant_ids, now=visit.now)
        stale = feeds.list_stale_feeds(session, tenant_ids=tenant_ids, now=visit.now)
        engaged = switches.list_engaged(session, tenant_ids=tenant_ids)
    return visit.page(
        "tenants/index.html", section="tenants", clients=clients, feeds=stale, engaged=engaged, most=agency.CLIENTS
    )


@router.get("/tenants/new", name="tenants.new")
def new(visit: Visiting) -> Response:
    values = {"currency": USUAL_CURRENCY, "tax_rate_pct": "10", "order_feed_max_age_min": str(NEW_FEED_MAX_AGE_S // 60)}
    return _form(visit, tenant_id=None, values=values, problem=None)


@router.post("/tenants", name="tenants.make")
def make(visit: Visiting, posted: Posted) -> Response:
    tenant_id = TenantId(new_id())
    currency = posted.get("currency") or USUAL_CURRENCY
    try:
        particulars = _read(posted, currency=currency)
        with tenant_transaction(tenant_id) as session:
            actions.make_tenant(
                session,
                tenant_id=tenant_id,
                particulars=particulars,
                priced=visit.config.prices.currencies,
                now=visit.now,
            )
            make_standard_scenario(session, tenant_id=tenant_id, now=visit.now)
            _audit(session, visit, tenant_id, "tenant.made", {})
    except (ValidationError, BadInput) as error:
        return _form(visit, tenant_id=None, values=posted, problem=_problem(error, visit, currency))
    return visit.go(f"/console/tenants/{tenant_id}", done="made")


@router.get("/tenants/{tenant_id}", name="tenants.show")
def show(visit: Visiting, tenant_id: UUID) -> Response:
    return _page(visit, TenantId(tenant_id), posted={}, problem=None)


@router.post("/tenants/{tenant_id}/terms", name="tenants.terms")
def terms(visit: Visiting, tenant_id: UUID, posted: Posted) -> Response:
    """Agree new price terms with a client, from now on."""
    tenant = TenantId(tenant_id)
    try:
        agreed = _read_terms(posted, now=visit.now)
        with tenant_transaction(tenant) as session:
            queries.get_tenant(session, tenant_id=tenant)
            version = billing.make_contract_version(session, tenant_id=tenant, terms=agreed, now=visit.now)
            _audit(session, visit, tenant, "terms.agreed", {"number": version.number})
    except ValidationError as error:
        return _page(visit, tenant, posted=posted, problem=FormProblem.of(error, visit))
    return visit.go(f"/console/tenants/{tenant}", done="saved")


@router.get("/tenants/{tenant_id}/edit", name="tenants.edit")
def edit(visit: Visiting, tenant_id: UUID) -> Response:
    tenant = TenantId(tenant_id)
    with read_transaction([tenant]) as session:
        found = queries.get_tenant(session, tenant_id=tenant)
    return _form(visit, tenant_id=tenant, values=unchanged.marked(_values(found)), problem=None)


@router.post("/tenants/{tenant_id}", name="tenants.change")
def change(visit: Visiting, tenant_id: UUID, posted: Posted) -> Response:
    tenant = TenantId(tenant_id)
    currency = posted.get("currency", "")
    try:
        with tenant_transaction(tenant) as session:
            stored = queries.lock_tenant(session, tenant_id=tenant)
            given = unchanged.changed(posted, _values(stored))
            if given.keys() & set(MONEY):
                given |= {name: posted[name] for name in MONEY if name in posted}
            currency = currency or stored.currency
            particulars = _read(given, currency=currency)
            changed = actions.change_tenant(
                session, tenant_id=tenant, change=particulars, priced=visit.config.prices.currencies, now=visit.now
            )
            _audit(session, visit, tenant, "tenant.changed", changed)
    except (ValidationError, BadInput) as error:
        return _form(visit, tenant_id=tenant, values=posted, problem=_problem(error, visit, currency))
    return visit.go(f"/console/tenants/{tenant}", done="saved")


@router.post("/tenants/{tenant_id}/stop", name="tenants.stop")
def stop(visit: Visiting, tenant_id: UUID, reason: Annotated[str, Form(max_length=300)] = "") -> Response:
    """Throw the client's kill switch: no gate allows anything of theirs from this commit on."""
    tenant = TenantId(tenant_id)
    with tenant_transaction(tenant) as session:
        stop_sending(session, tenant_id=tenant, reason=reason.strip() or visit.word(REASON_MISSING), now=visit.now)
        _audit(session, visit, tenant, "tenant.stopped", {})
    return visit.go(f"/console/tenants/{tenant}", done="stopped")


@router.post("/tenants/{tenant_id}/resume", name="tenants.resume")
def resume(visit: Visiting, tenant_id: UUID) -> Response:
    tenant = TenantId(tenant_id)
    with tenant_transaction(tenant) as session:
        resume_sending(session, tenant_id=tenant)
        _audit(session, visit, tenant, "tenant.resumed", {})
    return visit.go(f"/console/tenants/{tenant}", done="resumed")


def _page(visit: Visit, tenant: TenantId, *, posted: dict[str, str], problem: FormProblem | None) -> Response:
    with read_transaction([tenant]) as session:
        found = queries.get_tenant(session, tenant_id=tenant)
        [client] = agency.list_clients(session, tenant_ids=[tenant], now=visit.now)
        agreed = contracts.list_contract_versions(session, tenant_id=tenant)
        heard = feeds.list_feeds(session, tenant_id=tenant, now=visit.now)
        engaged = switches.list_engaged(session, tenant_ids=[tenant])
    return visit.page(
        "tenants/show.html",
        section="tenants",
        status=422 if problem else 200,
        tenant=found,
        sites=client.sites,
        feeds=heard,
        engaged=engaged,
        terms=agreed[0] if agreed else None,
        priced=visit.config.prices.currencies,
        posted=posted,
        problem=problem,
    )


def _read_terms(posted: dict[str, str], *, now: datetime) -> ContractTerms:
    numbers = {name: (f"{name.removesuffix('_s')}_days", DAY_S) for name in ("window_s", "hold_s", "call_hold_s")}
    given = read_form(posted, numbers=numbers)
    return ContractTerms.model_validate(
        given | {"valid_from_at": now, "fee_bp": _basis_points(posted.get("fee_pct", ""))}
    )


def _read(posted: dict[str, str], *, currency: str) -> TenantChange:
    """Read what was typed, the limit in `currency`. Of one that does not exist it is not read: it is refused itself."""
    given: dict[str, Any] = {name: posted[name] for name in TEXTS if posted.get(name)}
    numbers = figures.numbers(figures.OF_CLIENT)
    given |= read_form(posted, numbers={name: numbers[name] for name in EMPTIABLE}, nullable=EMPTIABLE)
    if figures.LIMIT_FIELD in posted and _exists(currency):
        given[figures.LIMIT] = figures.read_limit(posted[figures.LIMIT_FIELD], currency)
    if posted.get("tax_rate_pct"):
        given["tax_rate_bp"] = _basis_points(posted["tax_rate_pct"])
    return TenantChange.model_validate(given)


def _exists(currency: str) -> bool:
    try:
        minor_digits(currency)
    except UnknownCurrency:
        return False
    return True


def _problem(error: ValidationError | BadInput, visit: Visit, currency: str) -> FormProblem:
    if not _exists(currency):
        return FormProblem.of(error, visit)
    advice = figures.limit_advice(currency, visit.speaker)
    return FormProblem.of(error, visit, advice={"int_type": advice, SpendLimitTooLarge.code: advice})


def _basis_points(percent: str) -> int | str:
    try:
        return round(float(percent) * 100)
    except (ValueError, OverflowError):
        return percent


def _values(tenant: Tenant) -> dict[str, str]:
    limit = figures.typed_limit(tenant.monthly_spend_limit_minor, tenant.currency)
    texts = {name: str(getattr(tenant, name) or "") for name in TEXTS}
    return texts | figures.typed(figures.OF_CLIENT, tenant) | {figures.LIMIT_FIELD: limit}


def _form(visit: Visit, *, tenant_id: TenantId | None, values: dict[str, str], problem: FormProblem | None) -> Response:
    return visit.page(
        "tenants/edit.html",
        section="tenants",
        status=422 if problem else 200,
        tenant_id=tenant_id,
        values=values,
        problem=problem,
    )


def _audit(session: Session, visit: Visit, tenant_id: TenantId, action: str, detail: dict[str, Any]) -> None:
    visit.audit(session, action, "tenant", tenant_id, tenant_id=tenant_id, detail=detail)
