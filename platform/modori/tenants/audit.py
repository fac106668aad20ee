"""Who did what: the entries of the audit (RULES 16)."""

from datetime import datetime
from typing import Any

from sqlmodel import Session

from modori.kernel.ids import TenantId, UserId, new_id
from modori.tenants.model import AuditEntry


def record_audit(
    session: Session,
    *,
    tenant_id: TenantId,
    user_id: UserId | None,
    action: str,
    subject_kind: str,
    subject_id: str,
    now: datetime,
    detail: dict[str, Any] | None = None,
) -> AuditEntry:
    """Write down who did what (RULES 16). `detail` holds ids and plain words, never a personal value."""
    entry = AuditEntry(
        tenant_id=tenant_id,
        audit_id=new_id(),
        at=now,
        user_id=user_id,
        action=action,
        subject_kind=subject_kind,
        subject_id=subject_id,
        detail=detail or {},
    )
    session.add(entry)
    return entry
