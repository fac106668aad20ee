"""Queries and locks of touches, and what the gate reads. Locks go in the order of G2: episode, lead, contact points,
touch, budgets."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlmodel import Session

from modori.kernel.errors import NotFound
from modori.kernel.ids import TenantId, new_id
from modori.sending.model import Touch


class TouchRef(NamedTuple):
    """Where a touch hangs: what begin must lock, in this order."""

    episode_id: UUID
    lead_id: UUID
    contact_point_ids: tuple[UUID, ...]


def get_touch_ref(session: Session, *, tenant_id: TenantId, touch_id: UUID) -> TouchRef:
    """Read what to lock, without a lock. raises NotFound"""
    row = (
        session.connection()
        .execute(
            text(
                "select t.episode_id, t.lead_id, array(select c.contact_point_id from lead_contact c"
                " where c.tenant_id = t.tenant_id and c.lead_id = t.lead_id order by 1) as points"
                " from touch t where t.tenant_id = :tenant_id and t.touch_id = :touch_id"
            ),
            {"tenant_id": tenant_id, "touch_id": touch_id},
        )
        .one_or_none()
    )
    if row is None:
        raise NotFound("there is no such touch")
    return TouchRef(row.episode_id, row.lead_id, tuple(row.points))


def lock_for_begin(session: Session, *, tenant_id: TenantId, ref: TouchRef, touch_id: UUID) -> None:
    """Lock episode, lead, contact points by id, and the touch, one after the other (G2)."""
    run = session.connection().execute
    run(
        text("select 1 from episode where tenant_id = :t and episode_id = :id for no key update"),
        {"t": tenant_id, "id": ref.episode_id},
    )
    run(
        text("select 1 from lead where tenant_id = :t and lead_id = :id for no key update"),
        {"t": tenant_id, "id": ref.lead_id},
    )
    run(
        text(
            "select 1 from contact_point where tenant_id = :t and contact_point_id = any(:ids)"
            " order by contact_point_id for no key update"
        ),
        {"t": tenant_id, "ids": list(ref.contact_point_ids)},
    )
    run(
        text("select 1 from touch where tenant_id = :t and touch_id = :id for no key update"),
        {"t": tenant_id, "id": touch_id},
    )


GATE_FACTS = text(
    """
    select t.state, t.channel, t.purpose, t.first_due_at, t.approved, t.attempts, t.step_number, t.site_id,
      t.deferred_because, t.last_receipt_id,
      (select o.facts -> 'switches' from receipt o where o.tenant_id = t.tenant_id and o.receipt_id = t.last_receipt_id)
        as told_switches,
      t.contact_point_id, t.lead_id, t.episode_id,
      l.state as lead_state, l.arm,
      e.started_at, e.last_activity_at, e.ordered_at, e.items, e.cart_minor, e.currency,
      c.kind, c.value_index, c.platform_index, c.dead_at, c.erased_at, c.is_mobile,
      exists (select 1 from episode_contact k where k.tenant_id = t.tenant_id and k.episode_id = t.episode_id
        and k.contact_point_id = t.contact_point_id) as contact_in_episode,
      (select max(p.last_ordered_at) from lead_contact k join contact_point p
         on p.tenant_id = k.tenant_id and p.contact_point_id = k.contact_point_id
       where k.tenant_id = t.tenant_id and k.lead_id = t.lead_id) as contact_ordered_at,
      array(select p.kind || ':' || encode(p.value_index, 'hex') from lead_contact k join contact_point p
         on p.tenant_id = k.tenant_id and p.contact_point_id = k.contact_point_id
       where k.tenant_id = t.tenant_id and k.lead_id = t.lead_id order by 1) as lead_values,
      coalesce(r.timezone, s.timezone) as timezone,
      s.country, s.hours, s.abandon_after_s, s.messages_per_lead, s.touch_max_age_s,
      greatest(s.message_gap_s, a.message_gap_s) as message_gap_s, greatest(s.dial_gap_s, a.dial_gap_s) as dial_gap_s,
      least(s.first_messages_per_contact_day, a.first_messages_per_contact_day) as first_messages_per_contact_day,
      least(s.messages_per_contact_week, a.messages_per_contact_week) as messages_per_contact_week,
      least(s.dials_per_day, a.dials_per_day) as dials_per_day,
      least(s.dials_per_lead, a.dials_per_lead) as dials_per_lead,
      s.quarantine_until, s.quarantine_daily_cap, s.capture_mode, s.notice_text is not null as has_notice,
      case when s.has_order_feed then n.order_feed_max_age_s end as order_feed_max_age_s,
      f.heard_at as order_feed_seen_at, f.settles_at as order_feed_settles_at,
      a.sending_stopped_at as agency_stopped, n.sending_stopped_at as tenant_stopped,
      s.sending_stopped_at as site_stopped,
      exists (select 1 from kill_switch w where w.tenant_id = t.tenant_id and w.released_at is null
        and (w.channel is null or w.channel = t.channel)) as channel_stopped,
      exists (select 1 from agency_kill_switch w where w.released_at is null and w.channel = t.channel)
        as channel_stopped_everywhere
    from touch t
    join lead l on l.tenant_id = t.tenant_id and l.lead_id = t.lead_id
    join episode e on e.tenant_id = t.tenant_id and e.episode_id = t.episode_id
    join contact_point c on c.tenant_id = t.tenant_id and c.contact_point_id = t.contact_point_id
    join person r on r.tenant_id = l.tenant_id and r.person_id = l.person_id
    join site s on s.tenant_id = t.tenant_id and s.site_id = t.site_id
    join tenant n on n.tenant_id = t.tenant_id
    left join order_feed f on f.tenant_id = t.tenant_id and f.site_id = t.site_id
    join agency a on true
    where t.tenant_id = :tenant_id and t.touch_id = :touch_id
    """
)


def get_gate_row(session: Session, *, tenant_id: TenantId, touch_id: UUID) -> Row[Any]:
    """Read, under the locks, one row with everything of the gate that is not counted."""
    return session.connection().execute(GATE_FACTS, {"tenant_id": tenant_id, "touch_id": touch_id}).one()


class Counts(NamedTuple):
    """How often the people behind a lead have heard from this client."""

    messages_of_lead: int
    last_message_at: datetime | None
    dials_of_lead: int
    dials_today: int
    last_dial_at: datetime | None


def count_contacts(session: Session, *, tenant_id: TenantId, lead_id: UUID, now: datetime) -> Counts:
    """Count deliveries that may have reached the lead's people; only not_sent ones are certain not to have."""
    row = (
        session.connection()
        .execute(
            text(
                """
                select
                  count(*) filter (where d.channel <> 'call' and d.lead_id = :lead_id) as messages,
                  max(d.begun_at) filter (where d.channel <> 'call') as last_message_at,
                  count(*) filter (where d.channel = 'call' and d.lead_id = :lead_id) as dials,
                  count(*) filter (where d.channel = 'call' and d.begun_at > :now - interval '24 hours') as dials_today,
                  max(d.begun_at) filter (where d.channel = 'call') as last_dial_at
                from delivery d
                where d.tenant_id = :tenant_id and d.state <> 'not_sent'
                  and d.begun_at > :now - interval '90 days'
                  and d.contact_point_id in (select contact_point_id from lead_contact
                    where tenant_id = :tenant_id and lead_id = :lead_id)
                """
            ),
            {"tenant_id": tenant_id, "lead_id": lead_id, "now": now},
        )
        .one()
    )
    return Counts(*row)


def count_quarantine_messages(session: Session, *, tenant_id: TenantId, site_id: UUID, now: datetime) -> int:
    """Count the last 24 hours' messages of a site: asked only while it is in quarantine."""
    row = session.connection().execute(
        text(
            "select count(*) from delivery d join touch t on t.tenant_id = d.tenant_id and t.touch_id = d.touch_id"
            " where d.tenant_id = :tenant_id and t.site_id = :site_id and d.state <> 'not_sent'"
            " and d.channel <> 'call' and d.begun_at > :now - interval '24 hours'"
        ),
        {"tenant_id": tenant_id, "site_id": site_id, "now": now},
    )
    return int(row.scalar_one())


_INSERT_RECEIPT = text(
    "insert into receipt (tenant_id, receipt_id, subject, touch_id, call_id, judged_at, verdict, reason, until_at,"
    " facts, policy) values (:tenant_id, :receipt_id, :subject, :touch_id, :call_id, :judged_at, :verdict, :reason,"
    " :until_at, :facts, :policy)"
).bindparams(bindparam("facts", type_=JSONB), bindparam("policy", type_=JSONB))


def insert_receipt(session: Session, **row: Any) -> UUID:
    """Store the gate's answer. `row` names every column but receipt_id."""
    receipt_id = new_id()
    session.connection().execute(_INSERT_RECEIPT, {"receipt_id": receipt_id, **row})
    return receipt_id


def set_touch(session: Session, *, tenant_id: TenantId, touch_id: UUID, **columns: Any) -> None:
    """Write some columns of one locked touch. `columns` are names of the table's own, never a caller's words."""
    assignments = ", ".join(f"{name} = :{name}" for name in columns)
    session.connection().execute(
        text(f"update touch set {assignments} where tenant_id = :tenant_id and touch_id = :touch_id"),  # noqa: S608
        {"tenant_id": tenant_id, "touch_id": touch_id, **columns},
    )


def insert_touch(session: Session, touch: Touch) -> None:
    """Insert one planned touch unless its step is planned for the lead already."""
    session.connection().execute(
        insert(Touch)
        .values(touch.model_dump())
        .on_conflict_do_nothing(index_elements=["tenant_id", "lead_id", "step_id"])
    )


def lock_touch_state(session: Session, *, tenant_id: TenantId, touch_id: UUID) -> str:
    """Lock one touch and return its state. raises NotFound"""
    row = session.connection().execute(
        text("select state from touch where tenant_id = :t and touch_id = :id for no key update"),
        {"t": tenant_id, "id": touch_id},
    )
    state: str | None = row.scalar_one_or_none()
    if state is None:
        raise NotFound("there is no such touch")
    return state


def lock_touch_attempts(session: Session, *, tenant_id: TenantId, touch_id: UUID) -> tuple[str, int]:
    """Lock one touch and return its state and attempts. raises NotFound"""
    row = (
        session.connection()
        .execute(
            text("select state, attempts from touch where tenant_id = :t and touch_id = :id for no key update"),
            {"t": tenant_id, "id": touch_id},
        )
        .one_or_none()
    )
    if row is None:
        raise NotFound("there is no such touch")
    return row.state, row.attempts


def list_touches_of_lead(session: Session, *, tenant_id: TenantId, lead_id: UUID) -> Sequence[Row[Any]]:
    """List a lead's touches by step: id, step, channel, state."""
    return (
        session.connection()
        .execute(
            text(
                "select touch_id, step_number, channel, state, due_at from touch"
                " where tenant_id = :tenant_id and lead_id = :lead_id order by step_number limit 100"
            ),
            {"tenant_id": tenant_id, "lead_id": lead_id},
        )
        .all()
    )


def cancel_touches(session: Session, *, tenant_id: TenantId, lead_id: UUID, because: str, now: datetime) -> int:
    """Cancel what has not begun, under the caller's lock of the lead. Returns how many."""
    cancelled = session.connection().execute(
        text(
            "update touch set state = 'cancelled', reason = :because, final_at = :now"
            " where tenant_id = :tenant_id and lead_id = :lead_id and state in ('planned', 'claimed', 'queued')"
        ),
        {"tenant_id": tenant_id, "lead_id": lead_id, "because": because, "now": now},
    )
    return int(cancelled.rowcount)
