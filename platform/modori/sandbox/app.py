"""The demo's outer world in one process: shop, Twilio-compatible API, phone-and-inbox page, mail server."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Protocol

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from modori.sandbox.faults import FaultPlan
from modori.sandbox.phone_page import PhonePage
from modori.sandbox.ports import choose_port, is_free
from modori.sandbox.relay import Relay
from modori.sandbox.serving import HttpServer
from modori.sandbox.settings import SandboxSettings
from modori.sandbox.shop.orders import Orders
from modori.sandbox.shop.reporting import Reporter
from modori.sandbox.shop.site import Shop
from modori.sandbox.smtp import MailServer
from modori.sandbox.tasks import Tasks
from modori.sandbox.twilio.api import TwilioApi
from modori.sandbox.twilio.callbacks import Webhooks
from modori.sandbox.twilio.exchange import Exchange
from modori.sandbox.twilio.texts import Carrier
from modori.sandbox.world import World

Lost = Callable[[Request, Exception], Awaitable[Response]]
START_S = 60.0
STOP_S = 20.0


class Part(Protocol):
    async def start(self) -> None: ...
    async def stop(self) -> None: ...


class Sandbox:
    """The same world inside another process, on a thread of its own. Ports of 0 become free ones.

    with Sandbox(settings) as sandbox:
        sandbox.settings.world_url
    """

    def __init__(self, settings: SandboxSettings) -> None:
        self.settings = with_free_ports(settings)
        self._thread = threading.Thread(target=self._run, name="sandbox", daemon=True)
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    def start(self) -> None:
        """Returns when every port answers. Raises OSError if one is taken."""
        self._thread.start()
        if not self._ready.wait(START_S):
            raise TimeoutError("the sandbox did not start")
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(STOP_S)

    def __enter__(self) -> Sandbox:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            asyncio.run(self._live())
        except BaseException as failure:
            self._failure = failure
            self._ready.set()
            if not isinstance(failure, Exception):
                raise

    async def _live(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        await run_world(self.settings, stop=self._stop, ready=self._ready)


def serve(settings: SandboxSettings) -> None:
    """Run until SIGTERM or SIGINT."""
    asyncio.run(_serve_until_signalled(with_free_ports(settings)))


async def _serve_until_signalled(settings: SandboxSettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for wanted in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(wanted, stop.set)
    ready = threading.Event()
    print(f"shop {settings.shop_url}  inbox {settings.world_url}  mail {settings.smtp_url}", flush=True)
    await run_world(settings, stop=stop, ready=ready)


async def run_world(settings: SandboxSettings, *, stop: asyncio.Event, ready: threading.Event) -> None:
    """Bring everything up, say so through `ready`, and take it down again when `stop` is set."""
    for port in (settings.shop_port, settings.world_port, settings.smtp_port):
        if not is_free(port):
            raise OSError(f"port {port} of the sandbox is taken")
    tasks, faults, world = Tasks(), FaultPlan(), World(settings.state_dir)
    webhooks = Webhooks(auth_token=settings.auth_token)
    carrier = Carrier(
        world=world,
        faults=faults,
        webhooks=webhooks,
        tasks=tasks,
        account_sid=settings.account_sid,
        default_sms_url=f"{settings.web_url}/hooks/twilio/inbound",
    )
    exchange = Exchange(world, faults, webhooks, tasks, settings.account_sid)
    orders = Orders(settings.state_dir)
    reporter = Reporter(orders, tasks, settings.web_url, settings.secret_key)
    shop = Shop(settings, orders, reporter)
    hidden_port = choose_port(None, avoid=frozenset({settings.shop_port, settings.world_port, settings.smtp_port}))
    relay = Relay(port=settings.world_port, upstream_port=hidden_port)
    api = TwilioApi(
        world=world,
        faults=faults,
        carrier=carrier,
        exchange=exchange,
        account_sid=settings.account_sid,
        auth_token=settings.auth_token,
        reset=relay.reset,
    )
    page = PhonePage(settings, world, faults, carrier, exchange, webhooks)
    parts: list[Part] = [
        webhooks,
        reporter,
        MailServer(port=settings.smtp_port, world=world, faults=faults),
        HttpServer(_application([*api.routes(), *page.routes()]), port=hidden_port),
        relay,
        HttpServer(_application(shop.routes(), lost=shop.lost), port=settings.shop_port),
    ]
    started: list[Part] = []
    try:
        for part in parts:
            started.append(part)
            await part.start()
        carrier.resume()
        exchange.resume()
        ready.set()
        await stop.wait()
    finally:
        await tasks.stop()
        for part in reversed(started):
            await part.stop()
        world.close()
        orders.close()


def _application(routes: Sequence[BaseRoute], *, lost: Lost | None = None) -> Starlette:
    """Answers to loopback names only, so that no foreign page can reach it by a name of its own."""
    return Starlette(
        routes=routes,
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["localhost", "127.0.0.1"])],
        exception_handlers={404: lost} if lost else {},
    )


def with_free_ports(settings: SandboxSettings) -> SandboxSettings:
    """Replace each port 0 by a port that is free now, no two alike."""
    chosen: list[int] = []
    for port in (settings.shop_port, settings.world_port, settings.smtp_port):
        chosen.append(port or choose_port(None, avoid=frozenset(chosen)))
    return replace(settings, shop_port=chosen[0], world_port=chosen[1], smtp_port=chosen[2])
