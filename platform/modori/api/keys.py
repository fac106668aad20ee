"""From a key to its site: looked up before a tenant is known, kept for a few seconds, and refreshed while in use."""

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from time import monotonic
from typing import NamedTuple
from uuid import UUID

import structlog

from modori.capture.context import SiteContext, context_of
from modori.kernel.ids import SiteId, TenantId
from modori.storage.db import agency_transaction, read_transaction, tenant_transaction
from modori.storage.failures import DATABASE_FAILURES
from modori.tenants.keys import key_hash, signing_secrets
from modori.tenants.model import KeyKind
from modori.tenants.sites import queries as site_queries

KEPT_S = 3.0
"""A revoked key is refused, and a changed site obeyed, within this time."""
MOST_KEPT = 10_000
MOST_REFRESHED = 1_000
"""At a time; the others are looked up again, one by one, when they are asked for."""
LONGEST_KEY = 100

log = structlog.get_logger()


class _Kept(NamedTuple):
    """What a key stands for. `version` changes with the site's row; None where the key is unknown."""

    until: float
    site: SiteContext | None
    version: str | None


class SiteKeys:
    """Resolves keys. Unknown ones are remembered, too, so that guessing does not reach the database each time.

    What is in use is not forgotten and looked up again: in the second half of its time one statement for all of them
    asks which have changed, so that no request waits.
    """

    def __init__(
        self, *, kept_s: float = KEPT_S, most_kept: int = MOST_KEPT, tick: Callable[[], float] = monotonic
    ) -> None:
        self._kept_s, self._most_kept, self._tick = kept_s, most_kept, tick
        self._lock = Lock()
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._unknown: OrderedDict[str, _Kept] = OrderedDict()
        self._used: set[str] = set()
        self._refreshed_at = tick()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="site-keys")

    def at_hand(self, key: str) -> tuple[bool, SiteContext | None]:
        """Say whether the answer is known without the database, and which it is."""
        named = _named(key)
        if named is None:
            return True, None
        kept, now = self._kept.get(named) or self._unknown.get(named), self._tick()
        if kept is None or kept.until <= now:
            return False, None
        if kept.site is not None:
            self._used.add(named)
            if now - self._refreshed_at > self._kept_s / 2:
                self._refreshed_at = now
                self._thread.submit(self._refresh_and_tell)
        return True, kept.site

    def find(self, key: str) -> SiteContext | None:
        """Return the site of a live key, or None for an unknown or revoked one, or one of another form.

        Opens a transaction of its own where the answer is not at hand: not to be called inside another.
        """
        is_at_hand, site = self.at_hand(key)
        named = _named(key)
        if is_at_hand or named is None:
            return site
        until = self._tick() + self._kept_s
        site, version = _look_up(key_hash(key), is_secret=key.startswith("sk_"))
        with self._lock:
            self._kept.pop(named, None)
            self._unknown.pop(named, None)
            kept = self._unknown if site is None else self._kept  # guesses push no live site out
            kept[named] = _Kept(until, site, version)
            while len(kept) > self._most_kept:
                kept.popitem(last=False)
        return site

    def _refresh_and_tell(self) -> None:
        """Refresh in the thread, whose pool swallows what is raised: without this line keys would only grow slow."""
        try:
            self.refresh()
        except Exception as error:
            log.error("ingest.keys_not_refreshed", exc_info=error)
            raise

    def refresh(self) -> None:
        """Keep what has been used lately and has not changed; forget what has. No transaction may be open.

        A database that is away changes nothing: what is kept is over in its time.
        """
        until = self._tick() + self._kept_s
        taken, self._used = self._used, set()
        used = frozenset(taken)  # copied at once: a request may still add to the one that was taken
        with self._lock:
            known = [(named, kept) for named in used if (kept := self._kept.get(named)) is not None]
        sites = {UUID(kept.site.key_id): kept.site for _, kept in known[:MOST_REFRESHED] if kept.site is not None}
        try:
            with read_transaction(sorted({site.tenant_id for site in sites.values()})) as session:
                tenant_ids = [site.tenant_id for site in sites.values()]
                versions = site_queries.list_site_versions(session, tenant_ids=tenant_ids, key_ids=list(sites))
        except DATABASE_FAILURES as error:
            log.warning("ingest.keys_not_refreshed", error=type(error).__name__)
            return
        with self._lock:
            for named, kept in known[:MOST_REFRESHED]:
                if kept.site is None or self._kept.get(named) != kept:
                    continue
                if kept.version is not None and versions.get(UUID(kept.site.key_id)) == kept.version:
                    self._kept[named] = kept._replace(until=until)
                else:
                    del self._kept[named]


def _named(key: str) -> str | None:
    """Return the name under which a key is kept, None for what is no key: no secret stays in memory."""
    if len(key) > LONGEST_KEY:
        return None
    if key.startswith("pk_"):
        return key
    return key_hash(key).hex() if key.startswith("sk_") else None


def _look_up(hashed: bytes, *, is_secret: bool) -> tuple[SiteContext | None, str | None]:
    """Return the site of a key, and the version of the row that it was read from, or of an older one."""
    with agency_transaction() as session:
        key = site_queries.find_site_key(session, key_hash=hashed)
    if key is None or key.revoked_at is not None or (key.kind == KeyKind.SECRET) is not is_secret:
        return None, None
    tenant_id = TenantId(key.tenant_id)
    with tenant_transaction(tenant_id) as session:
        versions = site_queries.list_site_versions(session, tenant_ids=[tenant_id], key_ids=[key.key_id])
        site = site_queries.get_site(session, tenant_id=tenant_id, site_id=SiteId(key.site_id))
        secrets = signing_secrets(session, site)
        context = context_of(site, key_id=str(key.key_id), is_secret=is_secret, signing_secrets=secrets)
    return context, versions.get(key.key_id)


site_keys = SiteKeys()
"""The process's own, shared by ingest and the server API."""
