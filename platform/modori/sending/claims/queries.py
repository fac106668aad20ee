"""Queries of claiming, over all tenants, for the scan role: ids and due columns only."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session


class DueTouch(NamedTuple):
    """A touch that a scheduler has just claimed."""

    tenant_id: UUID
    touch_id: UUID


def claim_due_touches(session: Session, *, per_tenant: int, most_claimed: int) -> list[DueTouch]:
    """Claim due touches of every tenant, fairly: the oldest of each first, at most `per_tenant` of one (G12).

    Cross-tenant. `most_claimed` bounds what is claimed and not begun at any time, so that a backlog waits in the
    plan, where every tenant has its turn, and not in the messenger.
    """
    rows = session.connection().execute(
        text(
            """
            with room as (
              select greatest(:most_claimed - count(*), 0) as free from touch where state = 'claimed'
            ), taken as (
              select d.tenant_id, d.touch_id from tenant n cross join lateral (
                select o.tenant_id, o.touch_id, row_number() over (order by o.due_at) as turn from (
                  select t.tenant_id, t.touch_id, t.due_at from touch t
                  where t.tenant_id = n.tenant_id and t.state = 'planned' and t.due_at <= now()
                  order by t.due_at limit least(:per_tenant, (select free from room)) for update skip locked
                ) o
              ) d order by d.turn limit (select free from room)
            ), listed as (
              -- Unnested, so that the planner expects few and updates by primary key: of a limit that it cannot
              -- foresee it expects a tenth of the table, and reads all of it.
              select array_agg(tenant_id) as tenant_ids, array_agg(touch_id) as touch_ids from taken
            )
            update touch t set state = 'claimed', claimed_at = now()
            from listed, unnest(listed.tenant_ids, listed.touch_ids) as one(tenant_id, touch_id)
            where t.tenant_id = one.tenant_id and t.touch_id = one.touch_id
            returning t.tenant_id, t.touch_id
            """
        ),
        {"per_tenant": per_tenant, "most_claimed": most_claimed},
    )
    return [DueTouch(*row) for row in rows]


def find_next_due_at(session: Session) -> datetime | None:
    """Return when the next planned touch of any tenant will be due: how long the scheduler may sleep. Cross-tenant."""
    row = session.connection().execute(text("select min(due_at) from touch where state = 'planned' and due_at > now()"))
    next_due: datetime | None = row.scalar_one()
    return next_due


def release_stale_claims(session: Session, *, lease_s: int) -> int:
    """Give claims that nobody has worked on back to the plan. Cross-tenant; returns how many."""
    released = session.connection().execute(
        text(
            "update touch set state = 'planned', claimed_at = null where (tenant_id, touch_id) in ("
            " select tenant_id, touch_id from touch where state = 'claimed'"
            " and claimed_at < now() - make_interval(secs => :lease_s) limit 1000 for update skip locked)"
        ),
        {"lease_s": lease_s},
    )
    return int(released.rowcount)
