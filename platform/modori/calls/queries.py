"""Every query and lock about call tasks and calls. Locks: episode, lead, contact points, touch, then task, then call.

Leases are compared by the database's clock, `now()`; what is due by the caller's, which a demo may move.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, select

from modori.calls.model import Call, CallState, CallTask, CallTaskState
from modori.kernel.errors import NotFound
from modori.kernel.ids import TenantId

_ORDER = "is_callback desc, value_minor desc nulls last, made_at, call_task_id"
"""Callbacks that are due first, then the dearest cart, then who has waited longest."""


def get_touch_for_task(session: Session, *, tenant_id: TenantId, touch_id: UUID) -> Row[Any]:
    """Read what a call task copies of its touch and its lead. raises NotFound"""
    row = (
        session.connection()
        .execute(
            text(
                "select t.touch_id, t.lead_id, t.site_id, t.contact_point_id, l.value_minor, l.currency from touch t"
                " join lead l on l.tenant_id = t.tenant_id and l.lead_id = t.lead_id"
                " where t.tenant_id = :tenant_id and t.touch_id = :touch_id"
            ),
            {"tenant_id": tenant_id, "touch_id": touch_id},
        )
        .one_or_none()
    )
    if row is None:
        raise NotFound("There is no such touch.")
    return row


def insert_task(session: Session, task: CallTask) -> bool:
    """Insert a task unless the lead has an open one. False: it had."""
    made = session.connection().execute(
        insert(CallTask)
        .values(task.model_dump())
        .on_conflict_do_nothing(
            index_elements=["tenant_id", "lead_id"], index_where=text("state in ('waiting', 'claimed')")
        )
        .returning(col(CallTask.call_task_id))
    )
    return made.one_or_none() is not None


def get_task(session: Session, *, tenant_id: TenantId, task_id: UUID) -> CallTask:
    """Read one task without a lock. raises NotFound"""
    found = session.get(CallTask, (tenant_id, task_id), populate_existing=True)
    if found is None:
        raise NotFound("There is no such call task.")
    return found


def lock_task(session: Session, *, tenant_id: TenantId, task_id: UUID) -> CallTask:
    """Lock one task. raises NotFound"""
    found = session.exec(
        select(CallTask)
        .where(CallTask.tenant_id == tenant_id, CallTask.call_task_id == task_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise NotFound("There is no such call task.")
    return found


def find_open_task_of_touch(session: Session, *, tenant_id: TenantId, touch_id: UUID) -> CallTask | None:
    return session.exec(
        select(CallTask).where(
            CallTask.tenant_id == tenant_id,
            CallTask.touch_id == touch_id,
            col(CallTask.state).in_([CallTaskState.WAITING, CallTaskState.CLAIMED]),
        )
    ).one_or_none()


def find_task_of_user(session: Session, *, tenant_id: TenantId, user_id: UUID) -> CallTask | None:
    """Find what an operator has on the desk, of this tenant."""
    return session.exec(
        select(CallTask).where(
            CallTask.tenant_id == tenant_id,
            CallTask.claimed_by == user_id,
            CallTask.state == CallTaskState.CLAIMED,
        )
    ).one_or_none()


_FREE = """
  (k.state = 'waiting' or (k.state = 'claimed' and (k.claimed_until < now() or k.claimed_by = :user_id)))
  and not exists (select 1 from call c where c.tenant_id = k.tenant_id and c.call_task_id = k.call_task_id
    and c.user_id <> :user_id and c.disposed_at is null
    and ((c.state = 'dialling' and c.dialled_at > now() - interval '5 minutes')
      or (c.state = 'talking' and c.dialled_at > now() - interval '2 hours')))
"""
"""A task that nobody else holds: a conversation keeps it even where the lease has run out."""

_CLAIM = """
update call_task t set state = 'claimed', claimed_by = :user_id, claimed_at = now(),
  claimed_until = now() + make_interval(secs => :lease_s)
where t.tenant_id = :tenant_id and t.call_task_id = (
  select k.call_task_id from call_task k where k.tenant_id = :tenant_id and {wanted} for update skip locked limit 1)
returning t.call_task_id
"""
_CLAIM_ONE = text(_CLAIM.format(wanted=f"k.call_task_id = :task_id and {_FREE}"))
_CLAIM_NEXT = text(
    _CLAIM.format(wanted="k.state = 'waiting' and k.due_at <= :now").replace(
        " for update skip locked", f" order by {_ORDER} for update skip locked"
    )
)


def claim_task(session: Session, *, tenant_id: TenantId, task_id: UUID, user_id: UUID, lease_s: int) -> bool:
    """Claim one task in one statement. False: somebody else holds it, or it has ended."""
    claimed = session.connection().execute(
        _CLAIM_ONE, {"tenant_id": tenant_id, "task_id": task_id, "user_id": user_id, "lease_s": lease_s}
    )
    return claimed.one_or_none() is not None


def claim_next_task(
    session: Session, *, tenant_id: TenantId, user_id: UUID, lease_s: int, now: datetime
) -> UUID | None:
    """Claim the first task of a tenant's queue in one statement. None: nothing waits."""
    claimed = session.connection().execute(
        _CLAIM_NEXT,
        {"tenant_id": tenant_id, "user_id": user_id, "lease_s": lease_s, "now": now},
    )
    found: UUID | None = claimed.scalar_one_or_none()
    return found


def renew_lease(session: Session, *, tenant_id: TenantId, task_id: UUID, user_id: UUID, lease_s: int) -> bool:
    """Prolong a claim. False: it is no longer this operator's."""
    renewed = session.connection().execute(
        text(
            "update call_task set claimed_until = now() + make_interval(secs => :lease_s)"
            " where tenant_id = :tenant_id and call_task_id = :task_id and state = 'claimed' and claimed_by = :user_id"
        ),
        {"tenant_id": tenant_id, "task_id": task_id, "user_id": user_id, "lease_s": lease_s},
    )
    return bool(renewed.rowcount)


def give_back(session: Session, *, tenant_id: TenantId, task_id: UUID, user_id: UUID) -> bool:
    """Return a claimed task to the queue. False: it is no longer this operator's."""
    returned = session.connection().execute(
        text(
            "update call_task set state = 'waiting', claimed_by = null, claimed_at = null, claimed_until = null"
            " where tenant_id = :tenant_id and call_task_id = :task_id and state = 'claimed' and claimed_by = :user_id"
        ),
        {"tenant_id": tenant_id, "task_id": task_id, "user_id": user_id},
    )
    return bool(returned.rowcount)


def release_expired_claims(session: Session, *, tenant_id: TenantId, user_id: UUID | None = None) -> list[UUID]:
    """Return a tenant's claims whose lease ran out to the queue, all or one operator's; not during a conversation."""
    rows = session.connection().execute(
        text(
            "update call_task k set state = 'waiting', claimed_by = null, claimed_at = null, claimed_until = null"
            " where k.tenant_id = :tenant_id and k.state = 'claimed' and k.claimed_until < now()"
            " and (cast(:user_id as uuid) is null or k.claimed_by = :user_id)"
            " and not exists (select 1 from call c where c.tenant_id = k.tenant_id"
            "   and c.call_task_id = k.call_task_id and c.disposed_at is null"
            "   and ((c.state = 'dialling' and c.dialled_at > now() - interval '5 minutes')"
            "     or (c.state = 'talking' and c.dialled_at > now() - interval '2 hours')))"
            " returning k.call_task_id"
        ),
        {"tenant_id": tenant_id, "user_id": user_id},
    )
    return list(rows.scalars())


def cancel_tasks(session: Session, *, tenant_id: TenantId, lead_id: UUID, because: str, now: datetime) -> list[UUID]:
    """Cancel a lead's open tasks, under the caller's lock of the lead."""
    rows = session.connection().execute(
        text(
            "update call_task set state = 'cancelled', ended_at = :now, ended_because = :because, claimed_by = null,"
            " claimed_until = null where tenant_id = :tenant_id and lead_id = :lead_id"
            " and state in ('waiting', 'claimed') returning call_task_id"
        ),
        {"tenant_id": tenant_id, "lead_id": lead_id, "because": because, "now": now},
    )
    return list(rows.scalars())


def list_queue(
    session: Session, *, tenant_ids: Sequence[TenantId], now: datetime, per_tenant: int = 50, limit: int = 50
) -> list[Row[Any]]:
    """List who waits for an operator, in the order of the queue, over the tenants that the operator sees.

    Lateral per tenant, so that each uses its own index. Rows: tenant_id, call_task_id, lead_id, site_id, due_at,
    is_callback, value_minor, currency, made_at.
    """
    rows = session.connection().execute(
        text(
            "select q.* from unnest(cast(:tenants as uuid[])) as n(tenant_id) cross join lateral ("  # noqa: S608
            " select k.tenant_id, k.call_task_id, k.lead_id, k.site_id, k.due_at, k.is_callback, k.value_minor,"
            " k.currency, k.made_at from call_task k"
            " where k.tenant_id = n.tenant_id and k.state = 'waiting' and k.due_at <= :now"
            f" order by {_ORDER} limit :per_tenant) q order by {_ORDER} limit :limit"
        ),
        {"tenants": list(tenant_ids), "now": now, "per_tenant": per_tenant, "limit": limit},
    )
    return list(rows)


def insert_call(session: Session, call: Call) -> None:
    session.add(call)
    session.flush()


def get_call(session: Session, *, tenant_id: TenantId, call_id: UUID) -> Call:
    """Read one call without a lock. raises NotFound"""
    found = session.get(Call, (tenant_id, call_id), populate_existing=True)
    if found is None:
        raise NotFound("There is no such call.")
    return found


def lock_call(session: Session, *, tenant_id: TenantId, call_id: UUID) -> Call:
    """Lock one call. raises NotFound"""
    found = session.exec(
        select(Call)
        .where(Call.tenant_id == tenant_id, Call.call_id == call_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise NotFound("There is no such call.")
    return found


def lock_last_call(session: Session, *, tenant_id: TenantId, task_id: UUID) -> Call | None:
    """Lock the newest dial of a task that the gate allowed."""
    return session.exec(
        select(Call)
        .where(Call.tenant_id == tenant_id, Call.call_task_id == task_id, Call.state != CallState.REFUSED)
        .order_by(col(Call.dialled_at).desc(), col(Call.call_id).desc())
        .limit(1)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()


def get_desk_terms(session: Session, *, tenant_id: TenantId, task_id: UUID) -> Row[Any]:
    """Read what a call to this person must obey and say: zone, hours, dial gap, dials in all, the seller and its goods.

    raises  NotFound
    """
    row = (
        session.connection()
        .execute(
            text(
                "select coalesce(p.timezone, s.timezone) as timezone, s.country, s.hours,"
                " greatest(s.dial_gap_s, a.dial_gap_s) as dial_gap_s,"
                " least(s.dials_per_lead, a.dials_per_lead) as dials_per_lead,"
                " n.voice_from, n.sender_name, n.sender_name_en, n.goods_kind, n.goods_kind_en,"
                " c.kind, c.value_index, l.episode_id"
                " from call_task k join site s on s.tenant_id = k.tenant_id and s.site_id = k.site_id"
                " join tenant n on n.tenant_id = k.tenant_id join agency a on true"
                " join lead l on l.tenant_id = k.tenant_id and l.lead_id = k.lead_id"
                " join person p on p.tenant_id = l.tenant_id and p.person_id = l.person_id"
                " join contact_point c on c.tenant_id = k.tenant_id and c.contact_point_id = k.contact_point_id"
                " where k.tenant_id = :tenant_id and k.call_task_id = :task_id"
            ),
            {"tenant_id": tenant_id, "task_id": task_id},
        )
        .one_or_none()
    )
    if row is None:
        raise NotFound("There is no such call task.")
    return row


# ---- over all tenants, for the scan role


def list_tenants_with_expired_claims(session: Session) -> list[UUID]:
    """List the tenants of claims whose lease has run out. Cross-tenant."""
    rows = session.connection().execute(
        text("select distinct tenant_id from call_task where state = 'claimed' and claimed_until < now() order by 1")
    )
    return list(rows.scalars())


def forget_notes(session: Session, *, tenant_id: TenantId, contact_point_id: UUID) -> int:
    """Drop what operators noted about calls to a contact point; the calls stay on record."""
    forgotten = session.connection().execute(
        text("update call set note = null where tenant_id = :t and contact_point_id = :id and note is not null"),
        {"t": tenant_id, "id": contact_point_id},
    )
    return int(forgotten.rowcount)
