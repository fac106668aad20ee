"""/metrics: what the web process counts, and what waits in the database."""

import re
import threading
import time
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from prometheus_client import REGISTRY, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import Scope

from modori.entrypoints import queries
from modori.storage.db import scan_transaction

REQUESTS: Final = Counter("modori_http_requests", "Requests answered", ["route", "method", "status"])
SECONDS: Final = Histogram(
    "modori_http_seconds",
    "How long an answer took",
    ["route"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)

_KNOWN_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def route_of(scope: Scope) -> str:
    """Name the route by its template: paths hold ids and tokens, and there is no end of them."""
    path: str = scope["path"]
    if path.startswith("/assets/") or path == "/v1/events":
        return path if path == "/v1/events" else "/assets"
    if scope.get("route") is None:
        return "(none)"
    for name, value in scope.get("path_params", {}).items():
        path = re.sub(f"/{re.escape(str(value))}(?=/|$)", f"/{{{name}}}", path, count=1)
    return path


def count(scope: Scope, status: int, took_s: float) -> None:
    """Count one answered request."""
    route = route_of(scope)
    method = scope["method"] if scope["method"] in _KNOWN_METHODS else "(other)"
    counted, timed = _meters(route, method, status)
    counted.inc()
    timed.observe(took_s)


@lru_cache(maxsize=1000)
def _meters(route: str, method: str, status: int) -> tuple[Counter, Histogram]:
    return REQUESTS.labels(route, method, str(status)), SECONDS.labels(route)


KEPT_S: Final = 5.0
"""Several scrapers ask the database once."""


class _Waiting(Collector):
    """Gauges that are asked of PostgreSQL when somebody scrapes; none while it is away."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: tuple[float, list[Metric]] = (0.0, [])

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        with self._lock:
            until, kept = self._kept
            if time.monotonic() >= until:
                kept = _ask()
                self._kept = (time.monotonic() + KEPT_S, kept)
        return kept


def _ask() -> list[Metric]:
    try:
        with scan_transaction() as session:
            backlog, ages = queries.count_backlog(session), queries.list_scan_ages(session)
    except SQLAlchemyError:
        return [GaugeMetricFamily("modori_database_up", "Whether PostgreSQL answered the scrape", value=0)]
    scans = GaugeMetricFamily("modori_scan_age_seconds", "Since a scan last ended well", labels=["scan"])
    for name, age_s in ages:
        scans.add_metric([name], age_s)
    waiting = [
        GaugeMetricFamily(f"modori_waiting_{name}", f"Now, over all tenants: {name.replace('_', ' ')}", value=value)
        for name, value in backlog._asdict().items()
    ]
    up = GaugeMetricFamily("modori_database_up", "Whether PostgreSQL answered the scrape", value=1)
    return [up, scans, *waiting]


_registering = threading.Lock()
_registered: list[_Waiting] = []


def register_waiting() -> None:
    """Add the database's gauges to what this process shows. A second call changes nothing."""
    with _registering:
        if not _registered:
            _registered.append(_Waiting())
            REGISTRY.register(_registered[0])
