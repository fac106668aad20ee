"""Ask an ASGI application over httpx, without a socket: one event loop a request, so that threads may ask at once."""

import asyncio
from typing import Any

import httpx
from starlette.types import ASGIApp


class Asker:
    """A caller at some network address."""

    def __init__(self, app: ASGIApp, *, address: str = "203.0.113.9") -> None:
        self._app = app
        self._address = address

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app, client=(self._address, 50_000))
            async with httpx.AsyncClient(transport=transport, base_url="http://modori.example") as client:
                return await client.request(method, path, **more)

        return asyncio.run(ask())

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.request("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self.request("POST", path, **more)

    def options(self, path: str, **more: Any) -> httpx.Response:
        return self.request("OPTIONS", path, **more)
