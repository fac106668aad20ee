"""One site's page: each question walks the client's newest events, whose key is (tenant_id, received_at, event_id).

An index by site would cost every ingested event; a walk costs only who looks, and is bounded. Where it ends before
the period does, `SeenSite.walked_back_to` says so, and the page does, too.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from modori.kernel.ids import SiteId, TenantId
from modori.reports.paging import Cursor
from modori.reports.sites.rules import SiteFacts
from modori.storage.db import ReadSession

WALKED: Final = 20_000
"""Events of a client that one question reads at most, newest first."""
LOOKED_AT: Final = 10_000
"""Of these the overview is made, which reads itself again while somebody looks at it."""
PAGES: Final = 10
REFUSALS: Final = 30
CLOCKS_DIFFER: Final = timedelta(minutes=5)
"""Another machine's clock may be ahead of ours: what it has just taken is shown all the same."""
EVENTS_KEPT: Final = timedelta(days=30)
"""How far back the list of events reaches."""


@dataclass(frozen=True, slots=True)
class SeenPage:
    """One address of the site, without its query."""

    url: str
    kind: str | None
    count: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class SeenSite:
    """What the newest events of a site say, and how many were refused.

    walked_back_to  where the walk ended; None: it saw the period whole
    """

    facts: SiteFacts
    events: int
    refused: int
    pages: list[SeenPage]
    walked_back_to: datetime | None


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event in the list. body: as stored, no personal value in it; mark: bot, prefetch or None."""

    event_id: UUID
    received_at: datetime
    at: datetime
    type: str
    page_url: str | None
    mark: str | None
    visitor: str | None
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Leak:
    """What the server had to take out although the tag should have."""

    leaked_on: date
    kind: str
    field: str
    count: int

    @property
    def mark(self) -> str:
        """What a page remembers this line by, whatever its count."""
        return hashlib.sha256(f"{self.leaked_on} {self.kind} {self.field}".encode()).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class Sighting:
    """A refusal of ingest by its code, over the period; subject: a foreign origin, else empty."""

    code: str
    subject: str
    count: int
    last_at: datetime


# Bodies are opened once, for rows of this site alone, and only small columns go on.
# A page counts what it had to give up since it was loaded. One that was open when capture was switched off lost what it
# sent then, and goes on saying so: since capture is on again, what counts is what it tells more of than before.
_SEEN = """
with walked as materialized (
  select w.received_at, w.at, w.type, w.visitor, w.site_id = :site_id and w.mark is null as is_mine,
    case when w.site_id = :site_id and w.type = 'page' then split_part(w.page_url, '?', 1) end as page,
    case when w.site_id <> :site_id or w.mark is not null then null
      when w.type = 'page' then w.body
      when w.type = 'cart' then jsonb_build_object(
        'filled', jsonb_array_length(w.body -> 'items') > 0, 'value', w.body -> 'value_minor', 'url', w.body -> 'url',
        'pictured', jsonb_path_exists(w.body, '$.items[*].image'))
      when w.type = 'form' then jsonb_build_object(
        'email', w.body -> 'fields' ? 'email', 'tel', w.body -> 'fields' ? 'tel')
      when w.type = 'identify' then jsonb_build_object('email', w.body ? 'email', 'tel', w.body ? 'tel')
      when w.type = 'consent' then jsonb_build_object('channel', w.body -> 'channel')
    end as said
  from (select * from event e where e.tenant_id = :tenant_id and e.received_at >= :since and e.received_at <= :until
    order by e.received_at desc, e.event_id desc limit :walked) w
), mine as (select * from walked where is_mine
), told as (
  select visitor, page, received_at, at, (said -> 'health' ->> 'errors')::bigint as errors,
    coalesce((said -> 'health' ->> 'dropped')::bigint, 0) as dropped
  from mine where type = 'page' and (cast(:on_at as timestamptz) is null or received_at >= :on_at)
), dropping as (
  select dropped > 0 as has_dropped from told where cast(:on_at as timestamptz) is null
  union all
  select dropped > min(dropped) over (partition by visitor, page order by received_at, at
    rows between unbounded preceding and 1 preceding) from told where cast(:on_at as timestamptz) is not null
)
select
  (select count(*) from walked) as walked, (select min(received_at) from walked) as walked_back_to,
  count(*) as events, max(received_at) as heard_at,
  max(received_at) filter (where said ->> 'kind' = 'product') as product_at,
  max(received_at) filter (where said ->> 'kind' = 'cart') as cart_page_at,
  max(received_at) filter (where said ->> 'kind' = 'checkout') as checkout_at,
  max(received_at) filter (where said ->> 'kind' = 'thanks') as thanks_at,
  max(received_at) filter (where type = 'cart' and (said ->> 'filled')::boolean) as cart_at,
  max(received_at) filter (where type = 'cart' and (said ->> 'filled')::boolean and (said ->> 'value')::bigint > 0)
    as priced_cart_at,
  max(received_at) filter (where type = 'cart' and said ->> 'url' is not null) as linked_cart_at,
  max(received_at) filter (where type = 'cart' and (said -> 'pictured')::boolean) as pictured_cart_at,
  max(received_at) filter (where type = 'form') as form_at,
  max(received_at) filter (where type in ('form', 'identify') and (said ->> 'email')::boolean) as email_at,
  max(received_at) filter (where type in ('form', 'identify') and (said ->> 'tel')::boolean) as phone_at,
  max(received_at) filter (where type = 'consent' and said ->> 'channel' <> 'capture') as consent_at,
  max(received_at) filter (where type = 'order') as claimed_order_at,
  (select count(*) from told where errors > 0) as pages_with_errors,
  (select count(*) from dropping where has_dropped) as pages_with_drops,
  coalesce(max((said -> 'health' ->> 'queued')::bigint) filter (where type = 'page'), 0) as most_queued,
  (select coalesce(jsonb_agg(v.sdk order by v.last_at desc), '[]') from (
    select said ->> 'sdk' as sdk, max(received_at) as last_at from mine where type = 'page' and said ->> 'sdk' <> ''
    group by 1 order by 2 desc limit 5) v) as versions,
  (select coalesce(jsonb_agg(jsonb_build_array(p.page, p.kind, p.count, p.last_at) order by p.count desc, p.page), '[]')
    from (select page, max(said ->> 'kind') as kind, count(*) as count, max(received_at) as last_at from mine
    where page is not null group by page order by 3 desc, 1 limit :most_pages) p) as pages,
  (select max(o.proven_at) from (select * from purchase_order o where o.tenant_id = :tenant_id
    order by o.placed_at desc limit 2000) o where o.site_id = :site_id) as proven_order_at,
  (select max(s.last_at) from capture_sighting s where s.tenant_id = :tenant_id and s.site_id = :site_id
    and s.seen_on >= :since_on and s.code = 'policy_asked') as asked_at,
  (select coalesce(sum(s.count), 0)::bigint from capture_sighting s where s.tenant_id = :tenant_id
    and s.site_id = :site_id and s.seen_on >= :since_on and s.code <> 'policy_asked') as refused,
  (select jsonb_build_array(s.subject, s.last_at) from capture_sighting s where s.tenant_id = :tenant_id
    and s.site_id = :site_id and s.seen_on >= :since_on and s.code = 'foreign_origin'
    order by s.last_at desc, s.subject limit 1) as turned_away,
  (select coalesce(jsonb_agg(distinct s.subject), '[]') from capture_sighting s where s.tenant_id = :tenant_id
    and s.site_id = :site_id and s.seen_on >= :since_on and s.code = 'secret_key_in_browser') as secret_keys
from mine
"""


def look_at_site(
    session: ReadSession,
    *,
    tenant_id: TenantId,
    site_id: SiteId,
    since: datetime,
    now: datetime,
    on_at: datetime | None = None,
    walked: int = LOOKED_AT,
) -> SeenSite:
    """Read what the newest events of a site say, those of people alone (no declared bot, no prefetch).

    on_at  when capture was switched on within that time: how the tag fares is judged by what came since
    """
    row = (
        session.connection()
        .execute(
            text(_SEEN),
            {
                "tenant_id": tenant_id,
                "site_id": site_id,
                "since": since,
                "since_on": since.date(),
                "until": now + CLOCKS_DIFFER,
                "on_at": on_at,
                "walked": walked,
                "most_pages": PAGES,
            },
        )
        .one()
    )
    pages_at = {
        "product": row.product_at,
        "cart": row.cart_page_at,
        "checkout": row.checkout_at,
        "thanks": row.thanks_at,
    }
    foreign_origin, foreign_at = row.turned_away or ("", None)
    facts = SiteFacts(
        asked_at=row.asked_at,
        heard_at=row.heard_at,
        secret_keys=frozenset(row.secret_keys),
        foreign_at=None if foreign_at is None else datetime.fromisoformat(foreign_at),
        foreign_origin=foreign_origin,
        pages_at={kind: at for kind, at in pages_at.items() if at is not None},
        cart_at=row.cart_at,
        priced_cart_at=row.priced_cart_at,
        linked_cart_at=row.linked_cart_at,
        pictured_cart_at=row.pictured_cart_at,
        form_at=row.form_at,
        email_at=row.email_at,
        phone_at=row.phone_at,
        consent_at=row.consent_at,
        claimed_order_at=row.claimed_order_at,
        proven_order_at=row.proven_order_at,
        versions=tuple(row.versions),
        pages_with_errors=row.pages_with_errors,
        pages_with_drops=row.pages_with_drops,
        most_queued=row.most_queued,
    )
    pages = [SeenPage(url, kind, count, datetime.fromisoformat(at)) for url, kind, count, at in row.pages]
    return SeenSite(facts, row.events, row.refused, pages, row.walked_back_to if row.walked >= walked else None)


def list_events(
    session: ReadSession,
    *,
    tenant_id: TenantId,
    site_id: SiteId,
    kind: str | None,
    after: Cursor | None,
    now: datetime,
    limit: int,
    walked: int = WALKED,
) -> list[EventRow]:
    """List a site's events, newest first, those after `after`; of one type where `kind` names it."""
    rows = session.connection().execute(
        text(
            "select w.event_id, w.received_at, w.at, w.type, w.page_url, w.mark, w.visitor, w.body"
            " from (select * from event e where e.tenant_id = :tenant_id"
            "   and e.received_at >= :since and e.received_at <= :until"
            "   and (cast(:after_id as uuid) is null"
            "     or (e.received_at, e.event_id) < (:until, cast(:after_id as uuid)))"
            "   order by e.received_at desc, e.event_id desc limit :walked) w"
            " where w.site_id = :site_id and (cast(:kind as text) is null or w.type = :kind) limit :limit"
        ),
        {
            "tenant_id": tenant_id,
            "site_id": site_id,
            "kind": kind,
            "since": now - EVENTS_KEPT,
            "until": after.at if after else now + CLOCKS_DIFFER,
            "after_id": after.row_id if after else None,
            "walked": walked,
            "limit": limit,
        },
    )
    return [EventRow(*row) for row in rows]


def find_walk_end(
    session: ReadSession,
    *,
    tenant_id: TenantId,
    since: datetime,
    after: Cursor | None,
    now: datetime,
    walked: int = WALKED,
) -> Cursor | None:
    """Find the last event that the list's walk or the forms' reads; None where the client has fewer since then."""
    row = (
        session.connection()
        .execute(
            text(
                "select e.received_at, e.event_id from event e where e.tenant_id = :tenant_id"
                " and e.received_at >= :since and e.received_at <= :until and (cast(:after_id as uuid) is null"
                "   or (e.received_at, e.event_id) < (:until, cast(:after_id as uuid)))"
                " order by e.received_at desc, e.event_id desc offset :walked - 1 limit 1"
            ),
            {
                "tenant_id": tenant_id,
                "since": since,
                "until": after.at if after else now + CLOCKS_DIFFER,
                "after_id": after.row_id if after else None,
                "walked": walked,
            },
        )
        .one_or_none()
    )
    return None if row is None else Cursor(row.received_at, row.event_id)


@dataclass(frozen=True, slots=True)
class SeenKinds:
    """The types of a site's events, what its `identify` events told of members (keys), its forms' fields (tokens).

    Of the newest events, and of all that was noted before.
    """

    types: frozenset[str]
    identity: frozenset[str]
    fields: frozenset[str]


def look_at_kinds(
    session: ReadSession, *, tenant_id: TenantId, site_id: SiteId, since: datetime, now: datetime
) -> SeenKinds:
    """Read which kinds of things a site reported lately or ever before, those of people alone.

    What a notice has listed once it lists from then on: a form that nobody used this week is used next week.
    """
    row = (
        session.connection()
        .execute(
            text(
                "with mine as materialized ("
                "   select w.type, case when w.type = 'identify' then w.body end as body from ("
                "     select * from event e where e.tenant_id = :tenant_id and e.received_at >= :since"
                "       and e.received_at <= :until order by e.received_at desc, e.event_id desc limit :walked) w"
                "   where w.site_id = :site_id and w.mark is null)"
                " select (select coalesce(jsonb_agg(distinct type), '[]') from mine) as types,"
                "   (select coalesce(jsonb_agg(distinct k.name), '[]')"
                "     from mine cross join lateral jsonb_object_keys(mine.body) as k(name)) as identity,"
                "   (select coalesce(jsonb_agg(jsonb_build_array(s.kind, s.name)), '[]') from (select * from site_sent"
                "     where tenant_id = :tenant_id and site_id = :site_id order by kind, name limit 200) s) as before"
            ),
            {
                "tenant_id": tenant_id,
                "site_id": site_id,
                "since": since,
                "until": now + CLOCKS_DIFFER,
                "walked": WALKED,
            },
        )
        .one()
    )
    before: dict[str, set[str]] = {}
    for kind, name in row.before:
        before.setdefault(kind, set()).add(name)
    return SeenKinds(
        types=frozenset(row.types) | before.get("event", set()),
        identity=frozenset(row.identity) | before.get("identity", set()),
        fields=frozenset(before.get("field", set())),
    )


def list_leaks(session: ReadSession, *, tenant_id: TenantId, site_id: SiteId, since: date) -> list[Leak]:
    """List what the server had to take out since a day, newest first; at most 50."""
    rows = session.connection().execute(
        text(
            "select leaked_on, kind, field, count from capture_leak where tenant_id = :tenant_id"
            " and site_id = :site_id and leaked_on >= :since order by leaked_on desc, kind, field limit 50"
        ),
        {"tenant_id": tenant_id, "site_id": site_id, "since": since},
    )
    return [Leak(*row) for row in rows]


def list_refusals(session: ReadSession, *, tenant_id: TenantId, site_id: SiteId, since: date) -> list[Sighting]:
    """List what ingest refused since a day, by code and subject, the newest first; at most REFUSALS."""
    rows = session.connection().execute(
        text(
            "select code, subject, sum(count)::bigint, max(last_at) from capture_sighting"
            " where tenant_id = :tenant_id and site_id = :site_id and seen_on >= :since and code <> 'policy_asked'"
            " group by code, subject order by max(last_at) desc, code, subject limit :most"
        ),
        {"tenant_id": tenant_id, "site_id": site_id, "since": since, "most": REFUSALS},
    )
    return [Sighting(*row) for row in rows]


def list_channels(session: ReadSession, *, tenant_id: TenantId, site_id: SiteId) -> list[str]:
    """List the channels that the scenarios of a site's routes use, as approved."""
    rows = session.connection().execute(
        text(
            "select distinct st.channel from route r"
            " join scenario s on s.tenant_id = r.tenant_id and s.scenario_id = r.scenario_id"
            " join step st on st.tenant_id = s.tenant_id and st.scenario_version_id = s.current_version_id"
            " where r.tenant_id = :tenant_id and r.site_id = :site_id order by 1 limit 10"
        ),
        {"tenant_id": tenant_id, "site_id": site_id},
    )
    return list(rows.scalars())
