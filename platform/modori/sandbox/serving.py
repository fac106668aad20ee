"""Granian inside the running loop, and free ports for those who do not care which."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request

from granian.constants import Interfaces
from granian.server.embed import Server
from starlette.applications import Starlette

STOP_S = 3.0


class HttpServer:
    """One Starlette application on one loopback port."""

    def __init__(self, app: Starlette, *, port: int) -> None:
        self._port = port
        self._server = Server(
            app, address="127.0.0.1", port=port, interface=Interfaces.ASGINL, log_enabled=False, websockets=False
        )
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns when it answers. Raises OSError if it does not within five seconds."""
        self._serving = asyncio.create_task(self._server.serve())
        for _ in range(100):
            if self._serving.done():
                self._serving.result()
            if await asyncio.to_thread(_answers, self._port):
                return
            await asyncio.sleep(0.05)
        raise OSError(f"nothing answers on port {self._port}")

    async def stop(self) -> None:
        if self._serving is None:
            return
        self._server.stop()  # type: ignore[no-untyped-call]  # granian leaves it without types
        done, _ = await asyncio.wait([self._serving], timeout=STOP_S)
        if not done:
            self._serving.cancel()


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
