"""Permits, prepared messages, and the outer world that the adapters are tried against."""

import dataclasses
import socket
from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest

from modori.channels.adapters import Adapters, make_adapters
from modori.channels.compose import compose
from modori.channels.twilio_http import TwilioAccount
from modori.channels.wire import MessageFacts, Prepared, Sender, Wording
from modori.kernel import clock
from modori.kernel.ids import CallId, ContactPointId, DeliveryId, LeadId, ReceiptId, TenantId, TouchId
from modori.people.model import Channel
from modori.sending.ports import Answer, Permit, grant
from tests.sandbox.conftest import SID, TOKEN, Outside, modori, outside

__all__ = ["modori", "outside"]

MOBILE = "+819012345678"
OPERATOR = "+819087654321"
OURS = "+815011112222"
MAIL = "hanako@person.example"
PUBLIC_URL = "https://m.example"

FACTS = MessageFacts(
    channel=Channel.EMAIL,
    to_value=MAIL,
    person_name="山田花子",
    items=[{"id": "p1", "name": "鉄のフライパン", "price_minor": 4980, "quantity": 1}],
    cart_minor=4980,
    currency="JPY",
    cart_url="https://shop.example/cart",
    site_name="台所の店",
    site_origins=["https://shop.example"],
    site_cart_url=None,
    sender=Sender("台所商店", "shop@mail.shop.example", "東京都渋谷区1-2-3", "support@shop.example"),
)
WORDINGS = {
    Channel.EMAIL: Wording("カートに商品が残っています", "{{ person.address }}\n\nお忘れではありませんか。", "ja"),
    Channel.SMS: Wording(None, "【{{ sender.name }}】続きはこちら {{ cart_url }}\n停止 {{ unsubscribe_url }}", "ja"),
}


def permit_for(channel: Channel, *, deadline_in: timedelta = timedelta(seconds=30)) -> Permit:
    now = clock.now()
    return grant(
        tenant_id=TenantId(uuid4()),
        touch_id=TouchId(uuid4()),
        lead_id=LeadId(uuid4()),
        delivery_id=DeliveryId(uuid4()),
        call_id=CallId(uuid4()) if channel is Channel.CALL else None,
        channel=channel,
        contact_point_id=ContactPointId(uuid4()),
        receipt_id=ReceiptId(uuid4()),
        begun_at=now,
        deadline_at=now + deadline_in,
    )


def prepared_for(channel: Channel, **facts: object) -> Prepared:
    sender = dataclasses.replace(FACTS.sender, address=OURS) if channel is Channel.SMS else FACTS.sender
    to_value = MOBILE if channel is Channel.SMS else MAIL
    changed = dataclasses.replace(FACTS, channel=channel, to_value=to_value, sender=sender, **facts)  # type: ignore[arg-type]  # fields by name
    prepared = compose(changed, WORDINGS[channel], public_url=PUBLIC_URL)
    assert isinstance(prepared, Prepared)
    return prepared


def adapters_for(
    *, smtp_url: str, api_base: str, public_url: str = PUBLIC_URL, token: str = TOKEN, timeout_s: float = 20.0
) -> Adapters:
    return make_adapters(
        smtp_url=smtp_url,
        twilio=TwilioAccount(SID, token, api_base, timeout_s),
        public_url=public_url,
        timeout_s=timeout_s,
    )


def carry(adapters: Adapters, channel: Channel, permit: Permit | None = None) -> Answer:
    """Make one call to the world on any of the three channels."""
    permit = permit or permit_for(channel)
    if channel is Channel.CALL:
        return adapters.voice.dial(permit, operator_phone=OPERATOR, voice_from=OURS)
    return adapters.deliver(permit, prepared_for(channel))


@pytest.fixture
def adapters(outside: Outside) -> Adapters:  # pytest finds the fixture by this name
    settings = outside.settings
    return adapters_for(smtp_url=settings.smtp_url, api_base=settings.world_url, public_url=outside.modori.url)


@pytest.fixture
def unused_port() -> Iterator[int]:
    """A port of the loopback where nobody listens, and nobody else can begin to."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield int(taken.getsockname()[1])
