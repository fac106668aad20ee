"""A site that is flooded at five times its limit: what that costs, and what its orders and stops feel of it.

python -m tests.benchmarks flood
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from modori.kernel.ids import new_id
from tests.benchmarks.browsers import Browsers
from tests.benchmarks.figures import percentile, say, say_row
from tests.benchmarks.ground import SERVING, UNLIMITED, Ground, processor_s
from tests.benchmarks.load import Load, Order, run_load
from tests.world import NOW, TenantWorld, make_tenant

LIMIT_PER_S: Final = 200
"""A site's limit by default (RULES 36)."""
TIMES: Final = 5
CONNECTIONS: Final = 64
SECONDS: Final = 10.0
ASKED_PER_S: Final = 5.0
"""Orders a second, and stops a second, of the flooded site's own server."""


def measure(ready: Ground) -> None:
    """Flood for ten seconds. raises AssertionError where an answer is neither 202 nor 429, or an order or stop fails"""
    place = ready.place()
    site = make_tenant("flooded", now=NOW, **(UNLIMITED | {"site_events_per_s": LIMIT_PER_S}))
    with ready.processes(place, {"web": ("-m", SERVING)}, site=site, trusted_proxies="127.0.0.1/32") as running:
        port, per_s = running.web_port, float(LIMIT_PER_S * TIMES)
        _orders(port, site, _order, 1.0)
        before = processor_s(ready)["web"]
        with ThreadPoolExecutor(3) as threads:
            flooding = threads.submit(_flood, port, site, per_s)
            ordering = threads.submit(_orders, port, site, _order, SECONDS)
            stopping = threads.submit(_orders, port, site, _stop, SECONDS)
        flood, orders, stops = flooding.result(), ordering.result(), stopping.result()
        spent = processor_s(ready)["web"] - before
    say()
    say(f"Flood: {per_s:.0f} events/s on a site whose limit is {LIMIT_PER_S}, for {SECONDS:.0f} s")
    for name, seen in (
        ("admitted", flood.by_status.get(202, [])),
        ("refused", flood.by_status.get(429, [])),
        ("orders of the same site's server", orders.latencies_s),
        ("stops", stops.latencies_s),
    ):
        times = f"p50 {percentile(seen, 0.5) * 1000:.1f} ms, p99 {percentile(seen, 0.99) * 1000:.1f} ms"
        say_row(name, f"{len(seen):,}: {times}", "")
    say_row("processor of the web process, share of one core", f"{spent / flood.took_s * 100:.0f}", "%")
    assert set(flood.statuses) == {202, 429}, flood.statuses
    assert set(orders.statuses) == set(stops.statuses) == {201}, (orders.statuses, stops.statuses)


def _flood(port: int, site: TenantWorld, per_s: float) -> Load:
    requests = Browsers([site], 1).requests(CONNECTIONS, int(per_s * SECONDS / CONNECTIONS * 1.5))
    return run_load(Order(port, requests, SECONDS, per_s))


def _orders(port: int, site: TenantWorld, body: Callable[[], tuple[str, str]], seconds: float) -> Load:
    requests = []
    for _ in range(int(ASKED_PER_S * seconds) + 20):
        path, said = body()
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {site.secret_key}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(said)}\r\n\r\n"
        requests.append((head + said).encode())
    return run_load(Order(port, [requests[0::2], requests[1::2]], seconds, ASKED_PER_S))


def _order() -> tuple[str, str]:
    number = new_id().hex[-12:]
    said = f'{{"id":"A-{number}","currency":"JPY","value":4980,"email":"o{number}@person.example"}}'
    return "/v1/orders", said


def _stop() -> tuple[str, str]:
    return "/v1/stops", f'{{"email":"s{new_id().hex[-12:]}@person.example"}}'
