"""A site that is flooded at five times its limit, and a house that is flooded with keys and tokens that nobody knows:
what that costs, and what orders and stops feel of it.

python -m tests.benchmarks flood
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from modori.api.admission import STRANGERS_BURST, STRANGERS_PER_S
from modori.kernel.ids import new_id, new_token
from tests.benchmarks.browsers import Browsers
from tests.benchmarks.figures import percentile, say, say_row
from tests.benchmarks.ground import SERVING, UNLIMITED, Ground, processor_s
from tests.benchmarks.load import Load, Order, run_load
from tests.world import NOW, TenantWorld, lift_limits, make_tenant

LIMIT_PER_S: Final = 200
"""A site's limit by default (RULES 36)."""
TIMES: Final = 5
CONNECTIONS: Final = 64
SECONDS: Final = 10.0
ASKED_PER_S: Final = 5.0
"""Orders a second, and stops a second, of the flooded site's own server."""
GUESSES_PER_S: Final = 400.0
NETWORKS: Final = 4
"""From which the guesses come; each may present STRANGERS_BURST unknown keys at once, and as many tokens."""


def measure(ready: Ground) -> None:
    """Flood twice, ten seconds each. raises AssertionError for another answer than must be, or an order that fails"""
    _measure_site(ready)
    _measure_strangers(ready)


def _measure_site(ready: Ground) -> None:
    place = ready.place()
    lift_limits()
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


def _measure_strangers(ready: Ground) -> None:
    """Present random publishable keys, secret keys and tokens beside a site's orders and stops."""
    place = ready.place()
    lift_limits()
    site = make_tenant("guessed-at", now=NOW, **UNLIMITED)
    with ready.processes(place, {"web": ("-m", SERVING)}, site=site, trusted_proxies="127.0.0.1/32") as running:
        port = running.web_port
        _orders(port, site, _order, 1.0)
        before = processor_s(ready)["web"]
        with ThreadPoolExecutor(3) as threads:
            guessing = threads.submit(_guess, port)
            ordering = threads.submit(_orders, port, site, _order, SECONDS)
            stopping = threads.submit(_orders, port, site, _stop, SECONDS)
        guesses, orders, stops = guessing.result(), ordering.result(), stopping.result()
        spent = processor_s(ready)["web"] - before
    assert set(guesses.statuses) == {401, 404, 429}, guesses.statuses
    looked_up = [*guesses.by_status.get(404, []), *guesses.by_status.get(401, [])]
    say()
    say(
        f"Strangers: {GUESSES_PER_S:.0f} unknown keys and tokens a second from {NETWORKS} networks, for {SECONDS:.0f} s"
    )
    for name, seen in (
        ("looked up", looked_up),
        ("refused", guesses.by_status.get(429, [])),
        ("orders of a site's server", orders.latencies_s),
        ("stops", stops.latencies_s),
    ):
        times = f"p50 {percentile(seen, 0.5) * 1000:.1f} ms, p99 {percentile(seen, 0.99) * 1000:.1f} ms"
        say_row(name, f"{len(seen):,}: {times}", "")
    say_row("processor of the web process, share of one core", f"{spent / guesses.took_s * 100:.0f}", "%")
    most = 2 * NETWORKS * (STRANGERS_BURST + STRANGERS_PER_S * (guesses.took_s + 1))
    assert len(looked_up) <= most, f"{len(looked_up)} were looked up, {most:.0f} may be"
    assert set(orders.statuses) == set(stops.statuses) == {201}, (orders.statuses, stops.statuses)


def _guess(port: int) -> Load:
    """Ask from one network after another: a site's configuration, the server API, a way back, a way out."""
    requests = [_guess_request(number) for number in range(int(GUESSES_PER_S * SECONDS * 1.5))]
    return run_load(Order(port, [requests[at::CONNECTIONS] for at in range(CONNECTIONS)], SECONDS, GUESSES_PER_S))


def _guess_request(number: int) -> bytes:
    key, more = new_token(), ""
    match number % 4:
        case 0:
            first = f"GET /v1/sites/pk_{key}/config"
        case 1:
            first, more = "GET /v1/leads", f"Authorization: Bearer sk_{key}\r\n"
        case 2:
            first = f"GET /t/{key}"
        case _:
            first = f"GET /u/{key}"
    network = f"203.0.113.{number // 4 % NETWORKS + 1}"
    return f"{first} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-For: {network}\r\n{more}\r\n".encode()


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
