"""Engines, and the only transactions there are.

`tenant_transaction` binds a transaction to one tenant by the setting `app.tenants`, which every row-security policy
reads (G7). It commits at the end of the block and rolls back on an exception; nothing else in the system commits.
"""

from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from threading import local
from typing import Any, Final
from uuid import UUID

import psycopg
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.exc import DisconnectionError
from sqlmodel import Session

from modori.kernel.ids import PLATFORM, TenantId
from modori.storage.pipelined import Pipelined, PlainConnections, has_ended

POOL_SIZE = 16
"""At most 16 backends serve 200 operators faster than 200 do (measured: p99 3.7 ms against 139 ms)."""


class ReadSession(Session):
    """A session whose transaction is READ ONLY: reports cannot write even by mistake."""


@dataclass(frozen=True)
class Database:
    """The engines of a running process.

    app    bound by row security, for everything that serves or works
    scan   sees only the due columns of all tenants, to claim across them
    plain  as `app`, for `plain_transaction` alone: its connections hold statements that it has prepared
    """

    app: Engine
    scan: Engine
    plain: PlainConnections

    def dispose(self) -> None:
        self.app.dispose()
        self.scan.dispose()
        self.plain.close()


Plain = Pipelined
"""A bare connection inside a transaction of `plain_transaction`."""

LOCK_WAIT_MS: Final = 100
"""Of a plain transaction, behind which all ingest waits: a lock that is held for longer is waited for by the
requests themselves, each in a transaction of its own (decision 0022 had a second)."""
STATEMENT_MS: Final = 5000
"""Of a plain transaction. What takes longer is given up, nothing of it is kept, and its callers are to come again."""
TRANSACTION_MS: Final = 15_000
"""Of a transaction that keeps events, as a whole: PostgreSQL ends it, and its session."""
_OPTIONS: Final = "-c timezone=UTC"
_PLAIN_OPTIONS: Final = (
    f"{_OPTIONS} -c lock_timeout={LOCK_WAIT_MS} -c statement_timeout={STATEMENT_MS}"
    f" -c transaction_timeout={TRANSACTION_MS}"
    " -c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_bitmapscan=off -c enable_material=off"
    " -c enable_hashjoin=off -c enable_mergejoin=off"
)
"""Rows are reached one by one, by their whole key. While a table is small the planner would rather read all rows of the
batch's tenants once and hash them, and would go on doing so when there are thousands."""
_CONNECT_S: Final = 5
_BIND: Final = "select set_config('app.tenants', %s, true)"

_LIVENESS: Final[dict[str, Any]] = {
    "tcp_user_timeout": 5000,  # ms
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}
"""A server that vanished without a word is noticed: after 5 s with something unacknowledged, after 11 s of waiting.
source: PostgreSQL, libpq's connection parameters"""

_database: Database | None = None
_in_transaction = local()


def make_engine(url: str, *, pool_size: int = POOL_SIZE) -> Engine:
    """Open a pooled engine on a `postgresql://…` URL. Times are UTC; a dead connection is noticed before use."""
    engine = create_engine(
        url.replace("postgresql://", "postgresql+psycopg://", 1),
        pool_size=pool_size,
        max_overflow=0,
        hide_parameters=True,  # an error's text goes into logs, and parameters hold personal values
        pool_timeout=10,
        connect_args={"options": _OPTIONS, "connect_timeout": _CONNECT_S, **_LIVENESS},
    )
    event.listen(engine, "checkout", _refuse_ended)
    return engine


def _refuse_ended(connection: Any, _record: object, _borrower: object) -> None:
    """Let the pool make a new connection in the place of one that PostgreSQL has ended.

    An idle connection has nothing to read. Its end is, and can be seen without asking the server, which would cost a
    round trip in each transaction.
    raises  DisconnectionError, which the pool takes up
    """
    if has_ended(connection):
        raise DisconnectionError()


def connect(*, app_url: str, scan_url: str, pool_size: int = POOL_SIZE) -> Database:
    """Open the process's database. Called once by an entrypoint or a test session."""
    global _database
    _database = Database(
        app=make_engine(app_url, pool_size=pool_size),
        scan=make_engine(scan_url, pool_size=4),
        plain=PlainConnections(lambda: _connect_plainly(app_url)),
    )
    return _database


def _connect_plainly(app_url: str) -> psycopg.Connection[Any]:
    return psycopg.connect(app_url, autocommit=True, options=_PLAIN_OPTIONS, connect_timeout=_CONNECT_S, **_LIVENESS)


def disconnect() -> None:
    """Close every pooled connection; `connect` may follow."""
    global _database
    if _database is not None:
        _database.dispose()
        _database = None


def database() -> Database:
    """Return the process's database. raises RuntimeError before `connect`."""
    if _database is None:
        raise RuntimeError("storage.db.connect has not been called")
    return _database


def bind_tenants(session: Session, tenant_ids: Sequence[TenantId]) -> None:
    """Let this transaction see these tenants' rows, and no others."""
    session.connection().execute(
        text("select set_config('app.tenants', :ids, true)"),
        {"ids": "{" + ",".join(str(one) for one in tenant_ids) + "}"},
    )


def on_commit(session: Session, then: Callable[[], None]) -> None:
    """Run `then` after this transaction has committed, and not if it rolls back. For hints only: a crash loses it."""
    session.info.setdefault("on_commit", []).append(then)


@contextmanager
def _transaction(session: Session) -> Iterator[None]:
    _in_transaction.depth = getattr(_in_transaction, "depth", 0) + 1
    try:
        with session, session.begin():
            yield
    finally:
        _in_transaction.depth -= 1
    for then in session.info.pop("on_commit", []):
        then()


@contextmanager
def tenant_transaction(tenant_id: TenantId) -> Iterator[Session]:
    """Open one tenant's transaction; commit at the end of the block."""
    session = Session(database().app, expire_on_commit=False)
    with _transaction(session):
        bind_tenants(session, [tenant_id])
        yield session


def bound_transaction(session: Session) -> None:
    """Let PostgreSQL end this transaction, and its session, when it lasts longer than TRANSACTION_MS."""
    bound = {"most": str(TRANSACTION_MS)}
    session.connection().execute(text("select set_config('transaction_timeout', :most, true)"), bound)


@contextmanager
def agency_transaction() -> Iterator[Session]:
    """Open a transaction that sees the agency's own rows (users, sessions, PLATFORM promises) and no client's."""
    with tenant_transaction(PLATFORM) as session:
        yield session


@contextmanager
def read_transaction(tenant_ids: Sequence[TenantId]) -> Iterator[ReadSession]:
    """Open a read-only transaction over the tenants that the reader may see."""
    session = ReadSession(database().app, expire_on_commit=False)
    with _transaction(session):
        session.connection().execute(text("set transaction read only"))
        bind_tenants(session, tenant_ids)
        yield session


@contextmanager
def scan_transaction() -> Iterator[Session]:
    """Open a transaction of the scan role: claims due rows across tenants, sees no personal column."""
    session = Session(database().scan, expire_on_commit=False)
    with _transaction(session):
        yield session


@asynccontextmanager
async def plain_transaction(tenant_ids: Collection[UUID]) -> AsyncIterator[Plain]:
    """Open a transaction over several tenants on a bare connection, its statements pipelined, in this event loop.

    For ingest's flusher alone: it runs a handful of set-based statements hundreds of times a second, and what
    SQLAlchemy adds to each would be most of its price. They reach rows by keys, whatever the planner thinks of a table
    that was small when it made the plan; none waits longer than LOCK_WAIT_MS for a lock, or takes longer than
    STATEMENT_MS.
    raises  psycopg's errors, unwrapped
    """
    connections = database().plain
    kept = await connections.take()
    try:
        plain = Pipelined(kept)
        try:
            plain.execute("begin")
            plain.execute(_BIND, ("{" + ",".join(map(str, tenant_ids)) + "}",))
            yield plain
            await plain.commit()
        except BaseException:
            await plain.roll_back()
            raise
    finally:
        connections.give_back(kept)


def in_transaction() -> bool:
    """Say whether this thread holds a transaction open: adapters refuse to reach the network then (STYLE 7)."""
    return bool(getattr(_in_transaction, "depth", 0))
