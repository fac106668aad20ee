"""Field encryption and blind indexes (G13).

A personal field is AES-256-GCM under its tenant's data key, bound by associated data to tenant, table, column and row,
so that a ciphertext copied elsewhere does not open. Data keys are random, stored wrapped by the master key, and are
destroyed when a tenant leaves. Look-ups go by HMAC-SHA-256 under keys derived from another root, so stops survive a
destroyed data key.
"""

import hashlib
import hmac
import os
from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlmodel import Session

from modori.kernel.ids import TenantId
from modori.storage import queries

NONCE_BYTES = 12
"""NIST SP 800-38D: 96-bit nonces; random ones are safe for 2**32 messages per key."""


class CannotOpen(Exception):
    """The ciphertext is not this field's, or its key has been destroyed."""


@dataclass(frozen=True)
class RootKeys:
    """master wraps data keys; index derives blind-index keys. 32 bytes each."""

    master: bytes
    index: bytes


@dataclass(frozen=True)
class Field:
    """Which field a ciphertext belongs to: it opens nowhere else."""

    table: str
    column: str
    row: str


_roots: RootKeys | None = None
_data_keys: dict[UUID, bytes] = {}


def configure(roots: RootKeys) -> None:
    """Set the process's root keys. raises ValueError unless both have 32 bytes."""
    global _roots
    if len(roots.master) != 32 or len(roots.index) != 32:
        raise ValueError("master and index keys must have 32 bytes each")
    _roots = roots
    _data_keys.clear()
    _derived.clear()


def has_data_key(tenant_id: TenantId) -> bool:
    """Say whether this process has a tenant's data key at hand, so that sealing needs no session."""
    return tenant_id in _data_keys


def seal(session: Session | None, tenant_id: TenantId, field: Field, plaintext: str) -> bytes:
    """Encrypt one field. Returns nonce + ciphertext + tag.

    session  reads the tenant's data key; None where `has_data_key`
    """
    nonce = os.urandom(NONCE_BYTES)
    cipher = AESGCM(_data_key(session, tenant_id))
    return nonce + cipher.encrypt(nonce, plaintext.encode(), _bound_to(tenant_id, field))


def unseal(session: Session | None, tenant_id: TenantId, field: Field, sealed: bytes) -> str:
    """Decrypt one field. raises CannotOpen where it was moved, altered, or its key destroyed."""
    cipher = AESGCM(_data_key(session, tenant_id))
    try:
        plaintext = cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _bound_to(tenant_id, field))
    except InvalidTag as error:
        raise CannotOpen(f"{field.table}.{field.column}") from error
    return plaintext.decode()


def blind_index(tenant_id: TenantId, kind: str, normalised: str) -> bytes:
    """Return the 32 bytes by which a tenant looks a value up. `kind` is email, phone, line or user."""
    return _hmac(f"tenant:{tenant_id}", kind, normalised)


def platform_index(kind: str, normalised: str) -> bytes:
    """Return the 32 bytes by which the contact caps over all tenants count a value. No tenant can compare them."""
    return _hmac("platform", kind, normalised)


def new_data_key(session: Session, tenant_id: TenantId) -> None:
    """Make a tenant's data key; a second call changes nothing."""
    nonce = os.urandom(NONCE_BYTES)
    wrapped = AESGCM(_root().master).encrypt(nonce, AESGCM.generate_key(256), tenant_id.bytes)
    queries.insert_data_key(session, tenant_id=tenant_id, wrapped=nonce + wrapped)


def _data_key(session: Session | None, tenant_id: TenantId) -> bytes:
    key = _data_keys.get(tenant_id)
    if key is None:
        if session is None:
            raise CannotOpen("the tenant's data key is not at hand")
        wrapped = queries.find_data_key(session, tenant_id=tenant_id)
        if wrapped is None:
            raise CannotOpen("the tenant has no data key")
        key = AESGCM(_root().master).decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], tenant_id.bytes)
        _data_keys[tenant_id] = key
    return key


def _bound_to(tenant_id: TenantId, field: Field) -> bytes:
    return "\x1f".join((str(tenant_id), field.table, field.column, field.row)).encode()


_derived: dict[str, hmac.HMAC] = {}
"""Begun with their keys, to be copied: that is half of an HMAC's price."""


def _hmac(scope: str, kind: str, normalised: str) -> bytes:
    begun = _derived.get(scope)
    if begun is None:
        key = HKDF(algorithm=SHA256(), length=32, salt=None, info=scope.encode()).derive(_root().index)
        begun = _derived[scope] = hmac.new(key, digestmod=hashlib.sha256)
    made = begun.copy()
    made.update(f"{kind}\x1f{normalised}".encode())
    return made.digest()


def _root() -> RootKeys:
    if _roots is None:
        raise RuntimeError("storage.crypto.configure has not been called")
    return _roots
