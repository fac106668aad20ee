"""Addresses under /console that lead nowhere. Included last."""

from fastapi import APIRouter
from fastapi.responses import Response

from modori.console.door import ConsoleRoute
from modori.console.visit import Visiting
from modori.kernel.errors import NotFound

router = APIRouter(route_class=ConsoleRoute)


@router.get("/{rest:path}", name="me.nowhere")
def nowhere(visit: Visiting, rest: str) -> Response:
    raise NotFound(rest[:100])
