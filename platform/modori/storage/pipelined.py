"""Prepared statements sent together over libpq, and their answers read together.

For ingest's flusher alone. psycopg's own pipeline waits for the socket after each statement and so lets go of the
interpreter each time, which the event loop is loath to give back; this one waits when an answer is wanted.
"""

import select
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, Generic, TypeVar, cast

from psycopg import Connection, OperationalError
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGresult

Row = TypeVar("Row", bound=tuple[Any, ...])

_NO_ANSWER: Final = (ExecStatus.FATAL_ERROR, ExecStatus.PIPELINE_ABORTED)


class Answer(Generic[Row]):
    """What a statement will answer, once everything that was sent has been waited for."""

    def __init__(self, pipelined: "Pipelined", *, prepares: str | None = None) -> None:
        self._pipelined = pipelined
        self.prepares = prepares
        self.result: PGresult | None = None

    def fetchall(self) -> list[Row]:
        """Return the rows. raises psycopg's error of the first statement that failed, whichever it was"""
        if self.result is None:
            self._pipelined.wait()
        assert self.result is not None
        return cast(list[Row], self._pipelined.rows_of(self.result))


class Pipelined:
    """One transaction's statements on a bare connection that nobody else prepares statements on.

    prepared  the connection's statements and their names: they outlive the transaction
    """

    def __init__(self, connection: Connection[Any], prepared: dict[str, bytes]) -> None:
        self._connection, self._pgconn, self._prepared = connection, connection.pgconn, prepared
        self._loading = Transformer(connection)
        self._socket = select.poll()
        self._fd = self._pgconn.socket
        self._sent: list[Answer[Any]] = []
        self._new: dict[str, bytes] = {}
        self._pgconn.enter_pipeline_mode()

    def execute(self, statement: str, parameters: Sequence[str] = ()) -> Answer[Any]:
        """Send a statement; `%s` stands for a parameter, whose type the statement must name. Rows come in binary."""
        name = self._prepared.get(statement) or self._new.get(statement)
        if name is None:
            name = self._new[statement] = b"plain_%d" % (len(self._prepared) + len(self._new))
            self._pgconn.send_prepare(name, _numbered(statement))
            self._sent.append(Answer(self, prepares=statement))
        written = [one.encode() for one in parameters]
        self._pgconn.send_query_prepared(name, written, result_format=Format.BINARY)
        answer: Answer[Any] = Answer(self)
        self._sent.append(answer)
        return answer

    def wait(self) -> None:
        """Read every answer that is outstanding. raises psycopg's error of the first statement that failed"""
        self._pgconn.pipeline_sync()
        sent, self._sent = self._sent, []
        failed: PGresult | None = None
        for answer in sent:
            while (result := self._next()) is not None:
                answer.result = result
                if result.status == ExecStatus.FATAL_ERROR:
                    failed = failed or result
                    if self._pgconn.status == ConnStatus.BAD:
                        raise error_from_result(result)
            if answer.prepares is not None and answer.result is not None and answer.result.status not in _NO_ANSWER:
                self._prepared[answer.prepares] = self._new[answer.prepares]
        end = self._next()
        if end is None or end.status != ExecStatus.PIPELINE_SYNC:
            raise OperationalError("the pipeline broke")
        self._new.clear()
        if failed is not None:
            raise error_from_result(failed)

    def commit(self) -> None:
        """Wait for everything, and for the commit. raises psycopg's errors"""
        self.execute("commit")
        self.wait()
        self._pgconn.exit_pipeline_mode()

    def roll_back(self) -> None:
        """Undo everything; a connection on which that fails is closed."""
        try:
            if self._sent:
                self._drain()
            self._pgconn.exit_pipeline_mode()
            if self._pgconn.transaction_status != TransactionStatus.IDLE:
                self._pgconn.exec_(b"rollback")
        except Exception:  # noqa: BLE001  # the error that brought us here is the one to be told
            self._connection.close()
        else:
            if self._pgconn.transaction_status != TransactionStatus.IDLE:
                self._connection.close()

    def rows_of(self, result: PGresult) -> list[tuple[Any, ...]]:
        self._loading.set_pgresult(result)
        return self._loading.load_rows(0, result.ntuples, tuple)

    def _drain(self) -> None:
        try:
            self.wait()
        except Exception:  # it is rolled back anyway
            if self._sent or self._pgconn.status == ConnStatus.BAD:
                raise

    def _next(self) -> PGresult | None:
        """Return the next result, or the None that ends a statement's; wait for it where it is not there yet."""
        while (unsent := self._pgconn.flush()) or self._pgconn.is_busy():
            self._socket.register(self._fd, select.POLLIN | (select.POLLOUT if unsent else 0))
            events = self._socket.poll()[0][1]
            if events & ~select.POLLOUT:
                self._pgconn.consume_input()
        return self._pgconn.get_result()


@lru_cache(maxsize=100)
def _numbered(statement: str) -> bytes:
    """Write a statement's parameters as libpq wants them: $1, $2."""
    parts = statement.split("%s")
    return "".join(part + (f"${i}" if i < len(parts) else "") for i, part in enumerate(parts, 1)).encode()
