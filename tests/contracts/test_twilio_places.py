"""Each place at which a request to Twilio can break, and each refusal, as the port knows them."""

import socket
import threading
from datetime import UTC, datetime, timedelta

import pytest

from modori.channels.sms.adapter import TwilioSmsAdapter
from modori.channels.twilio_http import TwilioAccount
from modori.kernel import clock
from modori.people.model import Channel
from modori.sending.ports import Accepted, Answer, NotSent, Rejected, Unknown
from tests.contracts.conftest import PUBLIC_URL, permit_for, prepared_for
from tests.contracts.scripted import http_answer, json_answer, read_request, reset, serving
from tests.sandbox.conftest import SID, TOKEN

CUT_OFF = b"HTTP/1.1 201 Created\r\nContent-Length: 900\r\n\r\n{"
MADE = json_answer("201 Created", '{"sid": "SM1", "status": "queued"}')


def deliver(port: int, *, scheme: str = "http", timeout_s: float = 20.0) -> Answer:
    account = TwilioAccount(SID, TOKEN, f"{scheme}://127.0.0.1:{port}", timeout_s)
    return TwilioSmsAdapter(account, PUBLIC_URL).deliver(permit_for(Channel.SMS), prepared_for(Channel.SMS))


def refusal(status: str, code: int) -> bytes:
    return json_answer(status, f'{{"code": {code}, "message": "no", "status": {status.split()[0]}}}')


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (MADE, Accepted("SM1")),
        (refusal("400 Bad Request", 21211), Rejected("21211", address_is_dead=True)),
        (refusal("400 Bad Request", 21614), Rejected("21614", address_is_dead=False, takes_no_sms=True)),
        (refusal("400 Bad Request", 21610), Rejected("21610", address_is_dead=False, opted_out=True)),
        (refusal("400 Bad Request", 21617), Rejected("21617", address_is_dead=False)),
        (refusal("400 Bad Request", 21611), NotSent(None, "400 21611")),  # the sender's queue is full
        (refusal("401 Unauthorized", 20003), NotSent(None, "401 20003")),  # ours to mend, nobody's touch to end
        (refusal("404 Not Found", 20404), NotSent(None, "404 20404")),
        (refusal("408 Request Timeout", 0), Unknown("408 0")),
        (refusal("500 Internal Server Error", 20500), Unknown("500 20500")),
        (json_answer("502 Bad Gateway", "<html>"), Unknown("502 502")),
        (
            json_answer("503 Service Unavailable", "{}"),
            Unknown("503 503"),
        ),  # without Retry-After nobody said "not taken"
        (json_answer("429 Too Many Requests", "{}"), NotSent(None, "throttled: 429")),
        (json_answer("302 Found", "{}", "Location: http://127.0.0.1/"), Unknown("302 302")),
        (json_answer("201 Created", "not json"), Unknown("unreadable answer: JSONDecodeError")),
        (json_answer("201 Created", "{}"), Unknown("the answer names no SID")),
        (
            b"HTTP/1.1 201 Created\r\nContent-Length: 900\r\n\r\n{",
            Unknown("after the request was begun: IncompleteRead"),
        ),
        (b"nonsense\r\n\r\n", Unknown("after the request was begun: BadStatusLine")),
        (b"", Unknown("after the request was begun: RemoteDisconnected")),
    ],
)
def test_each_answer(answer: bytes, expected: Answer) -> None:
    with serving(http_answer(answer)) as port:
        assert deliver(port) == expected


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
def test_retry_after_is_kept(status: str) -> None:
    at = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)
    with clock.moved_to(at), serving(http_answer(json_answer(status, "{}", "Retry-After: 60"))) as port:
        answer = deliver(port)
    assert isinstance(answer, NotSent)
    assert answer.retry_at is not None
    assert timedelta(seconds=60) <= answer.retry_at - at < timedelta(seconds=120)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("Wed, 18 Nov 2026 02:05:00 GMT", 300), ("99999999", 86400), ("soon", None), ("Tue, 17 Nov 2026 02:00:00 GMT", 0)],
)
def test_retry_after_as_a_date_and_in_excess(header: str, seconds: int | None) -> None:
    at = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)
    script = http_answer(json_answer("429 Too Many Requests", "{}", f"Retry-After: {header}"))
    with clock.moved_to(at), serving(script) as port:
        answer = deliver(port)
    assert isinstance(answer, NotSent)
    if seconds is None:
        assert answer.retry_at is None
    else:
        assert answer.retry_at is not None
        assert abs((answer.retry_at - at).total_seconds() - seconds) < 60


def test_a_reset_after_the_request_was_read_is_unknown() -> None:
    def script(connection: socket.socket) -> None:
        read_request(connection)
        reset(connection)

    with serving(script) as port:
        assert deliver(port) == Unknown("after the request was begun: ConnectionResetError")


def test_silence_after_the_request_is_unknown_within_the_time_out() -> None:
    over = threading.Event()

    def script(connection: socket.socket) -> None:
        read_request(connection)
        over.wait(30)  # who waits for it finds the connection closed, and no time-out

    with serving(script) as port:
        answer = deliver(port, timeout_s=0.5)
        over.set()
    assert answer == Unknown("after the request was begun: TimeoutError")


def test_tls_that_fails_is_certain_to_precede_the_request() -> None:
    seen: list[bytes] = []
    with serving(http_answer(b"HTTP/1.1 400 Bad Request\r\n\r\n\r\n\r\n", seen=seen)) as port:
        answer = deliver(port, scheme="https", timeout_s=1.0)
    assert isinstance(answer, NotSent)
    assert not any(TOKEN.encode() in one for one in seen)


def test_the_request_is_the_librarys_own_at_our_host() -> None:
    seen: list[bytes] = []
    with serving(http_answer(MADE, seen=seen)) as port:
        deliver(port)
    head = seen[0].decode()
    assert head.startswith(f"POST /2010-04-01/Accounts/{SID}/Messages.json HTTP/1.1")
    assert "StatusCallback=https%3A%2F%2Fm.example%2Fhooks%2Ftwilio%2Fsms%2F" in head
    assert "Authorization: Basic " in head
