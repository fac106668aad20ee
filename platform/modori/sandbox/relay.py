"""A relay in front of an HTTP server, for what no web framework can do: reset a client's connection."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct


class Relay:
    """Copies bytes between clients and a server behind it; `reset` kills one client's connection with a RST.

    The server names a connection by the port that it sees as its client's, which is the relay's own.
    """

    def __init__(self, *, port: int, upstream_port: int) -> None:
        self._port = port
        self._upstream_port = upstream_port
        self._clients: dict[int, asyncio.StreamWriter] = {}
        self._open: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self._port)

    async def stop(self) -> None:
        if self._server is None:
            return
        self._server.close()
        for carrying in list(self._open):
            carrying.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def reset(self, upstream_client_port: int) -> None:
        """Abort the client's connection at once; what was not yet written to it is lost."""
        client = self._clients.get(upstream_client_port)
        if client is None:
            return
        wire = client.get_extra_info("socket")
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.transport.abort()

    async def _carry(self, client_in: asyncio.StreamReader, client_out: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await self._carry_both_ways(client_in, client_out)
        except (OSError, asyncio.CancelledError):
            client_out.transport.abort()
        finally:
            self._open.discard(task)

    async def _carry_both_ways(self, client_in: asyncio.StreamReader, client_out: asyncio.StreamWriter) -> None:
        server_in, server_out = await asyncio.open_connection("127.0.0.1", self._upstream_port)
        key: int = server_out.get_extra_info("sockname")[1]
        self._clients[key] = client_out
        ways = [
            asyncio.create_task(_copy(client_in, server_out)),
            asyncio.create_task(_copy(server_in, client_out)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._clients[key]
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for end in (server_out, client_out):
                end.close()
                with contextlib.suppress(OSError):
                    await end.wait_closed()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Copy until either end is gone."""
    with contextlib.suppress(OSError):
        while chunk := await source.read(65536):
            target.write(chunk)
            await target.drain()
