"""The one place that reads the time.

Actions take `now` as an argument; edges and jobs ask here. The demo's week of history and the stories of the
test-suite live under a moved clock: `moved_to` shifts `now()` for the current context only.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

_offset: ContextVar[timedelta] = ContextVar("modori_clock_offset", default=timedelta(0))


def now() -> datetime:
    """Return this instant as an aware UTC datetime, shifted where the context moved the clock."""
    return datetime.now(UTC) + _offset.get()


@contextmanager
def moved_to(instant: datetime) -> Iterator[None]:
    """Let the clock start from `instant` (aware) inside the block and run on from there."""
    token = _offset.set(instant - datetime.now(UTC))
    try:
        yield
    finally:
        _offset.reset(token)
