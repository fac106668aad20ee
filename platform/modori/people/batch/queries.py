"""Set-based queries about contact points and persons, over the tenants that the transaction is bound to.

Each takes its rows as one jsonb parameter and answers a cursor, to be read once the pipeline has been filled.
Lock order as everywhere (G2): contact points by tenant and id, then persons.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from modori.storage.db import Plain
from modori.storage.pipelined import Answer

Rows = Sequence[dict[str, Any]]


def list_known_points(connection: Plain, *, keys: Rows) -> Answer[tuple[int, UUID, UUID, bool, bool]]:
    """Read contact points by value, without a lock.

    keys  {"i", "tenant_id", "kind", "value_index" (hex)}
    rows  i, contact_point_id, person_id, whether it is known by its hash alone, whether its person has a name
    """
    return connection.execute(
        "select n.i, c.contact_point_id, c.person_id, c.value is null and c.erased_at is null,"
        " coalesce((select p.name is not null from person p where p.tenant_id = c.tenant_id"
        " and p.person_id = c.person_id limit 1), false)"  # `exists` would be asked of all persons at once, and hashed
        " from jsonb_to_recordset(%s::jsonb) as n(i int, tenant_id uuid, kind text, value_index text)"
        " cross join lateral (select c.* from contact_point c where c.tenant_id = n.tenant_id and c.kind = n.kind"
        " and c.value_index = decode(n.value_index, 'hex') limit 1) as c",
        (orjson.dumps(keys),),
    )


def insert_points(connection: Plain, *, rows: Rows) -> None:
    """Insert contact points, and the persons of those that say `makes_person`.

    rows    columns of contact_point, bytes in hex
    raises  UniqueViolation, when it is waited for, where somebody else has met one meanwhile
    """
    connection.execute(
        "with n as (select * from jsonb_to_recordset(%s::jsonb) as n(tenant_id uuid, contact_point_id uuid,"
        " person_id uuid, kind text, value text, value_index text, platform_index text, masked text, is_mobile bool,"
        " made_at timestamptz, makes_person bool)), made as (insert into person (tenant_id, person_id, made_at)"
        " select tenant_id, person_id, made_at from n where makes_person)"
        " insert into contact_point (tenant_id, contact_point_id, person_id, kind, value, value_index, platform_index,"
        " masked, is_mobile, made_at) select tenant_id, contact_point_id, person_id, kind, decode(value, 'hex'),"
        " decode(value_index, 'hex'), decode(platform_index, 'hex'), masked, is_mobile, made_at from n"
        " order by tenant_id, kind, value_index",
        (orjson.dumps(rows),),
    )


def lock_points(connection: Plain, *, ids: Rows) -> Answer[tuple[int, datetime | None]]:
    """Lock contact points in the order of their ids (G2).

    ids   {"i", "tenant_id", "contact_point_id"}
    rows  i, last_ordered_at as it is under the lock
    """
    return connection.execute(
        "with n as materialized (select * from jsonb_to_recordset(%s::jsonb) as n(i int, tenant_id uuid,"
        " contact_point_id uuid) order by tenant_id, contact_point_id) select n.i, c.last_ordered_at from n"
        " cross join lateral (select c.last_ordered_at from contact_point c where c.tenant_id = n.tenant_id"
        " and c.contact_point_id = n.contact_point_id for no key update) as c",
        (orjson.dumps(ids),),
    )


def name_persons(connection: Plain, *, names: Rows) -> None:
    """Store sealed names where none is stored, as `people.queries.name_person`.

    names  tenant_id, person_id, name (hex)
    """
    connection.execute(
        "update person p set name = decode(n.name, 'hex')"
        " from (select n.name, p.tenant_id, p.person_id from"
        " jsonb_to_recordset(%s::jsonb) as n(tenant_id uuid, person_id uuid, name text) cross join lateral"
        " (select p.tenant_id, p.person_id from person p where p.tenant_id = n.tenant_id and p.person_id = n.person_id"
        " limit 1) as p) as n"
        " where p.tenant_id = n.tenant_id and p.person_id = n.person_id and p.erased_at is null and p.name is null",
        (orjson.dumps(names),),
    )
