"""A message that has gone out through the gate, with its links: where tests of what comes back start."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from modori.channels import actions as channels
from modori.channels.model import LinkKind
from modori.channels.wire import Prepared, Wording
from modori.people.model import Channel
from modori.sending import actions as sending
from modori.sending.deliveries import actions as deliveries
from modori.sending.ports import Accepted, Permit
from modori.storage.db import read_transaction, tenant_transaction
from tests.leadworld import LeadWorld, make_lead
from tests.world import NOW, TenantWorld

PUBLIC_URL = "https://m.example"
WORDINGS = {
    Channel.EMAIL: Wording("カートに商品が残っています", "{{ person.address }}", "ja"),
    Channel.SMS: Wording(None, "【{{ sender.name }}】続き {{ cart_url }}\n停止 {{ unsubscribe_url }}", "ja"),
}


@dataclass(frozen=True)
class SentWorld:
    """One accepted delivery."""

    lead: LeadWorld
    permit: Permit
    prepared: Prepared

    def token(self, kind: LinkKind) -> str:
        return next(link.token for link in self.prepared.links if link.kind is kind)


def prepare(lead: LeadWorld, *, now: datetime = NOW) -> Prepared:
    with read_transaction([lead.tenant.tenant_id]) as session:
        prepared = channels.prepare(
            session,
            tenant_id=lead.tenant.tenant_id,
            touch_id=lead.touch_id,
            wording=WORDINGS[lead.channel],
            public_url=PUBLIC_URL,
            now=now,
        )
    assert isinstance(prepared, Prepared)
    return prepared


def send(tenant: TenantWorld, *, channel: Channel = Channel.EMAIL, now: datetime = NOW, **lead: Any) -> SentWorld:
    """Make a lead, prepare its touch, pass the gate, and record that the provider took it."""
    made = make_lead(tenant, channel=channel, now=now, **lead)
    prepared = prepare(made, now=now)
    content = sending.Content(
        subject=prepared.subject,
        text=prepared.text,
        digest=prepared.digest,
        parts=prepared.parts,
        costs=None,
    )
    with tenant_transaction(tenant.tenant_id) as session:
        permit = sending.begin_touch(
            session, tenant_id=tenant.tenant_id, touch_id=made.touch_id, content=content, deadline_s=30, now=now
        )
        assert isinstance(permit, Permit), permit
        channels.store_links(session, permit=permit, links=prepared.links, now=now)
    with tenant_transaction(tenant.tenant_id) as session:
        deliveries.record(
            session, tenant_id=tenant.tenant_id, delivery_id=permit.delivery_id, answer=Accepted("ref"), now=now
        )
    return SentWorld(made, permit, prepared)
