"""The pages as the browser gets them, and a server that plays Modori's: its script, its config, its event route."""

import json
import re
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

ABROAD = Path(__file__).with_name("abroad")
JAPANESE = Path(__file__).with_name("japanese")
SDK = Path(__file__).parents[2] / "client_sdk" / "dist"

_LABEL = re.compile(rb"""\s+data-(?:manual|ddg)-[\w-]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'>]+))?""")
_SCRIPT = re.compile(rb"<script\b[^>]*>.*?</script\s*>", re.DOTALL | re.IGNORECASE)
_CHARSET = re.compile(rb"<meta[^>]+charset", re.IGNORECASE)
_HEAD = re.compile(rb"<head\b[^>]*>", re.IGNORECASE)
_OWN_SCRIPT = ".scripted.html"
_FRAME = ".frame.html"
_CONFIG: dict[str, object] = {"mode": "after-consent", "notice_selector": None, "origins": [], "heartbeat_s": 30}
"""A saved page shows no notice of ours, so each visitor is asked."""


@dataclass(frozen=True)
class FormPage:
    """One file of a collection.

    key      the site's key in this page's tag: what is sent with it is this page's
    """

    path: Path
    collection: str
    key: str

    @property
    def name(self) -> str:
        return f"{self.collection}/{self.path.name}"

    @property
    def runs_own_script(self) -> bool:
        return self.path.name.endswith(_OWN_SCRIPT)


def find_pages(folder: Path, collection: str, only: re.Pattern[str]) -> list[FormPage]:
    """The pages of a folder whose names match; frames' documents are no pages of their own."""
    paths = sorted(path for path in folder.glob("*.html") if not path.name.endswith(_FRAME))
    pages = [FormPage(path, collection, f"pk_forms_{collection}_{number}") for number, path in enumerate(paths)]
    return [page for page in pages if only.search(page.name)]


def without_labels(html: bytes) -> bytes:
    return _LABEL.sub(b"", html)


def without_scripts(html: bytes) -> bytes:
    return _SCRIPT.sub(b"", html)


def with_tag(html: bytes, tag: bytes) -> bytes:
    """Put the tag where a site's engineer does; a saved piece of a page without a head gets it at its end."""
    head = _HEAD.search(html)
    return html[: head.end()] + tag + html[head.end() :] if head else html + tag


@dataclass
class Recorder:
    """What the pages' tags asked of the server, by site key: paths and bodies as text."""

    url: str = ""
    _requests: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def heard(self, key: str, request: str) -> None:
        with self._lock:
            self._requests[key].append(request)

    def forms_told(self, key: str) -> int:
        """In how many requests a form was told of; `form` stands in no other event as a type."""
        return sum('"type":"form"' in request for request in self.requests(key))

    def requests(self, key: str) -> list[str]:
        with self._lock:
            return list(self._requests[key])


class _Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it
        pass

    def answer(self, status: int, kind: str, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that closes a tab drops its connections; anything else is a fault of ours and is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # typeshed's own private alias


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


@contextmanager
def recording(sdk: Path) -> Iterator[Recorder]:
    """Serve the built SDK as it is now, and keep what it sends."""
    recorder = Recorder()
    scripts = {path.name: path.read_bytes() for path in sdk.glob("*.js")}

    class Host(_Quiet):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            name = path.rpartition("/")[2]
            if path.startswith("/sdk/") and name in scripts:
                self.answer(200, "text/javascript; charset=utf-8", scripts[name], Access_Control_Allow_Origin="*")
                return
            site = re.fullmatch(r"/v1/sites/(\w+)/config", path)
            if site:
                recorder.heard(site[1], self.path)
                self.answer(200, "application/json", json.dumps(_CONFIG).encode(), Access_Control_Allow_Origin="*")
            else:
                self.answer(404, "text/plain", b"", Access_Control_Allow_Origin="*")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            recorder.heard(json.loads(body)["site"], body)
            self.answer(202, "application/json", b"{}", Access_Control_Allow_Origin="*")

    with _serving(Host) as port:
        recorder.url = f"http://127.0.0.1:{port}"
        yield recorder


@dataclass(frozen=True)
class Site:
    """Where the pages are served, once as they are labelled and once as a browser with the tag may see them."""

    url: str

    def labelled(self, page: FormPage) -> str:
        return f"{self.url}/labelled/{page.key}/{page.path.name}"

    def tagged(self, page: FormPage) -> str:
        return f"{self.url}/tagged/{page.key}/{page.path.name}"


@dataclass(frozen=True)
class _Served:
    page: FormPage
    recorder: Recorder

    @cached_property
    def tag(self) -> bytes:
        source = f'<script async src="{self.recorder.url}/sdk/v1/modori.js" data-site="{self.page.key}"></script>'
        return source.encode()

    def body(self, name: str, *, labelled: bool) -> bytes | None:
        """The page or one of its frames; None where there is no such file."""
        path = self.page.path.with_name(name)
        if path != self.page.path and not (name.endswith(_FRAME) and path.is_file()):
            return None
        html = path.read_bytes()
        if not self.page.runs_own_script:
            html = without_scripts(html)
        if labelled:
            return html
        html = without_labels(html)
        return with_tag(html, self.tag) if path == self.page.path else html

    @cached_property
    def policy(self) -> str:
        """Nothing from elsewhere loads; no script runs but the tag's and, where a page is made of it, its own."""
        own = "'unsafe-inline' " if self.page.runs_own_script else ""
        return (
            f"default-src 'none'; script-src {own}{self.recorder.url}; connect-src {self.recorder.url}; "
            "style-src 'unsafe-inline'; img-src data:; frame-src 'self'; form-action 'none'; base-uri 'self'"
        )


@contextmanager
def site_of(pages: list[FormPage], recorder: Recorder) -> Iterator[Site]:
    """Serve the pages on a loopback origin that is not the recorder's."""
    served = {page.key: _Served(page, recorder) for page in pages}

    class Pages(_Quiet):
        def do_GET(self) -> None:
            variant, _, rest = unquote(urlsplit(self.path).path).lstrip("/").partition("/")
            key, _, name = rest.partition("/")
            one = served.get(key)
            body = one.body(name, labelled=variant == "labelled") if one else None
            if one is None or body is None:
                self.answer(404, "text/plain", b"")
                return
            kind = "text/html" if _CHARSET.search(body) else "text/html; charset=utf-8"
            self.answer(200, kind, body, Content_Security_Policy=one.policy)

    with _serving(Pages) as port:
        yield Site(f"http://localhost:{port}")
