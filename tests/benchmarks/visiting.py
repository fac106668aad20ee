"""Visits by real browsers that end by closing the tab, through a network that may fail, and what of them is stored."""

import asyncio
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from playwright.async_api import BrowserContext, Page, async_playwright
from sqlalchemy import func
from sqlmodel import select

from modori.capture import episodes
from modori.capture.model import Episode, Event
from modori.sandbox.chromium import launch_options
from modori.storage import db
from tests.benchmarks.ground import UNLIMITED, Place, modori, running
from tests.world import NOW, TenantWorld, lift_limits, make_tenant

PAGE: Final = Path(__file__).with_name("visit_page.html")
KEY_MS: Final = 20
"""Between two keys: a quick typist."""
PERMITTED_S: Final = 40
"""The longest that a visitor stays for a config that does not come."""
NEXT_VISIT_S: Final = 30
"""The longest that a next visit lasts; it ends as soon as nothing waits in the browser's storage."""
SETTLE_S: Final = 10.0
"""From closing a tab to closing its browser, in which the requests of a closed tab live on: people close tabs first."""
HANG_S: Final = 20
"""Longer than the SDK waits for an answer."""


_KANJI: Final = str.maketrans("0123456789", "〇一二三四五六七八九")


class Doing(StrEnum):
    """What a visitor does; each has a state before the last one, so that an old state is seen as such."""

    TYPES = "types an address and a name"
    TYPES_AND_FILLS = "types both, while the page tells its cart"
    PUTS_IN = "puts goods in twice, of which only dataLayer hears"


@dataclass(frozen=True)
class Visitor:
    number: int

    @property
    def doing(self) -> Doing:
        return tuple(Doing)[self.number % len(Doing)]

    @property
    def email(self) -> str:
        return f"visitor{self.number}@person.example"

    @property
    def name(self) -> str:
        return f"山田 花子{self.number}様".translate(_KANJI)  # a name that holds three digits is not kept

    @property
    def goods(self) -> str:
        return f"goods-{self.number}"


@dataclass
class Failing:
    """How often a request under /v1/ fails, and in which ways, in turn.

    share  0 to 1
    """

    share: float
    dice: random.Random = field(default_factory=lambda: random.Random(36))
    failed: int = 0
    passed: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def asked(self) -> int:
        return self.failed + self.passed

    def next(self) -> str | None:
        """Return how the next request fails: refused, cut, unanswered (it was taken all the same), hung; or None."""
        with self._lock:
            if self.dice.random() >= self.share:
                self.passed += 1
                return None
            self.failed += 1
            return ("refused", "cut", "unanswered", "hung")[self.failed % 4]


class Quiet(BaseHTTPRequestHandler):
    """Answers with what it is given, and writes no log."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it
        pass

    def answer(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        with suppress(ConnectionError):  # the tab is gone
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in ("transfer-encoding", "connection", "content-length", "server", "date"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """Serve on a free port of the loopback until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


@contextmanager
def failing_front(web_port: int, failing: Failing) -> Iterator[str]:
    """Stand before the web process and let some requests fail. Yields the address that browsers use."""

    class Network(Quiet):
        def do_GET(self) -> None:
            self._pass_on("GET", b"")

        def do_POST(self) -> None:
            self._pass_on("POST", self.rfile.read(int(self.headers["Content-Length"])))

        def _pass_on(self, method: str, body: bytes) -> None:
            how = failing.next() if self.path.startswith("/v1/") else None
            if how == "hung":
                failing.over.wait(HANG_S)
            if how in ("hung", "cut"):
                return
            if how == "refused":
                self.answer(503, [("Access-Control-Allow-Origin", "*")], b"")
                return
            upstream = HTTPConnection("127.0.0.1", web_port, timeout=15)
            wanted = ("origin", "content-type", "user-agent", "accept")
            try:
                headers = {name: value for name, value in self.headers.items() if name.lower() in wanted}
                upstream.request(method, self.path, body, headers)
                answer = upstream.getresponse()
                told = answer.read()
            except (OSError, HTTPException):
                return
            finally:
                upstream.close()
            if how != "unanswered":
                self.answer(answer.status, answer.getheaders(), told)

    with serving(Network) as port:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            failing.over.set()


class Shop:
    """A page of another origin with the tag in it. Its port is known before a site is made for it."""

    def __init__(self) -> None:
        self.text = b""
        self.url = ""

    @contextmanager
    def open(self) -> Iterator[None]:
        shop = self

        class Pages(Quiet):
            def do_GET(self) -> None:
                self.answer(200, [("Content-Type", "text/html; charset=utf-8")], shop.text)

        with serving(Pages) as port:
            self.url = f"http://localhost:{port}"
            yield

    def install(self, *, sdk_host: str, site_key: str) -> None:
        """Paste the tag."""
        self.text = PAGE.read_text().replace("SDK_HOST", sdk_host).replace("SITE_KEY", site_key).encode()


@dataclass
class Crowd:
    """Browsers that visit.

    at_once   visitors whose tabs are open at the same time
    """

    shop: Shop
    at_once: int
    permitted: int = 0
    """How many browsers heard while their visitor was there that they may report."""

    def visit(self, visitors: Sequence[Visitor], *, come_again: bool) -> None:
        """Let each visit once and close the tab; and, where asked, look in once more. Each has a browser of its own."""
        asyncio.run(self._visit(visitors, come_again))

    async def _visit(self, visitors: Sequence[Visitor], come_again: bool) -> None:
        gate = asyncio.Semaphore(self.at_once)
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(**launch_options())

            async def one(visitor: Visitor) -> None:
                async with gate:
                    context = await browser.new_context()
                    await self._first_visit(context, visitor)
                    lingering.append(asyncio.create_task(leave(context, visitor)))

            async def leave(context: BrowserContext, visitor: Visitor) -> None:
                await asyncio.sleep(SETTLE_S)
                if come_again:
                    async with gate:
                        await self._next_visit(context, visitor)
                    await asyncio.sleep(SETTLE_S)
                await context.close()

            lingering: list[asyncio.Task[None]] = []
            await asyncio.gather(*(one(visitor) for visitor in visitors))
            await asyncio.gather(*lingering)
            await browser.close()

    async def _open(self, context: BrowserContext, visitor: Visitor) -> Page:
        page = await context.new_page()
        page.set_default_timeout(60_000)
        await page.goto(f"{self.shop.url}/checkout/{visitor.number}")
        return page

    async def _first_visit(self, context: BrowserContext, visitor: Visitor) -> None:
        page = await self._open(context, visitor)
        deadline = time.monotonic() + PERMITTED_S
        while not (may := await page.evaluate("document.cookie.includes('modori_v')")) and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        self.permitted += may
        if visitor.doing is Doing.PUTS_IN:
            await page.click("#add")
            await asyncio.sleep(1.5)  # somebody reads how much it is
            await page.click("#add")
        else:
            fills = visitor.doing is Doing.TYPES_AND_FILLS
            await page.type("#email", visitor.email, delay=KEY_MS)
            if fills:
                await page.evaluate("fill(1)")
            await page.type("#name", visitor.name, delay=KEY_MS)
            if fills:
                await page.evaluate("fill(2)")
        await page.close()

    async def _next_visit(self, context: BrowserContext, visitor: Visitor) -> None:
        page = await self._open(context, visitor)
        deadline = time.monotonic() + NEXT_VISIT_S
        await asyncio.sleep(2)
        while time.monotonic() < deadline and await page.evaluate(
            "Object.keys(localStorage).some((key) => key.startsWith('modori_q'))"
        ):
            await asyncio.sleep(0.2)
        await page.close()


@contextmanager
def visiting(folder: Path, place: Place, failing: Failing, *, at_once: int) -> Iterator[tuple[Crowd, TenantWorld]]:
    """Run the web process, and a shop of another origin with the tag in it, until the block ends."""
    shop = Shop()
    with shop.open():
        lift_limits()
        site = make_tenant("visited", now=NOW, **UNLIMITED | {"origins": [shop.url]})
        with (
            running(folder, place, {"web": modori("web")}, site=site) as web,
            failing_front(web.web_port, failing) as front_url,
        ):
            shop.install(sdk_host=front_url if failing.share else web.web_url, site_key=site.site_key)
            yield Crowd(shop, at_once), site


@dataclass(frozen=True)
class Standing:
    """What of a site's visits is in the database."""

    last_states: frozenset[int]
    events: int
    distinct: int


def read_standing(site: TenantWorld, visitors: Sequence[Visitor]) -> Standing:
    """Compare each visitor's episode with what the visitor did last."""
    typed: set[tuple[str, str]] = set()
    carts: set[tuple[str, int]] = set()
    with db.tenant_transaction(site.tenant_id) as session:
        for episode in session.exec(select(Episode).where(Episode.tenant_id == site.tenant_id)):
            fields = episodes.form_fields(session, tenant_id=site.tenant_id, episode=episode)
            typed.add((fields.get("email", ""), fields.get("name", "")))
            carts |= {(item["id"], int(item["quantity"])) for item in episode.items}
        count, distinct = session.exec(
            select(func.count(), func.count(func.distinct(Event.event_id))).where(Event.tenant_id == site.tenant_id)
        ).one()

    def is_complete(visitor: Visitor) -> bool:
        has_typed = visitor.doing is Doing.PUTS_IN or (visitor.email, visitor.name) in typed
        has_filled = visitor.doing is Doing.TYPES or (visitor.goods, 2) in carts
        return has_typed and has_filled

    return Standing(frozenset(one.number for one in visitors if is_complete(one)), count, distinct)


def settled(read: Callable[[], Standing], *, within_s: float) -> Standing:
    """Read until nothing more arrives for two seconds."""
    deadline = time.monotonic() + within_s
    before = read()
    while time.monotonic() < deadline:
        time.sleep(2)
        now = read()
        if now == before:
            break
        before = now
    return before
