"""Granian serves in one process and stops when it is told, whatever is open."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx

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
asyncio.run(serve(front, host="127.0.0.1", port=int(sys.argv[2])))
"""


@contextmanager
def served(redis_url: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    port = choose_port(None)
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, redis_url, str(port)], text=True)
    base = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                httpx.get(f"{base}/healthz", timeout=1).raise_for_status()
                break
            except httpx.HTTPError:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield process, base
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)


def test_a_stop_ends_open_streams_at_once(engines: Cluster) -> None:
    with served(engines.redis_url) as (process, base), httpx.stream("GET", f"{base}/stream", timeout=20) as answer:
        lines = answer.iter_lines()
        assert next(lines) == "open"
        time.sleep(1)  # the page reads on, and waits for news
        asked = time.monotonic()
        process.send_signal(signal.SIGTERM)
        list(lines)  # ends, instead of hanging
        assert process.wait(10) == 0
        assert time.monotonic() - asked < 5


def test_a_stop_lets_the_answer_in_hand_end(engines: Cluster) -> None:
    with served(engines.redis_url) as (process, base), ThreadPoolExecutor(1) as beside:
        asking = beside.submit(httpx.get, f"{base}/slow", timeout=20)
        deadline = time.monotonic() + 10
        while httpx.get(f"{base}/begun", timeout=5).json() == 0:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        answer = asking.result(20)
        assert process.wait(15) == 0
    assert answer.json() == "done"
