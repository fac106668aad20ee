"""Orders and reversals as a client's server reports them, and what became of them: `/v1/orders`, `/v1/leads`, …"""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Response
from sqlmodel import Session

from modori.api import problems, queries
from modori.api.auth import SecretKeySite
from modori.api.bodies import Said, body_of, shape
from modori.api.described import LeadPage, Month, Months, OrderTaken, ResultPage, ReversalTaken, answers
from modori.api.edge import ApiConfig
from modori.api.idempotency import IdempotencyKey, Reply, answer_once, respond
from modori.billing import actions as billing
from modori.billing import queries as ledger
from modori.billing.rules import month_of, read_month
from modori.capture.context import SiteContext
from modori.kernel import clock
from modori.kernel.errors import BadEmail, BadInput, BadPhone
from modori.kernel.money import Money
from modori.outcomes import actions as outcomes
from modori.outcomes.errors import NobodyNamed, ReversalBeforeOrder
from modori.outcomes.model import OrderSource
from modori.outcomes.reversals import record_reversal
from modori.outcomes.wire import OrderIn, ReversalIn
from modori.storage.db import read_transaction, tenant_transaction
from modori.storage.retrying import retry_deadlocks

_UNREADABLE: dict[str, type[BadInput]] = {error.code: error for error in (BadEmail, BadPhone)}

Before = Annotated[UUID | None, Query(description="The last id of the page before; none: the newest.")]
Limit = Annotated[int, Query(ge=1, le=100)]


class BadMonth(BadInput):
    code = "bad_month"
    title = "A month is written YYYY-MM and lies within 2000 to 2100"


def make_router(config: ApiConfig) -> APIRouter:
    """Make the routes. They need nothing of the configuration yet: every edge is made alike."""
    router = APIRouter(route_class=problems.ProblemRoute, tags=["orders"])
    router.add_api_route(
        "/v1/orders",
        post_order,
        methods=["POST"],
        summary="Report an order",
        status_code=201,
        openapi_extra=shape(OrderIn),
        responses=answers(OrderTaken, ok=(200, 201), conflict="This order id is on record with other contents."),
    )
    router.add_api_route(
        "/v1/orders/{order}/reversals",
        post_reversal,
        methods=["POST"],
        summary="Report a reversal of an order",
        status_code=201,
        openapi_extra=shape(ReversalIn),
        responses=answers(
            ReversalTaken,
            ok=(200, 201),
            conflict="The order is not known yet (kept), or the reversal differs from what is on record or exceeds it.",
        ),
    )
    for path, endpoint, summary, page in (
        ("/v1/leads", get_leads, "List leads", LeadPage),
        ("/v1/results", get_results, "List results", ResultPage),
        ("/v1/statements", get_statements, "Read statements", Months | Month),
    ):
        router.add_api_route(path, endpoint, methods=["GET"], summary=summary, responses=answers(page, method="GET"))
    return router


@retry_deadlocks
def post_order(
    site: SecretKeySite,
    said: Annotated[Said[OrderIn], Depends(body_of(OrderIn))],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Report an order: it stops every message to this person at once. 201; the same order again, 200.

    `ignored` tells which names of the body are not known: `phone` in the place of `tel` finds nobody. Where such names
    are all that could say who ordered, the order is kept and answered 400 `nobody_named`. The same order may be sent
    again with more of `email`, `tel`, `visitor`, `cart` and `member_id`.

    It is word of the order feed, too: up to now if it was placed within the last five minutes (or has no `at`, the
    first time), else up to its `at`. Send `at` with every order that comes late; see `POST /v1/feed`.
    """
    now = clock.now()
    only_kept: list[BadInput] = []

    def record(session: Session) -> Reply:
        done = outcomes.record_order(
            session,
            tenant_id=site.tenant_id,
            site_id=site.site_id,
            order=said.value,
            source=OrderSource.SERVER,
            has_unknown_names=any(not path.startswith("items.") for path in said.ignored),
            now=now,
        )
        if (why := _why_only_kept(done, said.ignored)) is not None:
            only_kept.append(why)
            return Reply(400, {})
        order = done.order
        return Reply(
            201 if done.is_new else 200,
            {
                "id": order.external_id,
                "order_id": str(order.order_id),
                "currency": order.currency,
                "value": _major(order.value_minor, order.currency),
                "reversed": _major(order.reversed_minor, order.currency),
                "at": order.placed_at.isoformat(),
                "recorded_at": order.recorded_at.isoformat(),
            },
        )

    request = b"POST /v1/orders\n" + said.digest
    reply = _answer(site, record, key=idempotency_key, request=request, now=now)
    if only_kept:
        return problems.response(only_kept[0])
    return respond(reply, said)


@retry_deadlocks
def post_reversal(
    site: SecretKeySite,
    order: Annotated[str, Path(min_length=1, max_length=200, description="The order's id, as you reported it.")],
    said: Annotated[Said[ReversalIn], Depends(body_of(ReversalIn))],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Report that an order was cancelled, refused, returned or not paid, in part or as a whole. 201; again, 200.

    One that comes before its order is kept and applied when the order comes: 409 with `"kept": true` says so. Without
    `value` it takes all that is left of the order; `ignored` tells if the sum stands under a name that is not known.
    """
    now = clock.now()

    def record(session: Session) -> Reply:
        done = record_reversal(
            session,
            tenant_id=site.tenant_id,
            site_id=site.site_id,
            order_external_id=order,
            reversal=said.value,
            now=now,
        )
        if not done.applied:
            return Reply(409, {})
        currency, taken = done.currency or "", done.reversal.value_minor or 0
        return Reply(
            201 if done.is_new else 200,
            {
                "id": done.reversal.external_id,
                "reversal_id": str(done.reversal.reversal_id),
                "order": order,
                "currency": currency,
                "value": _major(taken, currency),
                "reason": done.reversal.reason.value,
                "at": done.reversal.reversed_at.isoformat(),
            },
        )

    request = f"POST /v1/orders/{order}/reversals\n".encode() + said.digest
    reply = _answer(site, record, key=idempotency_key, request=request, now=now)
    if reply.status == 409:
        return problems.response(ReversalBeforeOrder(kept=True, ignored=said.ignored))
    return respond(reply, said)


def get_leads(site: SecretKeySite, before: Before = None, limit: Limit = 50) -> dict[str, Any]:
    """List the site's leads, newest first. Contacts are masked."""
    with read_transaction([site.tenant_id]) as session:
        rows = queries.list_leads(session, tenant_id=site.tenant_id, site_id=site.site_id, before=before, limit=limit)
    leads = [
        {
            "id": str(row.lead_id),
            "episode": str(row.episode_id),
            "state": row.state,
            "arm": row.arm,
            "currency": row.currency,
            "value": None if row.value_minor is None else _major(row.value_minor, row.currency),
            "contacts": row.contacts,
            "made_at": row.made_at.isoformat(),
            "ended_at": None if row.ended_at is None else row.ended_at.isoformat(),
            "ended_by": row.ended_by,
        }
        for row in rows
    ]
    return {"leads": leads, "next": leads[-1]["id"] if len(leads) == limit else None}


def get_results(site: SecretKeySite, before: Before = None, limit: Limit = 50) -> dict[str, Any]:
    """List the site's results, newest first, each with the order that it stands on."""
    with read_transaction([site.tenant_id]) as session:
        rows = queries.list_results(session, tenant_id=site.tenant_id, site_id=site.site_id, before=before, limit=limit)
    results = [
        {
            "id": str(row.result_id),
            "order": row.external_id,
            "lead": str(row.lead_id),
            "state": row.state,
            "basis": row.basis,
            "basis_at": row.basis_at.isoformat(),
            "currency": row.currency,
            "value": _major(row.value_minor, row.currency),
            "fee": _major(row.fee_minor, row.currency),
            "hold_until": row.hold_until.isoformat(),
            "made_at": row.made_at.isoformat(),
            "decided_at": None if row.decided_at is None else row.decided_at.isoformat(),
        }
        for row in rows
    ]
    return {"results": results, "next": results[-1]["id"] if len(results) == limit else None}


def get_statements(
    site: SecretKeySite,
    month: Annotated[str | None, Query(description="YYYY-MM; none: this month and the closed ones")] = None,
) -> dict[str, Any]:
    """Return one month with its lines, or the totals of this month and of every closed one."""
    with read_transaction([site.tenant_id]) as session:
        if month is not None:
            month_on = read_month(month)
            if month_on is None:
                raise BadMonth(field="month")
            entries = ledger.list_month_entries(session, tenant_id=site.tenant_id, month_on=month_on)
            statement = billing.get_statement(session, tenant_id=site.tenant_id, month_on=month_on)
            lines = [
                {
                    "seq": entry.seq,
                    "kind": entry.kind.value,
                    "result": str(entry.result_id),
                    "reversal": None if entry.reversal_id is None else str(entry.reversal_id),
                    "amount": _major(entry.amount_minor, entry.currency),
                    "tax_rate_pct": entry.tax_rate_bp / 100,
                    "entered_at": entry.entered_at.isoformat(),
                    "hash": bytes(entry.entry_hash).hex(),
                }
                for entry in entries
            ]
            return _statement(statement) | {"lines": lines}
        current_on = month_of(clock.now())
        closed = [one.month_on for one in ledger.list_statements(session, tenant_id=site.tenant_id)]
        months = [current_on, *(one for one in closed if one != current_on)]
        return {
            "statements": [
                _statement(billing.get_statement(session, tenant_id=site.tenant_id, month_on=one)) for one in months
            ]
        }


def _answer(
    site: SiteContext, record: Callable[[Session], Reply], *, key: str | None, request: bytes, now: datetime
) -> Reply:
    """Record in one transaction."""
    with tenant_transaction(site.tenant_id) as session:
        return answer_once(session, site=site, key=key, request=request, do=partial(record, session), now=now)


def _why_only_kept(done: outcomes.RecordedOrder, ignored: list[str]) -> BadInput | None:
    """Say what keeps an order that is on record from proving anything; None: nothing does."""
    if done.unreadable:
        field, code = done.unreadable[0]
        return _UNREADABLE[code](
            f"{field} is none. The order was kept, and stops messages; it does not bill until it is sent right.",
            field=field,
            kept=True,
            ignored=ignored,
        )
    if done.names_nobody:
        return NobodyNamed(
            f"Not known: {', '.join(ignored)}. The order names nobody by email, tel, visitor, cart or member_id. It was"
            " kept, and stops nobody and does not bill until it is sent again with one of these.",
            kept=True,
            ignored=ignored,
        )
    return None


def _statement(statement: billing.MonthStatement) -> dict[str, Any]:
    totals, currency = statement.totals, statement.currency
    return {
        "month": statement.month_on.isoformat()[:7],
        "state": "open" if statement.closed_at is None else "closed",
        "currency": currency,
        "entries": totals.entries,
        "net": _major(totals.net_minor, currency),
        "tax": _major(totals.tax_minor, currency),
        "gross": _major(totals.gross_minor, currency),
        "by_rate": [
            {
                "tax_rate_pct": one.tax_rate_bp / 100,
                "net": _major(one.net_minor, currency),
                "tax": _major(one.tax_minor, currency),
            }
            for one in totals.by_rate
        ],
        "last_hash": statement.last_hash.hex(),
    }


def _major(minor: int, currency: str) -> int | float:
    """Write an amount as the wire does: 4980, 49.8. Exact for every sum below 2**53 minor units (ECMA-404 readers)."""
    major: Decimal = Money(minor, currency).major()
    return int(major) if major == major.to_integral_value() else float(major)
