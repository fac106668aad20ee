"""Bodies that are too large or too slow: judged after the caller, answered by the console's own page."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, Request
from starlette.types import Message

from modori.api.problems import ProblemRoute
from modori.entrypoints.front import MOST_FILE_BYTES, Front
from modori.kernel import clock
from modori.tenants.model import Role
from tests.asking import Asking
from tests.consoleworld import PUBLIC_URL, Console, console_app
from tests.questions import ask_one
from tests.world import NOW, World


@pytest.fixture(autouse=True)
def _it_is_wednesday_morning() -> Iterator[None]:
    with clock.moved_to(NOW):
        yield


def fronted() -> Front:
    return Front(console_app(), ingest=None, public_url=PUBLIC_URL, trusted_proxies=())


def console_of(world: World, role: Role, lang: str) -> Console:
    return Console(fronted(), public_url=PUBLIC_URL).come_in(world.users[role].user_id, lang=lang)


class Sending:
    """A file that is announced as longer than allowed, of which nobody may take a byte. Chunked: as it comes."""

    def __init__(self) -> None:
        self.taken = 0

    async def __aiter__(self) -> Any:
        for _ in range(MOST_FILE_BYTES // 65536 + 2):
            self.taken += 65536
            yield b"x" * 65536


HEAD = {"Content-Type": "multipart/form-data; boundary=b"}
ANNOUNCED = HEAD | {"Content-Length": str(MOST_FILE_BYTES + 1)}


def upload_path(world: World) -> str:
    return f"/console/uploads/{world.acme.tenant_id}/{world.acme.site_id}"


@pytest.mark.parametrize(
    ("lang", "said"),
    [("en", "The file is larger than 10 MiB. Split it."), ("ja", "ファイルは取り込まれませんでした")],
)
def test_a_file_beyond_the_limit_is_answered_by_a_page_in_the_readers_language(
    world: World, lang: str, said: str
) -> None:
    console = console_of(world, Role.ACCOUNT_MANAGER, lang)
    sending = Sending()
    answer = console.post(upload_path(world), content=sending, headers=ANNOUNCED)
    assert (answer.status_code, sending.taken) == (413, 0)
    assert answer.headers["content-type"].startswith("text/html")
    assert said in answer.text
    unannounced = console.post(upload_path(world), content=b"--b\r\n" + b"x" * MOST_FILE_BYTES, headers=HEAD)
    assert unannounced.status_code in (413, 422)
    assert "<html" in unannounced.text
    assert ask_one(world.acme.tenant_id, "select count(*) from upload") == 0


@pytest.mark.parametrize(
    ("role", "origin", "status"),
    [
        (None, "same-origin", 303),  # to the log-in
        (Role.OPERATOR, "same-origin", 403),
        (Role.ACCOUNT_MANAGER, "cross-site", 403),
    ],
    ids=["nobody", "operator", "another site"],
)
def test_nothing_of_a_file_is_taken_before_it_is_known_who_sends_it(
    world: World, role: Role | None, origin: str, status: int
) -> None:
    console = Console(fronted(), public_url=PUBLIC_URL) if role is None else console_of(world, role, "en")
    sending = Sending()
    headers = HEAD | {"Sec-Fetch-Site": origin}
    answer = console.post(upload_path(world), content=sending, headers=headers)
    assert (answer.status_code, sending.taken) == (status, 0)


def test_a_form_whose_fields_the_framework_reads_is_judged_first_too(world: World) -> None:
    """Its views name their fields, so that the framework reads the form before any dependency runs."""
    path = f"/console/tenants/{world.acme.tenant_id}/stop"
    nobody = Console(fronted(), public_url=PUBLIC_URL)
    sending = Sending()
    assert nobody.post(path, content=sending, headers=HEAD).status_code == 303
    assert sending.taken == 0
    manager = console_of(world, Role.ACCOUNT_MANAGER, "en")
    large = manager.post(path, data={"csrf": manager.csrf, "reason": "x" * (1024 * 1024)})
    assert large.status_code == 413
    assert "Go back and send less at once." in large.text
    broken = manager.post(path, content=b"\xff", headers={"Content-Type": "multipart/form-data"})
    assert (broken.status_code, "<html" in broken.text) == (422, True)


@pytest.mark.parametrize(("path", "is_page"), [("/console/{}/stop", True), ("/v1/read", False)])
def test_a_body_that_dawdles_is_given_up(world: World, path: str, is_page: bool) -> None:
    app, router = FastAPI(), APIRouter(route_class=ProblemRoute)

    @router.post("/v1/read")
    async def read(request: Request) -> int:
        return len(await request.body())

    app.include_router(router)
    console = console_of(world, Role.ACCOUNT_MANAGER, "en")
    inner = console_app() if is_page else app
    said = asyncio.run(_dawdle(inner, path.format(f"tenants/{world.acme.tenant_id}"), console))
    start = said[0]
    assert start["status"] == 408
    assert (b"connection", b"close") in start["headers"]
    body = b"".join(one.get("body", b"") for one in said[1:])
    assert (b"<html" in body) is is_page
    assert is_page or b"slow_body" in body


async def _dawdle(inner: Any, path: str, console: Console) -> list[Message]:
    """Send half of a body, and then nothing."""
    said: list[Message] = []
    halves = iter([{"type": "http.request", "body": b"csrf=", "more_body": True}])

    async def receive() -> Message:
        half = next(halves, None)
        if half is not None:
            return half
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        said.append(message)

    cookies = "; ".join(f"{name}={value}" for name, value in console.cookies.items())
    headers = {
        b"cookie": cookies.encode(),
        b"content-type": b"application/x-www-form-urlencoded",
        b"sec-fetch-site": b"same-origin",
    }
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": list(headers.items()),
        "client": ("192.0.2.9", 40000),
        "server": ("127.0.0.1", 80),
        "scheme": "http",
        "http_version": "1.1",
        "root_path": "",
    }
    front = Front(inner, ingest=None, public_url=PUBLIC_URL, trusted_proxies=(), body_within_s=0.05)
    await front(scope, receive, send)
    return said


def test_a_request_without_a_body_waits_for_nobody() -> None:
    app = FastAPI()

    @app.get("/v1/here")
    async def here() -> str:
        return "here"

    assert Asking(Front(app, ingest=None, public_url=PUBLIC_URL, trusted_proxies=())).get("/v1/here").status_code == 200
