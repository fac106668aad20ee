"""The ledger on real PostgreSQL: entries never change, forgery is found, months close and stay (G9, RULES 22)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from modori.billing.errors import MonthNotOver
from modori.billing.model import EntryKind
from modori.billing.rules import fee_of
from modori.outcomes.actions import RecordedOrder
from modori.outcomes.model import ResultState
from modori.storage.db import tenant_transaction
from modori.storage.roles import DatabaseUrls
from tests.billworld import (
    DECEMBER,
    NOVEMBER,
    ORDERED_AT,
    RELEASED_AT,
    approve,
    approved,
    close,
    entries,
    first_bad,
    ordered,
    release,
    replayed,
    reviewer,
    statement,
)
from tests.orderworld import (
    DAY,
    clicked_lead,
    make_contract,
    place,
    result_of,
    reverse,
)
from tests.world import World, make_tenant


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
