"""Keep the events of many requests in one transaction (G1), with as many statements for a thousand as for one."""

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from psycopg.errors import ForeignKeyViolation, UniqueViolation

from modori.capture.actions import event_row
from modori.capture.batch import queries
from modori.capture.batch.meeting import KnownPoint, Meeting, PointKey, meet, wanted_points
from modori.capture.batch.visits import (
    Arrived,
    CurrentEpisode,
    Posted,
    Visit,
    VisitorKey,
    episode_row,
    fold_visits,
    gather,
    visitor_of,
)
from modori.capture.context import SiteContext
from modori.capture.episodes import form_field
from modori.capture.queries import Attached
from modori.people.batch import queries as people
from modori.people.model import ContactKind
from modori.storage import crypto
from modori.storage.db import Plain
from modori.storage.pipelined import Answer

SiteKey = tuple[UUID, UUID]
"""tenant_id, site_id."""


class Apart(Exception):
    """Some requests want more than a batch does: `posted` go one by one, the rest again. Nothing was kept."""

    def __init__(self, posted: Collection[Posted]) -> None:
        super().__init__(f"{len(posted)} requests go one by one")
        self.posted = posted


OVERTAKEN: Final = (UniqueViolation, ForeignKeyViolation)
"""What a batch or its commit raises where another transaction has just made, or removed, what this one was about to
write or to refer to: an episode, a contact point. Run the batch again; nothing was kept."""


async def take_batch(connection: Plain, batch: Sequence[Posted]) -> set[SiteKey]:
    """Keep the events of some browsers' requests and fold them into their visitors' episodes, each event once.

    The transaction is the caller's, bound to all the batch's tenants; only what `visits.may_share` allows may come.
    returns  the sites of which something new is stored
    raises   Apart; of psycopg's errors those of OVERTAKEN, which may also come from the commit
    """
    now = max(posted.received_at for posted in batch)
    every = gather(batch)
    fresh, visits, meeting = await _read(connection, every, now=now)
    if meeting.apart:
        raise Apart(_requests_of(meeting.apart))
    await _write(connection, fresh, visits, meeting, now=now)
    return {(one.posted.site.tenant_id, one.posted.site.site_id) for one in fresh}


async def _read(
    connection: Plain, every: Sequence[Arrived], *, now: datetime
) -> tuple[list[Arrived], list[Visit], Meeting]:
    """Remember the ids, lock the episodes, read what is known of the contact points; then decide. One way and back."""
    sites = {visitor_of(one): one.posted.site for one in every}
    keys = sorted(sites)
    visitors = orjson.dumps([_visitor(i, key, sites[key]) for i, key in enumerate(keys)])
    wanted = wanted_points(every)
    points = sorted(wanted)
    seen = queries.insert_seen(
        connection,
        rows=[
            {
                "tenant_id": one.posted.site.tenant_id,
                "event_id": one.event.id,
                "seen_on": one.posted.received_at.date(),
            }
            for one in every
        ],
    )
    current = queries.lock_current_episodes(connection, visitors=visitors)
    marks = queries.list_marks(connection, visitors=visitors)
    if wanted:
        held = queries.list_attached(connection, visitors=visitors)
        met = people.list_known_points(
            connection,
            keys=[
                {"i": i, "tenant_id": key[0], "kind": key[1], "value_index": key[2].hex()}
                for i, key in enumerate(points)
            ],
        )
    await connection.answered()
    fresh = _fresh(every, seen)
    ordered_at: dict[VisitorKey, datetime] = {}
    refusing: set[VisitorKey] = set()
    for i, at, has_refused in marks.rows():
        if at is not None:
            ordered_at[keys[i]] = at
        if has_refused:
            refusing.add(keys[i])
    visits = fold_visits(
        fresh,
        episodes={keys[row[0]]: CurrentEpisode(*row[1:]) for row in current.rows()},
        ordered_at=ordered_at,
    )
    apart = _requests_of([visit for visit in visits if visit.key in refusing])
    if apart:  # what may be taken of somebody who ever refused capture is told event by event
        raise Apart(apart)
    if not wanted and not any(visit.name for visit in visits):
        return fresh, visits, Meeting()
    attached: dict[VisitorKey, list[Attached]] = {}
    has_name: dict[VisitorKey, bool] = {}
    known: dict[PointKey, KnownPoint] = {}
    if wanted:
        for i, point_id, kind, index, source, at, is_named in held.rows():
            attached.setdefault(keys[i], []).append(Attached(point_id, ContactKind(kind), index, source, at))
            has_name[keys[i]] = is_named
        known = {points[row[0]]: KnownPoint(*row[1:]) for row in met.rows()}
    return fresh, visits, meet(visits, known=known, attached=attached, has_name=has_name, now=now)


def _fresh(every: Sequence[Arrived], seen: Answer[tuple[int, list[str] | None]]) -> list[Arrived]:
    """Return the events whose id was not known: nearly always all."""
    [(count, new)] = seen.rows()
    if count == len(every):
        return list(every)
    ids = frozenset(new or ())
    return [one for one in every if f"{one.posted.site.tenant_id}/{one.event.id}" in ids]


async def _write(
    connection: Plain, fresh: Sequence[Arrived], visits: Sequence[Visit], meeting: Meeting, *, now: datetime
) -> None:
    """Send all that is to be written, in G2's order; where contact points are among it, look at what came of them.

    raises  Apart where a contact point has ordered since its episode began
    """
    episodes = [episode_row(visit, sealed_fields=_sealed(visit)) for visit in visits if visit.draft is not None]
    if episodes:
        queries.write_episodes(connection, rows=episodes)
    has_contacts = bool(meeting.brought or meeting.replaced)
    if meeting.new_points:
        people.insert_points(connection, rows=meeting.new_points)
    if has_contacts:
        marks = people.lock_points(connection, ids=meeting.point_ids())
        counts = queries.count_contact_points(connection, brought=meeting.counted(now))
        if meeting.replaced:
            queries.detach(connection, rows=meeting.replaced)
        queries.attach(connection, rows=meeting.attached())
    if meeting.names:
        people.name_persons(connection, names=meeting.names)
    if fresh:
        queries.insert_events(connection, rows=_event_rows(fresh, visits))
    if not has_contacts:
        return
    await connection.answered()
    ended = meeting.ordered_since(marks.rows())
    if ended:
        raise Apart(_requests_of(ended))
    held = meeting.held(counts.rows())
    if held:
        queries.hold_episodes(connection, rows=held)


def _event_rows(fresh: Sequence[Arrived], visits: Sequence[Visit]) -> list[dict[str, Any]]:
    episode_of = {id(one): visit.episode_id for visit in visits for one in visit.folded}
    return [event_row(one.event, one.posted.site, one.posted.received_at, episode_of.get(id(one))) for one in fresh]


def _sealed(visit: Visit) -> bytes | None:
    """Merge what was typed with what the episode holds, and seal it; None where nothing was typed."""
    assert visit.draft is not None
    if not visit.draft.form_fields:
        return None
    field = form_field(visit.episode_id) if visit.episode_id is not None else None
    assert field is not None
    typed = dict(visit.draft.form_fields)
    if visit.before is not None and visit.before.form_fields is not None:
        typed = json.loads(crypto.unseal(None, visit.tenant_id, field, visit.before.form_fields)) | typed
    return crypto.seal(None, visit.tenant_id, field, json.dumps(typed, ensure_ascii=False, sort_keys=True))


def _requests_of(visits: Sequence[Visit]) -> list[Posted]:
    return list({id(one.posted): one.posted for visit in visits for one in visit.arrived}.values())


def _visitor(i: int, key: VisitorKey, site: SiteContext) -> dict[str, object]:
    return {"i": i, "tenant_id": site.tenant_id, "site_id": site.site_id, "visitor": key[2]}
