"""Dispatch: prepare, begin, call, record, for each claimed touch (DESIGN section 5).

No transaction is open while the provider is called; the delivery is on record before, the answer after.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from modori.background.each import for_each
from modori.calls import actions as calls
from modori.channels import actions as channels
from modori.channels.adapters import Adapters
from modori.channels.wire import Prepared, Prices, Unpreparable, Wording
from modori.kernel import clock
from modori.kernel.errors import NotFound
from modori.kernel.failpoints import hit
from modori.kernel.ids import DeliveryId, LeadId, TenantId, TouchId
from modori.outreach import actions, queries
from modori.people import queries as people
from modori.people.model import Channel
from modori.sending import actions as sending
from modori.sending import queries as touches
from modori.sending.deliveries import actions as deliveries
from modori.sending.deliveries import queries as delivery_queries
from modori.sending.ports import Accepted, Permit
from modori.storage import crypto
from modori.storage.db import read_transaction, scan_transaction, tenant_transaction

RECHECK_S = 30
GIVE_UP_S = 2 * 86400
"""The provider is asked about an unknown delivery every RECHECK_S, until it is two days old."""


@dataclass(frozen=True)
class Dispatcher:
    """Carries claimed touches to the world. Built once per process by wiring.

    deadline_s  after begin: past it a delivery without an answer counts as unknown
    """

    adapters: Adapters
    public_url: str
    deadline_s: int
    prices: Prices = field(default_factory=Prices)

    def dispatch_touches(self, tenant_id: str, touch_ids: Sequence[str]) -> None:
        """Work through a batch of claimed touches of one tenant. What fails leaves the others alone.

        raises  ExceptionGroup of what failed; those touches are set back, each time for longer, until given up
        """
        tenant = TenantId(UUID(tenant_id))
        for_each(
            touch_ids,
            lambda touch_id: self._dispatch_or_set_back(tenant, TouchId(UUID(touch_id))),
            failing="touches that could not be dispatched",
        )

    def _dispatch_or_set_back(self, tenant_id: TenantId, touch_id: TouchId) -> None:
        try:
            self._dispatch_one(tenant_id, touch_id)
        except Exception:
            with tenant_transaction(tenant_id) as session:
                sending.set_back(session, tenant_id=tenant_id, touch_id=touch_id, now=clock.now())
            raise

    def _dispatch_one(self, tenant_id: TenantId, touch_id: TouchId) -> None:
        with read_transaction([tenant_id]) as session:
            due = queries.find_claimed_touch(session, tenant_id=tenant_id, touch_id=touch_id)
        if due is None:
            return
        if due.channel == Channel.CALL:
            self._queue_call_step(tenant_id, touch_id, due)
            return
        prepared = self._prepare(tenant_id, touch_id, due)
        hit("dispatch.prepared")
        if isinstance(prepared, Unpreparable):
            with tenant_transaction(tenant_id) as session:
                sending.fail_touch(
                    session, tenant_id=tenant_id, touch_id=touch_id, reason=prepared.reason.value, now=clock.now()
                )
                actions.settle_lead(session, tenant_id=tenant_id, lead_id=LeadId(due.lead_id), now=clock.now())
            return
        permit = self._begin(tenant_id, touch_id, prepared)
        if permit is None:
            return
        hit("begin.after_commit")
        answer = self.adapters.deliver(permit, prepared)
        hit("call.answered")
        with tenant_transaction(tenant_id) as session:
            deliveries.record(
                session, tenant_id=tenant_id, delivery_id=permit.delivery_id, answer=answer, now=clock.now()
            )
            actions.settle_lead(session, tenant_id=tenant_id, lead_id=permit.lead_id, now=clock.now())
        hit("record.after_commit")

    def _prepare(self, tenant_id: TenantId, touch_id: TouchId, due: queries.DueRow) -> Prepared | Unpreparable:
        with read_transaction([tenant_id]) as session:
            variant = queries.find_wording(session, tenant_id=tenant_id, step_id=due.step_id, locale=due.locale)
            wording = Wording(
                subject=variant.subject if variant else None,
                body=variant.body if variant else "",
                locale=variant.locale if variant else due.locale[:2],
            )
            return channels.prepare(
                session,
                tenant_id=tenant_id,
                touch_id=touch_id,
                wording=wording,
                public_url=self.public_url,
                now=clock.now(),
            )

    def _begin(self, tenant_id: TenantId, touch_id: TouchId, prepared: Prepared) -> Permit | None:
        """Open the gate; with the permit the links go on record, in the same transaction."""
        content = sending.Content(
            subject=prepared.subject,
            text=prepared.text,
            digest=prepared.digest,
            parts=prepared.parts,
            costs=self.prices.of_message(prepared),
        )
        now = clock.now()
        with tenant_transaction(tenant_id) as session:
            outcome = sending.begin_touch(
                session,
                tenant_id=tenant_id,
                touch_id=touch_id,
                content=content,
                deadline_s=self.deadline_s,
                now=now,
            )
            match outcome:
                case Permit():
                    channels.store_links(session, permit=outcome, links=prepared.links, now=now)
                    return outcome
                case sending.Denied():
                    lead_id = touches.get_touch_ref(session, tenant_id=tenant_id, touch_id=touch_id).lead_id
                    actions.settle_lead(session, tenant_id=tenant_id, lead_id=LeadId(lead_id), now=now)
                case sending.Deferred() | sending.NotClaimed():
                    pass
        return None

    def _queue_call_step(self, tenant_id: TenantId, touch_id: TouchId, due: queries.DueRow) -> None:
        """A due call step waits for an operator; nobody is called here."""
        now = clock.now()
        with tenant_transaction(tenant_id) as session:
            match sending.admit_call_step(
                session, tenant_id=tenant_id, touch_id=touch_id, costs=self.prices.dial_minor, now=now
            ):
                case sending.Admitted():
                    calls.queue_task(session, tenant_id=tenant_id, touch_id=touch_id, now=now)
                case sending.Denied():
                    actions.settle_lead(session, tenant_id=tenant_id, lead_id=LeadId(due.lead_id), now=now)
                case sending.Deferred() | sending.NotClaimed():
                    pass

    def reconcile(self) -> int:
        """Ask providers about unknown deliveries. Proof makes them accepted; without it they stay unknown (G3)."""
        with scan_transaction() as session:
            unknown = delivery_queries.list_unknown_deliveries(session, recheck_s=RECHECK_S, give_up_s=GIVE_UP_S)
        return for_each(unknown, self._reconcile_one, failing="deliveries that could not be reconciled")

    def _reconcile_one(self, one: delivery_queries.OpenDelivery) -> None:
        tenant_id, delivery_id = TenantId(one.tenant_id), DeliveryId(one.delivery_id)
        proof = self._look_for(tenant_id, delivery_id)
        hit("reconcile.before_record")
        with tenant_transaction(tenant_id) as session:
            if proof is None:
                deliveries.note_checked(session, tenant_id=tenant_id, delivery_id=delivery_id, now=clock.now())
            else:
                deliveries.prove_accepted(
                    session,
                    tenant_id=tenant_id,
                    delivery_id=delivery_id,
                    ref=proof.ref,
                    evidence="provider's list",
                    now=clock.now(),
                )

    def _look_for(self, tenant_id: TenantId, delivery_id: DeliveryId) -> Accepted | None:
        """Ask the provider; None without proof. Of what was erased in the meantime there is nothing to ask with."""
        with read_transaction([tenant_id]) as session:
            row = queries.get_unknown_delivery(session, tenant_id=tenant_id, delivery_id=delivery_id)
            try:
                to_value = people.reveal(session, tenant_id=tenant_id, contact_point_id=row.contact_point_id)
            except NotFound:
                return None
            field = crypto.Field("delivery", "content", str(delivery_id))
            text = crypto.unseal(session, tenant_id, field, row.content) if row.content else ""
        return self.adapters.find(
            Channel(row.channel), delivery_id=delivery_id, to_value=to_value, text=text, begun_at=row.begun_at
        )
