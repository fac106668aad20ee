"""News for live pages: hints by Valkey pub/sub, sent after the commit. The page reads PostgreSQL again.

All of it is best effort. A page that misses a hint is told to look again when the connection is back.
"""

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import AsyncIterator, Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import redis
import redis.asyncio
from sqlmodel import Session

from modori.background import counts
from modori.background.valkey import CONNECT_S, LOST, Rested, client_of
from modori.kernel import clock
from modori.kernel.ids import TenantId
from modori.storage.db import on_commit

PREFIX: Final = "modori:live:"
LOOK_AGAIN: Final = "again"
"""The topic of a hint that says: some may have been lost, read everything again."""

ANSWER_S: Final = 0.5
"""Requests wait for it after their commit."""

MOST_WAITING: Final = 200
RECONNECT_S: Final = 1.0
PING_EVERY_S: Final = 15.0

MOST_RECALLED: Final = 1000
RECALLED: Final = timedelta(seconds=30)
"""How much a process remembers of the news, for pages that were made before they listened."""
MAKING: Final = timedelta(seconds=2)
"""A page says when it was made; what it shows was read a little before, and hosts' clocks differ a little."""


@dataclass(frozen=True)
class News:
    """Something of a tenant's has changed: topic is queue, lead, result, event, or `again`; subject is an id."""

    tenant_id: UUID
    topic: str
    subject: str


@dataclass(eq=False)
class _Reader:
    tenant_ids: frozenset[UUID]
    waiting: "asyncio.Queue[News | None]" = field(default_factory=lambda: asyncio.Queue(MOST_WAITING))


class _Publisher:
    def __init__(self, url: str) -> None:
        self._client = client_of(url, answer_s=ANSWER_S)
        self._rested = Rested()

    def publish(self, all_news: Collection[News]) -> None:
        """Send it in one way and back: a thread that waits for each one keeps the event loop from running."""
        sending = self._client.pipeline(transaction=False)
        for news in all_news:
            text = json.dumps({"topic": news.topic, "subject": news.subject})
            sending.publish(f"{PREFIX}{news.tenant_id}", text)
        is_sent = self._rested.attempt(sending.execute)
        counts.LIVE.labels("sent" if is_sent else "lost").inc(len(all_news))

    def close(self) -> None:
        self._client.close()


_publisher: _Publisher | None = None
_hub: "Hub | None" = None


def configure(url: str | None) -> None:
    """Set the server that `announce` publishes to and `subscribe` hears. None: announcements go nowhere."""
    global _publisher, _hub
    if _publisher is not None:
        _publisher.close()
    _publisher = None if url is None else _Publisher(url)
    _hub = None if url is None else Hub(url)


def subscribe(
    tenant_ids: Iterable[TenantId], *, since: datetime | None = None, beat_s: float = 15.0
) -> "AsyncIterator[News | None]":
    """Hear this process's news of some tenants: see Hub.subscribe. raises RuntimeError before `configure`"""
    if _hub is None:
        raise RuntimeError("background.live.configure has not been called")
    return _hub.subscribe(tenant_ids, since=since, beat_s=beat_s)


def end_subscriptions() -> None:
    """End every live page's stream, in the event loop that serves them: a server cannot stop while one is open."""
    if _hub is not None:
        _hub.close()


def announce(session: Session, *, tenant_id: TenantId, topic: str, subject: str) -> None:
    """Tell live pages, after this transaction has committed, that something changed. Repeats are told once."""
    news = News(tenant_id, topic, subject)
    told: set[News] = session.info.setdefault("announced", set())
    if news in told:
        return
    told.add(news)

    def tell() -> None:
        told.discard(news)
        if _publisher is not None:
            _publisher.publish([news])

    on_commit(session, tell)


def publish(all_news: Collection[News]) -> None:
    """Tell live pages at once what has changed, which the caller has committed."""
    if _publisher is not None:
        _publisher.publish(all_news)


class Hub:
    """One connection of a web process to the news, and the pages that listen. It belongs to one event loop."""

    def __init__(self, url: str, *, most_recalled: int = MOST_RECALLED) -> None:
        self._url = url
        self._readers: set[_Reader] = set()
        self._recent: deque[tuple[datetime, News]] = deque(maxlen=most_recalled)
        self._listening: asyncio.Task[None] | None = None
        self._closed = asyncio.Event()

    async def subscribe(
        self, tenant_ids: Iterable[TenantId], *, since: datetime | None = None, beat_s: float = 15.0
    ) -> AsyncIterator[News | None]:
        """Yield the news of these tenants as it comes, and None when there was none for `beat_s`; ends with `close`.

        since  when the page was made that listens: what came in between comes first, if it is RECALLED or younger
        """
        reader = _Reader(frozenset(tenant_ids))
        if self._closed.is_set():
            return
        if since is not None:
            for recalled in self._recalled(reader, since):
                _put(reader, recalled)
        if self._listening is None or self._listening.done():
            self._listening = asyncio.get_running_loop().create_task(self._listen())
        self._readers.add(reader)
        try:
            while not self._closed.is_set():
                try:
                    news = await asyncio.wait_for(reader.waiting.get(), beat_s)
                except TimeoutError:
                    news = None
                if self._closed.is_set():
                    return
                yield news
        finally:
            self._readers.discard(reader)

    def close(self) -> None:
        """End every subscription: a server does not stop while a stream is open. Call it in the hub's loop."""
        self._closed.set()
        for reader in self._readers:
            _put(reader, None)
        if self._listening is not None:
            self._listening.cancel()

    def _recalled(self, reader: _Reader, since: datetime) -> list[News]:
        """Return what came since a page was made, each once. One that is older reads everything when it comes back."""
        shown_at = since - MAKING
        if since < clock.now() - RECALLED:
            return []
        if len(self._recent) == self._recent.maxlen and self._recent[0][0] > shown_at:
            return [News(tenant_id, LOOK_AGAIN, "") for tenant_id in list(reader.tenant_ids)[:1]]
        heard = (news for at, news in self._recent if at >= shown_at and news.tenant_id in reader.tenant_ids)
        return list(dict.fromkeys(heard))

    async def _listen(self) -> None:
        while not self._closed.is_set():
            client = redis.asyncio.Redis.from_url(
                self._url, socket_connect_timeout=CONNECT_S, socket_timeout=PING_EVERY_S
            )
            try:
                async with client, client.pubsub() as subscription:
                    await subscription.psubscribe(f"{PREFIX}*")
                    while True:
                        message = await subscription.get_message(timeout=PING_EVERY_S)
                        if message is None:
                            await subscription.ping()
                        else:
                            self._spread(message)
            except LOST:
                pass
            await asyncio.sleep(RECONNECT_S)

    def _spread(self, message: dict[str, object]) -> None:
        if message["type"] == "psubscribe":
            for reader in self._readers:
                for tenant_id in reader.tenant_ids:
                    _put(reader, News(tenant_id, LOOK_AGAIN, ""))
            return
        channel, text = message["channel"], message["data"]
        if not isinstance(channel, bytes) or not isinstance(text, bytes):
            return
        with contextlib.suppress(ValueError, KeyError):
            said = json.loads(text)
            news = News(UUID(channel.decode().removeprefix(PREFIX)), str(said["topic"]), str(said["subject"]))
            self._recent.append((clock.now(), news))
            for reader in self._readers:
                if news.tenant_id in reader.tenant_ids:
                    _put(reader, news)


def _put(reader: _Reader, news: News | None) -> None:
    """Hand a page its news; one that is too slow loses the oldest, and is told to look again."""
    if reader.waiting.full():
        for tenant_id in reader.tenant_ids:
            reader.waiting.get_nowait()
            reader.waiting.put_nowait(News(tenant_id, LOOK_AGAIN, ""))
            break
        return
    reader.waiting.put_nowait(news)
