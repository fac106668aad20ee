"""Every query and lock of sending. Locks go in the order of G2: episode, lead, contact points, touch, budgets."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlmodel import Session

from modori.kernel.errors import NotFound
from modori.kernel.ids import TenantId, new_id
from modori.sending.model import Delivery, Touch


class TouchRef(NamedTuple):
    """Where a touch hangs: what begin must lock, in this order."""

    episode_id: UUID
    lead_id: UUID
    contact_point_ids: tuple[UUID, ...]


class DueTouch(NamedTuple):
    """A touch that a scheduler has just claimed."""

    tenant_id: UUID
    touch_id: UUID


class OpenDelivery(NamedTuple):
    """A delivery that the scan role found past its deadline, or unknown."""

    tenant_id: UUID
    delivery_id: UUID


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
      n.order_feed_max_age_s, n.order_feed_seen_at, n.monthly_spend_limit_minor,
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


class PlatformCounts(NamedTuple):
    messages_week: int
    first_messages_day: int


def lock_platform_budget(session: Session, *, platform_index: bytes, today_on: date) -> PlatformCounts:
    """Lock a contact point's budget over all tenants and read it. Cross-tenant, by keyed hash only."""
    row = (
        session.connection()
        .execute(
            text("select messages_week, first_messages_day from lock_platform_budget(:index, :today)"),
            {"index": platform_index, "today": today_on},
        )
        .one()
    )
    return PlatformCounts(int(row.messages_week), int(row.first_messages_day))


def spend_platform_budget(session: Session, *, platform_index: bytes, today_on: date, is_first: bool) -> None:
    session.connection().execute(
        text("select spend_platform_budget(:index, :today, :first)"),
        {"index": platform_index, "today": today_on, "first": is_first},
    )


def refund_platform_budget(session: Session, *, platform_index: bytes, day_on: date, is_first: bool) -> None:
    session.connection().execute(
        text("select refund_platform_budget(:index, :day, :first)"),
        {"index": platform_index, "day": day_on, "first": is_first},
    )


def lock_spend(session: Session, *, tenant_id: TenantId, month_on: date) -> int:
    """Lock the client's month and return what it has spent, minor units."""
    session.connection().execute(
        text("insert into spend (tenant_id, month_on, spent_minor) values (:t, :m, 0) on conflict do nothing"),
        {"t": tenant_id, "m": month_on},
    )
    row = session.connection().execute(
        text("select spent_minor from spend where tenant_id = :t and month_on = :m for no key update"),
        {"t": tenant_id, "m": month_on},
    )
    return int(row.scalar_one())


def add_spend(session: Session, *, tenant_id: TenantId, month_on: date, minor: int) -> None:
    """Add to (or, negative, give back to) the client's month."""
    session.connection().execute(
        text("update spend set spent_minor = spent_minor + :minor where tenant_id = :t and month_on = :m"),
        {"t": tenant_id, "m": month_on, "minor": minor},
    )


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


def set_delivery(session: Session, *, tenant_id: TenantId, delivery_id: UUID, **columns: Any) -> None:
    """Write some columns of one locked delivery. `columns` are names of the table's own, never a caller's words."""
    assignments = ", ".join(f"{name} = :{name}" for name in columns)
    session.connection().execute(
        text(
            f"update delivery set {assignments} where tenant_id = :tenant_id and delivery_id = :delivery_id"  # noqa: S608
        ),
        {"tenant_id": tenant_id, "delivery_id": delivery_id, **columns},
    )


LockedDelivery = Row[Any]
"""A delivery with its touch's state and its contact point's indexes, both rows locked."""


def lock_delivery_with_touch(session: Session, *, tenant_id: TenantId, delivery_id: UUID) -> LockedDelivery:
    """Lock the touch of a delivery, then the delivery, and return both. raises NotFound

    The contact point is not locked: the caller locks it before this where it means to write to it.
    """
    key = {"tenant_id": tenant_id, "delivery_id": delivery_id}
    run = session.connection().execute
    run(
        text(
            "select 1 from touch t where t.tenant_id = :tenant_id and t.touch_id = (select touch_id from delivery"
            " where tenant_id = :tenant_id and delivery_id = :delivery_id) for no key update"
        ),
        key,
    )
    row = run(
        text(
            "select d.delivery_id, d.touch_id, d.call_id, d.lead_id, d.channel, d.contact_point_id, d.state, d.report,"
            " d.begun_at, d.cost_minor, d.provider_ref, t.state as touch_state, t.attempts, t.site_id,"
            " c.kind, c.value_index, c.platform_index,"
            " (select (r.facts ->> 'messages_of_lead')::int = 0 from receipt r"
            "  where r.tenant_id = d.tenant_id and r.receipt_id = d.receipt_id) as is_first"
            " from delivery d join touch t on t.tenant_id = d.tenant_id and t.touch_id = d.touch_id"
            " join contact_point c on c.tenant_id = d.tenant_id and c.contact_point_id = d.contact_point_id"
            " where d.tenant_id = :tenant_id and d.delivery_id = :delivery_id for no key update of d"
        ),
        key,
    ).one_or_none()
    if row is None:
        raise NotFound("there is no such delivery")
    return row


def list_delivered_to(session: Session, *, tenant_id: TenantId, contact_point_ids: Sequence[UUID]) -> list[UUID]:
    """Return those of some contact points that something has reached, or may have (G3)."""
    rows = session.connection().execute(
        text(
            "select distinct contact_point_id from delivery where tenant_id = :tenant_id"
            " and contact_point_id = any(:ids) and state <> 'not_sent' order by contact_point_id"
        ),
        {"tenant_id": tenant_id, "ids": list(contact_point_ids)},
    )
    return list(rows.scalars())


def find_delivery_of_call(session: Session, *, tenant_id: TenantId, call_id: UUID) -> UUID | None:
    """Find the dial's delivery that is not certain to have failed."""
    row = session.connection().execute(
        text(
            "select delivery_id from delivery where tenant_id = :tenant_id and call_id = :call_id"
            " and state <> 'not_sent'"
        ),
        {"tenant_id": tenant_id, "call_id": call_id},
    )
    found: UUID | None = row.scalar_one_or_none()
    return found


def find_delivery_of_touch(session: Session, *, tenant_id: TenantId, touch_id: UUID) -> UUID | None:
    """Find a message's delivery that is not certain to have failed."""
    row = session.connection().execute(
        text(
            "select delivery_id from delivery where tenant_id = :tenant_id and touch_id = :touch_id"
            " and call_id is null and state <> 'not_sent'"
        ),
        {"tenant_id": tenant_id, "touch_id": touch_id},
    )
    found: UUID | None = row.scalar_one_or_none()
    return found


def insert_touch(session: Session, touch: Touch) -> None:
    """Insert one planned touch unless its step is planned for the lead already."""
    session.connection().execute(
        insert(Touch)
        .values(touch.model_dump())
        .on_conflict_do_nothing(index_elements=["tenant_id", "lead_id", "step_id"])
    )


def insert_delivery(session: Session, delivery: Delivery) -> None:
    """Insert one delivery as `sending`. A second one for the same touch breaks the unique index."""
    session.connection().execute(insert(Delivery).values(delivery.model_dump()))


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


def mark_contact_dead(
    session: Session, *, tenant_id: TenantId, contact_point_id: UUID, reason: str, now: datetime
) -> None:
    session.connection().execute(
        text(
            "update contact_point set dead_at = :now, dead_reason = :reason"
            " where tenant_id = :t and contact_point_id = :id and dead_at is null"
        ),
        {"t": tenant_id, "id": contact_point_id, "reason": reason, "now": now},
    )


def mark_takes_no_sms(session: Session, *, tenant_id: TenantId, contact_point_id: UUID) -> None:
    """Note that a number is no mobile, whatever its digits look like: calls still reach it."""
    session.connection().execute(
        text(
            "update contact_point set is_mobile = false"
            " where tenant_id = :t and contact_point_id = :id and kind = 'phone'"
        ),
        {"t": tenant_id, "id": contact_point_id},
    )


def lock_around_delivery(session: Session, *, tenant_id: TenantId, delivery_id: UUID) -> None:
    """Lock everything that begin locks, for an answer that marks the contact point and may end the lead (G2).

    raises  NotFound
    """
    row = session.connection().execute(
        text("select touch_id from delivery where tenant_id = :t and delivery_id = :id"),
        {"t": tenant_id, "id": delivery_id},
    )
    touch_id: UUID | None = row.scalar_one_or_none()
    if touch_id is None:
        raise NotFound("there is no such delivery")
    ref = get_touch_ref(session, tenant_id=tenant_id, touch_id=touch_id)
    lock_for_begin(session, tenant_id=tenant_id, ref=ref, touch_id=touch_id)


def insert_report(
    session: Session, *, tenant_id: TenantId, delivery_id: UUID, status: str, code: str | None, now: datetime
) -> bool:
    """Store one word of the provider; False where this status was already known."""
    inserted = session.connection().execute(
        text(
            "insert into delivery_report (tenant_id, report_id, delivery_id, status, code, received_at)"
            " values (:tenant_id, :report_id, :delivery_id, :status, :code, :now)"
            " on conflict (tenant_id, delivery_id, status) do nothing"
        ),
        {
            "tenant_id": tenant_id,
            "report_id": new_id(),
            "delivery_id": delivery_id,
            "status": status,
            "code": code,
            "now": now,
        },
    )
    return bool(inserted.rowcount)


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


def forget_content(session: Session, *, tenant_id: TenantId, contact_point_id: UUID) -> int:
    """Drop what was written to a contact point; that something was, when and how it went stays on record."""
    forgotten = session.connection().execute(
        text(
            "update delivery set subject = null, content = null where tenant_id = :t and contact_point_id = :id"
            " and (subject is not null or content is not null)"
        ),
        {"t": tenant_id, "id": contact_point_id},
    )
    return int(forgotten.rowcount)


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


# ---- over all tenants, for the scan role: ids and due columns only


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


def list_overdue_deliveries(session: Session, *, limit: int = 500) -> list[OpenDelivery]:
    """List deliveries still `sending` past their deadline. Cross-tenant."""
    rows = session.connection().execute(
        text(
            "select tenant_id, delivery_id from delivery where state = 'sending' and deadline_at < now()"
            " order by deadline_at limit :limit"
        ),
        {"limit": limit},
    )
    return [OpenDelivery(*row) for row in rows]


def list_unknown_deliveries(
    session: Session, *, recheck_s: int, give_up_s: int, limit: int = 200
) -> list[OpenDelivery]:
    """List unknown deliveries that the provider was not asked about lately. Cross-tenant."""
    rows = session.connection().execute(
        text(
            "select tenant_id, delivery_id from delivery where state = 'unknown'"
            " and begun_at > now() - make_interval(secs => :give_up_s)"
            " and (checked_at is null or checked_at < now() - make_interval(secs => :recheck_s))"
            " order by begun_at limit :limit"
        ),
        {"recheck_s": recheck_s, "give_up_s": give_up_s, "limit": limit},
    )
    return [OpenDelivery(*row) for row in rows]


def purge_platform_budget(session: Session, *, keep_days: int) -> None:
    """Delete old rows of the caps over all tenants, by the owner's function. Cross-tenant."""
    session.connection().execute(text("select purge_platform_budget(:days)"), {"days": keep_days})
