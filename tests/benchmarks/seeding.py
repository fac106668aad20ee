"""Rows by the hundred thousand, loaded behind row security: what years of work would have left in the tables.

The loader is the superuser with triggers off for its session: foreign keys hold, and are not looked up row by row.
"""

from typing import Any, Final

import psycopg

from modori.kernel.ids import new_id
from modori.storage import crypto, db
from tests.benchmarks.ground import Place
from tests.world import TenantWorld

Loading = psycopg.Connection[tuple[Any, ...]]

_LEADS: Final = (
    "create temporary table if not exists bench_lead (tenant_id uuid, site_id uuid, number int, person_id uuid,"
    " contact_point_id uuid, episode_id uuid, lead_id uuid, made_at timestamptz)",
    "truncate bench_lead",
    "insert into bench_lead select %(tenant_id)s, %(site_id)s, n, uuidv7(), uuidv7(), uuidv7(), uuidv7(),"
    " now() - n * interval '1 minute' from generate_series(1, %(count)s) n",
    "insert into person (tenant_id, person_id, made_at) select tenant_id, person_id, made_at from bench_lead",
    "insert into contact_point (tenant_id, contact_point_id, person_id, kind, value, value_index, platform_index,"
    " masked, is_mobile, made_at) select tenant_id, contact_point_id, person_id, 'phone', '\\x00',"
    " sha256(number::text::bytea), sha256(lead_id::text::bytea),"
    " '090••••' || lpad((number %% 10000)::text, 4, '0'), true, made_at from bench_lead",
    "insert into episode (tenant_id, episode_id, site_id, visitor, person_id, state, currency, cart_minor, items,"
    " started_at, last_activity_at, abandoned_at, settled_reason) select tenant_id, episode_id, site_id,"
    " 'visitor' || lpad(number::text, 9, '0'), person_id, 'abandoned', 'JPY', 980 + number %% 50000,"
    ' \'[{"id": "p1", "name": "鉄のフライパン 26cm", "price_minor": 4980, "quantity": 2},'
    ' {"id": "p2", "name": "木べら", "price_minor": 980, "quantity": 1}]\','
    " made_at, made_at, made_at, 'lead_made' from bench_lead",
    "insert into lead (tenant_id, lead_id, episode_id, site_id, person_id, state, arm, arm_draw, holdout_pct,"
    " value_minor, currency, made_at) select tenant_id, lead_id, episode_id, site_id, person_id, 'active',"
    " 'treated', 0.5, 0, 980 + number %% 50000, 'JPY', made_at from bench_lead",
    "insert into lead_contact (tenant_id, lead_id, contact_point_id, kind)"
    " select tenant_id, lead_id, contact_point_id, 'phone' from bench_lead",
)

_TOUCHES: Final = """
insert into touch (tenant_id, touch_id, lead_id, episode_id, site_id, scenario_version_id, step_id, step_number,
  channel, purpose, contact_point_id, state, planned_at, first_due_at, due_at, attempts, approved)
select l.tenant_id, uuidv7(), l.lead_id, l.episode_id, l.site_id, l.site_id, uuidv7(), step, %(channel)s, 'reminder',
  l.contact_point_id, %(state)s, l.made_at, due.at, due.at, 0, true
from bench_lead l cross join generate_series(1, %(each)s) step
cross join lateral (select now() - random() * interval '1 day' as at) due
"""

_TASKS: Final = """
insert into call_task (tenant_id, call_task_id, touch_id, lead_id, site_id, contact_point_id, state, due_at,
  is_callback, value_minor, currency, made_at)
select t.tenant_id, uuidv7(), t.touch_id, t.lead_id, t.site_id, t.contact_point_id, 'waiting', t.due_at,
  random() < 0.02, l.value_minor, l.currency, t.due_at
from touch t join lead l on l.tenant_id = t.tenant_id and l.lead_id = t.lead_id
where t.tenant_id = %(tenant_id)s order by random() limit %(count)s
"""


def loading(place: Place) -> Loading:
    """Open the loader's connection; commit is the caller's."""
    connection: Loading = psycopg.connect(place.superuser_url)
    connection.execute("set session_replication_role = replica")
    return connection


def load_leads(connection: Loading, site: TenantWorld, count: int) -> None:
    """Make active leads, each with its person, phone and abandoned cart; the temporary table bench_lead names them."""
    given = {"tenant_id": site.tenant_id, "site_id": site.site_id, "count": count}
    for statement in _LEADS:
        connection.execute(statement, given if "%" in statement else None)


def load_touches(connection: Loading, *, each: int, channel: str, state: str) -> None:
    """Plan `each` touches, due at some moment of the last day, for every lead of the last `load_leads`."""
    connection.execute(_TOUCHES, {"each": each, "channel": channel, "state": state})


def load_call_tasks(connection: Loading, site: TenantWorld, count: int) -> None:
    """Let `count` of the tenant's touches wait for an operator, with the person's name sealed as the product does."""
    connection.execute(_TASKS, {"tenant_id": site.tenant_id, "count": count})
    connection.execute("create temporary table if not exists bench_name (person_id uuid, name bytea)")
    connection.execute("truncate bench_name")
    people = connection.execute(
        "select l.person_id from call_task c join lead l on l.tenant_id = c.tenant_id and l.lead_id = c.lead_id"
        " where c.tenant_id = %s",
        (site.tenant_id,),
    ).fetchall()
    with (
        db.tenant_transaction(site.tenant_id) as session,
        connection.cursor().copy("copy bench_name from stdin") as copy,
    ):
        for (person_id,) in people:
            field = crypto.Field("person", "name", str(person_id))
            name = f"山田 {new_id().hex[-4:]}"
            copy.write_row((person_id, crypto.seal(session, site.tenant_id, field, name)))
    connection.execute(
        "update person p set name = b.name from bench_name b where p.tenant_id = %s and p.person_id = b.person_id",
        (site.tenant_id,),
    )


def analyse(place: Place) -> None:
    """Let the planner know what was loaded, as autovacuum would have."""
    with psycopg.connect(place.superuser_url, autocommit=True) as connection:
        connection.execute("vacuum analyze")
