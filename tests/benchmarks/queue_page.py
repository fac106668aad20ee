"""Latency of the operators' queue with 100,000 leads and 10,000 people waiting for a call.

python -m tests.benchmarks.queue_page
"""

import asyncio
from time import perf_counter
from typing import Any, Final

import httpx
import psycopg

from modori.sandbox.engines import Engines
from modori.tenants.model import Role
from tests import world
from tests.benchmarks.figures import percentile, say, say_row, spread
from tests.benchmarks.ground import Ground, Place, ground, make_site, modori
from tests.benchmarks.seeding import analyse, load_call_tasks, load_leads, load_touches, loading

TENANTS: Final = 10
LEADS: Final = 10_000
WAITING: Final = 1_000
REPEATS: Final = 3
ALONE: Final = 60
"""Pages that one operator reads, one after the other."""
OPERATORS: Final = 8
EACH: Final = 15
"""Pages that each of several operators reads, all at once."""

PATH: Final = "/console/queue"

# What the page asked for itself: the transaction around it is said apart.
_COUNT: Final = """
select coalesce(sum(calls) filter (where query !~* '^(begin|commit|rollback|set transaction|select set_config)'), 0),
  coalesce(sum(calls), 0)
from pg_stat_statements where userid = 'modori_app'::regrole
"""


def measure(ready: Ground) -> None:
    """Read the page alone and in company, and count its statements in PostgreSQL itself."""
    place = ready.place()
    sites = [make_site(f"queue{number:02d}") for number in range(TENANTS)]
    with loading(place) as connection:
        for site in sites:
            load_leads(connection, site, LEADS)
            load_touches(connection, each=1, channel="call", state="queued")
            load_call_tasks(connection, site, WAITING)
    analyse(place)
    operator = world.make_user(Role.OPERATOR, None)
    _count_statements_from_now_on(ready.engines, place)
    with ready.processes(place, {"web": modori("web")}, site=sites[0]) as running:
        cookies = _log_in(running.web_url, operator.email)
        alone, together = asyncio.run(_read_pages(running.web_url, cookies))
        own, all_sent, page = _ask_once(place, running.web_url, cookies)
    say()
    say(f"Queue page: {TENANTS * LEADS:,} leads, {TENANTS * WAITING:,} waiting, {TENANTS} clients; median of {REPEATS}")
    for name, series in (("one operator", alone), (f"{OPERATORS} operators at once", together)):
        say_row(f"{name}, p50", spread([percentile(one, 0.50) * 1000 for one in series]), "ms")
        say_row("  p99", spread([percentile(one, 0.99) * 1000 for one in series]), "ms")
    say_row("statements of one page (with BEGIN, settings, COMMIT)", f"{own} ({all_sent})", "")
    say_row("size of the page", f"{len(page) / 1024:.1f}", "KiB")


def _log_in(web_url: str, email: str) -> dict[str, str]:
    with httpx.Client(base_url=web_url, trust_env=False) as client:
        answer = client.post(
            "/console/login", data={"email": email, "password": world.PASSWORD}, headers={"Origin": web_url}
        )
        assert answer.status_code == 303, answer.status_code
        return dict(client.cookies)


async def _read_pages(web_url: str, cookies: dict[str, str]) -> tuple[list[list[float]], list[list[float]]]:
    """Alternate between one reader and several. Returns each round's seconds a page."""
    alone: list[list[float]] = []
    together: list[list[float]] = []
    async with httpx.AsyncClient(base_url=web_url, cookies=cookies, trust_env=False, timeout=30) as client:
        await _read(client, 10)
        for _ in range(REPEATS):
            alone.append(await _read(client, ALONE))
            at_once = await asyncio.gather(*(_read(client, EACH) for _ in range(OPERATORS)))
            together.append([one for each in at_once for one in each])
    return alone, together


async def _read(client: httpx.AsyncClient, times: int) -> list[float]:
    took_s = []
    for _ in range(times):
        started = perf_counter()
        answer = await client.get(PATH)
        took_s.append(perf_counter() - started)
        assert answer.status_code == 200, answer.status_code
    return took_s


def _ask_once(place: Place, web_url: str, cookies: dict[str, str]) -> tuple[int, int, bytes]:
    """Read one page between two looks at PostgreSQL's own count of statements."""
    with (
        psycopg.connect(place.superuser_url, autocommit=True) as watcher,
        httpx.Client(base_url=web_url, cookies=cookies, trust_env=False, timeout=30) as client,
    ):
        watcher.execute("select pg_stat_statements_reset()")
        answer = client.get(PATH)
        assert answer.status_code == 200, answer.status_code
        row: Any = watcher.execute(_COUNT).fetchone()
    return int(row[0]), int(row[1]), answer.content


def _count_statements_from_now_on(engines: Engines, place: Place) -> None:
    with psycopg.connect(place.superuser_url, autocommit=True) as connection:
        connection.execute("alter system set shared_preload_libraries = 'pg_stat_statements'")
        connection.execute("create extension if not exists pg_stat_statements")
    engines.restart_postgres(abruptly=False)


if __name__ == "__main__":
    with ground() as only:
        measure(only)
