"""The console on a port of its own, in a thread, under the headers that the web process sends."""

import asyncio
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from starlette.staticfiles import StaticFiles

from modori.background import live
from modori.entrypoints import resources
from modori.entrypoints.front import Front
from modori.entrypoints.serving import Server
from modori.kernel import clock
from modori.sandbox.ports import choose_port
from tests.consoleworld import Voice, make_app

START_S = 60.0


@contextmanager
def served(*, redis_url: str, now: datetime, voice: Voice | None = None) -> Iterator[str]:
    """Serve until the block ends; yields the base URL. The server's clock starts from `now`."""
    port = choose_port(None)
    url = f"http://127.0.0.1:{port}"
    app = make_app(voice, public_url=url)
    app.mount("/assets", StaticFiles(directory=resources.operator_ui() / "assets"))
    live.configure(redis_url)
    ended = threading.Event()

    async def serve() -> None:
        front = Front(app, ingest=None, public_url=url, trusted_proxies=())
        server = Server(front, host="127.0.0.1", port=port)
        serving = asyncio.create_task(server.run_here())
        await asyncio.to_thread(ended.wait)
        live.end_subscriptions()
        server.stop()
        await asyncio.wait({serving}, timeout=30)

    def run() -> None:
        with clock.moved_to(now):
            asyncio.run(serve())

    thread = threading.Thread(target=run, name="console", daemon=True)
    thread.start()
    try:
        _wait_for(f"{url}/console/login")
        yield url
    finally:
        ended.set()
        thread.join(60)
        live.configure(None)


def _wait_for(url: str) -> None:
    pause = threading.Event()
    for _ in range(int(START_S / 0.1)):
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            pause.wait(0.1)
    raise AssertionError(f"{url} does not answer")
