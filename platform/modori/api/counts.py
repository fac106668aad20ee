"""What ingest counts, for /metrics."""

from prometheus_client import Counter, Histogram

FLUSH_SECONDS = Histogram(
    "modori_ingest_flush_seconds",
    "From a batch's first statement to its commit",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1, 5),
)
FLUSH_EVENTS = Histogram(
    "modori_ingest_flush_events", "Events of one batch that was committed", buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500)
)
APART = Counter("modori_ingest_apart", "Requests that a batch handed to a transaction of their own")
REFUSED = Counter("modori_ingest_refused", "Events and requests of known sites that were refused, by problem", ["code"])
