"""The loops of `modori scheduler`: each scan at its own pace, in a thread of its own, for as long as it takes.

Any number of schedulers may run: scans claim rows with SKIP LOCKED, and none is a leader.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from modori.background import counts
from modori.background.work import describe
from modori.kernel import clock
from modori.storage import queries
from modori.storage.db import scan_transaction

NOTED_EVERY_S: Final = 5.0
LONGEST_REST_S: Final = 5.0
"""After a failure a scan rests for half a second, doubling up to this."""

SHORTEST_NAP_S: Final = 0.01

log = structlog.get_logger()


@dataclass(frozen=True)
class Scan:
    """Something that is looked for again and again.

    every_s   how long to wait after a run that found nothing more to do
    run       returns how much it did; with `is_eager` it is called again at once while that is more than nothing
    wake_at   asks for the next instant at which there will be something, where that can be known
    """

    name: str
    every_s: float
    run: Callable[[], object]
    is_eager: bool = False
    wake_at: Callable[[], datetime | None] | None = None


class Scheduler:
    """Runs scans until it is stopped. A scan never overlaps itself within one scheduler."""

    def __init__(self, scans: Sequence[Scan]) -> None:
        names = [scan.name for scan in scans]
        if len(set(names)) != len(names):
            raise ValueError("two scans have the same name")
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._loop, args=(scan,), name=f"scan {scan.name}", daemon=True) for scan in scans
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self, *, within_s: float = 10.0) -> bool:
        """Let every scan finish the run it is in. Returns whether all did in time."""
        self._ended.set()
        deadline = time.monotonic() + within_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def is_alive(self) -> bool:
        return all(thread.is_alive() for thread in self._threads)

    def _loop(self, scan: Scan) -> None:
        failures, noted = 0, 0.0
        while not self._ended.is_set():
            started = time.monotonic()
            try:
                done = scan.run()
                if time.monotonic() - noted >= NOTED_EVERY_S:
                    _note(scan.name)
                    noted = time.monotonic()
                rest_s = _nap(scan, done)
            except Exception as error:  # noqa: BLE001  # a scan finds the same rows again: it must not end with one failure
                failures += 1
                counts.SCANS.labels(scan.name, "failed").inc()
                say = log.warning if isinstance(error, SQLAlchemyError) else log.error
                say("scan.failed", scan=scan.name, error=describe(error), failures=failures)
                rest_s = min(LONGEST_REST_S, 0.25 * 2 ** min(failures, 10))
            else:
                failures = 0
                counts.SCANS.labels(scan.name, "done").inc()
                counts.SCAN_SECONDS.labels(scan.name).observe(time.monotonic() - started)
            if rest_s:
                self._ended.wait(rest_s)


def _nap(scan: Scan, done: object) -> float:
    """Say how long to wait after a run."""
    if scan.is_eager and done:
        return 0.0
    if scan.wake_at is None:
        return scan.every_s
    wakes_at = scan.wake_at()
    if wakes_at is None:
        return scan.every_s
    return min(max((wakes_at - clock.now()).total_seconds(), SHORTEST_NAP_S), scan.every_s)


def _note(name: str) -> None:
    with scan_transaction() as session:
        queries.note_scheduled_run(session, name=name)
