"""Begin, record and reports on real PostgreSQL: at most once, never after an order or a stop (G2, G3, G4, G14)."""

import threading
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from modori.capture import episodes
from modori.capture import queries as capture_queries
from modori.kernel.digest import content_digest
from modori.kernel.errors import NotFound
from modori.kernel.ids import DeliveryId, new_id
from modori.leads.model import LeadState
from modori.outreach import actions as outreach
from modori.people import actions as people
from modori.people.model import Channel, ContactKind, EvidenceSource, StopReason
from modori.people.points import mark_all_ordered
from modori.people.values import value_index
from modori.sending import actions, queries, scans
from modori.sending.claims import queries as claims
from modori.sending.deliveries import actions as deliveries
from modori.sending.deliveries import queries as delivery_queries
from modori.sending.model import ReportStatus, TouchState
from modori.sending.ports import Accepted, ForgedPermit, NotSent, Permit, Rejected, Unknown
from modori.sending.rules import Reason
from modori.storage.db import scan_transaction, tenant_transaction
from modori.storage.roles import DatabaseUrls
from tests.leadworld import ITEMS, LeadWorld, make_lead
from tests.world import NOW, World

CONTENT = actions.Content(
    subject="件名", text="本文", digest=content_digest(ITEMS, 4980, "JPY"), parts=None, costs={"JPY": 15}
)


def begin(lead: LeadWorld, now: datetime = NOW, content: actions.Content = CONTENT) -> Any:
    with tenant_transaction(lead.tenant.tenant_id) as session:
        return actions.begin_touch(
            session, tenant_id=lead.tenant.tenant_id, touch_id=lead.touch_id, content=content, deadline_s=30, now=now
        )


def record(permit: Permit, answer: Any, now: datetime = NOW) -> None:
    with tenant_transaction(permit.tenant_id) as session:
        deliveries.record(session, tenant_id=permit.tenant_id, delivery_id=permit.delivery_id, answer=answer, now=now)


def look(lead: LeadWorld, table: str) -> list[dict[str, Any]]:
    with tenant_transaction(lead.tenant.tenant_id) as session:
        rows = session.connection().execute(
            text(f"select * from {table} where touch_id = :id order by 2"),  # constant names of this file
            {"id": lead.touch_id},
        )
        return [dict(row._mapping) for row in rows]


def close(lead: LeadWorld) -> LeadWorld:
    """End a lead, so that its person may have another one."""
    with tenant_transaction(lead.tenant.tenant_id) as session:
        outreach.end_lead(
            session,
            tenant_id=lead.tenant.tenant_id,
            lead_id=lead.lead_id,
            state=LeadState.EXHAUSTED,
            because="plan:done",
            now=NOW,
        )
    return lead


def state_of(lead: LeadWorld) -> str:
    return str(look(lead, "touch")[0]["state"])


def stop(lead: LeadWorld, now: datetime = NOW) -> None:
    kind = ContactKind.EMAIL if lead.channel is Channel.EMAIL else ContactKind.PHONE
    with tenant_transaction(lead.tenant.tenant_id) as session:
        people.record_stop(
            session,
            tenant_id=lead.tenant.tenant_id,
            kind=kind,
            value_index=_index(lead, kind),
            via=lead.channel,
            reason=StopReason.ONE_CLICK,
            source=EvidenceSource.LINK,
            now=now,
        )


def _index(lead: LeadWorld, kind: ContactKind) -> bytes:
    return value_index(lead.tenant.tenant_id, kind, lead.value)


def test_g4_a_passed_gate_leaves_a_receipt_and_a_delivery_on_record_before_anyone_calls(world: World) -> None:
    lead = make_lead(world.acme)
    permit = begin(lead)
    assert isinstance(permit, Permit)
    permit.assert_real()
    (receipt,), (delivery,) = look(lead, "receipt"), look(lead, "delivery")
    assert (receipt["verdict"], receipt["reason"]) == ("allow", None)
    assert receipt["facts"]["consent_granted"] is True
    assert delivery["state"] == "sending"
    assert delivery["deadline_at"] == NOW + timedelta(seconds=30)
    assert b"\xe6\x9c\xac" not in delivery["content"], "what was sent lies sealed"
    assert state_of(lead) == "sending"


def test_g4_a_permit_that_no_gate_made_is_refused(world: World) -> None:
    permit = begin(make_lead(world.acme))
    forged = Permit(**{name: getattr(permit, name) for name in Permit.__slots__ if name != "_made_by"})
    with pytest.raises(ForgedPermit):
        forged.assert_real()


def test_g3_a_touch_begins_once(world: World) -> None:
    lead = make_lead(world.acme)
    assert isinstance(begin(lead), Permit)
    assert begin(lead) == actions.NotClaimed()
    assert len(look(lead, "delivery")) == 1
    assert len(look(lead, "receipt")) == 1, "a lost race writes no receipt"


def test_g3_twenty_workers_at_once_make_one_delivery(world: World) -> None:
    lead = make_lead(world.acme)
    outcomes: list[Any] = []
    threads = [threading.Thread(target=lambda: outcomes.append(begin(lead))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(one, Permit) for one in outcomes) == 1
    assert len(look(lead, "delivery")) == 1


def test_g3_the_database_itself_refuses_a_second_delivery(world: World) -> None:
    lead = make_lead(world.acme)
    permit = begin(lead)
    (delivery,) = look(lead, "delivery")
    with (
        pytest.raises(IntegrityError, match="delivery_once_per_touch"),
        tenant_transaction(permit.tenant_id) as session,
    ):
        session.connection().execute(
            text(
                "insert into delivery (tenant_id, delivery_id, touch_id, lead_id, receipt_id, channel,"
                " contact_point_id, state, begun_at, deadline_at, report, cost_minor) select tenant_id, :id, touch_id,"
                " lead_id, receipt_id, channel, contact_point_id, 'unknown', begun_at, deadline_at, 'none', 0"
                " from delivery where delivery_id = :old"
            ),
            {"id": new_id(), "old": delivery["delivery_id"]},
        )


def test_g2_no_delivery_begins_after_an_order_of_the_episode(world: World) -> None:
    lead = make_lead(world.acme)
    with tenant_transaction(lead.tenant.tenant_id) as session:
        episodes.mark_episode_ordered(session, tenant_id=lead.tenant.tenant_id, episode_id=lead.episode_id, at=NOW)
    outcome = begin(lead)
    assert isinstance(outcome, actions.Denied)
    assert outcome.reason is Reason.CONVERTED
    assert state_of(lead) == "denied"
    assert look(lead, "delivery") == []


def test_g2_no_delivery_begins_after_an_order_that_named_the_address(world: World) -> None:
    lead = make_lead(world.acme)
    with tenant_transaction(lead.tenant.tenant_id) as session:
        mark_all_ordered(
            session,
            tenant_id=lead.tenant.tenant_id,
            values=[(ContactKind.EMAIL, lead.value)],
            at=NOW - timedelta(minutes=5),
            now=NOW,
        )
    assert begin(lead).reason is Reason.CONVERTED


def test_g5_no_delivery_begins_after_a_stop_and_the_stop_ends_the_lead(world: World) -> None:
    lead, other = make_lead(world.acme), make_lead(world.acme)
    stop(lead)
    assert begin(lead).reason is Reason.STOPPED
    assert isinstance(begin(other), Permit), "another person's stop is another person's"
    with tenant_transaction(lead.tenant.tenant_id) as session:
        ended = outreach.end_stopped_leads(
            session,
            tenant_id=lead.tenant.tenant_id,
            kind="email",
            value_index=_index(lead, ContactKind.EMAIL),
            stop_id=new_id(),
            now=NOW,
        )
    assert ended == 1


def test_g5_a_stop_at_one_client_leaves_the_other_alone(world: World) -> None:
    ours = make_lead(world.acme)
    theirs = make_lead(world.stranger, value=ours.value)
    stop(ours)
    assert isinstance(begin(theirs), Permit)


def test_g2_an_order_waits_for_a_begin_that_holds_the_lead_and_then_finds_it_sent(world: World) -> None:
    """The begin that came first goes out; none that comes after does. Nothing in between."""
    lead = make_lead(world.acme)
    inside, go_on = threading.Event(), threading.Event()
    ordered_at: list[float] = []

    def slow_begin() -> None:
        with tenant_transaction(lead.tenant.tenant_id) as session:
            outcome = actions.begin_touch(
                session,
                tenant_id=lead.tenant.tenant_id,
                touch_id=lead.touch_id,
                content=CONTENT,
                deadline_s=30,
                now=NOW,
            )
            assert isinstance(outcome, Permit)
            inside.set()
            go_on.wait(60)

    def order() -> None:
        with tenant_transaction(lead.tenant.tenant_id) as session:
            outreach.end_lead(
                session,
                tenant_id=lead.tenant.tenant_id,
                lead_id=lead.lead_id,
                state=LeadState.CONVERTED,
                because="order:x",
                now=NOW,
            )
        ordered_at.append(1)

    threads = [threading.Thread(target=slow_begin), threading.Thread(target=order)]
    threads[0].start()
    assert inside.wait(60)
    threads[1].start()
    threads[1].join(0.5)
    assert not ordered_at, "the order must wait for the lock that begin holds"
    go_on.set()
    for thread in threads:
        thread.join(60)
    assert ordered_at
    assert state_of(lead) == "sending"


@pytest.mark.parametrize(
    ("answer", "delivery_state", "touch_state"),
    [
        (Accepted("SM1"), "accepted", "sent"),
        (Rejected("21614", address_is_dead=True), "rejected", "failed"),
        (Unknown("read timeout"), "unknown", "unknown"),
        (NotSent(None, "connect refused"), "not_sent", "planned"),
    ],
)
def test_each_answer_has_its_place(world: World, answer: Any, delivery_state: str, touch_state: str) -> None:
    lead = make_lead(world.acme)
    permit = begin(lead)
    record(permit, answer)
    record(permit, Unknown("a second word changes nothing"))
    assert look(lead, "delivery")[0]["state"] == delivery_state
    assert state_of(lead) == touch_state


def test_g3_what_certainly_failed_is_due_later_passes_the_gate_again_and_counts_against_nothing(world: World) -> None:
    lead = make_lead(world.acme)
    retry_at = NOW + timedelta(seconds=90)
    record(begin(lead), NotSent(retry_at, "429"))
    (touch,) = look(lead, "touch")
    assert (touch["state"], touch["due_at"], touch["deferred_because"]) == ("planned", retry_at, "not_sent")
    assert touch["attempts"] == 1
    with tenant_transaction(lead.tenant.tenant_id) as session:
        queries.set_touch(session, tenant_id=lead.tenant.tenant_id, touch_id=lead.touch_id, state="claimed")
    permit = begin(lead, now=retry_at)
    assert isinstance(permit, Permit), "a first message a day was given back"
    receipts = look(lead, "receipt")
    assert [one["facts"]["messages_of_lead"] for one in receipts] == [0, 0]
    assert receipts[1]["facts"]["spent_minor"] == 0


def test_g3_an_unknown_one_counts_against_caps_and_is_never_due_again(world: World) -> None:
    lead = make_lead(world.acme)
    record(begin(lead), Unknown("reset after the request was written"))
    with scan_transaction() as session:
        due = claims.claim_due_touches(session, per_tenant=100, most_claimed=1000)
    assert UUID(str(lead.touch_id)) not in {one.touch_id for one in due}
    second = make_lead(world.acme, value=close(lead).value)
    outcome = begin(second)
    assert isinstance(outcome, actions.Deferred)
    assert outcome.reason in (Reason.MINIMUM_GAP, Reason.CONTACT_CAP_DAY)


def test_a_delivery_whose_answer_never_came_is_unknown_after_its_deadline(world: World) -> None:
    lead = make_lead(world.acme)
    long_ago = datetime.now(NOW.tzinfo) - timedelta(minutes=5)
    permit = begin(lead, now=NOW)
    with tenant_transaction(permit.tenant_id) as session:
        delivery_queries.set_delivery(
            session, tenant_id=permit.tenant_id, delivery_id=permit.delivery_id, deadline_at=long_ago
        )
    scans.expire_deliveries()
    assert look(lead, "delivery")[0]["state"] == "unknown"
    assert state_of(lead) == "unknown"


def test_g3_a_status_callback_proves_an_unknown_one(world: World) -> None:
    lead = make_lead(world.acme, channel=Channel.SMS)
    permit = begin(lead)
    record(permit, Unknown("500"))
    with tenant_transaction(permit.tenant_id) as session:
        moved = deliveries.apply_report(
            session,
            tenant_id=permit.tenant_id,
            delivery_id=permit.delivery_id,
            status=ReportStatus.DELIVERED,
            provider_ref="SM9",
            now=NOW,
        )
    assert moved
    (delivery,) = look(lead, "delivery")
    assert (delivery["state"], delivery["report"], delivery["provider_ref"]) == ("accepted", "delivered", "SM9")
    assert delivery["evidence"] == "status callback"
    assert state_of(lead) == "sent"


def test_reports_that_come_doubled_and_shuffled_end_where_they_should(world: World) -> None:
    lead = make_lead(world.acme, channel=Channel.SMS)
    permit = begin(lead)
    record(permit, Accepted("SM1"))
    moves = []
    for status in ("delivered", "sent", "queued", "delivered", "failed"):
        with tenant_transaction(permit.tenant_id) as session:
            moves.append(
                deliveries.apply_report(
                    session,
                    tenant_id=permit.tenant_id,
                    delivery_id=permit.delivery_id,
                    status=ReportStatus(status),
                    now=NOW,
                )
            )
    assert moves == [True, False, False, False, False]
    assert look(lead, "delivery")[0]["report"] == "delivered"


def test_g13_erasure_forgets_what_was_written_and_keeps_that_it_was(world: World) -> None:
    lead, other = make_lead(world.acme), make_lead(world.acme)
    record(begin(lead), Accepted("m1"))
    record(begin(other), Accepted("m2"))
    with tenant_transaction(lead.tenant.tenant_id) as session:
        outreach.end_erased_leads(
            session, tenant_id=lead.tenant.tenant_id, contact_point_id=lead.contact_point_id, now=NOW
        )
    (gone,), (kept,) = look(lead, "delivery"), look(other, "delivery")
    assert (gone["subject"], gone["content"], gone["state"]) == (None, None, "accepted")
    assert kept["content"] is not None


def test_a_touch_that_cannot_be_dispatched_waits_longer_each_time_and_is_given_up(world: World) -> None:
    lead = make_lead(world.acme)
    waits = []
    for _ in range(actions.MOST_FAILURES):
        with tenant_transaction(lead.tenant.tenant_id) as session:
            queries.set_touch(session, tenant_id=lead.tenant.tenant_id, touch_id=lead.touch_id, state="claimed")
            actions.set_back(session, tenant_id=lead.tenant.tenant_id, touch_id=lead.touch_id, now=NOW)
        (touch,) = look(lead, "touch")
        waits.append((touch["due_at"] - NOW).total_seconds())
    assert waits[:4] == [5, 10, 20, 40]
    assert (touch["state"], touch["reason"]) == ("failed", "not_sent")


def test_what_has_begun_is_not_set_back(world: World) -> None:
    lead = make_lead(world.acme)
    begin(lead)
    with tenant_transaction(lead.tenant.tenant_id) as session:
        actions.set_back(session, tenant_id=lead.tenant.tenant_id, touch_id=lead.touch_id, now=NOW)
    assert state_of(lead) == "sending"


def test_an_address_that_its_owner_has_corrected_gets_nothing_more(world: World) -> None:
    """Section 5: nobody gets another person's cart, not even by a slip of the finger."""
    lead = make_lead(world.acme)
    with tenant_transaction(lead.tenant.tenant_id) as session:
        capture_queries.detach(
            session,
            tenant_id=lead.tenant.tenant_id,
            episode_id=lead.episode_id,
            contact_point_ids=[lead.contact_point_id],
        )
    assert begin(lead).reason is Reason.CONTACT_REPLACED


def test_a_dead_address_is_not_written_to_again(world: World) -> None:
    lead = make_lead(world.acme)
    record(begin(lead), Rejected("550", address_is_dead=True))
    assert begin(make_lead(world.acme, value=close(lead).value)).reason is Reason.DEAD_ADDRESS


def test_a_providers_opt_out_becomes_a_stop_of_ours(world: World) -> None:
    lead = make_lead(world.acme, channel=Channel.SMS)
    record(begin(lead), Rejected("21610", address_is_dead=False, opted_out=True))
    assert begin(make_lead(world.acme, channel=Channel.SMS, value=close(lead).value)).reason is Reason.STOPPED


def test_content_that_is_no_longer_true_goes_back_to_prepare(world: World) -> None:
    """RULES 14: the stock sank between prepare and begin."""
    lead = make_lead(world.acme, items=[{**ITEMS[0], "stock": 0}])
    outcome = begin(lead)
    assert isinstance(outcome, actions.Deferred)
    assert (outcome.reason, outcome.until_at) == (Reason.CONTENT_CHANGED, NOW)
    assert state_of(lead) == "planned"


def test_g7_a_stranger_can_neither_begin_nor_report(world: World) -> None:
    lead = make_lead(world.acme)
    stranger = world.stranger.tenant_id
    with pytest.raises(NotFound), tenant_transaction(stranger) as session:
        actions.begin_touch(
            session, tenant_id=stranger, touch_id=lead.touch_id, content=CONTENT, deadline_s=30, now=NOW
        )
    permit = begin(lead)
    with pytest.raises(NotFound), tenant_transaction(stranger) as session:
        deliveries.apply_report(
            session, tenant_id=stranger, delivery_id=permit.delivery_id, status=ReportStatus.SENT, now=NOW
        )
    with pytest.raises(NotFound), tenant_transaction(stranger) as session:
        # even with the right tenant in the words: the transaction is bound to another
        deliveries.record(
            session, tenant_id=lead.tenant.tenant_id, delivery_id=permit.delivery_id, answer=Accepted("x"), now=NOW
        )
    assert look(lead, "delivery")[0]["state"] == "sending"


def test_g12_one_tenants_backlog_does_not_keep_anothers_touch_waiting(world: World) -> None:
    for _ in range(6):
        make_lead(world.acme, touch_state=TouchState.PLANNED, now=datetime.now(NOW.tzinfo) - timedelta(hours=2))
    small = make_lead(world.stranger, touch_state=TouchState.PLANNED, now=datetime.now(NOW.tzinfo))
    with scan_transaction() as session:
        claimed = session.connection().execute(text("select count(*) from touch where state = 'claimed'")).scalar_one()
        due = claims.claim_due_touches(session, per_tenant=2, most_claimed=claimed + 100_000)
    ours = [one for one in due if one.tenant_id == world.acme.tenant_id]
    assert len(ours) == 2
    assert small.touch_id in {one.touch_id for one in due}


def test_what_is_claimed_is_bounded(world: World) -> None:
    for _ in range(3):
        make_lead(world.acme, touch_state=TouchState.PLANNED, now=datetime.now(NOW.tzinfo) - timedelta(hours=2))
    with scan_transaction() as session:
        claimed = session.connection().execute(text("select count(*) from touch where state = 'claimed'")).scalar_one()
        due = claims.claim_due_touches(session, per_tenant=100, most_claimed=claimed + 1)
        none_left = claims.claim_due_touches(session, per_tenant=100, most_claimed=claimed + 1)
    assert (len(due), none_left) == (1, [])


def test_the_scan_role_reads_no_message(database_urls: DatabaseUrls, world: World) -> None:
    begin(make_lead(world.acme))
    with psycopg.connect(database_urls.scan) as scan, pytest.raises(psycopg.errors.InsufficientPrivilege):
        scan.execute("select content from delivery")


def test_ids_are_typed_and_unknown_ones_are_not_found(world: World) -> None:
    tenant_id = world.acme.tenant_id
    with pytest.raises(NotFound), tenant_transaction(tenant_id) as session:
        deliveries.record(session, tenant_id=tenant_id, delivery_id=DeliveryId(new_id()), answer=Accepted("x"), now=NOW)
