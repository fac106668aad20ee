"""Ingest behind the real server, byte by byte: an answer to whatever comes, and what was acknowledged is on disk."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import uuid4

import pytest
from sqlalchemy import text

from modori.entrypoints.front import Front
from modori.entrypoints.serving import Server
from modori.kernel import clock
from modori.storage.db import tenant_transaction
from modori.storage.roles import DatabaseUrls
from tests.captureworld import event, new_visitor
from tests.conftest import Cluster
from tests.wholeapp import make_front
from tests.world import NOW, TenantWorld, World

Ask = Callable[[bytes], Awaitable[list[tuple[int, bytes]]]]

TARGET: Final = "POST /v1/events HTTP/1.1"
LENGTH: Final = "Content-Length: {}"
CHUNKED: Final = "Transfer-Encoding: chunked"


@pytest.fixture(scope="module")
def front(database_urls: DatabaseUrls, engines: Cluster) -> Front:
    return make_front(database_urls, engines)


@asynccontextmanager
async def serving(front: Front) -> AsyncIterator[Ask]:
    """Serve, and yield what sends bytes on a connection of their own and reads answers until the server closes it."""
    server = Server(front, host="127.0.0.1", port=0)
    port = server.listening.getsockname()[1]
    running = asyncio.create_task(server.run_here())

    async def ask(sent: bytes) -> list[tuple[int, bytes]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        is_head = sent.startswith(b"HEAD ")  # its answer says how long a body it would have
        try:
            writer.write(sent)
            answers = []
            async with asyncio.timeout(20):
                while head := await _head(reader):
                    answers.append((int(head.split()[1]), b"" if is_head else await _body(reader, head)))
            return answers
        finally:
            writer.close()

    try:
        yield ask
    finally:
        server.stop()
        await running


async def _head(reader: asyncio.StreamReader) -> bytes:
    """Read an answer's head; nothing once the server has closed."""
    first = await reader.read(1)
    return first and first + await reader.readuntil(b"\r\n\r\n")


async def _body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    said = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if line)
    return await reader.readexactly(int(said.get(b"content-length", 0)))


def request(tenant: TenantWorld, body: bytes, line: str = TARGET, *headers: str, length: str = LENGTH) -> bytes:
    """One request, after which the server closes the connection."""
    named = ["Host: x.example", f"Origin: {tenant.origin}", "Connection: close", *headers]
    if length:
        named.append(length.format(len(body)))
    return "\r\n".join([line, *named, "", ""]).encode() + body


def posted(tenant: TenantWorld, *events: Any, **more: Any) -> bytes:
    return json.dumps({"site": tenant.site_key, "events": events} | more).encode()


def chunked(body: bytes) -> bytes:
    parts = [body[first : first + 7] for first in range(0, len(body), 7)]
    return b"".join(b"%x;a=b\r\n%s\r\n" % (len(one), one) for one in parts) + b"0\r\nX-Trailer: 1\r\n\r\n"


def stored(tenant: TenantWorld, visitor: str) -> int:
    with tenant_transaction(tenant.tenant_id) as session:
        found = session.connection().execute(text("select count(*) from event where visitor = :v"), {"v": visitor})
        return int(found.scalar_one())


def asked(front: Front, sent: bytes) -> list[tuple[int, bytes]]:
    async def ask() -> list[tuple[int, bytes]]:
        async with serving(front) as answered:
            return await answered(sent)

    with clock.moved_to(NOW):
        return asyncio.run(ask())


@pytest.mark.parametrize(
    ("line", "headers"),
    [
        pytest.param(TARGET, ["Content-Type: text/plain;charset=UTF-8"], id="as browsers do"),
        pytest.param(
            TARGET, ["Content-Type: Application/JSON; charset=Shift_JIS"], id="JSON is UTF-8 whatever is said"
        ),
        pytest.param(TARGET, [], id="no type"),
        pytest.param(TARGET, ["Content-Type: "], id="an empty type"),
        pytest.param(TARGET, ["Authorization: Basic YTpi"], id="somebody else's authorization"),
        pytest.param(TARGET, ["X-Forwarded-For: " + "1.1.1.1," * 3000], id="a long way"),
        pytest.param(TARGET, ["X-Forwarded-For: fe80::1%eth0, ::1, 1.2.3.4:80"], id="an odd way"),
        pytest.param(TARGET, ["Expect: miracles"], id="an odd expectation"),
        pytest.param("POST /v1/events HTTP/1.0", [], id="HTTP/1.0"),
        pytest.param("POST http://x.example/v1/events HTTP/1.1", [], id="absolute form"),
        pytest.param("POST /v1/%65vents HTTP/1.1", [], id="percent-encoded"),
        pytest.param("POST /v1/events?a=%ff%00 HTTP/1.1", [], id="a query"),
    ],
)
def test_g1_an_odd_request_is_taken(world: World, front: Front, line: str, headers: list[str]) -> None:
    visitor = new_visitor()
    sent = posted(world.acme, event(world.acme, "page", visitor=visitor))
    assert asked(front, request(world.acme, sent, line, *headers)) == [(202, b'{"accepted": 1, "refused": []}')]
    assert stored(world.acme, visitor) == 1


@pytest.mark.parametrize(
    ("line", "headers", "status"),
    [
        pytest.param(TARGET, ["Content-Type: application/x-www-form-urlencoded"], 415, id="a form"),
        pytest.param(TARGET, ["Content-Type: text/plain", "Content-Type: text/html"], 415, id="two types"),
        pytest.param(TARGET, ["Content-Encoding: gzip"], 415, id="compressed"),
        pytest.param(TARGET, ["Origin: https://evil.example"], 403, id="two origins"),
        pytest.param(TARGET, ["Origin: null"], 403, id="an opaque origin"),
        pytest.param(TARGET, ["Content-Length: 3"], 400, id="two lengths"),
        pytest.param(TARGET, [CHUNKED], 400, id="chunked, with a length"),
        pytest.param("POST http://[/v1/events HTTP/1.1", [], 400, id="no address"),
        pytest.param("POST /v1/events HTTP/3.0", [], 400, id="no version"),
        pytest.param("POST /v1/\u00e9vents HTTP/1.1", [], 400, id="no ASCII"),
        pytest.param("BREW /v1/events HTTP/1.1", [], 400, id="no method"),
        pytest.param("PUT /v1/events HTTP/1.1", [], 405, id="another method"),
        pytest.param("POST /v1/events%00 HTTP/1.1", [], 404, id="NUL"),
        pytest.param("POST /v1/%zzevents HTTP/1.1", [], 404, id="no escape"),
        pytest.param("POST //v1/events HTTP/1.1", [], 404, id="two slashes"),
        pytest.param("POST /V1/Events HTTP/1.1", [], 404, id="capitals"),
        pytest.param("POST /v1/events/ HTTP/1.1", [], 307, id="a slash at its end"),
    ],
)
def test_an_odd_request_is_refused_and_leaves_nothing(
    world: World, front: Front, line: str, headers: list[str], status: int
) -> None:
    visitor = new_visitor()
    sent = posted(world.acme, event(world.acme, "page", visitor=visitor))
    assert [told for told, _ in asked(front, request(world.acme, sent, line, *headers))] == [status]
    assert stored(world.acme, visitor) == 0


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b'"site"', b'"\\u0073ite": 1, "site"', "duplicate_key"),
        (b'"events"', b'"events": [], "events"', "duplicate_key"),
        (b'"visitor"', b'"visitor": 1, "visitor"', "duplicate_key"),
        (b'"events"', b'"x": NaN, "events"', "malformed_body"),
        (b'"events"', b'"x": -Infinity, "events"', "malformed_body"),
        (b'"events"', b'"x": ' + b"[" * 9000 + b"]" * 9000 + b', "events"', "malformed_body"),
        (b'"events"', b'"x": ' + b"9" * 5000 + b', "events"', "malformed_body"),
        (b'"events"', b'"\xed\xa0\x80": 1, "events"', "malformed_body"),
        (b'"events"', b'"\xc0\xaf": 1, "events"', "malformed_body"),
        (b'"events"', b'"a\x00": 1, "events"', "malformed_body"),
        (b'{"site"', b'\xef\xbb\xbf{"site"', "malformed_body"),
        (b'{"site"', b'{}{"site"', "malformed_body"),
        (b'"events"', b'"sdk": "\\ud800", "events"', "bad_envelope"),
        (b'"events"', b'"sent_at": ' + b"9" * 400 + b', "events"', "bad_envelope"),
        (b'"events"', b'"sent_at": "0001-01-01T00:00:00+14:00", "events"', "bad_envelope"),
    ],
    ids=[
        "a key in two spellings",
        "two lists of events",
        "two visitors",
        "NaN",
        "infinity",
        "endless nesting",
        "endless digits",
        "half of a character in UTF-8",
        "a slash in two bytes",
        "a bare NUL",
        "a byte order mark",
        "two documents",
        "half of a character",
        "an instant as a number",
        "an instant before all",
    ],
)
def test_a_body_that_is_no_envelope_is_refused_by_name(
    world: World, front: Front, old: bytes, new: bytes, code: str
) -> None:
    visitor = new_visitor()
    sent = posted(world.acme, event(world.acme, "page", visitor=visitor)).replace(old, new, 1)
    [(status, told)] = asked(front, request(world.acme, sent))
    assert (status, json.loads(told)["code"]) == (400, code)
    assert stored(world.acme, visitor) == 0


def test_g1_each_event_of_a_mixed_batch_is_judged_by_itself(world: World, front: Front) -> None:
    """`None`: taken. One id in three spellings is one event."""
    visitor, same = new_visitor(), uuid4()
    page = event(world.acme, "page", visitor=visitor)

    def cart(**said: Any) -> dict[str, Any]:
        return event(world.acme, "cart", {"currency": "JPY", "value": 1, "items": []} | said, visitor=visitor)

    batch: list[tuple[Any, str | None]] = [
        (page, None),
        (1, "bad_event"),
        (None, "bad_event"),
        ("x", "bad_event"),
        ([], "bad_event"),
        (True, "bad_event"),
        ({}, "bad_id"),
        (page | {"id": 5}, "bad_id"),
        (page | {"id": ["a"]}, "bad_id"),
        (page | {"id": "\ud800"}, "bad_text"),
        (page | {"id": str(same).upper()}, None),
        (page | {"id": f"{{{same}}}"}, None),
        (page | {"id": f"urn:uuid:{same}"}, None),
        (page | {"id": str(uuid4()), "at": "0001-01-01T00:00:00+14:00"}, "bad_at"),
        (page | {"id": str(uuid4()), "at": "9999-12-31T23:59:59-14:00"}, "bad_at"),
        (page | {"id": str(uuid4()), "at": "0001-01-02T00:00:00Z"}, "too_old"),
        (page | {"id": str(uuid4()), "at": "9999-12-31T00:00:00Z"}, "from_the_future"),
        (page | {"id": str(uuid4()), "visitor": "abcdefgh\n"}, "bad_visitor"),
        (page | {"id": str(uuid4()), "page": {"url": "https://[::1/", "title": ""}}, "off_origin"),
        (page | {"id": str(uuid4()), "data": {"\ud800": 1}}, "bad_text"),
        (page | {"id": str(uuid4()), "data": {"__proto__": {"health": 10**400}}}, None),
        (event(world.acme, "page", {"health": {"errors": 10**400}}, visitor=visitor), "bad_data"),
        (cart(value=10**4000), "bad_money"),
        (cart(value=1e308), "bad_money"),
        (cart(value=-0.0), None),
        (cart(id=10**4200), "bad_data"),
        (cart(items=[{"id": 1, "price": 1, "quantity": 10**400}]), "bad_data"),
        (event(world.acme, "form", {"form": "x", "progress": 10**400}, visitor=visitor), "bad_data"),
        (event(world.acme, "identify", {"member_id": True}, visitor=visitor), "bad_data"),
    ]
    [(status, told)] = asked(front, request(world.acme, posted(world.acme, *(one for one, _ in batch))))
    answer = json.loads(told)
    assert status == 202
    assert [one["code"] for one in answer["refused"]] == [code for _, code in batch if code is not None]
    assert answer["accepted"] == sum(code is None for _, code in batch)
    assert stored(world.acme, visitor) == answer["accepted"] - 2


@pytest.mark.parametrize("is_chunked", [False, True])
def test_g1_what_comes_in_pieces_and_one_after_the_other_is_all_taken(
    world: World, front: Front, is_chunked: bool
) -> None:
    visitor = new_visitor()
    sent = b""
    for number in range(4):
        body = posted(world.acme, event(world.acme, "page", visitor=visitor))
        whole = chunked(body) if is_chunked else body
        one = request(
            world.acme, whole, TARGET, *([CHUNKED] if is_chunked else []), length="" if is_chunked else LENGTH
        )
        sent += one if number == 3 else one.replace(b"Connection: close\r\n", b"")
    assert [status for status, _ in asked(front, sent)] == [202] * 4
    assert stored(world.acme, visitor) == 4


@pytest.mark.parametrize(("size", "status"), [(64 * 1024, 202), (64 * 1024 + 1, 413)])
def test_rules_36_a_chunked_body_has_as_much_as_another(world: World, front: Front, size: int, status: int) -> None:
    visitor = new_visitor()
    body = posted(world.acme, event(world.acme, "page", visitor=visitor)).rjust(size)
    [(told, _)] = asked(front, request(world.acme, chunked(body), TARGET, CHUNKED, length=""))
    assert told == status
    assert stored(world.acme, visitor) == (status == 202)


def test_a_caller_that_leaves_amid_its_body_leaves_nothing_and_holds_nobody(world: World, front: Front) -> None:
    visitor = new_visitor()
    whole = request(world.acme, posted(world.acme, event(world.acme, "page", visitor=visitor)))

    async def ask() -> list[tuple[int, bytes]]:
        async with serving(front) as answered:
            for _ in range(20):
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(answered(whole[:-1]), 0.02)
            return await answered(whole)

    with clock.moved_to(NOW):
        assert [status for status, _ in asyncio.run(ask())] == [202]
    assert stored(world.acme, visitor) == 1


@pytest.mark.parametrize("method", ["HEAD", "GET", "TRACE"])
def test_another_method_is_told_which_there_are(world: World, front: Front, method: str) -> None:
    [(status, told)] = asked(front, request(world.acme, b"", f"{method} /v1/events HTTP/1.1"))
    assert status == 405
    assert method == "HEAD" or json.loads(told)["code"] == "method_not_allowed"
