"""The phone and the inbox as the consumer sees them, the same as JSON, and the world's control desk."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import phonenumbers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from modori.sandbox.faults import BadFault, FaultPlan, parse_fault
from modori.sandbox.mail import Mail
from modori.sandbox.pages import Pages, chosen_language, sandbox_folder
from modori.sandbox.settings import SandboxSettings
from modori.sandbox.twilio.callbacks import Webhooks
from modori.sandbox.twilio.exchange import Exchange
from modori.sandbox.twilio.texts import Carrier
from modori.sandbox.wording import WORDING
from modori.sandbox.world import Call, Sms, World

SHOWN_MESSAGES = 200
SHOWN_MAILS = 50
SHOWN_NAMES = 100
"""The page shows the newest of each; `GET /messages` has all."""

PAGE_POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
MAIL_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src http: https: data:; "
    "style-src 'unsafe-inline'; font-src http: https: data:; frame-ancestors 'self'"
)


@dataclass
class PhonePage:
    settings: SandboxSettings
    world: World
    faults: FaultPlan
    carrier: Carrier
    exchange: Exchange
    webhooks: Webhooks
    _pages: Pages = field(default_factory=lambda: Pages("world"), init=False)

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/", self.show),
            Route("/version", self.version),
            Route("/messages", self.list_messages, methods=["GET"]),
            Route("/messages", self.forget_messages, methods=["DELETE"]),
            Route("/mails/{mail}", self.mail_html),
            Route("/mails/{mail}/raw", self.mail_raw),
            Route("/replies", self.reply, methods=["POST"]),
            Route("/calls/{sid}/{verb}", self.press, methods=["POST"]),
            Route("/control/faults", self.list_faults, methods=["GET"]),
            Route("/control/faults", self.add_fault, methods=["POST"]),
            Route("/control/faults", self.clear_faults, methods=["DELETE"]),
            Route("/control/phones/{number}", self.set_phone, methods=["POST"]),
            Route("/control/hangup", self.hang_up, methods=["POST"]),
            Route("/control/reply", self.control_reply, methods=["POST"]),
            Route("/control/callbacks", self.list_callbacks, methods=["GET"]),
            Route("/healthz", _healthy),
            Mount("/static", StaticFiles(directory=sandbox_folder() / "static")),
        ]

    # the page

    async def show(self, request: Request) -> Response:
        """`?phone=` and `?mail=` choose whose; otherwise the one that something reached last."""
        language = chosen_language(request.query_params.get("lang"), request.cookies.get("world_lang"))
        numbers = _newest_first(
            [(text.sender if text.inbound else text.to, text.created_at) for text in self.world.list_sms()]
            + [(call.to, call.created_at) for call in self.world.list_calls()]
        )
        addresses = _newest_first([(mail.to, mail.at.isoformat()) for mail in self.world.list_mails()])
        number = request.query_params.get("phone") or next(iter(numbers), "")
        address = request.query_params.get("mail") or next(iter(addresses), "")
        chosen = {"phone": number, "mail": address, "lang": language}
        answer = self._pages.render(
            "index.html",
            policy=PAGE_POLICY,
            t=WORDING[language],
            lang=language,
            number=number,
            address=address,
            numbers=[_link(name, spoken_number(name), chosen, "phone") for name in _with(numbers, number)],
            addresses=[_link(name, name, chosen, "mail") for name in _with(addresses, address)],
            other_language_url="/?"
            + urlencode(
                {k: v for k, v in request.query_params.items() if k != "lang"}
                | {"lang": "en" if language == "ja" else "ja"}
            ),
            happenings=self._happenings(number),
            mails=[_mail_row(mail) for mail in self.world.list_mails()[::-1] if mail.to == address][:SHOWN_MAILS],
            reply_to=self._last_sender(number),
            version=self.world.version,
            shop_url=self.settings.shop_url,
            faults=self.faults.list_all(),
        )
        if "lang" in request.query_params:
            answer.set_cookie("world_lang", language, max_age=86400, samesite="lax")
        return answer

    async def version(self, request: Request) -> Response:
        return JSONResponse({"version": self.world.version}, headers={"Cache-Control": "no-store"})

    async def mail_html(self, request: Request) -> Response:
        """The HTML part alone, for the frame that shows it: no script, links open elsewhere."""
        mail = self._mail(request)
        return self._pages.render("mail.html", policy=MAIL_POLICY, html=mail.html)

    async def mail_raw(self, request: Request) -> Response:
        return PlainTextResponse(self.world.raw_mail(self._mail(request).id))

    async def reply(self, request: Request) -> Response:
        form = await request.form()
        sender, to, body = (str(form.get(name, "")).strip() for name in ("from", "to", "body"))
        if sender and body:
            await self.carrier.reply(sender=sender, to=to or "MODORI", body=body[:1600])
        return RedirectResponse(f"/?{urlencode({'phone': sender})}", status_code=303)

    async def press(self, request: Request) -> Response:
        """A button of a phone: answer, decline or hangup. Pressed too late it does nothing."""
        sid, verb = request.path_params["sid"], request.path_params["verb"]
        match verb:
            case "hangup":
                self.exchange.hang_up(sid)
            case "answer" | "decline":
                self.exchange.press(sid, accept=verb == "answer")
            case _:
                raise HTTPException(404)
        call = self.world.find_call(sid)
        return RedirectResponse(f"/?{urlencode({'phone': call.to if call else ''})}", status_code=303)

    # JSON

    async def list_messages(self, request: Request) -> Response:
        wanted = request.query_params
        rows = self.world.received(to=wanted.get("to", "").replace(" ", "+"), channel=wanted.get("channel", ""))
        return JSONResponse(rows, headers={"Cache-Control": "no-store"})

    async def forget_messages(self, request: Request) -> Response:
        self.world.forget_messages()
        return Response(status_code=204)

    async def list_faults(self, request: Request) -> Response:
        return JSONResponse(self.faults.list_all())

    async def add_fault(self, request: Request) -> Response:
        try:
            fault = parse_fault(await _json_object(request))
        except BadFault as wrong:
            return JSONResponse({"error": str(wrong)}, status_code=400)
        self.faults.add(fault)
        return JSONResponse(fault.as_json(), status_code=201)

    async def clear_faults(self, request: Request) -> Response:
        self.faults.clear()
        return Response(status_code=204)

    async def set_phone(self, request: Request) -> Response:
        """Habits of one number, as `modori.sandbox.world.Phone` names them."""
        try:
            phone = self.world.set_phone(request.path_params["number"], **await _json_object(request))
        except TypeError as wrong:
            return JSONResponse({"error": str(wrong)}, status_code=400)
        return JSONResponse(asdict(phone))

    async def hang_up(self, request: Request) -> Response:
        """End the call {"sid"}, or every call with the number {"to"}."""
        wanted = await _json_object(request)
        ended = [
            call.sid
            for call in self.world.list_calls()
            if not call.is_over
            and (call.sid == wanted.get("sid") or call.to == wanted.get("to"))
            and self.exchange.hang_up(call.sid)
        ]
        return JSONResponse({"ended": ended})

    async def control_reply(self, request: Request) -> Response:
        """The number {"from"} texts {"body"} to {"to"}; answers with the webhook's HTTP status."""
        wanted = await _json_object(request)
        sender, body = str(wanted.get("from", "")), str(wanted.get("body", ""))
        if not sender or not body:
            return JSONResponse({"error": "from and body are needed"}, status_code=400)
        to = str(wanted.get("to") or self._last_sender(sender) or "MODORI")
        status = await self.carrier.reply(sender=sender, to=to, body=body)
        return JSONResponse({"webhook_status": status})

    async def list_callbacks(self, request: Request) -> Response:
        """The last signed posts to webhooks, oldest first, and how they were answered (0: not at all)."""
        return JSONResponse(list(self.webhooks.recent))

    # parts

    def _happenings(self, number: str) -> list[dict[str, Any]]:
        """The newest texts and calls of one phone, oldest first."""
        texts = [
            _text_row(text) for text in self.world.list_sms() if number == (text.sender if text.inbound else text.to)
        ]
        calls = [_call_row(call) for call in self.world.list_calls() if call.to == number]
        return sorted(texts + calls, key=lambda row: str(row["at"]))[-SHOWN_MESSAGES:]

    def _last_sender(self, number: str) -> str:
        senders = [text.sender for text in self.world.list_sms() if text.to == number and not text.inbound]
        return senders[-1] if senders else ""

    def _mail(self, request: Request) -> Mail:
        mail = self.world.find_mail(request.path_params["mail"])
        if mail is None:
            raise HTTPException(404)
        return mail


def spoken_number(number: str) -> str:
    """As it is written in its country; what is no number stays as it is."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return number
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)


async def _healthy(_: Request) -> Response:
    return PlainTextResponse("ok")


async def _json_object(request: Request) -> dict[str, Any]:
    try:
        wanted = await request.json()
    except ValueError as wrong:
        raise HTTPException(400, "not JSON") from wrong
    if not isinstance(wanted, dict):
        raise HTTPException(400, "not a JSON object")
    return wanted


def _newest_first(seen: Iterable[tuple[str, str]]) -> list[str]:
    """Names by when something last reached them."""
    last: dict[str, str] = {}
    for name, at in seen:
        last[name] = max(at, last.get(name, ""))
    return sorted(last, key=lambda name: last[name], reverse=True)[:SHOWN_NAMES]


def _with(names: list[str], chosen: str) -> list[str]:
    return names if not chosen or chosen in names else [chosen, *names]


def _link(name: str, label: str, chosen: dict[str, str], key: str) -> dict[str, Any]:
    kept = {k: v for k, v in (chosen | {key: name}).items() if v}
    return {"url": f"/?{urlencode(kept)}", "label": label, "is_chosen": chosen[key] == name}


def _clock(at: str | datetime) -> str:
    """ISO 8601 to the second, for <time>; the page's script shows it in the reader's zone."""
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return moment.isoformat(timespec="seconds")


def _text_row(text: Sms) -> dict[str, Any]:
    return {
        "kind": "sms",
        "id": text.sid,
        "at": text.created_at,
        "clock": _clock(text.created_at),
        "revision": f"{text.status}",
        "inbound": text.inbound,
        "sender": spoken_number(text.sender),
        "body": text.body,
        "status": text.status,
    }


def _call_row(call: Call) -> dict[str, Any]:
    return {
        "kind": "call",
        "id": call.sid,
        "at": call.created_at,
        "clock": _clock(call.created_at),
        "revision": f"{call.status}-{len(call.said)}",
        "sender": spoken_number(call.sender),
        "status": call.status,
        "said": call.said,
        "duration_s": call.duration_s,
        "is_ringing": call.status == "ringing",
        "is_talking": call.status == "in-progress",
        "is_operator": call.parent_sid is None,
        "problem": call.problem,
    }


def _mail_row(mail: Mail) -> dict[str, Any]:
    return {
        "id": mail.id,
        "clock": _clock(mail.at),
        "subject": mail.subject,
        "sender": mail.sender,
        "text": mail.text,
        "has_html": bool(mail.html),
        "headers": mail.headers,
    }
