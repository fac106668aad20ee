"""Acknowledged events per second of `POST /v1/events`, beside an empty route and beside bare commits.

python -m tests.benchmarks.ingest
"""

import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Final
from uuid import uuid4

import psycopg

from tests.benchmarks.figures import percentile, say, say_row, spread
from tests.benchmarks.ground import (
    SERVING,
    Ground,
    Place,
    ground,
    make_site,
    postgres_environment,
    processor_s,
    wait_s,
)
from tests.benchmarks.load import Load, MakeRequest, run_load
from tests.world import TenantWorld

SITES: Final = 50
CONNECTIONS: Final = 32
REPEATS: Final = 3
SECONDS: Final = 5.0
TOGETHER: Final = 10
"""Events of one request in the second shape of load: what the SDK sends when it has collected some."""

# Columns and indexes as the event table's, without partitions, row security and foreign keys.
_TABLE: Final = "create table bench_event (like event including all)"
_INSERT: Final = """insert into bench_event (tenant_id, received_at, event_id, site_id, visitor, type, at, page_url,
 page_title, body, episode_id) values (gen_random_uuid(), now(), uuidv7(), gen_random_uuid(), 'v0123456789abcdef',
 'cart', now(), 'https://shop.bench.example/cart', 'カート', '{"url": "https://shop.bench.example/cart", "items":
 [{"id": "p1", "name": "鉄のフライパン", "quantity": 1, "price_minor": 4980}], "cart_id": "c1", "currency": "JPY",
 "value_minor": 4980}', gen_random_uuid());
"""


@dataclass
class _Visit:
    """What one browser reports, one after the other: a page, two carts, half a form, the form with an address."""

    site: TenantWorld
    number: int
    step: int = 0

    def next_event(self, at: str) -> str:
        step, self.step = self.step, self.step + 1
        kind, said = _STEPS[step]
        origin = self.site.origin
        return (
            f'{{"id":"{uuid4()}","type":"{kind}","at":"{at}","visitor":"visitor{self.number:012d}",'
            f'"page":{{"url":"{origin}/cart?utm_source=mail","title":"ご購入手続き"}},'
            f'"data":{said.replace("ORIGIN", origin).replace("NUMBER", str(self.number))}}}'
        )

    @property
    def is_over(self) -> bool:
        return self.step == len(_STEPS)

    @property
    def address(self) -> str:
        """Each browser comes from an address of its own, of the block for benchmarks (RFC 2544)."""
        return f"198.{18 + self.number // 65536 % 2}.{self.number // 256 % 256}.{self.number % 256}"


_CART: Final = (
    '{"id":"cart-NUMBER","currency":"JPY","value":9960,"url":"ORIGIN/cart","items":['
    '{"id":"p1","name":"鉄のフライパン 26cm","price":4980,"quantity":2,"url":"ORIGIN/p/1","image":"ORIGIN/i/1.jpg"}]}'
)
_STEPS: Final = (
    ("page", "{}"),
    ("cart", _CART),
    ("cart", _CART),
    (
        "form",
        '{"form":"checkout","fields":{"family-name":"山田","given-name":"花子"},"last_field":"given-name","progress":0.4}',
    ),
    (
        "form",
        '{"form":"checkout","fields":{"family-name":"山田","given-name":"花子","email":"p.NUMBER@person.example"},'
        '"last_field":"email","progress":0.7}',
    ),
)


@dataclass
class Browsers:
    """Makes the requests of ever new browsers, one at a time on each connection, over all sites."""

    sites: Sequence[TenantWorld]
    events_each: int
    path: str = "/v1/events"
    _visits: dict[int, _Visit] = field(default_factory=dict)
    _numbers: "count[int]" = field(default_factory=count)

    def next_request(self, connection: int) -> bytes:
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        visit = self._visit(connection)
        site, address = visit.site, visit.address
        events = []
        for _ in range(self.events_each):
            if visit.is_over:
                visit = self._begin(connection, site)
            events.append(visit.next_event(at))
        body = f'{{"site":"{site.site_key}","sdk":"1","sent_at":"{at}","events":[{",".join(events)}]}}'.encode()
        return (
            f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: {site.origin}\r\nContent-Type: text/plain\r\n"
            f"X-Forwarded-For: {address}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )

    def _visit(self, connection: int) -> _Visit:
        visit = self._visits.get(connection)
        if visit is None or visit.is_over:
            return self._begin(connection, None)
        return visit

    def _begin(self, connection: int, site: TenantWorld | None) -> _Visit:
        number = next(self._numbers)
        visit = self._visits[connection] = _Visit(site or self.sites[number % len(self.sites)], number)
        return visit


@dataclass
class Series:
    """One thing measured several times."""

    name: str
    per_s: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)

    def add(self, per_s: float, latencies_s: Sequence[float]) -> None:
        self.per_s.append(per_s)
        self.p50_ms.append(percentile(latencies_s, 0.50) * 1000)
        self.p99_ms.append(percentile(latencies_s, 0.99) * 1000)

    def say(self, unit: str) -> None:
        say_row(self.name, spread(self.per_s), unit)
        say_row("  p50", spread(self.p50_ms), "ms")
        say_row("  p99", spread(self.p99_ms), "ms")


def measure(ready: Ground) -> None:
    """Alternate the four loads, three times, and count the rows afterwards. raises AssertionError where one is lost"""
    place = ready.place()
    sites = [make_site(f"bench{number:02d}") for number in range(SITES)]
    numbers: count[int] = count()
    programs = {"web": ("-m", SERVING)}
    with ready.processes(place, programs, site=sites[0], trusted_proxies="127.0.0.1/32") as running:
        loads: dict[str, MakeRequest] = {
            "one": Browsers(sites, 1, _numbers=numbers).next_request,
            "ten": Browsers(sites, TOGETHER, _numbers=numbers).next_request,
            "empty": Browsers(sites, 1, path="/empty", _numbers=numbers).next_request,
        }
        one, ten = (
            Series("POST /v1/events, one event a request"),
            Series(f"POST /v1/events, {TOGETHER} events a request"),
        )
        empty, commits = Series("empty 202 route of the same server"), Series("pgbench, single-row INSERT commits")
        _make_table(place)
        acknowledged = 0
        cpu: list[dict[str, float]] = []

        def run(name: str, seconds: float) -> Load:
            nonlocal acknowledged
            load = run_load(running.web_port, loads[name], connections=CONNECTIONS, seconds=seconds)
            assert set(load.statuses) == {202}, dict(load.statuses)
            acknowledged += load.accepted
            return load

        run("one", 2.0)
        run("ten", 2.0)
        for _ in range(REPEATS):
            before = processor_s(ready)
            load = run("one", SECONDS)
            cpu.append(_per_event_us(before, processor_s(ready), load))
            one.add(load.accepted / load.took_s, load.latencies_s)
            load = run("ten", SECONDS)
            ten.add(load.accepted / load.took_s, load.latencies_s)
            load = run("empty", SECONDS / 2)
            empty.add(load.statuses.total() / load.took_s, load.latencies_s)
            commits.add(*_pgbench(ready, place))
            wait_s(0.5)
    stored = _count_events(place)
    say()
    say(f"Ingest: {CONNECTIONS} connections, {SITES} sites; median of {REPEATS} (lowest … highest)")
    one.say("events/s")
    ten.say("events/s")
    empty.say("requests/s")
    commits.say("commits/s")
    ratios = [a / b * 100 for a, b in zip(one.per_s, commits.per_s, strict=True)]
    say_row("one event a request, of pgbench's commits", spread(ratios), "%")
    for who in cpu[0]:
        say_row(f"processor time per event: {who}", spread([each[who] for each in cpu]), "µs")
    say_row("events acknowledged, of which not stored", f"{acknowledged:,}, {acknowledged - stored}", "")
    assert acknowledged == stored, (acknowledged, stored)


def _make_table(place: Place) -> None:
    with psycopg.connect(place.superuser_url, autocommit=True) as connection:
        connection.execute(_TABLE)


def _count_events(place: Place) -> int:
    with psycopg.connect(place.superuser_url) as connection:
        row = connection.execute("select count(*) from event").fetchone()
    assert row is not None
    return int(row[0])


def _pgbench(ready: Ground, place: Place) -> tuple[float, list[float]]:
    """Let as many clients commit single rows. Returns commits per second, and each one's seconds."""
    with tempfile.TemporaryDirectory(dir=ready.folder) as folder:
        script = Path(folder) / "insert.sql"
        script.write_text(" ".join(_INSERT.split()) + "\n")
        ran = subprocess.run(
            [
                ready.engines.binaries / "pgbench",
                *("--no-vacuum", "--client", str(CONNECTIONS), "--jobs", "2", "--time", str(int(SECONDS))),
                *("--protocol", "prepared", "--log", "--log-prefix", str(Path(folder) / "log"), "--file", script),
            ],
            env=postgres_environment(place.superuser_url),
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


def _per_event_us(before: dict[str, float], after: dict[str, float], load: Load) -> dict[str, float]:
    return {who: (after[who] - before[who]) / load.accepted * 1e6 for who in before}


if __name__ == "__main__":
    with ground() as only:
        measure(only)
