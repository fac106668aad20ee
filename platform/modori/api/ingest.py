"""`/v1/events` as a raw ASGI application: half of a framework's route would be the framework."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from functools import lru_cache, partial
from typing import Final, TypeVar

from starlette.types import Receive, Scope, Send

from modori.api import problems
from modori.api.admission import Admission, Asked, ForeignOrigin, Origins
from modori.api.edge import ApiConfig, ProxyTrust
from modori.api.keeping import Keeper
from modori.api.keys import SiteKeys, site_keys
from modori.api.rates import Rates
from modori.capture.protection.marks import mark_of
from modori.capture.sightings.counts import Counts, counts
from modori.capture.wire import MAX_BODY_BYTES, TooLarge
from modori.kernel import clock
from modori.kernel.errors import BadInput, ModoriError, Unavailable
from modori.storage.failures import DATABASE_FAILURES, refusal_of

T = TypeVar("T")
Headers = Mapping[bytes, bytes]

BODY_WITHIN_S: Final = 15.0
"""A body that takes longer to arrive is not waited for."""

LONGEST_ORIGIN: Final = 300
"""A longer one is no site's: a host's name has 253 characters at most (RFC 1035)."""

PREFLIGHT_HOLDS_S: Final = 600
_MEDIA_TYPES: Final = ("", "application/json", "text/plain")


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
        self._sightings = sightings
        self._proxies = ProxyTrust(config.trusted_proxies)
        self._threads = ThreadPoolExecutor(max_workers=config.ingest_threads, thread_name_prefix="ingest")
        self._admission = Admission(
            keys=keys,
            rates=rates or Rates(),
            sightings=sightings,
            look_up=lambda key: self._in_thread(partial(keys.find, key)),
        )
        self._keeper = Keeper(self._in_thread, self._admission.note)
        self._origins = Origins()
        self._most_in_hand = config.ingest_threads + config.ingest_queue
        self._in_hand = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: Headers = scope.get("modori.headers") or dict(scope["headers"])
        origin = headers.get(b"origin", b"")[:LONGEST_ORIGIN].decode("latin-1") or None
        try:
            if scope["method"] == "POST":
                answer = await self._take(await self._asked(scope, headers, origin, receive))
                await _answer(send, 202, answer, _cors(origin))
            elif scope["method"] == "OPTIONS":
                await self._preflight(origin, self._client_ip(scope, headers), send)
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

    async def _preflight(self, origin: str | None, client_ip: str, send: Send) -> None:
        """Grant any registered origin: the POST is judged by its own site's list, which no preflight can name."""
        if origin is None or not await self._grants(origin, client_ip):
            raise ForeignOrigin()
        granted = [
            (b"access-control-allow-methods", b"POST"),
            (b"access-control-allow-headers", b"content-type"),
            (b"access-control-max-age", str(PREFLIGHT_HOLDS_S).encode()),
        ]
        await _answer(send, 204, b"", [*_cors(origin), *granted])

    async def _asked(self, scope: Scope, headers: Headers, origin: str | None, receive: Receive) -> Asked:
        media = headers.get(b"content-type", b"").partition(b";")[0].strip().lower().decode("latin-1")
        if media not in _MEDIA_TYPES or headers.get(b"content-encoding", b"identity") != b"identity":
            raise UnsupportedMedia()
        try:
            async with asyncio.timeout(BODY_WITHIN_S):
                body = await _read_body(headers, receive)
        except TimeoutError as error:
            raise SlowBody() from error
        return Asked(
            origin=origin,
            bearer=_bearer(headers) if b"authorization" in headers else None,
            client_ip=self._client_ip(scope, headers),
            body=body,
            received_at=clock.now(),
            mark=mark_of(headers),
        )

    def _client_ip(self, scope: Scope, headers: Headers) -> str:
        client_ip: str = (scope.get("client") or ("0.0.0.0", 0))[0]  # noqa: S104  # "unknown": nothing is bound
        if "modori.headers" in scope:  # whoever read them for us has looked through our proxies, too
            return client_ip
        forwarded = headers.get(b"x-forwarded-for")
        return self._proxies.client_ip(client_ip, forwarded.decode("latin-1") if forwarded else None)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        context = copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: context.run(work))

    @contextmanager
    def _taken_in_hand(self) -> Iterator[None]:
        """Count what is in hand. raises Unavailable where that is too much"""
        if self._in_hand >= self._most_in_hand:
            raise Unavailable("Too much is waiting. Nothing was kept.", retry_after_s=2)
        self._in_hand += 1
        try:
            yield
        finally:
            self._in_hand -= 1

    async def _take(self, asked: Asked) -> bytes:
        try:
            with self._taken_in_hand():
                site, envelope = await self._admission.admit(asked)
                return await self._keeper.keep(asked, site, envelope)
        finally:
            if self._sightings.is_due():
                self._threads.submit(self._sightings.write_if_due)

    async def _grants(self, origin: str, client_ip: str) -> bool:
        """Say whether any site's pages come from there. raises Limited for who asks of too many that no site has"""
        is_registered = self._origins.at_hand(origin)
        if is_registered is None:
            self._admission.look_at_stranger(client_ip)
            with self._taken_in_hand():
                is_registered = await self._in_thread(lambda: self._origins.look_up(origin))
        if not is_registered:
            self._admission.count_stranger(client_ip)
        return is_registered


async def _read_body(headers: Headers, receive: Receive) -> bytes:
    """Read a body of at most 64 KiB, whatever its length says. raises TooLarge, _Gone"""
    announced = headers.get(b"content-length", b"0")
    if announced.isdigit() and int(announced[:20]) > MAX_BODY_BYTES:
        raise TooLarge()
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY_BYTES:
            raise TooLarge()
        if not message.get("more_body", False):
            return b"".join(parts)


async def _answer(send: Send, status: int, body: bytes, headers: Sequence[tuple[bytes, bytes]]) -> None:
    named = [(b"vary", b"Origin"), (b"cache-control", b"no-store"), *headers]
    if body:
        named.append((b"content-type", b"application/json" if status < 400 else problems.MEDIA_TYPE.encode()))
    named.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": named})
    await send({"type": "http.response.body", "body": body})


@lru_cache(maxsize=4096)
def _cors(origin: str | None) -> tuple[tuple[bytes, bytes], ...]:
    """Let the page read the answer. No credentials are ever asked for."""
    if origin is None:
        return ()
    return (
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-expose-headers", b"Retry-After"),
    )


def _error_headers(error: ModoriError, origin: str | None) -> list[tuple[bytes, bytes]]:
    """A page may read why it was refused, unless it is a foreign one."""
    named = [(name.lower().encode(), value.encode()) for name, value in problems.headers(error).items()]
    if error.status == 405:
        named.append((b"allow", b"OPTIONS, POST"))
    return named if isinstance(error, ForeignOrigin) else [*named, *_cors(origin)]


def _bearer(headers: Headers) -> str | None:
    scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
