"""Queries of a client's sites, of what their capture has said of itself, and of their keys."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session, col, select

from modori.kernel.errors import NotFound
from modori.kernel.ids import SiteId, TenantId
from modori.tenants.model import KeyKind, NoticeVersion, Site, SiteKey


def get_site(session: Session, *, tenant_id: TenantId, site_id: SiteId) -> Site:
    site = session.exec(select(Site).where(Site.tenant_id == tenant_id, Site.site_id == site_id)).one_or_none()
    if site is None:
        raise NotFound("no such site")
    return site


def lock_site(session: Session, *, tenant_id: TenantId, site_id: SiteId) -> Site:
    wanted = select(Site).where(Site.tenant_id == tenant_id, Site.site_id == site_id).with_for_update(key_share=True)
    site = session.exec(wanted.execution_options(populate_existing=True)).one_or_none()
    if site is None:
        raise NotFound("no such site")
    return site


def list_sites(session: Session, *, tenant_id: TenantId) -> list[Site]:
    """Return a client's sites, oldest first; at most 500."""
    wanted = select(Site).where(Site.tenant_id == tenant_id).order_by(col(Site.made_at), col(Site.site_id)).limit(500)
    return list(session.exec(wanted))


def list_notice_versions(session: Session, *, tenant_id: TenantId, site_id: SiteId) -> list[NoticeVersion]:
    """Return what a site's capture has said of itself, newest first; at most 50."""
    wanted = (
        select(NoticeVersion)
        .where(NoticeVersion.tenant_id == tenant_id, NoticeVersion.site_id == site_id)
        .order_by(col(NoticeVersion.from_at).desc(), col(NoticeVersion.notice_version_id).desc())
        .limit(50)
    )
    return list(session.exec(wanted))


def find_capture_on_at(session: Session, *, tenant_id: TenantId, site_id: SiteId) -> datetime | None:
    """Find when a site's capture was last switched on; None where it is off, or was never off."""
    found = session.connection().execute(
        text(
            "select min(n.from_at) from notice_version n where n.tenant_id = :tenant_id and n.site_id = :site_id"
            " and n.capture_mode <> 'off' and (n.from_at, n.notice_version_id) > (select o.from_at, o.notice_version_id"
            "   from notice_version o where o.tenant_id = :tenant_id and o.site_id = :site_id"
            "   and o.capture_mode = 'off' order by o.from_at desc, o.notice_version_id desc limit 1)"
        ),
        {"tenant_id": tenant_id, "site_id": site_id},
    )
    on_at: datetime | None = found.scalar_one()
    return on_at


def origin_is_registered(session: Session, *, origin: str) -> bool:
    """Say whether any site of any tenant has this origin: preflights are granted by it, before a key is known."""
    found = session.connection().execute(text("select origin_is_registered(:origin)"), {"origin": origin})
    return bool(found.scalar_one())


class FoundKey(NamedTuple):
    """Whom a key belongs to, found before a tenant is known."""

    tenant_id: TenantId
    site_id: SiteId
    key_id: UUID
    kind: KeyKind
    revoked_at: datetime | None


def find_site_key(session: Session, *, key_hash: bytes) -> FoundKey | None:
    """Find a key over all tenants by the SHA-256 of its text; a revoked one is found, too."""
    row = (
        session.connection()
        .execute(
            text("select tenant_id, site_id, key_id, kind, revoked_at from resolve_site_key(:key_hash)"),
            {"key_hash": key_hash},
        )
        .one_or_none()
    )
    return None if row is None else FoundKey(row[0], row[1], row[2], KeyKind(row[3]), row[4])


def list_site_versions(session: Session, *, tenant_ids: Sequence[UUID], key_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Return, for those of some keys that are not revoked, a word that changes whenever their site's row does.

    Over all the tenants that the transaction is bound to.
    """
    found = session.connection().execute(
        text(
            "select k.key_id, s.xmin::text from site_key k"
            " join site s on s.tenant_id = k.tenant_id and s.site_id = k.site_id"
            " where k.tenant_id = any(:tenant_ids) and k.key_id = any(:key_ids) and k.revoked_at is null"
        ),
        {"tenant_ids": list(tenant_ids), "key_ids": list(key_ids)},
    )
    return {row[0]: row[1] for row in found}


def list_site_keys(session: Session, *, tenant_id: TenantId, site_id: SiteId) -> list[SiteKey]:
    """Return a site's keys, newest first, revoked ones included; at most 100."""
    wanted = (
        select(SiteKey)
        .where(SiteKey.tenant_id == tenant_id, SiteKey.site_id == site_id)
        .order_by(col(SiteKey.made_at).desc(), col(SiteKey.key_id).desc())
        .limit(100)
    )
    return list(session.exec(wanted))


def lock_site_key(session: Session, *, tenant_id: TenantId, key_id: UUID) -> SiteKey:
    wanted = select(SiteKey).where(SiteKey.tenant_id == tenant_id, SiteKey.key_id == key_id)
    key = session.exec(wanted.with_for_update(key_share=True)).one_or_none()
    if key is None:
        raise NotFound("no such key")
    return key
