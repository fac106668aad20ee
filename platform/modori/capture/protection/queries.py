"""What protection counts."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from uuid import UUID, uuid5

from psycopg.types.json import Jsonb
from sqlalchemy import text
from sqlmodel import Session

from modori.capture.model import LeakKind
from modori.kernel.ids import SiteId, TenantId
from modori.kernel.masking import DOTS

MOST_FIELDS_A_DAY = 200
"""Names of fields that are counted apart per site and day: a caller may invent any number."""


def count_leaks(
    session: Session,
    *,
    tenant_id: TenantId,
    site_id: SiteId,
    leaked_on: date,
    leaks: Mapping[UUID, tuple[LeakKind, str]],
) -> None:
    """Add to what a site's browsers sent although they never may: how often, of which kind, in which field.

    leaks  by the ids of the events: a request that is sent again counts once. The ids themselves are not remembered,
           since whoever mends an event may send it by the same one, but ids made of them
    """
    rows = [
        {"seen_as": str(uuid5(event_id, "leak")), "kind": kind.value, "field": field}
        for event_id, (kind, field) in leaks.items()
    ]
    session.connection().execute(
        text(
            "with seen as (insert into event_seen (tenant_id, event_id, seen_on)"
            " select :tenant_id, one.seen_as, :leaked_on from jsonb_to_recordset(:leaks) as one(seen_as uuid)"
            " order by one.seen_as on conflict do nothing returning event_id)"
            " insert into capture_leak (tenant_id, site_id, leaked_on, kind, field, count)"
            " select :tenant_id, :site_id, :leaked_on, one.kind, named.field, count(*)"
            " from jsonb_to_recordset(:leaks) as one(seen_as uuid, kind text, field text)"
            " join seen on seen.event_id = one.seen_as cross join lateral (select case"
            "  when exists (select 1 from capture_leak l where l.tenant_id = :tenant_id and l.site_id = :site_id"
            "   and l.leaked_on = :leaked_on and l.kind = one.kind and l.field = one.field)"
            "  or (select count(*) from capture_leak l where l.tenant_id = :tenant_id and l.site_id = :site_id"
            "   and l.leaked_on = :leaked_on) < :most then one.field else :others end as field) named"
            " group by one.kind, named.field order by one.kind, named.field"
            " on conflict (tenant_id, site_id, leaked_on, kind, field)"
            " do update set count = capture_leak.count + excluded.count"
        ),
        {
            "tenant_id": tenant_id,
            "site_id": site_id,
            "leaked_on": leaked_on,
            "leaks": Jsonb(rows),
            "most": MOST_FIELDS_A_DAY,
            "others": DOTS,
        },
    )


def count_lookalikes(
    session: Session, *, tenant_id: TenantId, site_id: SiteId, prefixes: Sequence[bytes], now: datetime
) -> int:
    """Add one new contact point to each of what it shares with others, and return the largest of the hour's counts.

    prefixes  keyed hashes, one for each new contact point that shares it; in their order rows are locked
    """
    counted = session.connection().execute(
        text(
            "with counted as (insert into prefix_velocity (tenant_id, site_id, prefix_index, hour_at, new_points)"
            " select :tenant_id, :site_id, decode(one, 'hex'), date_trunc('hour', cast(:now as timestamptz)), count(*)"
            " from jsonb_array_elements_text(:prefixes) as one group by one order by one"
            " on conflict (tenant_id, site_id, prefix_index, hour_at)"
            " do update set new_points = prefix_velocity.new_points + excluded.new_points returning new_points)"
            " select coalesce(max(new_points), 0) from counted"
        ),
        {
            "tenant_id": tenant_id,
            "site_id": site_id,
            "prefixes": Jsonb([one.hex() for one in prefixes]),
            "now": now,
        },
    )
    return int(counted.scalar_one())


def delete_old_leaks(session: Session, *, tenant_id: TenantId, before: date) -> int:
    """Forget what was counted before a day: names of fields, which somebody may have made up. Returns how many rows."""
    gone = session.connection().execute(
        text("delete from capture_leak where tenant_id = :tenant_id and leaked_on < :before"),
        {"tenant_id": tenant_id, "before": before},
    )
    return int(gone.rowcount)


def delete_old_lookalikes(session: Session, *, tenant_id: TenantId, before: datetime) -> int:
    """Forget the hourly counts from before an instant. Returns how many rows."""
    gone = session.connection().execute(
        text("delete from prefix_velocity where tenant_id = :tenant_id and hour_at < :before"),
        {"tenant_id": tenant_id, "before": before},
    )
    return int(gone.rowcount)
