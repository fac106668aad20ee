"""A site's keys, and the secrets by which a shop's server signs who a visitor is (RULES 36, 37)."""

import hashlib
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlmodel import Session

from modori.kernel.ids import SiteId, TenantId, new_id, new_token
from modori.storage import crypto
from modori.tenants.model import KeyKind, Site, SiteKey
from modori.tenants.sites import queries

KEY_BYTES: Final = 24
_PREFIX: Final = {KeyKind.PUBLISHABLE: "pk_", KeyKind.SECRET: "sk_"}


def issue_site_key(
    session: Session, *, tenant_id: TenantId, site_id: SiteId, kind: KeyKind, now: datetime
) -> tuple[SiteKey, str]:
    """Make a key for a site. Returns its row and the key itself, which is shown this once and not stored."""
    queries.get_site(session, tenant_id=tenant_id, site_id=site_id)
    plain = _PREFIX[kind] + new_token(KEY_BYTES)
    key = SiteKey(
        tenant_id=tenant_id,
        key_id=new_id(),
        site_id=site_id,
        kind=kind,
        key_hash=key_hash(plain),
        shown=plain if kind == KeyKind.PUBLISHABLE else shown_of_secret(plain),
        made_at=now,
    )
    session.add(key)
    session.flush()
    return key, plain


def shown_of_secret(plain: str) -> str:
    """Return the part of a secret key by which people tell it from others."""
    return plain[:8]


def revoke_site_key(session: Session, *, tenant_id: TenantId, key_id: UUID, now: datetime) -> SiteKey:
    """Let a key open nothing any more. A second call changes nothing."""
    key = queries.lock_site_key(session, tenant_id=tenant_id, key_id=key_id)
    key.revoked_at = key.revoked_at or now
    return key


def key_hash(plain: str) -> bytes:
    """Return what is stored of a key: the SHA-256 of its text."""
    return hashlib.sha256(plain.encode()).digest()


def rotate_signing_secret(session: Session, *, tenant_id: TenantId, site_id: SiteId) -> str:
    """Make the secret with which a shop's server signs who a visitor is. Returns it: it is shown this once.

    The one before stays good until the next change, or until `end_rotation` (RULES 37).
    """
    site = queries.lock_site(session, tenant_id=tenant_id, site_id=site_id)
    plain = "sgn_" + new_token(KEY_BYTES)
    site.signing_secret_before = site.signing_secret
    site.signing_secret = crypto.seal(session, tenant_id, _signing_field(site_id), plain)
    session.flush()
    return plain


def end_rotation(session: Session, *, tenant_id: TenantId, site_id: SiteId) -> None:
    """Let the signing secret before the present one prove nothing any more. A second call changes nothing."""
    queries.lock_site(session, tenant_id=tenant_id, site_id=site_id).signing_secret_before = None
    session.flush()


def signing_secrets(session: Session, site: Site) -> tuple[bytes, ...]:
    """Decrypt the secrets that may sign now, the newest first; none where the site has none."""
    field = _signing_field(SiteId(site.site_id))
    kept = [sealed for sealed in (site.signing_secret, site.signing_secret_before) if sealed is not None]
    return tuple(crypto.unseal(session, TenantId(site.tenant_id), field, sealed).encode() for sealed in kept)


def _signing_field(site_id: SiteId) -> crypto.Field:
    return crypto.Field("site", "signing_secret", str(site_id))
