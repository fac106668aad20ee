"""Open sealed fields for display. What a destroyed key or an erasure took away stays closed."""

from uuid import UUID

from sqlmodel import Session

from modori.kernel.ids import TenantId
from modori.kernel.masking import mask_name
from modori.storage import crypto


def open_field(
    session: Session, *, tenant_id: UUID, table: str, column: str, row: UUID, sealed: bytes | None
) -> str | None:
    """Open one field; None where nothing is stored, or nothing can be read any more."""
    if sealed is None:
        return None
    try:
        return crypto.unseal(session, TenantId(tenant_id), crypto.Field(table, column, str(row)), bytes(sealed))
    except crypto.CannotOpen:
        return None


def masked_name(session: Session, *, tenant_id: UUID, person_id: UUID, sealed: bytes | None) -> str | None:
    """Show a person's name as the console does without a reveal."""
    name = open_field(session, tenant_id=tenant_id, table="person", column="name", row=person_id, sealed=sealed)
    return None if name is None else mask_name(name)
