"""A shop's page and the server that its tag speaks to, on two origins, for the SDK in a real browser."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Page

PAGE = Path(__file__).with_name("sdk_page.html")
SDK = Path(__file__).parents[2] / "client_sdk" / "dist"
ARRIVAL_S = 60
HANGS_S = 60
HEAR_SCRIPTS = (
    "window.scriptsRun = []; document.addEventListener('load',"
    " ({target}) => target.src && scriptsRun.push(new URL(target.src).pathname.split('/').pop()), true)"
)
"""Note each script that has run."""
POLICY = "script-src 'unsafe-inline' SDK_HOST; connect-src SDK_HOST"


@dataclass
class Receiver:
    """A server with the SDK's routes, which keeps what it is told."""

    config: dict[str, object]
    bodies: list[bytes] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    """Every address that was asked for, the events' too."""
    status: int = 202
    """Of the answer to events; 0 hangs for a while first."""
    spoil: Callable[[str, bytes], bytes] = field(default=lambda _, script: script)
    """What becomes of a script on its way, by its name."""
    restored: dict[str, object] | None = None
    """What restore links lead back to; None: to nothing."""
    proven: dict[str, object] | None = None
    """What a proof brings."""
    url: str = ""

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        """What was told, of one type or of all, each id once."""
        told = [event for body in list(self.bodies) for event in json.loads(body)["events"]]
        return list({event["id"]: event for event in told if kind in ("", event["type"])}.values())

    def wait_for(self, kind: str, count: int) -> list[dict[str, Any]]:
        self.wait_until(lambda: len(self.events(kind)) >= count)
        return self.events(kind)

    def wait_until(self, arrived: Callable[[], bool]) -> None:
        deadline = monotonic() + ARRIVAL_S
        while not arrived() and monotonic() < deadline:
            sleep(0.05)

    def fields(self) -> list[dict[str, str]]:
        """What forms said, in the order of their events."""
        return [event["data"]["fields"] for event in sorted(self.events("form"), key=lambda event: str(event["at"]))]


class _Quiet(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it
        pass

    def answer(self, status: int, kind: str, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


def name_of(path: str) -> str:
    """Which file an address asks for."""
    return urlsplit(path).path.rpartition("/")[2]


@contextmanager
def receiving(config: dict[str, object]) -> Iterator[Receiver]:
    receiver = Receiver(config)
    hung_up = threading.Event()

    class Host(_Quiet):
        def do_GET(self) -> None:
            receiver.asked.append(self.path)
            if self.path.startswith("/sdk/"):
                name = name_of(self.path)
                script = receiver.spoil(name, (SDK / name).read_bytes())
                self.answer(200, "text/javascript", script, Access_Control_Allow_Origin="*")
            elif self.path.startswith("/v1/restore/"):
                self.bring_back(receiver.restored, otherwise=204)
            else:
                body = json.dumps(receiver.config).encode()
                self.answer(200, "application/json", body, Access_Control_Allow_Origin="*")

        def bring_back(self, left: dict[str, object] | None, *, otherwise: int) -> None:
            body = json.dumps(left).encode() if left else b""
            self.answer(200 if left else otherwise, "application/json", body, Access_Control_Allow_Origin="*")

        def do_POST(self) -> None:
            receiver.asked.append(self.path)
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path.startswith("/v1/restore/"):
                self.bring_back(receiver.proven, otherwise=404)
                return
            if receiver.status == 0:
                hung_up.wait(HANGS_S)
                return
            if receiver.status == 202:
                receiver.bodies.append(body)
            self.answer(receiver.status, "application/json", b"{}", Access_Control_Allow_Origin="*")

    with serving(Host) as port:
        receiver.url = f"http://127.0.0.1:{port}"
        try:
            yield receiver
        finally:
            hung_up.set()


@contextmanager
def shop(receiver: Receiver, *, html: str = "", policy: str = POLICY) -> Iterator[str]:
    """A shop of another origin. Every address shows the same page; in it SDK_HOST is the receiver's origin."""
    content = html or PAGE.read_text()

    class Shop(_Quiet):
        def do_GET(self) -> None:
            body = content.replace("SDK_HOST", receiver.url).encode()
            said = policy.replace("SDK_HOST", receiver.url)
            self.answer(200, "text/html; charset=utf-8", body, Content_Security_Policy=said)

    with serving(Shop) as port:
        yield f"http://localhost:{port}/cart"


def open_page(context: BrowserContext, url: str, printed: list[str]) -> Page:
    """Open a page whose tag has begun; what it prints or throws is added to `printed`."""
    page = context.new_page()
    page.on("console", lambda message: printed.append(message.text))
    page.on("pageerror", lambda error: printed.append(str(error)))
    page.add_init_script(HEAR_SCRIPTS)
    page.goto(url)
    page.wait_for_function("window.modori.version")
    return page


def wait_for_part(page: Page, name: str) -> None:
    """Wait until a late part has run. The forms part comes once somebody is at a field."""
    if name == "forms":
        page.evaluate("document.querySelector('input,textarea')?.focus()")
    page.wait_for_function("name => scriptsRun.includes(name + '.js')", arg=name)


def wait_for_looks(page: Page, receiver: Receiver, count: int) -> None:
    """Wait until the SDK has looked at a permitted page this often: what it saw by then has arrived."""
    for _ in range(count):
        orders = len(receiver.events("order")) + 1
        page.evaluate(f"modori('order', {{id: 'look-{orders}', currency: 'JPY', value: 1}})")
        receiver.wait_for("order", orders)
        assert len(receiver.events("order")) == orders
