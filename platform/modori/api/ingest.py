"""`/v1/events` as a raw ASGI application: half of a framework's route would be the framework."""

import asyncio
import ipaddress
import json
import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from time import monotonic
from typing import Final, TypeVar

from starlette.types import Receive, Scope, Send

from modori.api import problems, taking
from modori.api.edge import ApiConfig, ProxyTrust
from modori.api.flusher import Flusher, GoAlone
from modori.api.keys import SiteKeys, site_keys
from modori.api.rates import Rates
from modori.capture.batch.visits import Posted, may_share
from modori.capture.context import SiteContext
from modori.capture.protection.marks import mark_of
from modori.capture.reading import Reading, Refusal, read_event
from modori.capture.rules import CartSeen, Mark, PageSeen
from modori.capture.sightings.counts import Counts, counts
from modori.capture.wire import MAX_BODY_BYTES, BadEnvelope, Envelope, TooLarge, read_envelope
from modori.kernel import clock
from modori.kernel.errors import BadInput, Forbidden, Limited, ModoriError, Unavailable
from modori.kernel.origins import origin_of
from modori.storage import crypto
from modori.storage.db import agency_transaction
from modori.storage.failures import DATABASE_FAILURES, refusal_of
from modori.tenants.model import CaptureMode
from modori.tenants.queries import origin_is_registered

T = TypeVar("T")
Headers = Mapping[bytes, bytes]

BODY_WITHIN_S: Final = 15.0
"""A body that takes longer to arrive is not waited for."""

PREFLIGHT_HOLDS_S: Final = 600
ORIGINS_KEPT_S: Final = 5.0
MOST_ORIGINS: Final = 5000
STRANGERS_PER_S: Final = 10
STRANGERS_BURST: Final = 50
"""For addresses that present no known key; a site's own figures are in its row (RULES 36)."""

MOST_READ_IN_LOOP: Final = 20
"""Events of one request: more are read by a thread, so that they do not hold up the event loop."""

_KEY: Final = re.compile(rb'"site"\s*:\s*"(pk_[A-Za-z0-9_-]{1,96})"')
_MEDIA_TYPES: Final = ("", "application/json", "text/plain")


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


class UnsupportedMedia(BadInput):
    code = "unsupported_media_type"
    status = 415
    title = "Send JSON as application/json or text/plain, not compressed"


class SlowBody(BadInput):
    code = "slow_body"
    status = 408
    title = "The body did not arrive in time"


class _Gone(Exception):
    """The caller hung up."""


@dataclass(frozen=True)
class _Asked:
    """A request, read."""

    origin: str | None
    bearer: str | None
    client_ip: str
    body: bytes
    received_at: datetime
    mark: Mark | None


class IngestApp:
    """Answers OPTIONS and POST. What a POST brings is committed before its 202 (G1).

    A browser's pages, carts and forms go through the flusher, which commits many requests together; what must not wait
    (orders, consents), what a server sends, and what the flusher hands back has a transaction of its own, on a bounded
    pool of threads. What comes while too much is in hand is answered 503 at once.
    """

    def __init__(
        self,
        config: ApiConfig,
        *,
        keys: SiteKeys = site_keys,
        rates: Rates | None = None,
        sightings: Counts = counts,
    ) -> None:
        self._keys = keys
        self._rates = rates or Rates()
        self._sightings = sightings
        self._proxies = ProxyTrust(config.trusted_proxies)
        self._threads = ThreadPoolExecutor(max_workers=config.ingest_threads, thread_name_prefix="ingest")
        self._flusher = Flusher()
        self._most_in_hand = config.ingest_threads + config.ingest_queue
        self._in_hand = 0
        self._origins: dict[str, tuple[float, bool]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: Headers = dict(scope["headers"])
        origin = headers.get(b"origin", b"").decode("latin-1") or None
        try:
            if scope["method"] == "OPTIONS":
                await self._preflight(origin, send)
            elif scope["method"] == "POST":
                await self._post(scope, headers, origin, receive, send)
            else:
                raise problems.MethodNotAllowed("Only POST and OPTIONS.")
        except ModoriError as error:
            await _answer(send, error.status, problems.body(error), _error_headers(error, origin))
        except DATABASE_FAILURES as error:
            problem = refusal_of(error)
            if problem is None:
                raise
            await _answer(send, problem.status, problems.body(problem), _error_headers(problem, origin))
        except _Gone:
            return

    async def _preflight(self, origin: str | None, send: Send) -> None:
        """Grant any registered origin: the POST is judged by its own site's list, which no preflight can name."""
        if origin is None or not await self._grants(origin):
            raise ForeignOrigin()
        granted = [
            (b"access-control-allow-methods", b"POST"),
            (b"access-control-allow-headers", b"content-type"),
            (b"access-control-max-age", str(PREFLIGHT_HOLDS_S).encode()),
        ]
        await _answer(send, 204, b"", [*_cors(origin), *granted])

    async def _post(self, scope: Scope, headers: Headers, origin: str | None, receive: Receive, send: Send) -> None:
        media = headers.get(b"content-type", b"").split(b";")[0].strip().lower().decode("latin-1")
        if media not in _MEDIA_TYPES or headers.get(b"content-encoding", b"identity") != b"identity":
            raise UnsupportedMedia()
        try:
            async with asyncio.timeout(BODY_WITHIN_S):
                body = await _read_body(headers, receive)
        except TimeoutError as error:
            raise SlowBody() from error
        peer = (scope.get("client") or ("0.0.0.0", 0))[0]  # noqa: S104  # stands for "unknown", nothing is bound
        forwarded = headers.get(b"x-forwarded-for")
        asked = _Asked(
            origin=origin,
            bearer=_bearer(headers),
            client_ip=self._proxies.client_ip(peer, forwarded.decode("latin-1") if forwarded else None),
            body=body,
            received_at=clock.now(),
            mark=mark_of(headers),
        )
        answer = await self._take(asked)
        await _answer(send, 202, answer, _cors(origin) if origin is not None else [])

    async def _in_thread(self, work: Callable[[], T]) -> T:
        context = copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: context.run(work))

    async def _take(self, asked: _Asked) -> bytes:
        if self._in_hand >= self._most_in_hand:
            raise Unavailable("Too much is waiting. Nothing was kept.", retry_after_s=2)
        self._in_hand += 1
        try:
            await self._refuse_early(asked)
            site, envelope = await self._read(asked)
            return await self._keep(asked, site, envelope)
        finally:
            self._in_hand -= 1
            if self._sightings.is_due():
                self._threads.submit(self._sightings.write_if_due)

    async def _refuse_early(self, asked: _Asked) -> None:
        """Refuse what the buckets would not let pass anyway, before anything is parsed. raises Limited

        Who presents no key that is known at hand, from a network that has just presented too many unknown ones, is not
        worth a look into the database. Customers behind the same address are: their site's key is at hand.

        The body is only searched for a key, and how many events it seems to hold: who lies about either gains nothing,
        since the right ones are counted again once the body has been parsed.
        """
        peeked = _KEY.search(asked.body)
        named = asked.bearer or (peeked[1].decode() if peeked else "")
        if self._keys.at_hand(named)[1] is None:
            stranger = ("stranger", network_of(asked.client_ip))
            wait_s = self._rates.look(stranger, 1, per_s=STRANGERS_PER_S, burst=STRANGERS_BURST)
            if wait_s:
                raise _limited(wait_s)
        site = None if peeked is None or asked.bearer else await self._find(named)
        if site is None:
            return
        count = asked.body.count(b'"visitor"')
        for key, per_s, burst in _buckets(site, asked):
            wait_s = self._rates.look(key, count, per_s=per_s, burst=burst)
            if wait_s:
                self._note(site, Limited.code, asked, times=count)
                raise _limited(wait_s)

    async def _read(self, asked: _Asked) -> tuple[SiteContext, Envelope]:
        try:
            envelope = read_envelope(asked.body)
            site = await self._site(asked, envelope)
        except ModoriError:
            self._limit(("stranger", network_of(asked.client_ip)), 1, STRANGERS_PER_S, STRANGERS_BURST)
            raise
        for key, per_s, burst in _buckets(site, asked):
            self._limit(key, len(envelope.events), per_s, burst)
        return site, envelope

    async def _keep(self, asked: _Asked, site: SiteContext, envelope: Envelope) -> bytes:
        """Read the events, keep what may be kept, and say what came of it once it is on disk."""
        reading = Reading(
            origins=site.origins,
            country=site.country,
            is_server=site.is_secret,
            capture_off=site.capture_mode is CaptureMode.OFF,
            sent_at=envelope.sent_at,
            received_at=asked.received_at,
            sdk=envelope.sdk,
            mark=asked.mark,
            secrets=site.signing_secrets,
        )
        if site.is_secret or len(envelope.events) > MOST_READ_IN_LOOP:
            read = await self._in_thread(lambda: [read_event(raw, reading) for raw in envelope.events])
        else:
            read = [read_event(raw, reading) for raw in envelope.events]
        for one in read:
            if isinstance(one, Refusal):
                self._note(site, one.code, asked)
        events = tuple(one for one in read if not isinstance(one, Refusal))
        names_somebody = any(not isinstance(one.seen, PageSeen | CartSeen) for one in events)
        ip_index = _ip_index(site, asked.client_ip) if names_somebody and not site.is_secret else None
        posted = Posted(site, events, asked.received_at, ip_index)
        has_leak = any(isinstance(one, Refusal) and one.leak is not None for one in read)
        if may_share(posted) and not has_leak:  # a leak is counted in the request's own transaction
            try:
                if events:
                    await self._flusher.keep(posted)
                return _told(len(events), [one for one in read if isinstance(one, Refusal)])
            except GoAlone:
                pass
        taken = await self._in_thread(lambda: taking.take(site, read, received_at=asked.received_at, ip_index=ip_index))
        return _told(taken.accepted, taken.refused)

    async def _site(self, asked: _Asked, envelope: Envelope) -> SiteContext:
        """Say on whose behalf the request speaks. raises Forbidden's leaves, BadEnvelope"""
        if asked.bearer is not None:
            return await self._site_of_server(asked, envelope, asked.bearer)
        if envelope.site is None:
            raise BadEnvelope("site: name the site's publishable key, pk_…", field="site")
        site = await self._find(envelope.site)
        if site is None or site.is_secret:
            raise UnknownSiteKey()
        if asked.origin is None:
            self._note(site, OriginRequired.code, asked)
            raise OriginRequired()
        if not _is_among(asked.origin, site.origins):
            self._note(site, ForeignOrigin.code, asked, subject=origin_of(asked.origin) or "")
            raise ForeignOrigin()
        return site

    async def _site_of_server(self, asked: _Asked, envelope: Envelope, bearer: str) -> SiteContext:
        if asked.origin is not None:
            raise SecretInBrowser()
        site = await self._find(bearer)
        if site is None or not site.is_secret:
            raise UnknownSiteKey()
        if envelope.site is not None:
            named = await self._find(envelope.site)
            if named is None or named.site_id != site.site_id:
                raise UnknownSiteKey("The envelope names another site than the secret key's.")
        return site

    async def _find(self, key: str) -> SiteContext | None:
        """Return the site of a key: from memory, or from the database by a thread."""
        is_at_hand, site = self._keys.at_hand(key)
        return site if is_at_hand else await self._in_thread(lambda: self._keys.find(key))

    def _limit(self, key: object, cost: int, per_s: int, burst: int) -> None:
        wait_s = self._rates.take(key, cost, per_s=per_s, burst=burst)
        if wait_s:
            raise _limited(wait_s)

    def _note(self, site: SiteContext, code: str, asked: _Asked, *, subject: str = "", times: int = 1) -> None:
        """Count a refusal for the page of the site."""
        now, times = asked.received_at, max(times, 1)
        self._sightings.note(site.tenant_id, site.site_id, code, now=now, subject=subject, times=times)

    async def _grants(self, origin: str) -> bool:
        if self._in_hand >= self._most_in_hand:
            raise Unavailable("Too much is waiting.", retry_after_s=2)
        return await self._in_thread(lambda: self._is_registered(origin))

    def _is_registered(self, origin: str) -> bool:
        kept = self._origins.get(origin)
        if kept is not None and kept[0] > monotonic():
            return kept[1]
        written = origin_of(origin)
        found = False
        if written is not None:
            with agency_transaction() as session:
                found = origin_is_registered(session, origin=written)
        if len(self._origins) >= MOST_ORIGINS:
            self._origins.clear()
        self._origins[origin] = (monotonic() + ORIGINS_KEPT_S, found)
        return found


async def _read_body(headers: Headers, receive: Receive) -> bytes:
    """Read a body of at most 64 KiB, whatever its length says. raises TooLarge, _Gone"""
    announced = headers.get(b"content-length", b"0")
    if announced.isdigit() and int(announced[:20]) > MAX_BODY_BYTES:
        raise TooLarge()
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            raise TooLarge()
        if not message.get("more_body", False):
            return bytes(body)


async def _answer(send: Send, status: int, body: bytes, headers: Sequence[tuple[bytes, bytes]]) -> None:
    media = b"application/json" if status < 400 else problems.MEDIA_TYPE.encode()
    plain = [(b"content-type", media)] if body else []
    sized = [(b"content-length", str(len(body)).encode()), (b"vary", b"Origin"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": [*plain, *sized, *headers]})
    await send({"type": "http.response.body", "body": body})


def _cors(origin: str) -> list[tuple[bytes, bytes]]:
    """Let the page read the answer. No credentials are ever asked for."""
    return [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-expose-headers", b"Retry-After"),
    ]


def _error_headers(error: ModoriError, origin: str | None) -> list[tuple[bytes, bytes]]:
    """A page may read why it was refused, unless it is a foreign one."""
    named = [(name.lower().encode(), value.encode()) for name, value in problems.headers(error).items()]
    if error.status == 405:
        named.append((b"allow", b"OPTIONS, POST"))
    return named if origin is None or isinstance(error, ForeignOrigin) else [*named, *_cors(origin)]


def _bearer(headers: Headers) -> str | None:
    scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _is_among(origin: str, origins: Sequence[str]) -> bool:
    return origin in origins or origin_of(origin) in origins


def _buckets(site: SiteContext, asked: _Asked) -> list[tuple[Hashable, int, int]]:
    """Say which buckets a request drinks from: (key, tokens a second, burst). A server's address has none."""
    of_site: tuple[Hashable, int, int] = (site.site_id, site.site_events_per_s, max(site.site_events_per_s * 2, 50))
    if site.is_secret:
        return [of_site]
    return [((site.site_id, network_of(asked.client_ip)), site.ip_events_per_s, site.ip_events_burst), of_site]


def _limited(wait_s: int) -> Limited:
    return Limited("Too many events. Nothing was kept.", retry_after_s=wait_s)


def _told(accepted: int, refused: Sequence[Refusal]) -> bytes:
    if not refused:
        return b'{"accepted": %d, "refused": []}' % accepted
    told = [{"id": one.id, "code": one.code} for one in refused]
    return json.dumps({"accepted": accepted, "refused": told}, ensure_ascii=False).encode()


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


def _ip_index(site: SiteContext, client_ip: str) -> bytes:
    return crypto.blind_index(site.tenant_id, "ip", network_of(client_ip))
