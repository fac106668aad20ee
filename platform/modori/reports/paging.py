"""Keyset paging: the next page begins after the last row, wherever that row is by then; never OFFSET."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from modori.kernel.errors import NotFound


class Cursor(NamedTuple):
    """The sort key of a page's last row."""

    at: datetime
    row_id: UUID

    def __str__(self) -> str:
        return f"{self.at.isoformat()}_{self.row_id}"


def read_cursor(text: str | None) -> Cursor | None:
    """Read a cursor from an address; None where there is none. raises NotFound for one that we did not write."""
    if not text:
        return None
    try:
        at, row_id = text.rsplit("_", 1)
        cursor = Cursor(datetime.fromisoformat(at), UUID(row_id))
    except ValueError as error:
        raise NotFound() from error
    if cursor.at.tzinfo is None:
        raise NotFound()
    return cursor
