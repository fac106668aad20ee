"""Percentiles, medians with their spread, and the machine on which they were taken."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import psutil


@dataclass(frozen=True)
class Spread:
    """The median of some repeats, with the lowest and the highest."""

    median: float
    lowest: float
    highest: float

    def __str__(self) -> str:
        return f"{_short(self.median)} ({_short(self.lowest)} … {_short(self.highest)})"


def spread(figures: Sequence[float]) -> Spread:
    """Sum up repeats. raises ValueError without any"""
    return Spread(median(figures), min(figures), max(figures))


def percentile(figures: Sequence[float], share: float) -> float:
    """Return the smallest figure that at least `share` (0 to 1) of them do not exceed. raises ValueError without any"""
    if not figures:
        raise ValueError("no figures")
    ordered = sorted(figures)
    return ordered[min(len(ordered) - 1, max(0, -int(-share * len(ordered) // 1) - 1))]


def say(line: str = "") -> None:
    """Print a line at once: a benchmark is watched."""
    print(line, flush=True)


def say_row(name: str, figure: object, unit: str) -> None:
    """Print one figure under a part's title."""
    say(f"  {name:<58} {figure!s:>28} {unit}")


def machine(postgres_version: str) -> list[str]:
    """Say what the figures were taken on; the load average tells whether it was quiet."""
    busy = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    return [
        f"date        {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        f"processor   {_cpu_model()}, {len(os.sched_getaffinity(0))} cores",
        f"memory      {psutil.virtual_memory().total / 2**30:.1f} GiB",
        f"system      {platform.system()} {platform.release()}",
        f"PostgreSQL  {postgres_version}, fsync on",
        f"Python      {platform.python_version()}",
        f"load        {busy} (1, 5, 15 minutes) before the first measurement",
    ]


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _short(figure: float) -> str:
    return f"{figure:,.0f}" if abs(figure) >= 100 else f"{figure:.1f}" if abs(figure) >= 10 else f"{figure:.2f}"
