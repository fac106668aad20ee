"""Dials by Twilio's Calls resource: the operator's phone is rung; once answered, Twilio asks us whom to bridge to."""

from dataclasses import dataclass, field

from modori.channels.ports import assert_may_call, is_too_late
from modori.channels.twilio_answers import answer_of
from modori.channels.twilio_http import TwilioAccount
from modori.kernel import clock
from modori.people.model import Channel
from modori.sending.ports import Answer, NotSent, Permit

RING_S = 25
"""How long the operator's phone rings: below the half minute at which voice mail tends to pick up."""
EVENTS = ["initiated", "ringing", "answered", "completed"]


class NotADial(Exception):
    """A permit without a call cannot dial."""


@dataclass(frozen=True)
class TwilioVoiceAdapter:
    """public_url: where Twilio fetches TwiML and reports what became of the call."""

    account: TwilioAccount = field(repr=False)
    public_url: str

    def dial(self, permit: Permit, *, operator_phone: str, voice_from: str) -> Answer:
        """Ring an operator's phone. The customer is rung only by the TwiML that follows, which asks the gate again.

        operator_phone, voice_from  E.164
        raises  ForgedPermit, NetworkInTransaction, NotADial
        """
        assert_may_call(permit, Channel.CALL)
        if permit.call_id is None:
            raise NotADial(str(permit.delivery_id))
        if is_too_late(permit, clock.now()):
            return NotSent(None, "deadline_passed")
        if not self.account.is_configured:
            return NotSent(None, "not_configured")
        client = self.account.client()
        twiml_url = voice_url(self.public_url, str(permit.tenant_id), str(permit.call_id))

        def create() -> str | None:
            made = client.calls.create(
                to=operator_phone,
                from_=voice_from,
                url=twiml_url,
                method="POST",
                status_callback=f"{twiml_url}/status",
                status_callback_method="POST",
                status_callback_event=EVENTS,
                timeout=RING_S,
            )
            sid: str | None = made.sid
            return sid

        return answer_of(create)


def voice_url(public_url: str, tenant_id: str, call_id: str) -> str:
    return f"{public_url.rstrip('/')}/hooks/twilio/voice/{tenant_id}/{call_id}"
