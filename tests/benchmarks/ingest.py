"""Acknowledged events per second of `POST /v1/events`, beside PostgreSQL's own commits and COPY into the same table.

    python -m tests.benchmarks ingest

Alternating in one run, three repeats, and the rows counted afterwards. The full path: key, origin, limits (raised in
the sites' rows), reading, scrubbing, de-duplication, folding, contact points; row security forced; 50 sites of as many
clients. `browsers` says what is sent.
"""

import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Final

import psycopg

from modori.kernel.ids import new_id
from tests.benchmarks.browsers import Browsers
from tests.benchmarks.figures import percentile, say, say_row, spread
from tests.benchmarks.ground import (
    SERVING,
    Ground,
    Place,
    Running,
    make_site,
    postgres_environment,
    processor_s,
    wait_s,
)
from tests.benchmarks.load import Load, Order, run_load
from tests.world import TenantWorld

SITES: Final = 50
CONNECTIONS: Final = 32
REPEATS: Final = 3
SECONDS: Final = 5.0
TOGETHER: Final = 10
"""Events of one request in the second shape of load: what the SDK sends when it has collected some."""

MOST_PER_S: Final = {1: 12_000, TOGETHER: 6_000}
"""Requests that are written for each second of load, by events of a request: more than are ever answered."""

COPIED: Final = 100_000
"""Rows of one COPY connection."""
SETTLES_S: Final = 3.0
"""After COPY: what it has written goes to disk, and statistics are taken anew."""

_BODY: Final = (
    '{"url": "https://shop.bench.example/cart", "items": [{"id": "p1", "url": "https://shop.bench.example/p/1", "name":'
    ' "鉄のフライパン 26cm", "image": "https://shop.bench.example/i/1.jpg", "quantity": 2, "price_minor": 4980}, {"id":'
    ' "p2", "url": "https://shop.bench.example/p/2", "name": "菜箸 33cm", "quantity": 1, "price_minor": 4980}],'
    ' "cart_id": "cart-1", "currency": "JPY", "value_minor": 14940}'
)
_COLUMNS: Final = "tenant_id, received_at, event_id, site_id, visitor, type, at, page_url, page_title, body, episode_id"
BESIDE: Final = "00000000-0000-7000-8000-00000000be9c"
"""The tenant of the rows that pgbench and COPY write: nobody's."""


@dataclass
class Series:
    """One thing measured several times."""

    name: str
    unit: str
    per_s: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    cpu_us: dict[str, list[float]] = field(default_factory=dict)

    def add(self, per_s: float, latencies_s: Sequence[float]) -> None:
        self.per_s.append(per_s)
        if latencies_s:
            self.p50_ms.append(percentile(latencies_s, 0.50) * 1000)
            self.p99_ms.append(percentile(latencies_s, 0.99) * 1000)

    def say(self) -> None:
        say_row(self.name, spread(self.per_s), self.unit)
        for name, figures, unit in (("p50", self.p50_ms, "ms"), ("p99", self.p99_ms, "ms")):
            if figures:
                say_row(f"  {name}", spread(figures), unit)
        for who, figures in self.cpu_us.items():
            say_row(f"  processor time per event: {who}", spread(figures), "µs")


class Bench:
    """A web process on a database, and what it has acknowledged so far."""

    def __init__(self, ready: Ground, place: Place, sites: Sequence[TenantWorld], running: Running) -> None:
        self._ready, self.place, self.sites, self.running = ready, place, sites, running
        numbers = count()
        self._browsers = {each: Browsers(sites, each, numbers=numbers) for each in (1, TOGETHER)}
        self.acknowledged = 0

    def load(
        self, events_each: int, seconds: float, *, per_s: float | None = None, series: Series | None = None
    ) -> Load:
        """Put a load on, and count what was acknowledged. raises AssertionError where anything else was answered"""
        wanted = (per_s or MOST_PER_S[events_each]) * seconds * (1.3 if per_s else 1.0)
        requests = self._browsers[events_each].requests(CONNECTIONS, int(wanted / CONNECTIONS) + 1)
        before = processor_s(self._ready)
        load = run_load(Order(self.running.web_port, requests, seconds, per_s))
        after = processor_s(self._ready) | {"load generator": before["load generator"] + load.cpu_s}
        assert set(load.statuses) == {202}, load.statuses
        assert not load.ran_out, "the load generator had nothing left to send"
        self.acknowledged += load.accepted
        if series is not None:
            series.add(load.accepted / load.took_s, load.latencies_s)
            for who, spent in before.items():
                series.cpu_us.setdefault(who, []).append((after[who] - spent) / load.accepted * 1e6)
        return load

    def analyse(self) -> None:
        """Do what autovacuum does within a minute of such a load: tables get the statistics that plans are made by."""
        with psycopg.connect(self.place.superuser_url, autocommit=True) as connection:
            connection.execute("vacuum analyze")

    def check(self, *, beside: int = 0) -> None:
        """Count the rows. raises AssertionError where an acknowledged event is not stored, or one is stored twice

        beside  rows of the same sites that were there before
        """
        with psycopg.connect(self.place.superuser_url) as connection:
            row = connection.execute(
                "select count(*) from event where tenant_id = any(%s)", ([one.tenant_id for one in self.sites],)
            ).fetchone()
        assert row is not None
        kept = row[0] - beside
        say_row("events acknowledged − stored", f"{self.acknowledged:,} − {kept:,} = {self.acknowledged - kept}", "")
        assert self.acknowledged == kept, (self.acknowledged, kept)


@contextmanager
def bench(ready: Ground, name: str) -> Iterator[Bench]:
    """Run a web process on an empty database with fifty clients, whose names begin with `name`."""
    place = ready.place()
    sites = [make_site(f"{name}{number:02d}") for number in range(SITES)]
    with ready.processes(place, {"web": ("-m", SERVING)}, site=sites[0], trusted_proxies="127.0.0.1/32") as running:
        yield Bench(ready, place, sites, running)


def measure(ready: Ground, *, seconds: float = SECONDS) -> None:
    """Alternate the loads, three times, and count the rows. raises AssertionError where an acknowledged one is lost"""
    with bench(ready, "bench") as ours:
        _measure_speed(ready, ours, seconds)


def _measure_speed(ready: Ground, ours: Bench, seconds: float) -> None:
    one, ten = Series("one event a request", "events/s"), Series(f"{TOGETHER} events a request", "events/s")
    half = Series("one event a request, at half that rate", "events/s")
    commits, copied = Series("pgbench, commits of one row", "commits/s"), Series("COPY, 2 connections", "rows/s")
    ours.load(1, 2.0)
    ours.load(TOGETHER, 2.0)
    ours.analyse()
    for _ in range(REPEATS):
        ours.load(1, seconds, series=one)
        ours.load(1, seconds, per_s=one.per_s[-1] / 2, series=half)
        commits.add(*_pgbench(ready, ours.place, seconds))
        ours.load(TOGETHER, seconds, series=ten)
        copied.add(_copy(ours.place), ())
        wait_s(SETTLES_S)
    say()
    say(f"Ingest: {CONNECTIONS} connections, {SITES} sites; median of {REPEATS} (lowest … highest)")
    for series in (one, half, commits, ten, copied):
        series.say()
    _say_share("one event a request, of pgbench's commits", one, commits)
    _say_share(f"{TOGETHER} events a request, of COPY's rows", ten, copied)
    ours.check()


def _say_share(name: str, ours: Series, theirs: Series) -> None:
    say_row(name, spread([a / b * 100 for a, b in zip(ours.per_s, theirs.per_s, strict=True)]), "%")


def _pgbench(ready: Ground, place: Place, seconds: float) -> tuple[float, list[float]]:
    """Let as many clients commit single rows. Returns commits per second, and each one's seconds."""
    with tempfile.TemporaryDirectory(dir=ready.folder) as folder:
        script = Path(folder) / "insert.sql"
        script.write_text(
            f"insert into event ({_COLUMNS}) values ('{BESIDE}', now(), uuidv7(), gen_random_uuid(),"
            " 'visitor000000000000', 'cart', now(), 'https://shop.bench.example/cart?utm_source=mail', 'ご購入手続き',"
            f" '{_BODY}', gen_random_uuid());\n"
        )
        ran = subprocess.run(
            [
                ready.engines.binaries / "pgbench",
                *("--no-vacuum", "--client", str(CONNECTIONS), "--jobs", "2", "--time", str(int(seconds))),
                *("--protocol", "prepared", "--log", "--log-prefix", str(Path(folder) / "log"), "--file", script),
            ],
            env=postgres_environment(place.urls.owner),
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        tps = next(line for line in ran.stdout.splitlines() if line.startswith("tps = "))
        latencies = [
            int(line.split()[2]) / 1e6 for log in Path(folder).glob("log*") for line in log.read_text().splitlines()
        ]
    return float(tps.split()[2]), latencies


def _copy(place: Place) -> float:
    """COPY the same rows by two connections of the owner at once. Returns rows per second, commits included."""
    now = datetime.now(UTC).isoformat()
    halves = [
        "".join(
            f"{BESIDE}\t{now}\t{new_id()}\t{new_id()}\tvisitor000000000000\tcart\t{now}\t"
            f"https://shop.bench.example/cart?utm_source=mail\tご購入手続き\t{_BODY}\t{new_id()}\n"
            for _ in range(COPIED)
        ).encode()
        for _ in range(2)
    ]
    with ThreadPoolExecutor(2) as threads:
        started = perf_counter()
        list(threads.map(lambda rows: _copy_rows(place, rows), halves))
        return 2 * COPIED / (perf_counter() - started)


def _copy_rows(place: Place, rows: bytes) -> None:
    statement = f"copy event ({_COLUMNS}) from stdin"
    with psycopg.connect(place.urls.owner) as connection, connection.cursor().copy(statement) as copy:
        for first in range(0, len(rows), 1 << 20):
            copy.write(rows[first : first + (1 << 20)])
