"""Pooled connections that PostgreSQL has ended are not handed out."""

import time

import psycopg
from sqlalchemy import text

from modori.kernel.ids import PLATFORM
from modori.storage.db import POOL_SIZE, Database, tenant_transaction
from tests.conftest import Cluster


def _backend() -> int:
    with tenant_transaction(PLATFORM) as session:
        return int(session.connection().execute(text("select pg_backend_pid()")).scalar_one())


def test_connections_are_used_again(database: Database) -> None:
    """Whichever the pool holds: other tests may have left it several."""
    assert len({_backend() for _ in range(2 * POOL_SIZE)}) <= POOL_SIZE


def test_a_connection_that_the_server_ended_is_replaced_before_its_next_use(
    database: Database, engines: Cluster
) -> None:
    ended = _backend()
    with psycopg.connect(engines.superuser_url, autocommit=True) as administrator:
        administrator.execute("select pg_terminate_backend(%s)", (ended,))
        while administrator.execute("select 1 from pg_stat_activity where pid = %s", (ended,)).fetchone():
            time.sleep(0.01)
    assert _backend() != ended
