"""Everything that happened to one lead: one statement over every room's tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from modori.channels.links import without_tokens
from modori.kernel.ids import LeadId, TenantId
from modori.reports.opening import open_field
from modori.storage.db import ReadSession

MOST_ENTRIES = 400


@dataclass(frozen=True, slots=True)
class Happened:
    """One thing that happened. `facts` are the row's columns; sealed ones are opened into subject and content."""

    at: datetime
    kind: str
    row_id: UUID
    facts: Mapping[str, Any]
    subject: str | None = None
    content: str | None = None


_TIMELINE = """
with of_lead as (
  select l.* from lead l where l.tenant_id = :tenant_id and l.lead_id = :lead_id
), points as (
  select cp.contact_point_id, cp.kind, cp.value_index, cp.masked from lead_contact lc
  join contact_point cp using (tenant_id, contact_point_id)
  where lc.tenant_id = :tenant_id and lc.lead_id = :lead_id
), happened as (
  select v.at, 'event' as kind, v.event_id as row_id,
    jsonb_build_object('type', v.type, 'page_url', v.page_url, 'page_title', v.page_title, 'times', v.times,
      'items', v.body -> 'items', 'last_field', v.body -> 'last_field', 'order', v.body -> 'id') as facts,
    null::bytea as subject, null::bytea as content
  from of_lead l cross join lateral (
    select distinct on (e.type, e.page_url, e.body) e.*,
      count(*) over (partition by e.type, e.page_url, e.body) as times
    from event e where e.tenant_id = l.tenant_id and e.episode_id = l.episode_id and e.type <> 'consent'
    order by e.type, e.page_url, e.body, e.at limit 100) v
  union all
  select e.abandoned_at, 'abandoned', e.episode_id, '{}'::jsonb, null, null
  from of_lead l join episode e using (tenant_id, episode_id) where e.abandoned_at is not null
  union all
  select l.made_at, 'lead', l.lead_id,
    jsonb_build_object('arm', l.arm, 'holdout_pct', l.holdout_pct, 'held_reason', l.held_reason,
      'scenario', (select s.name from scenario s where s.tenant_id = l.tenant_id and s.scenario_id = l.scenario_id)),
    null, null
  from of_lead l
  union all
  select l.ended_at, 'lead_ended', l.lead_id, jsonb_build_object('state', l.state, 'ended_by', l.ended_by), null, null
  from of_lead l where l.ended_at is not null
  union all
  select c.given_at, 'consent', c.consent_id,
    jsonb_build_object('channel', c.channel, 'granted', c.granted, 'text', c.text, 'control', c.control,
      'page_url', c.page_url, 'source', c.source, 'text_hash', encode(c.text_hash, 'hex')), null, null
  from consent c where c.tenant_id = :tenant_id and (c.episode_id = (select episode_id from of_lead)
    or c.contact_point_id in (select contact_point_id from points))
  union all
  select coalesce(t.final_at, t.due_at), 'touch', t.touch_id,
    jsonb_build_object('state', t.state, 'channel', t.channel, 'purpose', t.purpose, 'step', t.step_number,
      'due_at', t.due_at, 'first_due_at', t.first_due_at, 'deferred_because', t.deferred_because, 'reason', t.reason,
      'is_open', t.final_at is null), null, null
  from touch t where t.tenant_id = :tenant_id and t.lead_id = :lead_id
    and (t.final_at is null or t.state in ('denied', 'cancelled', 'failed'))
  union all
  select r.judged_at, 'receipt', r.receipt_id,
    jsonb_build_object('subject', r.subject, 'verdict', r.verdict, 'reason', r.reason, 'until_at', r.until_at,
      'facts', r.facts, 'policy', r.policy, 'step', t.step_number, 'channel', t.channel), null, null
  from touch t join receipt r using (tenant_id, touch_id) where t.tenant_id = :tenant_id and t.lead_id = :lead_id
  union all
  select d.begun_at, 'delivery', d.delivery_id,
    jsonb_build_object('channel', d.channel, 'state', d.state, 'code', d.code, 'evidence', d.evidence,
      'report', d.report,
      'parts', d.parts, 'cost_minor', d.cost_minor, 'to', cp.masked, 'provider_ref', d.provider_ref,
      'recorded_at', d.recorded_at, 'step', t.step_number), d.subject, d.content
  from delivery d join touch t using (tenant_id, touch_id)
  join contact_point cp on cp.tenant_id = d.tenant_id and cp.contact_point_id = d.contact_point_id
  where d.tenant_id = :tenant_id and d.lead_id = :lead_id
  union all
  select r.received_at, 'report', r.report_id,
    jsonb_build_object('status', r.status, 'code', r.code, 'channel', d.channel), null, null
  from delivery d join delivery_report r using (tenant_id, delivery_id)
  where d.tenant_id = :tenant_id and d.lead_id = :lead_id
  union all
  select k.clicked_at, 'click', k.click_id,
    jsonb_build_object('channel', n.channel, 'link', n.kind, 'suspect', k.suspect, 'confirmed_at', k.confirmed_at),
    null, null
  from click k join link n using (tenant_id, link_id) where k.tenant_id = :tenant_id and k.lead_id = :lead_id
  union all
  select c.dialled_at, 'call', c.call_id,
    jsonb_build_object('state', c.state, 'user', u.name, 'bridged_at', c.bridged_at, 'talk_s', c.talk_s,
      'openings', c.openings, 'disposition', c.disposition, 'disposed_at', c.disposed_at, 'callback_at', c.callback_at),
    null, c.note
  from call c left join user_account u on u.user_id = c.user_id where c.tenant_id = :tenant_id and c.lead_id = :lead_id
  union all
  select s.recorded_at, 'stop', s.stop_id,
    jsonb_build_object('effect', s.effect, 'via', s.via, 'reason', s.reason, 'source', s.source, 'to', p.masked),
    null, null
  from points p join stop s on s.tenant_id = :tenant_id and s.kind = p.kind and s.value_index = p.value_index
  union all
  select y.received_at, 'reply', y.reply_id, jsonb_build_object('effect', y.effect, 'from', p.masked), null, y.content
  from points p join reply y on y.tenant_id = :tenant_id and y.contact_point_id = p.contact_point_id
  union all
  select o.placed_at, 'order', o.order_id,
    jsonb_build_object('external_id', o.external_id, 'source', o.source, 'value_minor', o.value_minor,
      'currency', o.currency, 'proven_at', o.proven_at, 'reversed_minor', o.reversed_minor), null, null
  from purchase_order o where o.tenant_id = :tenant_id
    and o.matched @> jsonb_build_array(jsonb_build_object('episode_id', (select episode_id from of_lead)))
    and o.placed_at >= (select e.started_at - interval '1 day' from of_lead join episode e
      using (tenant_id, episode_id))
  union all
  select v.recorded_at, 'reversal', v.reversal_id,
    jsonb_build_object('reason', v.reason, 'value_minor', v.value_minor, 'currency', o.currency,
      'order', o.external_id), null, null
  from result t join reversal v on v.tenant_id = t.tenant_id and v.order_id = t.order_id
  join purchase_order o on o.tenant_id = t.tenant_id and o.order_id = t.order_id
  where t.tenant_id = :tenant_id and t.lead_id = :lead_id
  union all
  select t.made_at, 'result', t.result_id,
    jsonb_build_object('state', t.state, 'basis', t.basis, 'value_minor', t.value_minor, 'fee_minor', t.fee_minor,
      'currency', t.currency, 'hold_until', t.hold_until), null, null
  from result t where t.tenant_id = :tenant_id and t.lead_id = :lead_id
  union all
  select a.at, 'audit', a.audit_id, jsonb_build_object('action', a.action, 'user', u.name, 'detail', a.detail),
    null, null
  from audit_entry a left join user_account u on u.user_id = a.user_id
  where a.tenant_id = :tenant_id and a.subject_kind = 'lead' and a.subject_id = cast(:lead_id as text)
)
select * from happened order by at desc, row_id desc limit :most
"""

_SEALED = {
    "delivery": ("delivery", "subject", "content"),
    "call": ("call", "", "note"),
    "reply": ("reply", "", "content"),
}


def list_happened(session: ReadSession, *, tenant_id: TenantId, lead_id: LeadId) -> list[Happened]:
    """List what happened to a lead, newest first; what is planned stands at its due time.

    The tokens of tracked links are blotted out: a click by one of us would bill, and a stop would be nobody's wish.
    """
    rows = session.connection().execute(
        text(_TIMELINE), {"tenant_id": tenant_id, "lead_id": lead_id, "most": MOST_ENTRIES}
    )
    found = []
    for row in rows.all():
        table, subject, content = _SEALED.get(row.kind, ("", "", ""))

        def opened(column: str, sealed: bytes | None, table: str = table, row_id: UUID = row.row_id) -> str | None:
            field = open_field(session, tenant_id=tenant_id, table=table, column=column, row=row_id, sealed=sealed)
            return None if field is None else without_tokens(field)

        facts = row.facts
        if page_url := facts.get("page_url"):
            facts = {**facts, "page_url": without_tokens(page_url)}
        found.append(
            Happened(row.at, row.kind, row.row_id, facts, opened(subject, row.subject), opened(content, row.content))
        )
    return found
