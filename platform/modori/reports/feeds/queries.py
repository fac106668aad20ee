"""Order feeds: when each site's was last heard, how old it may be, and whether sends are held for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from modori.kernel.errors import NotFound
from modori.kernel.ids import SiteId, TenantId
from modori.storage.db import ReadSession

MOST_SITES = 500


@dataclass(frozen=True, slots=True)
class Feed:
    """A site's order feed.

    expected   somebody has not said that orders of this site are reported by nobody
    seen_at    up to when its orders are known; None: nothing was ever heard
    max_age_s  older than this holds the site's messages and dials (the gate's `feed_stale`); None: the client has no
               limit, since no feed is expected of any of its sites
    age_s      since seen_at
    settles_at after a silence: until then its newest word may have overtaken older orders, and is not believed
    settling   that is still to come
    """

    tenant_id: TenantId
    site_id: SiteId
    client: str
    site: str
    expected: bool
    seen_at: datetime | None
    max_age_s: int | None
    age_s: float | None
    settles_at: datetime | None
    settling: bool

    @property
    def holds(self) -> bool:
        """Whether silence of this feed would ever hold anything."""
        return self.expected and self.max_age_s is not None

    @property
    def is_stale(self) -> bool:
        """As the gate judges it: exactly at the limit it is still fresh."""
        if not self.expected or self.max_age_s is None:
            return False
        return self.age_s is None or self.age_s > self.max_age_s or self.settling

    @property
    def is_awaited(self) -> bool:
        """Whether it holds because it never began: a new site, and not a feed that fell silent."""
        return self.is_stale and self.seen_at is None


_FEEDS = """
    select s.tenant_id, s.site_id, t.name, s.name, s.has_order_feed, f.heard_at, t.order_feed_max_age_s,
      cast(extract(epoch from :now - f.heard_at) as double precision), f.settles_at,
      coalesce(f.settles_at > :now, false)
    from tenant t join site s on s.tenant_id = t.tenant_id
    left join order_feed f on f.tenant_id = s.tenant_id and f.site_id = s.site_id
    where t.tenant_id = any(cast(:tenants as uuid[])) and %s
    order by t.name, t.tenant_id, s.name, s.site_id limit :most
    """


def list_stale_feeds(session: ReadSession, *, tenant_ids: Sequence[TenantId], now: datetime) -> list[Feed]:
    """List the sites whose sends are held because no order has been heard of for too long, by client and name."""
    stale = (
        "t.order_feed_max_age_s is not null and s.has_order_feed and (f.heard_at is null"
        " or f.settles_at > :now or f.heard_at < :now - make_interval(secs => t.order_feed_max_age_s))"
    )
    given = {"tenants": list(tenant_ids), "now": now, "most": MOST_SITES}
    return [Feed(*row) for row in session.connection().execute(text(_FEEDS % stale), given)]


def list_feeds(session: ReadSession, *, tenant_id: TenantId, now: datetime) -> list[Feed]:
    """List the feeds of one client's sites, by name."""
    given = {"tenants": [tenant_id], "now": now, "most": MOST_SITES}
    return [Feed(*row) for row in session.connection().execute(text(_FEEDS % "true"), given)]


def get_feed(session: ReadSession, *, tenant_id: TenantId, site_id: SiteId, now: datetime) -> Feed:
    """Read one site's feed. raises NotFound"""
    given = {"tenants": [tenant_id], "now": now, "most": 1, "site_id": site_id}
    row = session.connection().execute(text(_FEEDS % "s.site_id = :site_id"), given).one_or_none()
    if row is None:
        raise NotFound("no such site")
    return Feed(*row)
