"""Read the gate's facts under the locks, judge, and store the receipt."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlmodel import Session

from modori.kernel.digest import content_digest
from modori.kernel.ids import ReceiptId, TenantId, TouchId
from modori.people import queries as people
from modori.people.model import Channel, ContactKind
from modori.people.rules import CHANNELS_OF, StopFact, standing_stop
from modori.sending import queries
from modori.sending.budgets import queries as budgets
from modori.sending.model import TouchState
from modori.sending.rules import Allow, Defer, Deny, GateFacts, GatePolicy, Subject, Verdict, is_told, judge
from modori.tenants import queries as tenants
from modori.tenants.queries import Month
from modori.tenants.rules import notice_permits_calls, spend_month


@dataclass(frozen=True, slots=True)
class Judged:
    """The gate's answer with its receipt, and the row that it read: begin writes from it, under the same locks.

    cost_minor  in the client's currency. What has no price is spent by nobody: the gate lets it by only where there is
                no limit, and its receipt says so
    """

    verdict: Verdict
    receipt_id: ReceiptId
    row: Row[Any]
    is_first_message: bool
    cost_minor: int


def open_gate(
    session: Session,
    *,
    tenant_id: TenantId,
    touch_id: TouchId,
    subject: Subject,
    call_id: UUID | None = None,
    digest: bytes | None = None,
    costs: Mapping[str, int] | None = None,
    now: datetime,
) -> Judged | None:
    """Lock in G2's order, read, judge, and store the receipt, unless the step's last one tells it. raises NotFound

    digest      of the facts that the prepared content shows; None where nothing was prepared (a call)
    costs       in which currency it counts how much, minor units; it has a price in no other. None: it counts nothing
    returns     None, without a receipt, for a message or call step that is no longer claimed: another worker, an
                order or a stop came first
    """
    ref = queries.get_touch_ref(session, tenant_id=tenant_id, touch_id=touch_id)
    queries.lock_for_begin(session, tenant_id=tenant_id, ref=ref, touch_id=touch_id)
    row = queries.get_gate_row(session, tenant_id=tenant_id, touch_id=touch_id)
    if subject is Subject.TOUCH and row.state != TouchState.CLAIMED:
        return None
    facts, month = _read_facts(
        session, tenant_id=tenant_id, row=row, subject=subject, digest=digest, costs=costs, now=now
    )
    policy = _policy(row, month)
    verdict = judge(facts, policy, now=now)
    if is_told(
        verdict,
        switches=facts.switches,
        deferred_because=row.deferred_because,
        told_switches=row.told_switches or (),
    ):
        receipt_id = row.last_receipt_id
    else:
        receipt_id = queries.insert_receipt(
            session,
            tenant_id=tenant_id,
            subject=subject.value,
            touch_id=touch_id,
            call_id=call_id,
            judged_at=now,
            facts=_as_json(asdict(facts)),
            policy=_as_json(asdict(policy)),
            **_verdict_columns(verdict),
        )
    return Judged(
        verdict,
        ReceiptId(receipt_id),
        row,
        is_first_message=facts.messages_of_lead == 0,
        cost_minor=facts.cost_minor or 0,
    )


def _read_facts(
    session: Session,
    *,
    tenant_id: TenantId,
    row: Row[Any],
    subject: Subject,
    digest: bytes | None,
    costs: Mapping[str, int] | None,
    now: datetime,
) -> tuple[GateFacts, Month]:
    stop = _find_stop(session, tenant_id=tenant_id, row=row)
    consent = people.find_consent(
        session,
        tenant_id=tenant_id,
        channel=Channel(row.channel),
        episode_id=row.episode_id,
        contact_point_id=row.contact_point_id,
    )
    counts = queries.count_contacts(session, tenant_id=tenant_id, lead_id=row.lead_id, now=now)
    in_quarantine = row.quarantine_until is not None and now < row.quarantine_until
    sent_today = (
        queries.count_quarantine_messages(session, tenant_id=tenant_id, site_id=row.site_id, now=now)
        if in_quarantine
        else 0
    )
    platform = budgets.lock_platform_budget(
        session, platform_index=bytes(row.platform_index), today_on=platform_day(now)
    )
    month = tenants.lock_month(session, tenant_id=tenant_id, month_on=spend_month(now))
    switches = (
        ("agency", row.agency_stopped is not None),
        ("agency_channel", row.channel_stopped_everywhere),
        ("tenant", row.tenant_stopped is not None),
        ("site", row.site_stopped is not None),
        ("channel", row.channel_stopped),
    )
    facts = GateFacts(
        subject=subject,
        channel=row.channel,
        touch_state=row.state,
        lead_state=row.lead_state,
        arm=row.arm,
        episode_started_at=row.started_at,
        last_activity_at=row.last_activity_at,
        episode_ordered_at=row.ordered_at,
        contact_ordered_at=row.contact_ordered_at,
        stop_id=str(stop.stop_id) if stop else None,
        stop_reason=stop.reason if stop else None,
        erased_at=row.erased_at,
        contact_in_episode=row.contact_in_episode,
        dead_at=row.dead_at,
        is_mobile=row.is_mobile,
        consent_id=str(consent.consent_id) if consent else None,
        consent_granted=consent.granted if consent else None,
        consent_given_at=consent.given_at if consent else None,
        notice_shown=notice_permits_calls(row.capture_mode, has_text=row.has_notice),
        approved=row.approved,
        first_due_at=row.first_due_at,
        messages_of_lead=counts.messages_of_lead,
        last_message_at=counts.last_message_at,
        dials_of_lead=counts.dials_of_lead,
        dials_today=counts.dials_today,
        last_dial_at=counts.last_dial_at,
        contact_messages_week=platform.messages_week,
        contact_first_messages_day=platform.first_messages_day,
        timezone=row.timezone,
        order_feed_seen_at=row.order_feed_seen_at,
        order_feed_settles_at=row.order_feed_settles_at,
        content_is_true=digest is None or digest == content_digest(row.items, row.cart_minor, row.currency),
        spent_minor=month.spent_minor,
        cost_minor=0 if costs is None else costs.get(month.currency),
        quarantine_sent_today=sent_today,
        switches=tuple(name for name, is_engaged in switches if is_engaged),
    )
    return facts, month


def _find_stop(session: Session, *, tenant_id: TenantId, row: Row[Any]) -> StopFact | None:
    """Return a stop of the touch's own contact point, else of another one of the lead: one tap stops the whole lead.

    All of the lead's contact points are locked, so that what was stopped before is seen (G2, G5).
    """
    own = (ContactKind(row.kind), bytes(row.value_index))
    others = []
    for one in row.lead_values:
        kind, _, index = one.partition(":")
        others.append((ContactKind(kind), bytes.fromhex(index)))
    stops = people.list_stops(session, tenant_id=tenant_id, indexes=[own, *others])
    standing = (standing_stop(stops[key], channel) for key in [own, *others] for channel in sorted(CHANNELS_OF[key[0]]))
    return next((stop for stop in standing if stop is not None), None)


def _policy(row: Row[Any], month: Month) -> GatePolicy:
    return GatePolicy(
        country=row.country,
        hours=row.hours,
        abandon_after_s=row.abandon_after_s,
        messages_per_lead=row.messages_per_lead,
        message_gap_s=row.message_gap_s,
        first_messages_per_contact_day=row.first_messages_per_contact_day,
        messages_per_contact_week=row.messages_per_contact_week,
        dial_gap_s=row.dial_gap_s,
        dials_per_day=row.dials_per_day,
        dials_per_lead=row.dials_per_lead,
        touch_max_age_s=row.touch_max_age_s,
        order_feed_max_age_s=row.order_feed_max_age_s,
        currency=month.currency,
        monthly_spend_limit_minor=month.limit_minor,
        quarantine_until=row.quarantine_until,
        quarantine_daily_cap=row.quarantine_daily_cap,
    )


def _verdict_columns(verdict: Verdict) -> dict[str, Any]:
    match verdict:
        case Allow():
            return {"verdict": "allow", "reason": None, "until_at": None}
        case Deny(reason):
            return {"verdict": "deny", "reason": reason.value, "until_at": None}
        case Defer(until_at, reason):
            return {"verdict": "defer", "reason": reason.value, "until_at": until_at}


def _as_json(facts: dict[str, Any]) -> dict[str, Any]:
    """Write instants as ISO 8601: a receipt is read by people and by the replay, years later."""
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in facts.items()}


def platform_day(now: datetime) -> date:
    """The day by which contact caps over all tenants count: UTC."""
    return now.date()
