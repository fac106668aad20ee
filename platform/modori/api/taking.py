"""One request of ingest as a transaction: events kept and folded, and handed to the rooms that must hear of them."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from psycopg.errors import DeadlockDetected
from sqlalchemy.exc import DataError, OperationalError
from sqlmodel import Session

from modori.background import live
from modori.capture.actions import BrowserOrder, Taken, take_events
from modori.capture.context import SiteContext
from modori.capture.protection.queries import count_leaks
from modori.capture.reading import Refusal
from modori.capture.rules import ReadEvent
from modori.channels.actions import confirm_click
from modori.kernel.errors import Unavailable
from modori.kernel.failpoints import hit
from modori.kernel.ids import LeadId
from modori.leads.model import OPEN_STATES, LeadState
from modori.leads.queries import find_lead_of_episode
from modori.outcomes.actions import record_order
from modori.outcomes.model import OrderSource
from modori.outcomes.wire import OrderIn, OrderItem
from modori.outreach.actions import end_lead
from modori.outreach.forgetting import heed_choice
from modori.storage.db import bound_transaction, tenant_transaction
from modori.storage.failures import DATABASE_FAILURES, refusal_of
from modori.storage.retrying import retry_deadlocks


def take(
    site: SiteContext, read: Sequence[ReadEvent | Refusal], *, received_at: datetime, ip_index: bytes | None
) -> Taken:
    """Keep a request's events in one transaction, and return once it is on disk (G1).

    Where PostgreSQL cannot store a value, each event is tried by itself, so that a bad one does not take its
    neighbours along. Where two requests of several visitors wait for each other in a circle, each visitor is taken
    by itself: who holds one visitor's episode, and then contact points by id, waits in nobody's circle.
    raises  what the database raised; Unavailable where other parts of the request had been taken before: what they
            kept stays, and its ids make a repeat harmless
    """
    parts = _by_visitor(read)
    work = _take if len(parts) > 1 else retry_deadlocks(_take)
    try:
        return work(site, read, received_at=received_at, ip_index=ip_index)
    except DataError:
        if len(read) > 1:
            return _take_apart(site, [[one] for one in read], received_at=received_at, ip_index=ip_index)
        return Taken(refused=[_unstorable(one) for one in read])
    except OperationalError as error:
        if len(parts) < 2 or not isinstance(error.orig, DeadlockDetected):
            raise
        return _take_apart(site, parts, received_at=received_at, ip_index=ip_index)


def _by_visitor(read: Sequence[ReadEvent | Refusal]) -> list[list[ReadEvent | Refusal]]:
    """Part what one request brought by its visitors; what was refused in reading names none."""
    parts: dict[str | None, list[ReadEvent | Refusal]] = {}
    for one in read:
        parts.setdefault(one.visitor if isinstance(one, ReadEvent) else None, []).append(one)
    return list(parts.values())


def _take(
    site: SiteContext, read: Sequence[ReadEvent | Refusal], *, received_at: datetime, ip_index: bytes | None
) -> Taken:
    with tenant_transaction(site.tenant_id) as session:
        bound_transaction(session)  # "no thanks" looks again once whatever was in flight has ended
        taken = take_events(session, site=site, read=read, received_at=received_at, ip_index=ip_index)
        for order in taken.orders:
            _record(session, site, order, received_at)
        for episode_id in taken.ordered_episode_ids:
            lead = find_lead_of_episode(session, tenant_id=site.tenant_id, episode_id=episode_id)
            if lead is not None and lead.state in OPEN_STATES:
                end_lead(
                    session,
                    tenant_id=site.tenant_id,
                    lead_id=LeadId(lead.lead_id),
                    state=LeadState.CONVERTED,
                    because=f"converted:{episode_id}",
                    now=received_at,
                )
        for choice in sorted(taken.choices, key=lambda one: not one.granted):
            heed_choice(session, tenant_id=site.tenant_id, choice=choice, now=received_at)
        for seen in taken.tokens:
            confirm_click(session, tenant_id=site.tenant_id, token=seen.token, event_id=seen.event_id, at=seen.at)
        leaks = {UUID(one.id): (one.leak.kind, one.leak.field) for one in taken.refused if one.id and one.leak}
        if leaks:
            count_leaks(
                session,
                tenant_id=site.tenant_id,
                site_id=site.site_id,
                leaked_on=received_at.date(),
                leaks=leaks,
            )
        if taken.touched_episode_ids or taken.choices:
            live.announce(session, tenant_id=site.tenant_id, topic="event", subject=str(site.site_id))
        hit("ingest.before_commit")
    hit("ingest.after_commit")
    return taken


def _record(session: Session, site: SiteContext, claimed: BrowserOrder, received_at: datetime) -> None:
    """Record what a browser claims: it stops messages and never bills (G11)."""
    order = OrderIn(
        id=claimed.order.id,
        currency=claimed.order.currency,
        value=Decimal(str(claimed.order.value)),
        at=claimed.at,
        items=tuple(OrderItem.model_validate(dict(item)) for item in claimed.order.items),
        visitor=claimed.visitor,
        cart=claimed.cart_id,
    )
    record_order(
        session,
        tenant_id=site.tenant_id,
        site_id=site.site_id,
        order=order,
        source=OrderSource.BROWSER,
        now=received_at,
    )


def _take_apart(
    site: SiteContext,
    parts: Sequence[Sequence[ReadEvent | Refusal]],
    *,
    received_at: datetime,
    ip_index: bytes | None,
) -> Taken:
    whole = Taken()
    for number, one in enumerate(parts):
        try:
            part = take(site, one, received_at=received_at, ip_index=ip_index)
        except DATABASE_FAILURES as error:
            if number and isinstance(refusal_of(error), Unavailable):
                raise Unavailable("Not all of it was kept. Send it again: each event counts once.") from error
            raise
        whole.accepted += part.accepted
        whole.refused += part.refused
    return whole


def _unstorable(one: ReadEvent | Refusal) -> Refusal:
    return one if isinstance(one, Refusal) else Refusal(str(one.id), "bad_data")
