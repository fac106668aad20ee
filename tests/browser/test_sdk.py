"""The SDK in a real browser, on a page of another origin, under a strict content security policy."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from modori.sandbox.chromium import launch_options

PAGE = Path(__file__).with_name("sdk_page.html")
SCRIPT = Path(__file__).parents[2] / "client_sdk" / "dist" / "modori.js"
ARRIVAL_S = 15
CLOSED_TABS = 20


@dataclass
class Receiver:
    """A server with the SDK's three routes, which keeps what it is told."""

    config: dict[str, object]
    bodies: list[bytes] = field(default_factory=list)
    url: str = ""

    def events(self, kind: str) -> list[dict[str, Any]]:
        """What was told of one type, each id once."""
        told = [event for body in list(self.bodies) for event in json.loads(body)["events"]]
        return list({event["id"]: event for event in told if event["type"] == kind}.values())

    def wait_for(self, kind: str, count: int) -> list[dict[str, Any]]:
        deadline = monotonic() + ARRIVAL_S
        while len(self.events(kind)) < count and monotonic() < deadline:
            sleep(0.05)
        return self.events(kind)


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


@contextmanager
def receiving(config: dict[str, object]) -> Iterator[Receiver]:
    receiver = Receiver(config)

    class Host(_Quiet):
        def do_GET(self) -> None:
            if self.path == "/sdk/v1/modori.js":
                self.answer(200, "text/javascript", SCRIPT.read_bytes())
            else:
                body = json.dumps(receiver.config).encode()
                self.answer(200, "application/json", body, Access_Control_Allow_Origin="*")

        def do_POST(self) -> None:
            receiver.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.answer(202, "application/json", b"{}", Access_Control_Allow_Origin="*")

    with serving(Host) as port:
        receiver.url = f"http://127.0.0.1:{port}"
        yield receiver


@contextmanager
def shop(receiver: Receiver) -> Iterator[str]:
    class Shop(_Quiet):
        def do_GET(self) -> None:
            body = PAGE.read_text().replace("SDK_HOST", receiver.url).encode()
            policy = f"script-src 'unsafe-inline' {receiver.url}; connect-src {receiver.url}"
            self.answer(200, "text/html", body, Content_Security_Policy=policy)

    with serving(Shop) as port:
        yield f"http://localhost:{port}/cart"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(**launch_options())
        yield launched
        launched.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context()
    yield context
    context.close()


def open_page(context: BrowserContext, url: str, printed: list[str]) -> Page:
    page = context.new_page()
    page.on("console", lambda message: printed.append(message.text))
    page.on("pageerror", lambda error: printed.append(str(error)))
    page.goto(url)
    page.wait_for_function("window.modori.version")
    return page


def test_a_page_reports_what_it_may_and_never_what_it_must_not(context: BrowserContext) -> None:
    printed: list[str] = []
    with receiving({"mode": "notice", "notice_selector": "#notice"}) as receiver, shop(receiver) as url:
        page = open_page(context, url + "?modori_t=T1&email=secret#x", printed)
        page.type("#card", "4111111111111111")
        for name in ("csc", "password", "code", "ignored"):
            page.type(f"#{name}", "SECRET")
        page.type("#email", "hanako@example.jp")
        page.type("#tel", "4111 1111 1111 1111")
        page.fill("#tel", "090-1234-5678")
        page.close()
        forms = receiver.wait_for("form", 1)
        cart = receiver.wait_for("cart", 1)[0]
        pages = receiver.wait_for("page", 1)
        sent = b"".join(receiver.bodies).decode()
        cookies = context.cookies(url)
    assert forms[-1]["data"]["fields"] == {"email": "hanako@example.jp", "tel": "090-1234-5678"}
    assert cart["data"]["url"] == url + "?items=P-1:1"
    assert pages[0]["page"] == {"url": url + "?modori_t=T1", "title": "カート"}
    assert "SECRET" not in sent
    assert "secret" not in sent
    assert "4111" not in sent
    assert [(cookie["name"], cookie["value"]) for cookie in cookies] == [("modori_v", cart["visitor"])]
    assert printed == []


def test_the_last_state_of_a_closed_tab_arrives(context: BrowserContext) -> None:
    printed: list[str] = []
    with receiving({"mode": "notice", "notice_selector": "#notice"}) as receiver, shop(receiver) as url:
        for number in range(CLOSED_TABS):
            page = open_page(context, url, printed)
            page.wait_for_function("localStorage.modori_v")  # the config has come: capture is permitted
            page.fill("#email", f"visitor{number}@example.jp")
            page.close()
        forms = receiver.wait_for("form", CLOSED_TABS)
    emails = {form["data"]["fields"]["email"] for form in forms}
    assert emails == {f"visitor{number}@example.jp" for number in range(CLOSED_TABS)}
    assert printed == []


def test_before_consent_nothing_is_sent_or_stored(context: BrowserContext) -> None:
    printed: list[str] = []
    with receiving({"mode": "after-consent", "notice_selector": "#notice"}) as receiver, shop(receiver) as url:
        page = open_page(context, url, printed)
        page.fill("#email", "hanako@example.jp")
        page.wait_for_timeout(2500)  # longer than the SDK gathers
        assert receiver.bodies == []
        assert page.evaluate("localStorage.length") == 0
        assert context.cookies(url) == []
        page.evaluate("modori('consent', {channel: 'email', granted: true, text: '受け取る'})")
        consent = receiver.wait_for("consent", 1)[0]
        form = receiver.wait_for("form", 1)[0]
        page.close()
    assert consent["data"] == {"channel": "email", "granted": True, "text": "受け取る"}
    assert form["data"]["fields"] == {"email": "hanako@example.jp"}
    assert printed == []
