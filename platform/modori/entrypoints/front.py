"""What stands before every route: request ids, the caller's address, size limits, headers, counts; no traceback."""

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils import uuid7

from modori.api.edge import ProxyTrust
from modori.api.ingest import BODY_WITHIN_S, SlowBody
from modori.entrypoints import metrics
from modori.kernel.errors import BadInput

MOST_BODY_BYTES: Final = 1024 * 1024
"""Ingest has a tighter limit of its own."""

MOST_FILE_BYTES: Final = 16 * 1024 * 1024
"""Of a request that brings a file: more than the 10 MiB that are taken, so that the page itself can say so."""
FILES: Final = re.compile(r"/console/uploads/[0-9a-f-]{36}/[0-9a-f-]{36}")

FILE_WITHIN_S: Final = 300.0
"""16 MiB at half a megabit a second."""

REQUEST_ID: Final = re.compile(r"[A-Za-z0-9_.-]{8,64}")

CONSOLE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: https:; font-src 'self'; "
    "connect-src 'self'; frame-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
BARE_POLICY: Final = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

log = structlog.get_logger()


class Front:
    """The outermost ASGI application.

    inner    everything else
    ingest   answers /v1/events, past the framework: a FastAPI route would cost half its throughput
    body_within_s  from when somebody wants a body until all of it is there; a file has FILE_WITHIN_S
    """

    def __init__(
        self,
        inner: ASGIApp,
        *,
        ingest: Callable[[Any, Any, Any], Awaitable[None]] | None,
        public_url: str,
        trusted_proxies: tuple[str, ...],
        body_within_s: float = BODY_WITHIN_S,
    ) -> None:
        self.inner, self._ingest = inner, ingest
        self._body_within_s = body_within_s
        self._is_https = urlsplit(public_url).scheme == "https"
        self._proxies = ProxyTrust(trusted_proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.inner(scope, receive, send)
            return
        headers = _headers_of(scope)
        request_id = _request_id(headers)
        scope["modori.request_id"], scope["modori.headers"] = request_id, headers
        scope["client"] = self._client_of(scope, headers)
        if self._is_https:
            scope["scheme"] = "https"
        answer = _Answer(send, request_id=request_id, path=scope["path"], is_https=self._is_https)
        if self._ingest is not None and scope["path"] == INGEST:
            await self._take(self._ingest, scope, receive, answer)
            return
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self._answer(scope, receive, answer, headers)
            metrics.count(scope, answer.status, answer.took_s())
            if not scope["path"].startswith(_UNLOGGED):
                log.info(
                    "http.request",
                    method=scope["method"],
                    route=metrics.route_of(scope),
                    status=answer.status,
                    took_ms=round(answer.took_s() * 1000, 1),
                )

    async def _take(
        self, ingest: Callable[[Any, Any, Any], Awaitable[None]], scope: Scope, receive: Receive, answer: "_Answer"
    ) -> None:
        """Hand a request to ingest, which bounds bodies itself. The server runs each in a context of its own."""
        structlog.contextvars.bind_contextvars(request_id=answer.request_id)
        try:
            await ingest(scope, receive, answer)
        except Exception as error:  # the last place: the caller learns an id, the log the rest
            log.error("http.failed", route=INGEST, exc_info=error)
            await answer.refuse(500, "internal_error", _FAILED)
        metrics.count(scope, answer.status, answer.took_s())

    async def _answer(self, scope: Scope, receive: Receive, answer: "_Answer", headers: Mapping[bytes, bytes]) -> None:
        is_file = FILES.fullmatch(scope["path"]) is not None
        within_s = FILE_WITHIN_S if is_file else self._body_within_s
        body = _Body(receive, headers, is_file=is_file, within_s=within_s)
        try:
            if body.is_announced_too_large and not scope["path"].startswith("/console/"):
                raise TooLarge
            await self.inner(scope, body, answer)  # the console answers by a page of its own, once it knows who asks
        except TooLarge:
            await answer.refuse(413, "too_large", TooLarge.title)
        except SlowBody:
            await answer.refuse(408, "slow_body", SlowBody.title)
        except Exception as error:  # the last place: the caller learns an id, the log the rest
            log.error("http.failed", route=metrics.route_of(scope), exc_info=error)
            await answer.refuse(500, "internal_error", _FAILED)

    def _client_of(self, scope: Scope, headers: Mapping[bytes, bytes]) -> tuple[str, int]:
        """Put the caller's own address where frameworks look for it: a forwarded one only from a proxy we trust."""
        host, port = scope.get("client") or ("", 0)
        forwarded = headers.get(b"x-forwarded-for")
        return self._proxies.client_ip(host, forwarded.decode("latin-1") if forwarded else None), port


_FIRST_PARTS: Final = frozenset({"/console", "/console/", "/u/", "/t/", "/sdk/", "/v1/", "/assets/"})
INGEST: Final = "/v1/events"
_UNLOGGED: Final = ("/healthz", "/readyz", "/metrics", "/assets/", "/sdk/", "/v1/events")
"""Too many, or too little to tell: counted only."""


class TooLarge(BadInput):
    """is_file, in `extra`: the request was to bring a file."""

    code = "too_large"
    status = 413
    title = "The request is too large"


class _Answer:
    """A `send` that adds our headers and remembers how it went."""

    def __init__(self, send: Send, *, request_id: str, path: str, is_https: bool) -> None:
        self._send = send
        self.request_id = request_id
        self._started = time.perf_counter()
        self._defaults = _defaults(path, is_https=is_https)
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given = message.get("headers", ())
            present = {name.lower() for name, _ in given}
            added = [one for one in self._defaults if one[0] not in present]
            added.append((b"x-request-id", self.request_id.encode()))
            if self.status == SlowBody.status:  # whoever dawdles does not keep a connection for what is left
                added.append((b"connection", b"close"))
            message = {**message, "headers": [*given, *added]}
        await self._send(message)

    def took_s(self) -> float:
        return time.perf_counter() - self._started

    async def refuse(self, status: int, code: str, title: str) -> None:
        """Answer with a problem document, unless an answer has begun."""
        if self.status:
            return
        response = _problem(status, code, title, self.request_id)
        await self({"type": "http.response.start", "status": status, "headers": response.raw_headers})
        await self({"type": "http.response.body", "body": response.body})


async def answer_failure(request: Request, _: Exception) -> Response:
    """Answer what no route has caught: frameworks would write a page of their own first. The log is Front's."""
    return _problem(500, "internal_error", _FAILED, request.scope["modori.request_id"])


_FAILED: Final = "Something went wrong on our side"


def _problem(status: int, code: str, title: str, request_id: str) -> Response:
    """Write a problem document (RFC 9457) that names the request, for whoever asks us about it."""
    said = {
        "type": f"urn:modori:problem:{code}",
        "title": title,
        "status": status,
        "detail": f"{title}. Request {request_id}.",
        "code": code,
        "request_id": request_id,
    }
    return Response(json.dumps(said), status_code=status, media_type="application/problem+json")


def _defaults(path: str, *, is_https: bool) -> Sequence[tuple[bytes, bytes]]:
    """Return the headers that an answer gets unless it sets them itself: those of its path's first part."""
    first = path[: path.find("/", 1) + 1] or path
    return _defaults_of(first if first in _FIRST_PARTS else "", is_https)


@lru_cache(maxsize=32)
def _defaults_of(path: str, is_https: bool) -> Sequence[tuple[bytes, bytes]]:
    is_console = path.startswith("/console")
    is_public = path.startswith(("/u/", "/t/"))
    policy = CONSOLE_POLICY if is_console or is_public else BARE_POLICY
    if not is_https:  # development: the demo's shop serves its pictures without TLS
        policy = policy.replace(" https:", " https: http:")
    found = [
        (b"content-security-policy", policy.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"same-origin" if is_console else b"no-referrer"),
        (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), payment=()"),
    ]
    if path.startswith(("/sdk/", "/v1/")):
        found.append((b"cross-origin-resource-policy", b"cross-origin"))
    else:
        found += [(b"cross-origin-resource-policy", b"same-origin"), (b"cross-origin-opener-policy", b"same-origin")]
    if not path.startswith(("/sdk/", "/assets/")):
        found.append((b"cache-control", b"no-store"))
    if is_https:
        found.append((b"strict-transport-security", b"max-age=63072000; includeSubDomains"))
    return found


def _headers_of(scope: Scope) -> dict[bytes, bytes]:
    return {name.lower(): value for name, value in scope["headers"]}


def _request_id(headers: Mapping[bytes, bytes]) -> str:
    """Take the id that a proxy gave the request, where it is one; else make one."""
    given = headers.get(b"x-request-id", b"").decode("latin-1")
    return given if REQUEST_ID.fullmatch(given) else uuid7().hex


class _Body:
    """A `receive` that refuses a body which is longer than allowed, or takes too long to arrive.

    One that announces itself as too long is refused when somebody asks for it, before a byte of it is taken.
    """

    def __init__(self, receive: Receive, headers: Mapping[bytes, bytes], *, is_file: bool, within_s: float) -> None:
        self._receive, self._is_file, self._within_s = receive, is_file, within_s
        self._most = MOST_FILE_BYTES if is_file else MOST_BODY_BYTES
        said = headers.get(b"content-length", b"0")
        self.is_announced_too_large = said.isdigit() and (len(said) > 18 or int(said) > self._most)
        self._seen = 0
        self._ends_at: float | None = None
        self._is_complete = False

    async def __call__(self) -> Message:
        if self._is_complete:  # what is waited for now is that the caller hangs up
            return await self._receive()
        if self.is_announced_too_large:
            raise TooLarge(is_file=self._is_file)
        if self._ends_at is None:
            self._ends_at = asyncio.get_running_loop().time() + self._within_s
        try:
            async with asyncio.timeout_at(self._ends_at):
                message = await self._receive()
        except TimeoutError as error:
            raise SlowBody() from error
        if message["type"] != "http.request":
            return message
        self._seen += len(message.get("body", b""))
        if self._seen > self._most:
            raise TooLarge(is_file=self._is_file)
        self._is_complete = not message.get("more_body", False)
        return message
