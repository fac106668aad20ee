"""An HTTP/1.1 load generator on asyncio, in a process of its own, cheap enough to share two cores with what it loads.

    python -m tests.benchmarks.load < a pickled Order > a pickled Load

Requests are written beforehand. Closed loop: each connection sends its next request once the answer is in. Open loop:
requests start at a fixed rate, whatever the answers do, and latency counts from when one should have started.
"""

import asyncio
import pickle
import subprocess
import sys
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from time import perf_counter, process_time
from typing import Final

LAST_ANSWER_S: Final = 20.0


@dataclass(frozen=True)
class Order:
    """What to send.

    requests  for each connection, in the order in which it sends them
    per_s     requests a second over all connections; None: as fast as the answers come
    """

    port: int
    requests: list[list[bytes]]
    seconds: float
    per_s: float | None = None


@dataclass
class Load:
    """What a run saw.

    accepted   the sum of the `accepted` that 202 answers named
    by_status  latencies in seconds
    took_s     from the first request to the last answer
    cpu_s      processor time of the generator
    """

    by_status: dict[int, list[float]] = field(default_factory=dict)
    accepted: int = 0
    took_s: float = 0.0
    cpu_s: float = 0.0
    ran_out: bool = False

    @property
    def latencies_s(self) -> list[float]:
        return list(chain.from_iterable(self.by_status.values()))

    @property
    def statuses(self) -> Counter[int]:
        return Counter({status: len(seen) for status, seen in self.by_status.items()})


class _Connection(asyncio.Protocol):
    """One keep-alive connection."""

    def __init__(self, run: "_Run", requests: Sequence[bytes]) -> None:
        self._run, self._requests = run, iter(requests)
        self._transport: asyncio.Transport | None = None
        self._got = b""
        self._since = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        got = self._got + data if self._got else data
        end = got.find(b"\r\n\r\n")
        if end < 0:
            self._got = got
            return
        at = got.find(b"content-length:", 0, end)
        if at < 0:
            at = got.lower().find(b"content-length:", 0, end)
        length = int(got[at + 15 : got.find(b"\r\n", at)]) if at >= 0 else 0
        if len(got) < end + 4 + length:
            self._got = got
            return
        self._got = b""
        self._run.answered(self, int(got[9:12]), got[end + 4 :], perf_counter() - self._since)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the server hung up"))

    def send(self, since: float) -> bool:
        """Send the next request; False where there is none left."""
        request = next(self._requests, None)
        if request is None:
            return False
        self._since = since
        assert self._transport is not None
        self._transport.write(request)
        return True

    def close(self) -> None:
        assert self._transport is not None
        if not self.done.done():
            self.done.set_result(None)
        self._transport.close()


class _Run:
    def __init__(self, order: Order) -> None:
        self.load = Load()
        self._order = order
        self._idle: deque[_Connection] = deque()
        self._late: deque[float] = deque()
        self._until = 0.0
        self._is_over = False

    async def run(self) -> Load:
        loop, order = asyncio.get_running_loop(), self._order
        connections = []
        for requests in order.requests:
            _, connection = await loop.create_connection(
                lambda requests=requests: _Connection(self, requests),  # type: ignore[misc]  # mypy loses the default's type
                "127.0.0.1",
                order.port,
            )
            connections.append(connection)
        started, spent = perf_counter(), process_time()
        self._until = started + order.seconds
        if order.per_s is None:
            for connection in connections:
                self._next(connection)
        else:
            self._idle.extend(connections)
            await self._pace(started, order.per_s)
            self._is_over = True
            for connection in self._idle:
                connection.close()
        await asyncio.wait_for(asyncio.gather(*(each.done for each in connections)), order.seconds + LAST_ANSWER_S)
        self.load.took_s, self.load.cpu_s = perf_counter() - started, process_time() - spent
        return self.load

    async def _pace(self, started: float, per_s: float) -> None:
        number = 0
        while (due := started + number / per_s) < self._until:
            wait = due - perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            number += 1
            if self._idle:
                self._idle.popleft().send(due)
            else:
                self._late.append(due)

    def answered(self, connection: _Connection, status: int, body: bytes, took_s: float) -> None:
        load = self.load
        load.by_status.setdefault(status, []).append(took_s)
        if status == 202 and body.startswith(b'{"accepted": '):
            load.accepted += int(body[13 : body.index(b",", 13)])
        if self._order.per_s is None:
            self._next(connection)
        elif self._late and connection.send(self._late.popleft()):
            return
        elif self._is_over:
            connection.close()
        else:
            self._idle.append(connection)

    def _next(self, connection: _Connection) -> None:
        now = perf_counter()
        if now >= self._until:
            connection.close()
        elif not connection.send(now):
            self.load.ran_out = True
            connection.close()


def run_load(order: Order) -> Load:
    """Run an order in a process of its own. raises CalledProcessError where the server hangs up or does not answer"""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.load"],
        input=pickle.dumps(order),
        stdout=subprocess.PIPE,
        timeout=order.seconds + LAST_ANSWER_S + 40,
        check=True,
    )
    load = pickle.loads(ran.stdout)
    assert isinstance(load, Load)
    return load


def main() -> None:
    """Read an order from stdin, run it, write what was seen to stdout."""
    order = pickle.loads(sys.stdin.buffer.read())
    assert isinstance(order, Order)
    sys.stdout.buffer.write(pickle.dumps(asyncio.run(_Run(order).run())))


if __name__ == "__main__":
    from tests.benchmarks import load  # under its own name, which is what pickles say

    load.main()
