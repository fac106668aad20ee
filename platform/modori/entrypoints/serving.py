"""Granian in this process's event loop, ended by a signal."""

import asyncio
import gc
import signal
from typing import Final

import structlog
from granian.constants import Interfaces
from granian.server.embed import Server
from starlette.types import ASGIApp

from modori.background import live

STOP_S: Final = 10.0
"""How long a stop waits for answers in hand."""

COLLECT_AFTER: Final = (10_000, 20, 20)
"""Objects, and collections of the younger generation, after which cycles are looked for: an answered request leaves
none, so Python's 700 looks for nothing twice a request (3 to 4 % of ingest's processor time)."""

log = structlog.get_logger()


async def serve(app: ASGIApp, *, host: str, port: int) -> None:
    """Serve in this event loop until SIGTERM or Ctrl-C. Streams are ended first: Granian waits for them."""
    gc.collect()
    gc.freeze()  # what has been loaded stays: a full collection that walks all of it takes a tenth of a second
    gc.set_threshold(*COLLECT_AFTER)
    asked, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    server = Server(app, address=host, port=port, interface=Interfaces.ASGI, log_enabled=False, websockets=False)
    serving = asyncio.create_task(server.serve())
    asking = asyncio.create_task(asked.wait())
    log.info("web.listening", host=host, port=port)
    await asyncio.wait({serving, asking}, return_when=asyncio.FIRST_COMPLETED)
    live.end_subscriptions()
    if serving.done():
        asking.cancel()
        serving.result()
        return
    server.stop()  # type: ignore[no-untyped-call]  # granian leaves it without types
    done, _ = await asyncio.wait({serving}, timeout=STOP_S)
    if not done:
        log.warning("web.stopped_with_requests_in_hand")
        serving.cancel()
