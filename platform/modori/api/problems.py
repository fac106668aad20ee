"""Problem documents (RFC 9457): the one place that turns the error tree into an HTTP answer of the JSON edge."""

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from psycopg.errors import DataError
from sqlalchemy.exc import DataError as SqlDataError
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from modori.kernel.errors import BadInput, Limited, ModoriError, Unavailable

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:modori:problem:"


class MethodNotAllowed(ModoriError):
    code = "method_not_allowed"
    status = 405
    title = "This address does not know that method"


def document(error: ModoriError) -> dict[str, Any]:
    """Spell an error as a problem document. What the caller sent in error is named by `field`, never repeated."""
    return {
        "type": f"{TYPE_PREFIX}{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
        **error.extra,
    }


def headers(error: ModoriError) -> dict[str, str]:
    """Return the headers that belong to an error: Retry-After where it will pass, WWW-Authenticate for 401."""
    if isinstance(error, Limited | Unavailable):
        return {"Retry-After": str(error.retry_after_s)}
    return {"WWW-Authenticate": 'Bearer realm="modori"'} if error.status == 401 else {}


def body(error: ModoriError) -> bytes:
    return json.dumps(document(error), ensure_ascii=False, default=str).encode()


def response(error: ModoriError) -> Response:
    return Response(body(error), status_code=error.status, headers=headers(error), media_type=MEDIA_TYPE)


def from_validation(error: RequestValidationError) -> BadInput:
    """Name the first field that is wrong, by its path and rule; the value itself may be personal and is left out."""
    first = error.errors()[0]
    path = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "header"))
    where = path or str(first["loc"][0])
    return BadInput(f"{where}: {first['msg']}", field=where)


def from_database(error: Exception) -> ModoriError | None:
    """Say what a database's failure means to the caller; None where it is a mistake of ours.

    A refused connection, an exhausted pool, a deadlock or a cancelled statement: nothing was kept, ask again.
    """
    if isinstance(error, OperationalError | PoolTimeout):
        return Unavailable("Nothing was kept. Send it again.")
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return Unavailable("Nothing was kept. Send it again.")
    if isinstance(error, SqlDataError) and isinstance(error.orig, DataError):
        return BadInput("A value cannot be stored as it is.")
    return None


class ProblemRoute(APIRoute):
    """A route whose errors answer as problem documents, whichever application it is mounted in."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        inner = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await inner(request)
            except ModoriError as error:
                return response(error)
            except RequestValidationError as error:
                return response(from_validation(error))
            except (DBAPIError, PoolTimeout) as error:
                problem = from_database(error)
                if problem is None:
                    raise
                return response(problem)

        return answer
