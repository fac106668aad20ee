"""Ingest on a database that holds millions of events, alternating with the same on an empty one; median of five.

python -m tests.benchmarks stored
"""

from time import perf_counter
from typing import Final

import psycopg

from tests.benchmarks.figures import say, say_row, spread
from tests.benchmarks.ground import Ground
from tests.benchmarks.ingest import Bench, Series, bench

STORED: Final = 10_000_000
EACH_VISIT: Final = 20
REPEATS: Final = 5
SECONDS: Final = 4.0

_SITES: Final = "(select (row_number() over () - 1)::int as n, tenant_id, site_id from site) as s"
_FILL: Final = (
    f"""insert into episode (tenant_id, episode_id, site_id, visitor, state, items, cart_minor, currency, started_at,
     last_activity_at, cart_at, due_at)
     select tenant_id, uuidv7(), site_id, 'stored' || lpad(v::text, 12, '0'),
     case when mod(v, 10) = 0 then 'open' when mod(v, 10) < 4 then 'ordered' else 'expired' end, '[]', 4980, 'JPY',
     now() - interval '2 h', now() - interval '1 h', now() - interval '1 h',
     case when mod(v, 10) = 0 then now() + interval '20 d' end
     from generate_series(1, VISITS) as v join {_SITES} on s.n = mod(v, 50)""",
    f"""insert into event (tenant_id, received_at, event_id, site_id, visitor, type, at, page_url, page_title, body,
     episode_id)
     select e.tenant_id, now() - mod(k, 20) * interval '1 h', uuidv7(), e.site_id, e.visitor, 'cart', now(),
     'https://shop.bench.example/cart?utm_source=mail', 'ご購入手続き',
     '{{"url": "https://shop.bench.example/cart", "items": [{{"id": "p1", "name": "鉄のフライパン 26cm", "quantity": 2,
     "price_minor": 4980}}], "cart_id": "c1", "currency": "JPY", "value_minor": 9960}}', e.episode_id
     from generate_series(1, {EACH_VISIT}) as k cross join episode e""",
    "insert into event_seen (tenant_id, event_id, seen_on) select tenant_id, event_id, received_at::date from event",
    "vacuum analyze event, event_seen, episode",
)


def measure(ready: Ground, *, stored: int = STORED) -> None:
    """Fill a database, then alternate. raises AssertionError where an acknowledged event is lost"""
    with bench(ready, "empty") as empty, bench(ready, "stored") as full:
        held = _fill(full, stored)
        series = {
            (name, each): Series(f"{each} events a request, {name}", "events/s")
            for each in (1, 10)
            for name in ("empty", "full")
        }
        for each in (1, 10):
            for ours in (empty, full):
                ours.load(each, 2.0)
        for _ in range(REPEATS):
            for each in (1, 10):
                for name, ours in (("empty", empty), ("full", full)):
                    load = ours.load(each, SECONDS)
                    series[(name, each)].add(load.accepted / load.took_s, load.latencies_s)
        say()
        say(f"Ingest with {held:,} events stored, beside an empty database; median of {REPEATS}")
        for one in series.values():
            one.say()
        for each in (1, 10):
            ratio = spread(series[("full", each)].per_s).median / spread(series[("empty", each)].per_s).median
            say_row(f"{each} events a request, full of empty", f"{ratio * 100:.0f}", "%")
        empty.check()
        full.check(beside=held)


def _fill(full: Bench, stored: int) -> int:
    """Write events, their ids and their episodes; return how many events."""
    started = perf_counter()
    with psycopg.connect(full.place.superuser_url, autocommit=True) as connection:
        connection.execute("set synchronous_commit = off")
        for statement in _FILL:
            connection.execute(statement.replace("VISITS", str(stored // EACH_VISIT)).encode())
        row = connection.execute("select count(*) from event").fetchone()
    assert row is not None
    say(f"{row[0]:,} events written in {perf_counter() - started:.0f} s")
    return int(row[0])
