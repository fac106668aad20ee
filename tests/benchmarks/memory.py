"""The web process's memory under ten minutes of ingest: how much it grows after the second minute.

python -m tests.benchmarks memory
"""

from time import perf_counter
from typing import Final

import psutil

from tests.benchmarks.figures import say, say_row
from tests.benchmarks.ground import SERVING, Ground
from tests.benchmarks.ingest import bench

MINUTES: Final = 10.0
WARM_MINUTES: Final = 2.0
PER_S: Final = 500.0


def measure(ready: Ground, *, minutes: float = MINUTES) -> None:
    """Put an even load on, and fit a line through what it uses. raises AssertionError where an event is lost"""
    with bench(ready, "soak") as ours:
        web = next(child for child in psutil.Process().children() if SERVING in child.cmdline())
        started = perf_counter()
        seen: list[tuple[float, float]] = []
        while (now := (perf_counter() - started) / 60) < minutes:
            ours.load(1, 10.0, per_s=PER_S)
            if now >= WARM_MINUTES:
                seen.append((now, web.memory_info().rss / 2**20))
        say()
        say(f"Memory of the web process, {PER_S:.0f} events/s for {minutes:.0f} minutes")
        say_row("slope after the second minute", f"{_slope(seen):.2f}", "MB/min")
        say_row("at the end", f"{seen[-1][1]:.0f}", "MB")
        ours.check()


def _slope(seen: list[tuple[float, float]]) -> float:
    """Return the slope of the line of least squares."""
    middle, mean = sum(x for x, _ in seen) / len(seen), sum(y for _, y in seen) / len(seen)
    return sum((x - middle) * (y - mean) for x, y in seen) / sum((x - middle) ** 2 for x, _ in seen)
