"""Uvicorn inside the running loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette

STOP_S = 3
START_S = 30.0


class HttpServer:
    """One Starlette application on one loopback port."""

    def __init__(self, app: Starlette, *, port: int) -> None:
        self._port = port
        self._server = _Server(
            uvicorn.Config(
                app,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=STOP_S,
            )
        )
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return when it answers. raises OSError where the port is taken, TimeoutError after START_S"""
        listening = socket.create_server(("127.0.0.1", self._port))
        self._serving = asyncio.create_task(self._server.serve(sockets=[listening]))
        async with asyncio.timeout(START_S):
            while not self._server.started:
                if self._serving.done():
                    self._serving.result()
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        if self._serving is not None:
            self._server.should_exit = True
            await self._serving


class _Server(uvicorn.Server):
    """One of several in a process, which minds its signals itself."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
