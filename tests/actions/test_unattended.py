"""What nobody sees happen: a worker that died, a row that fails, a stop that reached another address of the lead."""

from datetime import UTC, datetime, timedelta

from modori.channels.adapters import make_adapters
from modori.channels.twilio_http import TwilioAccount
from modori.console.explain import why
from modori.console.speaker import Speaker
from modori.entrypoints import wiring
from modori.kernel.ids import TenantId
from modori.leads import queries as leads
from modori.leads.model import LeadContact, LeadState
from modori.outreach.dispatch import Dispatcher
from modori.people import actions as people
from modori.people.model import Channel, ContactKind, EvidenceSource, StopReason
from modori.people.points import meet_contact_point
from modori.people.values import value_index
from modori.sending import actions, scans
from modori.sending.deliveries import actions as deliveries
from modori.sending.deliveries import queries as delivery_queries
from modori.sending.model import ReportStatus
from modori.sending.ports import Permit, Unknown
from modori.sending.rules import Reason
from modori.storage.db import tenant_transaction
from tests.actions.test_sending import begin, look, record
from tests.drain import drain
from tests.leadworld import LeadWorld, make_lead
from tests.world import NOW, World

OTHER_PHONE = "+819011112222"


def lead_state(lead: LeadWorld) -> LeadState:
    with tenant_transaction(lead.tenant.tenant_id) as session:
        return leads.get_lead(session, tenant_id=lead.tenant.tenant_id, lead_id=lead.lead_id).state


def follow(tenant_id: TenantId) -> None:
    drain([tenant_id], subscribers=wiring.subscribers(), jobs=wiring.jobs())


def let_pass_the_deadline(permit: Permit) -> None:
    long_ago = datetime.now(UTC) - timedelta(minutes=5)
    with tenant_transaction(permit.tenant_id) as session:
        delivery_queries.set_delivery(
            session, tenant_id=permit.tenant_id, delivery_id=permit.delivery_id, deadline_at=long_ago
        )


def test_g5_a_stop_of_another_address_of_the_lead_is_seen_by_the_gate_at_once(world: World) -> None:
    lead = make_lead(world.acme)
    acme = lead.tenant.tenant_id
    with tenant_transaction(acme) as session:
        phone = meet_contact_point(session, tenant_id=acme, kind=ContactKind.PHONE, value=OTHER_PHONE, now=NOW)
        session.add(
            LeadContact(
                tenant_id=acme, lead_id=lead.lead_id, contact_point_id=phone.contact_point_id, kind=ContactKind.PHONE
            )
        )
    with tenant_transaction(acme) as session:
        people.record_stop(
            session,
            tenant_id=acme,
            kind=ContactKind.PHONE,
            value_index=value_index(acme, ContactKind.PHONE, OTHER_PHONE),
            via=Channel.SMS,
            reason=StopReason.REPLY,
            source=EvidenceSource.REPLY,
            now=NOW,
        )
    outcome = begin(lead)
    assert isinstance(outcome, actions.Denied)
    assert outcome.reason is Reason.STOPPED, "before the promise that ends the lead has been followed"


def test_a_lead_whose_last_message_lost_its_worker_ends(world: World) -> None:
    lead = make_lead(world.acme)
    let_pass_the_deadline(begin(lead))
    scans.expire_deliveries()
    assert lead_state(lead) is LeadState.ACTIVE
    follow(lead.tenant.tenant_id)
    assert lead_state(lead) is LeadState.EXHAUSTED, "else the person could have no other lead until the episode expires"


def test_a_lead_whose_last_message_is_proven_by_a_callback_alone_ends(world: World) -> None:
    lead = make_lead(world.acme, channel=Channel.SMS)
    permit = begin(lead)
    with tenant_transaction(permit.tenant_id) as session:
        deliveries.apply_report(
            session,
            tenant_id=permit.tenant_id,
            delivery_id=permit.delivery_id,
            status=ReportStatus.SENT,
            provider_ref="SM1",
            now=NOW,
        )
    follow(lead.tenant.tenant_id)
    assert lead_state(lead) is LeadState.EXHAUSTED


def test_an_unknown_message_to_somebody_erased_keeps_no_other_from_being_looked_for(world: World) -> None:
    dispatcher = Dispatcher(
        adapters=make_adapters(
            smtp_url="", twilio=TwilioAccount("", ""), public_url="http://127.0.0.1:8000", timeout_s=1.0
        ),
        public_url="http://127.0.0.1:8000",
        deadline_s=30,
    )
    erased, other = (make_lead(world.acme, channel=Channel.SMS) for _ in range(2))
    for age_s, lead in ((60, erased), (30, other)):
        permit = begin(lead)
        record(permit, Unknown("500"))
        begun_at = datetime.now(UTC) - timedelta(seconds=age_s)
        with tenant_transaction(permit.tenant_id) as session:
            delivery_queries.set_delivery(
                session, tenant_id=permit.tenant_id, delivery_id=permit.delivery_id, begun_at=begun_at
            )
    acme = erased.tenant.tenant_id
    with tenant_transaction(acme) as session:
        people.erase_contact(
            session,
            tenant_id=acme,
            kind=ContactKind.PHONE,
            value_index=value_index(acme, ContactKind.PHONE, erased.value),
            requested_by="test",
            now=NOW,
        )
    dispatcher.reconcile()
    assert [look(lead, "delivery")[0]["checked_at"] is None for lead in (erased, other)] == [False, False]


def test_whatever_ended_a_lead_has_its_words(world: World) -> None:
    """An episode that expired, or whose person had ordered elsewhere, is no bare id in the timeline."""
    speaker = Speaker("en", "UTC", NOW, lambda message, **_: message)
    said = {head: why(f"{head}:{world.acme.tenant_id}", speaker) for head in ("episode", "converted", "order", "stop")}
    assert said == {
        "episode": "it grew too old",
        "converted": "the person has ordered",
        "order": "an order arrived",
        "stop": "the person asked us to stop",
    }
