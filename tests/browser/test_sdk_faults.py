"""A page whose storage, network, `fetch` or `crypto` is missing or throws goes on as if the SDK were not there."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from playwright.sync_api import Browser

from modori.entrypoints import resources
from tests.benchmarks.visiting import Quiet, serving
from tests.browser.sdk_pages import name_of

PAGE = Path(__file__).with_name("faults_page.html")
ARRIVAL_S = 60
CORS = ("Access-Control-Allow-Origin", "*")
CONFIG = json.dumps({"mode": "notice", "notice_selector": "#notice", "origins": [], "heartbeat_s": 1}).encode()

THROWING = "() => { throw new DOMException('no', 'SecurityError') }"


def _missing(name: str) -> str:
    return f"Object.defineProperty(window, '{name}', {{value: undefined, configurable: true}});"


def _throwing(target: str, name: str) -> str:
    return f"Object.defineProperty({target}, '{name}', {{get: {THROWING}, set: {THROWING}, configurable: true}});"


RUBBISH = """
for (const name of ["q", "config", "choice", "cart", "form", "back"]) {
  localStorage.setItem("modori_" + name + ":pk_faults", '[{"at":');
}
localStorage.setItem("modori_v", "\\u0000");
"""

# What is broken, how, and whether what the visitor did can arrive all the same.
FAULTS: list[tuple[str, str, bool]] = [
    ("nothing", "", True),
    ("storage throws", _throwing("window", "localStorage") + _throwing("window", "sessionStorage"), True),
    ("storage is missing", _missing("localStorage") + _missing("sessionStorage"), True),
    ("storage is full", f"Storage.prototype.setItem = {THROWING}", True),
    ("storage holds rubbish", RUBBISH, True),
    ("cookies throw", _throwing("Document.prototype", "cookie"), True),
    (
        "storage and cookies throw",
        _throwing("window", "localStorage") + _throwing("Document.prototype", "cookie"),
        True,
    ),
    ("fetch is missing", _missing("fetch"), False),
    ("fetch throws", f"window.fetch = {THROWING}", False),
    ("fetch rejects", "window.fetch = () => Promise.reject(new TypeError('no'))", False),
    ("fetch never answers", "window.fetch = () => new Promise(() => {})", False),
    ("fetch answers with nothing", "window.fetch = () => Promise.resolve(undefined)", False),
    ("crypto is missing", _missing("crypto"), True),
    ("crypto throws", f"Crypto.prototype.getRandomValues = {THROWING}", True),
    ("AbortController is missing", _missing("AbortController"), False),
    ("TextEncoder is missing", _missing("TextEncoder"), False),
    ("navigation and history throw", _throwing("window", "navigation"), True),
    ("the page stops every event", "addEventListener('input', (e) => e.stopImmediatePropagation(), true)", False),
]

# How the server fails: status of the config, of events, of a late part; 0 hangs up without an answer.
FAILURES: list[tuple[str, int, int, int]] = [
    ("no server", 0, 0, 0),
    ("no config", 500, 202, 200),
    ("no late part", 200, 202, 404),
    ("late parts that break off", 200, 202, 0),
    ("events are refused", 200, 403, 200),
    ("events break off", 200, 0, 200),
]


@contextmanager
def serving_sdk(taken: list[dict[str, Any]], config: int = 200, events: int = 202, late: int = 200) -> Iterator[str]:
    """Serve a page with the SDK, from a server that fails as told. Yields the page's address."""
    host = ""

    class Host(Quiet):
        def do_GET(self) -> None:  # noqa: N802  # the base class's name
            if self.path == "/cart":
                self.answer(200, [("Content-Type", "text/html")], PAGE.read_bytes().replace(b"SDK_HOST", host.encode()))
            elif self.path.startswith("/sdk/"):
                status = 200 if self.path.endswith("/modori.js") else late
                body = (resources.sdk() / name_of(self.path)).read_bytes() if status == 200 else b""
                self._tell(status, "text/javascript", body)
            else:
                self._tell(config, "application/json", CONFIG)

        def do_POST(self) -> None:  # noqa: N802  # the base class's name
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if events == 202:
                taken.extend(json.loads(body)["events"])
            self._tell(events, "application/json", b"{}")

        def _tell(self, status: int, kind: str, body: bytes) -> None:
            if status:
                self.answer(status, [("Content-Type", kind), CORS], body)

    with serving(Host) as port:
        host = f"http://127.0.0.1:{port}"
        yield f"http://localhost:{port}/cart"


def _visit(browser: Browser, url: str, fault: str) -> tuple[list[str], list[str]]:
    """Do what a visitor does, and return the errors that the page saw, and what its fields hold then."""
    context = browser.new_context()
    errors: list[str] = []
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.on("pageerror", lambda error: errors.append(str(error)))
    if fault:
        page.add_init_script(fault)
    page.goto(url)
    page.wait_for_function("window.loaded")
    page.evaluate("modori('cart', {currency: 'JPY', value: 4980, items: [{id: 'P-1', name: '急須', price: 4980}]})")
    page.wait_for_timeout(500)
    page.type("#email", "hanako@example.jp", delay=10)
    page.type("#name", "山田花子", delay=10)
    page.evaluate("history.pushState(null, '', '/cart?step=2')")
    page.click("#send")
    page.wait_for_timeout(1500)
    errors += page.evaluate("heard")
    held = [page.input_value("#email"), page.input_value("#name")]
    page.close()
    context.close()
    return errors, held


@pytest.mark.parametrize(("why", "fault", "arrives"), FAULTS, ids=[why for why, _, _ in FAULTS])
def test_a_broken_browser_is_survived(browser: Browser, why: str, fault: str, arrives: bool) -> None:
    taken: list[dict[str, Any]] = []
    with serving_sdk(taken) as url:
        errors, held = _visit(browser, url, fault)
        deadline = monotonic() + (ARRIVAL_S if arrives else 0)
        while not _has_form(taken) and monotonic() < deadline:
            sleep(0.05)
    assert errors == []
    assert held == ["hanako@example.jp", "山田花子"]
    if arrives:
        assert _has_form(taken)
        assert any(event["type"] == "cart" for event in taken)


@pytest.mark.parametrize(("why", "config", "events", "late"), FAILURES, ids=[row[0] for row in FAILURES])
def test_a_broken_server_is_survived(browser: Browser, why: str, config: int, events: int, late: int) -> None:
    with serving_sdk([], config, events, late) as url:
        errors, held = _visit(browser, url, "")
    assert errors == []
    assert held == ["hanako@example.jp", "山田花子"]


def _has_form(taken: list[dict[str, Any]]) -> bool:
    wanted = {"email": "hanako@example.jp", "name": "山田花子"}
    return any(event["type"] == "form" and wanted.items() <= event["data"]["fields"].items() for event in list(taken))
