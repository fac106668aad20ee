"""What may be done about people: meet a contact point, record a consent or a stop, mark an order, forget."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session

from modori.kernel.ids import TenantId, new_id
from modori.kernel.masking import DOTS
from modori.people import queries, rules
from modori.people.model import (
    Channel,
    Consent,
    ContactKind,
    ContactPoint,
    Erasure,
    EvidenceSource,
    Stop,
    StopEffect,
    StopReason,
)
from modori.people.values import ContactValue, platform_value_index, read_value, value_index
from modori.storage import crypto, outbox


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


def record_consent(
    session: Session,
    *,
    tenant_id: TenantId,
    channel: Channel,
    granted: bool,
    text: str,
    source: EvidenceSource,
    given_at: datetime,
    now: datetime,
    control: str | None = None,
    page_url: str | None = None,
    site_id: UUID | None = None,
    visitor: str | None = None,
    episode_id: UUID | None = None,
    contact_point_id: UUID | None = None,
) -> Consent:
    """Keep the evidence of a consent, or of its withdrawal: who, when, which control, the exact words (RULES 3).

    It binds to an episode (a browser's) or to one contact point (a server's).
    """
    consent = Consent(
        tenant_id=tenant_id,
        consent_id=new_id(),
        channel=channel,
        granted=granted,
        text=text,
        text_hash=hashlib.sha256(text.encode()).digest(),
        control=control,
        page_url=page_url,
        site_id=site_id,
        visitor=visitor,
        episode_id=episode_id,
        contact_point_id=contact_point_id,
        source=source,
        given_at=given_at,
        recorded_at=now,
    )
    queries.insert_consent(session, consent)
    return consent


def record_stop(
    session: Session,
    *,
    tenant_id: TenantId,
    kind: ContactKind,
    value_index: bytes,
    via: Channel | None,
    reason: StopReason,
    source: EvidenceSource,
    source_ref: str | None = None,
    now: datetime,
) -> Stop:
    """Record that a value must not be contacted, known to us or not (G5). Said twice the same way, it is one stop.

    The contact point is locked first, so that a delivery that begins later has read the stop (G2).
    """
    _lock_value(session, tenant_id=tenant_id, kind=kind, index=value_index)
    known = queries.list_stops(session, tenant_id=tenant_id, indexes=[(kind, value_index)])[(kind, value_index)]
    for channel in sorted(rules.CHANNELS_OF[kind]):
        standing = rules.standing_stop([one for one in known if _is_same(one, via, reason)], channel)
        if standing is not None:
            same = queries.find_stop(session, tenant_id=tenant_id, stop_id=standing.stop_id)
            assert same is not None
            return same
    stop = Stop(
        tenant_id=tenant_id,
        stop_id=new_id(),
        kind=kind,
        value_index=value_index,
        effect=StopEffect.STOP,
        via=via,
        reason=reason,
        source=source,
        source_ref=source_ref,
        recorded_at=now,
    )
    queries.insert_stop(session, stop)
    outbox.promise(
        session,
        "stop.recorded",
        key=f"stop:{stop.stop_id}",
        at=now,
        tenant_id=tenant_id,
        kind=kind.value,
        value_index=value_index.hex(),
        stop_id=str(stop.stop_id),
    )
    return stop


def reopen(
    session: Session,
    *,
    tenant_id: TenantId,
    kind: ContactKind,
    value_index: bytes,
    via: Channel,
    source: EvidenceSource,
    source_ref: str | None = None,
    now: datetime,
) -> Stop | None:
    """Cancel what the same channel's stop closed (RULES 24). None where nothing is there that START may open."""
    _lock_value(session, tenant_id=tenant_id, kind=kind, index=value_index)
    known = queries.list_stops(session, tenant_id=tenant_id, indexes=[(kind, value_index)])[(kind, value_index)]
    if not rules.can_reopen(known, via):
        return None
    reopening = Stop(
        tenant_id=tenant_id,
        stop_id=new_id(),
        kind=kind,
        value_index=value_index,
        effect=StopEffect.REOPEN,
        via=via,
        reason=StopReason.REPLY,
        source=source,
        source_ref=source_ref,
        recorded_at=now,
    )
    queries.insert_stop(session, reopening)
    return reopening


def erase_contact(
    session: Session, *, tenant_id: TenantId, kind: ContactKind, value_index: bytes, requested_by: str, now: datetime
) -> Erasure:
    """Forget one value: the ciphertext and the mask go, the stop stays as a keyed hash (RULES 18, G5).

    requested_by  who asked, as `key:…` or `user:…`; never a personal value
    """
    point = _lock_value(session, tenant_id=tenant_id, kind=kind, index=value_index)
    record_stop(
        session,
        tenant_id=tenant_id,
        kind=kind,
        value_index=value_index,
        via=None,
        reason=StopReason.ERASURE,
        source=EvidenceSource.SERVER,
        now=now,
    )
    if point is not None and point.erased_at is None:
        point.value, point.masked, point.erased_at = None, DOTS, now
        session.add(point)
        session.flush()
        _forget_person(session, tenant_id=tenant_id, person_id=point.person_id, now=now)
    erasure = Erasure(
        tenant_id=tenant_id,
        erasure_id=new_id(),
        kind=kind,
        value_index=value_index,
        requested_by=requested_by,
        erased_at=now,
    )
    queries.insert_erasure(session, erasure)
    outbox.promise(
        session,
        "erasure.recorded",
        key=f"erasure:{erasure.erasure_id}",
        at=now,
        tenant_id=tenant_id,
        kind=kind.value,
        value_index=value_index.hex(),
    )
    if point is not None:  # erased before, it may have been typed again since
        outbox.promise(
            session,
            "contact.erased",
            key=f"erased:{erasure.erasure_id}:1",
            at=now,
            tenant_id=tenant_id,
            contact_point_id=str(point.contact_point_id),
            erasure=str(erasure.erasure_id),
            round=1,
        )
    return erasure


def mark_ordered(
    session: Session, *, tenant_id: TenantId, kind: ContactKind, value: str, at: datetime, now: datetime
) -> ContactPoint:
    """Mark the contact point of one normalised value as having ordered (`mark_all_ordered`); return it locked."""
    [point] = mark_all_ordered(session, tenant_id=tenant_id, values=[(kind, value)], at=at, now=now)
    return point


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


def name_person(session: Session, *, tenant_id: TenantId, person_id: UUID, name: str, overwrite: bool) -> None:
    """Keep the name that a person gave, sealed; without `overwrite` only the first one."""
    sealed = crypto.seal(session, tenant_id, _name_field(person_id), name)
    queries.name_person(session, tenant_id=tenant_id, person_id=person_id, name=sealed, overwrite=overwrite)


def reveal_name(session: Session, *, tenant_id: TenantId, person_id: UUID) -> str | None:
    """Decrypt a person's name; None where none is kept. The caller logs why (G13)."""
    person = queries.get_person(session, tenant_id=tenant_id, person_id=person_id)
    if person.name is None:
        return None
    return crypto.unseal(session, tenant_id, _name_field(person_id), person.name)


def set_member_index(
    session: Session, *, tenant_id: TenantId, person_id: UUID, member_index: bytes, overwrite: bool
) -> None:
    """Keep the blind index of the client's own number for a person; without `overwrite` only the first one."""
    queries.set_member_index(
        session, tenant_id=tenant_id, person_id=person_id, member_index=member_index, overwrite=overwrite
    )


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


def new_name_row(*, tenant_id: TenantId, person_id: UUID, name: str) -> dict[str, Any]:
    """Write a name for `batch.queries.name_persons`. The tenant's data key must be at hand."""
    sealed = crypto.seal(None, tenant_id, _name_field(person_id), name)
    return {"tenant_id": tenant_id, "person_id": person_id, "name": sealed.hex()}


def _is_same(stop: rules.StopFact, via: Channel | None, reason: StopReason) -> bool:
    return stop.via == via and (stop.effect == StopEffect.REOPEN or stop.reason == reason)


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


def _lock_value(session: Session, *, tenant_id: TenantId, kind: ContactKind, index: bytes) -> ContactPoint | None:
    found = queries.find_contact_point(session, tenant_id=tenant_id, kind=kind, value_index=index)
    if found is None:
        return None
    return queries.lock_contact_points(session, tenant_id=tenant_id, ids=[found.contact_point_id])[0]


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


def _forget_person(session: Session, *, tenant_id: TenantId, person_id: UUID, now: datetime) -> None:
    """Forget the name as well once no contact point of the person is left."""
    if queries.count_living_contact_points(session, tenant_id=tenant_id, person_id=person_id):
        return
    person = queries.get_person(session, tenant_id=tenant_id, person_id=person_id)
    person.name, person.member_index, person.erased_at = None, None, now
    session.add(person)
    session.flush()


def _field(contact_point_id: UUID) -> crypto.Field:
    return crypto.Field("contact_point", "value", str(contact_point_id))


def _name_field(person_id: UUID) -> crypto.Field:
    return crypto.Field("person", "name", str(person_id))
