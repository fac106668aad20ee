"""A web server that stands where Modori would: keeps what is posted to it, and answers as it is told."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from twilio.request_validator import RequestValidator

WITHIN_S = 60.0
"""A bound, not a measure."""


@dataclass(frozen=True)
class Post:
    path: str
    headers: dict[str, str]
    body: str

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body, keep_blank_values=True))

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """`answers` maps a path to (status, body) or a list of them, used one after the other."""

    answers: dict[str, tuple[int, str] | list[tuple[int, str]]] = field(default_factory=dict)
    posts: list[Post] = field(default_factory=list)

    def __post_init__(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
                receiver.posts.append(Post(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                status, text = receiver.next_answer(self.path.partition("?")[0])
                self.send_response(status)
                self.send_header("Content-Type", "text/xml" if text.startswith("<") else "application/json")
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: Any) -> None:
                """Say nothing on the terminal."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def next_answer(self, path: str) -> tuple[int, str]:
        answer = self.answers.get(path, (200, "{}"))
        if isinstance(answer, list):
            return answer.pop(0) if len(answer) > 1 else answer[0]
        return answer

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def at(self, path: str) -> list[Post]:
        return [post for post in self.posts if post.path.partition("?")[0] == path]

    def wait(self, path: str, *, count: int = 1, within_s: float = WITHIN_S) -> list[Post]:
        wait_until(lambda: len(self.at(path)) >= count, within_s=within_s, what=f"{count} posts to {path}")
        return self.at(path)

    def is_signed(self, post: Post, token: str) -> bool:
        signature = post.headers.get("x-twilio-signature", "")
        return bool(RequestValidator(token).validate(self.url + post.path, post.form, signature))


def wait_until(happened: Callable[[], bool], *, within_s: float = WITHIN_S, what: str = "it") -> None:
    """Poll until something is true; fail by name if it never is."""
    end = time.monotonic() + within_s
    while not happened():
        assert time.monotonic() < end, f"waited {within_s:g} s in vain for {what}"
        time.sleep(0.02)
