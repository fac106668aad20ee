"""`modori web` with one route more: /empty reads the request and answers 202, in the same server and process."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.types import ASGIApp

from modori.entrypoints import runtime, web
from modori.entrypoints.serving import serve
from modori.entrypoints.settings import read_safe


class BesideEmpty:
    """The product's application, with the empty route in front."""

    def __init__(self, product: ASGIApp) -> None:
        self._product = product

    async def __call__(
        self,
        scope: Mapping[str, Any],
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        if scope["type"] != "http" or scope["path"] != "/empty":
            await self._product(dict(scope), receive, send)
            return
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


def main() -> None:
    """Serve as `modori web` does."""
    settings = read_safe()
    with runtime.running(settings, "web"):
        serve(BesideEmpty(web.make_app(settings)), host=settings.host, port=settings.port)


if __name__ == "__main__":
    main()
