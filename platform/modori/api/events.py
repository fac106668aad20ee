"""`POST /v1/events` in the OpenAPI document. The ingest application answers it, here as where it is mounted beside."""

from typing import Any

from fastapi import APIRouter, Response
from starlette.types import Receive, Scope, Send

from modori.api.bodies import shape
from modori.api.described import refusal
from modori.api.edge import ApiConfig
from modori.api.ingest import IngestApp
from modori.capture.wire import EventsTaken, PostedEvents


class _Handover(Response):
    """A response that lets another ASGI application answer the request, whose body nobody has read yet."""

    def __init__(self, app: IngestApp) -> None:
        super().__init__()
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


def make_router(config: ApiConfig) -> APIRouter:
    router = APIRouter(tags=["events"])
    ingest = IngestApp(config)

    @router.post(
        "/v1/events",
        status_code=202,
        summary="Report what happens on a site",
        description="From a page with `site`, or from a server with a secret key and no Origin. At most 64 KiB and 50"
        " events. Each event counts once by its id, so that a repeat needs no Idempotency-Key; a bad one is refused by"
        " itself.",
        response_model=EventsTaken,
        openapi_extra=_documented(),
        responses={code: refusal(what) for code, what in _REFUSALS.items()},
    )
    async def post_events() -> Response:
        return _Handover(ingest)

    return router


_REFUSALS: dict[int | str, str] = {
    400: "The envelope is not as it should be; the problem names the field.",
    403: "Unknown key, foreign origin, or a publishable key without an Origin.",
    408: "The body did not arrive in time.",
    413: "The body is larger than 64 KiB.",
    415: "Neither application/json nor text/plain, or compressed.",
    429: "Too many events; Retry-After says when.",
    503: "Too much is waiting, or the database cannot be reached. `detail` says whether some of it may have been kept;"
    " sent again, each event counts once.",
}


def _documented() -> dict[str, Any]:
    described = shape(PostedEvents)
    content = described["requestBody"]["content"]
    content["text/plain"] = content["application/json"]
    return described
