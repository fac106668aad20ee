"""The operators' queue over several tenants, lateral per tenant, and the call panel of one lead."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session

from modori.calls.model import CallState, CallTaskState, Disposition
from modori.kernel.ids import LeadId, TenantId, UserId
from modori.reports.opening import masked_name
from modori.storage.db import ReadSession

COUNTED_UP_TO = 500


@dataclass(frozen=True, slots=True)
class QueueRow:
    """Somebody who waits for a call, or whom the reader has claimed.

    is_stopped  the site or its client has been stopped: a dial would be refused
    """

    tenant_id: TenantId
    call_task_id: UUID
    lead_id: LeadId
    site_name: str
    is_stopped: bool
    person: str | None
    masked: str
    value_minor: int | None
    currency: str | None
    first_item: str | None
    items: int
    due_at: datetime
    is_callback: bool
    is_mine: bool
    dials: int


@dataclass(frozen=True, slots=True)
class CallPanel:
    """The call task of a lead and its newest dial: what an operator works with.

    openings   as in Call.openings of the newest dial
    is_mine    the reader holds the claim
    claimed_by name of who holds it
    """

    call_task_id: UUID
    state: CallTaskState
    due_at: datetime
    touch_id: UUID
    is_due: bool
    is_callback: bool
    is_mine: bool
    claimed_by: str | None
    masked: str
    step_id: UUID
    call_id: UUID | None
    call_state: CallState | None
    dialled_at: datetime | None
    bridged_at: datetime | None
    ended_at: datetime | None
    talk_s: int | None
    openings: dict[str, Any]
    disposition: Disposition | None
    dials: int


# The page is cut first, and `offset 0` keeps each look-up behind it whole: over thousands of clients the planner takes
# one client's rows for a single one, and would read all its leads, people and episodes for each line of the page.
_QUEUE = """
select k.*, s.name as site_name,
  s.sending_stopped_at is not null or tn.sending_stopped_at is not null as is_stopped,
  cp.masked, p.person_id, p.name as sealed_name,
  e.items -> 0 ->> 'name' as first_item, jsonb_array_length(e.items) as items,
  (select count(*) from call c where c.tenant_id = k.tenant_id and c.call_task_id = k.call_task_id) as dials
from (
  select w.*, false as is_mine from unnest(cast(:tenants as uuid[])) as mine(tenant_id)
  cross join lateral (
    select t.tenant_id, t.call_task_id, t.lead_id, t.site_id, t.contact_point_id, t.value_minor, t.currency, t.due_at,
      t.made_at, t.is_callback from call_task t
    where t.tenant_id = mine.tenant_id and t.state = 'waiting' and t.due_at <= :now
    order by t.is_callback desc, t.value_minor desc nulls last, t.made_at, t.call_task_id limit :limit
  ) w
  union all
  select t.tenant_id, t.call_task_id, t.lead_id, t.site_id, t.contact_point_id, t.value_minor, t.currency, t.due_at,
    t.made_at, t.is_callback, true
  from unnest(cast(:tenants as uuid[])) as mine(tenant_id)
  join call_task t on t.tenant_id = mine.tenant_id and t.state = 'claimed' and t.claimed_by = :user_id
  order by is_mine desc, is_callback desc, value_minor desc nulls last, made_at, call_task_id limit :limit
) k
join lateral (select name, sending_stopped_at from site
  where tenant_id = k.tenant_id and site_id = k.site_id offset 0) s on true
join lateral (select sending_stopped_at from tenant where tenant_id = k.tenant_id offset 0) tn on true
join lateral (select masked from contact_point
  where tenant_id = k.tenant_id and contact_point_id = k.contact_point_id offset 0) cp on true
join lateral (select person_id, episode_id from lead
  where tenant_id = k.tenant_id and lead_id = k.lead_id offset 0) l on true
join lateral (select person_id, name from person
  where tenant_id = k.tenant_id and person_id = l.person_id offset 0) p on true
join lateral (select items from episode
  where tenant_id = k.tenant_id and episode_id = l.episode_id offset 0) e on true
order by k.is_mine desc, k.is_callback desc, k.value_minor desc nulls last, k.made_at, k.call_task_id
"""


def list_queue(
    session: ReadSession, *, tenant_ids: Sequence[TenantId], user_id: UserId, now: datetime, limit: int = 50
) -> list[QueueRow]:
    """List who is to be called, the reader's own claim first, in the order in which "next" takes them."""
    rows = session.connection().execute(
        text(_QUEUE), {"tenants": list(tenant_ids), "user_id": user_id, "now": now, "limit": limit}
    )
    return [
        QueueRow(
            tenant_id=row.tenant_id,
            call_task_id=row.call_task_id,
            lead_id=row.lead_id,
            site_name=row.site_name,
            is_stopped=row.is_stopped,
            person=masked_name(session, tenant_id=row.tenant_id, person_id=row.person_id, sealed=row.sealed_name),
            masked=row.masked,
            value_minor=row.value_minor,
            currency=row.currency,
            first_item=row.first_item,
            items=row.items,
            due_at=row.due_at,
            is_callback=row.is_callback,
            is_mine=row.is_mine,
            dials=row.dials,
        )
        for row in rows.all()
    ]


def count_waiting(session: ReadSession, *, tenant_ids: Sequence[TenantId], now: datetime) -> int:
    """Count who waits, up to COUNTED_UP_TO per tenant: beyond that the number helps nobody."""
    counted = session.connection().execute(
        text(
            "select coalesce(sum(w.waiting), 0) from unnest(cast(:tenants as uuid[])) as mine(tenant_id)"
            " cross join lateral (select count(*) as waiting from (select 1 from call_task t"
            "   where t.tenant_id = mine.tenant_id and t.state = 'waiting' and t.due_at <= :now limit :most) f) w"
        ),
        {"tenants": list(tenant_ids), "most": COUNTED_UP_TO, "now": now},
    )
    return int(counted.scalar_one())


_PANEL = """
select t.call_task_id, t.state, t.due_at, t.touch_id, t.due_at <= :now as is_due, t.is_callback,
  t.state = 'claimed' and t.claimed_by = :user_id as is_mine,
  case when t.state = 'claimed' then u.name end as claimed_by,
  cp.masked, h.step_id, c.call_id, c.state as call_state, c.dialled_at, c.bridged_at, c.ended_at, c.talk_s,
  coalesce(c.openings, '{}'::jsonb) as openings, c.disposition,
  (select count(*) from call d where d.tenant_id = t.tenant_id and d.lead_id = t.lead_id) as dials
from call_task t
join touch h on h.tenant_id = t.tenant_id and h.touch_id = t.touch_id
join contact_point cp on cp.tenant_id = t.tenant_id and cp.contact_point_id = t.contact_point_id
left join user_account u on u.user_id = t.claimed_by
left join lateral (
  select * from call c where c.tenant_id = t.tenant_id and c.call_task_id = t.call_task_id
  order by c.dialled_at desc limit 1
) c on true
where t.tenant_id = :tenant_id and t.lead_id = :lead_id
order by t.state in ('waiting', 'claimed') desc, t.made_at desc limit 1
"""


def find_call_panel(
    session: Session, *, tenant_id: TenantId, lead_id: LeadId, user_id: UserId, now: datetime
) -> CallPanel | None:
    """Find the open call task of a lead, or its last one; None where it never had one."""
    row = (
        session.connection()
        .execute(text(_PANEL), {"tenant_id": tenant_id, "lead_id": lead_id, "user_id": user_id, "now": now})
        .mappings()
        .one_or_none()
    )
    if row is None:
        return None
    given = dict(row)
    given["state"] = CallTaskState(given["state"])
    given["call_state"] = None if given["call_state"] is None else CallState(given["call_state"])
    given["disposition"] = None if given["disposition"] is None else Disposition(given["disposition"])
    return CallPanel(**given)
