"""Problem documents (RFC 9457): the one place that turns the error tree into an HTTP answer of the JSON edge."""

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from modori.kernel.errors import BadInput, Limited, ModoriError, Unavailable
from modori.storage.failures import DATABASE_FAILURES, refusal_of

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
            except DATABASE_FAILURES as error:
                problem = refusal_of(error)
                if problem is None:
                    raise
                return response(problem)

        return answer
