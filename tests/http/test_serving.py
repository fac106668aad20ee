"""The web server serves in one process and stops when it is told, whatever is open."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from modori.entrypoints.serving import STOP_S, BoundedHttp, Server
from modori.sandbox.ports import choose_port
from tests.conftest import Cluster

SCRIPT = """
import asyncio, sys
from uuid import UUID
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from modori.background import live
from modori.entrypoints.front import Front
from modori.entrypoints.serving import serve

live.configure(sys.argv[1])
app = FastAPI()

@app.get("/healthz")
async def healthz():
    return "ok"

begun = []

@app.get("/begun")
async def count():
    return len(begun)

@app.get("/slow")
async def slow():
    begun.append(1)
    await asyncio.sleep(1.5)
    return "done"

@app.get("/stream")
async def stream():
    async def news():
        yield "open\\n"
        async for one in live.subscribe([UUID(int=1)], beat_s=60):
            yield f"{one}\\n"
    return StreamingResponse(news())

front = Front(app, ingest=None, public_url="http://127.0.0.1", trusted_proxies=())
serve(front, host="127.0.0.1", port=int(sys.argv[2]))
"""


@contextmanager
def served(redis_url: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    port = choose_port(None)
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, redis_url, str(port)], text=True)
    base = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                httpx.get(f"{base}/healthz", timeout=5).raise_for_status()
                break
            except httpx.HTTPError:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield process, base
    finally:
        process.kill()
        process.wait()


def test_a_stop_ends_open_streams_at_once(engines: Cluster) -> None:
    with served(engines.redis_url) as (process, base), httpx.stream("GET", f"{base}/stream", timeout=60) as answer:
        lines = answer.iter_lines()
        assert next(lines) == "open"
        time.sleep(1)  # the page reads on, and waits for news
        asked = time.monotonic()
        process.send_signal(signal.SIGTERM)
        list(lines)  # ends, instead of hanging
        assert process.wait(60) == 0
        assert time.monotonic() - asked < STOP_S  # which it waits for whom it cannot end


def test_a_stop_lets_the_answer_in_hand_end(engines: Cluster) -> None:
    with served(engines.redis_url) as (process, base), ThreadPoolExecutor(1) as beside:
        asking = beside.submit(httpx.get, f"{base}/slow", timeout=60)
        deadline = time.monotonic() + 60
        while httpx.get(f"{base}/begun", timeout=30).json() == 0:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        answer = asking.result(60)
        assert process.wait(60) == 0
    assert answer.json() == "done"


class Bounded(BoundedHttp):
    head_within_s = 600.0
    most_head_bytes = 2000


class Impatient(Bounded):
    head_within_s = 1.0


async def answer_ok(scope: Scope, receive: Receive, send: Send) -> None:
    while scope["path"] == "/wait" and (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@asynccontextmanager
async def connected(
    http: type[BoundedHttp] = Bounded,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    server = Server(answer_ok, host="127.0.0.1", port=0, http=http)
    port = server.listening.getsockname()[1]
    serving = asyncio.create_task(server.run_here())
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(60):
            yield reader, writer
    finally:
        writer.close()
        server.stop()
        await serving


def test_a_head_that_does_not_end_is_not_waited_for() -> None:
    async def ask() -> None:
        async with connected(Impatient) as (reader, writer):
            writer.write(b"GET / HTTP/1.1\r\nHost: one.example\r\n")
            assert await reader.read() == b""

    asyncio.run(ask())


def test_nor_is_a_caller_that_says_nothing() -> None:
    async def ask() -> None:
        async with connected(Impatient) as (reader, _):
            assert await reader.read() == b""

    asyncio.run(ask())


def test_a_head_without_bounds_is_cut_off() -> None:
    async def ask() -> None:
        async with connected() as (reader, writer):
            writer.write(b"GET / HTTP/1.1\r\nHost: one.example\r\nX-Long: " + b"a" * 4000)
            assert await reader.read() == b""

    asyncio.run(ask())


def test_trailers_without_bounds_are_cut_off() -> None:
    async def ask() -> None:
        async with connected() as (reader, writer):
            writer.write(b"POST /wait HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 3000 + b"0\r\n")
            await asyncio.sleep(0.1)  # chunks of one byte are no trailers
            writer.write(b"X-Long: " + b"a" * 40_000)
            assert await reader.read() == b""

    asyncio.run(ask())


def test_a_long_body_before_the_next_request_is_no_head() -> None:
    async def ask() -> None:
        async with connected() as (reader, writer):
            body = b"POST /wait HTTP/1.1\r\nContent-Length: 4000\r\n\r\n" + b"a" * 4000
            writer.write(body + b"GET / HTTP/1.1\r\nHost: one.exa")
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
            writer.write(b"mple\r\n\r\n")
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")

    asyncio.run(ask())


def test_what_is_left_of_a_body_that_was_answered_early_is_not_waited_for() -> None:
    async def ask() -> None:
        async with connected(Impatient) as (reader, writer):
            writer.write(b"POST / HTTP/1.1\r\nContent-Length: 4000\r\n\r\na")
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
            writer.write(b"a")
            assert await reader.read() == b""

    asyncio.run(ask())


@pytest.mark.parametrize("body", ["", "GET /console HTTP/1.1\r\nHost: one.example\r\n\r\n"], ids=["later", "at once"])
@pytest.mark.parametrize("path", ["/", "/wait"])
def test_after_a_request_that_asks_for_an_upgrade_the_connection_takes_no_other(path: str, body: str) -> None:
    """Its body, come later, would be taken for one: the parser believes that another protocol follows."""
    head = f"POST {path} HTTP/1.1\r\nHost: one.example\r\nContent-Length: 46\r\n"
    asked = head + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n" + body

    async def ask() -> None:
        async with connected() as (reader, writer):
            writer.write(asked.encode())
            answer = await reader.read()
            assert answer.count(b"HTTP/1.1 200") == 1
            assert answer.endswith(b"ok")

    asyncio.run(ask())


def test_a_connection_answers_again_after_its_first_head_was_in_time() -> None:
    async def ask() -> None:
        async with connected(Impatient) as (reader, writer):
            for _ in range(2):
                writer.write(b"GET / HTTP/1.1\r\nHost: one.example\r\n\r\n")
                assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
                assert await reader.readexactly(2) == b"ok"
                await asyncio.sleep(1.5)  # longer than a head may take: an idle connection is not in one

    asyncio.run(ask())
