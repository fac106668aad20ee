"""Statements sent together: what fails is told, nothing of it stays, and the connection goes on."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast
from uuid import uuid4

import psycopg
import pytest
from psycopg.errors import AdminShutdown, DivisionByZero

from modori.storage.db import Plain, database, plain_transaction
from modori.storage.pipelined import LATEST_REPLAN, Kept, has_ended
from tests.conftest import Cluster
from tests.world import TenantWorld, World

Rows = list[tuple[Any, ...]]


def within(tenant: TenantWorld, work: Callable[[Plain], Awaitable[Any]]) -> Any:
    """Do some work in a transaction of one client's, and commit it."""

    async def run() -> Any:
        async with plain_transaction({tenant.tenant_id}) as plain:
            return await work(plain)

    return asyncio.run(run())


def ask(tenant: TenantWorld, *asked: tuple[str, tuple[str, ...]]) -> list[Rows]:
    """Send statements, then wait for their answers."""

    async def work(plain: Plain) -> list[Rows]:
        answers = [plain.execute(*one) for one in asked]
        await plain.answered()
        return [answer.rows() for answer in answers]

    found: list[Rows] = within(tenant, work)
    return found


def interrupt(tenant: TenantWorld, *asked: tuple[str, tuple[str, ...]]) -> None:
    """Send statements, wait, send one more, and fail before anything is committed."""

    async def work(plain: Plain) -> None:
        answers = [plain.execute(*one) for one in asked]
        await plain.answered()
        assert answers[-1].rows() == [(1,)]
        plain.execute("select pg_sleep(0.01)")
        raise KeyError

    within(tenant, work)


def test_answers_are_read_together_and_each_has_its_own_rows(world: World) -> None:
    first, none, again = ask(
        world.acme,
        ("select %s::int, %s::text", ("1", "花子")),
        ("select 1 where false", ()),
        ("select %s::int, %s::text", ("2", "太郎")),
    )
    assert (first, none, again) == ([(1, "花子")], [], [(2, "太郎")])


def test_a_long_parameter_both_ways_does_not_stop_the_pipeline(world: World) -> None:
    long = "戻" * 3_000_000
    assert ask(world.acme, *[("select %s::text", (long,))] * 3) == [[(long,)]] * 3


def test_the_loop_serves_others_while_a_statement_runs(world: World) -> None:
    async def work(plain: Plain) -> bool:
        plain.execute("select pg_sleep(1)")
        answered = asyncio.create_task(plain.answered())
        for _ in range(10):
            await asyncio.sleep(0)
        was_waiting = not answered.done()
        await answered
        return was_waiting

    assert within(world.acme, work)


def test_the_first_failure_is_told_whoever_asks_and_the_connection_goes_on(world: World) -> None:
    divide = "select 1 / %s::int"
    for _ in range(3):
        with pytest.raises(DivisionByZero):
            ask(world.acme, (divide, ("0",)), ("select 'never'", ()))
        assert ask(world.acme, (divide, ("1",)), ("select 'never'", ())) == [[(1,)], [("never",)]]


def test_a_failure_that_nobody_waited_for_is_told_by_the_commit(world: World) -> None:
    async def work(plain: Plain) -> None:
        plain.execute("select 1 / 0")

    with pytest.raises(DivisionByZero):
        within(world.acme, work)


def test_what_an_exception_interrupts_is_undone(world: World) -> None:
    event_id, seen = str(uuid4()), "select 1 from event_seen where tenant_id = %s::uuid and event_id = %s::uuid"
    insert = "insert into event_seen (tenant_id, event_id, seen_on) values (%s::uuid, %s::uuid, now()::date)"
    given = (str(world.acme.tenant_id), event_id)
    with pytest.raises(KeyError):
        interrupt(world.acme, (insert, given), (seen, given))
    assert ask(world.acme, (seen, given), (insert, given)) == [[], []]
    assert ask(world.stranger, (seen, given)) == [[]]
    assert ask(world.acme, (seen, given)) == [[(1,)]]


def test_a_transaction_whose_caller_is_cancelled_is_undone(world: World) -> None:
    event_id, seen = str(uuid4()), "select 1 from event_seen where tenant_id = %s::uuid and event_id = %s::uuid"
    insert = "insert into event_seen (tenant_id, event_id, seen_on) values (%s::uuid, %s::uuid, now()::date)"
    given = (str(world.acme.tenant_id), event_id)

    async def work(plain: Plain) -> None:
        plain.execute(insert, given)
        await plain.answered()
        plain.execute("select pg_sleep(20)")
        await plain.answered()

    async def cancel() -> None:
        async def transaction() -> None:
            async with plain_transaction({world.acme.tenant_id}) as plain:
                await work(plain)

        running = asyncio.create_task(transaction())
        await asyncio.sleep(0.2)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(cancel())
    assert ask(world.acme, (seen, given)) == [[]]


def test_a_connection_that_is_ended_is_told_and_replaced(world: World) -> None:
    ended: list[int] = []

    async def end(plain: Plain) -> None:
        ended.append(await backend(plain))
        plain.execute("select pg_terminate_backend(pg_backend_pid())")
        plain.execute("select 1")
        await plain.answered()

    with pytest.raises((AdminShutdown, psycopg.OperationalError)):
        within(world.acme, end)
    for _ in range(5):  # whichever of the kept connections it is
        assert within(world.acme, backend) not in ended
    assert len(ended) == 1


def test_a_kept_connection_that_the_server_has_ended_is_replaced(world: World, engines: Cluster) -> None:
    async def end_while_kept() -> None:
        connections = database().plain
        kept = await connections.take()
        connections.give_back(kept)
        with psycopg.connect(engines.superuser_url, autocommit=True) as superuser:
            superuser.execute("select pg_terminate_backend(%s)", (kept.connection.info.backend_pid,))
        async with asyncio.timeout(20):
            while not has_ended(kept.connection):
                await asyncio.sleep(0.01)

    asyncio.run(end_while_kept())
    assert ask(world.acme, ("select 1", ())) == [[(1,)]]


async def backend(plain: Plain) -> int:
    pid = plain.execute("select pg_backend_pid()")
    await plain.answered()
    return int(pid.rows()[0][0])


def test_plans_are_made_anew_as_a_connection_is_used() -> None:
    kept = Kept(cast("psycopg.Connection[Any]", None))
    made_anew = [number for number in range(1, 3 * LATEST_REPLAN) if kept.is_stale()]
    assert made_anew[:5] == [8, 16, 32, 64, 128]
    assert made_anew[-2:] == [LATEST_REPLAN, 2 * LATEST_REPLAN]


def test_statements_outlive_their_plans(world: World) -> None:
    """More transactions than two makings of plans are apart, whichever of the kept connections has them."""
    assert [ask(world.acme, ("select %s::int", (str(number),))) for number in range(80)] == [
        [[(number,)]] for number in range(80)
    ]
