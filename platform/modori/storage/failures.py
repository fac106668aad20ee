"""What a database's failure means to whoever asked us: one reading for every edge."""

from psycopg import InterfaceError as PlainInterfaceError
from psycopg import OperationalError as PlainOperationalError
from psycopg.errors import DataError
from sqlalchemy.exc import DataError as SqlDataError
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from modori.kernel.errors import BadInput, ModoriError, Unavailable

DATABASE_FAILURES = (DBAPIError, PoolTimeout)
"""What an edge catches, to ask `refusal_of` about it."""

AWAY = (OperationalError, PoolTimeout, PlainOperationalError, PlainInterfaceError)
"""No connection, or one that broke: what `plain_transaction` raises when the database cannot be reached."""


def refusal_of(error: Exception) -> ModoriError | None:
    """Say what a database's failure means to the caller; None where it is a mistake of ours.

    A refused connection, an exhausted pool, a deadlock or a cancelled statement: nothing was kept, ask again. A
    connection that broke: it may have done so under the commit. A value that no column holds (a NUL in a text, a number
    out of range): the caller's words are wrong.
    """
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return Unavailable("It may not have been kept. Send it again.")
    if isinstance(error, OperationalError | PoolTimeout):
        return Unavailable("Nothing was kept. Send it again.")
    if isinstance(error, SqlDataError) and isinstance(error.orig, DataError):
        return BadInput("A value cannot be stored as it is.")
    return None
