"""Queries of the JSON edge itself: kept answers, and the lists that a client's server reads."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from modori.api.model import IdempotentAnswer
from modori.kernel.ids import SiteId, TenantId


def lock_key(session: Session, *, tenant_id: TenantId, key: str) -> None:
    """Let one request at a time work under an idempotency key."""
    session.connection().execute(
        text("select pg_advisory_xact_lock(hashtextextended('idempotency:' || cast(:tenant_id as text) || :key, 0))"),
        {"tenant_id": tenant_id, "key": key},
    )


def find_answer(session: Session, *, tenant_id: TenantId, key: str, since: datetime) -> IdempotentAnswer | None:
    """Find what was answered to a key, where it is still kept."""
    found = session.get(IdempotentAnswer, (tenant_id, key), populate_existing=True)
    return found if found is not None and found.made_at >= since else None


def keep_answer(session: Session, answer: IdempotentAnswer) -> None:
    """Keep an answer, in the place of one that is no longer kept."""
    row = answer.model_dump()
    session.connection().execute(
        insert(IdempotentAnswer)
        .values(row)
        .on_conflict_do_update(
            index_elements=["tenant_id", "key"],
            set_={name: row[name] for name in ("request_hash", "status", "answer", "made_at")},
        )
    )


def delete_answers(session: Session, *, tenant_id: TenantId, before: datetime) -> int:
    gone = session.connection().execute(
        text("delete from idempotent_answer where tenant_id = :tenant_id and made_at < :before"),
        {"tenant_id": tenant_id, "before": before},
    )
    return int(gone.rowcount)


def list_leads(
    session: Session, *, tenant_id: TenantId, site_id: SiteId, before: UUID | None, limit: int
) -> list[Row[Any]]:
    """List a site's leads, newest first, from before an id on; contacts masked."""
    rows = session.connection().execute(
        text(
            "select l.lead_id, l.episode_id, l.state, l.arm, l.value_minor, l.currency, l.made_at, l.ended_at,"
            " l.ended_by, coalesce((select jsonb_agg(jsonb_build_object('kind', c.kind, 'masked', c.masked)"
            "   order by c.kind, c.contact_point_id) from lead_contact k join contact_point c"
            "   on c.tenant_id = k.tenant_id and c.contact_point_id = k.contact_point_id"
            "   where k.tenant_id = l.tenant_id and k.lead_id = l.lead_id), '[]') as contacts"
            " from lead l where l.tenant_id = :tenant_id and l.site_id = :site_id"
            " and (cast(:before as uuid) is null or l.lead_id < :before)"
            " order by l.lead_id desc limit :limit"
        ),
        {"tenant_id": tenant_id, "site_id": site_id, "before": before, "limit": limit},
    )
    return list(rows)


def list_results(
    session: Session, *, tenant_id: TenantId, site_id: SiteId, before: UUID | None, limit: int
) -> list[Row[Any]]:
    """List a site's results, newest first, from before an id on, each with the order's own id."""
    rows = session.connection().execute(
        text(
            "select r.result_id, o.external_id, r.lead_id, r.state, r.basis, r.basis_at, r.currency, r.value_minor,"
            " r.fee_minor, r.hold_until, r.made_at, r.decided_at from result r"
            " join purchase_order o on o.tenant_id = r.tenant_id and o.order_id = r.order_id"
            " where r.tenant_id = :tenant_id and r.site_id = :site_id"
            " and (cast(:before as uuid) is null or r.result_id < :before)"
            " order by r.result_id desc limit :limit"
        ),
        {"tenant_id": tenant_id, "site_id": site_id, "before": before, "limit": limit},
    )
    return list(rows)
