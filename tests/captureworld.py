"""Events as a browser would send them, and the short way to have them taken."""

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from modori.capture.actions import Taken, take_events
from modori.capture.batch.actions import take_batch
from modori.capture.batch.visits import Posted
from modori.capture.context import SiteContext, context_of
from modori.capture.model import Episode, EpisodeState
from modori.capture.queries import find_current_episode
from modori.capture.reading import Reading, read_event
from modori.kernel.ids import EpisodeId, new_id
from modori.leads.actions import make_lead, settle_episode
from modori.leads.model import Lead, Route
from modori.leads.queries import save
from modori.leads.rules import NoLead
from modori.outreach.actions import make_scenario
from modori.storage.db import plain_transaction, tenant_transaction
from modori.tenants.model import CaptureMode
from modori.tenants.sites.queries import get_site
from tests.world import NOW, TenantWorld

ITEM: dict[str, Any] = {"id": "p1", "name": "鉄のフライパン", "price": 4980, "quantity": 1}


def event(
    tenant: TenantWorld, kind: str, sent: dict[str, Any] | None = None, *, visitor: str, at: datetime = NOW, **more: Any
) -> dict[str, Any]:
    """One event of the wire."""
    return {
        "id": str(new_id()),
        "type": kind,
        "at": at.isoformat(),
        "visitor": visitor,
        "page": {"url": f"{tenant.origin}/checkout", "title": "ご注文"},
        "data": sent or {},
    } | more


def cart(tenant: TenantWorld, *, visitor: str, value: float = 4980, at: datetime = NOW, **more: Any) -> dict[str, Any]:
    sent = {"currency": "JPY", "value": value, "items": [ITEM | {"price": value}], "url": f"{tenant.origin}/cart"}
    return event(tenant, "cart", sent | more, visitor=visitor, at=at)


def form(tenant: TenantWorld, *, visitor: str, at: datetime = NOW, submitted: bool = False, **fields: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    return event(tenant, "form", {"form": "checkout", "fields": named, "submitted": submitted}, visitor=visitor, at=at)


def consent(
    tenant: TenantWorld, channel: str, *, visitor: str, granted: bool = True, at: datetime = NOW
) -> dict[str, Any]:
    sent = {"channel": channel, "granted": granted, "text": "お知らせを受け取ります", "control": "#optin"}
    return event(tenant, "consent", sent, visitor=visitor, at=at)


def new_visitor() -> str:
    return new_id().hex


def somebody() -> str:
    """An e-mail address that no other test uses."""
    return f"p{new_id().hex[-12:]}@person.example"


def site_context(tenant: TenantWorld, *, is_secret: bool = False) -> SiteContext:
    with tenant_transaction(tenant.tenant_id) as session:
        site = get_site(session, tenant_id=tenant.tenant_id, site_id=tenant.site_id)
        return context_of(site, key_id="test", is_secret=is_secret)


def take(
    tenant: TenantWorld,
    events: Sequence[dict[str, Any]],
    *,
    now: datetime = NOW,
    ip_index: bytes | None = None,
    is_secret: bool = False,
    secrets: tuple[bytes, ...] = (),
) -> Taken:
    """Have events taken in one transaction, as ingest does."""
    site = site_context(tenant, is_secret=is_secret)
    reading = Reading(
        site.origins,
        site.country,
        is_secret,
        site.capture_mode is CaptureMode.OFF,
        sent_at=now,
        received_at=now,
        secrets=secrets,
    )
    read = [read_event(one, reading) for one in events]
    with tenant_transaction(tenant.tenant_id) as session:
        return take_events(session, site=site, read=read, received_at=now, ip_index=ip_index)


def take_together(
    requests: Sequence[Posted], *, tenant_ids: Collection[UUID] | None = None, is_patient: bool = False
) -> None:
    """Have requests taken in one transaction, as the flusher does, bound to their own clients or to those named.

    is_patient  it waits for locks as long as a slow machine may hold them
    """

    async def take_all() -> None:
        bound = {one.site.tenant_id for one in requests} if tenant_ids is None else tenant_ids
        async with plain_transaction(bound) as connection:
            if is_patient:
                for limit in ("lock_timeout", "statement_timeout", "transaction_timeout"):
                    connection.execute(f"set local {limit} = '60s'")
            await take_batch(connection, requests)

    asyncio.run(take_all())


def current(tenant: TenantWorld, visitor: str) -> Episode | None:
    with tenant_transaction(tenant.tenant_id) as session:
        return find_current_episode(session, tenant_id=tenant.tenant_id, site_id=tenant.site_id, visitor=visitor)


def the_episode(tenant: TenantWorld, visitor: str) -> Episode:
    found = current(tenant, visitor)
    assert found is not None
    return found


def add_route(tenant: TenantWorld, **conditions: Any) -> UUID:
    """Give the site a route (to a scenario without steps)."""
    with tenant_transaction(tenant.tenant_id) as session:
        scenario_id = make_scenario(session, tenant_id=tenant.tenant_id, name="三段階", now=NOW)
        route = Route(
            tenant_id=tenant.tenant_id,
            route_id=new_id(),
            site_id=tenant.site_id,
            position=1,
            name="すべて",
            conditions=conditions,
            scenario_id=scenario_id,
        )
        save(session, route)
        return route.route_id


def abandon(tenant: TenantWorld, visitor: str, *, after: timedelta = timedelta(minutes=31), **more: Any) -> Any:
    """Let the visitor's episode go idle, settle it and make what comes of it: a Lead, a NoLead, or None."""
    episode = the_episode(tenant, visitor)
    return settle(tenant, EpisodeId(episode.episode_id), now=episode.last_activity_at + after, **more)


def settle(
    tenant: TenantWorld, episode_id: EpisodeId, *, now: datetime, draw: float | None = None
) -> Lead | NoLead | None:
    with tenant_transaction(tenant.tenant_id) as session:
        settle_episode(session, tenant_id=tenant.tenant_id, episode_id=episode_id, now=now)
    with tenant_transaction(tenant.tenant_id) as session:
        return make_lead(session, tenant_id=tenant.tenant_id, episode_id=episode_id, now=now, draw=draw)


def is_open(episode: Episode) -> bool:
    return episode.state in (EpisodeState.OPEN, EpisodeState.ABANDONED)
