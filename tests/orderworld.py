"""A lead that was contacted and clicked or talked: where tests of orders and bills start."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from modori.billing import actions as billing
from modori.billing.model import ContractVersion
from modori.billing.wire import ContractTerms
from modori.calls import actions as calls
from modori.calls import dispositions, openings
from modori.calls.model import CallTask, Disposition
from modori.calls.queries import find_open_task_of_touch
from modori.calls.rules import Leg, OpeningLine
from modori.channels import actions as channels
from modori.channels.model import LinkKind
from modori.channels.wire import LinkDraft, Visit
from modori.entrypoints import wiring
from modori.kernel import clock
from modori.kernel.digest import content_digest
from modori.kernel.ids import CallTaskId, LeadId, OrderId, UserId, new_id, new_token
from modori.leads import queries as leads
from modori.leads.model import Lead
from modori.outcomes import actions as outcomes
from modori.outcomes.actions import RecordedOrder
from modori.outcomes.model import OrderSource, Result
from modori.outcomes.queries import find_result_of_order, get_order
from modori.outcomes.reversals import record_reversal
from modori.outcomes.wire import OrderIn, ReversalIn
from modori.people.model import Channel
from modori.sending import actions as sending
from modori.sending.deliveries import actions as deliveries
from modori.sending.model import ReportStatus, TouchState
from modori.sending.ports import Accepted, Answer, Permit
from modori.storage.db import tenant_transaction
from tests.drain import drain
from tests.leadworld import ITEMS, LeadWorld, make_lead
from tests.world import NOW, TenantWorld

DAY = timedelta(days=1)
DIAL_MINOR = 60
CONTENT = sending.Content(
    subject="件名", text="本文", digest=content_digest(ITEMS, 4980, "JPY"), parts=None, costs=None
)


def make_contract(tenant: TenantWorld, *, now: datetime = NOW, **terms: Any) -> ContractVersion:
    """15 % of what comes within 7 days; results wait 14 days, after a call 22."""
    said = ContractTerms(**({"valid_from_at": now - 30 * DAY, "fee_bp": 1500} | terms))
    with tenant_transaction(tenant.tenant_id) as session:
        return billing.make_contract_version(session, tenant_id=tenant.tenant_id, terms=said, now=now)


def send(lead: LeadWorld, *, now: datetime = NOW, answer: Answer | None = None) -> str:
    """Send the lead's message; returns the token of its restore link."""
    token = new_token()
    with tenant_transaction(lead.tenant.tenant_id) as session:
        permit = sending.begin_touch(
            session, tenant_id=lead.tenant.tenant_id, touch_id=lead.touch_id, content=CONTENT, deadline_s=30, now=now
        )
        assert isinstance(permit, Permit), permit
        links = [LinkDraft(LinkKind.RESTORE, token, f"{lead.tenant.origin}/cart")]
        channels.store_links(session, permit=permit, links=links, now=now)
    with tenant_transaction(lead.tenant.tenant_id) as session:
        answer = answer or Accepted(new_token())
        deliveries.record(session, tenant_id=permit.tenant_id, delivery_id=permit.delivery_id, answer=answer, now=now)
    return token


def click(lead: LeadWorld, token: str, *, now: datetime, confirmed: bool = True) -> None:
    """Open a restore link, and let the page that it leads to say so."""
    with tenant_transaction(lead.tenant.tenant_id) as session:
        link = channels.resolve_link(session, token=token)
        assert link is not None
        channels.open_restore_link(
            session,
            tenant_id=lead.tenant.tenant_id,
            link_id=link.link_id,
            visit=Visit(user_agent="Mozilla/5.0 (iPhone)", is_prefetch=False),
            now=now,
        )
    if confirmed:
        confirm(lead, token, at=now + timedelta(seconds=2))


def confirm(lead: LeadWorld, token: str, *, at: datetime) -> None:
    with tenant_transaction(lead.tenant.tenant_id) as session:
        channels.confirm_click(session, tenant_id=lead.tenant.tenant_id, token=token, event_id=new_id(), at=at)


def clicked_lead(tenant: TenantWorld, *, now: datetime = NOW, **episode: Any) -> LeadWorld:
    """A lead who got a mail at `now` and clicked ten minutes later."""
    lead = make_lead(tenant, now=now, **episode)
    click(lead, send(lead, now=now), now=now + timedelta(minutes=10))
    return lead


def queued_task(lead: LeadWorld, *, now: datetime = NOW) -> CallTask:
    """The call task of a lead whose call step is claimed."""
    with tenant_transaction(lead.tenant.tenant_id) as session:
        sending.admit_call_step(session, tenant_id=lead.tenant.tenant_id, touch_id=lead.touch_id, costs=None, now=now)
        calls.queue_task(session, tenant_id=lead.tenant.tenant_id, touch_id=lead.touch_id, now=now)
        return find_task(session, lead)


def find_task(session: Session, lead: LeadWorld) -> CallTask:
    task = find_open_task_of_touch(session, tenant_id=lead.tenant.tenant_id, touch_id=lead.touch_id)
    assert task is not None
    return task


def talk(
    lead: LeadWorld, user_id: UserId, *, now: datetime = NOW, talk_s: int = 60, outcome: Disposition | None = None
) -> CallTaskId:
    """Queue, claim, dial, read the opening lines, talk, and note how it ended."""
    tenant_id = lead.tenant.tenant_id
    task_id = CallTaskId(queued_task(lead, now=now).call_task_id)
    with tenant_transaction(tenant_id) as session:
        assert calls.claim(session, tenant_id=tenant_id, task_id=task_id, user_id=user_id) is not None
    started = start(lead, task_id, user_id, now=now)
    with tenant_transaction(tenant_id) as session:
        calls.record_dial(session, tenant_id=tenant_id, permit=started.permit, answer=Accepted("CA1"), now=now)
        for line in OpeningLine:
            openings.tick_opening(
                session, tenant_id=tenant_id, call_id=started.call_id, user_id=user_id, line=line, now=now
            )
        for status, seconds in ((ReportStatus.ANSWERED, None), (ReportStatus.COMPLETED, talk_s)):
            calls.apply_call_report(
                session,
                tenant_id=tenant_id,
                call_id=started.call_id,
                status=status,
                talk_s=seconds,
                leg=Leg.CUSTOMER,
                now=now,
            )
        if outcome is not None:
            dispositions.dispose(
                session, tenant_id=tenant_id, task_id=task_id, user_id=user_id, disposition=outcome, now=now
            )
    return task_id


def start(lead: LeadWorld, task_id: CallTaskId, user_id: UserId, *, now: datetime = NOW) -> calls.StartedCall:
    with tenant_transaction(lead.tenant.tenant_id) as session:
        started = calls.start_call(
            session,
            tenant_id=lead.tenant.tenant_id,
            task_id=task_id,
            user_id=user_id,
            deadline_s=30,
            costs={"JPY": DIAL_MINOR},
            now=now,
        )
    assert isinstance(started, calls.StartedCall), started
    return started


def talked_lead(tenant: TenantWorld, user_id: UserId, *, now: datetime = NOW, **how: Any) -> LeadWorld:
    """A lead who was called at `now` and said yes."""
    lead = make_lead(tenant, channel=Channel.CALL, now=now, touch_state=TouchState.CLAIMED)
    talk(lead, user_id, now=now, **({"outcome": Disposition.WILL_BUY} | how))
    return lead


def place(
    tenant: TenantWorld,
    *,
    now: datetime,
    source: OrderSource = OrderSource.SERVER,
    settled: bool = True,
    has_unknown_names: bool = False,
    vouched_by: Sequence[UserId] = (),
    **said: Any,
) -> RecordedOrder:
    """Report an order and, unless told otherwise, let everything follow that follows."""
    order = OrderIn.model_validate({"id": f"A-{new_id().hex[-8:]}", "currency": "JPY", "value": 4980} | said)
    with tenant_transaction(tenant.tenant_id) as session:
        recorded = outcomes.record_order(
            session,
            tenant_id=tenant.tenant_id,
            site_id=tenant.site_id,
            order=order,
            source=source,
            has_unknown_names=has_unknown_names,
            vouched_by=vouched_by,
            now=now,
        )
    if settled:
        settle([tenant], now=now)
    return recorded


def reverse(tenant: TenantWorld, order: str, *, now: datetime, settled: bool = True, **said: Any) -> Any:
    """Report a reversal and let it reach the ledger."""
    reversal = ReversalIn.model_validate({"id": f"R-{new_id().hex[-8:]}", "reason": "return"} | said)
    with tenant_transaction(tenant.tenant_id) as session:
        recorded = record_reversal(
            session,
            tenant_id=tenant.tenant_id,
            site_id=tenant.site_id,
            order_external_id=order,
            reversal=reversal,
            now=now,
        )
    if settled:
        settle([tenant], now=now)
    return recorded


def settle(tenants: Sequence[TenantWorld], *, now: datetime) -> None:
    """Run every job that the promises of these tenants ask for, as the system's own map says."""
    with clock.moved_to(now):
        drain([one.tenant_id for one in tenants], subscribers=wiring.subscribers(), jobs=wiring.jobs())


def result_of(tenant: TenantWorld, order: RecordedOrder) -> Result | None:
    with tenant_transaction(tenant.tenant_id) as session:
        return find_result_of_order(session, tenant_id=tenant.tenant_id, order_id=order.order.order_id)


def lead_of(lead: LeadWorld) -> Lead:
    with tenant_transaction(lead.tenant.tenant_id) as session:
        return leads.get_lead(session, tenant_id=lead.tenant.tenant_id, lead_id=LeadId(lead.lead_id))


def attribution_of(tenant: TenantWorld, order: RecordedOrder) -> str | None:
    with tenant_transaction(tenant.tenant_id) as session:
        return get_order(session, tenant_id=tenant.tenant_id, order_id=OrderId(order.order.order_id)).attribution
