"""A browser for one ASGI application, without a socket: synchronous, keeps cookies, follows no redirect by itself."""

import asyncio
from typing import Any

import httpx
from starlette.types import ASGIApp


class Asking:
    """Each request runs the application to the end of its answer. For streams use a server."""

    def __init__(self, app: ASGIApp, *, base_url: str = "http://testserver", ip: str = "192.0.2.9") -> None:
        self._app, self._base_url, self._ip = app, base_url, ip
        self.cookies = httpx.Cookies()

    def request(self, method: str, path: str, **words: Any) -> httpx.Response:
        """Ask once; what httpx takes as keywords goes along."""
        return asyncio.run(self._request(method, path, words))

    def get(self, path: str, **words: Any) -> httpx.Response:
        return self.request("GET", path, **words)

    def post(self, path: str, **words: Any) -> httpx.Response:
        return self.request("POST", path, **words)

    async def _request(self, method: str, path: str, words: dict[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(self._app, client=(self._ip, 40000))
        async with httpx.AsyncClient(
            transport=transport, base_url=self._base_url, cookies=self.cookies, follow_redirects=False
        ) as client:
            answer = await client.request(method, path, **words)
            self.cookies.update(answer.cookies)
            return answer
