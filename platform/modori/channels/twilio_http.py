"""The transport of the twilio library: one request, finite time, no retry, and two kinds of failure (DESIGN section 5).

twilio-python raises the same error for a refused connection and for a reset after the request was written. Here they
part: `NeverLeft` is certain to precede the request, `MayHaveArrived` is everything later.
"""

import http.client
import logging
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlencode, urlsplit

from twilio.http import HttpClient
from twilio.http.response import Response
from twilio.rest import Client

from modori.channels.tls import client_context
from modori.kernel import clock

MAX_ANSWER_BYTES = 2_000_000
MAX_WAIT = timedelta(days=1)
"""Longest Retry-After that is believed."""

_silent = logging.getLogger("modori.channels.twilio")


class TransportFailure(Exception):
    """There is no answer of Twilio's own to read."""


class NeverLeft(TransportFailure):
    """No byte of the request was sent: no name, no connection, no TLS."""


class MayHaveArrived(TransportFailure):
    """The request was begun, and its answer did not come whole."""


class Throttled(TransportFailure):
    """429, or 503 with Retry-After: Twilio did not take it."""

    def __init__(self, status: int, retry_at: datetime | None) -> None:
        super().__init__(f"{status}")
        self.status = status
        self.retry_at = retry_at


@dataclass(frozen=True)
class TwilioAccount:
    """Whom Twilio bills. raises ValueError for an `api_base` that is no web address

    account_sid, auth_token  empty: no SMS and no dial goes out
    api_base                 https://api.twilio.com, or where the sandbox listens
    """

    account_sid: str
    auth_token: str = field(repr=False)
    api_base: str = "https://api.twilio.com"
    timeout_s: float = 15.0

    def __post_init__(self) -> None:
        DirectHttpClient(self.api_base, self.timeout_s)

    @property
    def is_configured(self) -> bool:
        return bool(self.account_sid and self.auth_token)

    def client(self) -> Client:
        return Client(self.account_sid, self.auth_token, http_client=DirectHttpClient(self.api_base, self.timeout_s))


class DirectHttpClient(HttpClient):  # type: ignore[misc]  # the library has no types
    """Sends to `api_base` whatever host the library names, over a connection of its own for each request.

    A kept connection would be cheaper, but one that the server has closed meanwhile fails after the write, and nobody
    could tell whether the message went out.
    """

    def __init__(self, api_base: str, timeout_s: float) -> None:
        super().__init__(_silent, False, timeout_s)
        parts = urlsplit(api_base)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("TWILIO_API_BASE is http(s)://host[:port]")
        self._is_tls = parts.scheme == "https"
        self._host, self._port, self._root = parts.hostname, parts.port, parts.path.rstrip("/")
        self._timeout_s = timeout_s

    def request(
        self,
        method: str,
        uri: str,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        """Make one request. raises NeverLeft, MayHaveArrived, Throttled"""
        body = urlencode(data, doseq=True).encode() if data else None
        sent = dict(headers or {})
        if auth is not None:
            sent["Authorization"] = "Basic " + b64encode(":".join(auth).encode()).decode()
        if body is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        path = self._root + urlsplit(uri).path
        query = "&".join(part for part in (urlsplit(uri).query, urlencode(params or {}, doseq=True)) if part)
        until_s = time.monotonic() + (timeout or self._timeout_s)
        connection = self._connect(until_s)
        try:
            connection.sock.settimeout(_left_s(until_s))
            connection.request(method.upper(), f"{path}?{query}" if query else path, body, sent)
            connection.sock.settimeout(_left_s(until_s))
            answer = connection.getresponse()
            text = answer.read(MAX_ANSWER_BYTES)
            if answer.length:  # read(n) is silent about a body that ends too early
                raise http.client.IncompleteRead(text)
        except (OSError, http.client.HTTPException, TimeoutError) as error:
            raise MayHaveArrived(type(error).__name__) from error
        finally:
            connection.close()
        wait = answer.headers.get("Retry-After")
        if answer.status == 429 or (answer.status == 503 and wait is not None):
            raise Throttled(answer.status, _retry_at(wait))
        return Response(answer.status, text.decode("utf-8", "replace"), dict(answer.headers))

    def _connect(self, until_s: float) -> http.client.HTTPConnection:
        if self._is_tls:
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                self._host, self._port, timeout=_left_s(until_s), context=client_context()
            )
        else:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=_left_s(until_s))
        try:
            connection.connect()
        except (OSError, UnicodeError) as error:
            connection.close()
            raise NeverLeft(type(error).__name__) from error
        return connection


def _left_s(until_s: float) -> float:
    left_s = until_s - time.monotonic()
    if left_s <= 0:
        raise TimeoutError("out of time")
    return left_s


def _retry_at(wait: str | None) -> datetime | None:
    """Read Retry-After: seconds or a date (RFC 9110, section 10.2.3); None for what is neither."""
    if wait is None:
        return None
    now = clock.now()
    if (seconds := wait.strip()).isascii() and seconds.isdecimal():
        return now + min(timedelta(seconds=int(seconds[:9])), MAX_WAIT)
    try:
        at = parsedate_to_datetime(wait)
    except ValueError:
        return None
    return None if at.tzinfo is None else min(max(at, now), now + MAX_WAIT)
