"""One round over rows that were found: a row that fails must not keep the others waiting."""

from collections.abc import Callable, Iterable
from typing import TypeVar

Row = TypeVar("Row")


def for_each(rows: Iterable[Row], do: Callable[[Row], object], *, failing: str) -> int:
    """Do something to each row, in a transaction of its own, whatever becomes of the others. Returns how many.

    failing  what the rows that failed are called
    raises   ExceptionGroup of what failed, after all have had their turn
    """
    failures: list[Exception] = []
    done = 0
    for row in rows:
        try:
            do(row)
            done += 1
        except Exception as failure:  # noqa: BLE001  # raised below: one bad row must not stop the others
            failures.append(failure)
    if failures:
        raise ExceptionGroup(failing, failures)
    return done
