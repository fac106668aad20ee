"""Work whose transaction PostgreSQL gave up for another's sake is simply run again."""

from collections.abc import Callable
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from psycopg.errors import DeadlockDetected
from sqlalchemy.exc import OperationalError

P = ParamSpec("P")
R = TypeVar("R")

MOST_TRIES: Final = 3


def retry_deadlocks(work: Callable[P, R]) -> Callable[P, R]:
    """Run `work`, which opens and closes its own transaction, again when that was a deadlock's victim.

    Locks go in one order (G2), but for a browser's order, which holds its own episode before it finds the others.
    Nothing was kept, so that a second run is the first. raises what the third try raised
    """

    @wraps(work)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        for left in reversed(range(MOST_TRIES)):
            try:
                return work(*args, **kwargs)
            except OperationalError as error:
                if not isinstance(error.orig, DeadlockDetected) or not left:
                    raise
        raise AssertionError("unreachable")

    return run
