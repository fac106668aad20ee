"""From an order to a line on a statement, on real PostgreSQL: attribution, approval, ledger, closing (G9–G11)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from modori.billing import actions, ledger, queries, scans
from modori.billing.errors import BadTerms, MonthNotOver, NoteMissing, ResultDecided, ResultHeld
from modori.billing.model import EntryKind, LedgerEntry
from modori.billing.rules import fee_of
from modori.billing.wire import ContractTerms
from modori.calls.model import Disposition
from modori.kernel import clock
from modori.kernel.errors import NotFound
from modori.kernel.ids import OrderId, ResultId, UserId
from modori.outcomes.actions import RecordedOrder
from modori.outcomes.model import OrderSource, Result, ResultState
from modori.sending.ports import Unknown
from modori.storage.db import tenant_transaction
from modori.storage.roles import DatabaseUrls
from modori.tenants.actions import change_site
from modori.tenants.model import CaptureMode, Role
from modori.tenants.queries import list_notice_versions
from modori.tenants.wire import SiteChange
from tests.leadworld import LeadWorld, make_lead
from tests.orderworld import (
    DAY,
    attribution_of,
    click,
    clicked_lead,
    confirm,
    make_contract,
    place,
    result_of,
    reverse,
    send,
    settle,
    talked_lead,
)
from tests.world import NOW, TenantWorld, World

HOUR = timedelta(hours=1)
ORDERED_AT = NOW + HOUR
RELEASED_AT = ORDERED_AT + 15 * DAY
NOVEMBER, DECEMBER = date(2026, 11, 1), date(2026, 12, 1)


def reviewer(world: World) -> UserId:
    return world.users[Role.CLIENT_REVIEWER].user_id


def release(tenant: TenantWorld, result: Result, *, now: datetime) -> bool:
    with tenant_transaction(tenant.tenant_id) as session:
        return actions.release_result(
            session, tenant_id=tenant.tenant_id, result_id=ResultId(result.result_id), now=now
        )


def approve(tenant: TenantWorld, result: Result, user_id: UserId | None, *, now: datetime) -> LedgerEntry | None:
    with tenant_transaction(tenant.tenant_id) as session:
        return actions.approve_result(
            session, tenant_id=tenant.tenant_id, result_id=ResultId(result.result_id), user_id=user_id, now=now
        )


def refuse(tenant: TenantWorld, result: Result, user_id: UserId, *, now: datetime, note: str = "店頭の注文") -> Result:
    with tenant_transaction(tenant.tenant_id) as session:
        return actions.refuse_result(
            session,
            tenant_id=tenant.tenant_id,
            result_id=ResultId(result.result_id),
            user_id=user_id,
            note=note,
            now=now,
        )


def statement(tenant: TenantWorld, month_on: date) -> actions.MonthStatement:
    with tenant_transaction(tenant.tenant_id) as session:
        return actions.get_statement(session, tenant_id=tenant.tenant_id, month_on=month_on)


def close(tenant: TenantWorld, month_on: date, *, now: datetime) -> actions.MonthStatement:
    with tenant_transaction(tenant.tenant_id) as session:
        return actions.close_month(session, tenant_id=tenant.tenant_id, month_on=month_on, user_id=None, now=now)


def entries(tenant: TenantWorld) -> list[LedgerEntry]:
    with tenant_transaction(tenant.tenant_id) as session:
        return list(queries.iter_entries(session, tenant_id=tenant.tenant_id, batch=2))


def first_bad(tenant: TenantWorld) -> int | None:
    with tenant_transaction(tenant.tenant_id) as session:
        return ledger.verify_chain(session, tenant_id=tenant.tenant_id)


def replayed(tenant: TenantWorld, month_on: date) -> ledger.Replayed:
    with tenant_transaction(tenant.tenant_id) as session:
        return ledger.replay_month(session, tenant_id=tenant.tenant_id, month_on=month_on)


def ordered(tenant: TenantWorld, **said: Any) -> tuple[LeadWorld, RecordedOrder, Result]:
    """A lead who clicked and bought by e-mail address; and the result of it."""
    lead = clicked_lead(tenant)
    order = place(tenant, now=ORDERED_AT, **({"email": lead.value} | said))
    result = result_of(tenant, order)
    assert result is not None, attribution_of(tenant, order)
    return lead, order, result


def approved(world: World, **said: Any) -> tuple[RecordedOrder, Result]:
    _, order, result = ordered(world.acme, **said)
    release(world.acme, result, now=RELEASED_AT)
    assert approve(world.acme, result, reviewer(world), now=RELEASED_AT) is not None
    return order, result


def test_g9_a_click_makes_a_result_with_its_whole_proof(world: World) -> None:
    contract = make_contract(world.acme)
    lead, order, result = ordered(world.acme)
    assert (result.state, result.basis, result.value_minor, result.fee_minor) == (ResultState.HELD, "click", 4980, 747)
    assert result.hold_until == ORDERED_AT + 14 * DAY
    proof = result.proof
    assert proof["notice"]["capture_mode"] == "notice"
    assert [one["channel"] for one in proof["consents"]] == ["email"]
    assert proof["lead"]["id"] == str(lead.lead_id)
    [touch] = proof["touches"]
    assert [one["verdict"] for one in touch["receipts"]] == ["allow"]
    assert [one["state"] for one in touch["deliveries"]] == ["accepted"]
    assert proof["basis"]["delivery_id"] == touch["deliveries"][0]["id"]
    assert proof["basis"]["confirmed_by"] is not None
    assert (proof["order"]["id"], proof["order"]["value_minor"]) == (str(order.order.order_id), 4980)
    assert (proof["contract"]["number"], proof["contract"]["fee_bp"]) == (contract.number, 1500)
    assert lead.value not in str(proof)  # nothing personal in what stays for seven years
    assert attribution_of(world.acme, order) == "result"


def test_g9_the_proof_names_the_notice_that_was_in_force_when_the_try_began(world: World) -> None:
    """A text that is published between the cart and the order was not what the person saw."""
    make_contract(world.acme)
    lead = clicked_lead(world.acme)
    with tenant_transaction(world.acme.tenant_id) as session:
        [shown] = list_notice_versions(session, tenant_id=world.acme.tenant_id, site_id=world.acme.site_id)
        change_site(
            session,
            tenant_id=world.acme.tenant_id,
            site_id=world.acme.site_id,
            change=SiteChange(notice_text="あとから公開した文", capture_mode=CaptureMode.AFTER_CONSENT),
            now=ORDERED_AT - HOUR / 2,
        )
    result = result_of(world.acme, place(world.acme, now=ORDERED_AT, email=lead.value))
    assert result is not None
    assert shown.text_hash is not None
    assert result.proof["notice"] == {
        "site_id": str(world.acme.site_id),
        "version_id": str(shown.notice_version_id),
        "capture_mode": "notice",
        "text_sha256": shown.text_hash.hex(),
        "in_force_from_at": shown.from_at.astimezone(UTC).isoformat(timespec="microseconds"),
        "recorded_at": shown.recorded_at.astimezone(UTC).isoformat(timespec="microseconds"),
    }


def test_attribution_asked_again_changes_nothing(world: World) -> None:
    make_contract(world.acme)
    _, order, result = ordered(world.acme)
    with tenant_transaction(world.acme.tenant_id) as session:
        again = actions.attribute_order(
            session, tenant_id=world.acme.tenant_id, order_id=OrderId(order.order.order_id), now=RELEASED_AT
        )
    assert isinstance(again, Result)
    assert (again.result_id, again.made_at) == (result.result_id, result.made_at)


def test_rules_13_a_call_makes_a_result_that_waits_longer(world: World) -> None:
    make_contract(world.acme)
    lead = talked_lead(world.acme, world.users[Role.OPERATOR].user_id)
    order = place(world.acme, now=ORDERED_AT, tel=lead.value)
    result = result_of(world.acme, order)
    assert result is not None
    assert (result.basis, result.hold_until) == ("call", ORDERED_AT + 22 * DAY)
    assert result.proof["basis"]["talk_s"] == 60
    assert set(result.proof["basis"]["openings"]) == {"seller", "caller", "goods", "purpose"}


def test_a_call_that_nobody_took_bills_nothing(world: World) -> None:
    make_contract(world.acme)
    lead = talked_lead(world.acme, world.users[Role.OPERATOR].user_id, talk_s=0, outcome=Disposition.NO_ANSWER)
    order = place(world.acme, now=ORDERED_AT, tel=lead.value)
    assert attribution_of(world.acme, order) == "no_contact"


def test_g11_a_match_by_a_browsers_word_alone_bills_nothing(world: World) -> None:
    make_contract(world.acme)
    lead = clicked_lead(world.acme, visitor="v-1")
    order = place(world.acme, now=ORDERED_AT, source=OrderSource.BROWSER, id="A-1", visitor="v-1")
    place(world.acme, now=ORDERED_AT, id="A-1")
    assert attribution_of(world.acme, order) == "no_lead"
    assert result_of(world.acme, order) is None
    del lead


def test_g11_a_browsers_order_bills_once_a_server_says_it(world: World) -> None:
    make_contract(world.acme)
    clicked_lead(world.acme, visitor="v-1")
    order = place(world.acme, now=ORDERED_AT, source=OrderSource.BROWSER, id="A-1", visitor="v-1")
    assert result_of(world.acme, order) is None
    place(world.acme, now=ORDERED_AT, id="A-1", visitor="v-1")
    assert result_of(world.acme, order) is not None


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        ("no contract", "no_contract"),
        ("outside the window", "outside_window"),
        ("never clicked", "no_contact"),
        ("click never confirmed", "no_contact"),
        ("delivery unknown", "no_contact"),
        ("holdout", "holdout"),
        ("stranger's lead", "no_lead"),
        ("other currency", "other_currency"),
    ],
)
def test_why_an_order_is_nobodys_result(world: World, why: str, reason: str) -> None:
    if why != "no contract":
        make_contract(world.acme)
    lead = make_lead(world.stranger if why == "stranger's lead" else world.acme)
    unknown = Unknown("time-out") if why == "delivery unknown" else None
    token = send(lead, answer=unknown)
    if why != "never clicked":
        click(lead, token, now=NOW + timedelta(minutes=10), confirmed=why != "click never confirmed")
    if why == "holdout":
        with tenant_transaction(world.acme.tenant_id) as session:
            session.connection().execute(text("update lead set arm = 'holdout'"))
    ordered_at = NOW + 8 * DAY if why == "outside the window" else ORDERED_AT
    money: dict[str, Any] = {"currency": "USD", "value": 49.8} if why == "other currency" else {}
    order = place(world.acme, now=ordered_at, email=lead.value, **money)
    assert attribution_of(world.acme, order) == reason
    assert result_of(world.acme, order) is None


def test_a_click_that_is_confirmed_after_the_order_still_counts(world: World) -> None:
    make_contract(world.acme)
    lead = make_lead(world.acme)
    token = send(lead)
    click(lead, token, now=NOW + timedelta(minutes=10), confirmed=False)
    order = place(world.acme, now=ORDERED_AT, email=lead.value)
    assert attribution_of(world.acme, order) == "no_contact"
    confirm(lead, token, at=NOW + timedelta(minutes=11))  # the page's event came late
    settle([world.acme], now=ORDERED_AT)
    assert attribution_of(world.acme, order) == "result"


def test_one_lead_is_one_result(world: World) -> None:
    make_contract(world.acme)
    lead, _, _ = ordered(world.acme)
    second = place(world.acme, now=ORDERED_AT + HOUR, email=lead.value)
    assert attribution_of(world.acme, second) == "converted_before"


def test_the_same_order_twenty_times_at_once_is_one_result(world: World) -> None:
    make_contract(world.acme)
    lead = clicked_lead(world.acme)
    order = place(world.acme, now=ORDERED_AT, email=lead.value, settled=False)

    def ask(_: int) -> str:
        with tenant_transaction(world.acme.tenant_id) as session:
            made = actions.attribute_order(
                session, tenant_id=world.acme.tenant_id, order_id=OrderId(order.order.order_id), now=ORDERED_AT
            )
        return str(made.result_id) if isinstance(made, Result) else made.value

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(20)))) == 1
    settle([world.acme], now=ORDERED_AT)


def test_a_later_contract_version_does_not_reach_back(world: World) -> None:
    make_contract(world.acme)
    make_contract(world.acme, now=NOW, valid_from_at=ORDERED_AT + HOUR, fee_bp=9000)
    _, _, result = ordered(world.acme)
    assert (result.fee_minor, result.proof["contract"]["number"]) == (747, 1)
    with pytest.raises(BadTerms):
        make_contract(world.acme, now=NOW, valid_from_at=NOW - timedelta(seconds=1))
    make_contract(world.stranger, fee_bp=100)
    with tenant_transaction(world.acme.tenant_id) as session:
        assert [one.number for one in queries.list_contract_versions(session, tenant_id=world.acme.tenant_id)] == [2, 1]
        assert queries.list_contract_versions(session, tenant_id=world.stranger.tenant_id) == []


def test_a_result_waits_out_its_hold_and_is_then_the_clients_to_decide(world: World) -> None:
    make_contract(world.acme)
    _, _, result = ordered(world.acme)
    with pytest.raises(ResultHeld):
        approve(world.acme, result, reviewer(world), now=ORDERED_AT)
    with pytest.raises(ResultHeld):
        refuse(world.acme, result, reviewer(world), now=ORDERED_AT)
    assert not release(world.acme, result, now=result.hold_until - timedelta(seconds=1))
    with clock.moved_to(RELEASED_AT):
        scans.release_holds()
    entry = approve(world.acme, result, reviewer(world), now=RELEASED_AT)
    assert entry is not None
    assert (entry.kind, entry.amount_minor, entry.tax_rate_bp, entry.month_on) == (
        EntryKind.FEE,
        747,
        1000,
        DECEMBER,
    )
    assert entry.proof["chain"] == result.proof
    assert entry.proof["approval"]["by"] == str(reviewer(world))
    again = approve(world.acme, result, reviewer(world), now=RELEASED_AT + DAY)
    assert again is not None
    assert again.seq == entry.seq
    with pytest.raises(ResultDecided):
        refuse(world.acme, result, reviewer(world), now=RELEASED_AT)
    assert len(entries(world.acme)) == 1


def test_a_refusal_needs_its_reason_and_is_final(world: World) -> None:
    make_contract(world.acme)
    _, order, result = ordered(world.acme)
    release(world.acme, result, now=RELEASED_AT)
    with pytest.raises(NoteMissing):
        refuse(world.acme, result, reviewer(world), now=RELEASED_AT, note=" ")
    assert refuse(world.acme, result, reviewer(world), now=RELEASED_AT).decision_note == "店頭の注文"
    refuse(world.acme, result, reviewer(world), now=RELEASED_AT + DAY, note="別の理由")
    with pytest.raises(ResultDecided):
        approve(world.acme, result, reviewer(world), now=RELEASED_AT)
    reverse(world.acme, order.order.external_id, now=RELEASED_AT)
    known = result_of(world.acme, order)
    assert known is not None
    assert (known.state, known.decision_note) == (ResultState.REFUSED, "店頭の注文")
    assert entries(world.acme) == []


def test_silence_approves_where_the_contract_says_so(world: World) -> None:
    make_contract(world.acme, approve_after_s=7 * 86400)
    _, _, result = ordered(world.acme)
    release(world.acme, result, now=RELEASED_AT)
    with clock.moved_to(result.hold_until + 7 * DAY - timedelta(minutes=1)):
        scans.approve_silent_results()
    assert entries(world.acme) == []
    with clock.moved_to(result.hold_until + 7 * DAY):
        scans.approve_silent_results()
    [entry] = entries(world.acme)
    assert entry.proof["approval"]["by"] == "silence"


def test_without_such_a_term_silence_approves_nothing(world: World) -> None:
    make_contract(world.acme)
    _, _, result = ordered(world.acme)
    release(world.acme, result, now=RELEASED_AT)
    with clock.moved_to(RELEASED_AT + 300 * DAY):
        scans.approve_silent_results()
    assert entries(world.acme) == []


@pytest.mark.parametrize("released", [False, True])
def test_a_reversal_before_billing_takes_from_the_value(world: World, released: bool) -> None:
    make_contract(world.acme)
    _, order, result = ordered(world.acme)
    if released:
        release(world.acme, result, now=RELEASED_AT)
    reverse(world.acme, order.order.external_id, now=RELEASED_AT, value=2000)
    less = result_of(world.acme, order)
    assert less is not None
    assert (less.value_minor, less.fee_minor) == (2980, 447)
    reverse(world.acme, order.order.external_id, now=RELEASED_AT)
    gone = result_of(world.acme, order)
    assert gone is not None
    assert (gone.state, gone.fee_minor) == (ResultState.REVERSED, 0)
    with pytest.raises(ResultDecided):
        approve(world.acme, result, reviewer(world), now=RELEASED_AT)
    assert entries(world.acme) == []


def test_a_reversal_that_came_before_attribution_is_taken_off(world: World) -> None:
    make_contract(world.acme)
    lead = clicked_lead(world.acme)
    reverse(world.acme, "A-1", now=NOW, value=1000)
    order = place(world.acme, now=ORDERED_AT, id="A-1", email=lead.value)
    result = result_of(world.acme, order)
    assert result is not None
    assert (result.value_minor, result.fee_minor) == (3980, 597)


def test_a_wholly_reversed_order_is_no_result(world: World) -> None:
    make_contract(world.acme)
    lead = clicked_lead(world.acme)
    reverse(world.acme, "A-1", now=NOW)
    order = place(world.acme, now=ORDERED_AT, id="A-1", email=lead.value)
    assert attribution_of(world.acme, order) == "reversed"


def test_an_approval_counts_a_reversal_whose_job_has_not_run(world: World) -> None:
    make_contract(world.acme)
    _, order, result = ordered(world.acme)
    release(world.acme, result, now=RELEASED_AT)
    reverse(world.acme, order.order.external_id, now=RELEASED_AT, value=2000, settled=False)
    entry = approve(world.acme, result, reviewer(world), now=RELEASED_AT)
    assert entry is not None
    assert entry.amount_minor == 447
    settle([world.acme], now=RELEASED_AT)
    assert len(entries(world.acme)) == 1  # and is not taken off twice
    assert replayed(world.acme, DECEMBER).agrees


def test_g9_a_reversal_after_billing_writes_the_opposite(world: World) -> None:
    make_contract(world.acme)
    order, result = approved(world)
    reverse(world.acme, order.order.external_id, now=RELEASED_AT + DAY, value=2000)
    reverse(world.acme, order.order.external_id, now=RELEASED_AT + 31 * DAY)
    assert [(one.kind, one.amount_minor, one.month_on) for one in entries(world.acme)] == [
        (EntryKind.FEE, 747, DECEMBER),
        (EntryKind.REVERSAL, -300, DECEMBER),
        (EntryKind.REVERSAL, -447, date(2027, 1, 1)),
    ]
    known = result_of(world.acme, order)
    assert known is not None
    assert (known.state, known.fee_minor) == (ResultState.APPROVED, result.fee_minor)
    assert first_bad(world.acme) is None


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.lists(st.integers(1, 20_000), min_size=1, max_size=3),
    cuts=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 9_000)), max_size=6),
    fee_bp=st.integers(0, 10_000),
)
def test_g9_any_run_of_approvals_and_reversals_adds_up_and_replays(
    world: World, values: list[int], cuts: list[tuple[int, int]], fee_bp: int
) -> None:
    from tests.world import make_tenant

    tenant = make_tenant("run")
    make_contract(tenant, fee_bp=fee_bp)
    left: list[int] = []
    orders: list[RecordedOrder] = []
    for value in values:
        lead = clicked_lead(tenant)
        order = place(tenant, now=ORDERED_AT, email=lead.value, value=value)
        result = result_of(tenant, order)
        assert result is not None
        release(tenant, result, now=RELEASED_AT)
        approve(tenant, result, reviewer(world), now=RELEASED_AT)
        orders.append(order)
        left.append(value)
    for whose, value in cuts:
        number = whose % len(orders)
        taken = min(value, left[number])
        if taken:
            reverse(tenant, orders[number].order.external_id, now=RELEASED_AT, value=taken)
            left[number] -= taken
    entered = sum(entry.amount_minor for entry in entries(tenant))
    assert entered == sum(fee_of(value, fee_bp) for value in left)
    again = replayed(tenant, DECEMBER)
    assert (again.net_minor, again.entered_net_minor, again.agrees) == (entered, entered, True)
    assert first_bad(tenant) is None
    assert statement(tenant, DECEMBER).totals.net_minor == entered


def test_g9_results_approved_at_once_make_one_unbroken_chain(world: World) -> None:
    make_contract(world.acme)
    results = [ordered(world.acme)[2] for _ in range(6)]
    for result in results:
        release(world.acme, result, now=RELEASED_AT)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda one: approve(world.acme, one, reviewer(world), now=RELEASED_AT), results * 2))
    assert [entry.seq for entry in entries(world.acme)] == [1, 2, 3, 4, 5, 6]
    assert first_bad(world.acme) is None


def test_g9_no_role_may_change_an_entry(world: World, database_urls: DatabaseUrls) -> None:
    make_contract(world.acme)
    approved(world)
    for change in ("update ledger_entry set amount_minor = 1", "delete from ledger_entry"):
        with pytest.raises(DBAPIError, match="permission denied"), tenant_transaction(world.acme.tenant_id) as session:
            session.connection().execute(text(change))
        with psycopg.connect(database_urls.owner) as owner, pytest.raises(psycopg.IntegrityError, match="never change"):
            owner.execute(change)


def test_g9_the_chain_and_the_replay_find_what_somebody_forged(world: World, database_urls: DatabaseUrls) -> None:
    make_contract(world.acme)
    approved(world)
    approved(world)
    closed = close(world.acme, DECEMBER, now=RELEASED_AT + 40 * DAY)
    assert first_bad(world.acme) is None
    with psycopg.connect(database_urls.owner) as owner:  # past the trigger, as only an owner can
        owner.execute("alter table ledger_entry disable trigger never_changes")
        owner.execute(
            "update ledger_entry set amount_minor = 999 where tenant_id = %s and seq = 2", (world.acme.tenant_id,)
        )
        owner.execute("alter table ledger_entry enable trigger never_changes")
    assert first_bad(world.acme) == 2
    [difference] = replayed(world.acme, DECEMBER).differences
    assert (difference.seq, difference.entered_minor, difference.replayed_minor) == (2, 999, 747)
    with psycopg.connect(database_urls.owner) as owner:
        owner.execute("alter table ledger_entry disable trigger never_changes")
        owner.execute("delete from ledger_entry where tenant_id = %s and seq = 2", (world.acme.tenant_id,))
        owner.execute("alter table ledger_entry enable trigger never_changes")
    assert first_bad(world.acme) == 2  # the closed month knows the hash that is gone
    assert closed.totals.entries == 2


def test_rules_22_a_month_closes_when_it_is_over_and_stays_as_it_was(world: World) -> None:
    make_contract(world.acme)
    approved(world)
    order, _ = approved(world, value=105)
    open_month = statement(world.acme, DECEMBER)
    assert (open_month.totals.net_minor, open_month.totals.tax_minor, open_month.closed_at) == (762, 76, None)
    for month_on, now in ((DECEMBER, datetime.fromisoformat("2026-12-31T14:59:59+00:00")), (DECEMBER, RELEASED_AT)):
        with pytest.raises(MonthNotOver):  # 23:59:59 in Tokyo
            close(world.acme, month_on, now=now)
    closed_at = datetime.fromisoformat("2026-12-31T15:00:00+00:00")
    closed = close(world.acme, DECEMBER, now=closed_at)
    assert (closed.totals, closed.closed_at) == (open_month.totals, closed_at)
    assert close(world.acme, DECEMBER, now=closed_at + DAY).closed_at == closed_at
    # An approval or reversal that names an instant of the closed month falls into the next open one.
    reverse(world.acme, order.order.external_id, now=RELEASED_AT + DAY)
    assert statement(world.acme, DECEMBER).totals == open_month.totals
    january = statement(world.acme, date(2027, 1, 1))
    assert (january.totals.net_minor, january.totals.tax_minor) == (-15, -1)
    assert replayed(world.acme, date(2027, 1, 1)).agrees
    assert first_bad(world.acme) is None


def test_an_empty_month_closes_with_nothing(world: World) -> None:
    closed = close(world.acme, NOVEMBER, now=RELEASED_AT)
    assert (closed.totals.entries, closed.totals.gross_minor, closed.currency) == (0, 0, "JPY")
    assert first_bad(world.acme) is None


def test_g7_a_strangers_result_is_not_found(world: World) -> None:
    make_contract(world.stranger)
    _, _, result = ordered(world.stranger)
    with pytest.raises(NotFound):
        approve(world.acme, result, reviewer(world), now=RELEASED_AT)
    with pytest.raises(NotFound):
        refuse(world.acme, result, reviewer(world), now=RELEASED_AT)
    with pytest.raises(NotFound), tenant_transaction(world.acme.tenant_id) as session:
        actions.get_statement(session, tenant_id=world.stranger.tenant_id, month_on=DECEMBER)
    release(world.stranger, result, now=RELEASED_AT)
    approve(world.stranger, result, None, now=RELEASED_AT)
    with tenant_transaction(world.acme.tenant_id) as session:
        assert list(queries.iter_entries(session, tenant_id=world.stranger.tenant_id)) == []
        assert queries.list_month_entries(session, tenant_id=world.stranger.tenant_id, month_on=DECEMBER) == []
    assert statement(world.acme, DECEMBER).totals.entries == 0


def test_terms_have_bounds() -> None:
    for wrong in ({"fee_bp": 10_001}, {"fee_bp": -1}, {"window_s": 91 * 86400}, {"window_s": 0}, {"hold_s": -1}):
        with pytest.raises(ValueError, match="validation error"):
            ContractTerms.model_validate({"valid_from_at": NOW, "fee_bp": 1500} | wrong)
