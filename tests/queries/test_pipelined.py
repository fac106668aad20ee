"""Statements sent together: what fails is told, nothing of it stays, and the connection goes on."""

from uuid import uuid4

import psycopg
import pytest
from psycopg.errors import AdminShutdown, DivisionByZero

from modori.storage.db import Plain, plain_transaction
from tests.world import World


def backend(plain: Plain) -> int:
    [(pid,)] = plain.execute("select pg_backend_pid()").fetchall()
    return int(pid)


def ask(world: World, *asked: tuple[str, tuple[str, ...]]) -> None:
    """Send statements, then wait for the last one's answer."""
    with plain_transaction({world.acme.tenant_id}) as plain:
        answers = [plain.execute(*one) for one in asked]
        answers[-1].fetchall()


def interrupt(world: World, *asked: tuple[str, tuple[str, ...]]) -> None:
    """Send statements, wait, send one more, and fail before anything is committed."""
    with plain_transaction({world.acme.tenant_id}) as plain:
        answers = [plain.execute(*one) for one in asked]
        assert answers[-1].fetchall() == [(1,)]
        plain.execute("select pg_sleep(0.01)")
        raise KeyError


def end(world: World, ended: list[int]) -> None:
    """End a transaction's connection under it, and say which it was."""
    with plain_transaction({world.acme.tenant_id}) as plain:
        ended.append(backend(plain))
        plain.execute("select pg_terminate_backend(pg_backend_pid())")
        plain.execute("select 1").fetchall()


def test_answers_are_read_together_and_each_has_its_own_rows(world: World) -> None:
    with plain_transaction({world.acme.tenant_id}) as plain:
        first = plain.execute("select %s::int, %s::text", ("1", "花子"))
        none = plain.execute("select 1 where false")
        again = plain.execute("select %s::int, %s::text", ("2", "太郎"))
        assert again.fetchall() == [(2, "太郎")]
        assert first.fetchall() == [(1, "花子")]
        assert none.fetchall() == []


def test_a_long_parameter_both_ways_does_not_stop_the_pipeline(world: World) -> None:
    long = "戻" * 3_000_000
    with plain_transaction({world.acme.tenant_id}) as plain:
        answers = [plain.execute("select %s::text", (long,)) for _ in range(3)]
        assert all(answer.fetchall() == [(long,)] for answer in answers)


def test_the_first_failure_is_told_whoever_asks_and_the_connection_goes_on(world: World) -> None:
    divide = "select 1 / %s::int"
    for _ in range(3):
        with pytest.raises(DivisionByZero):
            ask(world, (divide, ("0",)), ("select 'never'", ()))
        with plain_transaction({world.acme.tenant_id}) as plain:
            assert plain.execute(divide, ("1",)).fetchall() == [(1,)]
            assert plain.execute("select 'never'").fetchall() == [("never",)]


def test_a_failure_that_nobody_waited_for_is_told_by_the_commit(world: World) -> None:
    with pytest.raises(DivisionByZero), plain_transaction({world.acme.tenant_id}) as plain:
        plain.execute("select 1 / 0")


def test_what_an_exception_interrupts_is_undone(world: World) -> None:
    event_id, seen = str(uuid4()), "select 1 from event_seen where tenant_id = %s::uuid and event_id = %s::uuid"
    insert = "insert into event_seen (tenant_id, event_id, seen_on) values (%s::uuid, %s::uuid, now()::date)"
    tenant = str(world.acme.tenant_id)
    with pytest.raises(KeyError):
        interrupt(world, (insert, (tenant, event_id)), (seen, (tenant, event_id)))
    with plain_transaction({world.acme.tenant_id}) as plain:
        assert plain.execute(seen, (tenant, event_id)).fetchall() == []
        plain.execute(insert, (tenant, event_id))
    with plain_transaction({world.stranger.tenant_id}) as plain:
        assert plain.execute(seen, (tenant, event_id)).fetchall() == []
    with plain_transaction({world.acme.tenant_id}) as plain:
        assert plain.execute(seen, (tenant, event_id)).fetchall() == [(1,)]


def test_a_connection_that_is_ended_is_told_and_replaced(world: World) -> None:
    ended: list[int] = []
    with pytest.raises((AdminShutdown, psycopg.OperationalError)):
        end(world, ended)
    for _ in range(5):  # whichever of the pool's connections it is
        with plain_transaction({world.acme.tenant_id}) as plain:
            assert backend(plain) not in ended
    assert len(ended) == 1
