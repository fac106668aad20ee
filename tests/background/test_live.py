"""Live pages hear of committed changes of their own tenants, and of nothing else."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta

import pytest

from modori.background import live
from modori.background.valkey import ANSWER_S, RESTED_AFTER_S
from modori.kernel import clock
from modori.kernel.errors import Conflict
from modori.kernel.ids import TenantId
from modori.sandbox.engines import Engines
from modori.storage import db
from tests.conftest import Cluster
from tests.world import World


@asynccontextmanager
async def page(
    url: str, *tenant_ids: TenantId, hub: live.Hub | None = None
) -> AsyncIterator[Callable[[int], Awaitable[list[live.News]]]]:
    """A page that listens, and is connected. Call it for at least so many news, and all until a silence."""
    hub = hub or live.Hub(url)
    heard: asyncio.Queue[live.News | None] = asyncio.Queue()

    async def listen() -> None:
        async for news in hub.subscribe(tenant_ids, beat_s=0.3):
            await heard.put(news)

    async def hear(at_least: int) -> list[live.News]:
        got: list[live.News] = []
        async with asyncio.timeout(60):
            while (news := await heard.get()) is not None or len(got) < at_least:
                if news is not None:
                    got.append(news)
        return got

    listening = asyncio.create_task(listen())
    [connected] = await hear(1)
    assert connected.topic == live.LOOK_AGAIN, "whoever connects reads everything once more"
    try:
        yield hear
    finally:
        hub.close()
        await asyncio.wait_for(listening, 60)


def announce(tenant_id: TenantId, *subjects: str, fails: bool = False) -> None:
    with db.tenant_transaction(tenant_id) as session:
        for subject in subjects:
            live.announce(session, tenant_id=tenant_id, topic="queue", subject=subject)
        if fails:
            raise Conflict


def test_a_page_hears_its_own_tenants_commits_once_each(world: World, engines: Cluster) -> None:
    acme, stranger = world.acme.tenant_id, world.stranger.tenant_id

    async def story() -> list[live.News]:
        async with page(engines.redis_url, acme) as hear:
            await asyncio.to_thread(announce, stranger, "theirs")
            with pytest.raises(Conflict):
                await asyncio.to_thread(announce, acme, "never was", fails=True)
            await asyncio.to_thread(announce, acme, "one", "one", "two")
            return await hear(2)

    live.configure(engines.redis_url)
    try:
        heard = asyncio.run(story())
    finally:
        live.configure(None)
    assert heard == [live.News(acme, "queue", "one"), live.News(acme, "queue", "two")]


@pytest.mark.parametrize(
    ("made_s_ago", "most", "recalled"),
    [(0, 1000, ["queue"]), (60, 1000, []), (0, 1, [live.LOOK_AGAIN])],
    ids=["now", "long ago", "more than is remembered"],
)
def test_a_page_hears_what_came_between_its_making_and_its_listening(
    world: World, engines: Cluster, made_s_ago: int, most: int, recalled: list[str]
) -> None:
    acme, stranger = world.acme.tenant_id, world.stranger.tenant_id
    hub = live.Hub(engines.redis_url, most_recalled=most)

    async def first(since: datetime | None) -> list[live.News]:
        """What a page hears before the first silence."""
        heard = []
        async for news in hub.subscribe([acme], since=since, beat_s=0.3):
            if news is None:
                break
            heard.append(news)
        return heard

    async def story() -> tuple[list[live.News], list[live.News]]:
        async with page(engines.redis_url, acme, hub=hub) as hear:
            await asyncio.to_thread(announce, acme, "before")
            await hear(1)
            made_at = clock.now() + live.MAKING - timedelta(seconds=made_s_ago)
            await asyncio.to_thread(announce, stranger, "theirs")
            await asyncio.to_thread(announce, acme, "between")
            await hear(1)
            return await first(made_at), await first(None)

    live.configure(engines.redis_url)
    try:
        heard, without = asyncio.run(story())
    finally:
        live.configure(None)
    assert [news.topic for news in heard] == recalled
    assert all(news.subject == "between" for news in heard if news.topic == "queue")
    assert without == []


def test_a_page_looks_again_after_the_server_was_away(world: World, own_engines: Engines) -> None:
    acme = world.acme.tenant_id

    async def story() -> tuple[list[live.News], list[live.News]]:
        async with page(own_engines.redis_url, acme) as hear:
            await asyncio.to_thread(own_engines.wipe_valkey, restart=True)
            lost = await hear(1)
            await asyncio.sleep(RESTED_AFTER_S)
            await asyncio.to_thread(announce, acme, "after")
            return lost, await hear(1)

    live.configure(own_engines.redis_url)
    try:
        lost, after = asyncio.run(story())
    finally:
        live.configure(None)
    assert {news.topic for news in lost} == {live.LOOK_AGAIN}
    assert live.News(acme, "queue", "after") in after


def tried(silent: socket.socket) -> int:
    """How often somebody has connected since the last look: once each time that an announcement waits."""
    silent.settimeout(0)
    came = 0
    with suppress(BlockingIOError):
        while True:
            silent.accept()[0].close()
            came += 1
    return came


def test_a_server_that_says_nothing_holds_up_one_caller_at_a_time_and_not_for_long(world: World) -> None:
    """As a frozen one does: it takes connections. Ingest's few threads announce after each commit."""

    def tell(_: int) -> None:
        announce(world.acme.tenant_id, "one")

    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent, ThreadPoolExecutor(4) as threads:
        live.configure(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        try:
            began = time.monotonic()
            tell(0)
            took_s, once = time.monotonic() - began, tried(silent)
            assert once
            time.sleep(RESTED_AFTER_S)
            began = time.monotonic()
            list(threads.map(tell, range(8)))
            rests = (time.monotonic() - began) // RESTED_AFTER_S
        finally:
            live.configure(None)
        assert tried(silent) <= once * (1 + rests)  # however slow the machine, the others find it resting
    assert took_s < ANSWER_S  # what others than requests would wait


def test_an_announcement_without_a_server_costs_nothing(world: World) -> None:
    live.configure("redis://127.0.0.1:1/0")
    try:
        announce(world.acme.tenant_id, "unheard")
    finally:
        live.configure(None)
