"""What is on record of whether a person may be contacted: consents, stops, and erasure."""

import hashlib
from datetime import datetime
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
from modori.storage import outbox


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


def _is_same(stop: rules.StopFact, via: Channel | None, reason: StopReason) -> bool:
    return stop.via == via and (stop.effect == StopEffect.REOPEN or stop.reason == reason)


def _lock_value(session: Session, *, tenant_id: TenantId, kind: ContactKind, index: bytes) -> ContactPoint | None:
    found = queries.find_contact_point(session, tenant_id=tenant_id, kind=kind, value_index=index)
    if found is None:
        return None
    return queries.lock_contact_points(session, tenant_id=tenant_id, ids=[found.contact_point_id])[0]


def _forget_person(session: Session, *, tenant_id: TenantId, person_id: UUID, now: datetime) -> None:
    """Forget the name as well once no contact point of the person is left."""
    if queries.count_living_contact_points(session, tenant_id=tenant_id, person_id=person_id):
        return
    person = queries.get_person(session, tenant_id=tenant_id, person_id=person_id)
    person.name, person.member_index, person.erased_at = None, None, now
    session.add(person)
    session.flush()
