"""Whom the visits of a batch name: which contact points are new, whose they are, and what must be written."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from modori.capture.batch.queries import Counted
from modori.capture.batch.visits import Arrived, Visit, VisitorKey
from modori.capture.contacts import (
    Typed,
    Wanted,
    held_because,
    missing_of,
    newest,
    prefixes_of,
    replaced_of,
    typed_in_form,
)
from modori.capture.queries import Attached
from modori.capture.rules import FormSeen, is_settled_by_order
from modori.people.naming import new_name_row
from modori.people.points import new_point_row

PointKey = tuple[UUID, str, bytes]
"""tenant_id, kind, value_index."""


class KnownPoint(NamedTuple):
    """A contact point that we have met, or are about to insert. `is_hollow`: known by its hash alone."""

    contact_point_id: UUID
    person_id: UUID
    is_hollow: bool = False
    has_name: bool = False


class Brought(NamedTuple):
    """A contact point that a visit attaches to its episode."""

    visit: Visit
    contact_point_id: UUID
    typed: Typed
    prefixes: Sequence[bytes]


@dataclass(slots=True)
class Meeting:
    """What the database must be told about contact points. Rows as the queries take them.

    apart  visits whose contact points want more than a batch does: one is known by its hash alone
    """

    new_points: list[dict[str, Any]] = field(default_factory=list)
    names: list[dict[str, Any]] = field(default_factory=list)
    replaced: list[dict[str, Any]] = field(default_factory=list)
    brought: list[Brought] = field(default_factory=list)
    apart: list[Visit] = field(default_factory=list)

    def point_ids(self) -> list[dict[str, Any]]:
        return [
            {"i": i, "tenant_id": one.visit.tenant_id, "contact_point_id": one.contact_point_id}
            for i, one in enumerate(self.brought)
        ]

    def counted(self, now: datetime) -> list[dict[str, Any]]:
        return [
            {
                "i": i,
                "tenant_id": one.visit.tenant_id,
                "site_id": one.visit.site.site_id,
                "visitor": one.visit.key[2],
                "contact_point_id": one.contact_point_id,
                "ip_index": one.typed.ip_index and one.typed.ip_index.hex(),
                "prefixes": [prefix.hex() for prefix in one.prefixes],
                "now": now,
            }
            for i, one in enumerate(self.brought)
        ]

    def attached(self) -> list[dict[str, Any]]:
        return [
            {
                "tenant_id": one.visit.tenant_id,
                "episode_id": one.visit.episode_id,
                "contact_point_id": one.contact_point_id,
                "source": one.typed.source,
                "captured_at": one.typed.at,
            }
            for one in self.brought
        ]

    def ordered_since(self, marks: Sequence[tuple[int, datetime | None]]) -> list[Visit]:
        """Return the visits of whose contact points one has ordered since the episode began: they end, elsewhere."""
        return [
            self.brought[i].visit
            for i, at in marks
            if is_settled_by_order(_started(self.brought[i].visit), last_ordered_at=at)
        ]

    def held(self, counted: Sequence[Counted]) -> list[dict[str, Any]]:
        """Return the episodes whose lead must wait, since too many new contact points came (RULES 36).

        Of an address and of a prefix each point counts as it would have, had it come alone: those before it, and it.
        """
        found: dict[tuple[UUID, UUID | None], dict[str, Any]] = {}
        total = {(what, *key): count for what, i, *key, count in counted if i is None}
        new = sorted(i for _, i, *_ in counted if i is not None)
        yet_to_come = Counter(key for i in new for key in self._shared_keys(i))
        for i in new:
            visit = self.brought[i].visit
            nth: dict[str, int] = {}
            for key in self._shared_keys(i):
                yet_to_come[key] -= 1
                nth[key[0]] = max(nth.get(key[0], 0), total[key] - yet_to_come[key])
            reason = held_because(
                visit.site,
                by_visitor=total["visitor", visit.tenant_id, visit.site.site_id, visit.key[2], None],
                by_address=nth.get("address", 0),
                by_prefix=nth.get("prefix", 0),
            )
            if reason is not None:
                row = {"tenant_id": visit.tenant_id, "episode_id": visit.episode_id, "reason": reason}
                found[(visit.tenant_id, visit.episode_id)] = row
        return list(found.values())

    def _shared_keys(self, i: int) -> list[tuple[str, UUID, UUID, None, bytes]]:
        """Name the counts that a point shares with those of other visitors, as `queries.count_contact_points` does."""
        one = self.brought[i]
        site = one.visit.site
        keys: list[tuple[str, UUID, UUID, None, bytes]] = [
            ("prefix", site.tenant_id, site.site_id, None, prefix) for prefix in one.prefixes
        ]
        if one.typed.ip_index is not None:
            keys.append(("address", site.tenant_id, site.site_id, None, one.typed.ip_index))
        return keys


def wanted_points(arrived: Sequence[Arrived]) -> dict[PointKey, Wanted]:
    """Return every contact point that the forms of a batch name, folded or not: what must be looked up."""
    found: dict[PointKey, Wanted] = {}
    for event, posted in arrived:
        if isinstance(event.seen, FormSeen) and event.mark is None:
            site = posted.site
            named = newest(
                typed_in_form(event.seen.fields, at=event.at, is_signed=False),
                tenant_id=site.tenant_id,
                country=site.country,
            )
            for one in named.values():
                found[(site.tenant_id, one.value.kind.value, one.index)] = one
    return found


def meet(
    visits: Sequence[Visit],
    *,
    known: Mapping[PointKey, KnownPoint],
    attached: Mapping[VisitorKey, Sequence[Attached]],
    has_name: Mapping[VisitorKey, bool],
    now: datetime,
) -> Meeting:
    """Decide for each visit whom it names, as `contacts.attach_typed` does for one. Sets the visits' `person_id`.

    known     the points of `wanted_points` that are in the database
    attached  of the visitors' current episodes, by id
    has_name  whether the current episode's person has a name already
    A value that two visits bring for the first time is one new point: the second one finds the first one's.
    """
    meeting, points = Meeting(), dict(known)
    for visit in visits:
        if visit.draft is None:
            continue
        wanted = newest(visit.typed, tenant_id=visit.tenant_id, country=visit.site.country)
        held = attached.get(visit.key, ())
        missing = missing_of(wanted, held)
        person_id, is_named = visit.person_id, has_name.get(visit.key, False)
        found: list[tuple[KnownPoint, Wanted]] = []
        for one in sorted(missing, key=lambda each: (each.value.kind.value, each.index)):
            key = (visit.tenant_id, one.value.kind.value, one.index)
            if key not in points:
                row = new_point_row(one.value, tenant_id=visit.tenant_id, index=one.index, person_id=person_id, now=now)
                meeting.new_points.append(row)
                points[key] = KnownPoint(row["contact_point_id"], row["person_id"])
            point = points[key]
            if point.is_hollow:
                meeting.apart.append(visit)
            person_id = person_id or point.person_id
            found.append((point, one))
        if visit.person_id is None and found:
            visit.person_id, is_named = found[0][0].person_id, found[0][0].has_name
        meeting.brought += sorted(
            (
                Brought(visit, point.contact_point_id, one.typed, prefixes_of(visit.tenant_id, one.value))
                for point, one in found
            ),
            key=lambda brought: brought.contact_point_id,
        )
        meeting.replaced += [
            {"tenant_id": visit.tenant_id, "episode_id": visit.episode_id, "contact_point_id": one}
            for one in replaced_of(wanted, held)
        ]
        if visit.name is not None and visit.person_id is not None and not is_named:
            meeting.names.append(new_name_row(tenant_id=visit.tenant_id, person_id=visit.person_id, name=visit.name))
    return meeting


def _started(visit: Visit) -> datetime:
    assert visit.draft is not None
    return visit.draft.started_at
