"""`modori worker`: runs jobs that messages ask for. Any number of them, on any number of machines."""

import structlog
from dramatiq import Worker
from prometheus_client import start_http_server

from modori.entrypoints import runtime
from modori.entrypoints.settings import Settings

POLL_MS = 100
"""A worker that finds nothing looks again after at most this long."""

DRAIN_MS = 40_000
"""A stop waits for jobs in hand: longer than a delivery's deadline."""

log = structlog.get_logger()


def main(settings: Settings) -> int:
    """Work until asked to stop; then finish what is in hand and give the rest back."""
    with runtime.running(settings, "worker") as messenger, runtime.until_asked_to_stop() as asked:
        if settings.metrics_port:
            start_http_server(settings.metrics_port, addr="127.0.0.1")
        worker = Worker(messenger, worker_timeout=POLL_MS, worker_threads=settings.worker_threads)
        worker.start()
        asked.wait()
        log.info("worker.draining")
        worker.stop(timeout=DRAIN_MS)
    return 0
