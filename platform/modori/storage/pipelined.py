"""Prepared statements sent together over libpq, and their answers awaited together.

For ingest's flusher alone: it runs in the event loop, beside the requests that it serves, and no thread ever waits for
another one to let go of the interpreter. psycopg's own pipeline waits after each statement; this one waits when its
answers are wanted.
"""

import asyncio
import select
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from threading import Lock
from typing import Any, Final, Generic, TypeVar, cast

from psycopg import Connection, OperationalError
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGresult

Row = TypeVar("Row", bound=tuple[Any, ...])

LATEST_REPLAN: Final = 4096
"""Transactions after which plans are made anew, at the latest."""

_NO_ANSWER: Final = (ExecStatus.FATAL_ERROR, ExecStatus.PIPELINE_ABORTED)


@dataclass(eq=False)
class Kept:
    """A bare connection, and the statements that it has prepared: statement → its name.

    A generic plan is made once, for tables as large as they are then. So plans are made anew after 8 transactions, 16,
    32 and so on, at last each LATEST_REPLAN: that costs some milliseconds, and a plan for an empty table much more.
    """

    connection: Connection[Any]
    prepared: dict[str, bytes] = field(default_factory=dict)
    transactions: int = 0
    replan_at: int = 8

    def is_stale(self) -> bool:
        """Count a transaction; say whether it must make its plans anew."""
        self.transactions += 1
        if self.transactions < self.replan_at:
            return False
        self.replan_at += min(self.replan_at, LATEST_REPLAN)
        return True


class Answer(Generic[Row]):
    """What a statement answers, once everything that was sent has been waited for."""

    def __init__(self, pipelined: "Pipelined", *, prepares: str | None = None) -> None:
        self._pipelined = pipelined
        self.prepares = prepares
        self.result: PGresult | None = None

    def rows(self) -> list[Row]:
        """Return the rows of a statement that `Pipelined.answered` has waited for."""
        assert self.result is not None
        return cast(list[Row], self._pipelined.rows_of(self.result))


class Pipelined:
    """One transaction's statements on a bare connection that nobody else prepares statements on."""

    def __init__(self, kept: Kept) -> None:
        self._connection, self._pgconn, self._prepared = kept.connection, kept.connection.pgconn, kept.prepared
        self._loading = Transformer(kept.connection)
        self._loop = asyncio.get_running_loop()
        self._sent: list[Answer[Any]] = []
        self._new: dict[str, bytes] = {}
        self._pgconn.enter_pipeline_mode()
        if kept.is_stale():
            self.execute("discard plans")

    def execute(self, statement: str, parameters: Sequence[bytes | str] = ()) -> Answer[Any]:
        """Send a statement; `%s` stands for a parameter, whose type the statement must name. Rows come in binary."""
        name = self._prepared.get(statement) or self._new.get(statement)
        if name is None:
            name = self._new[statement] = b"plain_%d" % (len(self._prepared) + len(self._new))
            self._pgconn.send_prepare(name, _numbered(statement))
            self._sent.append(Answer(self, prepares=statement))
        written = [one.encode() if isinstance(one, str) else one for one in parameters]
        self._pgconn.send_query_prepared(name, written, result_format=Format.BINARY)
        answer: Answer[Any] = Answer(self)
        self._sent.append(answer)
        return answer

    async def answered(self) -> None:
        """Wait for every answer that is outstanding. raises psycopg's error of the first statement that failed"""
        self._pgconn.pipeline_sync()
        sent, self._sent = self._sent, []
        failed: PGresult | None = None
        for answer in sent:
            while (result := await self._next()) is not None:
                answer.result = result
                if result.status == ExecStatus.FATAL_ERROR:
                    failed = failed or result
                    if self._pgconn.status == ConnStatus.BAD:
                        raise error_from_result(result)
            if answer.prepares is not None and answer.result is not None and answer.result.status not in _NO_ANSWER:
                self._prepared[answer.prepares] = self._new[answer.prepares]
        end = await self._next()
        if end is None or end.status != ExecStatus.PIPELINE_SYNC:
            raise OperationalError("the pipeline broke")
        self._new.clear()
        if failed is not None:
            raise error_from_result(failed)

    async def commit(self) -> None:
        """Wait for everything, and for the commit. raises psycopg's errors"""
        self.execute("commit")
        await self.answered()
        self._pgconn.exit_pipeline_mode()

    async def roll_back(self) -> None:
        """Undo everything; a connection on which that fails is closed, which undoes it, too."""
        try:
            if self._sent:
                await self._drained()
            if self._pgconn.transaction_status != TransactionStatus.IDLE:
                self.execute("rollback")
                await self.answered()
            self._pgconn.exit_pipeline_mode()
        except Exception:  # noqa: BLE001  # the error that brought us here is the one to be told
            self._connection.close()
        except BaseException:
            self._connection.close()
            raise

    def rows_of(self, result: PGresult) -> list[tuple[Any, ...]]:
        self._loading.set_pgresult(result)
        return self._loading.load_rows(0, result.ntuples, tuple)

    async def _drained(self) -> None:
        try:
            await self.answered()
        except Exception:  # it is rolled back anyway
            if self._sent or self._pgconn.status == ConnStatus.BAD:
                raise

    async def _next(self) -> PGresult | None:
        """Return the next result, or the None that ends a statement's; wait for it where it is not there yet."""
        while (unsent := self._pgconn.flush()) or self._pgconn.is_busy():
            await self._ready(to_write=bool(unsent))
        return self._pgconn.get_result()

    async def _ready(self, *, to_write: bool) -> None:
        """Wait until the socket has something to read, or takes more, and read what is there."""
        loop, descriptor, ready = self._loop, self._pgconn.socket, self._loop.create_future()
        loop.add_reader(descriptor, _wake, ready)
        if to_write:
            loop.add_writer(descriptor, _wake, ready)
        try:
            await ready
        finally:
            loop.remove_reader(descriptor)
            if to_write:
                loop.remove_writer(descriptor)
        self._pgconn.consume_input()


def _wake(ready: "asyncio.Future[None]") -> None:
    if not ready.done():
        ready.set_result(None)


class PlainConnections:
    """Bare connections that wait for their next transaction.

    connect  opens one; it may take seconds, so a thread does it
    most     that are kept while nobody uses them
    """

    def __init__(self, connect: Callable[[], Connection[Any]], *, most: int = 4) -> None:
        self._connect, self._most = connect, most
        self._lock = Lock()
        self._idle: list[Kept] = []

    async def take(self) -> Kept:
        """Return a connection that lives, as far as can be seen without asking. raises psycopg's errors"""
        while True:
            with self._lock:
                kept = self._idle.pop() if self._idle else None
            if kept is None:
                return Kept(await asyncio.to_thread(self._connect))
            if not has_ended(kept.connection):
                return kept
            kept.connection.close()

    def give_back(self, kept: Kept) -> None:
        with self._lock:
            if not kept.connection.closed and len(self._idle) < self._most:
                self._idle.append(kept)
                return
        kept.connection.close()

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for kept in idle:
            kept.connection.close()


def has_ended(connection: Connection[Any]) -> bool:
    """Say whether an idle connection is over: it has nothing to read, but its end, which can be seen for nothing."""
    if connection.closed:
        return True
    looking = select.poll()
    looking.register(connection.fileno(), select.POLLIN)
    return bool(looking.poll(0))


@lru_cache(maxsize=100)
def _numbered(statement: str) -> bytes:
    """Write a statement's parameters as libpq wants them: $1, $2."""
    parts = statement.split("%s")
    return "".join(part + (f"${i}" if i < len(parts) else "") for i, part in enumerate(parts, 1)).encode()
