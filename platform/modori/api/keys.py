"""From a key to its site: looked up before a tenant is known, and kept for a few seconds."""

import hashlib
from collections import OrderedDict
from threading import Lock
from time import monotonic

from modori.capture.context import SiteContext, context_of
from modori.kernel.ids import SiteId, TenantId
from modori.storage.db import agency_transaction, tenant_transaction
from modori.tenants import queries as tenants
from modori.tenants.actions import signing_secrets
from modori.tenants.model import KeyKind

KEPT_S = 3.0
"""A revoked key is refused, and a changed site obeyed, within this time."""
MOST_KEPT = 10_000
LONGEST_KEY = 100


class SiteKeys:
    """Resolves keys. Unknown ones are remembered, too, so that guessing does not reach the database each time."""

    def __init__(self, *, kept_s: float = KEPT_S) -> None:
        self._kept_s = kept_s
        self._lock = Lock()
        self._kept: OrderedDict[bytes, tuple[float, SiteContext | None]] = OrderedDict()

    def at_hand(self, key: str) -> tuple[bool, SiteContext | None]:
        """Say whether the answer is known without the database, and which it is."""
        if not key.startswith(("pk_", "sk_")) or len(key) > LONGEST_KEY:
            return True, None
        kept = self._kept.get(hashlib.sha256(key.encode()).digest())
        return (True, kept[1]) if kept is not None and kept[0] > monotonic() else (False, None)

    def find(self, key: str) -> SiteContext | None:
        """Return the site of a live key, or None for an unknown or revoked one, or one of another form.

        Opens a transaction of its own where the answer is not at hand: not to be called inside another.
        """
        if not key.startswith(("pk_", "sk_")) or len(key) > LONGEST_KEY:
            return None
        key_hash = hashlib.sha256(key.encode()).digest()
        with self._lock:
            kept = self._kept.get(key_hash)
        if kept is not None and kept[0] > monotonic():
            return kept[1]
        found = _look_up(key_hash, is_secret=key.startswith("sk_"))
        with self._lock:
            self._kept[key_hash] = (monotonic() + self._kept_s, found)
            self._kept.move_to_end(key_hash)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return found


def _look_up(key_hash: bytes, *, is_secret: bool) -> SiteContext | None:
    with agency_transaction() as session:
        key = tenants.find_site_key(session, key_hash=key_hash)
    if key is None or key.revoked_at is not None or (key.kind == KeyKind.SECRET) is not is_secret:
        return None
    tenant_id = TenantId(key.tenant_id)
    with tenant_transaction(tenant_id) as session:
        site = tenants.get_site(session, tenant_id=tenant_id, site_id=SiteId(key.site_id))
        secrets = signing_secrets(session, site)
        return context_of(site, key_id=str(key.key_id), is_secret=is_secret, signing_secrets=secrets)


site_keys = SiteKeys()
"""The process's own, shared by ingest and the server API."""
