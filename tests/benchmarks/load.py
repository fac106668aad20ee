"""A closed-loop HTTP/1.1 load generator on asyncio: cheap enough to share two cores with what it measures."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter

LAST_ANSWER_S = 20.0

MakeRequest = Callable[[int], bytes]
"""From the number of a connection to the bytes of its next request."""


@dataclass
class Load:
    """What a run saw.

    accepted   the sum of the `accepted` that 202 answers named
    took_s     from the first request to the last answer
    """

    latencies_s: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    accepted: int = 0
    took_s: float = 0.0


class _Connection(asyncio.Protocol):
    """One keep-alive connection: the next request goes out as soon as the answer is in."""

    def __init__(self, number: int, make: MakeRequest, load: Load, until: float) -> None:
        self._number, self._make, self._load, self._until = number, make, load, until
        self._transport: asyncio.Transport | None = None
        self._got = b""
        self._sent_at = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        got = self._got + data if self._got else data
        end = got.find(b"\r\n\r\n")
        if end < 0:
            self._got = got
            return
        head = got[:end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(got) < end + 4 + length:
            self._got = got
            return
        self._got = b""
        self._take(int(got[9:12]), got[end + 4 :])

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the server hung up"))

    def _take(self, status: int, body: bytes) -> None:
        now = perf_counter()
        load = self._load
        load.latencies_s.append(now - self._sent_at)
        load.statuses[status] += 1
        if status == 202 and body.startswith(b'{"accepted": '):
            load.accepted += int(body[13 : body.index(b",", 13)])
        if now < self._until:
            self._next()
        else:
            assert self._transport is not None
            self.done.set_result(None)
            self._transport.close()

    def _next(self) -> None:
        assert self._transport is not None
        request = self._make(self._number)
        self._sent_at = perf_counter()
        self._transport.write(request)


def run_load(port: int, make: MakeRequest, *, connections: int, seconds: float) -> Load:
    """Keep `connections` busy for `seconds`, and wait for their last answers.

    raises  ConnectionError where the server hangs up, TimeoutError where it does not answer
    """
    return asyncio.run(_run(port, make, connections, seconds))


async def _run(port: int, make: MakeRequest, connections: int, seconds: float) -> Load:
    load = Load()
    loop = asyncio.get_running_loop()
    started = perf_counter()
    until = started + seconds

    async def one(number: int) -> None:
        _, connection = await loop.create_connection(lambda: _Connection(number, make, load, until), "127.0.0.1", port)
        await asyncio.wait_for(connection.done, seconds + LAST_ANSWER_S)

    await asyncio.gather(*(one(number) for number in range(connections)))
    load.took_s = perf_counter() - started
    return load
