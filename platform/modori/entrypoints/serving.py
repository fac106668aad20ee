"""Uvicorn in an event loop of libuv's, ended by a signal (decision 0040)."""

import asyncio
import gc
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import structlog
import uvicorn
import uvloop
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from modori.background import live

STOP_S: Final = 10
"""How long a stop waits for answers in hand."""

IDLE_S: Final = 75
"""How long a connection may lie idle: longer than common proxies keep theirs, so that none asks on a closed one."""

COLLECT_AFTER: Final = (10_000, 20, 20)
"""Objects, and collections of the younger generation, after which cycles are looked for: an answered request leaves
none, so Python's 700 looks for nothing twice a request (3 to 4 % of ingest's processor time)."""

_WITH_ITS_CHUNK: Final = 6
"""Bytes on the wire of a body's byte that comes as a chunk of its own. source: RFC 9112, section 7.1"""

log = structlog.get_logger()


class BoundedHttp(HttpToolsProtocol):
    """A connection that is closed where a request's line and headers are too long, or do not arrive in time.

    So is one that somebody would upgrade, once that has been answered. Nothing here upgrades, and the parser takes
    what follows such headers for the next request, be it their body: whose it is, proxies would see otherwise.

    Trailers are headers, too; and what is left of a body that was answered before its end has as long as headers have.
    The parser bounds none of it.
    """

    most_head_bytes = 64 * 1024
    head_within_s = 20.0
    _bytes_beside_bodies = 0
    _is_whole = False
    _limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the library's own
        super().connection_made(transport)
        self._give_time()

    def data_received(self, data: bytes) -> None:
        self._bytes_beside_bodies += len(data)
        super().data_received(data)
        if self._bytes_beside_bodies > self.most_head_bytes:
            self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_whole = False
        self._give_time()

    def on_headers_complete(self) -> None:
        self._forget_limit()
        super().on_headers_complete()
        if self.parser.should_upgrade():
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self._bytes_beside_bodies -= len(body) * _WITH_ITS_CHUNK
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._is_whole, self._bytes_beside_bodies = True, 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self._is_whole and self.cycle.response_complete:
            self._give_time()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_limit()
        super().connection_lost(exc)

    def _give_time(self) -> None:
        self._forget_limit()
        self._limit = self.loop.call_later(self.head_within_s, self.transport.close)

    def _forget_limit(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None


class Server(uvicorn.Server):
    """Uvicorn as a task of a running loop, whose owner minds the signals.

    host, port  where it listens from the start. raises OSError where it cannot
    """

    def __init__(self, app: ASGIApp, *, host: str, port: int, http: type[BoundedHttp] = BoundedHttp) -> None:
        config = uvicorn.Config(
            app,
            http=http,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="error",  # what is below tells of callers' mistakes
            access_log=False,
            proxy_headers=False,  # `Front` knows which proxies to believe
            server_header=False,
            timeout_keep_alive=IDLE_S,
            timeout_graceful_shutdown=STOP_S,
        )
        super().__init__(config)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listening = socket.create_server((host, port), family=family, backlog=config.backlog)

    async def run_here(self) -> None:
        """Serve until `stop`, and then until what is in hand has been answered."""
        await self.serve(sockets=[self.listening])

    def stop(self) -> None:
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        if self.server_state.tasks:
            log.warning("web.stopped_with_requests_in_hand", requests=len(self.server_state.tasks))

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def serve(app: ASGIApp, *, host: str, port: int) -> None:
    """Serve in this thread until SIGTERM or Ctrl-C. Streams are ended first: the server waits for them.

    raises  OSError where the address cannot be listened on
    """
    gc.collect()
    gc.freeze()  # what has been loaded stays: a full collection that walks all of it takes a tenth of a second
    gc.set_threshold(*COLLECT_AFTER)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(app, host=host, port=port))


async def _serve(app: ASGIApp, *, host: str, port: int) -> None:
    server, loop = Server(app, host=host, port=port), asyncio.get_running_loop()

    def stop(*_: Any) -> None:
        live.end_subscriptions()
        server.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    log.info("web.listening", host=host, port=port)
    await server.run_here()
