"""Who may report events, and how many: keys, origins, and the buckets that a request drinks from (RULES 36)."""

import ipaddress
import re
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from time import monotonic
from typing import Final

from modori.api import counts
from modori.api.keys import SiteKeys
from modori.api.rates import Rates
from modori.capture.context import SiteContext
from modori.capture.rules import Mark
from modori.capture.sightings.counts import Counts
from modori.capture.wire import MAX_EVENTS, BadEnvelope, Envelope, read_envelope
from modori.kernel.errors import Forbidden, Limited, ModoriError
from modori.kernel.origins import origin_of
from modori.storage.db import agency_transaction
from modori.tenants.keys import shown_of_secret
from modori.tenants.sites.queries import origin_is_registered

ORIGINS_KEPT_S: Final = 5.0
MOST_ORIGINS: Final = 5000
STRANGERS_PER_S: Final = 10
STRANGERS_BURST: Final = 50
"""For addresses that present no known key; a site's own figures are in its row (RULES 36)."""

_KEY: Final = re.compile(rb'"site"\s*:\s*"(pk_[A-Za-z0-9_-]{1,96})"')


class UnknownSiteKey(Forbidden):
    code = "unknown_key"
    title = "The key is unknown or has been revoked"


class OriginRequired(Forbidden):
    code = "origin_required"
    title = "A publishable key is for browsers, which send an Origin"


class ForeignOrigin(Forbidden):
    code = "foreign_origin"
    title = "The page's origin is not registered for this site"


class SecretInBrowser(Forbidden):
    code = "secret_key_in_browser"
    title = "A secret key must never be in a page. Revoke it"


@dataclass(slots=True)
class Asked:
    """A request of `POST /v1/events`, its body not parsed yet."""

    origin: str | None
    bearer: str | None
    client_ip: str
    body: bytes
    received_at: datetime
    mark: Mark | None


class Admission:
    """Lets a request pass, or refuses it.

    look_up  has a thread find the site of a key that is not at hand
    """

    def __init__(
        self,
        *,
        keys: SiteKeys,
        rates: Rates,
        sightings: Counts,
        look_up: Callable[[str], Awaitable[SiteContext | None]],
    ) -> None:
        self._keys, self._rates, self._sightings, self._look_up = keys, rates, sightings, look_up

    async def admit(self, asked: Asked) -> tuple[SiteContext, Envelope]:
        """Say on whose behalf a request speaks, and what it says. raises Forbidden's leaves, BadInput's, Limited"""
        await self._refuse_early(asked)
        try:
            envelope = read_envelope(asked.body)
            site = await self._site(asked, envelope)
        except ModoriError:
            self.count_stranger(asked.client_ip)
            raise
        for key, per_s, burst in _buckets(site, asked):
            self._limit(key, len(envelope.events), per_s, burst)
        return site, envelope

    def note(self, site: SiteContext, code: str, asked: Asked, *, subject: str = "", times: int = 1) -> None:
        """Count a refusal, for /metrics and for the page of the site."""
        now, times = asked.received_at, max(times, 1)
        counts.REFUSED.labels(code).inc(times)
        self._sightings.note(site.tenant_id, site.site_id, code, now=now, subject=subject, times=times)

    def look_at_stranger(self, client_ip: str) -> None:
        """Refuse whoever has just presented too many keys or origins that nobody knows. raises Limited"""
        wait_s = self._rates.look(_stranger(client_ip), 1, per_s=STRANGERS_PER_S, burst=STRANGERS_BURST)
        if wait_s:
            raise _limited(wait_s)

    def count_stranger(self, client_ip: str) -> None:
        """Count an unknown key or origin. raises Limited once there are too many"""
        self._limit(_stranger(client_ip), 1, STRANGERS_PER_S, STRANGERS_BURST)

    async def _refuse_early(self, asked: Asked) -> None:
        """Refuse what the buckets would not let pass anyway, before anything is parsed. raises Limited

        Who presents no key that is known at hand, from a network that has just presented too many unknown ones, is not
        worth a look into the database. Customers behind the same address are: their site's key is at hand.

        The body is only searched for a key, and how many events it seems to hold: who lies about either gains nothing,
        since the right ones are counted again once the body has been parsed.
        """
        if not self._rates.refuses_some:
            return
        peeked = _KEY.search(asked.body)
        named = asked.bearer or (peeked[1].decode() if peeked else "")
        if self._keys.at_hand(named)[1] is None:
            self.look_at_stranger(asked.client_ip)
        site = None if peeked is None or asked.bearer else await self._find(named)
        if site is None:
            return
        count = min(asked.body.count(b'"visitor"'), MAX_EVENTS)
        for key, per_s, burst in _buckets(site, asked):
            wait_s = self._rates.look(key, count, per_s=per_s, burst=burst)
            if wait_s:
                self.note(site, Limited.code, asked, times=count)
                raise _limited(wait_s)

    async def _site(self, asked: Asked, envelope: Envelope) -> SiteContext:
        """Say on whose behalf the request speaks. raises Forbidden's leaves, BadEnvelope"""
        if asked.bearer is not None:
            return await self._site_of_server(asked, envelope, asked.bearer)
        if envelope.site is None:
            raise BadEnvelope("site: name the site's publishable key, pk_…", field="site")
        site = await self._find(envelope.site)
        if site is None or site.is_secret:
            self._note_secret(site, envelope.site, asked)
            raise UnknownSiteKey()
        if asked.origin is None:
            self.note(site, OriginRequired.code, asked)
            raise OriginRequired()
        if not _is_among(asked.origin, site.origins):
            self.note(site, ForeignOrigin.code, asked, subject=origin_of(asked.origin) or "")
            raise ForeignOrigin()
        return site

    async def _site_of_server(self, asked: Asked, envelope: Envelope, bearer: str) -> SiteContext:
        site = await self._find(bearer)
        if asked.origin is not None:
            self._note_secret(site, bearer, asked)
            raise SecretInBrowser()
        if site is None or not site.is_secret:
            raise UnknownSiteKey()
        if envelope.site is not None:
            named = await self._find(envelope.site)
            if named is None or named.site_id != site.site_id:
                raise UnknownSiteKey("The envelope names another site than the secret key's.")
        return site

    def _note_secret(self, site: SiteContext | None, key: str, asked: Asked) -> None:
        """Count a secret key that came from a page, by the part of it that the console shows."""
        if site is not None and site.is_secret and asked.origin is not None:
            self.note(site, SecretInBrowser.code, asked, subject=shown_of_secret(key))

    async def _find(self, key: str) -> SiteContext | None:
        """Return the site of a key: from memory, or from the database by a thread."""
        is_at_hand, site = self._keys.at_hand(key)
        return site if is_at_hand else await self._look_up(key)

    def _limit(self, key: Hashable, cost: int, per_s: int, burst: int) -> None:
        wait_s = self._rates.take(key, cost, per_s=per_s, burst=burst)
        if wait_s:
            raise _limited(wait_s)


class Origins:
    """Which origins some site has registered: for preflights, which name no site. Kept for some seconds."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, bool]] = {}

    def at_hand(self, origin: str) -> bool | None:
        """Say what is known without the database; None: nothing."""
        kept = self._kept.get(origin)
        return kept[1] if kept is not None and kept[0] > monotonic() else None

    def look_up(self, origin: str) -> bool:
        """Say whether any site's pages come from there. Opens a transaction of its own."""
        written = origin_of(origin)
        found = False
        if written is not None:
            with agency_transaction() as session:
                found = origin_is_registered(session, origin=written)
        if len(self._kept) >= MOST_ORIGINS:
            self._kept.clear()
        self._kept[origin] = (monotonic() + ORIGINS_KEPT_S, found)
        return found


def _stranger(client_ip: str) -> Hashable:
    return "stranger", network_of(client_ip)


def _is_among(origin: str, origins: Sequence[str]) -> bool:
    return origin in origins or origin_of(origin) in origins


def _buckets(site: SiteContext, asked: Asked) -> list[tuple[Hashable, int, int]]:
    """Say which buckets a request drinks from: (key, tokens a second, burst). A server's address has none."""
    number = site.site_id.int  # hashed and compared faster than a UUID
    of_site: tuple[Hashable, int, int] = (number, site.site_events_per_s, max(site.site_events_per_s * 2, 50))
    if site.is_secret:
        return [of_site]
    return [((number, network_of(asked.client_ip)), site.ip_events_per_s, site.ip_events_burst), of_site]


def _limited(wait_s: int) -> Limited:
    return Limited("Too many events. Nothing was kept.", retry_after_s=wait_s)


@lru_cache(maxsize=4096)
def network_of(client_ip: str) -> str:
    """Name the caller's network: an IPv4 address, or the /64 that one IPv6 customer has at least."""
    try:
        address = ipaddress.ip_address(client_ip)
    except ValueError:
        return client_ip
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
