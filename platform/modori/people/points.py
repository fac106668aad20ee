"""What happens to contact points: they are met, marked as having ordered, marked as dead."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session

from modori.kernel.ids import TenantId, new_id
from modori.kernel.masking import DOTS
from modori.people import queries
from modori.people.model import ContactKind, ContactPoint
from modori.people.values import ContactValue, platform_value_index, read_value, value_index
from modori.storage import crypto


def meet_contact_point(
    session: Session,
    *,
    tenant_id: TenantId,
    kind: ContactKind,
    value: str,
    person_id: UUID | None = None,
    now: datetime,
) -> ContactPoint:
    """Find the contact point of one normalised value, or make it (`meet_all`)."""
    [point] = meet_all(session, tenant_id=tenant_id, values=[(kind, value)], person_id=person_id, now=now)
    return point


def meet_all(
    session: Session,
    *,
    tenant_id: TenantId,
    values: Sequence[tuple[ContactKind, str]],
    person_id: UUID | None = None,
    now: datetime,
) -> list[ContactPoint]:
    """Find contact points, or make them, in the order of `values`. Nothing is marked.

    values     normalised: an address in its own case, E.164, or a LINE user id
    person_id  whose the new ones are; None: the first one's person, an e-mail address before the others
    A value that was known by its hash alone (an order or a stop came first) is filled in; one that was erased stays
    empty. What is missing is inserted before anything is locked, as in `mark_all_ordered`.
    """
    points: dict[bytes, ContactPoint] = {}
    texts: dict[bytes, str] = {}
    for kind, index, value in _in_order(tenant_id, values):
        point = queries.find_contact_point(session, tenant_id=tenant_id, kind=kind, value_index=index)
        if point is None:
            _insert(session, tenant_id=tenant_id, kind=kind, value=value, person_id=person_id, is_known=True, now=now)
            point = queries.find_contact_point(session, tenant_id=tenant_id, kind=kind, value_index=index)
            assert point is not None
        person_id = person_id or point.person_id
        points[index], texts[index] = point, value
    if any(point.value is None and point.erased_at is None for point in points.values()):
        ids = [point.contact_point_id for point in points.values()]
        for point in queries.lock_contact_points(session, tenant_id=tenant_id, ids=ids):
            if point.value is None and point.erased_at is None:
                _fill(session, point, texts[bytes(point.value_index)])
    return [points[value_index(tenant_id, kind, value)] for kind, value in values]


def mark_all_ordered(
    session: Session,
    *,
    tenant_id: TenantId,
    values: Sequence[tuple[ContactKind, str]],
    known_ids: Sequence[UUID] = (),
    at: datetime,
    now: datetime,
) -> list[ContactPoint]:
    """Mark contact points, and their persons, as having ordered at `at`; return them locked, by id.

    values     normalised, each once; one that we have not met is kept by its hash alone, since the order must stop a
               lead that is made of it later
    known_ids  contact points that are met already: those of the episodes that the order matched
    Whatever is missing is inserted before anything is locked, so that two that name the same values cannot deadlock.
    """
    ids = list(known_ids)
    for kind, index, value in _in_order(tenant_id, values):
        point = queries.find_contact_point(session, tenant_id=tenant_id, kind=kind, value_index=index)
        if point is None:
            _insert(session, tenant_id=tenant_id, kind=kind, value=value, person_id=None, is_known=False, now=now)
            point = queries.find_contact_point(session, tenant_id=tenant_id, kind=kind, value_index=index)
            assert point is not None
        ids.append(point.contact_point_id)
    points = queries.lock_contact_points(session, tenant_id=tenant_id, ids=ids)
    for point in points:
        point.last_ordered_at = at if point.last_ordered_at is None else max(at, point.last_ordered_at)
        session.add(point)
    session.flush()
    for person_id in sorted({point.person_id for point in points}):
        queries.mark_person_ordered(session, tenant_id=tenant_id, person_id=person_id, at=at)
    return points


def mark_dead(session: Session, *, tenant_id: TenantId, contact_point_id: UUID, reason: str, now: datetime) -> None:
    """Record that nothing can reach this contact point any more: a hard bounce, a number that is somebody else's."""
    for point in queries.lock_contact_points(session, tenant_id=tenant_id, ids=[contact_point_id]):
        if point.dead_at is None:
            point.dead_at, point.dead_reason = now, reason
            session.add(point)
            session.flush()


def new_point_row(
    value: ContactValue, *, tenant_id: TenantId, index: bytes, person_id: UUID | None, now: datetime
) -> dict[str, Any]:
    """Write a contact point that nobody has met for `batch.queries.insert_points`.

    person_id  whose it is; None: somebody new's. The tenant's data key must be at hand
    """
    contact_point_id = new_id()
    return {
        "tenant_id": tenant_id,
        "contact_point_id": contact_point_id,
        "person_id": person_id or new_id(),
        "kind": value.kind.value,
        "value": crypto.seal(None, tenant_id, _field(contact_point_id), value.text).hex(),
        "value_index": index.hex(),
        "platform_index": platform_value_index(value.kind, value.text).hex(),
        "masked": value.masked,
        "is_mobile": value.is_mobile,
        "made_at": now,
        "makes_person": person_id is None,
    }


def _in_order(tenant_id: TenantId, values: Sequence[tuple[ContactKind, str]]) -> list[tuple[ContactKind, bytes, str]]:
    """Return values with their indexes in the one order in which everybody inserts them, e-mail addresses first."""
    indexed = ((kind, value_index(tenant_id, kind, value), value) for kind, value in values)
    return sorted(indexed, key=lambda entry: (entry[0].value, entry[1]))


def _fill(session: Session, point: ContactPoint, value: str) -> None:
    """Give a contact point that was known by its hash alone its value."""
    read = read_value(point.kind, value)
    point.value = crypto.seal(session, TenantId(point.tenant_id), _field(point.contact_point_id), value)
    point.masked, point.is_mobile = read.masked, read.is_mobile
    session.add(point)
    session.flush()


def _insert(
    session: Session,
    *,
    tenant_id: TenantId,
    kind: ContactKind,
    value: str,
    person_id: UUID | None,
    is_known: bool,
    now: datetime,
) -> bool:
    contact_point_id, owner_id = new_id(), person_id or new_id()
    read = read_value(kind, value)
    point = ContactPoint(
        tenant_id=tenant_id,
        contact_point_id=contact_point_id,
        person_id=owner_id,
        kind=kind,
        value=crypto.seal(session, tenant_id, _field(contact_point_id), value) if is_known else None,
        value_index=value_index(tenant_id, kind, value),
        platform_index=platform_value_index(kind, value),
        masked=read.masked if is_known else DOTS,
        is_mobile=read.is_mobile,
        made_at=now,
    )
    return queries.insert_contact_point(
        session, tenant_id=tenant_id, point=point, new_person_id=None if person_id else owner_id, now=now
    )


def _field(contact_point_id: UUID) -> crypto.Field:
    return crypto.Field("contact_point", "value", str(contact_point_id))
