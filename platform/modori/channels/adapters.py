"""The adapters of a running process, by channel."""

from dataclasses import dataclass
from datetime import datetime

from modori.channels.email.adapter import SmtpAdapter
from modori.channels.sms.adapter import TwilioSmsAdapter
from modori.channels.twilio_http import TwilioAccount
from modori.channels.voice.adapter import TwilioVoiceAdapter
from modori.channels.wire import Prepared
from modori.kernel.ids import DeliveryId
from modori.people.model import Channel
from modori.sending.ports import Accepted, Answer, Permit


class NoAdapter(Exception):
    """A message was prepared for a channel that has no adapter: a mistake of wiring."""


@dataclass(frozen=True)
class Adapters:
    """The way out of the house, built once by the entrypoint."""

    email: SmtpAdapter
    sms: TwilioSmsAdapter
    voice: TwilioVoiceAdapter

    def deliver(self, permit: Permit, prepared: Prepared) -> Answer:
        """Send a prepared message by its channel. raises ForgedPermit, NetworkInTransaction, NoAdapter"""
        match prepared.channel:
            case Channel.EMAIL:
                return self.email.deliver(permit, prepared)
            case Channel.SMS:
                return self.sms.deliver(permit, prepared)
            case _:
                raise NoAdapter(prepared.channel.value)

    def find(
        self, channel: Channel, *, delivery_id: DeliveryId, to_value: str, text: str, begun_at: datetime
    ) -> Accepted | None:
        """Ask a provider for proof that it took a delivery. SMTP has no list and Twilio's calls name no id of ours."""
        if channel is Channel.SMS:
            return self.sms.find(to_value=to_value, text=text, begun_at=begun_at)
        return None


def make_adapters(*, smtp_url: str, twilio: TwilioAccount, public_url: str, timeout_s: float = 15.0) -> Adapters:
    """Build them from settings. raises ValueError for an SMTP URL or an API base that is none"""
    return Adapters(
        email=SmtpAdapter(smtp_url, timeout_s),
        sms=TwilioSmsAdapter(twilio, public_url),
        voice=TwilioVoiceAdapter(twilio, public_url),
    )
