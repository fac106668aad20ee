"""SMS by Twilio's Messages resource. It has no idempotency key, so nothing here tries twice."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from twilio.base.exceptions import TwilioException

from modori.channels.links import tokens_in
from modori.channels.ports import assert_may_call, is_too_late
from modori.channels.twilio_answers import answer_of
from modori.channels.twilio_http import TransportFailure, TwilioAccount
from modori.channels.wire import Prepared
from modori.kernel import clock
from modori.people.model import Channel
from modori.sending.ports import Accepted, Answer, NotSent, Permit

SEARCHED = timedelta(days=1)
"""How far round the begin of a delivery the provider's list is searched."""
MOST_LISTED = 200


@dataclass(frozen=True)
class TwilioSmsAdapter:
    """public_url: where Twilio reaches us with status callbacks."""

    account: TwilioAccount = field(repr=False)
    public_url: str

    def deliver(self, permit: Permit, prepared: Prepared) -> Answer:
        """Send one SMS. raises ForgedPermit, NetworkInTransaction"""
        assert_may_call(permit, Channel.SMS)
        if is_too_late(permit, clock.now()):
            return NotSent(None, "deadline_passed")
        if not self.account.is_configured:
            return NotSent(None, "not_configured")
        client = self.account.client()

        def create() -> str | None:
            made = client.messages.create(
                to=prepared.to_value,
                from_=prepared.sender.address,
                body=prepared.text,
                status_callback=sms_callback_url(self.public_url, str(permit.tenant_id), str(permit.delivery_id)),
            )
            sid: str | None = made.sid
            return sid

        return answer_of(create)

    def find(self, *, to_value: str, text: str, begun_at: datetime) -> Accepted | None:
        """Look for a message of ours in Twilio's list, by the tokens that no other message carries.

        text     what was sent
        returns  None without proof, which is no proof of the contrary. An unreachable provider is no proof, either
        """
        wanted = tokens_in(text)
        if not wanted or not self.account.is_configured:
            return None
        try:
            listed = self.account.client().messages.list(
                to=to_value,
                date_sent_after=begun_at - SEARCHED,
                date_sent_before=begun_at + SEARCHED,
                limit=MOST_LISTED,
            )
        except (TwilioException, TransportFailure, ValueError):
            return None
        return next((Accepted(one.sid) for one in listed if wanted & tokens_in(one.body or "")), None)


def sms_callback_url(public_url: str, tenant_id: str, delivery_id: str) -> str:
    return f"{public_url.rstrip('/')}/hooks/twilio/sms/{tenant_id}/{delivery_id}"
