"""Who a person is, as they or the client's server said: a name, sealed, and the client's own number of them."""

from typing import Any
from uuid import UUID

from sqlmodel import Session

from modori.kernel.ids import TenantId
from modori.people import queries
from modori.storage import crypto


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


def new_name_row(*, tenant_id: TenantId, person_id: UUID, name: str) -> dict[str, Any]:
    """Write a name for `batch.queries.name_persons`. The tenant's data key must be at hand."""
    sealed = crypto.seal(None, tenant_id, _name_field(person_id), name)
    return {"tenant_id": tenant_id, "person_id": person_id, "name": sealed.hex()}


def _name_field(person_id: UUID) -> crypto.Field:
    return crypto.Field("person", "name", str(person_id))
