"""Every query and lock about people, contact points, consents and stops."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import false, or_, text
from sqlmodel import Session, col, select

from modori.kernel.errors import NotFound
from modori.kernel.ids import TenantId
from modori.kernel.masking import DOTS
from modori.people.model import Channel, Consent, ContactKind, ContactPoint, Erasure, Person, Stop
from modori.people.rules import StopFact
from modori.storage import crypto


def insert_contact_point(
    session: Session, *, tenant_id: TenantId, point: ContactPoint, new_person_id: UUID | None, now: datetime
) -> bool:
    """Insert a contact point, and the person whom it belongs to where `new_person_id` says so, unless it is known.

    One statement, so that of two that race neither leaves a person without a contact point. False: it was known.
    """
    made = session.connection().execute(
        text(
            "with point as ("
            " insert into contact_point (tenant_id, contact_point_id, person_id, kind, value, value_index,"
            " platform_index, masked, is_mobile, made_at) values (:tenant_id, :contact_point_id, :person_id, :kind,"
            " :value, :value_index, :platform_index, :masked, :is_mobile, :now)"
            " on conflict (tenant_id, kind, value_index) do nothing returning person_id"
            "), person_made as ("
            " insert into person (tenant_id, person_id, made_at) select :tenant_id, person_id, :now from point"
            " where cast(:new_person_id as uuid) is not null returning 1"
            ") select count(*) from point"
        ),
        {
            "tenant_id": tenant_id,
            "contact_point_id": point.contact_point_id,
            "person_id": point.person_id,
            "kind": point.kind.value,
            "value": point.value,
            "value_index": point.value_index,
            "platform_index": point.platform_index,
            "masked": point.masked,
            "is_mobile": point.is_mobile,
            "new_person_id": new_person_id,
            "now": now,
        },
    )
    return bool(made.scalar_one())


def find_contact_point(
    session: Session, *, tenant_id: TenantId, kind: ContactKind, value_index: bytes
) -> ContactPoint | None:
    return session.exec(
        select(ContactPoint).where(
            ContactPoint.tenant_id == tenant_id,
            ContactPoint.kind == kind,
            ContactPoint.value_index == value_index,
        )
    ).one_or_none()


def get_contact_point(session: Session, *, tenant_id: TenantId, contact_point_id: UUID) -> ContactPoint:
    """Read one without a lock. raises NotFound"""
    found = session.get(ContactPoint, (tenant_id, contact_point_id))
    if found is None:
        raise NotFound()
    return found


def lock_contact_points(session: Session, *, tenant_id: TenantId, ids: Sequence[UUID]) -> list[ContactPoint]:
    """Lock contact points in the order of their ids (G2), and read them as they are under the lock."""
    return list(
        session.exec(
            select(ContactPoint)
            .where(ContactPoint.tenant_id == tenant_id, col(ContactPoint.contact_point_id).in_(ids))
            .order_by(col(ContactPoint.contact_point_id))
            .with_for_update(key_share=True)
            .execution_options(populate_existing=True)
        )
    )


def get_person(session: Session, *, tenant_id: TenantId, person_id: UUID) -> Person:
    """Read one person. raises NotFound"""
    found = session.get(Person, (tenant_id, person_id))
    if found is None:
        raise NotFound()
    return found


def name_person(session: Session, *, tenant_id: TenantId, person_id: UUID, name: bytes, overwrite: bool) -> None:
    """Store a sealed name; without `overwrite` only where none is stored. Never for somebody who was erased."""
    session.connection().execute(
        text(
            "update person set name = :name where tenant_id = :tenant_id and person_id = :person_id"
            " and erased_at is null and (name is null or :overwrite)"
        ),
        {"tenant_id": tenant_id, "person_id": person_id, "name": name, "overwrite": overwrite},
    )


def set_member_index(
    session: Session, *, tenant_id: TenantId, person_id: UUID, member_index: bytes, overwrite: bool
) -> None:
    """Store the index of the client's own number; without `overwrite` only where none is stored."""
    session.connection().execute(
        text(
            "update person set member_index = :member_index where tenant_id = :tenant_id and person_id = :person_id"
            " and erased_at is null and member_index is distinct from :member_index"
            " and (member_index is null or :overwrite)"
        ),
        {
            "tenant_id": tenant_id,
            "person_id": person_id,
            "member_index": member_index,
            "overwrite": overwrite,
        },
    )


def mark_person_ordered(session: Session, *, tenant_id: TenantId, person_id: UUID, at: datetime) -> None:
    session.connection().execute(
        text(
            "update person set last_ordered_at = greatest(coalesce(last_ordered_at, :at), :at)"
            " where tenant_id = :tenant_id and person_id = :person_id"
        ),
        {"tenant_id": tenant_id, "person_id": person_id, "at": at},
    )


def count_living_contact_points(session: Session, *, tenant_id: TenantId, person_id: UUID) -> int:
    """Count a person's contact points that have not been erased."""
    counted = session.connection().execute(
        text(
            "select count(*) from contact_point where tenant_id = :tenant_id and person_id = :person_id"
            " and erased_at is null"
        ),
        {"tenant_id": tenant_id, "person_id": person_id},
    )
    return int(counted.scalar_one())


def list_stops(
    session: Session, *, tenant_id: TenantId, indexes: Sequence[tuple[ContactKind, bytes]]
) -> dict[tuple[ContactKind, bytes], list[StopFact]]:
    """Read all stop evidence about some values, by (kind, value_index); a value without any has an empty list.

    Read it only under the lock of the contact point (G2).
    """
    facts: dict[tuple[ContactKind, bytes], list[StopFact]] = {key: [] for key in indexes}
    rows = session.exec(
        select(Stop)
        .where(Stop.tenant_id == tenant_id, col(Stop.value_index).in_([index for _, index in indexes]))
        .order_by(col(Stop.recorded_at), col(Stop.stop_id))
    )
    for row in rows:
        if (row.kind, row.value_index) in facts:
            facts[(row.kind, row.value_index)].append(
                StopFact(row.stop_id, row.kind, row.effect, row.via, row.reason, row.recorded_at)
            )
    return facts


def find_stop(session: Session, *, tenant_id: TenantId, stop_id: UUID) -> Stop | None:
    return session.get(Stop, (tenant_id, stop_id))


def find_consent(
    session: Session, *, tenant_id: TenantId, channel: Channel, episode_id: UUID | None, contact_point_id: UUID | None
) -> Consent | None:
    """Return the newest word about a channel that binds to this episode or to this contact point.

    Newest by when it was given, then by when we heard it; a withdrawal is a word, too.
    """
    bindings = []
    if episode_id is not None:
        bindings.append(col(Consent.episode_id) == episode_id)
    if contact_point_id is not None:
        bindings.append(col(Consent.contact_point_id) == contact_point_id)
    return session.exec(
        select(Consent)
        .where(Consent.tenant_id == tenant_id, Consent.channel == channel, or_(false(), *bindings))
        .order_by(col(Consent.given_at).desc(), col(Consent.recorded_at).desc(), col(Consent.consent_id).desc())
        .limit(1)
    ).one_or_none()


def insert_consent(session: Session, consent: Consent) -> None:
    session.add(consent)
    session.flush()


def insert_stop(session: Session, stop: Stop) -> None:
    session.add(stop)
    session.flush()


def insert_erasure(session: Session, erasure: Erasure) -> None:
    session.add(erasure)
    session.flush()


def reveal(session: Session, *, tenant_id: TenantId, contact_point_id: UUID) -> str:
    """Decrypt one contact value. The caller logs why (G13). raises NotFound where it is unknown, or erased"""
    point = get_contact_point(session, tenant_id=tenant_id, contact_point_id=contact_point_id)
    if point.value is None:
        raise NotFound("The value has been erased.")
    field = crypto.Field("contact_point", "value", str(point.contact_point_id))
    return crypto.unseal(session, tenant_id, field, point.value)


def list_points_of_persons(
    session: Session, *, tenant_id: TenantId, person_ids: Sequence[UUID], limit: int = 1000
) -> list[UUID]:
    """Return the contact points of some persons, in the order of their ids."""
    rows = session.connection().execute(
        text(
            "select contact_point_id from contact_point where tenant_id = :tenant_id and person_id = any(:ids)"
            " order by contact_point_id limit :limit"
        ),
        {"tenant_id": tenant_id, "ids": list(person_ids), "limit": limit},
    )
    return list(rows.scalars())


def forget_values(session: Session, *, tenant_id: TenantId, ids: Sequence[UUID]) -> int:
    """Blank locked contact points, and persons without another value. Returns how many points had one."""
    forgotten = session.connection().execute(
        text(
            "update contact_point set value = null, masked = :dots, is_mobile = null where tenant_id = :tenant_id"
            " and contact_point_id = any(:ids) and value is not null returning person_id"
        ),
        {"tenant_id": tenant_id, "ids": list(ids), "dots": DOTS},
    )
    person_ids = list(forgotten.scalars())
    session.connection().execute(
        text(
            "update person p set name = null, member_index = null where p.tenant_id = :tenant_id"
            " and p.person_id = any(:ids) and not exists (select 1 from contact_point c"
            "  where c.tenant_id = p.tenant_id and c.person_id = p.person_id and c.value is not null)"
        ),
        {"tenant_id": tenant_id, "ids": sorted(set(person_ids))},
    )
    return len(person_ids)
