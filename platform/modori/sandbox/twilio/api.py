"""The REST paths that twilio-python calls, below /2010-04-01/Accounts/{sid}."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

from starlette.datastructures import FormData, QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from modori.sandbox.faults import Channel, Fault, FaultPlan, Mode
from modori.sandbox.twilio.errors import TwilioRefusal, check_receiver, check_sender
from modori.sandbox.twilio.exchange import Exchange
from modori.sandbox.twilio.texts import Carrier, count_segments
from modori.sandbox.world import Call, Sms, World, delivery_id_in, new_sid, now_text

Answer = Callable[[Request], Awaitable[Response]]
Record = TypeVar("Record", Sms, Call)
ROOT = "/2010-04-01/Accounts/{account}"


@dataclass(frozen=True)
class TwilioApi:
    """`reset` kills the connection of a client that the server knows by the given port."""

    world: World
    faults: FaultPlan
    carrier: Carrier
    exchange: Exchange
    account_sid: str
    auth_token: str
    reset: Callable[[int], None]

    def routes(self) -> list[Route]:
        paths: list[tuple[str, str, Answer]] = [
            ("/Messages.json", "POST", self.create_message),
            ("/Messages.json", "GET", self.list_messages),
            ("/Messages/{sid}.json", "GET", self.fetch_message),
            ("/Calls.json", "POST", self.create_call),
            ("/Calls.json", "GET", self.list_calls),
            ("/Calls/{sid}.json", "GET", self.fetch_call),
            ("/Calls/{sid}.json", "POST", self.update_call),
        ]
        return [Route(ROOT + path, self._guarded(answer), methods=[method]) for path, method, answer in paths]

    async def create_message(self, request: Request) -> Response:
        form = await request.form()

        def accept() -> Response:
            text = self._new_message(form)
            self.world.accept_sms(text)
            self.carrier.take(text)
            return JSONResponse(self._message_json(text), status_code=201)

        return await self._accept(request, Channel.SMS, accept)

    async def create_call(self, request: Request) -> Response:
        form = await request.form()

        def accept() -> Response:
            call = self._new_call(form)
            self.world.accept_call(call)
            self.exchange.take(
                call, url=_text(form, "Url"), twiml=_text(form, "Twiml"),
                timeout_s=float(_text(form, "Timeout") or 60),
            )  # fmt: skip
            return JSONResponse(self._call_json(call), status_code=201)

        return await self._accept(request, Channel.CALL, accept)

    async def fetch_message(self, request: Request) -> Response:
        text = self.world.find_sms(request.path_params["sid"])
        if text is None:
            raise _not_found(request)
        return JSONResponse(self._message_json(text))

    async def fetch_call(self, request: Request) -> Response:
        call = self.world.find_call(request.path_params["sid"])
        if call is None:
            raise _not_found(request)
        return JSONResponse(self._call_json(call))

    async def update_call(self, request: Request) -> Response:
        sid = request.path_params["sid"]
        call = self.world.find_call(sid)
        if call is None:
            raise _not_found(request)
        form = await request.form()
        if _text(form, "Status") not in ("completed", "canceled"):
            raise TwilioRefusal(400, 20001, "This world can only end a call: Status=completed.")
        if not self.exchange.hang_up(sid):
            raise TwilioRefusal(400, 21220, "Call is not in-progress. Cannot redirect.")
        return JSONResponse(self._call_json(call))

    async def list_messages(self, request: Request) -> Response:
        wanted = request.query_params
        found = _within(self.world.list_sms(), wanted, "DateSent", lambda text: text.sent_at or text.created_at)
        return self._page(request, "messages", [self._message_json(text) for text in found])

    async def list_calls(self, request: Request) -> Response:
        wanted = request.query_params
        found = _within(self.world.list_calls(), wanted, "StartTime", lambda call: call.created_at)
        if status := wanted.get("Status"):
            found = [call for call in found if call.status == status]
        if parent := wanted.get("ParentCallSid"):
            found = [call for call in found if call.parent_sid == parent]
        return self._page(request, "calls", [self._call_json(call) for call in found])

    # what may go wrong

    def _guarded(self, answer: Answer) -> Answer:
        async def guarded(request: Request) -> Response:
            try:
                self._authenticate(request)
                return await answer(request)
            except TwilioRefusal as refusal:
                return refusal.as_response()

        return guarded

    def _authenticate(self, request: Request) -> None:
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        try:
            shown = base64.b64decode(encoded, validate=True).decode() if scheme.lower() == "basic" else ""
        except (binascii.Error, UnicodeDecodeError):
            shown = ""
        if not hmac.compare_digest(shown.encode(), f"{self.account_sid}:{self.auth_token}".encode()):
            raise TwilioRefusal(401, 20003, "Authenticate")
        if request.path_params["account"] != self.account_sid:
            raise _not_found(request)

    async def _accept(self, request: Request, channel: Channel, accept: Callable[[], Response]) -> Response:
        """Accept a message or call, and spoil the answer if a fault strikes."""
        fault = self.faults.draw_answer(channel)
        if fault and fault.mode is Mode.ERROR_429:
            raise TwilioRefusal(429, 20429, "Too Many Requests", retry_after_s=fault.retry_after_s)
        if fault and fault.mode is Mode.ERROR_503:
            raise TwilioRefusal(503, 20503, "Service Unavailable", retry_after_s=fault.retry_after_s)
        if fault and fault.mode is Mode.RESET_BEFORE:
            return self._reset(request)
        answer = accept()
        return await self._spoil(request, fault, answer) if fault else answer

    async def _spoil(self, request: Request, fault: Fault, answer: Response) -> Response:
        match fault.mode:
            case Mode.RESET_AFTER_ACCEPT:
                return self._reset(request)
            case Mode.ERROR_500_AFTER_ACCEPT:
                return TwilioRefusal(500, 20500, "Internal Server Error").as_response()
            case Mode.TIMEOUT_AFTER_ACCEPT | Mode.SLOW:
                await asyncio.sleep(fault.seconds)
        return answer

    def _reset(self, request: Request) -> Response:
        assert request.client is not None
        self.reset(int(request.client.port))
        return Response(status_code=500)

    # records

    def _new_message(self, form: FormData) -> Sms:
        to, body = _text(form, "To"), _text(form, "Body")
        messaging_service = _text(form, "MessagingServiceSid") or None
        check_receiver(to, missing_code=21604)
        if messaging_service is None:
            check_sender(_text(form, "From"), missing_code=21603, names_allowed=True)
        if not body:
            raise TwilioRefusal(400, 21602, "Message body is required.")
        if len(body) > 1600:
            raise TwilioRefusal(400, 21617, "The concatenated message body exceeds the 1600 character limit.")
        if self.world.phone(to).opted_out:
            raise TwilioRefusal(400, 21610, "Attempt to send to unsubscribed recipient")
        callback = _text(form, "StatusCallback")
        return Sms(
            sid=new_sid("SM"),
            to=to,
            sender=_text(form, "From") or "MODORI",
            body=body,
            created_at=now_text(),
            status_callback=callback,
            messaging_service_sid=messaging_service,
            delivery_id=delivery_id_in(callback) if callback else None,
        )

    def _new_call(self, form: FormData) -> Call:
        to, url, twiml = _text(form, "To"), _text(form, "Url"), _text(form, "Twiml")
        check_receiver(to, missing_code=21201)
        check_sender(_text(form, "From"), missing_code=21213, names_allowed=False)
        if not twiml and not url.startswith(("http://", "https://")):
            raise TwilioRefusal(400, 21205, "Url parameter is required, and must be a valid URL.")
        callback = _text(form, "StatusCallback")
        events = tuple(str(event) for event in form.getlist("StatusCallbackEvent")) or ("completed",)
        return Call(
            sid=new_sid("CA"),
            to=to,
            sender=_text(form, "From"),
            created_at=now_text(),
            status_callback=callback,
            status_callback_events=events,
            delivery_id=delivery_id_in(callback or url) if callback or url else None,
        )

    def _message_json(self, text: Sms) -> dict[str, Any]:
        uri = f"/2010-04-01/Accounts/{self.account_sid}/Messages/{text.sid}"
        return {
            "account_sid": self.account_sid,
            "api_version": "2010-04-01",
            "body": text.body,
            "date_created": _rfc2822(text.created_at),
            "date_sent": _rfc2822(text.sent_at),
            "date_updated": _rfc2822(text.sent_at or text.created_at),
            "direction": "inbound" if text.inbound else "outbound-api",
            "error_code": text.error_code,
            "error_message": None,
            "from": text.sender,
            "messaging_service_sid": text.messaging_service_sid,
            "num_media": "0",
            "num_segments": str(count_segments(text.body)),
            "price": None,
            "price_unit": "USD",
            "sid": text.sid,
            "status": text.status,
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "to": text.to,
            "uri": f"{uri}.json",
        }

    def _call_json(self, call: Call) -> dict[str, Any]:
        return {
            "account_sid": self.account_sid,
            "answered_by": None,
            "api_version": "2010-04-01",
            "caller_name": None,
            "date_created": _rfc2822(call.created_at),
            "date_updated": _rfc2822(call.ended_at or call.started_at or call.created_at),
            "direction": "outbound-dial" if call.parent_sid else "outbound-api",
            "duration": None if call.duration_s is None else str(call.duration_s),
            "end_time": _rfc2822(call.ended_at),
            "from": call.sender,
            "from_formatted": call.sender,
            "parent_call_sid": call.parent_sid,
            "price": None,
            "price_unit": "USD",
            "queue_time": "0",
            "sid": call.sid,
            "start_time": _rfc2822(call.started_at),
            "status": call.status,
            "subresource_uris": {},
            "to": call.to,
            "to_formatted": call.to,
            "uri": f"/2010-04-01/Accounts/{self.account_sid}/Calls/{call.sid}.json",
        }

    def _page(self, request: Request, key: str, newest_last: list[dict[str, Any]]) -> Response:
        """One page of a list, newest first as Twilio has it."""
        size = min(int(request.query_params.get("PageSize", "50")), 1000)
        page = int(request.query_params.get("Page", "0"))
        rows = newest_last[::-1]
        kept = {k: v for k, v in request.query_params.items() if k not in ("Page", "PageToken")}
        path = request.url.path

        def address(number: int) -> str:
            return f"{path}?{urlencode(kept | {'PageSize': str(size), 'Page': str(number)})}"

        return JSONResponse(
            {
                key: rows[page * size : (page + 1) * size],
                "end": min((page + 1) * size, len(rows)) - 1,
                "first_page_uri": address(0),
                "next_page_uri": address(page + 1) if (page + 1) * size < len(rows) else None,
                "page": page,
                "page_size": size,
                "previous_page_uri": address(page - 1) if page else None,
                "start": page * size,
                "uri": address(page),
            }
        )


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value.strip() if isinstance(value, str) else ""


def _within(records: Iterable[Record], wanted: QueryParams, name: str, at: Callable[[Record], str]) -> list[Record]:
    """Keep what the filters To, From and the date filter want: a day, or bounds of a day or an instant."""
    found = [
        record
        for record in records
        if wanted.get("To", record.to) == record.to and wanted.get("From", record.sender) == record.sender
    ]
    if day := wanted.get(name):
        found = [record for record in found if at(record)[:10] == day[:10]]
    if after := wanted.get(f"{name}>"):
        found = [record for record in found if _instant(at(record)) >= _instant(after)]
    if before := wanted.get(f"{name}<"):
        found = [record for record in found if _instant(at(record)) <= _instant(before)]
    return found


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _rfc2822(at: str | None) -> str | None:
    return None if at is None else format_datetime(datetime.fromisoformat(at))


def _not_found(request: Request) -> TwilioRefusal:
    return TwilioRefusal(404, 20404, f"The requested resource {request.url.path} was not found")
