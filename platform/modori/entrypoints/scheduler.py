"""`modori scheduler`: runs the relay and every scan. Any number of them; none is a leader."""

import structlog
from prometheus_client import start_http_server

from modori.background.scheduler import Scheduler
from modori.entrypoints import runtime, wiring
from modori.entrypoints.settings import Settings

STOP_S = 20.0

log = structlog.get_logger()


def main(settings: Settings) -> int:
    """Schedule until asked to stop; then let each scan end its run."""
    with runtime.running(settings, "scheduler"), runtime.until_asked_to_stop() as asked:
        if settings.metrics_port:
            start_http_server(settings.metrics_port, addr="127.0.0.1")
        scheduler = Scheduler(wiring.scans(settings))
        scheduler.start()
        asked.wait()
        if not scheduler.stop(within_s=STOP_S):
            log.error("scheduler.scan_did_not_end")
            return 1
    return 0
