"""Group commit: what has queued while one transaction committed goes into the next one (decision 0030).

Tasks of the event loop, each with a connection of its own. Each request is answered once the transaction that holds its
events is on disk (G1). What a batch cannot take, or what makes it fail, is told to go alone: a transaction of its own
then says what is the matter.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from dataclasses import dataclass
from threading import Lock
from time import monotonic, sleep
from typing import Final
from weakref import WeakKeyDictionary

import structlog
from psycopg.errors import DeadlockDetected, LockNotAvailable, SerializationFailure

from modori.api import counts
from modori.background import live
from modori.capture.batch.actions import OVERTAKEN, Apart, SiteKey, take_batch
from modori.capture.batch.visits import Posted
from modori.kernel.errors import Unavailable
from modori.kernel.failpoints import hit
from modori.storage.db import plain_transaction
from modori.storage.failures import AWAY
from modori.storage.retrying import MOST_TRIES

MOST_EVENTS: Final = 500
"""Of one transaction: larger ones were not faster, and each keeps its first request waiting."""

AT_ONCE: Final = 2
"""Transactions: while one waits for PostgreSQL, another one's events are read and folded."""
ENOUGH: Final = 12
"""Waiting events for which a second transaction is begun. Fewer wait for the one in hand: what a transaction costs
whatever it holds is better shared."""
APART_S: Final = 0.004
"""Between the beginnings of two transactions, unless ENOUGH waits, for the same reason. A request that comes alone does
not wait; at half load a transaction then holds twice as much, and the slowest answers come sooner (decision 0046)."""

NEWS_EVERY_S: Final = 0.25
"""A page that watches a site is told at most this often that there is something new."""

log = structlog.get_logger()


class GoAlone(Exception):
    """The request is to be taken by a transaction of its own. Nothing of it was kept."""


@dataclass(eq=False, slots=True)
class _Waiting:
    """A request in the queue, and whom to tell."""

    posted: Posted
    kept: "asyncio.Future[None]"


class Flusher:
    """Takes requests and keeps them, many in one transaction. Each event loop that asks has a queue of its own."""

    def __init__(self, *, most_events: int = MOST_EVENTS) -> None:
        self._most_events = most_events
        self._queues: WeakKeyDictionary[asyncio.AbstractEventLoop, _Queue] = WeakKeyDictionary()
        self._news = _News()

    def keep(self, posted: Posted) -> "asyncio.Future[None]":
        """Return what is done once the events of a request are on disk (G1).

        It raises GoAlone; Unavailable where the database cannot be reached.
        """
        loop = asyncio.get_running_loop()
        queue = self._queues.get(loop)
        if queue is None:
            queue = self._queues[loop] = _Queue(self._most_events, self._news)
        return queue.add(posted, loop)


class _Queue:
    """What waits in one event loop, and the tasks that keep it, each one batch."""

    def __init__(self, most_events: int, news: "_News") -> None:
        self._most_events, self._news = most_events, news
        self._waiting: deque[_Waiting] = deque()
        self._events = 0
        self._in_hand: set[asyncio.Task[None]] = set()
        self._began_at = 0.0
        self._later: asyncio.TimerHandle | None = None

    def add(self, posted: Posted, loop: asyncio.AbstractEventLoop) -> "asyncio.Future[None]":
        waiting = _Waiting(posted, loop.create_future())
        self._waiting.append(waiting)
        self._events += len(posted.events)
        self._begin(loop)
        return waiting.kept

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin a batch, unless what waits had better wait: for one in hand, whose end looks again, or for company."""
        is_enough = self._events >= ENOUGH
        if not self._waiting or (self._in_hand and (not is_enough or len(self._in_hand) == AT_ONCE)):
            return
        early_s = self._began_at + APART_S - loop.time()
        if early_s > 0 and not is_enough:
            self._later = self._later or loop.call_later(early_s, self._look_again, loop)
            return
        self._began_at = loop.time()
        task = loop.create_task(self._keep_next(), context=Context())  # of no single request
        self._in_hand.add(task)
        task.add_done_callback(self._ended)

    def _look_again(self, loop: asyncio.AbstractEventLoop) -> None:
        self._later = None
        self._begin(loop)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._in_hand.discard(task)
        if not task.cancelled():
            self._begin(task.get_loop())

    async def _keep_next(self) -> None:
        await self._flush(self._next())

    def _next(self) -> list[_Waiting]:
        """Take what has queued, at most `most_events` events of it."""
        batch: list[_Waiting] = []
        events = 0
        while self._waiting and (not batch or events + len(self._waiting[0].posted.events) <= self._most_events):
            batch.append(self._waiting.popleft())
            events += len(batch[-1].posted.events)
        self._events -= events
        return batch

    async def _flush(self, batch: Sequence[_Waiting]) -> None:
        try:
            await self._keep(batch, tries=MOST_TRIES)
        except Exception as error:  # noqa: BLE001  # whoever waits must be told, whatever it was
            log.error("ingest.flush_failed", error=type(error).__name__)
            _tell(batch, GoAlone)

    async def _keep(self, batch: Sequence[_Waiting], *, tries: int) -> None:
        """Keep a batch and tell each request; where that fails, parts of it."""
        if not batch:
            return
        try:
            sites = await _keep_together([one.posted for one in batch])
        except Apart as apart:
            alone = {id(posted) for posted in apart.posted}
            _tell([one for one in batch if id(one.posted) in alone], GoAlone)
            await self._keep([one for one in batch if id(one.posted) not in alone], tries=tries)
        except (*OVERTAKEN, DeadlockDetected, SerializationFailure):
            if tries > 1:
                await self._keep(batch, tries=tries - 1)
            else:
                _tell(batch, GoAlone)
        except LockNotAvailable:
            _tell(batch, GoAlone)
        except AWAY as error:
            log.warning("ingest.database_away", error=type(error).__name__)
            _tell(batch, _away)
        except Exception as error:  # noqa: BLE001  # of which event it was, the halves will show
            if len(batch) == 1:
                log.warning("ingest.event_apart", error=type(error).__name__)
                _tell(batch, GoAlone)
                return
            middle = len(batch) // 2
            await self._keep(batch[:middle], tries=tries)
            await self._keep(batch[middle:], tries=tries)
        else:
            _tell(batch, None)
            self._news.tell(sites)


async def _keep_together(batch: Sequence[Posted]) -> set[SiteKey]:
    began = monotonic()
    async with plain_transaction({posted.site.tenant_id for posted in batch}) as connection:
        sites = await take_batch(connection, batch)
        hit("ingest.before_commit")
    hit("ingest.after_commit")
    counts.FLUSH_SECONDS.observe(monotonic() - began)
    counts.FLUSH_EVENTS.observe(sum(len(posted.events) for posted in batch))
    return sites


def _tell(batch: Iterable[_Waiting], error: Callable[[], Exception] | None) -> None:
    """Wake those who wait."""
    for waiting in batch:
        if waiting.kept.done():  # the caller hung up
            continue
        if error is None:
            waiting.kept.set_result(None)
        else:
            waiting.kept.set_exception(error())


def _away() -> Unavailable:
    """The connection may have broken under the commit."""
    return Unavailable("It may not have been kept. Send it again: each event counts once.")


class _News:
    """Hints for the pages that watch a site, from a thread of its own: a slow messenger holds up no flush."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._sites: set[SiteKey] = set()
        self._is_busy = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="flusher-news")

    def tell(self, sites: Collection[SiteKey]) -> None:
        with self._lock:
            self._sites.update(sites)
            must_wake, self._is_busy = bool(self._sites) and not self._is_busy, bool(self._sites) or self._is_busy
        if must_wake:
            self._thread.submit(self._run)

    def _run(self) -> None:
        while sites := self._next():
            live.publish([live.News(tenant_id, "event", str(site_id)) for tenant_id, site_id in sites])
            sleep(NEWS_EVERY_S)

    def _next(self) -> set[SiteKey]:
        with self._lock:
            sites, self._sites = self._sites, set()
            self._is_busy = bool(sites)
        return sites
