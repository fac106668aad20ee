"""Timer-less group commit: what has queued while one transaction committed goes into the next one (decision 0022).

One thread, one connection. Each request is answered once the transaction that holds its events is on disk (G1). What a
batch cannot take, or what makes it fail, is told to go alone: a transaction of its own then says what is the matter.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from time import sleep
from typing import Final

import structlog
from psycopg.errors import DeadlockDetected, LockNotAvailable, SerializationFailure

from modori.background import live
from modori.capture.batch.actions import Apart, Overtaken, SiteKey, take_batch
from modori.capture.batch.visits import Posted
from modori.kernel.errors import Unavailable
from modori.kernel.failpoints import hit
from modori.storage.db import plain_transaction
from modori.storage.failures import AWAY
from modori.storage.retrying import MOST_TRIES

MOST_EVENTS: Final = 500
"""Of one transaction: larger ones were not faster, and each keeps its first request waiting."""

NEWS_EVERY_S: Final = 0.25
"""A page that watches a site is told at most this often that there is something new."""

log = structlog.get_logger()


class GoAlone(Exception):
    """The request is to be taken by a transaction of its own. Nothing of it was kept."""


@dataclass(eq=False, slots=True)
class _Waiting:
    """A request in the queue, and whom to tell."""

    posted: Posted
    loop: asyncio.AbstractEventLoop
    kept: "asyncio.Future[None]"


class Flusher:
    """Takes requests from event loops and keeps them, many in one transaction."""

    def __init__(self, *, most_events: int = MOST_EVENTS) -> None:
        self._most_events = most_events
        self._lock = Lock()
        self._queue: deque[_Waiting] = deque()
        self._is_busy = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="flusher")
        self._news = _News()

    async def keep(self, posted: Posted) -> None:
        """Return once the events of a request are on disk (G1).

        raises  GoAlone; Unavailable where the database cannot be reached
        """
        loop = asyncio.get_running_loop()
        waiting = _Waiting(posted, loop, loop.create_future())
        with self._lock:
            self._queue.append(waiting)
            must_wake, self._is_busy = not self._is_busy, True
        if must_wake:
            self._thread.submit(self._run)
        await waiting.kept

    def _run(self) -> None:
        while batch := self._next():
            self._flush(batch)

    def _next(self) -> list[_Waiting]:
        """Take what has queued, at most `most_events` events of it; nothing ends the run."""
        batch: list[_Waiting] = []
        events = 0
        with self._lock:
            while self._queue and (not batch or events + len(self._queue[0].posted.events) <= self._most_events):
                batch.append(self._queue.popleft())
                events += len(batch[-1].posted.events)
            self._is_busy = bool(batch)
        return batch

    def _flush(self, batch: Sequence[_Waiting]) -> None:
        try:
            self._keep(batch, tries=MOST_TRIES)
        except Exception as error:  # noqa: BLE001  # whoever waits must be told, whatever it was
            log.error("ingest.flush_failed", error=type(error).__name__)
            _tell(batch, GoAlone)

    def _keep(self, batch: Sequence[_Waiting], *, tries: int) -> None:
        """Keep a batch and tell each request; where that fails, parts of it."""
        if not batch:
            return
        try:
            sites = _keep_together([one.posted for one in batch])
        except Apart as apart:
            alone = {id(posted) for posted in apart.posted}
            _tell([one for one in batch if id(one.posted) in alone], GoAlone)
            self._keep([one for one in batch if id(one.posted) not in alone], tries=tries)
        except (Overtaken, DeadlockDetected, SerializationFailure):
            if tries > 1:
                self._keep(batch, tries=tries - 1)
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
            self._keep(batch[:middle], tries=tries)
            self._keep(batch[middle:], tries=tries)
        else:
            _tell(batch, None)
            self._news.tell(sites)


def _keep_together(batch: Sequence[Posted]) -> set[SiteKey]:
    with plain_transaction({posted.site.tenant_id for posted in batch}) as connection:
        sites = take_batch(connection, batch)
        hit("ingest.before_commit")
    hit("ingest.after_commit")
    return sites


def _tell(batch: Iterable[_Waiting], error: Callable[[], Exception] | None) -> None:
    """Wake those who wait, each loop once."""
    by_loop: defaultdict[asyncio.AbstractEventLoop, list[_Waiting]] = defaultdict(list)
    for waiting in batch:
        by_loop[waiting.loop].append(waiting)
    for loop, these in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_wake, these, error)


def _wake(these: Iterable[_Waiting], error: Callable[[], Exception] | None) -> None:
    for waiting in these:
        if waiting.kept.done():  # the caller hung up
            continue
        if error is None:
            waiting.kept.set_result(None)
        else:
            waiting.kept.set_exception(error())


def _away() -> Unavailable:
    return Unavailable("Nothing was kept. Send it again.")


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
            for tenant_id, site_id in sites:
                live.publish(live.News(tenant_id, "event", str(site_id)))
            sleep(NEWS_EVERY_S)

    def _next(self) -> set[SiteKey]:
        with self._lock:
            sites, self._sites = self._sites, set()
            self._is_busy = bool(sites)
        return sites
