"""Up to when each site's orders are known: the rows of `OrderFeed`."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlmodel import Session

from modori.kernel.ids import SiteId, TenantId


class HeardFeed(NamedTuple):
    """What is known of a site's feed. All None: nothing, or no limit."""

    heard_at: datetime | None
    settles_at: datetime | None
    max_age_s: int | None


def get_heard_feed(session: Session, *, tenant_id: TenantId, site_id: SiteId) -> HeardFeed:
    """Read what a site's feed has said, and the client's limit. Takes no lock."""
    row = (
        session.connection()
        .execute(
            text(
                "select f.heard_at, f.settles_at, t.order_feed_max_age_s from tenant t left join order_feed f"
                " on f.tenant_id = t.tenant_id and f.site_id = :site_id where t.tenant_id = :tenant_id"
            ),
            {"tenant_id": tenant_id, "site_id": site_id},
        )
        .one()
    )
    return HeardFeed(*row)


def hear_order_feed(session: Session, *, tenant_id: TenantId, site_id: SiteId, at: datetime) -> datetime:
    """Note somebody's word that a site's orders are known up to `at`; an older word changes nothing.

    returns  up to when they are known
    """
    heard = session.connection().execute(
        text(
            "insert into order_feed (tenant_id, site_id, heard_at) values (:tenant_id, :site_id, :at)"
            " on conflict (tenant_id, site_id) do update set"
            " settles_at = case when excluded.heard_at >= order_feed.heard_at then null else order_feed.settles_at end,"
            " heard_at = greatest(order_feed.heard_at, excluded.heard_at) returning heard_at"
        ),
        {"tenant_id": tenant_id, "site_id": site_id, "at": at},
    )
    heard_at: datetime = heard.scalar_one()
    return heard_at


def note_order_feed(
    session: Session, *, tenant_id: TenantId, site_id: SiteId, heard_at: datetime, settles_at: datetime | None
) -> None:
    """Write what an order lets its site's feed say: orders do not queue for the row, whoever holds it writes alike."""
    session.connection().execute(
        text(
            "with mine as (select tenant_id, site_id from order_feed where tenant_id = :tenant_id"
            "   and site_id = :site_id for no key update skip locked)"
            " update order_feed f set heard_at = greatest(f.heard_at, :heard_at), settles_at = :settles_at"
            " from mine where f.tenant_id = mine.tenant_id and f.site_id = mine.site_id"
        ),
        {"tenant_id": tenant_id, "site_id": site_id, "heard_at": heard_at, "settles_at": settles_at},
    )


def insert_order_feed(
    session: Session, *, tenant_id: TenantId, site_id: SiteId, heard_at: datetime, settles_at: datetime | None
) -> None:
    """Write a site's first word. Another's that came at the same time stays."""
    session.connection().execute(
        text(
            "insert into order_feed (tenant_id, site_id, heard_at, settles_at)"
            " values (:tenant_id, :site_id, :heard_at, :settles_at) on conflict (tenant_id, site_id) do nothing"
        ),
        {"tenant_id": tenant_id, "site_id": site_id, "heard_at": heard_at, "settles_at": settles_at},
    )
