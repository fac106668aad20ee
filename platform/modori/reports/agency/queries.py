"""Clients with their sites, and the audit over several clients."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from modori.kernel.ids import TenantId
from modori.reports.paging import Cursor
from modori.storage.db import ReadSession

CLIENTS = 500


@dataclass(frozen=True, slots=True)
class ClientSite:
    """A site in the list of clients."""

    site_id: UUID
    name: str
    origins: list[str]
    capture_mode: str
    is_stopped: bool
    in_quarantine: bool


@dataclass(frozen=True, slots=True)
class ClientRow:
    """A client in a list, with its sites."""

    tenant_id: TenantId
    name: str
    is_stopped: bool
    sites: list[ClientSite]


@dataclass(frozen=True, slots=True)
class AuditRow:
    """Who did what."""

    tenant_id: TenantId
    audit_id: UUID
    at: datetime
    user: str | None
    action: str
    subject_kind: str
    subject_id: str
    detail: dict[str, Any]


def list_clients(session: ReadSession, *, tenant_ids: Sequence[TenantId], now: datetime) -> list[ClientRow]:
    """List clients with their sites by name, at most CLIENTS."""
    rows = session.connection().execute(
        text(
            "select t.tenant_id, t.name, t.sending_stopped_at is not null as is_stopped, coalesce((select jsonb_agg("
            "   jsonb_build_object('site_id', s.site_id, 'name', s.name, 'origins', to_jsonb(s.origins),"
            "     'capture_mode', s.capture_mode, 'is_stopped', s.sending_stopped_at is not null,"
            "     'in_quarantine', coalesce(s.quarantine_until > :now, false)) order by s.name)"
            "   from site s where s.tenant_id = t.tenant_id), '[]'::jsonb) as sites"
            " from tenant t where t.tenant_id = any(cast(:tenants as uuid[])) order by t.name, t.tenant_id limit :most"
        ),
        {"tenants": list(tenant_ids), "now": now, "most": CLIENTS},
    )
    return [
        ClientRow(
            row.tenant_id,
            row.name,
            row.is_stopped,
            [ClientSite(**(one | {"site_id": UUID(one["site_id"])})) for one in row.sites],
        )
        for row in rows
    ]


def list_audit(
    session: ReadSession, *, tenant_ids: Sequence[TenantId], after: Cursor | None, limit: int
) -> list[AuditRow]:
    """List the audit of several clients, newest first, those after `after`: by id, whose order is that of time."""
    rows = session.connection().execute(
        text(
            "select a.tenant_id, a.audit_id, a.at, u.name, a.action, a.subject_kind, a.subject_id, a.detail"
            " from unnest(cast(:tenants as uuid[])) as mine(tenant_id)"
            " cross join lateral (select * from audit_entry x where x.tenant_id = mine.tenant_id"
            "   and (cast(:after_id as uuid) is null or x.audit_id < cast(:after_id as uuid))"
            "   order by x.audit_id desc limit :limit) a"
            " left join user_account u on u.user_id = a.user_id"
            " order by a.audit_id desc limit :limit"
        ),
        {
            "tenants": list(tenant_ids),
            "after_id": after.row_id if after else None,
            "limit": limit,
        },
    )
    return [AuditRow(*row) for row in rows]
