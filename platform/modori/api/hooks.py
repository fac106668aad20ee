"""What Twilio tells us: how an SMS fared, what somebody answered, whom to bridge a call to, how it went.

Every post is signed; every effect is ranked or keyed, so that repeats and shuffled callbacks are harmless (RULES 26).
"""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from twilio.twiml.messaging_response import MessagingResponse
from twilio.twiml.voice_response import Dial, VoiceResponse

from modori.api.edge import ApiConfig
from modori.api.problems import ProblemRoute
from modori.api.twilio_signature import Form, SignedForm
from modori.calls import actions as calls
from modori.calls import queries as call_queries
from modori.calls.rules import Leg
from modori.channels import actions as channels
from modori.channels.queries import list_tenants_of_number
from modori.channels.twilio_answers import refusal_of
from modori.channels.ui import known_locale, words_of
from modori.channels.voice.adapter import EVENTS, RING_S, voice_url
from modori.kernel import clock
from modori.kernel.errors import BadInput, BadPhone
from modori.kernel.ids import CallId, DeliveryId, TenantId, UserId
from modori.kernel.phone import normalise_phone
from modori.sending.deliveries import actions as deliveries
from modori.sending.model import ReportStatus
from modori.storage.db import agency_transaction, tenant_transaction
from modori.tenants.users.queries import get_user

MOST_TALK_S = 3600

MESSAGE_STATUS = {
    "accepted": ReportStatus.QUEUED,
    "scheduled": ReportStatus.QUEUED,
    "queued": ReportStatus.QUEUED,
    "sending": ReportStatus.QUEUED,
    "sent": ReportStatus.SENT,
    "delivered": ReportStatus.DELIVERED,
    "read": ReportStatus.DELIVERED,
    "undelivered": ReportStatus.UNDELIVERED,
    "failed": ReportStatus.FAILED,
    "canceled": ReportStatus.FAILED,
}
UNREACHED = (ReportStatus.UNDELIVERED, ReportStatus.FAILED)
"""Reports whose error code may say something of the number."""
CALL_STATUS = {
    "queued": ReportStatus.INITIATED,
    "initiated": ReportStatus.INITIATED,
    "ringing": ReportStatus.RINGING,
    "in-progress": ReportStatus.ANSWERED,
    "answered": ReportStatus.ANSWERED,
    "completed": ReportStatus.COMPLETED,
    "busy": ReportStatus.BUSY,
    "no-answer": ReportStatus.NO_ANSWER,
    "canceled": ReportStatus.CANCELLED,
    "failed": ReportStatus.FAILED,
}
"""Twilio's words for ours; a word that it adds later changes nothing. source: Twilio, Messages and Calls resources"""


def make_router(config: ApiConfig) -> APIRouter:
    router = APIRouter(prefix="/hooks/twilio", route_class=ProblemRoute, include_in_schema=False)
    signed = SignedForm(public_url=config.public_url, auth_tokens=config.twilio_auth_tokens)

    @router.post("/sms/{tenant_id}/{delivery_id}")
    def sms_status(tenant_id: UUID, delivery_id: UUID, form: Annotated[Form, Depends(signed)]) -> Response:
        """Apply what became of one SMS."""
        status = MESSAGE_STATUS.get(form.get("MessageStatus", ""))
        if status is not None:
            with tenant_transaction(TenantId(tenant_id)) as session:
                deliveries.apply_report(
                    session,
                    tenant_id=TenantId(tenant_id),
                    delivery_id=DeliveryId(delivery_id),
                    status=status,
                    code=form.get("ErrorCode") or None,
                    refused=refusal_of(form.get("ErrorCode", "")) if status in UNREACHED else None,
                    provider_ref=form.get("MessageSid") or None,
                    now=clock.now(),
                )
        return Response(status_code=204)

    @router.post("/inbound")
    def inbound_sms(form: Annotated[Form, Depends(signed)]) -> Response:
        """Keep a reply for every client that sends from this number, and obey a stop word in it."""
        _take_reply(form)
        return _twiml(MessagingResponse())

    @router.post("/voice/{tenant_id}/{call_id}")
    def voice(tenant_id: UUID, call_id: UUID, form: Annotated[Form, Depends(signed)]) -> Response:
        """The operator has answered: ask the gate again, then bridge or say why not (DESIGN section 5)."""
        return _twiml(_bridge(config.public_url, TenantId(tenant_id), CallId(call_id)))

    @router.post("/voice/{tenant_id}/{call_id}/status")
    def voice_status(tenant_id: UUID, call_id: UUID, form: Annotated[Form, Depends(signed)]) -> Response:
        """Apply what became of the operator's leg, which is the dial itself."""
        _report(TenantId(tenant_id), CallId(call_id), Leg.OPERATOR, form.get("CallStatus", ""), None, form)
        return Response(status_code=204)

    @router.post("/voice/{tenant_id}/{call_id}/dialled")
    def voice_dialled(tenant_id: UUID, call_id: UUID, form: Annotated[Form, Depends(signed)]) -> Response:
        """Apply what became of the customer's leg; after its end the operator's is hung up.

        Both the leg's own callbacks and the end of <Dial> arrive here: the latter names DialCallStatus.
        """
        status, seconds = form.get("CallStatus", ""), form.get("CallDuration")
        if "DialCallStatus" in form:
            status, seconds = form["DialCallStatus"], form.get("DialCallDuration")
        _report(TenantId(tenant_id), CallId(call_id), Leg.CUSTOMER, status, seconds, form)
        answer = VoiceResponse()
        answer.hangup()
        return _twiml(answer)

    return router


def _take_reply(form: Form) -> None:
    message_sid = form.get("MessageSid") or form.get("SmsSid")
    if not message_sid:
        raise BadInput("MessageSid is missing.", field="MessageSid")
    try:
        sender = normalise_phone(form.get("From", "")).e164
    except BadPhone:
        return  # a short code or a name: nobody whom we could have written to
    with agency_transaction() as session:
        tenant_ids = list_tenants_of_number(session, number=form.get("To", ""))
    for tenant_id in tenant_ids:
        with tenant_transaction(tenant_id) as session:
            channels.take_reply(
                session,
                tenant_id=tenant_id,
                from_e164=sender,
                body=form.get("Body", ""),
                provider_ref=message_sid,
                now=clock.now(),
            )


def _bridge(public_url: str, tenant_id: TenantId, call_id: CallId) -> VoiceResponse:
    """Write the TwiML of one call. raises NotFound"""
    with tenant_transaction(tenant_id) as session:
        bridge = calls.answer_bridge(session, tenant_id=tenant_id, call_id=call_id, now=clock.now())
        operator_id = UserId(call_queries.get_call(session, tenant_id=tenant_id, call_id=call_id).user_id)
        words = words_of("voice")[known_locale(get_user(session, user_id=operator_id).locale)]
    answer = VoiceResponse()
    if not bridge.allowed:
        answer.say(words["refused"], language=words["language"])
        answer.hangup()
        return answer
    dialled = f"{voice_url(public_url, str(tenant_id), str(call_id))}/dialled"
    answer.say(words["connecting"], language=words["language"])
    dial = Dial(
        caller_id=bridge.caller_id,
        timeout=RING_S,
        time_limit=MOST_TALK_S,
        answer_on_bridge=True,
        action=dialled,
        method="POST",
    )
    dial.number(
        bridge.customer_e164,
        status_callback=dialled,
        status_callback_method="POST",
        status_callback_event=" ".join(EVENTS),
    )
    answer.append(dial)
    return answer


def _report(tenant_id: TenantId, call_id: CallId, leg: Leg, word: str, seconds: str | None, form: Form) -> None:
    status = CALL_STATUS.get(word)
    if status is None:
        return
    with tenant_transaction(tenant_id) as session:
        calls.apply_call_report(
            session,
            tenant_id=tenant_id,
            call_id=call_id,
            status=status,
            talk_s=_seconds(seconds) if leg is Leg.CUSTOMER else None,
            leg=leg,
            provider_ref=form.get("CallSid") or None,
            now=clock.now(),
        )


def _seconds(text: str | None) -> int | None:
    """Read a duration, in seconds; what is none counts as not said."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) <= 6 else None


def _twiml(document: VoiceResponse | MessagingResponse) -> Response:
    return Response(str(document), media_type="text/xml")
