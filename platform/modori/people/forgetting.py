"""What was captured of somebody goes, where capture is refused: values become unreadable, hashes and evidence stay."""

from collections.abc import Sequence
from uuid import UUID

from sqlmodel import Session

from modori.kernel.ids import TenantId
from modori.people import queries
from modori.people.model import ContactPoint


def lock(session: Session, *, tenant_id: TenantId, ids: Sequence[UUID]) -> list[ContactPoint]:
    """Lock contact points in the order of their ids (G2)."""
    return queries.lock_contact_points(session, tenant_id=tenant_id, ids=ids)


def list_points_of(session: Session, *, tenant_id: TenantId, person_ids: Sequence[UUID]) -> list[UUID]:
    """Return the contact points of some persons, by id."""
    return queries.list_points_of_persons(session, tenant_id=tenant_id, person_ids=person_ids)


def forget_values(session: Session, *, tenant_id: TenantId, ids: Sequence[UUID]) -> int:
    """Forget the values of locked contact points, and the names of whoever has none left. Returns how many.

    They are then known by their hash alone, as one is of which only an order or a stop told us: stops keep standing,
    and the person may be met again, should they ever type it again. Unlike an erasure (`erase_contact`) this is no
    wish never to be contacted.
    """
    return queries.forget_values(session, tenant_id=tenant_id, ids=ids) if ids else 0
