"""Every statement of a shared batch, over the tenants that the transaction is bound to.

Each takes its rows as one jsonb parameter, since what a list of parameters costs is Python's time, and answers a cursor
that is read once the pipeline has been filled. `i` is a row's number in the list that was given.
Lock order (G2): event ids in their order, all episodes by id, new episodes by visitor, contact points by id, visitors'
rows, addresses' and prefixes' counts. Two batches, or a batch and a request of its own, so wait for each other and not
in a circle.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson

from modori.storage.db import Plain
from modori.storage.pipelined import Answer

Rows = Sequence[dict[str, Any]]
Counted = tuple[str, int | None, UUID | None, UUID | None, str | None, bytes | None, int]
"""What a row counts, `i`, tenant_id, site_id, visitor, the address's or prefix's hash, how many."""

_VISITORS: Final = "jsonb_to_recordset(%s::jsonb) as n(i int, tenant_id uuid, site_id uuid, visitor text)"
_CURRENT: Final = (
    "cross join lateral (select e.tenant_id, e.episode_id, e.person_id from episode e"
    " where e.site_id = n.site_id and e.visitor = n.visitor and e.state in ('open', 'abandoned') limit 1)"
)
"""Finds the visitor's current episode, of which there is one at most. `limit 1` keeps the planner from another way.

A site is one client's, and row security bounds the clients: named here, too, the client would let the planner read all
of its episodes by another index, which looks as cheap while there are few.
"""


def insert_seen(connection: Plain, *, rows: Rows) -> Answer[tuple[int, list[str] | None]]:
    """Remember event ids, in their order (G1). One row: how many were not known; unless it was all, which they were.

    rows     {"tenant_id", "event_id", "seen_on"}
    returns  those that were not known as `tenant_id/event_id`; None: all, or none
    """
    return connection.execute(
        "with seen as (insert into event_seen (tenant_id, event_id, seen_on) select tenant_id, event_id, seen_on"
        " from jsonb_to_recordset(%s::jsonb) as n(tenant_id uuid, event_id uuid, seen_on date)"
        " order by tenant_id, event_id on conflict do nothing returning tenant_id, event_id)"
        " select count(*), case when count(*) < %s::int then array_agg(tenant_id || '/' || event_id) end from seen",
        (orjson.dumps(rows), str(len(rows))),
    )


def lock_current_episodes(connection: Plain, *, visitors: bytes) -> Answer[tuple[Any, ...]]:
    """Lock the visitors' current episodes in the order of their ids. Rows: `i`, then CurrentEpisode's fields."""
    return connection.execute(
        f"with found as materialized (select n.*, c.episode_id from {_VISITORS} {_CURRENT} as c"  # noqa: S608
        " order by c.tenant_id, c.episode_id) select found.i, e.* from found cross join lateral ("
        "select e.episode_id, e.person_id, e.items <> '[]'::jsonb, e.form_fields, e.settled_reason, e.held_reason,"
        " e.started_at, e.last_activity_at, e.cart_id, e.currency, e.cart_minor, e.cart_url, e.cart_at, e.form,"
        " e.form_progress, e.last_field, e.submitted_at, e.form_at, e.due_at from episode e"
        " where e.site_id = found.site_id and e.visitor = found.visitor and e.episode_id = found.episode_id"
        " and e.state in ('open', 'abandoned') for no key update) as e",
        (visitors,),
    )


def list_marks(connection: Plain, *, visitors: bytes) -> Answer[tuple[int, datetime | None, bool]]:
    """Read when the visitors last ordered, and whether one ever refused capture; those who did either.

    Read it under the episodes' locks.
    """
    return connection.execute(
        f"select n.i, v.last_ordered_at, v.has_refused from {_VISITORS} cross join lateral ("  # noqa: S608
        "select v.last_ordered_at, v.capture_refused_at is not null as has_refused from visitor v"
        " where v.tenant_id = n.tenant_id and v.site_id = n.site_id and v.visitor = n.visitor"
        " and (v.last_ordered_at is not null or v.capture_refused_at is not null) limit 1) as v",
        (visitors,),
    )


def list_attached(connection: Plain, *, visitors: bytes) -> Answer[tuple[int, UUID, str, bytes, str, datetime, bool]]:
    """Read the contact points of the visitors' locked current episodes, and whether the episode's person has a name."""
    return connection.execute(
        "select n.i, c.contact_point_id, c.kind, c.value_index, a.source, a.captured_at, coalesce((select"  # noqa: S608
        " p.name is not null from person p where p.tenant_id = e.tenant_id and p.person_id = e.person_id limit 1),"
        " false)"
        f" from {_VISITORS} {_CURRENT} as e cross join lateral ("
        "select a.contact_point_id, a.source, a.captured_at from episode_contact a"
        " where a.tenant_id = e.tenant_id and a.episode_id = e.episode_id offset 0) as a cross join lateral ("
        "select c.contact_point_id, c.kind, c.value_index from contact_point c"
        " where c.tenant_id = e.tenant_id and c.contact_point_id = a.contact_point_id limit 1) as c"
        " order by n.i, c.contact_point_id",
        (visitors,),
    )


def write_episodes(connection: Plain, *, rows: Rows) -> None:
    """Write the episodes that are locked back, and insert those that are new.

    rows    as `visits.episode_row` writes them; items that no newer cart brought, and form_fields that are null, stay
    raises  UniqueViolation, when it is waited for, where another transaction has opened an episode for the visitor
    """
    connection.execute(
        "insert into episode as e (tenant_id, episode_id, site_id, visitor, state, person_id, cart_id, currency,"
        " cart_minor, items, cart_url, cart_at, form, form_fields, form_progress, last_field, submitted_at, form_at,"
        " started_at, last_activity_at, due_at, settled_reason) select tenant_id, episode_id, site_id, visitor, 'open',"
        " person_id, cart_id, currency, cart_minor, items, cart_url, cart_at, form, decode(form_fields, 'hex'),"
        " form_progress, last_field, submitted_at, form_at, started_at, last_activity_at, due_at, settled_reason"
        " from jsonb_to_recordset(%s::jsonb) as n(is_new bool, tenant_id uuid, site_id uuid, visitor text,"
        " episode_id uuid, person_id uuid, cart_id text, currency text, cart_minor bigint, items jsonb, cart_url text,"
        " cart_at timestamptz, form text, form_fields text, form_progress float8, last_field text,"
        " submitted_at timestamptz, form_at timestamptz, started_at timestamptz, last_activity_at timestamptz,"
        " due_at timestamptz, settled_reason text) order by is_new, tenant_id, site_id, visitor"
        " on conflict (tenant_id, episode_id) do update set person_id = excluded.person_id, cart_id = excluded.cart_id,"
        " currency = excluded.currency, cart_minor = excluded.cart_minor,"
        " items = case when excluded.cart_at is distinct from e.cart_at then excluded.items else e.items end,"
        " cart_url = excluded.cart_url, cart_at = excluded.cart_at, form = excluded.form,"
        " form_fields = coalesce(excluded.form_fields, e.form_fields), form_progress = excluded.form_progress,"
        " last_field = excluded.last_field, submitted_at = excluded.submitted_at, form_at = excluded.form_at,"
        " started_at = excluded.started_at, last_activity_at = excluded.last_activity_at, due_at = excluded.due_at,"
        " settled_reason = excluded.settled_reason",
        (orjson.dumps(rows),),
    )


def hold_episodes(connection: Plain, *, rows: Rows) -> None:
    """Say why a lead of an episode waits, where nothing says so yet. rows: tenant_id, episode_id, reason"""
    connection.execute(
        "update episode e set held_reason = coalesce(e.held_reason, n.reason) from (select n.reason, f.* from"
        " jsonb_to_recordset(%s::jsonb) as n(tenant_id uuid, episode_id uuid, reason text) cross join lateral (select"
        " f.tenant_id, f.episode_id from episode f where f.tenant_id = n.tenant_id and f.episode_id = n.episode_id"
        " limit 1) as f) as n where e.tenant_id = n.tenant_id and e.episode_id = n.episode_id",
        (orjson.dumps(rows),),
    )


def count_contact_points(connection: Plain, *, brought: Rows) -> Answer[Counted]:
    """Count what visitors and addresses bring (RULES 36), those points that no episode of the visitor has held yet.

    brought  {"i", "tenant_id", "site_id", "visitor", "contact_point_id", "ip_index" (hex or null), "prefixes" (hex:
             what it shares with others that were made up in a row), "now"}
    rows     `new`: the `i` of each that was new to its visitor; then the counts that they have raised, as they are now:
             `visitor`'s of the day (UTC), `address`'s and `prefix`'s of the hour. Whose is whose is for the caller to
             say: joined here, each row would be looked for among all the others
    """
    return connection.execute(
        "with n as materialized (select b.*, decode(b.ip_index, 'hex') as ip from jsonb_to_recordset(%s::jsonb) as"
        " b(i int, tenant_id uuid, site_id uuid, visitor text, contact_point_id uuid, ip_index text, prefixes jsonb,"
        " now timestamptz)"
        " where not exists (select from episode_contact c join episode e on e.tenant_id = c.tenant_id"
        " and e.episode_id = c.episode_id where c.tenant_id = b.tenant_id and c.contact_point_id = b.contact_point_id"
        " and e.site_id = b.site_id and e.visitor = b.visitor)"
        "), v as (insert into visitor (tenant_id, site_id, visitor, contact_points_on, contact_points_count, made_at)"
        " select tenant_id, site_id, visitor, (min(now) at time zone 'UTC')::date, count(*), min(now) from n"
        " group by tenant_id, site_id, visitor order by tenant_id, site_id, visitor"
        " on conflict (tenant_id, site_id, visitor) do update set contact_points_on = excluded.contact_points_on,"
        " contact_points_count = excluded.contact_points_count + case when visitor.contact_points_on ="
        " excluded.contact_points_on then visitor.contact_points_count else 0 end"
        " returning tenant_id, site_id, visitor, contact_points_count"
        "), a as (insert into contact_velocity (tenant_id, site_id, ip_index, hour_at, new_points)"
        " select tenant_id, site_id, ip, date_trunc('hour', min(now)), count(*) from n where ip is not null"
        " group by tenant_id, site_id, ip order by tenant_id, site_id, ip"
        " on conflict (tenant_id, site_id, ip_index, hour_at)"
        " do update set new_points = contact_velocity.new_points + excluded.new_points"
        " returning tenant_id, site_id, ip_index, new_points"
        "), alike as (select n.tenant_id, n.site_id, decode(one, 'hex') as prefix_index, n.now"
        " from n cross join lateral jsonb_array_elements_text(n.prefixes) as one"
        "), p as (insert into prefix_velocity (tenant_id, site_id, prefix_index, hour_at, new_points)"
        " select tenant_id, site_id, prefix_index, date_trunc('hour', min(now)), count(*) from alike"
        " group by tenant_id, site_id, prefix_index order by tenant_id, site_id, prefix_index"
        " on conflict (tenant_id, site_id, prefix_index, hour_at)"
        " do update set new_points = prefix_velocity.new_points + excluded.new_points"
        " returning tenant_id, site_id, prefix_index, new_points"
        ") select 'new', i, null::uuid, null::uuid, null::text, null::bytea, 0::bigint from n"
        " union all select 'visitor', null, tenant_id, site_id, visitor, null, contact_points_count::bigint from v"
        " union all select 'address', null, tenant_id, site_id, null, ip_index, new_points::bigint from a"
        " union all select 'prefix', null, tenant_id, site_id, null, prefix_index, new_points::bigint from p",
        (orjson.dumps(brought),),
    )


def detach(connection: Plain, *, rows: Rows) -> None:
    """Take contact points off episodes that a correction of the same field has replaced."""
    connection.execute(
        "delete from episode_contact c using jsonb_to_recordset(%s::jsonb) as n(tenant_id uuid, episode_id uuid,"
        " contact_point_id uuid) where c.tenant_id = n.tenant_id and c.episode_id = n.episode_id"
        " and c.contact_point_id = n.contact_point_id",
        (orjson.dumps(rows),),
    )


def attach(connection: Plain, *, rows: Rows) -> None:
    """Attach contact points to episodes; one known there already keeps its first source."""
    connection.execute(
        "insert into episode_contact (tenant_id, episode_id, contact_point_id, source, captured_at)"
        " select tenant_id, episode_id, contact_point_id, source, captured_at from jsonb_to_recordset(%s::jsonb)"
        " as n(tenant_id uuid, episode_id uuid, contact_point_id uuid, source text, captured_at timestamptz)"
        " on conflict do nothing",
        (orjson.dumps(rows),),
    )


def insert_events(connection: Plain, *, rows: Rows) -> None:
    connection.execute(
        "insert into event (tenant_id, received_at, event_id, site_id, visitor, type, at, page_url, page_title, body,"
        " episode_id, mark) select tenant_id, received_at, event_id, site_id, visitor, type, at, page_url, page_title,"
        " body, episode_id, mark from jsonb_to_recordset(%s::jsonb) as n(tenant_id uuid, received_at timestamptz,"
        " event_id uuid, site_id uuid, visitor text, type text, at timestamptz, page_url text, page_title text,"
        " body jsonb, episode_id uuid, mark text)",
        (orjson.dumps(rows),),
    )
