"""Order feeds: when each was last heard, how old it may be, and whether sends are held for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from modori.kernel.errors import NotFound
from modori.kernel.ids import TenantId
from modori.storage.db import ReadSession


@dataclass(frozen=True, slots=True)
class Feed:
    """A client's order feed.

    seen_at    up to when its orders are known; None: nothing was ever heard
    max_age_s  older than this holds every message and dial (the gate's `feed_stale`); None: no limit is set
    age_s      since seen_at
    """

    tenant_id: TenantId
    name: str
    seen_at: datetime | None
    max_age_s: int | None
    age_s: float | None

    @property
    def is_stale(self) -> bool:
        """As the gate judges it: exactly at the limit it is still fresh."""
        return self.max_age_s is not None and (self.age_s is None or self.age_s > self.max_age_s)


_FEEDS = """
    select tenant_id, name, order_feed_seen_at, order_feed_max_age_s,
      cast(extract(epoch from :now - order_feed_seen_at) as double precision)
    from tenant where tenant_id = any(cast(:tenants as uuid[])) and %s order by name, tenant_id limit 500
    """


def list_stale_feeds(session: ReadSession, *, tenant_ids: Sequence[TenantId], now: datetime) -> list[Feed]:
    """List the clients whose sends are held because no order has been heard of for too long, by name."""
    stale = (
        "order_feed_max_age_s is not null and (order_feed_seen_at is null"
        " or order_feed_seen_at < :now - make_interval(secs => order_feed_max_age_s))"
    )
    rows = session.connection().execute(text(_FEEDS % stale), {"tenants": list(tenant_ids), "now": now})
    return [Feed(*row) for row in rows]


def get_feed(session: ReadSession, *, tenant_id: TenantId, now: datetime) -> Feed:
    """Read one client's feed. raises NotFound"""
    row = session.connection().execute(text(_FEEDS % "true"), {"tenants": [tenant_id], "now": now}).one_or_none()
    if row is None:
        raise NotFound("no such client")
    return Feed(*row)
