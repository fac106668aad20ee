"""Read the ledgers afterwards: our tables as the superuser sees them, and the sandbox's accepted.jsonl."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg
from psycopg.rows import dict_row, namedtuple_row

from modori.sandbox.ledger import iter_lines
from tests.chaos.crowd import Memory
from tests.chaos.judge import Accepted, Clause, DeliveryRow, LeadRow, Ledgers, TouchRow, Violation, judge

TOUCHES = """
select t.touch_id, t.state, t.due_at, t.first_due_at, t.deferred_because,
  exists (select 1 from call_task k where k.tenant_id = t.tenant_id and k.touch_id = t.touch_id) as has_task
from touch t where t.tenant_id = %(tenant)s
"""

DELIVERIES = """
select d.delivery_id, d.touch_id, e.visitor, c.kind || ':' || encode(c.value_index, 'hex') as address, d.state,
  d.begun_at, coalesce(pg_xact_commit_timestamp(r.xmin), 'infinity') as committed_at, d.call_id
from delivery d
join receipt r on r.tenant_id = d.tenant_id and r.receipt_id = d.receipt_id
join lead l on l.tenant_id = d.tenant_id and l.lead_id = d.lead_id
join episode e on e.tenant_id = l.tenant_id and e.episode_id = l.episode_id
join contact_point c on c.tenant_id = d.tenant_id and c.contact_point_id = d.contact_point_id
where d.tenant_id = %(tenant)s
"""
"""A receipt is written by begin and never changed, so its xmin is begin's own transaction."""

LEADS = """
select e.visitor,
  (select count(*) from touch t where t.tenant_id = l.tenant_id and t.lead_id = l.lead_id) as touches,
  exists (select 1 from work w join promise p on p.tenant_id = w.tenant_id and p.promise_id = w.promise_id
    where w.tenant_id = l.tenant_id and w.state = 'quarantined' and p.key = 'made:' || l.lead_id) as is_quarantined
from lead l join episode e on e.tenant_id = l.tenant_id and e.episode_id = l.episode_id
where l.tenant_id = %(tenant)s
union all
select e.visitor, 0, true
from episode e where e.tenant_id = %(tenant)s
  and not exists (select 1 from lead l where l.tenant_id = e.tenant_id and l.episode_id = e.episode_id)
  and exists (select 1 from work w join promise p on p.tenant_id = w.tenant_id and p.promise_id = w.promise_id
    where w.tenant_id = e.tenant_id and w.state = 'quarantined'
    and p.topic = 'episode.abandoned' and p.payload ->> 'episode_id' = e.episode_id::text)
"""

UNFINISHED = """
select 'promise ' || topic as name from promise where tenant_id = %(tenant)s and relayed_at is null
union all
select subscriber from work where tenant_id = %(tenant)s and state = 'waiting'
"""


def read_ledgers(database_url: str, *, tenant: UUID, accepted: Path, memory: Memory) -> Ledgers:
    """Read everything in one snapshot. The cluster must run with track_commit_timestamp."""
    key = {"tenant": tenant}
    with psycopg.connect(database_url, row_factory=namedtuple_row) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        run = connection.execute
        [(read_at,)] = run("select now()").fetchall()
        with memory.lock:
            known = (tuple(memory.acknowledged), frozenset(memory.left), frozenset(memory.events))
        return Ledgers(
            read_at=read_at,
            touches=tuple(TouchRow(**row._asdict()) for row in run(TOUCHES, key)),
            deliveries=tuple(DeliveryRow(**row._asdict()) for row in run(DELIVERIES, key)),
            accepted=tuple(_read_accepted(accepted)),
            acknowledged=known[0],
            leads=tuple(LeadRow(**row._asdict()) for row in run(LEADS, key)),
            abandoned=known[1],
            events_acknowledged=known[2],
            events_stored=frozenset(
                event_id for (event_id,) in run("select event_id from event where tenant_id = %(tenant)s", key)
            ),
            unfinished=tuple(name for (name,) in run(UNFINISHED, key)),
        )


@dataclass(frozen=True)
class Case:
    """Where one run's ledgers are."""

    database_url: str
    tenant: UUID
    accepted: Path
    memory: Memory

    def judge(self) -> tuple[Ledgers, list[Violation]]:
        ledgers = read_ledgers(self.database_url, tenant=self.tenant, accepted=self.accepted, memory=self.memory)
        return ledgers, judge(ledgers)

    def explain(self, violations: Sequence[Violation]) -> str:
        """Say what was found, and what stands about whom it concerns."""
        forgotten = [one.what for one in violations if one.clause is Clause.FORGOTTEN]
        lines = [f"{one.clause}: {one.what}" for one in violations[:20]]
        return "\n".join((*lines, *explain_forgotten(self.database_url, tenant=self.tenant, visitors=forgotten)))


def describe(ledgers: Ledgers) -> str:
    """Say in a few lines what happened."""
    touches = Counter(touch.state for touch in ledgers.touches)
    deliveries = Counter(f"{one.state}" for one in ledgers.deliveries)
    taken = Counter(line.channel for line in ledgers.accepted)
    quarantined = sum(lead.is_quarantined for lead in ledgers.leads)
    return "\n".join(
        (
            f"leads {len(ledgers.leads) - quarantined} (and {quarantined} given up), touches {dict(touches)}",
            f"deliveries {dict(deliveries)}, accepted by the world {dict(taken)}",
            f"events acknowledged {len(ledgers.events_acknowledged)}, stored {len(ledgers.events_stored)};"
            f" orders and stops acknowledged {len(ledgers.acknowledged)}",
        )
    )


FORGOTTEN = """
select e.visitor, e.state, e.settled_reason, e.person_id is not null as has_person, e.items <> '[]' as has_items,
  e.started_at, e.last_activity_at, e.abandoned_at, e.due_at, now() as read_at,
  (select string_agg(p.topic || ' relayed ' || coalesce(p.relayed_at::text, 'never') || ' '
     || coalesce((select string_agg(w.state || ' ' || w.claims || ' ' || coalesce(w.last_error, ''), ', ') from work w
        where w.tenant_id = p.tenant_id and w.promise_id = p.promise_id), 'no work'), '; ')
   from promise p where p.tenant_id = e.tenant_id and p.payload ->> 'episode_id' = e.episode_id::text) as promises
from episode e where e.tenant_id = %(tenant)s and e.visitor = any(%(visitors)s)
"""


def explain_forgotten(database_url: str, *, tenant: UUID, visitors: list[str]) -> list[str]:
    """Show what stands about people who have no plan: for whoever must find out why."""
    with psycopg.connect(database_url, row_factory=dict_row) as connection:
        rows = connection.execute(FORGOTTEN, {"tenant": tenant, "visitors": visitors}).fetchall()
    return [", ".join(f"{name} {value}" for name, value in row.items()) for row in rows]


def _read_accepted(path: Path) -> list[Accepted]:
    found = []
    for line in iter_lines(path):
        try:
            delivery_id = UUID(line["delivery_id"])
        except (TypeError, ValueError):
            delivery_id = None
        found.append(Accepted(line["channel"], delivery_id))
    return found
